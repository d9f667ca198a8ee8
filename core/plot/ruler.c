/* Chooses the range and the ticks of an axis. */
#include "plot/ruler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"
#include "plot/page.h"

static const double margin = 0.04;          /* of the axis, beyond the values */
static const double most_of_intervals = 0.3,
                    most_on_log =
                        0.1; /* of the values' part of the axis, by which intervals may lengthen it at an end */
enum { MOST_TICKS = 10 };                   /* with labels, on a large page, too */
static const double decade = 12.0;          /* values over more than that ratio are far apart */

/* The room around a larger number would be no number. */
static bool can_be_drawn(double value)
{
    return fabs(value) < 1e150;
}

void nl_span_add(struct nl_value_span *span, double value)
{
    if (!can_be_drawn(value))
        return;
    if (!span->any)
        *span = (struct nl_value_span){
            .any = true, .low = value, .high = value, .least = INFINITY, .lowest = value, .highest = value};
    span->low = fmin(span->low, value);
    span->high = fmax(span->high, value);
    span->least = value > 0 ? fmin(span->least, value) : span->least;
    nl_span_add_interval(span, value, value);
}

void nl_span_add_interval(struct nl_value_span *span, double lower, double upper)
{
    span->lowest = can_be_drawn(lower) ? fmin(span->lowest, lower) : span->lowest;
    span->highest = can_be_drawn(upper) ? fmax(span->highest, upper) : span->highest;
}

void nl_ruler_release(struct nl_ruler *ruler)
{
    for (int i = 0; i < ruler->ticks; i++)
        free(ruler->tick[i].label);
    free(ruler->tick);
    *ruler = (struct nl_ruler){0};
}

char *nl_number_label(double value, int digits)
{
    if (fabs(value) >= 1.0 && fabs(value) < 1e5) /* 10240, not 1.024e4 */
        digits = (int)fmax(digits, 1.0 + floor(log10(fabs(value))));
    char *text = nl_format("%.*g", digits, value), *power = strchr(text, 'e');
    if (power) { /* 1e-05: 1e-5 */
        char *rest = power + 1 + (power[1] == '+' || power[1] == '-');
        rest += strspn(rest, "0");
        memmove(power + 1 + (power[1] == '-'), rest, strlen(rest) + 1);
    }
    return text;
}

static void add_tick(struct nl_ruler *ruler, double at, char *label)
{
    ruler->tick = nl_realloc(ruler->tick, (size_t)ruler->ticks + 1, sizeof *ruler->tick);
    ruler->tick[ruler->ticks++] = (struct nl_tick){at, label};
}

/* The user's ends where they are not auto. */
static int take_ends(struct nl_ruler *ruler, char axis, const struct nl_config *config, struct nl_error *err)
{
    const char *texts[] = {axis == 'x' ? config->plot.xmin : config->plot.ymin,
                           axis == 'x' ? config->plot.xmax : config->plot.ymax};
    double *ends[] = {&ruler->low, &ruler->high};
    for (int i = 0; i < 2; i++)
        if (strcmp(texts[i], "auto") != 0 && !nl_number_read(texts[i], ends[i]))
            return nl_fail(err, "plot.%c%s is '%s': a number is expected, or auto", axis, i ? "max" : "min", texts[i]);
    if (!(ruler->low < ruler->high) || (ruler->log && !(ruler->low > 0)))
        return nl_fail(err, "plot.%cmin and plot.%cmax leave nothing of the %c axis, which goes from %g to %g", axis,
                       axis, axis, ruler->low, ruler->high);
    return NL_OK;
}

static bool is_linear_by_end(const char *end)
{
    double low;
    return nl_number_read(end, &low) && !(low > 0);
}

/* Lengthens a range of values by a margin and by what intervals need, on the scale of the axis. An end that would need
 * too much gets nothing: a t interval of three seeds can be as long as the axis, and would press the values
 * together. */
static void lengthen(double *low, double *high, double lowest, double highest, double part)
{
    double length = *high - *low, most = part * length;
    *low = lowest < *low - most ? *low : fmin(*low, lowest);
    *high = highest > *high + most ? *high : fmax(*high, highest);
    length = *high - *low;
    *low -= margin * length;
    *high += margin * length;
}

static int fit(struct nl_ruler *ruler, char axis, const struct nl_value_span *span, const struct nl_measure *measure,
               bool from_zero, const struct nl_config *config, struct nl_error *err)
{
    const bool share = measure->scale == 100.0;
    enum nl_switch asked = (enum nl_switch)(axis == 'x' ? config->plot.xlog : config->plot.ylog);
    const double whole = share ? 100.0 : 1.0;
    const struct nl_value_span none = {.any = true, .high = whole, .least = whole, .highest = whole};
    span = span->any ? span : &none;
    bool positive =
        isfinite(span->least) && !from_zero && !is_linear_by_end(axis == 'x' ? config->plot.xmin : config->plot.ymin);
    ruler->log =
        positive && (asked == NL_SWITCH_ON || (asked == NL_SWITCH_AUTO && (measure->worse > 0 || measure->by_ratio) &&
                                               span->low > 0 && span->high / span->low >= decade));
    if (ruler->log) {
        double low = log(span->least), high = log(span->high > span->least ? span->high : 2.0 * span->least);
        lengthen(&low, &high, span->lowest > 0 ? log(span->lowest) : -INFINITY, log(fmax(span->highest, span->high)),
                 most_on_log);
        ruler->low = exp(low);
        ruler->high = exp(high);
    } else {
        bool one = span->high - span->low <= 1e-6 * fabs(span->high); /* value, but for rounding */
        double flat = !one ? 0.0 : fmax(0.5 * (share ? 4.0 : fabs(span->high)), 1e-3);
        double low = span->low - flat, high = span->high + flat;
        if (from_zero || (span->low >= 0 && span->low < 0.25 * span->high)) /* what comes near 0 is shown from there */
            low = 0.0;
        lengthen(&low, &high, fmax(span->lowest, span->low >= 0 ? 0.0 : -INFINITY),
                 share ? fmin(span->highest, 100.0) : span->highest, most_of_intervals);
        ruler->low = from_zero ? 0.0 : low;
        ruler->high = high;
    }
    double most = share ? (ruler->log ? 115.0 : 104.0) : INFINITY;
    ruler->high = fmin(ruler->high, most);
    return take_ends(ruler, axis, config, err);
}

int nl_ruler_fit(struct nl_ruler *ruler, const struct nl_value_span *span, const struct nl_measure *measure,
                 bool from_zero, const struct nl_config *config, struct nl_error *err)
{
    return fit(ruler, 'y', span, measure, from_zero, config, err);
}

int nl_ruler_fit_across(struct nl_ruler *ruler, const struct nl_value_span *span, const struct nl_measure *measure,
                        const struct nl_config *config, struct nl_error *err)
{
    return fit(ruler, 'x', span, measure, false, config, err);
}

int nl_ruler_from_zero(struct nl_ruler *ruler, double least, double most, bool may_be_log,
                       const struct nl_config *config, struct nl_error *err)
{
    enum nl_switch asked = (enum nl_switch)config->plot.xlog;
    bool wanted = asked == NL_SWITCH_ON || (asked == NL_SWITCH_AUTO && may_be_log && most / least >= decade &&
                                            !is_linear_by_end(config->plot.xmin));
    ruler->log = wanted && least > 0 && least < most;
    ruler->low = ruler->log ? least : 0.0;
    ruler->high = most > 0 ? most : 1.0;
    return take_ends(ruler, 'x', config, err);
}

/* 1, 2 and 5 times the powers of ten where `fine`, else every `every`-th power; minor ticks between. */
static void put_log_ticks(struct nl_ruler *ruler, double low, double high, bool fine, int every)
{
    for (int power = (int)floor(log10(low)) - 1; power <= (int)ceil(log10(high)); power++)
        for (int digit = 1; digit < 10; digit++) {
            double at = digit * pow(10, power);
            bool major = fine ? digit == 1 || digit == 2 || digit == 5 : digit == 1 && power % every == 0;
            if (at >= low * (1 - 1e-9) && at <= high * (1 + 1e-9) && (major || every == 1 || digit == 1))
                add_tick(ruler, at, major ? nl_number_label(at, 4) : NULL);
        }
}

void nl_ruler_ticks(struct nl_ruler *ruler, double room, double each)
{
    double low = fmin(ruler->low, ruler->high), high = fmax(ruler->low, ruler->high);
    int most = (int)fmin(fmax(2.0, room / each), MOST_TICKS);
    bool log = ruler->log;
    for (int i = 0; i < ruler->ticks; i++)
        free(ruler->tick[i].label);
    ruler->ticks = 0;
    double decades = log ? floor(log10(high) + 1e-9) - ceil(log10(low) - 1e-9) + 1 : 0.0;
    if (log && (decades >= 2 || high / low > 6.0)) {
        bool fine = decades < 2 || (decades < 3 && 3.0 * log10(high / low) < most);
        put_log_ticks(ruler, low, high, fine, (int)fmax(1.0, ceil(decades / most)));
        return;
    }
    double step = pow(10, floor(log10((high - low) / most)));
    for (int i = 0; (high - low) / step > most; i++)
        step *= i % 3 == 1 ? 2.5 : 2.0;
    for (double k = ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++)
        add_tick(ruler, k * step + 0.0, nl_number_label(k * step + 0.0, 4)); /* no -0 */
}

static bool is_spaced_by_ratio(const double *at, int count)
{
    double least = INFINITY, most = 0;
    for (int i = 0; i < count; i++) {
        least = fmin(least, at[i]);
        most = fmax(most, at[i]);
    }
    bool even = count >= 3;
    for (int i = 2; i < count; i++)
        even = even && fabs(at[i] * at[i - 2] / (at[i - 1] * at[i - 1]) - 1.0) < 0.02;
    return least > 0 && (even || most / least >= decade);
}

int nl_ruler_points(struct nl_ruler *ruler, const double *at, char **labels, int count, bool words, bool prefers_log,
                    const struct nl_config *config, struct nl_error *err)
{
    for (int i = 0; i < count; i++)
        add_tick(ruler, words ? i : at[i], labels[i]);
    ruler->words = words;
    if (words) {
        ruler->low = -0.5;
        ruler->high = count - 0.5;
        return NL_OK;
    }
    enum nl_switch asked = (enum nl_switch)config->plot.xlog;
    bool positive = at[0] > 0 && at[count - 1] > 0 && !is_linear_by_end(config->plot.xmin);
    ruler->log = positive &&
                 (asked == NL_SWITCH_ON || (asked == NL_SWITCH_AUTO && (prefers_log || is_spaced_by_ratio(at, count))));
    double low = ruler->log ? log(at[0]) : at[0], high = ruler->log ? log(at[count - 1]) : at[count - 1];
    double beyond = count > 1 ? 0.45 * (high - low) / (count - 1) : 0.5;
    ruler->low = ruler->log ? exp(low - beyond) : low - beyond;
    ruler->high = ruler->log ? exp(high + beyond) : high + beyond;
    return take_ends(ruler, 'x', config, err);
}

/* At most so many of them: every second, third, ... */
static void keep_labels(struct nl_ruler *ruler, int most)
{
    int every = (ruler->ticks + most - 1) / most;
    for (int i = 0; i < ruler->ticks; i++)
        if (i % every != 0) {
            free(ruler->tick[i].label);
            ruler->tick[i].label = nl_strdup("");
        }
}

void nl_ruler_fit_labels(struct nl_ruler *ruler, double room, double size)
{
    double widest = nl_ruler_label_width(ruler, size), gap = 0.7 * size;
    size_t longest = 0;
    for (int i = 0; i < ruler->ticks; i++)
        longest =
            ruler->tick[i].label && strlen(ruler->tick[i].label) > longest ? strlen(ruler->tick[i].label) : longest;
    int most = (int)fmax(1.0, room / (widest + gap));
    if (ruler->words) {
        for (int i = 1; i < ruler->ticks; i++) /* neighbours meet */
            ruler->upright =
                ruler->upright ||
                (nl_text_width(ruler->tick[i - 1].label, size) + nl_text_width(ruler->tick[i].label, size)) / 2 +
                        0.5 * size >
                    room / ruler->ticks;
        most = ruler->upright ? (int)fmax(1.0, room / (1.3 * size)) : ruler->ticks;
    } else if (ruler->log && ruler->ticks > 2 && (ruler->ticks > most || longest > 4)) {
        nl_ruler_ticks(ruler, room, nl_text_width("0.001", size) + gap);
        return;
    }
    keep_labels(ruler, most);
}

void nl_ruler_fit_rows(struct nl_ruler *ruler, double room, double size)
{
    keep_labels(ruler, (int)fmax(1.0, room / (1.1 * size)));
}

static double on_scale(const struct nl_ruler *ruler, double value)
{
    return ruler->log ? log(value) : value;
}

double nl_ruler_place(const struct nl_ruler *ruler, double value)
{
    double low = on_scale(ruler, ruler->low), high = on_scale(ruler, ruler->high);
    return (on_scale(ruler, value) - low) / (high - low);
}

double nl_ruler_value(const struct nl_ruler *ruler, double place)
{
    double low = on_scale(ruler, ruler->low), high = on_scale(ruler, ruler->high), value = low + place * (high - low);
    return ruler->log ? exp(value) : value;
}

double nl_ruler_label_width(const struct nl_ruler *ruler, double size)
{
    double widest = 0;
    for (int i = 0; i < ruler->ticks; i++)
        widest = fmax(widest, ruler->tick[i].label ? nl_text_width(ruler->tick[i].label, size) : 0.0);
    return widest;
}

double nl_ruler_label_height(const struct nl_ruler *ruler, double size)
{
    return ruler->upright ? nl_ruler_label_width(ruler, size) + 0.9 * size : 1.25 * size;
}

double nl_ruler_label_overhang(const struct nl_ruler *ruler, double length, double size)
{
    double farthest = 0;
    for (int i = 0; i < ruler->ticks; i++) {
        const char *label = ruler->tick[i].label;
        double width = !label ? 0.0 : ruler->upright ? size : nl_text_width(label, size);
        farthest = fmax(farthest, width / 2 - (1.0 - nl_ruler_place(ruler, ruler->tick[i].at)) * length);
    }
    return farthest;
}

void nl_ruler_put(const struct nl_ruler *ruler, struct nl_text *script, const char *axis, bool labels)
{
    nl_text_add(script, "%s logscale %s\nset %srange [%.9g:%.9g]\nset %stics nomirror out offset %s %s (",
                ruler->log ? "set" : "unset", axis, axis, ruler->low, ruler->high, axis,
                *axis == 'x' && !ruler->upright ? "0,0.5*up"
                : *axis == 'y'                  ? "0.9,0"
                                                : "0,0",
                ruler->upright ? "rotate by 90 right" : "norotate");
    for (int i = 0; i < ruler->ticks; i++) {
        const char *label = ruler->tick[i].label;
        nl_text_add(script, i ? ", " : "");
        nl_page_quote(script, labels && label ? label : "");
        nl_text_add(script, " %.9g%s", ruler->tick[i].at, label ? "" : " 1");
    }
    nl_text_add(script, ") font ticks\n");
}

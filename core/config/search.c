/* Makes the values that sweep.tune tries, and extends them. */
#include "config/search.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sobol.h"
#include "config/keep.h"
#include "config/sweep.h"

/* ---- intervals ---- */

/* "1e-3:1:log", "0:0.5:uniform". */
static bool interval_of(const char *text, struct nl_search_interval *out)
{
    char *copy = nl_strdup(text), *rest = copy, *from = strsep(&rest, ":"), *to = strsep(&rest, ":"),
         *scale = strsep(&rest, ":");
    bool read = scale && !rest && nl_number_read(from, &out->from) && nl_number_read(to, &out->to) &&
                (strcmp(scale, "log") == 0 || strcmp(scale, "uniform") == 0);
    out->log = read && strcmp(scale, "log") == 0;
    out->text = nl_keep_text(text);
    free(copy);
    return read;
}

/* A number on the interval's scale, and back. */
static double on_scale(const struct nl_search_interval *interval, double number)
{
    return interval->log ? log(number) : number;
}

static double off_scale(const struct nl_search_interval *interval, double place)
{
    return interval->log ? exp(place) : place;
}

static bool is_whole(const struct nl_key *key)
{
    return key->type != NL_TYPE_REAL && key->type != NL_TYPE_AUTO_REAL;
}

/* Six digits, so that tables stay readable; new string. Of integer keys what no integer key takes stays as it is. */
static char *number_text(const struct nl_key *key, double number)
{
    bool whole = is_whole(key) && fabs(number) < 1e16;
    return whole ? nl_format("%" PRId64, (int64_t)llround(number)) : nl_format("%.6g", number);
}

/* The value at a coordinate in (0, 1); integers have equal shares of a uniform interval. New string. */
static char *value_in(const struct nl_key *key, const struct nl_search_interval *interval, double coordinate)
{
    if (is_whole(key) && !interval->log)
        return number_text(key, interval->from + floor(coordinate * (interval->to - interval->from + 1)));
    double low = on_scale(interval, interval->from), high = on_scale(interval, interval->to);
    return number_text(key, off_scale(interval, low + coordinate * (high - low)));
}

/* The canonical text of a value, which is taken over; new string. NULL: the key does not take it. */
static char *canonical(const struct nl_key *key, char *text)
{
    struct nl_config scratch;
    struct nl_error err, hint;
    char *out = nl_value_read(key, &scratch, text, &err, &hint) == NL_OK ? nl_value_text(key, &scratch) : NULL;
    free(text);
    return out;
}

/* A kept copy with room for `more` items. */
static void *copied(const void *items, int count, int more, size_t size)
{
    void *copy = nl_keep(nl_alloc((size_t)(count + more) + 1, size));
    if (count)
        memcpy(copy, items, (size_t)count * size);
    return copy;
}

static void add_interval(struct nl_space *space, const struct nl_search_interval *interval)
{
    space->interval = copied(space->interval, space->intervals, 1, sizeof *space->interval);
    space->interval[space->intervals++] = *interval;
}

/* ---- reading ---- */

/* What is wrong with an interval in itself, or beside the first of the key's. */
static int refuse_interval(const struct nl_key *key, const struct nl_search_interval *interval,
                           const struct nl_space *space, struct nl_error *err)
{
    if (!(interval->from < interval->to))
        return nl_fail(err, "'%s' has an interval from %g, which must be less than its end, %g", key->name,
                       interval->from, interval->to);
    if (interval->log && !(interval->from > 0))
        return nl_fail(err, "'%s' has an interval from %g: on the log scale it must be above 0", key->name,
                       interval->from);
    if (is_whole(key) && (interval->from != floor(interval->from) || interval->to != floor(interval->to)))
        return nl_fail(err, "'%s' takes integers, and its interval has the ends %g and %g", key->name, interval->from,
                       interval->to);
    if (space->intervals && space->interval[0].log != interval->log)
        return nl_fail(err, "'%s' has intervals on two scales", key->name);
    for (int i = 0; i < space->intervals; i++)
        if (interval->from < space->interval[i].to && space->interval[i].from < interval->to)
            return nl_fail(err, "'%s' has intervals that overlap, %s and %s", key->name, space->interval[i].text,
                           interval->text);
    return NL_OK;
}

static void keep_interval(struct nl_loader *loader, const struct nl_key *key, const struct nl_node *node,
                          struct nl_space *space)
{
    struct nl_search_interval interval;
    struct nl_config scratch;
    struct nl_error err, hint = {{0}};
    int status;
    if (interval_of(node->text, &interval)) {
        status = refuse_interval(key, &interval, space, &err);
    } else {
        nl_fail(&hint, "as in 1e-3:1:log or 0:0.5:uniform");
        status = nl_fail(&err, "'%s' cannot read the interval '%.80s'", key->name, node->text);
    }
    for (int end = 0; end < 2 && status == NL_OK; end++) {
        char *text = number_text(key, end ? interval.to : interval.from);
        status = nl_value_read(key, &scratch, text, &err, &hint);
        free(text);
    }
    if (status) {
        nl_diagnose(loader->diagnostics, &node->at, hint.text, "%s", err.text);
        return;
    }
    add_interval(space, &interval);
}

/* "a:b:word": an interval, and no range of values. */
static bool is_interval(const struct nl_key *key, const struct nl_node *node)
{
    if (node->kind != NL_SCALAR || node->blank || !nl_key_is_number(key))
        return false;
    const char *last = strrchr(node->text, ':');
    return last && strchr(node->text, ':') != last && isalpha((unsigned char)last[1]);
}

static void read_space(struct nl_loader *loader, const struct nl_key *key, const struct nl_node *value,
                       struct nl_space *space)
{
    struct nl_points points = {0};
    if (is_interval(key, value)) {
        keep_interval(loader, key, value, space);
    } else if (value->kind == NL_SEQUENCE && value->count && is_interval(key, value->item[0])) {
        for (int i = 0; i < value->count; i++)
            keep_interval(loader, key, value->item[i], space);
    } else {
        nl_points_from_node(key, value, &points, loader->diagnostics);
        nl_points_refuse_twins(key, &points, loader->diagnostics);
        space->values = points.count;
        space->value = nl_keep(nl_alloc((size_t)points.count, sizeof *space->value));
        for (int i = 0; i < points.count; i++)
            space->value[i] = nl_keep_text(points.text[i]);
    }
    nl_points_release(&points);
}

void nl_search_add(struct nl_loader *loader, const struct nl_node *name, const struct nl_key *key,
                   const struct nl_node *value)
{
    struct nl_rounds *rounds = &loader->out->rounds;
    struct nl_points points = {0};
    struct nl_space space = {0};
    int most = rounds->tune_trials ? NL_SOBOL_DIMENSIONS : NL_LIST_MAX;
    if (rounds->tune_trials) {
        read_space(loader, key, value, &space);
    } else if (is_interval(key, value)) {
        nl_diagnose(loader->diagnostics, &value->at,
                    "trials: 30 beside it; a list of values is written as in 1e-3:1:log:7",
                    "'%s' has the interval '%.80s', of which sweep.tune must say how many trials it gets", key->name,
                    value->text);
    } else {
        nl_points_from_node(key, value, &points, loader->diagnostics);
        nl_points_refuse_twins(key, &points, loader->diagnostics);
    }
    if (rounds->tunes == most) {
        nl_diagnose(loader->diagnostics, &name->at, NULL, "more than %d keys to tune", most);
    } else if (points.count) {
        rounds->tune[rounds->tunes++] = nl_axis_of(key, &points, &name->at);
    } else if (space.values + space.intervals) {
        rounds->space[rounds->tunes] = space;
        rounds->tune[rounds->tunes++] = (struct nl_axis){.keys = 1, .key = {key}, .origin = name->at};
    }
    nl_points_release(&points);
}

/* ---- the trials ---- */

/* text[tunes]: the values of a trial of a box in which key `extended` (-1: none) is in its interval `which`. */
static void make_trial(const struct nl_rounds *rounds, int index, int extended, int which, char *text[])
{
    double coordinate[NL_SOBOL_DIMENSIONS];
    nl_sobol(index, rounds->tune_trials, rounds->tunes, coordinate);
    for (int i = 0; i < rounds->tunes; i++) {
        const struct nl_space *space = &rounds->space[i];
        const struct nl_key *key = rounds->tune[i].key[0];
        text[i] = space->values
                      ? nl_strdup(space->value[(int)(coordinate[i] * space->values)])
                      : canonical(key, value_in(key, &space->interval[i == extended ? which : 0], coordinate[i]));
    }
}

/* Adds a trial to the axes, unless one of those before has its values. */
static void add_trial(struct nl_rounds *rounds, char *text[])
{
    int trial = rounds->tune[0].points;
    for (int before = 0; before < trial; before++) {
        bool same = true;
        for (int i = 0; i < rounds->tunes && same; i++)
            same = strcmp(rounds->tune[i].text[before][0], text[i]) == 0;
        if (same) {
            for (int i = 0; i < rounds->tunes; i++)
                free(text[i]);
            return;
        }
    }
    for (int i = 0; i < rounds->tunes; i++) {
        struct nl_axis *axis = &rounds->tune[i];
        axis->text[axis->points] = nl_keep(nl_alloc(1, sizeof *axis->text[axis->points]));
        axis->text[axis->points++][0] = nl_keep(text[i]);
    }
}

void nl_search_expand(struct nl_rounds *rounds)
{
    int boxes = 1;
    if (!rounds->tune_trials || !rounds->tunes)
        return;
    for (int i = 0; i < rounds->tunes; i++)
        boxes += rounds->space[i].intervals > 1 ? rounds->space[i].intervals - 1 : 0;
    for (int i = 0; i < rounds->tunes; i++) {
        struct nl_axis *axis = &rounds->tune[i];
        axis->points = 0;
        axis->text = nl_keep(nl_alloc((size_t)boxes * (size_t)rounds->tune_trials, sizeof *axis->text));
    }
    char *text[NL_SOBOL_DIMENSIONS];
    for (int i = -1; i < rounds->tunes; i++)
        for (int which = i < 0 ? 0 : 1; which < (i < 0 ? 1 : rounds->space[i].intervals); which++)
            for (int index = 0; index < rounds->tune_trials; index++) {
                make_trial(rounds, index, i, which, text);
                add_trial(rounds, text);
            }
}

void nl_search_check(struct nl_loader *loader)
{
    const struct nl_rounds *rounds = &loader->out->rounds;
    double combinations = 1.0;
    for (int i = 0; i < rounds->tunes && rounds->tune_trials; i++)
        combinations *= rounds->space[i].values ? rounds->space[i].values : INFINITY;
    if (rounds->tune_trials && rounds->tunes && combinations <= rounds->tune_trials)
        nl_diagnose(loader->diagnostics, &rounds->tune_origin, "without 'trials' every combination is trained",
                    "'sweep.tune' has %s, and its values only %s", NL_COUNT(rounds->tune_trials, "trial"),
                    NL_COUNT((int)combinations, "combination"));
}

int nl_search_combinations(const struct nl_rounds *rounds)
{
    int combinations = 1;
    if (rounds->tune_trials && rounds->tunes)
        return rounds->tune[0].points;
    for (int i = 0; i < rounds->tunes; i++)
        combinations *= rounds->tune[i].points;
    return combinations;
}

int nl_search_axes(const struct nl_rounds *rounds, struct nl_axis axis[])
{
    if (!rounds->tune_trials || rounds->tunes < 2) {
        memcpy(axis, rounds->tune, (size_t)rounds->tunes * sizeof *axis);
        return rounds->tunes;
    }
    axis[0] = (struct nl_axis){.keys = rounds->tunes, .points = rounds->tune[0].points, .origin = rounds->tune_origin};
    axis[0].text = nl_keep(nl_alloc((size_t)axis[0].points, sizeof *axis[0].text));
    for (int i = 0; i < rounds->tunes; i++)
        axis[0].key[i] = rounds->tune[i].key[0];
    for (int point = 0; point < axis[0].points; point++) {
        axis[0].text[point] = nl_keep(nl_alloc((size_t)rounds->tunes, sizeof *axis[0].text[point]));
        for (int i = 0; i < rounds->tunes; i++)
            axis[0].text[point][i] = rounds->tune[i].text[point][0];
    }
    return 1;
}

const char *nl_search_value(const struct nl_rounds *rounds, int combination, int i)
{
    const struct nl_axis *axis = &rounds->tune[i];
    for (int later = rounds->tunes - 1; later > i && !rounds->tune_trials; later--)
        combination /= rounds->tune[later].points;
    return axis->text[combination % axis->points][0];
}

/* ---- edges ---- */

/* The whole of a key's intervals, which lie side by side. */
static struct nl_search_interval whole_of(const struct nl_space *space)
{
    struct nl_search_interval whole = space->interval[0];
    for (int i = 1; i < space->intervals; i++) {
        whole.from = fmin(whole.from, space->interval[i].from);
        whole.to = fmax(whole.to, space->interval[i].to);
    }
    return whole;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The listed values in ascending order; new array. */
static double *numbers_of(int count, const struct nl_axis *axis, const char *const *value)
{
    double *number = nl_alloc((size_t)count, sizeof *number);
    for (int i = 0; i < count; i++)
        number[i] = nl_double_read(axis ? axis->text[i][0] : value[i], NULL);
    qsort(number, (size_t)count, sizeof *number, ascending);
    return number;
}

int nl_search_edge(const struct nl_rounds *rounds, int i, const char *value)
{
    const struct nl_axis *axis = &rounds->tune[i];
    const struct nl_space *space = rounds->tune_trials ? &rounds->space[i] : NULL;
    double at = nl_double_read(value, NULL);
    if (!nl_key_is_number(axis->key[0]))
        return 0;
    if (space && space->intervals) {
        struct nl_search_interval whole = whole_of(space);
        double low = on_scale(&whole, whole.from), high = on_scale(&whole, whole.to),
               place = (on_scale(&whole, at) - low) / (high - low);
        return place < 0.125 ? -1 : place > 0.875 ? 1 : 0;
    }
    int count = space ? space->values : axis->points;
    double *number = numbers_of(count, space ? NULL : axis, space ? space->value : NULL);
    int edge = count < 2 ? 0 : at <= number[0] ? -1 : at >= number[count - 1] ? 1 : 0;
    free(number);
    return edge;
}

/* The k-th value beyond an edge of values in ascending order, from 1; NaN: it is not finite. */
static double value_beyond(const double *number, int count, int edge, int k)
{
    double last = number[edge < 0 ? 0 : count - 1], inner = number[edge < 0 ? 1 : count - 2];
    bool positive = number[0] > 0;
    double ratios = 0.0, differences = 0.0; /* how unequal they are, relative to their means */
    for (int i = 2; i < count && positive; i++) {
        double first = log(number[i - 1] / number[i - 2]), second = log(number[i] / number[i - 1]);
        ratios += fabs(second - first) / (second + first);
        double former = number[i - 1] - number[i - 2], latter = number[i] - number[i - 1];
        differences += fabs(latter - former) / (latter + former);
    }
    double ratio = last / inner, overall = positive ? pow(number[count - 1] / number[0], -edge / (1.0 - count)) : NAN;
    if (fabs(overall / ratio - 1.0) < 1e-4) /* the values between the ends are rounded: 1e-3:1:log:7 */
        ratio = overall;
    double value = positive && ratios <= differences ? last * pow(ratio, k) : last + k * (last - inner);
    return isfinite(value) ? value : NAN;
}

/* number: the values before any of them was added, in ascending order; count: of them. */
static bool extend_values(const struct nl_key *key, struct nl_axis *axis, const double *number, int count, int edge)
{
    int more = (count + 3) / 4, added = 0;
    char ***text = copied(axis->text, axis->points, more, sizeof *text);
    for (int k = 1; k <= more; k++) {
        double value = value_beyond(number, count, edge, k);
        char *word = isnan(value) ? NULL : canonical(key, number_text(key, value));
        if (!word)
            break;
        text[axis->points + added] = nl_keep(nl_alloc(1, sizeof *text[0]));
        text[axis->points + added++][0] = nl_keep(word);
    }
    axis->text = text;
    axis->points += added;
    return added > 0;
}

static bool extend_interval(const struct nl_key *key, struct nl_space *space, int edge)
{
    struct nl_search_interval asked = space->interval[0], whole = whole_of(space), more;
    double half = 0.5 * (on_scale(&asked, asked.to) - on_scale(&asked, asked.from)),
           inner = edge < 0 ? whole.from : whole.to, outer = off_scale(&whole, on_scale(&whole, inner) + edge * half);
    char end[32], *beyond = canonical(key, number_text(key, outer));
    nl_double_text(inner, end); /* just where the others end */
    if (beyond) {
        char *text =
            nl_format("%s:%s:%s", edge < 0 ? beyond : end, edge < 0 ? end : beyond, whole.log ? "log" : "uniform");
        interval_of(text, &more);
        add_interval(space, &more);
        free(text);
    }
    bool extended = beyond != NULL;
    free(beyond);
    return extended;
}

bool nl_search_extend(struct nl_rounds *rounds, int i, bool below, bool above)
{
    const struct nl_key *key = rounds->tune[i].key[0];
    const bool beyond[2] = {below, above};
    bool extended = false;
    rounds->tune = copied(rounds->tune, rounds->tunes, 0, sizeof *rounds->tune);
    rounds->space = copied(rounds->space, rounds->tunes, 0, sizeof *rounds->space);
    struct nl_axis *axis = &rounds->tune[i];
    struct nl_space *space = &rounds->space[i];
    int count = axis->points;
    double *number = rounds->tune_trials ? NULL : numbers_of(count, axis, NULL);
    for (int side = 0; side < 2; side++) {
        int edge = 2 * side - 1;
        if (beyond[side] && number)
            extended |= extend_values(key, axis, number, count, edge);
        else if (beyond[side] && space->intervals)
            extended |= extend_interval(key, space, edge);
    }
    free(number);
    nl_search_expand(rounds);
    return extended;
}

/* ---- text ---- */

char *nl_tuned_by(const struct nl_rounds *rounds)
{
    const char *metric = nl_metric_names[rounds->tune_by];
    return rounds->tune_to_target ? nl_format("the steps until %s is at plot.target", metric) : nl_strdup(metric);
}

char *nl_search_space_yaml(const struct nl_rounds *rounds, int i, enum nl_spelling spelling)
{
    const struct nl_axis *axis = &rounds->tune[i];
    const struct nl_space *space = rounds->tune_trials ? &rounds->space[i] : NULL;
    if (space && space->intervals == 1)
        return nl_strdup(space->interval[0].text);
    struct nl_text out = {0};
    int count = !space ? axis->points : space->intervals ? space->intervals : space->values;
    for (int k = 0; k < count; k++) {
        char *value = space && space->intervals
                          ? nl_strdup(space->interval[k].text)
                          : nl_value_yaml(axis->key[0], space ? space->value[k] : axis->text[k][0], spelling);
        nl_text_add(&out, "%s%s", k ? ", " : "[", value);
        free(value);
    }
    nl_text_add(&out, "]");
    return out.at;
}

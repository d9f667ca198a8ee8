/* The phrases that verdicts are made of. */
#include <math.h>
#include <string.h>

#include "stats/answer.h"

void nl_answer_interval(struct nl_text *out, const struct nl_experiment *experiment)
{
    nl_text_add(out, "%g %% %s interval", 100.0 * experiment->config.plot.level, nl_interval_names[experiment->config.plot.interval]);
}

static void add_scaled(struct nl_text *out, double value, const struct nl_measure *measure, bool sign)
{
    double scaled = value * measure->scale;
    int digits = measure->scale == 100.0 ? (fabs(scaled) < 0.995 ? 2 : 1) : fabs(scaled) < 0.1 ? 4 : 3;
    nl_text_add(out, sign ? "%+.*f" : "%.*f", digits, scaled);
}

void nl_answer_difference(struct nl_text *out, const struct nl_estimate *difference, const struct nl_measure *measure)
{
    add_scaled(out, difference->mean, measure, true);
    nl_text_add(out, " %s ", measure->step);
    if (difference->n < 2) {
        nl_text_add(out, "(one seed: no interval)");
        return;
    }
    nl_text_add(out, "(");
    add_scaled(out, difference->lower, measure, false);
    nl_text_add(out, " to ");
    add_scaled(out, difference->upper, measure, false);
    nl_text_add(out, ")");
}

void nl_answer_value(struct nl_text *out, double value, const struct nl_measure *measure)
{
    add_scaled(out, value, measure, false);
    if (*measure->unit)
        nl_text_add(out, " %s", measure->unit);
}

void nl_answer_p(struct nl_text *out, double p)
{
    if (p < 0.001)
        nl_text_add(out, "p < 0.001");
    else
        nl_text_add(out, "p = %.*f", p < 0.095 ? 3 : 2, p);
}

void nl_answer_comma(struct nl_text *out, int index, int count)
{
    if (index > 0)
        nl_text_add(out, index == count - 1 ? " and " : ", ");
}

void nl_answer_names(struct nl_text *out, char *const *name, int count)
{
    bool commas = false;
    for (int i = 0; i < count; i++)
        commas |= strchr(name[i], ',') != NULL;
    if (count > NL_NAMED)
        nl_text_add(out, "%d arms", count);
    for (int i = 0; i < count && count <= NL_NAMED; i++) {
        if (commas && i > 0 && i < count - 1)
            nl_text_add(out, "; ");
        else
            nl_answer_comma(out, i, count);
        nl_text_add(out, "%s", name[i]);
    }
}

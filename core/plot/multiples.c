/* Small multiples: a panel for each arm, over the same of all others. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "norm/norm.h"
#include "plot/chart.h"
#include "stats/answer.h"

static const struct nl_style baseline_style = {0x000000, 7, 2};
static const unsigned not_black = 0xE69F00; /* of a method whose own colour is the baseline's */

bool nl_chart_any_alike(const struct nl_chart *chart)
{
    bool alike = false;
    for (int i = 0; i < chart->arms; i++)
        for (int other = 0; other < i; other++)
            alike = alike || nl_styles_are_alike(&chart->arm[i].style, &chart->arm[other].style);
    return alike;
}

void nl_chart_make_each(struct nl_chart *chart)
{
    int most = nl_page_most_panels(&chart->picture->experiment->config, true);
    const int *level = chart->panel[0].level;
    free(chart->panel[0].title);
    free(chart->panel);
    chart->each = true;
    chart->all_panels = chart->arms;
    chart->panels = chart->arms < most ? chart->arms : most;
    chart->panel = nl_alloc((size_t)chart->panels, sizeof *chart->panel);
    for (int i = 0; i < chart->panels; i++) {
        int own =
            chart->panels < chart->arms ? (int)lround((double)i * (chart->arms - 1) / fmax(1.0, chart->panels - 1)) : i;
        struct nl_arm *arm = &chart->arm[own];
        chart->panel[i] = (struct nl_panel){nl_strdup(arm->label), level, own, -1};
        if (arm->style.colour == baseline_style.colour && !nl_norm_is_none(nl_norms[arm->norm]))
            arm->style.colour = not_black;
    }
}

/* The arm that is the baseline of another; -1: there is none. */
static int base_of(const struct nl_chart *chart, int arm)
{
    const struct nl_experiment *experiment = chart->picture->experiment;
    int method = chart->method[arm],
        base = experiment->has_baseline && method >= 0 ? nl_comparison_baseline(&chart->view, experiment, method) : -1;
    for (int i = 0; base >= 0 && i < chart->arms; i++)
        if (i != arm && chart->method[i] == base)
            return i;
    return -1;
}

void nl_chart_find_baselines(struct nl_chart *chart)
{
    for (int panel = 0; chart->each && panel < chart->panels; panel++)
        chart->panel[panel].base = base_of(chart, chart->panel[panel].own);
}

enum nl_arm_role nl_chart_role(const struct nl_chart *chart, int panel, int arm)
{
    const struct nl_panel *at = &chart->panel[panel];
    if (!chart->each)
        return NL_ROLE_ONE;
    return arm == at->own ? NL_ROLE_OWN : arm == at->base ? NL_ROLE_BASELINE : NL_ROLE_BEHIND;
}

int nl_chart_block(const struct nl_chart *chart, int panel)
{
    return chart->each ? 0 : panel;
}

const char *nl_role_line(enum nl_arm_role role)
{
    switch (role) {
    case NL_ROLE_BASELINE: return "linewidth 1 linecolor rgb '#000000' dashtype 2";
    case NL_ROLE_BEHIND: return "linewidth 0.5 linecolor rgb '#B4B4B4' dashtype 1";
    case NL_ROLE_ONE:
    case NL_ROLE_OWN: break;
    }
    return NULL;
}

/* The arm that is the baseline of all that have one; -1: there is none, or not the same for all. */
static int common_base(const struct nl_chart *chart, bool *any)
{
    int base = -1;
    bool common = true;
    for (int i = 0; i < chart->panels; i++) {
        int of = chart->panel[i].base;
        common = common && (of < 0 || base < 0 || of == base);
        base = of < 0 ? base : of;
    }
    *any = base >= 0;
    return common ? base : -1;
}

void nl_chart_legend_of_each(struct nl_chart *chart)
{
    bool any;
    int base = common_base(chart, &any);
    if (!any)
        return;
    char *label = base < 0 ? nl_strdup("its baseline") : nl_format("%s (baseline)", chart->arm[base].label);
    nl_page_legend(chart->page, &baseline_style, label, true, false);
    nl_page_legend(chart->page, &(struct nl_style){0xB4B4B4, 7, 1}, "all others", true, false);
    free(label);
}

/* "BN and IterNorm; LN, GN and DBN": the arms that are drawn alike, style by style. */
static void say_alike(struct nl_chart *chart)
{
    char **name = nl_alloc((size_t)chart->arms, sizeof *name);
    struct nl_text groups = {0};
    for (int first = 0; first < chart->arms; first++) {
        int alike = 0;
        bool said = false;
        for (int i = 0; i < chart->arms && !said; i++)
            if (nl_styles_are_alike(&chart->arm[i].style, &chart->arm[first].style)) {
                said = i < first;
                name[alike++] = chart->arm[i].label;
            }
        if (said || alike < 2)
            continue;
        nl_text_add(&groups, groups.length ? "; " : "");
        for (int i = 0; i < alike; i++) {
            nl_say_comma(&groups, i, alike);
            nl_text_add(&groups, "%s", name[i]);
        }
    }
    if (groups.length)
        nl_caption_add(chart->page, "Drawn alike: %s.", groups.at);
    nl_text_release(&groups);
    free(name);
}

void nl_caption_each(struct nl_chart *chart)
{
    bool any;
    if (!chart->each) {
        say_alike(chart);
        return;
    }
    int base = common_base(chart, &any);
    nl_caption_add(chart->page, "Each panel: its own method in colour, all others in grey.");
    if (any)
        nl_caption_add(chart->page, "Black, dashed: %s%s.", base < 0 ? "its baseline" : chart->arm[base].label,
                       base < 0 ? "" : ", the baseline");
}

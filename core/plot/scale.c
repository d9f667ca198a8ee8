/* The scale of colours beside heat maps. */
#include <math.h>

#include "plot/chart.h"

/* viridis (van der Walt and Smith 2015), of which gnuplot makes the same scale from these points. */
static const unsigned viridis[] = {0x440154, 0x472D7B, 0x3B528B, 0x2C728E, 0x21918C,
                                   0x28AE80, 0x5EC962, 0xADDC30, 0xFDE725};
enum { VIRIDIS = sizeof viridis / sizeof *viridis };

unsigned nl_scale_colour(double place)
{
    double at = fmin(fmax(place, 0.0), 1.0) * (VIRIDIS - 1);
    int from = at < VIRIDIS - 1 ? (int)at : VIRIDIS - 2;
    unsigned out = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        double low = viridis[from] >> shift & 255, high = viridis[from + 1] >> shift & 255;
        out |= (unsigned)(low + (at - from) * (high - low) + 0.5) << shift;
    }
    return out;
}

int nl_chart_fit_scale(struct nl_chart *chart, const struct nl_measure *measure, struct nl_ruler *scale,
                       struct nl_error *err)
{
    struct nl_page *page = chart->page;
    if (nl_ruler_fit(scale, &chart->span, measure, false, &chart->picture->experiment->config, err) != NL_OK)
        return NL_FAIL;
    nl_ruler_ticks(scale, page->rows * nl_page_panel_height(page), 1.7 * page->font);
    page->bar = 3.4 * page->font + nl_ruler_label_width(scale, page->small);
    return NL_OK;
}

void nl_chart_put_scale(struct nl_chart *chart, const struct nl_ruler *scale, bool falls, const char *light,
                        const char *label)
{
    struct nl_page *page = chart->page;
    struct nl_text *out = &page->script;
    struct nl_box area = page->area;
    area.top -= page->title;
    nl_text_add(out, "# the scale of colours: viridis, light is %s\nset palette defined (", light);
    for (int i = 0; i < VIRIDIS; i++)
        nl_text_add(out, "%s%d '#%06x'", i ? ", " : "", i, viridis[falls ? VIRIDIS - 1 - i : i]);
    nl_text_add(out, ")\nset colorbox user origin screen %.4f, screen %.4f size screen %.4f, screen %.4f noborder\n",
                (area.right + 0.9 * page->font) / page->width, area.bottom / page->height,
                0.9 * page->font / page->width, (area.top - area.bottom) / page->height);
    nl_ruler_put(scale, out, "cb", true);
    nl_page_upright_label(page, label, page->width - 0.9 * page->font, (area.bottom + area.top) / 2);
}

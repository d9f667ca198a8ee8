#include "plot/marks.h"

#include <math.h>
#include <stdlib.h>

#include "stats/estimate.h"

double nl_dodge(int index, int count, double step)
{
    return exp2(step * (index - 0.5 * (count - 1)));
}

int nl_put_means(struct nl_page *page, const struct nl_picture *picture, const struct nl_comparison *view, int method, const struct nl_metric_column *metric,
                 double dodge, const char *id, struct nl_span *span)
{
    int put = 0;
    double scale = metric->measure.scale;
    struct nl_text *out = &page->script;
    nl_text_add(out, "# x mean lower upper n: ");
    nl_page_comment(out, view->method[method].label);
    nl_text_add(out, "$mean%s << EOD\n", id);
    for (int point = 0; point < view->points; point++) {
        struct nl_estimate mean = nl_cell_mean(picture->results, picture->experiment, nl_comparison_cell(view, method, point), metric);
        if (mean.n == 0) {
            nl_text_add(out, "\n");
            continue;
        }
        /* Where there is no interval an end at the mean draws none. */
        double ends[] = {nl_comparison_x(view, point) * dodge, mean.mean * scale,
                         (isnan(mean.lower) ? mean.mean : mean.lower) * scale,
                         (isnan(mean.upper) ? mean.mean : mean.upper) * scale, mean.n};
        for (int i = 0; i < 5; i++)
            nl_page_number(out, ends[i]);
        nl_text_add(out, "\n");
        nl_span_add(span, ends[1]);
        span->reach = fmax(span->reach, ends[3]);
        put++;
    }
    nl_text_add(out, "EOD\n");
    return put;
}

int nl_put_seeds(struct nl_page *page, const struct nl_picture *picture, const struct nl_comparison *view, int method, const struct nl_metric_column *metric,
                 double dodge, const char *id, struct nl_span *span)
{
    int seeds = picture->results->seeds, put = 0;
    double *values = nl_alloc((size_t)seeds, sizeof *values);
    nl_text_add(&page->script, "# x value: each seed\n$seeds%s << EOD\n", id);
    for (int point = 0; point < view->points; point++) {
        nl_cell_values(picture->results, nl_comparison_cell(view, method, point), metric, values);
        for (int i = 0; i < seeds; i++) {
            if (!isfinite(values[i]))
                continue;
            nl_page_number(&page->script, nl_comparison_x(view, point) * dodge);
            nl_page_number(&page->script, values[i] * metric->measure.scale);
            nl_text_add(&page->script, "\n");
            nl_span_add(span, values[i] * metric->measure.scale);
            put++;
        }
    }
    nl_text_add(&page->script, "EOD\n");
    free(values);
    return put;
}

int nl_put_failed(struct nl_page *page, const struct nl_comparison *view, int method, double height, const char *id)
{
    int put = 0;
    for (int point = 0; point < view->points; point++) {
        const struct nl_cell *cell = nl_comparison_cell(view, method, point);
        if (!cell || cell->failed == 0)
            continue;
        if (put++ == 0)
            nl_text_add(&page->script, "# x height label: failed runs\n$failed%s << EOD\n", id);
        nl_page_number(&page->script, nl_comparison_x(view, point));
        nl_page_number(&page->script, height);
        nl_text_add(&page->script, " ×%d\n", cell->failed);
    }
    if (put > 0)
        nl_text_add(&page->script, "EOD\n");
    return put;
}

void nl_put_ticks(struct nl_page *page, const struct nl_comparison *view)
{
    nl_text_add(&page->script, "set xtics (");
    for (int point = 0; point < view->points; point++)
        nl_text_add(&page->script, "%s'%g' %.9g", point ? ", " : "", nl_comparison_x(view, point), nl_comparison_x(view, point));
    nl_text_add(&page->script, ")\n");
}

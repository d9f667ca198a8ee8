/* What captions of charts say: of how many seeds, with which intervals, and what is not drawn. */
#include <stdlib.h>

#include "plot/chart.h"

#include "stats/answer.h"
#include <inttypes.h>

void nl_caption_seeds(struct nl_page *page, const struct nl_picture *picture, const char *what)
{
    const struct nl_results *results = picture->results;
    struct nl_runs runs = nl_results_runs(results);
    if (results->missing > 0)
        nl_caption_add(page, "INCOMPLETE: trials missing: %d of %d.", results->missing, results->planned);
    if (results->seeds < 2)
        nl_caption_add(page, "One seed: no interval.");
    else if (runs.least < runs.most)
        nl_caption_add(page, "%s of %d to %s", what, runs.least, NL_COUNT(runs.most, "seed"));
    else
        nl_caption_add(page, "%s of %s", what, NL_COUNT(runs.most, "seed"));
}

void nl_caption_means(struct nl_page *page, const struct nl_picture *picture, const struct nl_metric_column *metric,
                      const char *drawn)
{
    const struct nl_results *results = picture->results;
    const struct nl_config *config = &picture->experiment->config;
    nl_caption_seeds(page, picture, metric->measure.by_ratio ? "Geometric mean" : "Mean");
    if (results->seeds > 1 && drawn) {
        nl_text_add(&page->caption, " with its %g %% CI (%s; ", 100.0 * config->plot.level, drawn);
        nl_say_interval(&page->caption, config, metric, results->seeds);
        nl_text_add(&page->caption, ")");
    }
    if (results->seeds > 1)
        nl_text_add(&page->caption, ".");
}

void nl_caption_intervals(struct nl_page *page, const struct nl_picture *picture)
{
    if (!nl_picture_has_intervals(picture) && picture->results->seeds > 1)
        nl_caption_add(page, "No intervals are drawn (plot.interval: none).");
}

void nl_caption_diverged(struct nl_page *page, const struct nl_picture *picture, const struct nl_metric_column *metric)
{
    if (nl_results_runs(picture->results).diverged > 0)
        nl_caption_add(page,
                       metric->measure.share ? "A diverged run counts at chance." : "A diverged run enters no mean.");
}

/* Where the loss of a batch is seen, and with which statistics. */
static void caption_points(struct nl_page *page, enum nl_aspect aspect, const char *which,
                           const struct nl_experiment *experiment)
{
    const char *where = aspect == NL_ON_WAY
                            ? "on the straight line to the network of log.toward (Goodfellow et al. 2015)"
                        : aspect == NL_SLICE
                            ? "along a random direction whose filters are as long as the network's (Li et al. 2018)"
                            : "in the plane of two random directions whose filters are as long as the network's (Li et "
                              "al. 2018)";
    nl_caption_add(page, "%s: on one batch, %s; normalizers go by %s.", which, where,
                   experiment->config.log.statistics == NL_OF_RUNNING ? "the running statistics of the step"
                                                                      : "the statistics of the batch at each point");
}

void nl_caption_inside(struct nl_page *page, const struct nl_inside *inside, const struct nl_experiment *experiment)
{
    char *which = nl_inside_pattern(inside);
    if (nl_inside_is_points(inside))
        caption_points(page, nl_inside_common(inside).aspect, which, experiment);
    else if (inside->tensors == 1)
        nl_caption_add(page, "Tensor: %s.", which);
    else
        nl_caption_add(page, "%s, %s, in the order of the network.", NL_COUNT(inside->tensors, "tensor"), which);
    free(which);
}

void nl_caption_drawn(struct nl_page *page, const struct nl_drawn *drawn, const struct nl_experiment *experiment)
{
    if (drawn->column)
        return;
    nl_caption_inside(page, &drawn->inside, experiment);
    if (drawn->inside.tensors > 1)
        nl_caption_add(page, "Each value is a mean over the tensors.");
    nl_caption_step(page, &drawn->inside, experiment);
}

void nl_caption_step(struct nl_page *page, const struct nl_inside *inside, const struct nl_experiment *experiment)
{
    int64_t step = experiment->config.plot.step;
    if (nl_inside_is_initial(inside))
        nl_caption_add(page, "At initialization.");
    else if (step == NL_AUTO)
        nl_caption_add(page, "At the last step of each run.");
    else
        nl_caption_add(page, "At step %" PRId64 ".", step);
}

void nl_caption_unseen(struct nl_chart *chart, const char *cut)
{
    if (chart->y.log && chart->zeros > 0)
        nl_caption_add(chart->page, "Values of 0 are not shown on the logarithmic axis: %d.", chart->zeros);
    if (cut && (chart->span.lowest < chart->y.low || chart->span.highest > chart->y.high))
        nl_caption_add(chart->page, "%s", cut);
    if (!chart->span.any)
        nl_caption_add(chart->page, "No run has a value.");
}

void nl_caption_end(struct nl_chart *chart)
{
    const struct nl_picture *picture = chart->picture;
    const char *protocol = picture->experiment->config.plot.protocol,
               *leaks = nl_results_leaks(picture->results, picture->experiment);
    nl_caption_each(chart);
    if (chart->own_x)
        nl_caption_add(chart->page, "Each panel has an x axis of its own.");
    if (leaks)
        nl_caption_add(chart->page, "%s", leaks);
    if (chart->panels < chart->all_panels) {
        nl_caption_add(chart->page, "Shown: %d of %s, evenly over the values.", chart->panels,
                       NL_COUNT(chart->all_panels, "panel"));
        nl_text_add(chart->picture->note,
                    "%s: %d of %s drawn, evenly over the values; plot.facet and plot.colour deal keys out otherwise\n",
                    chart->page->name, chart->panels, NL_COUNT(chart->all_panels, "panel"));
    }
    if (*protocol)
        nl_caption_add(chart->page, "Protocol: %s.", protocol);
}

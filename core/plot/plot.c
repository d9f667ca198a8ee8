/* Chooses the kind of a picture, has it drawn, and writes its script. */
#include "plot/plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/escape.h"
#include "base/files.h"
#include "plot/pictures.h"
#include "plot/render.h"
#include "plot/screen.h"
#include "stats/inside.h"

/* By enum nl_plot_kind. */
static const struct {
    const char *about;
    int (*draw)(const struct nl_picture *, struct nl_page *, struct nl_error *);
} kinds[] = {
    {"Small-batch degradation: final error against the batch size.", nl_picture_small_batch},
    {"Learning-rate tolerance: final metric and failed runs against the rate.", nl_picture_lr_tolerance},
    {"The metric over training.", nl_picture_curves},
    {"Metric over two keys of the sweep, a panel for each combination of the others.", nl_picture_heatmap},
    {"Final metric against an axis of the sweep.", nl_picture_figure},
    {"Runs that are not yet at the target, against weight updates.", nl_picture_steps},
    {"A quantity of tensors, layer by step.", nl_picture_layers},
    {"A quantity of tensors over the layers.", nl_picture_depth},
    {"The loss along the gradient, over training.", nl_picture_landscape},
    {"The loss in a plane of the parameters.", nl_picture_plane},
    {"The largest eigenvalues of the Hessian, over training.", nl_picture_spectrum},
    {"Runs of all tasks that are at least as good as a value.", nl_picture_profiles},
    {"What tuning costs: the expected metric of the best of k settings.", nl_picture_best_of_k},
    {"Signals and gradients over the layers.", nl_picture_signal},
};
static const double most_seconds = 600; /* for one picture: a gnuplot that hangs */
enum { KINDS = sizeof kinds / sizeof *kinds, PAGES = KINDS - 1 + NL_SIGNALS /* the last kind has one for each */ };

static int write_beside(const char *plots, const struct nl_page *page, const char *ending, const struct nl_text *text,
                        struct nl_text *report, struct nl_error *err)
{
    char *path = nl_format("%s/%s.%s", plots, page->name, ending);
    int status = nl_file_write(path, text->at, text->length, err);
    if (status == NL_OK && report)
        nl_text_add(report, "plot: %s\n", path);
    free(path);
    return status;
}

/* NAME.txt, and NAME.tex with \caption{...}. */
static int write_caption(const char *plots, const struct nl_page *page, struct nl_error *err)
{
    struct nl_text plain = {0}, latex = {0};
    nl_text_add(&plain, "%s\n", page->caption.at);
    nl_text_add(&latex, "\\caption{");
    nl_latex_add(&latex, page->caption.at);
    nl_text_add(&latex, "}\n");
    int status = write_beside(plots, page, "txt", &plain, NULL, err) != NL_OK
                     ? NL_FAIL
                     : write_beside(plots, page, "tex", &latex, NULL, err);
    nl_text_release(&plain);
    nl_text_release(&latex);
    return status;
}

/* chosen: plots is the user's own choice, which may be a link. */
static int write_script(const char *plots, bool chosen, const struct nl_page *page, struct nl_text *report,
                        struct nl_error *err)
{
    int caption = page->experiment->config.plot.caption;
    if (chosen ? nl_make_folders(plots, err) : nl_make_folder(plots, err))
        return NL_FAIL;
    if ((caption == NL_CAPTION_FILE || caption == NL_CAPTION_BOTH) && write_caption(plots, page, err) != NL_OK)
        return NL_FAIL;
    return write_beside(plots, page, "gp", &page->script, report, err);
}

/* A font of the user's that is not installed is drawn as another; of the default one, which stands for what looks like
 * it, nothing is said. */
static void check_font(const struct nl_config *config, struct nl_text *report)
{
    const char *font = config->plot.font;
    char *drawn = strcmp(font, nl_key_named("plot.font")->default_text) != 0 ? nl_font_drawn(font) : NULL;
    if (drawn && strcasecmp(drawn, font) != 0)
        nl_text_add(report, "plot.font: '%s' is not installed, and drawn as '%s'\n", font, drawn);
    free(drawn);
}

static int render(const char *plots, const char *name, const struct nl_plot_options *options, struct nl_error *err)
{
    const struct {
        bool wanted;
        const char *format;
    } formats[] = {{options->svg, "svg"}, {options->png, "png"}, {options->pdf, "pdf"}};
    for (int i = 0; i < 3; i++)
        if (formats[i].wanted &&
            nl_render(plots, name, formats[i].format, most_seconds, options->stop, NULL, NULL, err) != NL_OK)
            return NL_FAIL;
    return NL_OK;
}

/* How scripts are drawn where gnuplot is. */
static void tell_scripts(const char *plots, struct nl_text *report)
{
    nl_text_add(report,
                "gnuplot is not installed (Debian package gnuplot-nox), so that '%s' holds no pictures, only the "
                "scripts that draw them, here or on another machine: "
                "gnuplot -e \"format='png'\" NAME.gp (or svg, pdf)\n",
                plots);
}

void nl_picture_leave_out(const struct nl_picture *picture, const struct nl_page *page, const char *why)
{
    nl_text_add(picture->left_out, "%s is not drawn: %s\n", page->name, why);
}

bool nl_picture_has_intervals(const struct nl_picture *picture)
{
    return picture->experiment->config.plot.interval != NL_INTERVAL_NONE;
}

static bool is_named(const struct nl_experiment *experiment, int kind)
{
    bool named = false;
    for (int i = 0; i < experiment->config.plot.kind.count; i++)
        named |= experiment->config.plot.kind.at[i] == kind;
    return named;
}

/* Whether it is an error where there is nothing to draw. */
static bool is_asked_for(const struct nl_experiment *experiment, int kind)
{
    return is_named(experiment, kind) || (kind == NL_PLOT_CURVES && is_named(experiment, NL_PLOT_AUTO));
}

/* What is drawn where there is something to draw. */
static bool belongs(const struct nl_experiment *experiment, int kind)
{
    enum nl_question question = nl_question_of(experiment);
    return is_named(experiment, NL_PLOT_AUTO) && ((kind == NL_PLOT_PROFILES && question == NL_ASK_TASKS) ||
                                                  (kind == NL_PLOT_BEST_OF_K && question == NL_ASK_SENSITIVITY));
}

static void name_page(const struct nl_experiment *experiment, int number, struct nl_page *page)
{
    int kind = number < KINDS ? number : KINDS - 1;
    *page = (struct nl_page){.about = kinds[kind].about, .experiment = experiment, .part = number - kind};
    bool many = kind == NL_PLOT_SIGNAL;
    snprintf(page->name, sizeof page->name, "%s%s%s", nl_plot_names[kind], many ? "_" : "",
             many ? nl_signals[page->part].word : "");
}

/* Lays a page out anew, as wide as the terminal, and draws it there. */
static int draw_on_screen(const struct nl_picture *picture, const char *plots, int number,
                          const struct nl_plot_options *options, struct nl_error *err)
{
    int columns = options->columns < NL_LEAST_COLUMNS  ? NL_LEAST_COLUMNS
                  : options->columns > NL_MOST_COLUMNS ? NL_MOST_COLUMNS
                                                       : options->columns;
    struct nl_experiment experiment = *picture->experiment;
    experiment.config.plot.width = columns * nl_cell_width * 2.54 / 72.0;
    experiment.config.plot.height = NL_AUTO;
    experiment.config.plot.font_size = 8.0;
    experiment.config.plot.caption = NL_CAPTION_FILE;
    struct nl_text said = {0}, svg = {0};
    const struct nl_picture screen = {.results = picture->results,
                                      .experiment = &experiment,
                                      .folder = picture->folder,
                                      .home = picture->home,
                                      .note = &said,
                                      .left_out = &said};
    struct nl_page page;
    name_page(&experiment, number, &page);
    page.screen = true;
    int status = kinds[number - page.part].draw(&screen, &page, err);
    if (status == NL_OK && page.script.length > 0) {
        nl_text_add(&page.script, "unset multiplot\n");
        status = nl_render(plots, page.name, "svg", most_seconds, options->stop, &page.script, &svg, err);
        if (status == NL_OK)
            nl_screen_draw(svg.at, columns, options->colour, options->screen);
    }
    nl_text_release(&said);
    nl_text_release(&svg);
    nl_page_release(&page);
    return status;
}

/* All scripts are written before the first is drawn: without gnuplot they are what a user still gets. */
static int draw_all(struct nl_picture *picture, const char *plots, const struct nl_plot_options *options,
                    struct nl_error *err)
{
    struct nl_page page[PAGES] = {0};
    int status = NL_OK;
    for (int i = 0; status == NL_OK && i < PAGES; i++) {
        name_page(picture->experiment, i, &page[i]);
        int kind = i - page[i].part;
        bool asked = is_asked_for(picture->experiment, kind);
        picture->left_out = asked && options->left_out ? options->left_out : picture->note;
        if (asked || belongs(picture->experiment, kind))
            status = kinds[kind].draw(picture, &page[i], err);
        if (status != NL_OK || page[i].script.length == 0)
            continue;
        nl_text_add(&page[i].script, "unset multiplot\n");
        status = write_script(plots, options->out != NULL, &page[i], picture->note, err);
    }
    bool draws = !(options->without && nl_gnuplot_is_missing());
    if (!draws)
        tell_scripts(plots, picture->note);
    else if (options->svg || options->png || options->pdf)
        check_font(&picture->experiment->config, picture->note);
    for (int i = 0; status == NL_OK && draws && i < PAGES; i++)
        if (page[i].script.length > 0)
            status = render(plots, page[i].name, options, err);
    for (int i = 0; status == NL_OK && draws && options->screen && i < PAGES; i++)
        if (page[i].script.length > 0)
            status = draw_on_screen(picture, plots, i, options, err);
    for (int i = 0; i < PAGES; i++)
        nl_page_release(&page[i]);
    return status;
}

int nl_plot(const char *folder, const struct nl_experiment *experiment, const struct nl_planned *planned,
            const struct nl_plot_options *options, struct nl_error *err)
{
    struct nl_results results;
    if (nl_results_load(folder, experiment, planned, &results, err) != NL_OK)
        return NL_FAIL;
    struct nl_text report = {0};
    char *plots = options->out ? nl_strdup(options->out) : nl_path_join(folder, "plots");
    struct nl_picture picture = {.results = &results,
                                 .experiment = experiment,
                                 .folder = folder,
                                 .home = options->home ? options->home : folder,
                                 .note = &report};
    int status = draw_all(&picture, plots, options, err);
    if (options->report && report.length > 0)
        nl_text_add_bytes(options->report, report.at, report.length);
    nl_text_release(&report);
    free(plots);
    nl_results_release(&results);
    return status;
}

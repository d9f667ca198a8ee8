#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "claims/run.h"
#include "cmd.h"

enum { OUT = 'o', CLAIMS = 256, QUICK };

static const struct option options[] = {{"out", required_argument, NULL, OUT},
                                        {"claims", optional_argument, NULL, CLAIMS},
                                        {"quick", no_argument, NULL, QUICK},
                                        {0}},
                           out_alone[] = {{"out", required_argument, NULL, OUT}, {0}};

/* A results folder with all that the report asks of it. */
struct reported {
    struct results_folder from, same;
    struct nl_provenance made;
    char *again, *same_folder, *folder; /* folder: of a claim, NULL: the caller's */
    struct nl_report_source source, source_same;
};

struct request {
    enum nl_report_form form;
    const char *out;
    const char *claims;    /* the folder of their results; NULL: no claims */
    bool quick;
    int outcomes, capacity;
    char **path;                /* [outcomes] of the claims' files */
    struct nl_outcome *outcome; /* [outcomes] */
    struct reported *claim;     /* [outcomes] their results; without a source.folder where there are none */
    int folders;
    const char **folder;   /* [folders] */
    struct arguments with; /* overrides, for each folder */
    struct reported *reported; /* [folders] */
};

static bool read_request(const struct command *self, enum nl_report_form form, int argc, char **argv,
                         struct request *out)
{
    const char *claims = NULL;
    *out = (struct request){.form = form};
    for (int option;
         (option = next_option(self, argc, argv, "o:", form == NL_REPORT ? options : out_alone)) != OPTION_END;)
        switch (option) {
        case OUT: out->out = optarg; break;
        case CLAIMS: claims = optarg ? optarg : ""; break;
        case QUICK: out->quick = true; break;
        default: return false;
        }
    if (claims)
        out->claims = *claims ? claims : out->quick ? "results/claims_quick" : "results/claims";
    out->folder = nl_alloc((size_t)argc, sizeof *out->folder);
    out->with.override = nl_alloc((size_t)argc, sizeof *out->with.override);
    for (int i = optind; i < argc; i++)
        if (is_override(argv[i]))
            out->with.override[out->with.overrides++] = argv[i];
        else
            out->folder[out->folders++] = argv[i];
    bool something = out->folders || out->claims;
    if (!something)
        misused(self, "%s needs a results folder", self->name);
    else if (out->quick && !out->claims)
        misused(self, "--quick is of --claims");
    else if (!out->out)
        misused(self, "%s needs --out DIR, the folder that it is written to", self->name);
    out->reported = nl_alloc((size_t)out->folders + 1, sizeof *out->reported);
    return something && out->out && !(out->quick && !out->claims);
}

static char *command_again(const char *folder, const struct nl_experiment *experiment)
{
    char *path = nl_path_join(folder, "experiment.yaml"), *again = nl_format("%s-again", folder);
    char *words =
        quote_words(5, (const char *const[]){"normlab", experiment->is_sweep ? "sweep" : "run", path, "--out", again});
    free(path);
    free(again);
    return words;
}

static struct nl_report_source source_of(const char *folder, const struct results_folder *from,
                                         const struct nl_provenance *made)
{
    return (struct nl_report_source){.folder = folder,
                                     .tables = from->tables,
                                     .experiment = &from->experiment,
                                     .grid = &from->grid,
                                     .planned = &from->planned,
                                     .made = made};
}

/* The round with the same values for all, where it was begun. */
static bool open_same(const struct command *self, const struct request *request, const char *folder,
                      struct reported *out)
{
    out->same_folder = nl_path_join(folder, "same");
    if (!out->from.experiment.rounds.has_same || !nl_store_exists(out->same_folder))
        return true;
    struct arguments arguments = request->with;
    arguments.file = out->same_folder;
    bool good = open_results(self, &arguments, &out->same);
    out->source_same = source_of(out->same_folder, &out->same, &out->made);
    out->source.same = &out->source_same;
    return good;
}

static bool open_folder(const struct command *self, const struct request *request, const char *folder,
                        struct reported *out)
{
    struct arguments arguments = request->with;
    struct nl_diagnostics diagnostics = {0};
    arguments.file = folder;
    if (!open_results(self, &arguments, &out->from))
        return false;
    char *path = nl_path_join(folder, "experiment.yaml");
    bool good = nl_provenance_read(path, &out->made, &diagnostics) == NL_OK;
    free(path);
    if (!good)
        print_diagnostics(&diagnostics);
    out->again = command_again(folder, &out->from.experiment);
    out->source = source_of(folder, &out->from, &out->made);
    out->source.again = out->again;
    return good && open_same(self, request, folder, out);
}

/* ---- claims ---- */

static void add_claim(void *context, const char *name)
{
    struct request *request = context;
    NL_GROW(request->path, request->outcomes, request->capacity);
    request->path[request->outcomes++] = find_claim(name);
}

/* What came out so far of every claim; nothing is run. */
static bool find_outcomes(struct request *request)
{
    const struct nl_claim_options how = {
        .folder = request->claims, .quick = request->quick, .runner = {.workers = 1, .stop = &interrupted}};
    if (!nl_folder_exists(request->claims)) {
        bad_input("normlab claims run makes them", "there are no results of claims: there is no folder '%s'",
                  request->claims);
        return false;
    }
    each_claim(add_claim, request);
    request->outcome = nl_alloc((size_t)request->outcomes + 1, sizeof *request->outcome);
    for (int i = 0; i < request->outcomes; i++) {
        struct nl_diagnostics diagnostics = {0};
        struct nl_error err = {{0}};
        if (nl_claim_run(request->path[i], &how, &request->outcome[i], &diagnostics, &err) != NL_OK) {
            if (!print_diagnostics(&diagnostics))
                bad_input(NULL, "%s", err.text);
            return false;
        }
    }
    return true;
}

/* The results of the claims that were judged by runs of their own, for their figures. */
static bool open_claims(const struct command *self, struct request *request)
{
    bool good = true;
    request->claim = nl_alloc((size_t)request->outcomes + 1, sizeof *request->claim);
    for (int i = 0; i < request->outcomes && good; i++) {
        const struct nl_outcome *outcome = &request->outcome[i];
        struct reported *claim = &request->claim[i];
        claim->folder = nl_path_join(request->claims, outcome->name);
        if (outcome->planned && outcome->verdict != NL_INCOMPLETE && nl_store_exists(claim->folder))
            good = open_folder(self, request, claim->folder, claim);
    }
    return good;
}

static void add_claims(struct nl_document *document, const struct request *request, int *undrawn)
{
    struct nl_report_figures figures = {.folder = request->out, .stop = &interrupted};
    const struct nl_report_source **source = nl_alloc((size_t)request->outcomes + 1, sizeof *source);
    for (int i = 0; i < request->outcomes; i++)
        source[i] = request->claim[i].source.folder ? &request->claim[i].source : NULL;
    const char *const words[] = {"normlab", "claims", "run", "--out", request->claims, "--quick"};
    char *command = quote_words(request->quick ? 6 : 5, words);
    nl_report_add_claims(document, request->outcome, request->outcomes, source, &figures, command);
    *undrawn += figures.failed;
    free(source);
    free(command);
}

/* ---- the report ---- */

/* All are opened before anything is written. */
static bool open_folders(const struct command *self, struct request *request)
{
    struct nl_error err = {{0}};
    for (int i = 0; i < request->folders; i++)
        if (!open_folder(self, request, request->folder[i], &request->reported[i]))
            return false;
    if ((request->claims && !(find_outcomes(request) && open_claims(self, request))) || !can_be_made(request->out))
        return false;
    if (nl_report_check_folder(request->out, &err) || nl_report_begin(request->out, request->form, &err)) {
        bad_input("--out takes a new folder, or that of an earlier report", "%s", err.text);
        return false;
    }
    return true;
}

/* Where there are several sections, each has a heading, and its own are below it. */
static void begin_section(struct nl_document *document, const char *title)
{
    if (!document->contents && document->above == 0)
        return;
    document->above = 0;
    nl_document_add(document, NL_BLOCK_HEADING, 0, "%s", title);
    document->above = 1;
}

static int add_folder(struct nl_document *document, const struct request *request, int number, int *undrawn,
                      struct nl_error *err)
{
    const struct nl_report_source *source = &request->reported[number].source;
    struct nl_report_figures figures = {
        .folder = request->out, .name = nl_report_name(source->folder, number + 1), .stop = &interrupted};
    char *title = nl_report_title(source);
    begin_section(document, title);
    int status = request->form == NL_APPENDIX ? nl_report_add_appendix(document, source, &figures, err)
                                              : nl_report_add_results(document, source, &figures, err);
    *undrawn += figures.failed;
    free(title);
    free(figures.name);
    return status;
}

/* What is incomplete, before all else; a single results folder says it itself. */
static int add_missing(struct nl_document *document, const struct request *request, struct nl_error *err)
{
    const struct nl_report_source **source = nl_alloc((size_t)request->folders + 1, sizeof *source);
    for (int i = 0; i < request->folders; i++)
        source[i] = &request->reported[i].source;
    int status = document->contents ? nl_report_add_missing(document, source, request->folders, err) : NL_OK;
    free(source);
    nl_report_add_unjudged(document, request->outcome, request->outcomes);
    return status;
}

static int fill(struct nl_document *document, const struct request *request, int *undrawn, struct nl_error *err)
{
    static const char claims[] = "Published claims";
    int sections = request->folders + (request->claims != NULL);
    char *title = sections > 1      ? nl_format("Report on %s%s", NL_COUNT(request->folders, "results folder"),
                                           request->claims ? " and published claims" : "")
                  : request->claims ? nl_strdup(claims)
                                    : nl_report_title(&request->reported[0].source);
    nl_document_begin(document, title, sections > 1 && request->form == NL_REPORT);
    document->above = request->form == NL_APPENDIX; /* each folder is a section of the paper */
    free(title);
    int status = add_missing(document, request, err);
    for (int i = 0; i < request->folders && status == NL_OK && !interrupted; i++)
        status = add_folder(document, request, i, undrawn, err);
    if (request->claims) {
        begin_section(document, claims);
        add_claims(document, request, undrawn);
    }
    return status;
}

static int write_report(const struct request *request)
{
    struct nl_document document;
    struct nl_error err = {{0}};
    int undrawn = 0, code = EXIT_DONE, status = fill(&document, request, &undrawn, &err);
    if (interrupted)
        code = stopped(EXIT_INTERRUPTED, "stopped; the report is not written; to write it:");
    else if (status || nl_report_write(&document, request->out, request->form, &err))
        code = fail("%s", err.text);
    else
        printf(request->form == NL_REPORT ? "report: %s/index.html, report.md, report.tex\n"
                                          : "appendix: %s/appendix.tex; by itself: appendix-alone.tex\n",
               request->out);
    if (code == EXIT_DONE && undrawn)
        code = fail("figures are missing; the text says which, and why");
    nl_document_release(&document);
    return code;
}

static void release_reported(struct reported *reported, int count)
{
    for (int i = 0; i < count && reported; i++) {
        release_results(&reported[i].from);
        release_results(&reported[i].same);
        free(reported[i].again);
        free(reported[i].same_folder);
        free(reported[i].folder);
    }
    free(reported);
}

static void release_request(struct request *request)
{
    release_reported(request->reported, request->folders);
    release_reported(request->claim, request->outcomes);
    for (int i = 0; i < request->outcomes; i++) {
        free(request->path[i]);
        nl_outcome_release(&request->outcome[i]);
    }
    free(request->path);
    free(request->outcome);
    free(request->folder);
    free(request->with.override);
}

static int write(const struct command *self, enum nl_report_form form, int argc, char **argv)
{
    struct request request;
    int code = EXIT_BAD_INPUT;
    if (read_request(self, form, argc, argv, &request) && open_folders(self, &request)) {
        catch_interrupts();
        code = write_report(&request);
    }
    release_request(&request);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    return write(self, NL_REPORT, argc, argv);
}

static int run_appendix(const struct command *self, int argc, char **argv)
{
    return write(self, NL_APPENDIX, argc, argv);
}

const struct command command_appendix = {
    .name = "appendix",
    .summary = "write the LaTeX appendix of a paper: hyperparameters, tables, compute, checklist",
    .usage =
        "usage: normlab appendix RESULTS [RESULTS ...] --out DIR [plot.KEY=VALUE ...]\n"
        "\n"
        "Writes what the appendix of a paper says of results: what was trained, all hyperparameters and how each was set, the spaces that\n"
        "were searched and what tuning costs (the expected best of k values), tables and figures with the tests behind them, failed runs,\n"
        "the spread over seeds, time and machine, and a reproducibility checklist (after Pineau et al. 2021). What the results do not\n"
        "tell is marked OPEN, for the authors to fill in. DIR/appendix.tex is for a paper to \\input behind \\appendix, with\n"
        "\\usepackage{graphicx,array,longtable} and \\graphicspath{{DIR/}}; DIR/appendix-alone.tex is a document of nothing else.\n"
        "\n"
        "  -o, --out DIR    a new folder, or that of an earlier appendix, which is replaced\n"
        "\n"
        "examples:\n"
        "  normlab appendix results/small_batch --out appendix\n"
        "  normlab appendix results/small_batch results/lr_tolerance --out appendix plot.level=0.9\n"
        "  cd appendix && pdflatex appendix-alone.tex\n",
    .run = run_appendix,
};

const struct command command_report = {
    .name = "report",
    .summary = "write a report: question, answer, figures, tables, protocol, provenance",
    .usage =
        "usage: normlab report RESULTS [RESULTS ...] --out DIR [--claims] [plot.KEY=VALUE ...]\n"
        "       normlab report --claims [--quick] --out DIR\n"
        "\n"
        "Writes a report on results folders as one self-contained page (DIR/index.html), and the same as DIR/report.md and DIR/report.tex:\n"
        "question and answer, figures, tables, what was trained and how it differs from the defaults, failed runs, what earlier rounds\n"
        "decided, provenance, and how to repeat it. In a browser that runs scripts, the page also has a chart whose axes, methods and\n"
        "metric are chosen, and the curves of each run. Missing trials are reported first. DIR is a new folder, or that of an earlier\n"
        "report, which is replaced. It is an error if DIR holds anything else.\n"
        "\n"
        "  -o, --out DIR    the report's folder\n"
        "      --claims     add the outcomes of published claims, with figures, from results/claims, where normlab claims\n"
        "                   run puts them; --claims=DIR: from another folder\n"
        "      --quick      the outcomes of the quick protocols, from results/claims_quick\n"
        "\n"
        "examples:\n"
        "  normlab report results/small_batch --out report\n"
        "  normlab report results/small_batch results/lr_tolerance --out report plot.metric=test_loss\n"
        "  normlab report --claims --quick --out report\n"
        "  cd report && pdflatex report.tex\n",
    .run = run,
};

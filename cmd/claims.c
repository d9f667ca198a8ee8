#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/machine.h"
#include "base/memory.h"
#include "claims/run.h"
#include "cmd.h"

enum { OUT = 'o', JOBS = 'j', QUICK = 256, FAIL_IF };

static const struct option options[] = {
    {"out", required_argument, NULL, OUT},         {"jobs", required_argument, NULL, JOBS},
    {"quick", no_argument, NULL, QUICK},           {"format", required_argument, NULL, 'f'},
    {"fail-if", required_argument, NULL, FAIL_IF}, {0},
};

static const char *const formats[] = {"text", "md", "json", NULL}, *const verbs[] = {"list", "show", "run", NULL};
static const char *const failures[] = {"incomplete", "contradicted", "not-found", "inconclusive", "failed", NULL};
enum failure { INCOMPLETE = 1, CONTRADICTED = 2, NOT_FOUND = 4, INCONCLUSIVE = 8, FAILED = 16 };

struct settings {
    const char *out;
    bool quick;
    int jobs, format;
    unsigned fail_if;
};

static bool read_settings(const struct command *self, int argc, char **argv, struct settings *out)
{
    *out = (struct settings){.jobs = nl_cores()};
    bool good = true;
    for (int option; good && (option = next_option(self, argc, argv, "o:j:f:", options)) != OPTION_END;)
        switch (option) {
        case OUT:
            out->out = optarg;
            break;
        case QUICK:
            out->quick = true;
            break;
        case JOBS:
            good = read_count("-j", optarg, 1, MOST_JOBS, &out->jobs);
            break;
        case 'f':
            good = read_word("format", optarg, formats, &out->format);
            break;
        case FAIL_IF:
            good = read_words("outcome to fail at:", optarg, failures, &out->fail_if);
            break;
        default:
            good = false;
        }
    if (!out->out)
        out->out = out->quick ? "results/claims_quick" : "results/claims";
    return good;
}

/* ---- which claims ---- */

struct claims {
    int count, capacity;
    char **path;
    struct nl_outcome *outcome; /* [count], once they are known */
};

static void add_claim(void *context, const char *name)
{
    struct claims *claims = context;
    NL_GROW(claims->path, claims->count, claims->capacity);
    claims->path[claims->count++] = find_claim(name);
}

static void release_claims(struct claims *claims)
{
    for (int i = 0; i < claims->count; i++) {
        free(claims->path[i]);
        nl_outcome_release(&claims->outcome[i]);
    }
    free(claims->path);
    free(claims->outcome);
}

static void list_name(void *context, const char *name)
{
    struct nl_text *out = context;
    nl_text_add(out, "%s%s", out->at ? ", " : "there are ", name);
}

/* The claims that are named, or all. Each must be there and be a claim before anything is run; false: the message was
 * printed. */
static bool choose_claims(int argc, char **argv, struct claims *out)
{
    *out = (struct claims){0};
    for (int i = optind; i < argc; i++)
        add_claim(out, argv[i]);
    if (optind == argc)
        each_claim(add_claim, out);
    out->outcome = nl_alloc((size_t)out->count + 1, sizeof *out->outcome);
    bool good = out->count > 0;
    if (!good)
        bad_input("claim files lie in experiments/claims of the current folder, or come with the program",
                  "there are no claims");
    for (int i = 0; i < out->count && good; i++) {
        struct nl_experiment experiment;
        if (!nl_file_exists(out->path[i]) && optind < argc) {
            struct nl_text names = {0};
            each_claim(list_name, &names);
            bad_input(names.at, "there is no claim '%s'", argv[optind + i]);
            nl_text_release(&names);
            good = false;
        } else {
            good = load_experiment(out->path[i], NULL, 0, &experiment);
            if (good && !experiment.published) {
                bad_input("normlab keys claim says what a claim has", "'%s' is not a claim: it has no section 'claim'",
                          out->path[i]);
                good = false;
            }
        }
    }
    return good;
}

/* The outcome of one. An exit code; but for EXIT_DONE the message was printed. */
static int find_outcome(const char *path, const struct settings *settings, bool train, struct nl_outcome *out)
{
    struct progress_line line;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err = {{0}};
    const struct nl_claim_options how = {.folder = settings->out,
                                         .quick = settings->quick,
                                         .train = train,
                                         .command = command_line,
                                         .runner = {.workers = settings->jobs,
                                                    .stop = &interrupted,
                                                    .progress = show_progress,
                                                    .finished = show_finished,
                                                    .note = show_note,
                                                    .context = &line}};
    begin_progress(&line);
    int status = nl_claim_run(path, &how, out, &diagnostics, &err);
    end_progress(&line);
    if (print_diagnostics(&diagnostics))
        return EXIT_BAD_INPUT;
    if (status == NL_BAD)
        return bad_input(NULL, "%s", err.text);
    return status ? fail("%s", err.text) : EXIT_DONE;
}

/* ---- list ---- */

static bool nothing_was_run(const struct nl_outcome *outcome)
{
    return outcome->verdict == NL_INCOMPLETE && outcome->missing == outcome->planned;
}

static void list_claims(const struct claims *claims)
{
    static const bool left[] = {true, true, true, true};
    struct page page = {.columns = 4, .left = left};
    for (int i = 0; i < claims->count; i++) {
        const struct nl_outcome *outcome = &claims->outcome[i];
        char **field = nl_alloc(4, sizeof *field);
        field[0] = nl_strdup(outcome->name);
        field[1] = nl_strdup(nothing_was_run(outcome) ? "not run" : nl_outcome_verdict_names[outcome->verdict]);
        field[2] = nl_strdup(outcome->published->says);
        field[3] = nl_strdup(outcome->published->source);
        add_row(&page, field);
    }
    print_page(&page, output.verbose ? 0 : terminal_width(stdout));
    release_page(&page);
}

/* ---- run ---- */

static void print_outcomes(const struct nl_outcome *outcome, int count, int format)
{
    char *text = nl_outcomes_text(outcome, count, (enum nl_outcome_format)format);
    fputs(text, stdout);
    fflush(stdout);
    free(text);
}

/* The exit code that --fail-if asks for. Without it: a claim whose trials could not all be run is a failure. */
static int judge(const struct claims *claims, const struct settings *settings)
{
    int incomplete = 0, contradicted = 0, not_found = 0, inconclusive = 0, failed = 0;
    for (int i = 0; i < claims->count; i++) {
        const struct nl_outcome *outcome = &claims->outcome[i];
        incomplete += outcome->verdict == NL_INCOMPLETE;
        contradicted += outcome->verdict == NL_CONTRADICTED;
        not_found += outcome->verdict == NL_NOT_FOUND_HERE;
        inconclusive += outcome->verdict == NL_UNDECIDED;
        failed += outcome->failures.failed;
    }
    if (incomplete)
        return fail("%sclaims without a verdict, since trials are missing: %d of %d",
                    settings->fail_if & INCOMPLETE ? "--fail-if incomplete: " : "", incomplete, claims->count);
    if ((settings->fail_if & FAILED) && failed)
        return fail("--fail-if failed: failed runs: %d", failed);
    if ((settings->fail_if & CONTRADICTED) && contradicted)
        return fail("--fail-if contradicted: contradicted claims: %d of %d", contradicted, claims->count);
    if ((settings->fail_if & NOT_FOUND) && not_found)
        return fail("--fail-if not-found: claims not found here: %d of %d", not_found, claims->count);
    if ((settings->fail_if & INCONCLUSIVE) && inconclusive)
        return fail("--fail-if inconclusive: inconclusive claims: %d of %d", inconclusive, claims->count);
    return EXIT_DONE;
}

/* What the quick protocol has found of it in `folder`, if it was run there: parts that have no room to be found, which
 * the whole one is not likely to find either. */
static void warn_of_room(const char *path, const struct nl_published *published)
{
    struct settings quick = {.quick = true, .out = "results/claims_quick"};
    struct nl_outcome known = {0};
    if (!published->has_quick || output.quiet || find_outcome(path, &quick, false, &known))
        return;
    for (int i = 0; i < known.parts; i++)
        if (known.part[i].finding == NL_PART_NO_ROOM)
            tell(stderr,
                 "warning: in the quick run the other side of part %d (%s) left %.3g %s, less than the claim needs: "
                 "there may be no room for it\n",
                 i + 1, known.part[i].part->says, known.part[i].room * known.part[i].claim.scale,
                 known.part[i].claim.unit);
    nl_outcome_release(&known);
}

static int run_claims(struct claims *claims, const struct settings *settings)
{
    if (!can_be_made(settings->out))
        return EXIT_BAD_INPUT;
    catch_interrupts();
    for (int i = 0; i < claims->count; i++) {
        if (!output.quiet)
            fprintf(stderr, "%s\n", claims->path[i]);
        if (!settings->quick)
            warn_of_room(claims->path[i], claims->outcome[i].published);
        nl_outcome_release(&claims->outcome[i]); /* what was known of it before */
        int code = find_outcome(claims->path[i], settings, true, &claims->outcome[i]);
        if (code)
            return code;
        if (settings->format == NL_OUTCOME_TEXT) {
            fputs(i ? "\n" : "", stdout);
            print_outcomes(&claims->outcome[i], 1, NL_OUTCOME_TEXT);
        }
        if (interrupted)
            return stopped(EXIT_INTERRUPTED, "stopped; finished trials are kept; to continue:");
    }
    if (settings->format != NL_OUTCOME_TEXT)
        print_outcomes(claims->outcome, claims->count, settings->format);
    return judge(claims, settings);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct settings settings;
    struct claims claims;
    int verb = 0;
    if (!read_settings(self, argc, argv, &settings))
        return EXIT_BAD_INPUT;
    if (optind < argc && !read_word("word after claims:", argv[optind++], verbs, &verb))
        return EXIT_BAD_INPUT;
    bool list = verb == 0, show = verb == 1;
    if (list && optind < argc)
        return bad_input("normlab claims show CLAIM", "claims list takes no names: '%s'", argv[optind]);
    if (show && optind == argc)
        return misused(self, "claims show needs a claim");
    if (settings.format && list)
        return bad_input(NULL, "--format is an option of claims show and claims run");
    if (settings.fail_if && (list || show))
        return bad_input(NULL, "--fail-if is an option of claims run");
    int code = choose_claims(argc, argv, &claims) ? EXIT_DONE : EXIT_BAD_INPUT;
    for (int i = 0; i < claims.count && code == EXIT_DONE;
         i++) /* before a run: what is wrong with a file is said before anything is started */
        code = find_outcome(claims.path[i], &settings, false, &claims.outcome[i]);
    if (code == EXIT_DONE && list)
        list_claims(&claims);
    else if (code == EXIT_DONE && show)
        print_outcomes(claims.outcome, claims.count, settings.format);
    else if (code == EXIT_DONE)
        code = run_claims(&claims, &settings);
    release_claims(&claims);
    return code;
}

const struct command command_claims = {
    .name = "claims",
    .summary = "test what papers claim about normalization",
    .usage =
        "usage: normlab claims [list] [--quick]\n"
        "       normlab claims show CLAIM ...\n"
        "       normlab claims run [CLAIM ...] [--quick] [--out DIR] [-j N] [options]\n"
        "\n"
        "A claim file says what a paper claims, how it is measured here, and which result reproduces it. It is written before\n"
        "anything is run. list prints all claims with their state. show says how a claim is judged, and what is known about it. run trains\n"
        "what is missing and judges each claim: reproduced, partly reproduced, contradicted (the opposite is found, whatever is objected),\n"
        "not found here, inconclusive, waiting (for something the program lacks), or not testable here. It gives the reason, the\n"
        "paper's own figures, and what would decide an open claim. CLAIM is a name that list prints, or a file. Finished trials are\n"
        "kept: the same command continues.\n"
        "\n"
        "      --quick          the shorter protocols: all claims in a quarter of an hour; what they leave no room for is told before\n"
        "                       the whole protocol is run\n"
        "  -o, --out DIR        results go to DIR/CLAIM (default: results/claims, or results/claims_quick with --quick)\n"
        "  -j, --jobs N         trials at a time (default: the number of cores)\n"
        "  -f, --format F       text (default), md (GitHub), json\n"
        "      --fail-if LIST   of run, exit with 1 if a claim is one of (several with commas): incomplete (trials are "
        "missing; always),\n"
        "                       contradicted, not-found, inconclusive, failed (runs failed)\n"
        "\n"
        "examples:\n"
        "  normlab claims\n"
        "  normlab claims run b_small_batch --quick\n"
        "  normlab claims run --quick --format md > OUTCOME.md\n"
        "  normlab claims show experiments/claims/m_groups.yaml --format json\n",
    .run = run,
};

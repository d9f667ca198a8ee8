#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/wrap.h"
#include "cmd.h"
#include "config/value.h"
#include "stats/answer.h"
#include "stats/power.h"

enum { EFFECT = 256, CHANCE, WIDTH };
static const struct option options[] = {
    {"effect", required_argument, NULL, EFFECT},
    {"chance", required_argument, NULL, CHANCE},
    {"half-width", required_argument, NULL, WIDTH},
    {"format", required_argument, NULL, 'f'},
    {0},
};

enum { TEXT, JSON };
enum { COLUMNS = 7, PAGE_WIDTH = 120 };

struct request {
    double effect, chance, half_width; /* 0: not given */
    int format;
};

static bool read_above(const char *option, const char *text, double low, double high, double *out)
{
    if (nl_number_read(text, out) && *out > low && *out < high)
        return true;
    bad_input(NULL, "bad value '%s' of option '%s': expected a number above %g%s", text, option, low,
              high < INFINITY ? " and below 1" : "");
    return false;
}

static bool read_request(const struct command *self, int argc, char **argv, struct request *out)
{
    static const char *const formats[] = {"text", "json", NULL};
    *out = (struct request){.chance = 0.8};
    bool good = true;
    for (int option; good && (option = next_option(self, argc, argv, "f:", options)) != OPTION_END;)
        switch (option) {
        case EFFECT: good = read_above("--effect", optarg, 0.0, INFINITY, &out->effect); break;
        case CHANCE: good = read_above("--chance", optarg, 0.0, 1.0, &out->chance); break;
        case WIDTH: good = read_above("--half-width", optarg, 0.0, INFINITY, &out->half_width); break;
        case 'f': good = read_word("format", optarg, formats, &out->format); break;
        default: good = false;
        }
    return good;
}

/* What a claim compares: "BN minus no norm". */
static char *comparison(const struct nl_claim *claim)
{
    const char *by = strstr(claim->statement, ", by "); /* several claims of the same two differ in that */
    return nl_format("%s%s%s%s", claim->method, claim->against ? " and " : "", claim->against ? claim->against : "",
                     by ? by : "");
}

static char *seeds_text(int seeds)
{
    return seeds < 0 ? nl_strdup("none") : nl_format("%d", seeds);
}

static void add_text_row(struct page *page, const struct nl_claim *claim, const struct nl_need *need)
{
    char **field = nl_alloc(COLUMNS, sizeof *field);
    field[0] = comparison(claim);
    field[1] = nl_format("%d", claim->effect.n);
    field[2] = nl_format("%.3g", need->spread);
    field[3] = nl_format("%.3g", need->half_width);
    field[4] = claim->effect.overlap > 0.0 ? nl_format("%.3g", need->narrowest) : nl_strdup("any");
    field[5] = seeds_text(need->for_width);
    field[6] = seeds_text(need->for_effect);
    add_row(page, field);
}

static void print_json_row(struct nl_text *out, const struct nl_claim *claim, const struct nl_need *need)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"spread", need->spread},
                   {"half_width", need->half_width},
                   {"narrowest", need->narrowest},
                   {"seeds_for_width", need->for_width < 0 ? NAN : need->for_width},
                   {"seeds_for_effect", need->for_effect < 0 ? NAN : need->for_effect}};
    nl_text_add(out, "    {\"method\": ");
    nl_json_add(out, claim->method);
    nl_json_member(out, "against", claim->against);
    nl_json_member(out, "statement", claim->statement);
    nl_text_add(out, ", \"unit\": \"%s\", \"seeds\": %d", claim->unit, claim->effect.n);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        nl_json_member_number(out, numbers[i].name, numbers[i].value);
    nl_text_add(out, "}");
}

static void print_text(const struct page *page, const struct nl_answer *answer, const struct nl_aim *aim,
                       const struct nl_rule *rule, const char *unit)
{
    const char *times = strcmp(unit, "x") == 0 ? "x" : "";
    struct nl_text words = {0}, wrapped = {0};
    bool floor = false;
    for (int i = 0; i < answer->claims; i++)
        floor |= answer->claim[i].effect.overlap > 0.0;
    nl_text_add(
        &words,
        "Spread over seeds and half widths (at %g %%) are %s%s. To find an effect of %g%s: with a chance of %g it is found to be more than %g%s, "
        "with p below %.3g, the share that each of %s has. The spread is an estimate, and so are these numbers.\n",
        100.0 * answer->level, *times ? "factors" : "in ", *times ? "" : unit, aim->effect, times, aim->chance,
        rule->smallest, times, aim->alpha, NL_COUNT(answer->tests, "comparison"));
    if (floor)
        nl_text_add(
            &words,
            "No number of seeds makes an interval narrower than 'narrowest': each seed draws its parts anew from the same data, which the test corrects "
            "for. With data.test_seed all share one test part, and what is said holds on that part.\n");
    nl_text_add(&words, "none: no number of seeds up to %d.\n", aim->most);
    nl_text_add_wrapped(&wrapped, words.at, terminal_width(stdout) ? terminal_width(stdout) : PAGE_WIDTH, 0);
    print_page(page, 0);
    printf("\n%s", wrapped.at);
    nl_text_release(&words);
    nl_text_release(&wrapped);
}

/* Effect, half width and smallest effect in one unit: that of the answer's claims. */
static int report(const struct nl_results *results, const struct nl_experiment *experiment,
                  const struct request *request)
{
    static const bool left[COLUMNS] = {true};
    struct page page = {.columns = COLUMNS, .left = left};
    struct nl_answer answer;
    struct nl_text json = {0};
    nl_answer_make(results, experiment, &answer);
    const char *unit = answer.claims ? answer.claim[0].unit : "";
    struct nl_rule rule = nl_rule_for(experiment, unit);
    bool ratio = strcmp(unit, "x") == 0;
    struct nl_aim aim = {.effect = request->effect > 0.0 ? request->effect
                                   : ratio               ? pow(rule.smallest, 2)
                                                         : 2.0 * rule.smallest,
                         .half_width = request->half_width > 0.0 ? request->half_width : rule.smallest,
                         .chance = request->chance,
                         .alpha = (1.0 - rule.level) / (answer.tests > 0 ? answer.tests : 1),
                         .most = NL_SEEDS_MAX};
    char **title = nl_alloc(COLUMNS, sizeof *title);
    char *titles[COLUMNS] = {nl_strdup("comparison"),
                             nl_strdup("seeds"),
                             nl_strdup("spread"),
                             nl_strdup("half width"),
                             nl_strdup("narrowest"),
                             nl_format("seeds for half width %g", aim.half_width),
                             nl_format("seeds to find %g", aim.effect)};
    memcpy(title, titles, sizeof titles);
    add_row(&page, title);
    int rows = 0;
    for (int i = 0; i < answer.claims; i++) {
        struct nl_need need;
        if (strcmp(answer.claim[i].unit, unit) != 0 || !nl_claim_need(&answer.claim[i], &rule, &aim, &need))
            continue;
        nl_text_add(&json, rows++ ? ",\n" : "");
        print_json_row(&json, &answer.claim[i], &need);
        add_text_row(&page, &answer.claim[i], &need);
    }
    int code = EXIT_DONE;
    if (!rows)
        code = bad_input("a comparison needs several points of the grid and at least two seeds",
                         "nothing in '%s' has a spread to go by", results->path);
    else if (request->format == JSON)
        printf(
            "{\"effect\": %.17g, \"half_width\": %.17g, \"chance\": %g, \"alpha\": %.6g, \"comparisons\": [\n%s\n]}\n",
            aim.effect, aim.half_width, aim.chance, aim.alpha, json.at);
    else
        print_text(&page, &answer, &aim, &rule, unit);
    release_page(&page);
    nl_text_release(&json);
    nl_answer_release(&answer);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct request request;
    struct arguments arguments;
    struct results_folder from;
    struct nl_results results;
    if (!read_request(self, argc, argv, &request) || !sort_arguments(self, "folder", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (open_results(self, &arguments, &from) && load_results(from.tables, &from.experiment, &from.planned, &results)) {
        code = report(&results, &from.experiment, &request);
        nl_results_release(&results);
    }
    release_results(&from);
    free(arguments.override);
    return code;
}

const struct command command_power = {
    .name = "power",
    .summary = "say how many seeds a comparison needs",
    .usage =
        "usage: normlab power RESULTS [--effect E] [--half-width W] [--chance C] [plot.KEY=VALUE ...]\n"
        "\n"
        "Says how many seeds each comparison of the answer needs, from the spread of those that have run: for an interval that reaches W\n"
        "to each side, and for finding a true effect of E. Where seeds share data, it also says below which width no number of seeds\n"
        "leads.\n"
        "\n"
        "      --effect E      the true effect, in points, nats, or as a ratio (default: twice plot.min_effect; for ratios its square). It must\n"
        "                      be more than plot.min_effect: no number of seeds shows that an effect of just that size reaches it\n"
        "      --half-width W  half the width of the interval, in the same unit (default: plot.min_effect)\n"
        "      --chance C      power: the probability of finding the effect (default: 0.8)\n"
        "  -f, --format F      text (default), json\n"
        "\n"
        "examples:\n"
        "  normlab power results/small_batch\n"
        "  normlab power results/small_batch --effect 3 --chance 0.9\n"
        "  normlab sweep experiments/small_batch.yaml sweep.until=1:64\n",
    .run = run,
};

/* All sentences of answers and of claims' outcomes, to be read aloud: made results, and what is said of them, word for
 * word, in tests/statistics/answers/NAME.txt.
 *
 * NORMLAB_ANSWERS_WRITE=1 writes what the program says now into these files: read the difference before committing
 * it. */
#include "claims/outcome.h"
#include "made.h"
#include "stats/table.h"
#include "suite.h"

struct scene {
    const char *title;
    struct design design;
    const char *override[4];
};

#define NO_NORM "baseline: {norm.kind: none}, "
#define BATCHES(more)                                                                                                  \
    "train: {lr: 0.1}\nsweep: {grid: {norm.kind: [bn, gn, none], train.batch: [64, 16, 4, 2]}, seeds: 8, " more        \
    "question: small_batch}\n"
#define RATES(more)                                                                                                    \
    "sweep: {grid: {norm.kind: [none, bn, gn], train.lr: [0.01, 0.0316, 0.1, 0.316, 1, 3.16]}, seeds: 8, " more        \
    "question: lr_tolerance}\n"
#define CELLS(more)                                                                                                    \
    "train: {lr: 0.1}\nsweep: {grid: {norm.kind: [bn, gn, none]}, seeds: 8, " more                                     \
    "question: compare}\nplot: {metric: test_error}\n"
#define SPEED(more)                                                                                                    \
    "train: {lr: 0.1, steps: 500, eval_every: 50}\nsweep: {grid: {norm.kind: [bn, gn, none]}, seeds: 8, " more         \
    "question: speed}\nplot: {metric: "                                                                                \
    "test_accuracy, target: 90}\n"

#define INSIDE(more)                                                                                                   \
    "log: {layers: [gradients]}\nsweep: {grid: {norm.kind: [bn, gn, none]}, seeds: 8, " more "question: inside}\n"

static bool is(const char *kind, const char *name)
{
    return strcmp(kind, name) == 0;
}

/* ---- small_batch ---- */

static double degrades(const char *kind, double x, int seed)
{
    return 0.05 + (is(kind, "bn") ? x == 2 ? 0.2 : x == 4 ? 0.05 : 0.0 : 0.0) + noise(kind, x, seed);
}

static double improves(const char *kind, double x, int seed)
{
    double gain = is(kind, "gn") && x == 2 ? 0.08 : 0.0, loss = is(kind, "bn") && x == 2 ? 0.03 * (seed % 3 - 1) : 0.0;
    return 0.12 - gain + loss + noise(kind, x, seed);
}

static double degrades_somewhat(const char *kind, double x, int seed)
{
    return 0.1 + (is(kind, "bn") && x == 2 ? 0.03 + 0.008 * (seed % 4 - 1.5) : 0.0) + noise(kind, x, seed);
}

static double degrades_slightly(const char *kind, double x, int seed)
{
    return 0.1 + (is(kind, "bn") && x == 2 ? 0.013 : 0.0) + 0.3 * noise(kind, x, seed);
}

static double all_degrade(const char *kind, double x, int seed)
{
    return 0.1 + (x == 2 ? is(kind, "bn") ? 0.02 + 0.008 * (seed % 4) : 0.1 : 0.0) + noise(kind, x, seed);
}

static double hump(const char *kind, double x, int seed)
{
    return 0.05 + (x == 4 ? 0.06 : 0.0) + noise(kind, x, seed);
}

static double equal_batches(const char *kind, double x, int seed)
{
    (void)kind;
    (void)x;
    return 0.05 + 0.01 * (seed % 3);
}

static double never_wrong(const char *kind, double x, int seed)
{
    return is(kind, "bn") && x == 2 && seed == 1 ? 0.01 : 0.0;
}

static double fails_at_large(const char *kind, double x, int seed)
{
    return is(kind, "none") && x == 64 && seed > 1 ? NAN : degrades(kind, x, seed);
}

static double fails_at_small(const char *kind, double x, int seed)
{
    return (is(kind, "gn") && x == 2 && seed <= 3) || (is(kind, "bn") && x == 2) ? NAN : degrades(kind, x, seed);
}

static double batches_missing(const char *kind, double x, int seed)
{
    return (is(kind, "bn") && x == 2) || (is(kind, "gn") && x == 4 && seed > 6) ? -1.0 : degrades(kind, x, seed);
}

static const struct scene small_batch[] = {
    {"one method degrades, two stay flat", {BATCHES(NO_NORM), degrades, 0.2165, 389, NULL}, {0}},
    {"the same on one test part for all seeds", {BATCHES(NO_NORM), degrades, 1, 389, NULL}, {0}},
    {"a degradation that may be less than 2 points", {BATCHES(NO_NORM), degrades_somewhat, 0, 389, NULL}, {0}},
    {"a degradation of less than 2 points", {BATCHES(NO_NORM), degrades_slightly, 0, 389, NULL}, {0}},
    {"any difference counts", {BATCHES(NO_NORM), degrades, 0.2165, 389, NULL}, {"plot.min_effect=0"}},
    {"one method improves, another varies", {BATCHES(NO_NORM), improves, 0, 389, NULL}, {0}},
    {"worse at a batch size between the ends", {BATCHES(NO_NORM), hump, 0, 389, NULL}, {0}},
    {"all methods equal in every run", {BATCHES(NO_NORM), equal_batches, 0, 389, NULL}, {0}},
    {"a learning rate of 0", {BATCHES(NO_NORM), equal_batches, 0, 389, NULL}, {"train.lr=0"}},
    {"almost no errors to count", {BATCHES(NO_NORM), never_wrong, 0, 389, NULL}, {0}},
    {"runs fail at the largest batch size", {BATCHES(NO_NORM), fails_at_large, 0, 389, NULL}, {0}},
    {"runs fail at the smallest batch size", {BATCHES(NO_NORM), fails_at_small, 0, 389, NULL}, {0}},
    {"the same by the loss", {BATCHES(NO_NORM), fails_at_small, 0, 389, NULL}, {"plot.metric=test_loss"}},
    {"trials are missing", {BATCHES(NO_NORM), batches_missing, 0, 389, NULL}, {0}},
    {"one method", {BATCHES(""), degrades, 0, 389, NULL}, {"norm.kind=bn"}},
    {"many methods", {BATCHES(NO_NORM), degrades, 0, 389, NULL}, {"norm.kind=none,bn,gn,ln,in,rms,brn,l1bn,maxbn"}},
    {"many methods degrade",
     {BATCHES(NO_NORM), all_degrade, 0, 389, NULL},
     {"norm.kind=none,bn,gn,ln,in,rms,brn,l1bn,maxbn"}},
    {"two seeds", {BATCHES(NO_NORM), degrades, 0, 389, NULL}, {"sweep.seeds=2"}},
    {"one seed", {BATCHES(NO_NORM), degrades, 0, 389, NULL}, {"sweep.seeds=1"}},
    {"one batch size", {BATCHES(NO_NORM), degrades, 0, 389, NULL}, {"train.batch=64"}},
};

/* ---- lr_tolerance ---- */

static double up_to(double x, double limit)
{
    return x <= limit * 1.001 ? 0.01 : x > 10 * limit ? NAN : 0.9;
}

static double tolerates(const char *kind, double x, int seed)
{
    (void)seed;
    return up_to(x, is(kind, "none") ? 0.1 : is(kind, "gn") ? 0.316 : 1.0);
}

static double tolerates_all(const char *kind, double x, int seed)
{
    return is(kind, "bn") ? 0.01 : tolerates(kind, x, seed);
}

static double tolerates_less(const char *kind, double x, int seed)
{
    (void)seed;
    return up_to(x, is(kind, "none") ? 1.0 : is(kind, "gn") ? 0.0316 : 1.0);
}

static double tolerates_the_same(const char *kind, double x, int seed)
{
    (void)kind;
    (void)seed;
    return up_to(x, 0.1);
}

static double tolerates_up_to_two_rates(const char *kind, double x, int seed)
{
    (void)seed;
    return up_to(x, is(kind, "none") || is(kind, "rms") ? 0.1 : 1.0);
}

static double tolerates_less_than_the_grid(const char *kind, double x, int seed)
{
    return up_to(x, is(kind, "gn")     ? (seed % 2 ? 0.01 : 0.0005)
                    : is(kind, "none") ? (seed == 3 ? 0.0005 : 0.0316)
                                       : 0.1);
}

static double never_trains(const char *kind, double x, int seed)
{
    (void)kind;
    (void)x;
    (void)seed;
    return 0.9;
}

static double never_fails(const char *kind, double x, int seed)
{
    (void)kind;
    (void)x;
    (void)seed;
    return 0.01;
}

static double rates_missing(const char *kind, double x, int seed)
{
    return is(kind, "bn") && x > 0.5 ? -1.0 : tolerates(kind, x, seed);
}

static const struct scene lr_tolerance[] = {
    {"a method tolerates ten times the rate, another one step of the grid more",
     {RATES(NO_NORM), tolerates, 0, 389, NULL},
     {0}},
    {"a method tolerates every rate of the grid", {RATES(NO_NORM), tolerates_all, 0, 389, NULL}, {0}},
    {"a method tolerates less", {RATES(NO_NORM), tolerates_less, 0, 389, NULL}, {0}},
    {"a method tolerates no rate of the grid with half of the seeds",
     {RATES(NO_NORM), tolerates_less_than_the_grid, 0, 389, NULL},
     {0}},
    {"all methods tolerate the same, on a fine grid",
     {RATES(NO_NORM), tolerates_the_same, 0, 389, NULL},
     {"train.lr=0.05,0.07,0.1,0.14,0.2"}},
    {"many methods",
     {RATES(NO_NORM), tolerates_up_to_two_rates, 0, 389, NULL},
     {"norm.kind=none,bn,gn,ln,in,rms,brn,l1bn,maxbn", "sweep.seeds=12"}},
    {"all methods tolerate the same", {RATES(NO_NORM), tolerates_the_same, 0, 389, NULL}, {0}},
    {"no run trains", {RATES(NO_NORM), never_trains, 0, 389, NULL}, {0}},
    {"no run fails", {RATES(NO_NORM), never_fails, 0, 389, NULL}, {0}},
    {"trials are missing", {RATES(NO_NORM), rates_missing, 0, 389, NULL}, {0}},
    {"no baseline", {RATES(""), tolerates, 0, 389, NULL}, {"norm.kind=bn,gn"}},
    {"one method", {RATES(""), tolerates, 0, 389, NULL}, {"norm.kind=bn"}},
    {"two seeds", {RATES(NO_NORM), tolerates, 0, 389, NULL}, {"sweep.seeds=2"}},
    {"one seed", {RATES(NO_NORM), tolerates, 0, 389, NULL}, {"sweep.seeds=1"}},
    {"a rate of 0", {RATES(NO_NORM), tolerates, 0, 389, NULL}, {"train.lr=0,0.1"}},
};

/* ---- compare ---- */

static double ranked(const char *kind, double x, int seed)
{
    return (is(kind, "bn") ? 0.02 : is(kind, "gn") ? 0.021 : 0.15) + 0.3 * noise(kind, x, seed);
}

static double close_ranked(const char *kind, double x, int seed)
{
    return (is(kind, "bn")   ? 0.02
            : is(kind, "gn") ? 0.033
                             : 0.05 + 0.01 * (seed % 4 - 1.5)) +
           0.3 * noise(kind, x, seed);
}

static double two_equal(const char *kind, double x, int seed)
{
    return is(kind, "none") ? 0.15 + noise(kind, x, seed) : 0.02 + 0.01 * (seed % 3);
}

static double all_equal(const char *kind, double x, int seed)
{
    (void)kind;
    (void)x;
    return 0.02 + 0.01 * (seed % 3);
}

static double wide(const char *kind, double x, int seed)
{
    return 0.1 + (is(kind, "bn") ? 0.0 : 0.03) + 15.0 * noise(kind, x, seed);
}

static double all_diverge(const char *kind, double x, int seed)
{
    (void)kind;
    (void)x;
    (void)seed;
    return NAN;
}

static double some_diverge(const char *kind, double x, int seed)
{
    return is(kind, "none") && seed > 5 ? NAN : ranked(kind, x, seed);
}

static double no_errors(const char *kind, double x, int seed)
{
    (void)kind;
    (void)x;
    (void)seed;
    return 0.0;
}

static double cells_missing(const char *kind, double x, int seed)
{
    return is(kind, "gn") && seed > 6 ? -1.0 : ranked(kind, x, seed);
}

static double all_at_chance(const char *kind, double x, int seed)
{
    return 0.9 + 0.1 * noise(kind, x, seed);
}

static const struct scene compare[] = {
    {"two methods differ from the third", {CELLS(""), ranked, 0.2165, 389, NULL}, {0}},
    {"differences that are, or may be, less than 2 points", {CELLS(""), close_ranked, 0, 389, NULL}, {0}},
    {"the same as the first, with a baseline", {CELLS(NO_NORM), ranked, 0.2165, 389, NULL}, {0}},
    {"the same on one test part for all seeds", {CELLS(""), ranked, 1, 389, NULL}, {0}},
    {"the same by the accuracy", {CELLS(""), ranked, 0, 389, NULL}, {"plot.metric=test_accuracy"}},
    {"two methods are equal in every seed", {CELLS(""), two_equal, 0, 389, NULL}, {0}},
    {"all methods are equal in every seed", {CELLS(""), all_equal, 0, 389, NULL}, {0}},
    {"seeds differ more than methods", {CELLS(""), wide, 0, 389, NULL}, {0}},
    {"no errors to count", {CELLS(""), no_errors, 0, 389, NULL}, {0}},
    {"all runs end at chance", {CELLS(""), all_at_chance, 0, 389, NULL}, {0}},
    {"all runs diverge", {CELLS(""), all_diverge, 0, 389, NULL}, {0}},
    {"a learning rate of 0", {CELLS(""), wide, 0, 389, NULL}, {"train.lr=0"}},
    {"some runs diverge", {CELLS(""), some_diverge, 0, 389, NULL}, {0}},
    {"the same by the loss", {CELLS(""), some_diverge, 0, 389, NULL}, {"plot.metric=test_loss"}},
    {"trials are missing", {CELLS(""), cells_missing, 0, 389, NULL}, {0}},
    {"one method", {CELLS(""), ranked, 0, 389, NULL}, {"norm.kind=bn"}},
    {"two seeds", {CELLS(""), ranked, 0, 389, NULL}, {"sweep.seeds=2"}},
    {"one seed", {CELLS(""), ranked, 0, 389, NULL}, {"sweep.seeds=1"}},
    {"one method with one seed", {CELLS(""), ranked, 0, 389, NULL}, {"norm.kind=bn", "sweep.seeds=1"}},
};

/* ---- speed ---- */

static double good(const char *kind, double x, int seed)
{
    return 0.05 + noise(kind, x, seed);
}

static double fast_and_slow(const char *kind, double x, int seed)
{
    (void)x;
    return is(kind, "bn") ? 50 * (2 + seed % 2) : is(kind, "gn") ? 350 : 450 + 100 * (seed % 2);
}

static double never(const char *kind, double x, int seed)
{
    (void)kind;
    (void)x;
    (void)seed;
    return INFINITY;
}

static double at_once(const char *kind, double x, int seed)
{
    (void)kind;
    (void)x;
    (void)seed;
    return 0;
}

static double alike(const char *kind, double x, int seed)
{
    (void)kind;
    (void)x;
    return 200 + 50 * (seed % 2);
}

static double one_gets_there(const char *kind, double x, int seed)
{
    (void)x;
    return is(kind, "bn") && seed < 4 ? 300 : INFINITY;
}

static double first_differ(const char *kind, double x, int seed)
{
    (void)x;
    return is(kind, "none") ? 400 : 200 + 50 * (is(kind, "bn") ? seed % 2 : (seed + 1) % 2);
}

static const struct scene speed[] = {
    {"one method is faster", {SPEED(NO_NORM), good, 0.2165, 389, fast_and_slow}, {0}},
    {"the same, without a baseline", {SPEED(""), good, 0, 389, fast_and_slow}, {0}},
    {"equally fast in every seed", {SPEED(NO_NORM), good, 0, 389, alike}, {0}},
    {"two with the same median", {SPEED(""), good, 0, 389, first_differ}, {0}},
    {"there at the first evaluation", {SPEED(NO_NORM), good, 0, 389, at_once}, {0}},
    {"a target below chance", {SPEED(NO_NORM), good, 0, 389, fast_and_slow}, {"plot.target=5"}},
    {"a target at chance", {SPEED(NO_NORM), good, 0, 389, fast_and_slow}, {"plot.metric=test_error", "plot.target=90"}},
    {"no run gets there", {SPEED(NO_NORM), good, 0, 389, never}, {0}},
    {"less than half of one method's runs get there", {SPEED(NO_NORM), good, 0, 389, one_gets_there}, {0}},
    {"some runs diverge", {SPEED(NO_NORM), some_diverge, 0, 389, fast_and_slow}, {0}},
    {"trials are missing", {SPEED(NO_NORM), cells_missing, 0, 389, fast_and_slow}, {0}},
    {"one method", {SPEED(""), good, 0, 389, fast_and_slow}, {"norm.kind=bn"}},
    {"two seeds", {SPEED(NO_NORM), good, 0, 389, fast_and_slow}, {"sweep.seeds=2"}},
    {"one seed", {SPEED(NO_NORM), good, 0, 389, fast_and_slow}, {"sweep.seeds=1"}},
};

/* ---- claims ---- */

#define CLAIM(parts)                                                                                                   \
    "train: {lr: 0.1}\nsweep: {grid: {norm.kind: [bn, gn, none], train.batch: [64, 16, 4, 2]}, seeds: 8}\nclaim:\n  "  \
    "says: At small batches BN "                                                                                       \
    "degrades and GN does not.\n  source: made up\n  measure: {metric: test_error}\n  parts:\n" parts
#define DEGRADES                                                                                                       \
    "    - {says: BN degrades, of: {norm.kind: bn, train.batch: 2}, minus: {norm.kind: bn, train.batch: 64}, "         \
    "smallest: 2}\n"
#define FLAT                                                                                                           \
    "    - {says: GN does not, of: {norm.kind: gn, train.batch: 2}, minus: {norm.kind: gn, train.batch: 64}, margin: " \
    "1}\n"
#define MORE                                                                                                           \
    "    - {says: BN degrades more than GN, of: {norm.kind: bn, train.batch: 2}, minus: {norm.kind: bn, train.batch: " \
    "64}, less: {of: {norm.kind: gn, "                                                                                 \
    "train.batch: 2}, minus: {norm.kind: gn, train.batch: 64}}, smallest: 2}\n"
#define ORDER                                                                                                          \
    "    - {says: the smaller the worse, order: [{norm.kind: bn, train.batch: 2}, {norm.kind: bn, train.batch: 4}, "   \
    "{norm.kind: bn, train.batch: 16}], smallest: 1}\n"
#define TREND "    - {says: BN has no trend, of: {norm.kind: bn}, slope: train.batch, margin: 1}\n"

static double varies(const char *kind, double x, int seed)
{
    return 0.1 + (is(kind, "bn") && x == 2 ? 0.01 * (seed % 6) : 0.0) + noise(kind, x, seed);
}

static const struct scene claims[] = {
    {"all parts hold", {CLAIM(DEGRADES FLAT MORE), degrades, 0, 389, NULL}, {0}},
    {"the same on one test part for all seeds", {CLAIM(DEGRADES FLAT), degrades, 1, 389, NULL}, {0}},
    {"its only part is false", {CLAIM(DEGRADES), equal_batches, 0, 389, NULL}, {0}},
    {"parts are false and open", {CLAIM(DEGRADES FLAT ORDER), improves, 0, 389, NULL}, {0}},
    {"its only part is open", {CLAIM(DEGRADES), varies, 0, 389, NULL}, {0}},
    {"an ordering and a trend", {CLAIM(ORDER TREND), degrades, 0, 389, NULL}, {0}},
    {"runs fail", {CLAIM(DEGRADES FLAT MORE), fails_at_small, 0, 389, NULL}, {0}},
    {"almost no errors to count", {CLAIM(DEGRADES FLAT), never_wrong, 0, 389, NULL}, {0}},
    {"two seeds", {CLAIM(DEGRADES), degrades, 0, 389, NULL}, {"sweep.seeds=2"}},
};

/* The errors of a scene's runs with 20 points more. */
static run_number *of_the_scene;
static double handicapped(const char *kind, double x, int seed)
{
    double error = of_the_scene(kind, x, seed);
    return error >= 0 ? error + 0.2 : error;
}

/* Controls of differences are the same cells with other seeds, those of samenesses have a handicap. */
static char *outcome_of(const struct scene *scene)
{
    struct made made, other, poor;
    struct design design = scene->design;
    struct nl_error err;
    const char *const seeds[] = {"train.seed=101", scene->override[0], NULL};
    make(&made, &scene->design, scene->override);
    make(&other, &scene->design, seeds);
    of_the_scene = design.error;
    design.error = handicapped;
    make(&poor, &design, scene->override);
    const struct nl_published *published = made.experiment.published;
    struct nl_evidence *control = nl_alloc((size_t)published->parts, sizeof *control);
    for (int i = 0; i < published->parts; i++)
        if (nl_part_needs_control(published, i))
            control[i] = nl_part_has_handicap(&published->part[i])
                             ? (struct nl_evidence){.experiment = &poor.experiment, .results = &poor.results}
                             : (struct nl_evidence){.experiment = &other.experiment, .results = &other.results};
    const struct nl_claim_evidence evidence = {.main = {.experiment = &made.experiment, .results = &made.results},
                                               .control = control};
    struct nl_outcome outcome = {
        .name = nl_strdup("claim"), .planned = made.results.planned, .failures = nl_results_failures(&made.results)};
    ck_assert_msg(nl_outcome_judge(published, &evidence, 0.95, false, &outcome, &err) == NL_OK, "%s", err.text);
    char *text = nl_outcomes_text(&outcome, 1, NL_OUTCOME_TEXT);
    nl_outcome_release(&outcome);
    free(control);
    release(&poor);
    release(&other);
    release(&made);
    return text;
}

/* ---- inside ---- */

static const struct scene inside[] = {
    {"gradients of GN are larger", {INSIDE(NO_NORM), good, 0.2165, 389, NULL}, {0}},
    {"the same, without a baseline", {INSIDE(""), good, 0.2165, 389, NULL}, {0}},
    {"one tensor, in a step",
     {INSIDE(NO_NORM), good, 0.2165, 389, NULL},
     {"plot.step=50", "plot.tensors=grad:fc2.weight"}},
    {"no tensor has it", {INSIDE(NO_NORM), good, 0.2165, 389, NULL}, {"plot.tensors=grad:fc4.weight"}},
    {"one seed", {INSIDE(NO_NORM), good, 0.2165, 389, NULL}, {"sweep.seeds=1"}},
};

/* ---- the pages ---- */

static char *answer_to(const struct scene *scene)
{
    struct made made;
    make(&made, &scene->design, scene->override);
    char *text = nl_strdup(made.text);
    release(&made);
    return text;
}

/* Gradients of gn are up to twice those of bn, which none resembles but in the third tensor, that it lacks. */
static double gradients(const char *kind, int tensor, int step, int seed)
{
    double own = 0.05 * sin(7.0 * seed + 5.0 * tensor + kind[0]);
    if (is(kind, "none") && tensor == 3)
        return NAN;
    return (is(kind, "gn")     ? 2.3 - 0.3 * tensor
            : is(kind, "none") ? 1.05
                               : 1.0) *
           exp(0.3 * sin(3.0 * seed) + own) * step;
}

static char *answer_inside(const struct scene *scene)
{
    struct made made;
    make_observed(&made, &scene->design, &(struct observed_design){gradients, "norm"}, scene->override);
    char *text = nl_strdup(made.text);
    release(&made);
    return text;
}

/* The summary: its caption, and which rows are marked. */
static char *table_of(const struct scene *scene)
{
    struct made made;
    struct nl_table table;
    struct nl_error err;
    make(&made, &scene->design, scene->override);
    ck_assert_msg(nl_table_summary(&made.results, &made.experiment, &table, &err) == NL_OK, "%s", err.text);
    char *text = nl_table_text(&table, 0);
    nl_table_release(&table);
    release(&made);
    return text;
}

#define PAGE(name, says) {#name, name, sizeof name / sizeof *name, says}
static const struct {
    const char *name;
    const struct scene *scene;
    size_t scenes;
    char *(*says)(const struct scene *scene);
} pages[] = {PAGE(small_batch, answer_to),
             PAGE(lr_tolerance, answer_to),
             PAGE(compare, answer_to),
             PAGE(speed, answer_to),
             PAGE(inside, answer_inside),
             PAGE(claims, outcome_of),
             {"tables", compare, sizeof compare / sizeof *compare, table_of}};

START_TEST(what_is_said_stands_on_the_page)
{
    struct nl_text page = {0};
    struct nl_error err;
    for (size_t i = 0; i < pages[_i].scenes; i++) {
        char *text = pages[_i].says(&pages[_i].scene[i]);
        nl_text_add(&page, "%s== %s\n%s", i ? "\n" : "", pages[_i].scene[i].title, text);
        free(text);
    }
    char *path = nl_format("%s/statistics/answers/%s.txt", NORMLAB_TESTS_DIR, pages[_i].name);
    if (getenv("NORMLAB_ANSWERS_WRITE"))
        ck_assert_msg(nl_file_write(path, page.at, page.length, &err) == NL_OK, "%s", err.text);
    char *held = nl_file_read(path, NULL, &err);
    ck_assert_msg(held != NULL, "%s", err.text);
    size_t same = 0, line = 1;
    while (held[same] && held[same] == page.at[same])
        line += page.at[same++] == '\n';
    ck_assert_msg(strcmp(held, page.at) == 0, "%s:%zu differs from what is said:\n%.2000s", path, line, page.at + same);
    free(held);
    free(path);
    nl_text_release(&page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answer_page");
    TCase *tests = tcase_create("answer_page");
    tcase_add_loop_test(tests, what_is_said_stands_on_the_page, 0, (int)(sizeof pages / sizeof *pages));
    tcase_set_timeout(tests, 300);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

/* Claims with known truth: thousands of made sweeps go through the judge of claims, with their controls. A claim that
 * is true may have a part denied, and one that is false be called reproduced, in no more than one sweep of twenty; the same
 * of controls. tests/statistics/SIMULATION.md shows what came out.
 *
 * NORMLAB_ALL set: 5,000 sweeps of each scenario instead of 200. The names of scenarios as arguments: only these. */
#include <check.h>

#include "claims/outcome.h"
#include "scratch.h"
#include "simulated_results.h"
#include "suite.h"

/* What the generator makes of the claim. Just below a threshold it is as false as it can be without being plainly so,
 * just above it as true. */
enum fact { IS_TRUE, IS_FALSE };

struct made_claim {
    struct scenario sweep;
    const char *measure, *parts; /* of the claim section */
    enum fact fact;
    struct {
        int values;
        double change[3]; /* what the first change is at each of them */
    } hinge;              /* other values of one; 0: it has none */
};

#define OF(kind, batch) "{norm.kind: " kind ", train.batch: " batch "}"
#define ERROR "{metric: test_error}"
#define LARGE "32"
#define ONE_DIFFERENCE "[{says: it, of: " OF("bn", "2") ", minus: " OF("bn", LARGE) ", smallest: 2}]"
#define LESS_DIFFERENCE "[{says: it, of: " OF("bn", LARGE) ", minus: " OF("bn", "2") ", smallest: 2, expect: less}]"
#define SAMENESS "[{says: it, of: " OF("bn", "2") ", minus: " OF("bn", LARGE) ", margin: 1.5}]"
#define INTERACTION                                                                                                    \
    "[{says: it, of: " OF("bn", "2") ", minus: " OF("bn", LARGE) ", less: {of: " OF("ln", "2") ", minus: " OF(         \
        "ln", LARGE) "}, smallest: 2}]"
#define ORDER                                                                                                          \
    "[{says: it, order: [" OF("in", "2") ", " OF("rms", "2") ", " OF("gn", "2") ", " OF("ln", "2") "], smallest: 2}]"
#define TREND "[{says: it, of: {norm.kind: bn}, slope: train.batch, smallest: 0.5, expect: less}]"
#define PART(kind) "{says: it, of: " OF(kind, "2") ", minus: " OF(kind, LARGE) ", smallest: 2}"
#define FOUR "[" PART("bn") ", " PART("ln") ", " PART("gn") ", " PART("rms") "]"
#define USABLE "{along: train.lr, take: usable}"
#define RATIO "[{says: it, of: {norm.kind: ln}, minus: {norm.kind: bn}, smallest: 3}]"
#define BEST "{metric: train_accuracy, along: train.lr, take: best, by: val_loss}"
#define ABOVE_NOTHING "[{says: it, of: {norm.kind: ln}, minus: {norm.kind: bn}, smallest: 0}]"
#define NEARLY_SAME "[{says: it, of: {norm.kind: ln}, minus: {norm.kind: bn}, margin: 1}]"
#define TWO .kinds = 2, .widths = 1, .points = 3
#define SMALL .question = "small_batch", .base = 0.2

static const struct made_claim claims[] = {
    {{"claims: a difference, no effect, n = 8", SMALL, PLAIN, TWO, .seeds = 8}, ERROR, ONE_DIFFERENCE, IS_FALSE, {0}},
    {{"claims: a difference, just below the smallest effect, n = 5", SMALL, PLAIN, TWO, .seeds = 5, .change = {{1.99}}},
     ERROR,
     ONE_DIFFERENCE,
     IS_FALSE,
     {0}},
    {{"claims: a difference, just below the smallest effect, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{1.99}}},
     ERROR,
     ONE_DIFFERENCE,
     IS_FALSE,
     {0}},
    {{"claims: a difference, just above the smallest effect, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{2.01}}},
     ERROR,
     ONE_DIFFERENCE,
     IS_TRUE,
     {0}},
    {{"claims: a difference the other way, just short of it, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{1.99}}},
     ERROR,
     LESS_DIFFERENCE,
     IS_FALSE,
     {0}},
    {{"claims: a difference, just below, counts, n = 8", SMALL, .values = ITEMWISE, ITEMS_OF, TWO, .seeds = 8,
      .change = {{1.99}}},
     ERROR,
     ONE_DIFFERENCE,
     IS_FALSE,
     {0}},
    {{"claims: a difference, just below, pool, n = 8", SMALL, .values = POOLED, ITEMS_OF, TWO, .seeds = 8,
      .change = {{1.99}}, .effort = 0.5},
     ERROR,
     ONE_DIFFERENCE,
     IS_FALSE,
     {0}},
    {{"claims: a difference, just above, half of the runs fail, n = 8", SMALL, PLAIN, TWO, .seeds = 8,
      .change = {{2.01}}, .fails = {{0.5}}},
     ERROR,
     ONE_DIFFERENCE,
     IS_TRUE,
     {0}},
    {{"claims: sameness, just at the margin, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{1.51}}},
     ERROR,
     SAMENESS,
     IS_FALSE,
     {0}},
    {{"claims: sameness, just within the margin, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{1.49}}},
     ERROR,
     SAMENESS,
     IS_TRUE,
     {0}},
    {{"claims: sameness, no effect, n = 20", SMALL, NARROW, TWO, .seeds = 20}, ERROR, SAMENESS, IS_TRUE, {0}},
    {{"claims: an interaction, just below, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{3.99}, {2}}},
     ERROR,
     INTERACTION,
     IS_FALSE,
     {0}},
    {{"claims: an interaction, just above, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{4.01}, {2}}},
     ERROR,
     INTERACTION,
     IS_TRUE,
     {0}},
    {{"claims: an ordering, one link just short, n = 8", SMALL, PLAIN, .kinds = 5, .widths = 1, .points = 2, .seeds = 8,
      .change = {{0}, {0}, {10}, {11.99}, {25}}},
     ERROR,
     ORDER,
     IS_FALSE,
     {0}},
    {{"claims: an ordering, all links just long enough, n = 8", SMALL, PLAIN, .kinds = 5, .widths = 1, .points = 2,
      .seeds = 8, .change = {{0}, {0}, {2.01}, {4.02}, {6.03}}},
     ERROR,
     ORDER,
     IS_TRUE,
     {0}},
    {{"claims: a trend, just below, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{1.96, 0.98, 0}}},
     ERROR,
     TREND,
     IS_FALSE,
     {0}},
    {{"claims: a trend, just above, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{2.04, 1.02, 0}}},
     ERROR,
     TREND,
     IS_TRUE,
     {0}},
    {{"claims: four parts, all just above, n = 8", SMALL, PLAIN, .kinds = 4, .widths = 1, .points = 3, .seeds = 8,
      .change = {{2.01}, {2.01}, {2.01}, {2.01}}},
     ERROR,
     FOUR,
     IS_TRUE,
     {0}},
    {{"claims: four parts, all true, n = 8", SMALL, NARROW, .kinds = 4, .widths = 1, .points = 3, .seeds = 8,
      .change = {{5}, {5}, {5}, {5}}},
     ERROR,
     FOUR,
     IS_TRUE,
     {0}},
    {{"claims: a trial is missing, n = 8", SMALL, NARROW, .kinds = 4, .widths = 1, .points = 3, .seeds = 8,
      .change = {{5}, {5}, {5}, {5}}, .missing = TRIAL},
     ERROR,
     FOUR,
     IS_TRUE,
     {0}},
    {{"claims: a ratio of rates, just below, half a decade, n = 8", RATES, HALF, .kinds = 2, .widths = 1, .seeds = 8,
      .limit = {-1.5, -1.5 + 0.4771 - 0.001}},
     USABLE,
     RATIO,
     IS_FALSE,
     {0}},
    {{"claims: a ratio of rates, just above, a quarter, n = 8", RATES, QUARTER, .kinds = 2, .widths = 1, .seeds = 8,
      .limit = {-1.5, -1.5 + 0.4771 + 0.001}},
     USABLE,
     RATIO,
     IS_TRUE,
     {0}},
    {{"claims: a ratio of rates of 30, a quarter, n = 8", RATES, QUARTER, .kinds = 2, .widths = 1, .seeds = 8,
      .limit = {-2.0, -0.52}},
     USABLE,
     RATIO,
     IS_TRUE,
     {0}},
    {{"claims: the best of each rate, no effect, n = 8", RATES, QUARTER, .kinds = 2, .widths = 1, .seeds = 8,
      .limit = {-1.3, -1.3}, .late = 0.5, .by_loss = true, .effort = 0.5},
     BEST,
     ABOVE_NOTHING,
     IS_FALSE,
     {0}},
    {{"claims: the best of each rate, the same, n = 8", RATES, QUARTER, .kinds = 2, .widths = 1, .seeds = 8,
      .limit = {-1.3, -1.3}, .late = 0.5, .by_loss = true, .effort = 0.2},
     BEST,
     NEARLY_SAME,
     IS_TRUE,
     {0}},
    {{"claims: a hinge of four values, just below at each, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{1.99}}},
     ERROR,
     ONE_DIFFERENCE,
     IS_FALSE,
     {3, {1.99, 1.99, 1.99}}},
    {{"claims: a hinge of four values, no effect, n = 8", SMALL, PLAIN, TWO, .seeds = 8},
     ERROR,
     ONE_DIFFERENCE,
     IS_FALSE,
     {3, {0}}},
    {{"claims: a hinge, just above at one of four, n = 8", SMALL, PLAIN, TWO, .seeds = 8},
     ERROR,
     ONE_DIFFERENCE,
     IS_TRUE,
     {3, {0, 2.01, 0}}},
    {{"claims: a hinge, 5 points at one of four, n = 8", SMALL, PLAIN, TWO, .seeds = 8},
     ERROR,
     ONE_DIFFERENCE,
     IS_TRUE,
     {3, {0, 0, 5}}},
    {{"claims: a hinge, the opposite but at one of four, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{-5}}},
     ERROR,
     ONE_DIFFERENCE,
     IS_TRUE,
     {3, {-5, -5, 2.01}}},
    {{"claims: a hinge of four, sameness at its margin, n = 8", SMALL, PLAIN, TWO, .seeds = 8, .change = {{1.51}}},
     ERROR,
     SAMENESS,
     IS_FALSE,
     {3, {1.51, 1.51, 1.51}}},
};
enum { CLAIMS = sizeof claims / sizeof *claims };

struct tally {
    int sweeps, verdicts[NL_INCOMPLETE + 1], false_verdicts, controls, held;
    int sames, false_sames; /* of a part at one rate for all, which is as true as the part */
};

/* What one draw of a claim is judged from: its own results, those of its control, and those at other values of its hinge;
 * each with seeds of its own, but for a control with a handicap. */
enum { OWN, CONTROL, HINGE, DRAWS = HINGE + 3 };
static const char *const streams[DRAWS] = {"", ", other seeds", ", hinge 1", ", hinge 2", ", hinge 3"};

static void draw_results(const struct scenario *s, const struct truth *truth, const struct nl_experiment *experiment,
                         const struct plan *plan, int index, const char *seeds, struct nl_results *out)
{
    static struct sweep sweep;
    static struct truth conditional;
    char *stream = nl_format("%s%s", s->name, seeds);
    struct draw draw = draw_of(stream, (uint64_t)index);
    draw_sweep(s, truth, &draw, &sweep, &conditional);
    results_of(s, &sweep, experiment, plan, out);
    free(stream);
}

static void judge_one(const struct made_claim *made, const struct nl_experiment *experiment,
                      const struct nl_results results[DRAWS], struct tally *tally)
{
    const struct nl_published *published = experiment->published;
    struct nl_evidence evidence[DRAWS], *control = nl_alloc((size_t)published->parts, sizeof *control);
    struct nl_outcome outcome = {0};
    struct nl_error err;
    for (int i = 0; i < DRAWS; i++)
        evidence[i] = (struct nl_evidence){.experiment = experiment, .results = &results[i]};
    for (int i = 0; i < published->parts; i++)
        if (nl_part_needs_control(published, i))
            control[i] = evidence[CONTROL];
    const struct nl_claim_evidence all = {
        .main = evidence[OWN], .control = control, .hinge = made->hinge.values ? &evidence[HINGE] : NULL};
    ck_assert_int_eq(nl_outcome_judge(published, &all, 0.95, false, &outcome, &err), NL_OK);
    int held = 0;
    for (int i = 0; i < outcome.controls; i++)
        held += outcome.control[i].claim.verdict == NL_SUPPORTED;
    for (int i = 0; i < outcome.sames; i++) {
        tally->sames++;
        tally->false_sames +=
            outcome.same[i].claim.verdict == (made->fact == IS_TRUE ? NL_NOT_SUPPORTED : NL_SUPPORTED);
    }
    tally->controls += outcome.controls > 0;
    tally->held += held > 0;
    tally->verdicts[outcome.verdict]++;
    bool denied = false;
    for (int i = 0; i < outcome.parts; i++)
        denied |= outcome.part[i].over_hinge == NL_PART_OPPOSITE || outcome.part[i].over_hinge == NL_PART_EQUIVALENT ||
                  outcome.part[i].over_hinge == NL_PART_NOT_FOUND;
    tally->false_verdicts += made->fact == IS_TRUE ? denied : outcome.verdict == NL_REPRODUCED;
    ck_assert(outcome.verdict != NL_REPRODUCED || held == 0);
    for (int i = 0; i < outcome.parts; i++) /* what needs a missing trial is open */
        ck_assert(made->sweep.missing == WHOLE || i != 1 || outcome.part[i].claim.verdict == NL_INCONCLUSIVE);
    nl_outcome_release(&outcome);
    free(control);
}

/* Takes the second arm of a sameness well away: an error of six points more, or no rate that is usable. */
static void add_handicap(struct scenario *s)
{
    for (int m = 0; m < METHODS; m++)
        s->limit[m] = -9.0;
    s->change[0][s->points - 1] += 6.0;
}

static void simulate(const struct made_claim *made, const struct nl_experiment *experiment, struct tally *tally)
{
    struct scenario at[DRAWS];
    static struct truth truth[DRAWS];
    struct plan plan;
    int draws = HINGE + made->hinge.values;
    bool handicapped = nl_part_has_handicap(&experiment->published->part[0]);
    plan_of(&made->sweep, &plan);
    memset(truth, 0, sizeof truth);
    for (int i = 0; i < draws; i++) {
        at[i] = made->sweep;
        if (i >= HINGE)
            at[i].change[0][0] = made->hinge.change[i - HINGE];
        if (i == CONTROL && handicapped)
            add_handicap(&at[i]);
        truth_of(&at[i], &truth[i]);
    }
    *tally =
        (struct tally){.sweeps = (int)(sweeps_of_a_scenario * (made->sweep.effort > 0.0 ? made->sweep.effort : 1.0))};
    for (int i = 0; i < tally->sweeps; i++) {
        struct nl_results results[DRAWS];
        for (int d = 0; d < draws; d++)
            draw_results(&at[d], &truth[d], experiment, &plan, i, streams[handicapped && d == CONTROL ? OWN : d],
                         &results[d]);
        judge_one(made, experiment, results, tally);
        for (int d = 0; d < draws; d++)
            nl_results_release(&results[d]);
    }
    plan_release(&plan);
}

START_TEST(verdicts_are_true)
{
    const struct made_claim *made = &claims[_i];
    if (!is_wanted(made->sweep.name))
        return;
    struct nl_experiment experiment;
    struct tally tally;
    char *folder = scratch_make(),
         *claim = nl_format(
             "claim:\n  says: a\n  source: b\n  measure: %s\n  parts: %s\n%s", made->measure, made->parts,
             made->hinge.values ? "  objections: [{says: c, hinge: norm.eps, here: 1e-5, values: [1e-4, 1e-3, "
                                  "1e-2], source: d}]\n"
                                : "");
    load(&made->sweep, claim, folder, &experiment);
    simulate(made, &experiment, &tally);
    scratch_remove(folder);
    free(claim);
    double bound = 0.05 + 3.0 * sqrt(0.05 * 0.95 / tally.sweeps), share = 100.0 / tally.sweeps;
    printf("| %-62s | %6d | %5.1f | %5.1f | %5.1f | %5.1f | %5.1f | %5.1f | %5.1f | %5.1f |", made->sweep.name,
           tally.sweeps, share * tally.verdicts[NL_REPRODUCED], share * tally.verdicts[NL_PARTLY_REPRODUCED],
           share * tally.verdicts[NL_CONTRADICTED], share * tally.verdicts[NL_NOT_FOUND_HERE],
           share * tally.verdicts[NL_UNDECIDED], share * tally.false_verdicts, 100.0 * bound, share * tally.held);
    printf(tally.sames ? " %5.1f |\n" : "     - |\n", 100.0 * tally.false_sames / tally.sames);
    fflush(stdout);
    ck_assert_int_eq(tally.sames, strstr(made->measure, "take: best") ? tally.sweeps : 0);
    ck_assert_msg(tally.false_sames <= bound * tally.sweeps, "false at one rate for all: %d of %d", tally.false_sames,
                  tally.sames);
    ck_assert_msg(tally.false_verdicts <= bound * tally.sweeps, "false verdicts: %d of %d", tally.false_verdicts,
                  tally.sweeps);
    ck_assert_msg(tally.held <= bound * tally.sweeps, "controls that held: %d of %d", tally.held, tally.sweeps);
    ck_assert_int_eq(tally.controls, tally.sweeps);
}
END_TEST

int main(int argc, char **argv)
{
    (void)argc;
    sweeps_of_a_scenario = is_long_form() ? 5000 : 200;
    printf("| %-62s | sweeps | repr. | part. | contr.| not f.| open  | false | bound | ctrl. | same  |\n", "scenario");
    printf("|%.64s|-------:|------:|------:|------:|------:|------:|------:|------:|------:|------:|\n",
           "----------------------------------------------------------------");
    return run_scenarios("simulation of claims", verdicts_are_true, CLAIMS, argv);
}

/* From what was read of the runs to what is known of each part. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "claims/identity.h"
#include "claims/outcome.h"
#include "stats/distribution.h"

enum { MOST_SEEDS = 1000 /* more are no advice */ };

static bool is_formula(const struct nl_published_part *part)
{
    return part->identity != NL_NO_IDENTITY;
}

bool nl_part_needs_control(const struct nl_published *published, int index)
{
    const struct nl_published_part *part = &published->part[index];
    bool first = true;
    for (int i = 0; i < index; i++)
        first &= !nl_part_has_smallest(&published->part[i]);
    return nl_part_has_smallest(part)     ? first
           : part->kind == NL_EQUIVALENCE ? nl_part_has_handicap(part)
                                          : !is_formula(part);
}

bool nl_part_has_handicap(const struct nl_published_part *part)
{
    return part->kind == NL_EQUIVALENCE && !part->slope;
}

/* ---- numbers, seed by seed ---- */

/* A contrast: what is known of each seed, and of its two halves (of - minus, less.of - less.minus). */
struct contrast {
    int seeds;
    struct nl_range *at;         /* [seeds] */
    double *half[2];             /* [seeds]: of an interaction; where numbers are known exactly */
    double *side[2];             /* [seeds]: of the first two sides; NaN: not known exactly */
    bool apart;                  /* imported runs that are no pairs: the two sides are compared as they are */
    double mean[NL_SIDES];       /* of the seeds, likewise */
    const struct nl_cell **cell; /* [cells]: all that were read, of the first side before the others */
    int cells, of_first;
    unsigned char *at_end; /* [seeds]: bit 0 where all sides are at 0, bit 1 where all are at 1 */
};

static struct contrast contrast_make(const struct nl_evidence *first, const struct nl_evidence *second)
{
    struct contrast out = {.seeds = first->results->seeds};
    size_t most = NL_SIDES * ((size_t)first->results->cells + (size_t)(second ? second->results->cells : 0));
    out.at = nl_alloc((size_t)out.seeds, sizeof *out.at);
    out.half[0] = nl_alloc((size_t)out.seeds, 4 * sizeof *out.half[0]);
    out.half[1] = out.half[0] + out.seeds;
    for (int side = 0; side < 2; side++)
        out.side[side] = out.half[1] + (side + 1) * out.seeds;
    out.cell = nl_alloc(most + 1, sizeof *out.cell);
    out.at_end = nl_alloc((size_t)out.seeds, 1);
    memset(out.at_end, 3, (size_t)out.seeds);
    return out;
}

static void contrast_release(struct contrast *contrast)
{
    free(contrast->at);
    free(contrast->half[0]);
    free((void *)contrast->cell);
    free(contrast->at_end);
}

/* Adds a side's numbers, with its sign; of another sweep they belong to the seeds in order. */
static void add_side(struct contrast *out, const struct nl_published_part *part, int side, double sign,
                     const struct nl_evidence *evidence)
{
    int seeds = evidence->results->seeds;
    struct nl_range *at = nl_alloc((size_t)(seeds > out->seeds ? seeds : out->seeds), sizeof *at);
    nl_side_spans(part, side, evidence, at, out->cell, &out->cells);
    if (out->of_first == 0)
        out->of_first = out->cells;
    for (int seed = 0; seed < out->seeds; seed++) {
        struct nl_range span = seed < seeds ? at[seed] : (struct nl_range){NAN, NAN};
        out->at[seed].low += sign > 0.0 ? span.low : -span.high;
        out->at[seed].high += sign > 0.0 ? span.high : -span.low;
        out->half[side / 2][seed] += (side % 2 ? -1.0 : 1.0) * span.low;
        if (side < 2)
            out->side[side][seed] = span.low == span.high ? span.low : NAN;
        out->mean[side] += span.low / out->seeds;
        out->at_end[seed] &= (unsigned char)((span.low == 0.0) | (span.low == 1.0) << 1);
    }
    free(at);
}

/* The part's own contrast. */
static void read_part(struct contrast *out, const struct nl_published_part *part, const struct nl_evidence *evidence)
{
    for (int side = 0; side < part->sides; side++)
        add_side(out, part, side, nl_side_signs[side], evidence);
}

/* The first of its terms (`of`, or of - minus of an interaction), less the same with other seeds. */
static void read_null(struct contrast *out, const struct nl_published_part *part, const struct nl_evidence *evidence,
                      const struct nl_evidence *other)
{
    int sides = part->kind == NL_INTERACTION ? 2 : 1;
    for (int side = 0; side < sides; side++)
        add_side(out, part, side, nl_side_signs[side], evidence);
    for (int side = 0; side < sides; side++)
        add_side(out, part, side, -nl_side_signs[side], other);
}

/* ---- estimates ---- */

/* Estimates from the least that is known, from the largest, and from what lies between; NaN means where an end is
 * open. */
struct bounds {
    struct nl_estimate low, high, centre;
};

static double mean_of(const double *values, int count)
{
    return nl_estimate(values, count, NL_SCALE_REAL, &(struct nl_sampling){0}, NL_INTERVAL_T, 0.95).mean;
}

/* The estimate from runs that are no pairs, at all of its ends. */
static struct bounds estimate_apart(const struct contrast *contrast, const struct nl_part_scale *scale, double level)
{
    struct nl_estimate of =
        nl_estimate_apart(contrast->side[0], contrast->side[1], contrast->seeds,
                          scale->share ? NL_SCALE_DIFFERENCE : NL_SCALE_REAL, &scale->sampling, level);
    return (struct bounds){of, of, of};
}

static struct bounds estimate(const struct contrast *contrast, const struct nl_published_part *part,
                            const struct nl_part_scale *scale, double level)
{
    int seeds = contrast->seeds, count = 0;
    double *low = nl_alloc((size_t)seeds, 3 * sizeof *low), *high = low + seeds, *centre = high + seeds;
    bool open[2] = {false, false};
    for (int seed = 0; seed < seeds; seed++) {
        struct nl_range at = contrast->at[seed];
        if (isnan(at.low) || isnan(at.high) || (isinf(at.low) && isinf(at.high)))
            continue;
        low[count] = at.low;
        high[count] = at.high;
        centre[count++] = isinf(at.low) ? at.high : isinf(at.high) ? at.low : 0.5 * (at.low + at.high);
        open[0] |= isinf(at.low);
        open[1] |= isinf(at.high);
    }
    bool difference = scale->share && part->sides == 2 && !part->slope;
    struct nl_sampling sampling = scale->sampling;
    if (!difference && scale->share && sampling.samples > 0)
        sampling.floor = part->slope
                             ? nl_counting_sd(scale->range * mean_of(centre, count), sampling.samples) / scale->range
                             : hypot(nl_counting_sd(mean_of(contrast->half[0], seeds), sampling.samples),
                                     nl_counting_sd(mean_of(contrast->half[1], seeds), sampling.samples));
    else if (scale->step > 0.0)
        sampling.floor = scale->step * sqrt(part->sides / 12.0);
    enum nl_scale kind = difference ? NL_SCALE_DIFFERENCE : NL_SCALE_REAL;
    struct bounds out;
    const struct nl_estimate nothing = {.mean = NAN, .sd = NAN, .se = NAN, .median = NAN, .lower = NAN, .upper = NAN};
    out.low = open[0] ? nothing : nl_estimate(low, count, kind, &sampling, NL_INTERVAL_T, level);
    out.high = open[1] ? nothing : nl_estimate(high, count, kind, &sampling, NL_INTERVAL_T, level);
    out.centre = nl_estimate(centre, count, kind, &sampling, NL_INTERVAL_T, level);
    free(low);
    return out;
}

/* Which side of the threshold the effect lies on, and how sure that is: the one test of a part. */
static void test_part(struct nl_claim *claim, const struct nl_published_part *part, double threshold,
                      const struct bounds *bounds)
{
    double centre = bounds->centre.mean, sign = part->fewer ? -1.0 : 1.0, p;
    bool equivalence = part->kind == NL_EQUIVALENCE, same = equivalence && fabs(centre) < threshold;
    double from = equivalence ? copysign(threshold, centre) : sign * threshold;
    bool above = equivalence ? centre > 0.0 : (sign * centre >= threshold) == (sign > 0.0);
    if (same) {
        bool known = fabs(bounds->low.mean) < threshold && fabs(bounds->high.mean) < threshold;
        p = known ? fmax(nl_equivalence_p(&bounds->low, threshold), nl_equivalence_p(&bounds->high, threshold)) : 1.0;
    } else {
        p = nl_beyond_p(above ? &bounds->low : &bounds->high, NULL, 0, from, above ? 1.0 : -1.0, false);
    }
    if (isnan(p) && claim->effect.n >= 2)
        p = 1.0;
    claim->expected = equivalence ? NL_FOUND_SAME : part->fewer ? NL_FOUND_LESS : NL_FOUND_MORE;
    claim->points = above ? NL_FOUND_MORE : NL_FOUND_LESS;
    claim->beyond = true;
    bool apart = claim->effect.first_n > 0;
    claim->test[same ? NL_AGREES : NL_REACHES] = (struct nl_asked_test){same    ? "two one-sided t"
                                                                        : apart ? "Welch t"
                                                                                : "paired t",
                                                                        p, NAN};
}

/* Whether the part is asked for sameness, and the estimate points to it. */
static bool points_to_sameness(const struct nl_claim *claim)
{
    return claim->test[NL_AGREES].name != NULL;
}

/* The exact test in place of t, of numbers that are known exactly. */
static void test_exactly(struct nl_claim *claim, const struct nl_published_part *part, double threshold,
                         const struct contrast *contrast)
{
    double *moved = nl_alloc((size_t)contrast->seeds, sizeof *moved);
    bool above = claim->points == NL_FOUND_MORE;
    double from = part->kind == NL_EQUIVALENCE ? (above ? threshold : -threshold)
                  : part->fewer                ? -threshold
                                               : threshold;
    for (int seed = 0; seed < contrast->seeds; seed++)
        moved[seed] = above ? contrast->at[seed].low - from : contrast->at[seed].high - from;
    struct nl_asked_test *test = &claim->test[NL_REACHES];
    if (test->p < 1.0)
        test->p = nl_sign_flip_p(moved, contrast->seeds);
    test->name = "exact sign flip";
    claim->exact = true;
    free(moved);
}

/* The number of pairs at which an interval around the estimate would be narrower than `distance`, if its spread stayed;
 * 0: MOST_SEEDS are too few. */
static int pairs_for(double distance, const struct nl_estimate *estimate, double tail, double overlap)
{
    double spread = estimate->se / sqrt(1.0 / estimate->n + overlap);
    int few = NL_LEAST_PAIRS - 1,
        enough = MOST_SEEDS + 1; /* what is narrow enough lies above the first, at the latest at the second */
    while (enough - few > 1) {
        int n = (few + enough) / 2;
        bool narrow = nl_t_quantile(1.0 - tail, n - 1) * spread * sqrt(1.0 / n + overlap) < distance;
        few = narrow ? few : n;
        enough = narrow ? n : enough;
    }
    return enough <= MOST_SEEDS ? enough : 0;
}

/* What it would take, at the level of one of `tests`. */
static char *what_decides(const struct nl_claim *claim, const struct nl_published_part *part,
                          const struct bounds *bounds, double threshold, const struct nl_part_scale *scale,
                          double level, int tests)
{
    bool same = points_to_sameness(claim), above = !same && claim->points == NL_FOUND_MORE;
    double from = part->kind != NL_EQUIVALENCE ? (part->fewer ? -threshold : threshold)
                  : above                      ? threshold
                                               : -threshold;
    double risk = (1.0 - level) / tests, tail = same ? risk : 0.5 * risk,
           overlap = scale->sampling.overlap / (1.0 - scale->sampling.overlap);
    const struct nl_estimate *end = above                                                  ? &bounds->low
                                    : same && fabs(bounds->low.mean) > fabs(bounds->high.mean) ? &bounds->low
                                                                                           : &bounds->high;
    double distance = same ? threshold - fabs(end->mean) : fabs(end->mean - from),
           known = same ? threshold - fabs(bounds->centre.mean) : fabs(bounds->centre.mean - from);
    bool beyond = same || (above ? end->mean > from : end->mean < from);
    int now = claim->effect.n, seeds = beyond ? pairs_for(distance, end, tail, overlap) : 0,
        without_grid = pairs_for(known, &bounds->centre, tail, overlap);
    if (!(seeds > 0 && seeds <= 2 * now) && without_grid > 0 && bounds->low.mean != bounds->high.mean)
        return nl_format("a finer or wider grid%s: more seeds alone do not narrow the gaps between its points",
                         without_grid > now ? " and more seeds" : "");
    if (seeds > 0)
        return nl_format("about %d seeds instead of %d, if effect and spread stay the same", seeds, now);
    return overlap > 0.0 && pairs_for(distance, end, tail, 0.0) > 0
               ? nl_strdup("a larger test part: more seeds do not make up for test parts that overlap")
               : nl_format("more than %d seeds: the effect is too close to the threshold", MOST_SEEDS);
}

/* ---- obstacles ---- */

static void count_runs(struct nl_claim *claim, const struct contrast *contrast, const struct nl_reading *reading)
{
    bool at_start = nl_reads_first_step(reading);
    for (int i = 0; i < contrast->cells; i++) {
        int side = i >= contrast->of_first;
        claim->runs[side] += contrast->cell[i]->trials;
        claim->failed[side] += contrast->cell[i]->failed - (at_start ? contrast->cell[i]->dead : 0);
    }
}

/* Whether runs of other seeds are compared: then there are no pairs. */
static bool are_apart(const struct contrast *contrast, const struct nl_results *results)
{
    bool apart = false;
    for (int i = 1; i < contrast->cells; i++)
        apart |= !nl_cells_pair(results, contrast->cell[0], contrast->cell[i]);
    return apart;
}

/* Failed runs are what some measures count; of shares they count at chance. Losses they have not, and sameness is not
 * found among them. */
static void need_runs(struct nl_claim *claim, const struct nl_published_part *part, const struct nl_part_scale *scale,
                      const struct contrast *contrast, const struct nl_results *results)
{
    int failed = claim->failed[0] + claim->failed[1];
    bool counted = part->reading.along || !isnan(part->reading.target) || (nl_reads_first_step(&part->reading));
    if (are_apart(contrast, results) && !contrast->apart)
        claim->obstacle = nl_strdup("its runs do not have the same seeds, and this measure is judged by pairs");
    nl_claim_need_cells(claim, contrast->cell, contrast->cells);
    if (!claim->obstacle && failed && !counted && !scale->share)
        claim->obstacle = nl_format("%d of its runs failed, and failed runs have no %s to compare", failed,
                                    part->reading.tensor ? "tensors" : "loss");
    else if (!claim->obstacle && failed && !counted && points_to_sameness(claim))
        claim->obstacle = nl_format("%d of its runs failed", failed);
    bool of_failures = part->reading.along && part->reading.take == NL_TAKE_FAILED;
    int at_end[2] = {0};
    for (int seed = 0; seed < contrast->seeds; seed++)
        for (int end = 0; end < 2; end++)
            at_end[end] += contrast->at_end[seed] >> end & 1;
    if (scale->share && !of_failures)
        nl_claim_need_room(claim, at_end, contrast->seeds);
}

/* ---- judgements ---- */

/* How many values of its hinge the claim is judged at, besides the one that the protocol has. */
static int other_values(const struct nl_published *published)
{
    return published->hinge ? published->hinge->hinge.values.count : 0;
}

/* The largest deviation between two runs of the same seed; a seed without numbers is an obstacle. */
static void judge_runs_identity(struct nl_judged *out, const struct contrast *contrast)
{
    int compared = 0;
    out->deviation = 0.0;
    for (int seed = 0; seed < contrast->seeds; seed++)
        if (!isnan(contrast->at[seed].low)) {
            out->deviation = fmax(out->deviation, fabs(contrast->at[seed].low));
            compared++;
        }
    nl_claim_need_cells(&out->claim, contrast->cell, contrast->cells);
    if (!out->claim.obstacle && compared < contrast->seeds)
        out->claim.obstacle =
            nl_format("%d of %s of runs %s no value", contrast->seeds - compared, NL_COUNT(contrast->seeds, "pair"),
                      nl_agree(contrast->seeds - compared, "has", "have"));
    out->claim.effect.n = compared;
}

static void judge_identity(struct nl_judged *out)
{
    out->claim.verdict = out->claim.obstacle                      ? NL_INCONCLUSIVE
                         : out->deviation <= out->part->threshold ? NL_SUPPORTED
                                                                  : NL_NOT_SUPPORTED;
}

/* How parts are judged. */
struct rules {
    double level;
    bool exact; /* by the sign-flip test */
    int family; /* that p-values are adjusted over */
};

/* What is tested of a contrast; shift: a handicap, in the numbers that are read. */
static void weigh(struct nl_judged *out, struct contrast *contrast, const struct nl_evidence *evidence,
                  const struct rules *rules, double shift)
{
    const struct nl_published_part *part = out->part;
    struct nl_claim *claim = &out->claim;
    struct nl_part_scale scale = nl_part_scale(part, evidence);
    double threshold = nl_part_threshold(part, &scale);
    for (int seed = 0; seed < contrast->seeds; seed++) {
        contrast->at[seed].low += shift;
        contrast->at[seed].high += shift;
    }
    count_runs(claim, contrast, &part->reading);
    if (part->kind == NL_IDENTITY) {
        judge_runs_identity(out, contrast);
        return;
    }
    contrast->apart = part->sides == 2 && !part->slope && !part->reading.along && isnan(part->reading.target) &&
                      are_apart(contrast, evidence->results);
    for (int side = 0; side < 2 && contrast->apart; side++)
        contrast->mean[side] = mean_of(contrast->side[side], contrast->seeds);
    struct bounds bounds = contrast->apart ? estimate_apart(contrast, &scale, rules->level)
                                           : estimate(contrast, part, &scale, rules->level);
    claim->scale = scale.scale;
    claim->unit = scale.unit;
    claim->effect = bounds.centre;
    if (scale.fixed && scale.share && !out->control && part->sides == 2 && !part->slope)
        claim->other_part = nl_normal_quantile(0.5 * (1.0 + rules->level)) *
                            nl_test_part_sd(contrast->mean[1], contrast->mean[0], scale.sampling.samples);
    claim->effect.lower = isnan(bounds.low.mean) ? -INFINITY : bounds.low.lower;
    claim->effect.upper = isnan(bounds.high.mean) ? INFINITY : bounds.high.upper;
    out->lower = claim->effect.lower;
    out->upper = claim->effect.upper;
    out->smallest = threshold;
    double half = 0.5 * (out->upper - out->lower);
    out->moved = claim->other_part > 0 && isfinite(half) ? hypot(half, claim->other_part) - half : 0;
    if (scale.share && part->sides == 2 && !part->slope && nl_part_has_smallest(part))
        out->room = part->fewer ? contrast->mean[1] : 1 - contrast->mean[1];
    test_part(claim, part, threshold, &bounds);
    if (rules->exact && !contrast->apart && !points_to_sameness(claim))
        test_exactly(claim, part, threshold, contrast);
    need_runs(claim, part, &scale, contrast, evidence->results);
    nl_claim_need_pairs(claim, &(struct nl_rule){.exact = claim->exact});
    if (scale.ratio) {
        claim->effect.mean = exp(claim->effect.mean);
        claim->effect.median = exp(claim->effect.median);
        claim->effect.lower = exp(claim->effect.lower);
        claim->effect.upper = exp(claim->effect.upper);
    }
    if (!claim->obstacle && !contrast->apart)
        out->decides = what_decides(claim, part, &bounds, threshold, &scale, rules->level, rules->family);
}

static struct nl_judged judged_of(const struct nl_published_part *part)
{
    return (struct nl_judged){.part = part,
                              .cell = part->cell,
                              .deviation = NAN,
                              .room = NAN,
                              .claim = {.scale = 1.0, .unit = "", .rate = NAN, .seen_from = NAN}};
}

/* All of them as one family; returns its tests. What is sure needs nothing to decide it. */
static int judge_family(struct nl_judged *judged, int count, double level)
{
    struct nl_claim *claim = nl_alloc((size_t)count + 1, sizeof *claim);
    for (int i = 0; i < count; i++)
        claim[i] = judged[i].claim;
    int tests = nl_claims_judge(claim, count, NL_HOLM, level);
    for (int i = 0; i < count; i++) {
        judged[i].claim = claim[i];
        if (judged[i].part->kind == NL_IDENTITY)
            judge_identity(&judged[i]);
        judged[i].finding = judged[i].over_hinge = nl_part_find(&judged[i]);
        if (judged[i].claim.verdict != NL_INCONCLUSIVE || judged[i].claim.obstacle) {
            free(judged[i].decides);
            judged[i].decides = NULL;
        }
    }
    free(claim);
    return tests;
}

static int judge_formula(struct nl_judged *out, bool perturbed, struct nl_error *err)
{
    return nl_identity_deviation(out->part->identity, out->part->device, perturbed, &out->deviation, err);
}

/* The part from these runs. */
static void judge_contrast(struct nl_judged *out, const struct nl_evidence *evidence, const struct rules *rules)
{
    struct contrast contrast = contrast_make(evidence, NULL);
    read_part(&contrast, out->part, evidence);
    weigh(out, &contrast, evidence, rules, 0.0);
    contrast_release(&contrast);
}

static int judge_part(struct nl_judged *out, const struct nl_claim_evidence *evidence, const struct rules *rules,
                      struct nl_error *err)
{
    if (is_formula(out->part))
        return judge_formula(out, false, err);
    judge_contrast(out, &evidence->main, rules);
    return NL_OK;
}

/* The part at other values of the hinge, where its cells name those values. */
static void judge_hinge(struct nl_outcome *out, int index, const struct nl_evidence *evidence,
                        const struct rules *rules)
{
    const struct nl_published *published = out->published;
    for (int v = 0; v < other_values(published) && !is_formula(&published->part[index]); v++) {
        struct nl_judged *judged = &out->hinge[out->hinged++];
        *judged = judged_of(&evidence[v].experiment->published->part[index]);
        judge_contrast(judged, &evidence[v], rules);
        judged->part = &published->part[index];
        judged->at = published->hinge->hinge.values.at[v];
        out->hinge_one_part |= nl_part_scale(judged->part, &evidence[v]).fixed;
    }
}

/* The control of a part; false: it has none. */
static int judge_control(struct nl_judged *out, int index, const struct nl_claim_evidence *evidence,
                         const struct rules *rules, bool *there, struct nl_error *err)
{
    const struct nl_published_part *part = out->part;
    const struct nl_evidence *main = &evidence->main, *other = evidence->control ? &evidence->control[index] : NULL;
    bool added = part->kind == NL_EQUIVALENCE && !nl_part_has_handicap(part);
    *there = is_formula(part) || added || (other && other->results);
    if (!*there)
        return NL_OK;
    if (is_formula(part)) {
        out->control = nl_identity_disturbance(part->identity);
        return judge_formula(out, true, err);
    }
    struct contrast contrast = contrast_make(main, other && other->results ? other : NULL);
    double handicap = 0.0;
    if (added) {
        struct nl_part_scale scale = nl_part_scale(part, main);
        double sum = 0.0;
        out->control = "with twice the margin added to the slope";
        read_part(&contrast, part, main);
        for (int seed = 0; seed < contrast.seeds; seed++)
            sum += isfinite(contrast.at[seed].low) ? contrast.at[seed].low : 0.0;
        handicap = copysign(2.0 * nl_part_threshold(part, &scale),
                            sum); /* away from 0: towards it, it would hide a difference */
    } else if (part->kind == NL_IDENTITY || part->kind == NL_EQUIVALENCE) {
        out->control = part->kind == NL_IDENTITY                     ? "with the settings of the control on one side"
                       : main->experiment->published->handicap.count ? "with the claim's handicap on one side"
                                                                     : "with a tenth of the training on one side";
        add_side(&contrast, part, 0, 1.0, main);
        add_side(&contrast, part, 1, -1.0, other);
    } else {
        out->control = "against itself with other seeds";
        read_null(&contrast, part, main, other);
    }
    weigh(out, &contrast, main, rules, handicap);
    contrast_release(&contrast);
    return NL_OK;
}

/* The part with one value for all sides of the key along which it takes the best; false: there is none. */
static bool judge_same(struct nl_judged *out, const struct nl_evidence *evidence, const struct rules *rules)
{
    const struct nl_published_part *part = out->part;
    bool room = true; /* for one more key in each cell */
    for (int side = 0; side < part->sides; side++)
        room &= part->cell[side].keys < NL_LIST_MAX;
    int level = room && nl_takes_best(&part->reading) ? nl_same_level(part, evidence) : -1;
    if (level < 0)
        return false;
    const char *along = part->reading.along->name;
    const struct nl_factor *factor =
        &evidence->results->factor[NL_FOUND(nl_results_factor(evidence->results, along), "a factor '%s'", along)];
    struct nl_published_part at = *part;
    at.reading.along = NULL;
    for (int side = 0; side < at.sides; side++) {
        struct nl_match *cell = &at.cell[side];
        cell->key[cell->keys] = factor->key;
        cell->values[cell->keys++] = (struct nl_word_list){.count = 1, .at = &factor->value[level]};
    }
    out->part = &at;
    judge_contrast(out, evidence, rules);
    out->part = part;
    out->same = nl_strdup(factor->value[level]);
    return true;
}

/* ---- a claim ---- */

int nl_outcome_judge(const struct nl_published *published, const struct nl_claim_evidence *evidence, double level,
                     bool exact, struct nl_outcome *out, struct nl_error *err)
{
    int values = evidence->hinge ? other_values(published) : 0, parts = published->parts;
    const struct rules rules = {level, exact, parts * (1 + values)}, alone = {level, exact, 1};
    int status = NL_OK;
    out->published = published;
    out->level = level;
    out->part = nl_alloc((size_t)parts * (size_t)(1 + values), sizeof *out->part);
    out->hinge = out->part + parts; /* they are one family */
    out->control = nl_alloc((size_t)parts, sizeof *out->control);
    out->same = nl_alloc((size_t)parts, sizeof *out->same);
    for (int i = 0; i < parts && status == NL_OK; i++) {
        struct nl_judged *part = &out->part[out->parts++], *control = &out->control[out->controls];
        bool there = false;
        *part = *control = judged_of(&published->part[i]);
        status = judge_part(part, evidence, &rules, err) || judge_control(control, i, evidence, &alone, &there, err)
                     ? NL_FAIL
                     : NL_OK;
        out->controls += there;
        out->same[out->sames] = judged_of(&published->part[i]);
        out->sames += status == NL_OK && judge_same(&out->same[out->sames], &evidence->main, &rules);
        if (status == NL_OK && values)
            judge_hinge(out, i, evidence->hinge, &rules);
        if (status == NL_OK && !is_formula(part->part))
            out->one_part |= nl_part_scale(part->part, &evidence->main).fixed;
    }
    if (status)
        return NL_FAIL;
    out->tests = judge_family(out->part, out->parts + out->hinged, level);
    judge_family(out->same, out->sames, level);
    for (int i = 0; i < out->controls; i++)
        judge_family(&out->control[i], 1, level);
    nl_outcome_conclude(out);
    return NL_OK;
}

static void release_judged(struct nl_judged *judged, int count)
{
    for (int i = 0; i < count; i++) {
        nl_claim_release(&judged[i].claim);
        free(judged[i].decides);
        free(judged[i].same);
    }
}

void nl_outcome_release(struct nl_outcome *outcome)
{
    release_judged(outcome->part, outcome->parts);
    release_judged(outcome->hinge, outcome->hinged);
    release_judged(outcome->control, outcome->controls);
    release_judged(outcome->same, outcome->sames);
    free(outcome->part); /* with those of the hinge */
    free(outcome->control);
    free(outcome->same);
    free(outcome->tried);
    free(outcome->name);
    nl_text_release(&outcome->reason);
    *outcome = (struct nl_outcome){0};
}

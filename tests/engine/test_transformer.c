/* Causal networks: no position sees later ones, in training, in a transformer with any normalizer and placement that is
 * not refused, and in recurrent networks; and what would see is refused, with what to write in place. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"
#include "networks.h"
#include "operation/cross_entropy.h"
#include "suite.h"

enum { POSITIONS = 6, VOCABULARY = 11, SAMPLES = 3, CHANGED = 3 };

static const char *const placements[] = {"pre", "post", "peri", "sandwich", "deepnorm"};
enum { PLACEMENTS = sizeof placements / sizeof *placements };

/* more: words, NULL at the end; a word may be several, with blanks between them. */
static struct nl_config config_of(const char *const *more)
{
    char line[512] = "model.depth=1 model.width=16 model.heads=2 model.activation=gelu norm.groups=2 data.name=text "
                     "train.batch=3 model.arch=transformer";
    const char *words[32];
    int count = 0;
    for (; *more; more++)
        snprintf(line + strlen(line), sizeof line - strlen(line), " %s", *more);
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    return experiment.config;
}

static const struct nl_shape text = {.height = POSITIONS,
                                     .width = 1,
                                     .channels = 1,
                                     .classes = VOCABULARY,
                                     .vocabulary = VOCABULARY,
                                     .target = NL_TARGET_EACH};

/* NULL, or what is wrong with it, where the graph is not there. */
static const char *build(struct nl_graph *graph, const struct nl_config *config, const char **key)
{
    static struct nl_error err;
    int status = nl_model_build(config, text, graph, key, &err);
    if (status != NL_OK)
        nl_graph_release(graph);
    return status == NL_OK ? NULL : err.text;
}

/* The logits of all samples with those ids, in the first step, or in evaluation after it. */
static void read_logits(const struct nl_backend *backend, const struct nl_config *config, enum nl_statistics statistics,
                        const int32_t *ids, double *logits)
{
    struct running run = {0};
    const char *key, *trouble = build(&run.graph, config, &key);
    ck_assert_msg(!trouble, "%s: %s", key, trouble);
    running_start_graph(&run, backend, SAMPLES, 1);
    const struct nl_instruction *loss = run.program.instruction;
    while (loss->operation != &nl_cross_entropy_operation)
        loss++;
    int32_t *to = run.input[0];
    for (int i = 0; i < SAMPLES * POSITIONS && statistics != NL_STATS_TRAIN; i++)
        to[i] = i * 7 % VOCABULARY; /* of another batch */
    if (statistics != NL_STATS_TRAIN)
        running_call(&run, NL_STATS_TRAIN, false);
    memcpy(to, ids, SAMPLES * POSITIONS * sizeof *ids);
    running_call(&run, statistics, false);
    run.backend->get_reals(logits, loss->at.in[0], SAMPLES * POSITIONS * VOCABULARY);
    running_stop(&run);
}

/* Whether some logit of that range of positions of a sample is another. */
static bool differ(const double *a, const double *b, int sample, int first, int end)
{
    size_t at = ((size_t)sample * POSITIONS + (size_t)first) * VOCABULARY;
    return memcmp(a + at, b + at, (size_t)(end - first) * VOCABULARY * sizeof *a) != 0;
}

/* One id of the sample in the middle is another: what changes? */
struct seen {
    bool before, behind;              /* logits of that sample before the position, and from it on */
    bool others_before, others_behind; /* of the other samples */
};

static struct seen change(const struct nl_backend *backend, const struct nl_config *config,
                          enum nl_statistics statistics)
{
    int32_t ids[SAMPLES * POSITIONS];
    double first[SAMPLES * POSITIONS * VOCABULARY], second[SAMPLES * POSITIONS * VOCABULARY];
    for (int i = 0; i < SAMPLES * POSITIONS; i++)
        ids[i] = i * 5 % VOCABULARY;
    read_logits(backend, config, statistics, ids, first);
    ids[POSITIONS + CHANGED] = (ids[POSITIONS + CHANGED] + 1) % VOCABULARY;
    read_logits(backend, config, statistics, ids, second);
    for (int i = 0; i < SAMPLES * POSITIONS * VOCABULARY; i++)
        ck_assert(isfinite(first[i]) && isfinite(second[i]));
    return (struct seen){.before = differ(first, second, 1, 0, CHANGED),
                         .behind = differ(first, second, 1, CHANGED, POSITIONS),
                         .others_before = differ(first, second, 0, 0, CHANGED) || differ(first, second, 2, 0, CHANGED),
                         .others_behind = differ(first, second, 0, CHANGED, POSITIONS) ||
                                          differ(first, second, 2, CHANGED, POSITIONS)};
}

/* Kinds that a causal model may have, that it may be trained with if leaks are allowed, and that it may not have. */
static const char *const free_kinds[] = {"ln",  "rms", "position", "scalenorm", "prms",
                                         "lrn", "dyt", "derf",     "hardtanh",  "none"};
static const char *const batch_kinds[] = {"bn", "brn", "meanbn", "varbn", "l1bn", "maxbn", "mabn", "dbn", "iternorm"};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

#define IS_AMONG(name, names) is_among(name, names, sizeof(names) / sizeof *(names))

/* What is no mistake: that those of other samples from the position on change, or that none does. */
struct expected {
    bool others, blind;
};

static void expect_blind(const char *const *words, enum nl_statistics statistics, struct expected expected)
{
    static const struct nl_backend *const backends[] = {&nl_backend_ref, &nl_backend_cpu};
    const struct nl_config config = config_of(words);
    for (int i = 0; i < 2; i++) {
        struct seen seen = change(backends[i], &config, statistics);
        ck_assert_msg(!seen.before && !seen.others_before && (expected.blind || seen.behind) &&
                          (expected.others || !seen.others_behind),
                      "%s %s %s on %s: positions before %d, after %d; of other samples before %d, after %d", words[0],
                      words[1], words[2], backends[i]->name, seen.before, seen.behind, seen.others_before,
                      seen.others_behind);
    }
}

/* What else a transformer may be. */
static const struct {
    const char *words, *placement; /* NULL: any */
} variants[] = {
    {"model.depth=2 norm.qk=true", NULL},
    {"model.positions=sinusoidal norm.final=on", NULL},
    {"model.positions=rotary norm.qk=true model.tied=true", NULL},
    {"model.tied=true norm.weights=wn norm.weights_init=data", NULL}, /* the head's weight is no layer's own */
    {"model.positions=none norm.final=off", NULL},
    {"model.gated=true model.activation=silu model.dropout=0.3", NULL},
    {"model.bias=off model.residual=skipinit norm.skip=1", NULL},
    {"model.depth=2 model.parallel=true", "pre"},
    {"model.depth=2 norm.depth_scale=true", "pre"},
    {"model.parallel=true norm.depth_scale=true norm.qk=true model.positions=rotary model.gated=true", "pre"},
};

/* In training mode, every kind that is allowed there; in evaluation, those of batches, too. */
START_TEST(no_position_sees_those_behind_it)
{
    char kind[32], placement[40];
    const char *const words[] = {kind, placement, variants[_i].words, "norm.leaks=allow", NULL};
    for (int p = 0; p < PLACEMENTS; p++) {
        if (variants[_i].placement && strcmp(variants[_i].placement, placements[p]) != 0)
            continue;
        snprintf(placement, sizeof placement, "norm.placement=%s", placements[p]);
        for (size_t i = 0; i < sizeof free_kinds / sizeof *free_kinds; i++) {
            snprintf(kind, sizeof kind, "norm.kind=%s", free_kinds[i]);
            expect_blind(words, NL_STATS_TRAIN, (struct expected){0});
        }
        for (size_t i = 0; i < sizeof batch_kinds / sizeof *batch_kinds; i++) {
            snprintf(kind, sizeof kind, "norm.kind=%s", batch_kinds[i]);
            expect_blind(words, NL_STATS_RUNNING, (struct expected){0});
        }
        snprintf(kind, sizeof kind, "norm.kind=custom");
        expect_blind((const char *const[]){kind, placement, variants[_i].words, "norm.sets=[channels/4]", NULL},
                     NL_STATS_TRAIN, (struct expected){0});
    }
}
END_TEST

/* Recurrent networks, whose normalizers see one position at a time: every kind, in training and in evaluation. */
START_TEST(no_state_sees_what_comes_later)
{
    static const char *const archs[] = {"model.arch=lstm", "model.arch=gru", "model.arch=rnn model.activation=tanh"},
                             *const more[] = {"model.depth=2", "norm.time_limit=2 model.dropout=0.3",
                                              "model.stateful=true data.sampling=stream norm.skip=1"};
    for (int k = 0; nl_norms[k]; k++)
        for (int m = 0; m < 3; m++) {
            char kind[64];
            snprintf(kind, sizeof kind, "norm.kind=%s", nl_norms[k]->name);
            const char *name = nl_norms[k]->name, *needs = !strcmp(name, "custom") ? "norm.sets=[channels/4]"
                                                           : !strcmp(name, "cbn")  ? "norm.compensate=false"
                                                                                   : "";
            const char *const words[] = {kind, archs[_i], more[m], needs, NULL};
            const struct nl_config config = config_of(words);
            const struct nl_norm *norm = nl_norm_of(&config);
            bool batch = nl_norm_spans_batch(norm);
            struct expected expected = {
                .blind = strcmp(norm->name, "in") == 0 /* of sets of one element it puts out beta */, .others = batch};
            expect_blind(words, NL_STATS_TRAIN, expected);
            expected.others = batch && !norm->tracks;
            expect_blind(words, NL_STATS_RUNNING, expected);
        }
}
END_TEST

/* The tests above can fail: an encoder sees all, and so do statistics of a batch. */
START_TEST(what_may_see_sees)
{
    static const char *const seeing[][3] = {{"norm.kind=ln", "model.causal=off"}, {"norm.kind=bn", "norm.leaks=allow"}};
    for (int i = 0; i < 2; i++) {
        const struct nl_config config = config_of(seeing[i]);
        struct seen seen = change(&nl_backend_ref, &config, NL_STATS_TRAIN);
        ck_assert(seen.before && seen.behind && seen.others_before == (i == 1) && seen.others_behind == (i == 1));
    }
}
END_TEST

START_TEST(leaks_are_refused)
{
    for (int k = 0; nl_norms[k]; k++) {
        struct nl_graph graph;
        char word[32];
        const char *key, *name = nl_norms[k]->name;
        snprintf(word, sizeof word, "norm.kind=%s", name);
        struct nl_config config = config_of((const char *const[]){word, NULL});
        bool of_batch = IS_AMONG(name, batch_kinds), is_free = IS_AMONG(name, free_kinds);
        bool of_window = !strcmp(name, "cbn"); /* not every normalizer of a transformer has a linear layer in front */
        for (int allowed = 0; allowed < 2; allowed++) {
            config.norm.leaks = allowed ? NL_ALLOW_LEAKS : NL_REFUSE_LEAKS;
            const char *trouble = build(&graph, &config, &key);
            ck_assert_msg(!trouble == (is_free || (allowed && of_batch)), "%s, %s: %s", name,
                          allowed ? "allowed" : "refused", trouble ? trouble : "built");
            if (!trouble)
                nl_graph_release(&graph);
            else
                ck_assert_msg(!strncmp(key, "norm.", 5) &&
                                  (strstr(trouble, "norm.leaks") != NULL) == ((of_batch || of_window) && !allowed),
                              "%s: %s: %s", name, key, trouble);
        }
    }
}
END_TEST

START_TEST(impossible_combinations_say_what_is_possible)
{
    static const struct {
        const char *words[3], *key, *part;
    } rows[] = {
        {{"norm.kind=ln", "norm.over=sample"}, "norm.over", "must be position"},
        {{"norm.kind=ln", "model.heads=3"}, "model.heads", "3 heads do not divide the 16 channels"},
        {{"norm.kind=ln", "model.heads=16", "model.positions=rotary"}, "model.heads", "a head has 1 of them"},
        {{"norm.kind=bn", "norm.leaks=allow", "norm.eval=running,batch"}, "norm.eval", "running or precise"},
        {{"norm.kind=gn", "norm.groups=2"}, "norm.kind", "ln, rms, dyt"},
        {{"norm.kind=ln", "norm.skip=4"}, "norm.skip", "1 to 3"},
        {{"norm.kind=dbn", "norm.leaks=allow", "norm.groups=3"}, "norm.groups", "16 channels"},
        {{"norm.kind=iternorm", "norm.qk=true", "norm.groups=16"}, "norm.groups", "of a head"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nl_graph graph;
        const char *key = "", *words[4] = {rows[i].words[0], rows[i].words[1], rows[i].words[2], NULL};
        struct nl_config config = config_of(words);
        if (strcmp(rows[i].part, "of a head") == 0)
            config.norm.leaks = NL_ALLOW_LEAKS;
        const char *trouble = build(&graph, &config, &key);
        ck_assert_msg(trouble && !strcmp(key, rows[i].key) && strstr(trouble, rows[i].part), "%s: %s: %s", words[1],
                      key, trouble ? trouble : "built");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transformer");
    TCase *tests = tcase_create("transformer");
    tcase_add_loop_test(tests, no_position_sees_those_behind_it, 0, sizeof variants / sizeof *variants);
    tcase_add_loop_test(tests, no_state_sees_what_comes_later, 0, 3);
    tcase_add_test(tests, what_may_see_sees);
    tcase_add_test(tests, leaks_are_refused);
    tcase_add_test(tests, impossible_combinations_say_what_is_possible);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

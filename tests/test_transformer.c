/* Transformers: no position of a causal one sees later ones, with any normalizer and placement that is not refused; and those that would are refused,
 * with what to write in place. */
#include <stdio.h>
#include <string.h>

#include "model/model.h"
#include "networks.h"
#include "operation/cross_entropy.h"
#include "suite.h"

enum { POSITIONS = 6, VOCABULARY = 11, SAMPLES = 3, CHANGED = 3 };

static const char *const placements[] = {"pre", "post", "peri", "sandwich", "deepnorm"};
enum { PLACEMENTS = sizeof placements / sizeof *placements };

static struct nl_config config_of(const char *const *more)
{
    const char *words[16] = {"model.arch=transformer", "model.depth=1", "model.width=16", "model.heads=2", "model.activation=gelu", "norm.groups=2", "data.name=text"};
    int count = 7;
    while (*more)
        words[count++] = *more++;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s", nl_diagnostics_text(&diagnostics));
    return experiment.config;
}

static const struct nl_shape text = {
    .height = POSITIONS, .width = 1, .channels = 1, .classes = VOCABULARY, .vocabulary = VOCABULARY, .target = NL_TARGET_EACH};

/* The logits of all samples with those ids. */
static void read_logits(const struct running *run, enum nl_statistics statistics, const int32_t *ids, double *logits)
{
    const struct nl_instruction *loss = run->list.instruction;
    while (loss->operation != &nl_cross_entropy_operation)
        loss++;
    memcpy(run->input[0], ids, SAMPLES * POSITIONS * sizeof *ids);
    running_call(run, statistics, false);
    run->backend->get_reals(logits, loss->at.in[0], SAMPLES * POSITIONS * VOCABULARY);
}

/* Whether some logit of that range of positions, of all samples in a row, is another. */
static bool differ(const double *a, const double *b, int first, int end)
{
    return memcmp(a + (size_t)first * VOCABULARY, b + (size_t)first * VOCABULARY, (size_t)(end - first) * VOCABULARY * sizeof *a) != 0;
}

/* One id of the sample in the middle is another: what changes? */
struct seen {
    bool before, behind, others; /* logits of that sample before the position and from it on, and of the other samples */
};

static struct seen change(struct nl_graph graph, enum nl_statistics statistics)
{
    struct running run = {.graph = graph};
    int32_t ids[SAMPLES * POSITIONS];
    double first[SAMPLES * POSITIONS * VOCABULARY], second[SAMPLES * POSITIONS * VOCABULARY];
    running_start_graph(&run, &nl_backend_ref, SAMPLES, 1);
    for (int i = 0; i < SAMPLES * POSITIONS; i++)
        ids[i] = i * 5 % VOCABULARY;
    read_logits(&run, NL_STATS_TRAIN, ids, first); /* running statistics begin */
    read_logits(&run, statistics, ids, first);
    ids[POSITIONS + CHANGED] = (ids[POSITIONS + CHANGED] + 1) % VOCABULARY;
    read_logits(&run, statistics, ids, second);
    running_stop(&run);
    return (struct seen){.before = differ(first, second, POSITIONS, POSITIONS + CHANGED),
                         .behind = differ(first, second, POSITIONS + CHANGED, 2 * POSITIONS),
                         .others = differ(first, second, 0, POSITIONS) || differ(first, second, 2 * POSITIONS, SAMPLES * POSITIONS)};
}

/* NULL, or what is wrong with it, where the graph is not there. */
static const char *build(struct nl_graph *graph, const struct nl_config *config, const char **key)
{
    static struct nl_error err;
    int status = nl_model_build(config, text, graph, key, &err);
    if (status != NL_OK)
        nl_graph_release(graph);
    return status == NL_OK ? NULL : err.text;
}

/* Kinds that a causal model may have, that it may be trained with if leaks are allowed, and that it may not have. */
static const char *const free_kinds[] = {"ln", "rms", "position", "scalenorm", "prms", "lrn", "dyt", "derf", "hardtanh", "none"};
static const char *const batch_kinds[] = {"bn", "brn", "meanbn", "varbn", "l1bn", "maxbn", "mabn", "dbn", "iternorm"};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

#define IS_AMONG(name, names) is_among(name, names, sizeof(names) / sizeof *(names))

static void expect_blind(const char *kind, const char *placement, const char *more, enum nl_statistics statistics)
{
    char of_kind[32], of_placement[40];
    const char *key;
    snprintf(of_kind, sizeof of_kind, "norm.kind=%s", kind);
    snprintf(of_placement, sizeof of_placement, "norm.placement=%s", placement);
    const struct nl_config config = config_of((const char *const[]){of_kind, of_placement, "norm.leaks=allow", more, NULL});
    struct nl_graph graph;
    const char *trouble = build(&graph, &config, &key);
    ck_assert_msg(!trouble, "%s, %s: %s", kind, placement, trouble);
    struct seen seen = change(graph, statistics);
    ck_assert_msg(!seen.before && !seen.others && seen.behind, "%s, %s, %s: positions before %d, after %d, other samples %d", kind, placement, more, seen.before,
                  seen.behind, seen.others);
}

START_TEST(no_position_sees_those_behind_it)
{
    static const char *const more[] = {"norm.qk=true", "model.positions=rotary", "model.gated=true"};
    for (int p = 0; p < PLACEMENTS; p++) {
        for (size_t i = 0; i < sizeof free_kinds / sizeof *free_kinds; i++)
            expect_blind(free_kinds[i], placements[p], more[(i + (size_t)p) % 3], NL_STATS_TRAIN);
        for (size_t i = 0; i < sizeof batch_kinds / sizeof *batch_kinds; i++)
            expect_blind(batch_kinds[i], placements[p], "model.tied=true", NL_STATS_RUNNING);
    }
    expect_blind("custom", "pre", "norm.sets=[channels/4]", NL_STATS_TRAIN);
}
END_TEST

/* The test above can fail: an encoder sees all, and so do statistics of a batch. */
START_TEST(what_may_see_sees)
{
    static const char *const seeing[][3] = {{"norm.kind=ln", "model.causal=off"}, {"norm.kind=bn", "norm.leaks=allow"}};
    for (int i = 0; i < 2; i++) {
        struct nl_graph graph;
        const char *key;
        const struct nl_config config = config_of(seeing[i]);
        const char *trouble = build(&graph, &config, &key);
        ck_assert_msg(!trouble, "%s", trouble);
        struct seen seen = change(graph, NL_STATS_TRAIN);
        ck_assert(seen.before && seen.behind && seen.others == (i == 1));
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
            ck_assert_msg(!trouble == (is_free || (allowed && of_batch)), "%s, %s: %s", name, allowed ? "allowed" : "refused", trouble ? trouble : "built");
            if (!trouble)
                nl_graph_release(&graph);
            else
                ck_assert_msg(!strncmp(key, "norm.", 5) && (strstr(trouble, "norm.leaks") != NULL) == ((of_batch || of_window) && !allowed), "%s: %s: %s", name, key,
                              trouble);
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
        ck_assert_msg(trouble && !strcmp(key, rows[i].key) && strstr(trouble, rows[i].part), "%s: %s: %s", words[1], key, trouble ? trouble : "built");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transformer");
    TCase *tests = tcase_create("transformer");
    tcase_add_test(tests, no_position_sees_those_behind_it);
    tcase_add_test(tests, what_may_see_sees);
    tcase_add_test(tests, leaks_are_refused);
    tcase_add_test(tests, impossible_combinations_say_what_is_possible);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

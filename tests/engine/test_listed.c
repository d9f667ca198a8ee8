/* Networks that model.layers lists: gradients against finite differences, cpu against ref, the resnet against
 * model.arch: resnet, names, and what the command line changes. */
#include <check.h>
#include <math.h>
#include <stdio.h>

#include "config/layers.h"
#include "norm/norm.h"
#include "operation/normalize.h"
#include "suite.h"
#include "training.h"

enum { BATCH = 8, SAMPLES = 40, STEPS = 6, SAMPLED = 40 };

static const struct nl_shape image = {.height = 6, .width = 6, .channels = 2, .classes = 5};

static struct nl_config configured(const char *layers, const char *const *more)
{
    const char *override[16] = {"model.arch=layers", "train.batch=8", "norm.groups=2"};
    int count = 3;
    char *list = nl_format("model.layers=%s", layers);
    override[count++] = list;
    for (; more && *more; more++)
        override[count++] = *more;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    if (nl_experiment_load(NULL, override, count, &experiment, &diagnostics) != NL_OK)
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    free(list);
    return experiment.config;
}

/* It must stay where it is: its plan points into itself. */
static void make(struct training *t, const struct nl_backend *backend, const struct nl_config *config)
{
    *t = (struct training){.config = *config};
    const char *trouble = training_make(t, backend, 1, image, SAMPLES);
    ck_assert_msg(!trouble, "%s", trouble);
    training_rates(t);
}

/* What passes of the graph could get wrong: values that several nodes take, sums of all kinds, and what is fused. */
static const char *const nets[] = {
    "[{linear: 12}, activation, {residual: [{linear: 12}, activation, {linear: 12}]}, activation, {linear: classes}]",
    "[{linear: 12}, activation, {residual: [{linear: 12}]}, {residual: [norm, {linear: 12}, activation]}, {linear: "
    "classes}]",
    "[{linear: 9}, activation, {linear: 9}, activation, {residual: [activation]}, {residual: [norm]}, {linear: "
    "classes}]",
    "[{conv: 4}, {residual: [norm, activation, conv: 4], shortcut: [{conv: 4, kernel: 1}, norm]}, activation, "
    "mean-pool, {linear: classes}]",
    "[{conv: 4, kernel: 5}, norm-activation, {residual: [{residual: [{conv: 4}, norm]}, activation, {conv: depthwise}, "
    "norm], stride: 2}, mean-pool, {linear: classes}]",
    "[{conv: depthwise, kernel: 7}, {conv: 6, kernel: 1}, norm: {kind: bn}, activation, {residual: [{conv: 8, stride: "
    "2}, norm: ln]}, {norm: gn}, activation: tanh, max-pool, {linear: classes}]",
    "[{conv: 4}, {residual: [{conv: 6}, {norm: {gamma_init: 0.5}}, activation], shortcut: [{conv: 6, kernel: 1}], "
    "branch: skipinit}, mean-pool, {linear: classes}]",
    "[{layers: [{conv: 4}, norm-activation], repeat: 2, placement: after, norm: {kind: gn, affine: element}}, "
    "{residual: [dropout]}, mean-pool, {linear: classes}]",
    "[{conv: 4, kernel: 2, stride: 2, padding: 1}, {concat: [[], [norm-activation, {conv: 3, dilation: 2}], [max-pool, "
    "{conv: 2, kernel: 1}, activation, upsample], []]}, norm, squeeze-excitation: 5, {residual: [{conv: 13}, "
    "{layer-scale: 0.5}], drop-path: "
    "0.4}, mean-pool, {linear: classes}]",
    "[{concat: [[{conv: 3}, {residual: [norm, activation, {conv: 5, kernel: 4, padding: 1, stride: 2}]}], [{conv: "
    "depthwise, kernel: 1, stride: 2}]], name: two, norm: ln}, {residual: [upsample, max-pool, activation], drop-path: "
    "0.2}, layer-scale: 2, {linear: classes}]",
};
enum { NETS = sizeof nets / sizeof *nets };

static double loss_of(struct training *t, const struct nl_run *run)
{
    *run->sums = (struct nl_loss_sums){0};
    nl_plan_forward(&t->plan, &t->plan.train, run);
    return run->sums->loss / run->sums->counted;
}

START_TEST(gradients_are_finite_differences)
{
    static const char *const smooth[] = {"model.activation=gelu", NULL}, *const kinked[] = {"model.activation=relu",
                                                                                            NULL};
    for (int relu = 0; relu < 2; relu++) {
        struct nl_config config = configured(nets[_i], relu ? kinked : smooth);
        struct training t;
        make(&t, &nl_backend_ref, &config);
        struct nl_run run = {.replicas = 1,
                             .stride = t.plan.stride,
                             .samples = BATCH,
                             .statistics = NL_STATS_TRAIN,
                             .sums = t.plan.sums};
        t.plan.train.gather.index = t.plan.part[0];
        loss_of(&t, &run);
        nl_plan_backward(&t.plan, &run);
        double *parameter = t.plan.parameters, *gradient = nl_alloc(t.graph.count, sizeof *gradient), largest = 0;
        memcpy(gradient, t.plan.update.grad, t.graph.count * sizeof *gradient);
        for (size_t i = 0; i < t.graph.count; i++)
            largest = fmax(largest, fabs(gradient[i]));
        for (size_t i = 0; i < t.graph.count; i += t.graph.count / SAMPLED + 1) {
            const double h = 1e-6, value = parameter[i];
            parameter[i] = value + h;
            double above = loss_of(&t, &run);
            parameter[i] = value - h;
            double difference = (above - loss_of(&t, &run)) / (2 * h);
            parameter[i] = value;
            ck_assert_msg(fabs(difference - gradient[i]) <= 1e-7 * fmax(largest, 1),
                          "%s: parameter %zu: %.12g, by differences %.12g", nets[_i], i, gradient[i], difference);
        }
        ck_assert_double_gt(largest, 0);
        free(gradient);
        training_free(&t);
    }
}
END_TEST

START_TEST(cpu_follows_ref)
{
    double of[2][STEPS];
    struct nl_config config = configured(nets[_i], NULL);
    config.train.lr = 0.01;
    for (int cpu = 0; cpu < 2; cpu++) {
        struct training t;
        make(&t, cpu ? &nl_backend_cpu : &nl_backend_ref, &config);
        training_run(&t, STEPS, 0, of[cpu]);
        training_free(&t);
    }
    for (int step = 0; step < STEPS; step++) /* float32 rounds by 6e-8 */
        ck_assert_msg(fabs(of[1][step] - of[0][step]) <= 2e-5 * of[0][step], "%s, step %d: %.9g, on ref %.9g", nets[_i],
                      step, of[1][step], of[0][step]);
}
END_TEST

#define BLOCK(name, width, stride)                                                                                     \
    "{layers: [{residual: [conv, norm, activation, {dropout: null, name: drop}, conv, norm]}, activation], "           \
    "name: " name ", repeat: 2, width: " width ", stride: " stride "}"
static const char resnet[] = "[{conv: 4}, norm, activation, " BLOCK("layer1", "4", "1") ", " BLOCK(
    "layer2", "8", "2") ", " BLOCK("layer3", "16", "2") ", mean-pool, {linear: classes}]";

START_TEST(a_listed_resnet_has_the_bits_of_the_built_one)
{
    static const char *const kinds[] = {"norm.kind=bn", "norm.kind=gn", "norm.kind=none"};
    static const struct nl_backend *const backends[] = {&nl_backend_ref, &nl_backend_cpu};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int b = 0; b < 2; b++) {
            const char *const more[] = {kinds[k], "model.dropout=0.2", "norm.gamma_init=0.7", "norm.last_gamma=0.5",
                                        NULL};
            struct nl_config config = configured(resnet, more), other;
            other = config;
            other.model.arch = NL_RESNET;
            other.model.depth = 14;
            other.model.width = 4;
            struct training listed, built;
            make(&listed, backends[b], &config);
            make(&built, backends[b], &other);
            ck_assert_uint_eq(listed.graph.count, built.graph.count);
            for (int64_t step = 0; step < STEPS; step++) {
                training_step(&listed, step, 0);
                training_step(&built, step, 0);
                ck_assert_msg(
                    memcmp(listed.plan.parameters, built.plan.parameters, built.graph.count * backends[b]->real) == 0,
                    "%s on %s, step %d", kinds[k], backends[b]->name, (int)step);
            }
            for (int i = 0; i < built.graph.tensors; i++)
                ck_assert_str_eq(listed.graph.tensor[i].name, built.graph.tensor[i].name);
            training_free(&listed);
            training_free(&built);
        }
}
END_TEST

/* A number that a layer has of its own does what the trial's does, to the last bit, whatever the trial's is. */
START_TEST(own_numbers_have_the_bits_of_the_trials)
{
    static const char *const images[] = {"[{conv: 4}, {norm: %s}, activation, {dropout%s}, {conv: 4}, {norm: %s}, "
                                         "activation, mean-pool, {dropout%s}, {linear: classes}]",
                                         "[{linear: 16}, {norm: %s}, activation, {dropout%s}, {linear: 16}, {norm: "
                                         "%s}, activation, {dropout%s}, {linear: classes}]"};
    static const char *const kinds[] = {"norm.kind=bn", "norm.kind=ln", "norm.kind=brn"};
    static const struct nl_backend *const backends[] = {&nl_backend_ref, &nl_backend_cpu};
    const char own[] = "{eps: 0.01, momentum: 0.03, stat_batch: 4}";
    for (int i = 0; i < 12; i++) {
        struct training said[2];
        for (int owns = 0; owns < 2; owns++) {
            const char *const of_trial[] = {kinds[i % 3],        "norm.eps=0.01",     "norm.momentum=0.03",
                                            "norm.stat_batch=4", "model.dropout=0.3", NULL};
            const char *const other[] = {kinds[i % 3],        "norm.eps=0.3",      "norm.momentum=0.9",
                                         "norm.stat_batch=2", "model.dropout=0.6", NULL};
            char *list = owns ? nl_format(images[i / 6], own, ": 0.3", own, ": 0.3")
                              : nl_format(images[i / 6], "", ": ", "", ": ");
            struct nl_config config = configured(list, owns ? other : of_trial);
            make(&said[owns], backends[i / 3 % 2], &config);
            for (int64_t step = 0; step < STEPS; step++)
                training_step(&said[owns], step, 0);
            free(list);
        }
        size_t bytes =
            said[0].plan.state_bytes - (size_t)((char *)said[0].plan.parameters - (char *)said[0].plan.arena);
        ck_assert_uint_eq(said[0].plan.state_bytes, said[1].plan.state_bytes);
        ck_assert_msg(memcmp(said[0].plan.parameters, said[1].plan.parameters, bytes) == 0, "%s on %s, net %d",
                      kinds[i % 3], backends[i / 3 % 2]->name, i / 6);
        training_free(&said[0]);
        training_free(&said[1]);
    }
}
END_TEST

/* The normalizer of each layer that is one, as "name=kind/groups ". */
static char *norms_of(const struct nl_config *config)
{
    struct nl_graph graph;
    struct nl_error err;
    const char *key = NULL;
    ck_assert_msg(nl_model_build(config, image, &graph, &key, &err) == NL_OK, "%s: %s", key, err.text);
    struct nl_text out = {0};
    for (int i = 0; i < graph.nodes; i++)
        if (graph.node[i].operation == &nl_normalize_operation) {
            const struct nl_normalize *normalize = graph.node[i].arguments;
            nl_text_add(&out, "%s=%s/%d ", graph.node[i].name, normalize->norm->name, normalize->setup.groups);
        }
    nl_graph_release(&graph);
    return out.at;
}

START_TEST(each_layer_has_what_is_said_nearest_to_it)
{
    static const char net[] = "[{conv: 4}, norm, {layers: [norm, {norm: {groups: 4}, name: own}, {layers: [{conv: 8}, "
                              "norm: ln], name: inner}], "
                              "name: stage, norm: gn}, mean-pool, linear: classes]";
    struct {
        const char *more[3], *norms;
    } cases[] = {
        {{NULL}, "norm1=bn/2 stage.norm1=gn/2 stage.own=gn/4 stage.inner.norm1=ln/2 "},
        {{"norm.kind=rms", "norm.groups=1"}, "norm1=rms/1 stage.norm1=gn/1 stage.own=gn/4 stage.inner.norm1=ln/1 "},
        {{"model.layers.stage.norm.kind=in"}, "norm1=bn/2 stage.norm1=in/2 stage.own=in/4 stage.inner.norm1=ln/2 "},
        {{"model.layers.stage.own.norm.groups=1", "model.layers.2.norm=none"},
         "stage.norm1=gn/2 stage.own=gn/1 stage.inner.norm1=ln/2 "},
        {{"model.layers.inner.2.norm.kind=gn", NULL}, ""}, /* inner is in stage */
        {{"model.layers.stage.inner.2.norm=gn"}, "norm1=bn/2 stage.norm1=gn/2 stage.own=gn/4 stage.inner.norm1=gn/2 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!*cases[i].norms) {
            const char *override[] = {"model.arch=layers", "model.layers=[{layers: [norm], name: a}, linear: classes]",
                                      "model.layers.b.norm=gn"};
            struct nl_experiment experiment;
            struct nl_diagnostics diagnostics = {0};
            ck_assert_int_eq(nl_experiment_load(NULL, override, 3, &experiment, &diagnostics), NL_FAIL);
            ck_assert_str_eq(diagnostics.at[0].message, "'model.layers' has no 'b.norm'");
            nl_diagnostics_release(&diagnostics);
            continue;
        }
        struct nl_config config = configured(net, cases[i].more);
        char *norms = norms_of(&config);
        ck_assert_str_eq(norms, cases[i].norms);
        free(norms);
    }
}
END_TEST

/* model.bias is about hidden layers; the head leaves its bias out where the list says so of it. */
START_TEST(a_layer_has_no_bias_where_the_list_says_so)
{
    static const struct {
        const char *net, *more[2];
        bool hidden, head;
    } cases[] = {
        {"[{linear: 3}, {linear: classes}]", {NULL}, true, true},
        {"[{linear: 3}, {linear: classes}]", {"model.bias=off"}, false, true},
        {"[{linear: 3}, {linear: classes, bias: off}]", {NULL}, true, false},
        {"[{linear: 3, bias: off}, {linear: classes, bias: auto}]", {NULL}, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_config config = configured(cases[i].net, cases[i].more);
        struct nl_graph graph;
        struct nl_error err;
        const char *key = NULL;
        ck_assert_msg(nl_model_build(&config, image, &graph, &key, &err) == NL_OK, "%s: %s", key, err.text);
        int hidden = 0, head = 0;
        for (int t = 0; t < graph.tensors; t++) {
            hidden += strcmp(graph.tensor[t].name, "fc1.bias") == 0;
            head += strcmp(graph.tensor[t].name, "head.bias") == 0;
        }
        ck_assert_msg(hidden == cases[i].hidden && head == cases[i].head, "%s: %d and %d biases", cases[i].net, hidden,
                      head);
        nl_graph_release(&graph);
    }
}
END_TEST

START_TEST(texts_are_canonical_and_read_back)
{
    static const char *const pairs[][2] = {
        {"[{kernel: +3, conv: 16}, {norm: }, {linear: classes}]", "[{conv: 16, kernel: 3}, norm, {linear: classes}]"},
        {"[norm: gn, {name: x, norm: {groups: 2, kind: gn}}, linear: classes]",
         "[{norm: {kind: gn}}, {norm: {kind: gn, groups: 2}, name: x}, {linear: classes}]"},
        {"[\"norm\",{\"layers\":[{\"conv\":3}],\"repeat\":2},{\"linear\":\"classes\"}]",
         "[norm, {layers: [{conv: 3}], repeat: 2}, {linear: classes}]"},
        {"[{norm: {eps: 1e-3, stat_batch: auto, momentum: 0.10}}, dropout: 0.30, linear: classes]",
         "[{norm: {eps: 0.001, momentum: 0.1, stat_batch: auto}}, {dropout: 0.3}, {linear: classes}]"},
        {"[{branch: skipinit, residual: [norm: {gamma_init: 00.50}]}, linear: classes]",
         "[{residual: [{norm: {gamma_init: 0.5}}], branch: skipinit}, {linear: classes}]"},
        {"[{concat: [[], [{layers: [norm: ], drop-path: 0.10}]], name: a}, {padding: +0, conv: 2, dilation: 2, kernel: "
         "2}, {layer-scale: 1e-2}, layer-scale: , upsample, squeeze-excitation: +8, {linear: classes}]",
         "[{concat: [[], [{layers: [norm], drop-path: 0.1}]], name: a}, {conv: 2, kernel: 2, padding: 0, dilation: 2}, "
         "{layer-scale: 0.01}, layer-scale, upsample, {squeeze-excitation: 8}, {linear: classes}]"},
        {"[]", "[]"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct nl_error err = {""};
        const struct nl_layers *layers = nl_layers_parse(pairs[i][0], &err, NULL),
                               *again = layers ? nl_layers_parse(layers->text, &err, NULL) : NULL;
        ck_assert_msg(layers && again, "%s: %s", pairs[i][0], err.text);
        ck_assert_str_eq(layers->text, pairs[i][1]);
        ck_assert_str_eq(again->text, pairs[i][1]);
        ck_assert_int_eq(again->count, layers->count);
    }
}
END_TEST

/* Only layers may stand without a value, and what of them has a default. */
START_TEST(a_word_without_its_value_is_refused)
{
    static const char *const blank[] = {"conv",       "linear",   "norm-activation", "dropout",  "norm",
                                        "activation", "max-pool", "mean-pool",       "upsample", "layer-scale"};
    for (int of_norm = 0; of_norm < 2; of_norm++)
        for (const struct nl_layer_word *word = of_norm ? nl_layer_norm_words : nl_layer_words; word->name; word++) {
            bool may = false;
            for (size_t i = 0; !of_norm && i < sizeof blank / sizeof *blank; i++)
                may |= strcmp(word->name, blank[i]) == 0;
            int host = 0; /* an item that may have the word */
            while (!(word->items >> host & 1))
                host++;
            bool alone = of_norm || word - nl_layer_words < NL_LAYER_ITEMS;
            enum nl_word_form of_host = nl_layer_words[host].form;
            const char *list = of_host == NL_WORD_LIST       ? "[norm]"
                               : of_host == NL_WORD_BRANCHES ? "[[], [norm]]"
                                                             : "null";
            char *item = alone ? nl_strdup("") : nl_format("%s: %s, ", nl_layer_words[host].name, list);
            char *text = nl_format(of_norm ? "[%s{norm: {%s: null}}, mean-pool, linear: classes]"
                                           : "[{%s%s: null}, mean-pool, linear: classes]",
                                   item, word->name);
            char *expected =
                nl_format(word->form == NL_WORD_LIST       ? "'%s' must be a list of layers"
                          : word->form == NL_WORD_BRANCHES ? "'%s' must be a list of branches, each a list of layers"
                                                           : "'%s' needs one value",
                          word->name);
            struct nl_error err = {""};
            const struct nl_layers *layers = nl_layers_parse(text, &err, NULL);
            ck_assert_msg((!layers && strcmp(err.text, expected) == 0) == !may, "%s: %s", text,
                          layers ? "accepted" : err.text);
            free(expected);
            free(text);
            free(item);
        }
}
END_TEST

START_TEST(a_part_that_no_layer_can_have_is_not_there)
{
    static const char *const parts[] = {"2.norm.bogus", "2.norm.kernel", "2.norm.kind.x", "1.conv.kind", "1.bogus",
                                        "2.kind",       "9.norm",        "0.norm",        "norm",        "2"};
    struct nl_error err = {""};
    const struct nl_layers *layers =
        nl_layers_parse("[{conv: 4}, {norm: bn}, mean-pool, {linear: classes}]", &err, NULL);
    ck_assert_msg(layers != NULL, "%s", err.text);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *expected = nl_format("'model.layers' has no '%s'", parts[i]);
        ck_assert_msg(!nl_layers_with(layers, parts[i], "3", &err) && strcmp(err.text, expected) == 0, "%s: %s",
                      parts[i], err.text);
        free(expected);
    }
}
END_TEST

START_TEST(what_is_wrong_is_said)
{
    static const char *const wrong[][2] = {
        {"norm", "'model.layers' must be a list of layers"},
        {"[norm", "not valid YAML: did not find expected ',' or ']' while parsing a flow sequence"},
        {"[norm]", "the last layer must be 'linear: classes'"},
        {"[{conv: 0}, linear: classes]", "'conv' must be a number from 1 to 8192, or depthwise, not '0'"},
        {"[linear, linear: classes]", "'linear' has no width"},
        {"[{layers: [norm], stride: 2}, linear: classes]", "no convolution is in it that could have the 'stride'"},
        {"[{layers: [{conv: 2, name: a}], repeat: 2}, linear: classes]", "two layers are called 'a'"},
        {"[{layers: [{layers: [norm], repeat: 100}], repeat: 100}, linear: classes]", "more than 10000 layers"},
        {"[{norm-activation: null, placement: preact}, linear: classes]",
         "'placement' is before or after: what comes first in a residual the list says"},
        {"[{residual: [norm], branch: nf}, linear: classes]",
         "'branch' is plain or skipinit: fixup and nf are for 'model.arch' resnet"},
        {"[{layers: [norm], name: null}, linear: classes]", "'name' needs one value"},
        {"[{residual: [norm], shortcut: norm}, linear: classes]", "'shortcut' must be a list of layers"},
        {"[{norm: {eps: 2}}, linear: classes]", "'norm.eps' must be from 0 to 1, not 2"},
        {"[{dropout: all}, linear: classes]", "'model.dropout' must be a number, not 'all'"},
        {"[{width: 3}, linear: classes]", "this is not a layer"},
        {"[[norm], linear: classes]", "this is not a layer"},
        {"[{conv: 2, kernel: 4}, linear: classes]",
         "an even 'kernel' needs 'padding': 4 has no middle, around which the padding would be the same"},
        {"[{conv: 2, kernel: 32}, linear: classes]", "'kernel' must be a number from 1 to 31, not '32'"},
        {"[{conv: 2, padding: -1}, linear: classes]", "'padding' must be a number from 0 to 31, not '-1'"},
        {"[{conv: 2, dilation: 0}, linear: classes]", "'dilation' must be a number from 1 to 31, not '0'"},
        {"[{concat: [norm]}, linear: classes]", "'concat' must be a list of branches, each a list of layers"},
        {"[{concat: [[norm]]}, linear: classes]", "'concat' takes 2 to 4 branches, not 1"},
        {"[{concat: [[], [], [], [], []]}, linear: classes]", "'concat' takes 2 to 4 branches, not 5"},
        {"[{concat: [[], [{conv: 2}]], stride: 2}, linear: classes]",
         "an empty branch is the input itself, which has no convolution that could have the 'stride'"},
        {"[{residual: [upsample]}, linear: classes]",
         "a residual whose layers enlarge height and width needs a 'shortcut'"},
        {"[{residual: [norm], drop-path: 1}, linear: classes]", "'model.dropout' must be from 0 to 0.95, not 1"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct nl_error err = {""}, hint = {""};
        ck_assert_msg(!nl_layers_parse(wrong[i][0], &err, &hint), "%s", wrong[i][0]);
        ck_assert_str_eq(err.text, wrong[i][1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("listed");
    TCase *tc = tcase_create("networks");
    tcase_add_loop_test(tc, gradients_are_finite_differences, 0, NETS);
    tcase_add_loop_test(tc, cpu_follows_ref, 0, NETS);
    tcase_add_test(tc, a_listed_resnet_has_the_bits_of_the_built_one);
    tcase_add_test(tc, own_numbers_have_the_bits_of_the_trials);
    tcase_add_test(tc, each_layer_has_what_is_said_nearest_to_it);
    tcase_add_test(tc, a_layer_has_no_bias_where_the_list_says_so);
    tcase_add_test(tc, texts_are_canonical_and_read_back);
    tcase_add_test(tc, a_word_without_its_value_is_refused);
    tcase_add_test(tc, a_part_that_no_layer_can_have_is_not_there);
    tcase_add_test(tc, what_is_wrong_is_said);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}

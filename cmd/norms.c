#include "norms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/wrap.h"
#include "cmd.h"
#include "config/value.h"
#include "model/model.h"
#include "norm/norm.h"
#include "norm/weights.h"
#include "operation/formula.h"
#include "train/probe.h"

enum { MARKDOWN = 256, FORMULA };

static const struct option options[] = {
    {"markdown", no_argument, NULL, MARKDOWN}, {"formula", required_argument, NULL, FORMULA}, {0}};

/* NULL: there is no such kind. */
static const char *head_of(const char *kind)
{
    for (const struct norm_head *head = norm_heads; head->kind; head++)
        if (strcmp(head->kind, kind) == 0)
            return head->text;
    return NULL;
}

const char *const *norm_kinds(void)
{
    enum { MOST = 64 };
    static const char *kinds[MOST + 1];
    int count = 0;
    for (int i = 0; nl_norm_names[i]; i++)
        kinds[count++] = nl_norm_names[i];
    for (int i = 1; nl_weight_norm_names[i]; i++) /* after "none" */
        kinds[count++] = nl_weight_norm_names[i];
    NL_ASSERT(count <= MOST);
    return kinds;
}

/* What a line of the head says after its label ("Sets"), up to its first clause's end; new string. */
static char *clause_of(const char *head, const char *label)
{
    const char *line = strstr(head, label);
    NL_ASSERT(line);
    line += strlen(label);
    line += strspn(line, " ");
    size_t length = strcspn(line, ":;.\n");
    while (line[length] == '.' && line[length + 1] != ' ' && line[length + 1] != '\n') /* of a key: norm.sets */
        length += 1 + strcspn(line + length + 1, ":;.\n");
    return nl_format("%.*s", (int)length, line);
}

/* Numbers that a layer of so many channels learns, or keeps. */
static size_t numbers(const struct nl_config *config, bool learned, int channels)
{
    struct nl_probe probe = {.config = config, .samples = 2, .extent = {4, 4, channels}};
    struct nl_error err;
    size_t count = 0;
    int status = nl_probe_declare(&probe, &err);
    NL_ASSERT(status == NL_OK);
    for (int i = 0; i < probe.tensors; i++)
        count += probe.tensor[i].learned == learned ? probe.tensor[i].count : 0;
    return count;
}

/* The polynomial of the channels that has these values at 16, 32 and 64: "2 C + 1", "C^2/8 + C"; "-": none. New
 * string. */
static char *polynomial(const double at[3])
{
    double square = ((at[2] - at[1]) / 32 - (at[1] - at[0]) / 16) / 48, slope = (at[1] - at[0]) / 16 - 48 * square,
           rest = at[0] - 16 * slope - 256 * square;
    struct nl_text out = {0};
    if (square > 0)
        nl_text_add(&out, square < 1 ? "C^2/%g" : "%g C^2", square < 1 ? 1 / square : square);
    if (slope > 0)
        nl_text_add(&out,
                    slope == 1  ? "%sC"
                    : slope < 1 ? "%sC/%g"
                                : "%s%g C",
                    out.length ? " + " : "", slope < 1 ? 1 / slope : slope);
    if (rest > 0)
        nl_text_add(&out, "%s%g", out.length ? " + " : "", rest);
    return out.length ? out.at : nl_strdup("-");
}

/* What a layer of so many channels learns or keeps, or the multiply-adds of an element on the way forward. */
typedef double quantity(const struct nl_config *config, int channels);

static double learned(const struct nl_config *config, int channels)
{
    return (double)numbers(config, true, channels);
}

static double kept(const struct nl_config *config, int channels)
{
    return (double)numbers(config, false, channels);
}

static double work(const struct nl_config *config, int channels)
{
    const struct nl_extent extent = {4, 4, channels};
    struct nl_graph graph;
    struct nl_error err;
    int status = nl_model_norm(config, extent, false, &graph, &err);
    NL_ASSERT(status == NL_OK);
    const struct nl_graph_node *node = graph.nodes > 0 ? &graph.node[0] : NULL;
    double all = node && node->operation->work ? node->operation->work(node->arguments) : 0;
    nl_graph_release(&graph);
    return all / (double)nl_elements(extent);
}

static char *counted(int kind, quantity *of)
{
    struct nl_config config;
    nl_config_defaults(&config);
    config.norm.kind = kind;
    return polynomial((const double[]){of(&config, 16), of(&config, 32), of(&config, 64)});
}

static void print_table(void)
{
    static const char line[] = "%-9s  %-36s  %-7s  %-9s  %-7s  %-10s  %s\n";
    printf(line, "kind", "name", "learned", "kept", "work", "depends on", "a set is");
    for (int i = 0; nl_norms[i]; i++) {
        const struct nl_norm *norm = nl_norms[i];
        char *set = clause_of(head_of(norm->name), "\nSets"),
             *numbers[] = {counted(i, learned), counted(i, kept), counted(i, work)};
        const char *on = nl_norm_is_none(norm)        ? "-"
                         : norm->uses & NL_USES_PARTS ? "its sets"
                         : nl_norm_spans_batch(norm)  ? "the batch"
                                                      : "the sample";
        printf(line, norm->name, norm->title, numbers[0], numbers[1], numbers[2], on, set);
        free(set);
        for (int n = 0; n < 3; n++)
            free(numbers[n]);
    }
    printf(
        "\nlearned: numbers of a layer of C channels, gamma and beta among them (norm.affine); kept: running statistics; work: multiply-adds for each element,\n"
        "forward, counted, not measured. normlab norms KIND says the rest.\n");
}

/* Beside the weight, that it is computed from. */
static void print_weights(void)
{
    printf("\nof weights (norm.weights), with any of the above:\n\n%-6s  %-34s  %-7s  %-9s  %s\n", "kind", "name",
           "learned", "kept", "a set is");
    for (int i = 1; nl_weight_norm_names[i]; i++) {
        const struct nl_weight_norm *norm = nl_weight_norms[i];
        char *set = clause_of(head_of(norm->name), "\nSets");
        bool spectral = norm->measure == NL_WEIGHT_SPECTRAL;
        printf("%-6s  %-34s  %-7s  %-9s  %s\n", norm->name, norm->title, norm->gain == NL_GAIN_NONE ? "-" : "C",
               spectral ? "C + I k k" : "-", set);
        free(set);
    }
    printf(
        "\nlearned: a gain for each of C outputs, beside the weight that it computes the layer's from; kept: vectors of power iteration.\n");
}

/* The lines of a head as a section of a page: its labels in bold, what continues a line after it. */
static void print_markdown(const char *head)
{
    const char *line = head;
    printf("## %.*s", (int)strcspn(line, "\n"), line);
    while ((line = strchr(line, '\n')) && *++line) {
        size_t indent = strspn(line, " "), length = strcspn(line, "\n"), label = strcspn(line, " \n");
        if (length == 0)
            continue;
        if (indent > 0)
            printf(" %.*s", (int)(length - indent), line + indent);
        else
            printf("\n\n**%.*s** %.*s", (int)label, line, (int)(length - label - strspn(line + label, " ")),
                   line + label + strspn(line + label, " "));
    }
    printf("\n\n");
}

int unknown_normalizer(const char *word)
{
    const struct nl_called called = nl_value_called(nl_key_named("norm.kind"), word);
    if (!called.value && !called.elsewhere)
        return unknown_word("normalizer", word, norm_kinds());
    char *hint = called.value ? nl_format("did you mean '%s'?", called.value)
                              : nl_format("in a configuration it is %s", called.elsewhere);
    bad_input(hint, "unknown normalizer '%s'", word);
    free(hint);
    return EXIT_BAD_INPUT;
}

static int print_heads(int count, char **kind, bool markdown)
{
    for (int i = 0; i < count; i++)
        if (!head_of(kind[i]))
            return unknown_normalizer(kind[i]);
    for (int i = 0; i < count; i++) {
        if (markdown)
            print_markdown(head_of(kind[i]));
        else
            printf("%s%s", i ? "\n" : "", head_of(kind[i]));
    }
    return EXIT_DONE;
}

/* The formula of a configuration, with the derivative that was made of it. */
static int print_formula(const char *path)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    if (!load_experiment(path, NULL, 0, &experiment))
        return EXIT_BAD_INPUT;
    const struct nl_config *config = &experiment.config;
    nl_config_check(config, &experiment, &diagnostics);
    if (print_diagnostics(&diagnostics))
        return EXIT_BAD_INPUT;
    if (config->norm.kind != NL_NORM_formula)
        return bad_input("a file with norm: {kind: formula, formula: ...}", "'%s' has norm.kind %s", path,
                         nl_norm_names[config->norm.kind]);
    const struct nl_formula *formula = nl_formula_of(nl_norm_of(config));
    char *listing = nl_formula_listing(formula);
    printf("%s: %s\n\n%s", nl_norm_label(config, "formula"),
           nl_formula_reduces(formula, &formula->training, NL_AXIS_BATCH) ? "in training a sample's output depends on the others of its batch"
                                                      : "a sample's output depends on the sample alone",
           listing);
    free(listing);
    return EXIT_DONE;
}

static int run(const struct command *self, int argc, char **argv)
{
    bool markdown = false;
    const char *formula = NULL;
    for (int option; (option = next_option(self, argc, argv, "", options)) != OPTION_END;) {
        if (option != MARKDOWN && option != FORMULA)
            return EXIT_BAD_INPUT;
        markdown |= option == MARKDOWN;
        formula = option == FORMULA ? optarg : formula;
    }
    if (formula && (optind < argc || markdown))
        return bad_input(NULL, "--formula prints one formula, and nothing beside it");
    if (formula)
        return print_formula(formula);
    if (optind < argc)
        return print_heads(argc - optind, argv + optind, markdown);
    if (!markdown) {
        print_table();
        print_weights();
        return EXIT_DONE;
    }
    printf(
        "# Normalizers\n\nN samples, S positions, C channels; a set has m elements, and dxhat = dy gamma. Means run over a set.\n\n");
    for (const char *const *kind = norm_kinds(); *kind; kind++)
        print_markdown(head_of(*kind));
    return EXIT_DONE;
}

const struct command command_norms = {
    .name = "norms",
    .summary = "list the normalizers, or explain one: sets, formulas, state, source, traps",
    .usage =
        "usage: normlab norms [KIND ...] [--markdown]\n"
        "       normlab norms --formula FILE\n"
        "\n"
        "Lists what norm.kind may be: over which elements each normalizes, how many numbers a layer learns and keeps, and whether a sample's\n"
        "output depends on the others of its batch; and what norm.weights may be. With KIND it says forward and backward formulas, state,\n"
        "conventions, source, where it is used and what goes wrong with it.\n"
        "\n"
        "--formula prints the formula of a configuration with norm.kind formula as it is computed: how often it goes over x, and the derivative\n"
        "that was made of it.\n"
        "\n"
        "options:\n"
        "  --markdown      as a page of Markdown; of all normalizers without KIND\n"
        "  --formula FILE  the formula of a configuration, and its derivative\n"
        "\n"
        "examples:\n"
        "  normlab norms\n"
        "  normlab norms gn brn\n"
        "  normlab norms --markdown >normalizers.md\n"
        "  normlab norms --formula configs/formulas/grn.yaml\n",
    .run = run,
};

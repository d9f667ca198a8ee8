#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/wrap.h"
#include "cmd.h"
#include "config/value.h"
#include "keys.h"

char *key_range(const struct nl_key *key)
{
    struct nl_text out = {0};
    static const char *const types[] = {
        [NL_TYPE_INT] = "integer",
        [NL_TYPE_AUTO_INT] = "integer or auto",
        [NL_TYPE_REAL] = "number",
        [NL_TYPE_AUTO_REAL] = "number or auto",
        [NL_TYPE_BOOL] = "true or false",
        [NL_TYPE_CHOICE] = "one of",
        [NL_TYPE_CHOICES] = "list of",
        [NL_TYPE_INTS] = "list of integers",
        [NL_TYPE_NAMES] = "list of names",
        [NL_TYPE_TEXT] = "text",
        [NL_TYPE_LAYERS] = "list of layers",
        [NL_TYPE_CODE] = "statements",
        [NL_TYPE_PARTS] = "mapping of names",
    };
    nl_text_add(&out, "%s", types[key->type]);
    for (int i = 0; key->choices && key->choices[i]; i++)
        nl_text_add(&out, "%s %s", i ? "," : "", key->choices[i]);
    if (nl_key_is_number(key) || key->type == NL_TYPE_INTS)
        nl_text_add(&out, ", %g to %g", key->low, key->high);
    nl_text_add(&out, "; default %s", *key->default_text ? key->default_text : "empty");
    return out.at;
}

enum { PAGE = 100, INDENT = 10 };

static void print_key(int *printed, const char *name, const char *range, const char *help)
{
    printf("%s%s\n  %s\n  %s\n", (*printed)++ ? "\n" : "", name, range, help);
}

static void print_key_row(int *printed, const struct nl_key *key)
{
    char *range = key_range(key);
    print_key(printed, key->name, range, key->help);
    free(range);
}

/* A section without keys of a configuration, and what may stand under it. */
static const struct fields {
    const char *section, *help;
    const struct nl_field *field;
} field_sections[] = {
    {"sweep", "what varies", nl_sweep_fields},
    {"claim", "what a paper says", nl_claim_fields},
    {"import", "how files of another program are read", nl_import_fields},
    {"quantity", "what is measured of the tensors of log.tensors and log.layers", nl_quantity_fields},
};
enum { FIELD_SECTIONS = sizeof field_sections / sizeof *field_sections };

/* Prints the keys of a section, or the one key SECTION.KEY, and returns their number. */
static int print_named(const char *word)
{
    int printed = 0;
    for (int i = 0; i < nl_key_count; i++)
        if (strcmp(word, nl_keys[i].section) == 0 || strcmp(word, nl_keys[i].name) == 0)
            print_key_row(&printed, &nl_keys[i]);
    for (int i = 0; i < FIELD_SECTIONS; i++)
        for (const struct nl_field *field = field_sections[i].field; field->name; field++) {
            char *name = nl_format("%s.%s", field_sections[i].section, field->name);
            if (strcmp(word, field_sections[i].section) == 0 || strcmp(word, name) == 0)
                print_key(&printed, name, field->form, field->help);
            free(name);
        }
    return printed;
}

/* The names after the section's, wrapped. */
static void add_names(struct nl_text *page, const char *section, const struct nl_text *names)
{
    struct nl_text wrapped = {0};
    nl_text_add_wrapped(&wrapped, names->at, PAGE - INDENT, 0);
    for (const char *at = wrapped.at; *at; at += strcspn(at, "\n") + 1)
        nl_text_add(page, "%-*s%.*s\n", INDENT, at == wrapped.at ? section : "", (int)strcspn(at, "\n"), at);
    nl_text_release(&wrapped);
}

/* All names, on one screen. */
static void print_overview(void)
{
    struct nl_text page = {0};
    for (const struct nl_section *section = nl_sections; section->name; section++) {
        struct nl_text names = {0};
        for (int i = 0; i < nl_key_count; i++)
            if (strcmp(nl_keys[i].section, section->name) == 0)
                nl_text_add(&names, "%s%s", names.at ? " " : "", nl_key_field(&nl_keys[i]));
        add_names(&page, section->name, &names);
        nl_text_release(&names);
    }
    for (int i = 0; i < FIELD_SECTIONS; i++) {
        struct nl_text names = {0};
        for (const struct nl_field *field = field_sections[i].field; field->name; field++)
            nl_text_add(&names, "%s%s", names.at ? " " : "", field->name);
        add_names(&page, field_sections[i].section, &names);
        nl_text_release(&names);
    }
    printf("%s\n"
           "normlab keys norm           explains the keys of a section\n"
           "normlab keys norm.momentum  explains a key\n"
           "normlab keys weight decay   looks for words: in names, values, names of other libraries, texts\n"
           "normlab keys ranges         how several values are written\n",
           page.at);
    nl_text_release(&page);
}

static const char ranges[] =
    "On the command line        In a file, under sweep: grid:\n"
    "  norm.kind=bn,gn,none       norm.kind: [bn, gn, none]    each value of the list\n"
    "  train.batch=1:8            train.batch: 1:8             from 1 to 8, in steps of 1 (integers)\n"
    "  model.dropout=0:0.5:0.1    model.dropout: 0:0.5:0.1     from 0 to 0.5, in steps of 0.1\n"
    "  train.lr=1e-3:1:log:7      train.lr: 1e-3:1:log:7       7 values, evenly on the log scale\n"
    "  train.batch=1:4,8,16       train.batch: '1:4,8,16'      ranges and values\n"
    "\n"
    "Several values of a key make an axis; every combination of the axes is a point, trained with\n"
    "sweep.seeds seeds. norm.kind=[bn,gn] is the list of a file, as norm.kind=bn,gn is. Of a key whose\n"
    "value is a list (norm.eval, model.pool, log.layers, plot.kind) it is that one value.\n"
    "A decimal point is '.': 0.1.\n"
    "\n"
    "In a file alone\n"
    "  Keys that advance together:\n"
    "    sweep: {zip: {train.batch: [32, 8], train.lr: [0.1, 0.025]}}\n"
    "  A value that is chosen on the validation part for each point, of a list or a range:\n"
    "    sweep: {tune: {train.lr: 1e-3:1:log:7, by: val_loss, seeds: 3}}\n"
    "  or of intervals, by so many points in them, evenly on the log scale or as they are:\n"
    "    sweep: {tune: {train.lr: 1e-3:1:log, train.momentum: 0:0.9:uniform, trials: 30}}\n";

static int unknown_key(const char *word)
{
    const char *near = nl_key_nearest(word);
    struct nl_text hint = {0};
    if (near)
        nl_text_add(&hint, "did you mean '%s'?", near);
    else
        for (const struct nl_section *section = nl_sections; section->name; section++)
            nl_text_add(&hint, "%s%s%s", hint.at ? ", " : "sections: ", section->name,
                        section[1].name ? "" : ", sweep, claim, import, quantity");
    bad_input(hint.at, "no section or key '%s'", word);
    nl_text_release(&hint);
    return EXIT_BAD_INPUT;
}

/* The answer to a word of other programs; then what the words are found in. */
static int look_for(const char *word)
{
    const struct nl_key *only;
    const char *answer = nl_key_answer(word);
    int printed = 0;
    struct nl_text text = {0};
    if (answer)
        nl_text_add_wrapped(&text, answer, PAGE, 0);
    printf("%s", answer ? text.at : "");
    nl_text_release(&text);
    int hits = search_keys(word, !answer, &only);
    if (only)
        print_key_row(&printed, only);
    return hits || answer ? EXIT_DONE : unknown_key(word);
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    struct nl_text words = {0};
    nl_text_add(&words, "%s", "");
    for (int i = optind; i < argc; i++)
        nl_text_add(&words, "%s%s", i > optind ? " " : "", argv[i]);
    int code = EXIT_DONE;
    for (char *at = words.at; *at; at++) /* "momentum=None" is "momentum None" */
        *at = *at == '=' || *at == ':' ? ' ' : *at;
    char *word = nl_trimmed(words.at);
    if (!*word)
        print_overview();
    else if (strcmp(word, "ranges") == 0 || strcmp(word, "range") == 0)
        fputs(ranges, stdout);
    else if (!print_named(word))
        code = look_for(word);
    nl_text_release(&words);
    return code;
}

const struct command command_keys = {
    .name = "keys",
    .summary = "explain the keys of a configuration: meaning, range, default",
    .usage =
        "usage: normlab keys [SECTION | KEY | WORD ...]\n"
        "\n"
        "Without arguments, lists the names of all keys of a configuration by section. Of a SECTION, or of one KEY (SECTION.KEY), it prints\n"
        "type, range, default and meaning. Section sweep says what an experiment varies, section claim what a paper says about it, section\n"
        "import how files of another program are read, and section quantity what is measured of the tensors of log.tensors.\n"
        "WORD ... is looked for in names of keys and of their values, in what PyTorch, TensorFlow or a paper calls them, in their texts, and\n"
        "in the commands. What normlab lacks, or does by something else than a key, is answered by a sentence. A word that is nowhere is an\n"
        "error (exit code 2). normlab keys ranges says how several values are written.\n"
        "\n"
        "examples:\n"
        "  normlab keys norm\n"
        "  normlab keys train.lr_scale\n"
        "  normlab keys learning rate\n"
        "  normlab keys early stopping\n"
        "  normlab keys ranges\n",
    .run = run,
};

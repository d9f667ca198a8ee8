/* Reads and writes the `import` section. */
#include "config/import.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/entries.h"
#include "config/keep.h"
#include "config/own_keys.h"
#include "config/sweep.h"
#include "config/value.h"

/* ---- readers; each knows what `to` points to: ---- */

/* const char *: a text, */
static void read_text(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    if (value->kind == NL_SCALAR && !value->blank && *value->text)
        *(const char **)to = nl_keep_text(value->text);
    else
        nl_diagnose(loader->diagnostics, &value->at, NULL, "'import.%s' must be a text", field->name);
}

/* struct nl_word_list: a text or a list of texts, */
static void read_list(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    struct nl_word_list *out = to;
    int count = value->kind == NL_SEQUENCE ? value->count : value->kind == NL_SCALAR && !value->blank;
    out->count = 0;
    out->at = nl_keep(nl_alloc((size_t)count + 1, sizeof *out->at));
    if (value->kind == NL_MAPPING)
        nl_diagnose(loader->diagnostics, &value->at, NULL, "'import.%s' must be a list", field->name);
    for (int i = 0; i < count; i++) {
        const struct nl_node *item = value->kind == NL_SEQUENCE ? value->item[i] : value;
        if (item->kind == NL_SCALAR && !item->blank)
            out->at[out->count++] = nl_keep_text(item->text);
        else
            nl_diagnose(loader->diagnostics, &item->at, NULL, "'import.%s' must be a list of texts", field->name);
    }
}

/* likewise, names of files: relative to the folder of the file that they stand in, */
static void read_files(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    struct nl_word_list *out = to;
    read_list(loader, field, value, to);
    if (value->at.kind != NL_FROM_FILE)
        return;
    char *folder = nl_path_folder(value->at.file);
    for (int i = 0; i < out->count; i++)
        if (*out->at[i] != '/')
            out->at[i] = nl_keep(nl_path_join(folder, out->at[i]));
    free(folder);
}

/* struct nl_renamings: {column: name}, a column, or a list of columns, */
static void add_renaming(struct nl_renamings *out, const struct nl_node *column, const struct nl_node *name)
{
    out->at[out->count++] =
        (struct nl_renaming){nl_keep_text(column->text), name && !name->blank ? nl_keep_text(name->text) : NULL};
}

static void read_renamings(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value,
                           void *to)
{
    struct nl_renamings *out = to;
    bool map = value->kind == NL_MAPPING;
    int count = value->kind == NL_SCALAR ? !value->blank : value->count;
    out->count = 0;
    out->at = nl_keep(nl_alloc((size_t)count + 1, sizeof *out->at));
    for (int i = 0; i < count; i++) {
        const struct nl_node *column = value->kind == NL_SCALAR ? value : value->item[map ? 2 * i : i],
                             *name = map ? value->item[2 * i + 1] : NULL;
        if (column->kind == NL_SCALAR && !column->blank && (!name || name->kind == NL_SCALAR))
            add_renaming(out, column, name);
        else
            nl_diagnose(loader->diagnostics, &column->at, "write {column: name}, or a list of columns",
                        "'import.%s' gives columns their names", field->name);
    }
}

/* int: a number of at least 1, */
static void read_count(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    int64_t count = 0;
    if (value->kind == NL_SCALAR && !value->blank && nl_integer_read(value->text, &count) && count >= 1 &&
        count <= 1000000000)
        *(int *)to = (int)count;
    else
        nl_diagnose(loader->diagnostics, &value->at, NULL, "'import.%s' must be an integer from 1 to 1000000000",
                    field->name);
}

/* int: a word's place among those of the field. */
static void read_word(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    for (int i = 0; field->words[i]; i++)
        if (value->kind == NL_SCALAR && strcmp(value->text, field->words[i]) == 0) {
            *(int *)to = i;
            return;
        }
    nl_diagnose(loader->diagnostics, &value->at, NULL, "'import.%s' must be %s or %s", field->name, field->words[0],
                field->words[1]);
}

static const char *const pair_words[] = {"seeds", "none", NULL};

#define OF(member, reader) .read = reader, .offset = offsetof(struct nl_import, member)

const struct nl_field nl_import_fields[] = {
    {"files", "[runs.csv]", "tables of another program: CSV, JSON lines or JSON; relative to this file",
     OF(files, read_files)},
    {"sha256", "[0f3a...]", "checksums of the files; normlab import writes them", OF(sha256, read_list)},
    {"path", "'{method}/seed_{seed}/metrics.csv'",
     "what the names of the files say: a column stands in braces, * is anything, and the pattern is that of the end of "
     "the name",
     OF(path, read_text)},
    {"method", "norm_layer", "the column that tells methods apart", OF(method, read_text)},
    {"seed", "rng", "the column of the seed, or of the number of the run", OF(seed, read_text)},
    {"step", "global_step", "the column of steps or epochs, where a run has a row for each", OF(step, read_text)},
    {"status", "state", "the column that says how the run ended: finished, diverged, failed", OF(status, read_text)},
    {"axes", "{bs: train.batch, temperature: }",
     "columns that were varied, and the key that each is; without one it is an axis of its own name",
     OF(axes, read_renamings)},
    {"metrics", "{acc@1: test_accuracy}", "columns that were measured, and the metric that each is",
     OF(metrics, read_renamings)},
    {"ignore", "[runtime, user]", "columns to leave out", OF(ignore, read_list)},
    {"percent", "[test_err]", "columns of shares that are written in percent; without it those with values above 1 are",
     OF(percent, read_list)},
    {"pairs", "seeds, none; default seeds",
     "seeds: runs of the same seed are pairs, where two methods have the same seeds; none: seeds mean nothing, and all "
     "comparisons are unpaired (Welch)",
     OF(pairs, read_word), .words = pair_words},
    {"classes", "integer", "classes of the data: what guessing gives is then known", OF(classes, read_count)},
    {"train_samples", "integer", "samples of the training part", OF(train_samples, read_count)},
    {"val_samples", "integer", "samples of the validation part", OF(val_samples, read_count)},
    {"test_samples", "integer", "samples of the test part: what another test part could change is then known",
     OF(test_samples, read_count)},
    {0}};

/* The section that the experiment has so far, to be changed. */
static struct nl_import *own_section(struct nl_loader *loader, const struct nl_origin *at)
{
    struct nl_import *out = nl_keep(nl_alloc(1, sizeof *out));
    if (loader->out->import)
        *out = *loader->out->import;
    out->origin = *at;
    loader->out->import = out;
    return out;
}

void nl_read_import(struct nl_loader *loader, const struct nl_node *map)
{
    nl_read_fields(loader, map, "import", "import", nl_import_fields, own_section(loader, &map->at));
}

/* Whether a field is a text: on the command line all after the '=', whatever YAML would make of it. */
static bool is_text(const char *name)
{
    const struct nl_field *field = nl_import_fields;
    while (field->name && strcmp(field->name, name) != 0)
        field++;
    return field->read == read_text;
}

void nl_override_import(struct nl_loader *loader, const char *field, const char *text, const struct nl_origin *at)
{
    int before = loader->diagnostics->count;
    const struct nl_node name = {.kind = NL_SCALAR, .text = field, .at = *at},
                         plain = {.kind = NL_SCALAR, .text = text, .blank = !*text, .at = *at};
    const struct nl_node *value = is_text(field) ? &plain : nl_yaml_parse(text, at, loader->diagnostics);
    if (!value && loader->diagnostics->count == before)
        nl_diagnose(loader->diagnostics, at, NULL, "'import.%s' has no value", field);
    else if (value)
        nl_read_field(loader, &name, value, field, "import", nl_import_fields, own_section(loader, at));
}

int nl_import_settle(struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    struct nl_loader loader = {.out = experiment, .diagnostics = diagnostics};
    nl_check_sweep(&loader);
    return diagnostics->count ? NL_FAIL : NL_OK;
}

/* ---- as a text ---- */

static void add_quoted(struct nl_text *out, const char *text)
{
    char *yaml = nl_value_yaml(nl_key_of(NL_LABEL "text"), text, NL_SHOWN);
    nl_text_add(out, "%s", yaml);
    free(yaml);
}

static void add_text(struct nl_text *out, const char *name, const char *text)
{
    if (!text)
        return;
    nl_text_add(out, "  %s: ", name);
    add_quoted(out, text);
    nl_text_add(out, "\n");
}

static void add_list(struct nl_text *out, const char *name, const struct nl_word_list *list)
{
    for (int i = 0; i < list->count; i++) {
        nl_text_add(out, i ? ", " : "  %s: [", name);
        add_quoted(out, list->at[i]);
    }
    nl_text_add(out, list->count ? "]\n" : "");
}

static void add_renamings(struct nl_text *out, const char *name, const struct nl_renamings *renamings)
{
    for (int i = 0; i < renamings->count; i++) {
        nl_text_add(out, i ? ", " : "  %s: {", name);
        add_quoted(out, renamings->at[i].column);
        nl_text_add(out, ": %s", renamings->at[i].name ? renamings->at[i].name : "null");
    }
    nl_text_add(out, renamings->count ? "}\n" : "");
}

static void add_count(struct nl_text *out, const char *name, int count)
{
    if (count > 0)
        nl_text_add(out, "  %s: %d\n", name, count);
}

char *nl_import_text(const struct nl_import *import)
{
    struct nl_text out = {0};
    nl_text_add(&out, "import:\n");
    add_list(&out, "files", &import->files);
    add_list(&out, "sha256", &import->sha256);
    add_text(&out, "path", import->path);
    add_text(&out, "method", import->method);
    add_text(&out, "seed", import->seed);
    add_text(&out, "step", import->step);
    add_text(&out, "status", import->status);
    add_renamings(&out, "axes", &import->axes);
    add_renamings(&out, "metrics", &import->metrics);
    add_list(&out, "ignore", &import->ignore);
    add_list(&out, "percent", &import->percent);
    nl_text_add(&out, "  pairs: %s\n", pair_words[import->pairs]);
    add_count(&out, "classes", import->classes);
    add_count(&out, "train_samples", import->train_samples);
    add_count(&out, "val_samples", import->val_samples);
    add_count(&out, "test_samples", import->test_samples);
    return out.at;
}

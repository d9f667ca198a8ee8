/* From files to an experiment: the chain of base files, their sections, and what must be known of all of them
 * together. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "config/import.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/override.h"
#include "config/sweep.h"
#include "config/translate.h"

enum { MOST_BASES = 32 };

/* One file being read, and the one that names it as its base. */
struct open_file {
    const struct open_file *user;
    char *real_path;
    int *set_at; /* [nl_key_count]: line where this file set the key, 0: not yet */
};

/* The words that may stand at the top of a file. */
static const char *const top_words[] = {
#define SECTION(name, help) #name,
#define KEY(...)
#define END(name)
#include "config/keys.def"
#undef SECTION
#undef KEY
#undef END
    "sweep", "claim", "import", "base", NULL};

static bool is_section(const char *name)
{
    const struct nl_section *section = nl_sections;
    while (section->name && strcmp(section->name, name) != 0)
        section++;
    return section->name;
}

static void set_key(struct nl_loader *loader, struct open_file *file, const struct nl_key *key,
                    const struct nl_node *name, const struct nl_node *value)
{
    int index = nl_key_index(key);
    if (file->set_at[index]) {
        struct nl_error hint;
        nl_fail(&hint, "it is first on line %d", file->set_at[index]);
        nl_diagnose(loader->diagnostics, &name->at, hint.text, "duplicate key '%s'", key->name);
        return;
    }
    file->set_at[index] = name->at.line;
    if (!nl_key_set_node(key, value, &loader->out->config, loader->diagnostics))
        loader->out->origin[index] = value->at;
}

struct section {
    const char *name;
    struct open_file *file;
};

static void read_section_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value,
                               void *context)
{
    const struct section *section = context;
    char *full = nl_format("%s.%s", section->name, name->text);
    const struct nl_key *key = nl_key_find(full);
    if (key)
        set_key(loader, section->file, key, name, value);
    else
        nl_report_unknown(loader, &name->at, full, nl_key_nearest(full));
    free(full);
}

static void read_top_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value,
                           void *context)
{
    struct open_file *file = context;
    const char *word = name->text;
    const struct nl_key *key = nl_key_find(word);
    if (key) {
        set_key(loader, file, key, name, value);
    } else if (is_section(word)) {
        struct section section = {.name = word, .file = file};
        if (!value->blank)
            nl_each_entry(loader, value, word, read_section_entry, &section);
    } else if (!strcmp(word, "sweep")) {
        nl_read_sweep(loader, value);
    } else if (!strncmp(word, "sweep.", 6)) {
        nl_read_sweep_entry(loader, name, value, word + 6);
    } else if (!strcmp(word, "claim")) {
        nl_read_claim(loader, value);
    } else if (!strcmp(word, "import")) {
        nl_read_import(loader, value);
    } else if (strcmp(word, "base") != 0 &&
               strcmp(word, "made") != 0) { /* base: read before; made: provenance in results */
        const char *near = strchr(word, '.') ? nl_key_nearest(word) : nl_nearest(word, top_words);
        nl_report_unknown(loader, &name->at, word, near ? near : nl_key_nearest(word));
    }
}

static void read_file(struct nl_loader *loader, const char *path, const struct nl_origin *asked_at,
                      const struct open_file *user);

/* ---- values replaced ---- */

static bool is_replaced(const struct nl_replacement *replacement, const struct nl_node *name)
{
    bool is = false;
    for (int k = 0; k < replacement->keys; k++)
        is |= name->kind == NL_SCALAR && strcmp(name->text, replacement->key[k]) == 0;
    return is && replacement->from;
}

static void replace_value(struct nl_node *value, const struct nl_replacement *replacement)
{
    if (value->kind == NL_SCALAR && !value->blank && strcmp(value->text, replacement->from) == 0)
        value->text = replacement->to;
    for (int i = 0; value->kind == NL_SEQUENCE && i < value->count; i++)
        replace_value(value->item[i], replacement);
}

/* In the node, wherever one of the keys stands in a mapping. */
static void replace_values(struct nl_node *node, const struct nl_replacement *replacement)
{
    for (int i = 0; node->kind == NL_SEQUENCE && i < node->count; i++)
        replace_values(node->item[i], replacement);
    for (int i = 0; node->kind == NL_MAPPING && i < node->count; i++) {
        if (is_replaced(replacement, node->item[2 * i]))
            replace_value(node->item[2 * i + 1], replacement);
        else
            replace_values(node->item[2 * i + 1], replacement);
    }
}

/* What no axis has is set. */
static void set_replaced(struct nl_loader *loader, const struct nl_replacement *replacement)
{
    for (int k = 0; k < replacement->keys; k++) {
        int column = 0;
        const struct nl_key *key = nl_key_of(replacement->key[k]);
        const struct nl_axis *axis = key ? nl_axis_with(loader->out->axis, loader->out->axes, key, &column) : NULL;
        bool there = false;
        for (int i = 0; axis && i < axis->points; i++)
            there |= strcmp(axis->text[i][column], replacement->to) == 0;
        if (axis && !there) {
            nl_diagnose(loader->diagnostics, &axis->origin, "write 'here' as the sweep does",
                        "the value '%s' of '%s' cannot be replaced: the sweep does not write it like this",
                        replacement->from ? replacement->from : "", key->name);
        } else if (!axis) {
            char *override = nl_format("%s=%s", replacement->key[k], replacement->to);
            nl_apply_override(loader, override);
            free(override);
        }
    }
}

/* ---- files ---- */

/* "experiments/../configs/a.yaml" becomes "configs/a.yaml" for messages, unless a symbolic link makes that another
 * file. */
static char *shorten(char *path)
{
    char *out = nl_strdup(path), *dots;
    while ((dots = strstr(out, "/../")) && dots > out) {
        char *start = dots;
        while (start > out && start[-1] != '/')
            start--;
        if (start == dots || !strncmp(start, "../", 3) || !strncmp(start, "./", 2))
            break;
        memmove(start, dots + 4, strlen(dots + 4) + 1);
    }
    char *was = realpath(path, NULL), *is = realpath(out, NULL);
    bool same = was && is && !strcmp(was, is);
    free(was);
    free(is);
    free(same ? path : out);
    return same ? out : path;
}

static void read_base(struct nl_loader *loader, const char *path, const struct nl_node *root,
                      const struct open_file *file)
{
    const struct nl_node *value = nl_yaml_entry(root, "base"); /* a second one is reported as a duplicate */
    if (!value)
        return;
    if (value->kind != NL_SCALAR || value->blank || !*value->text) {
        nl_diagnose(loader->diagnostics, &value->at, NULL, "'base' must be the name of one file");
        return;
    }
    char *folder = nl_path_folder(path);
    char *base = strchr(path, '/') ? shorten(nl_path_join(folder, value->text)) : nl_strdup(value->text);
    read_file(loader, base, &value->at, file);
    free(folder);
    free(base);
}

static void read_file(struct nl_loader *loader, const char *path, const struct nl_origin *asked_at,
                      const struct open_file *user)
{
    struct open_file file = {.user = user, .real_path = realpath(path, NULL)};
    int depth = 0;
    for (const struct open_file *other = user; other; other = other->user, depth++)
        if (file.real_path && other->real_path && !strcmp(file.real_path, other->real_path)) {
            nl_diagnose(loader->diagnostics, asked_at, NULL, "'%s' is a base of itself", path);
            free(file.real_path);
            return;
        }
    struct nl_experiment *out = loader->out;
    out->file = nl_realloc(out->file, (size_t)out->files + 1, sizeof *out->file);
    out->file[out->files++] = nl_keep_text(path);
    struct nl_node *root = NULL;
    if (depth > MOST_BASES)
        nl_diagnose(loader->diagnostics, asked_at, NULL, "more than %d base files, one on top of the other",
                    MOST_BASES);
    else if (nl_yaml_read(path, asked_at, &root, loader->diagnostics) == NL_OK && (!root || root->blank)) {
        struct nl_origin whole = {.kind = NL_FROM_FILE, .file = nl_keep_text(path)};
        nl_diagnose(loader->diagnostics, &whole,
                    "{} in it asks for the defaults; 'normlab init' writes a file to begin with",
                    "the file holds no keys");
    } else if (nl_foreign_kind(root)) {
        nl_diagnose(loader->diagnostics, &root->at, "normlab init --from FILE writes it as a configuration of normlab",
                    "this looks like %s", nl_foreign_kind(root));
    } else if (root) {
        file.set_at = nl_alloc((size_t)nl_key_count, sizeof *file.set_at);
        if (loader->replacement)
            replace_values(root, loader->replacement);
        read_base(loader, path, root, &file);
        nl_each_entry(loader, root, "a configuration", read_top_entry, &file);
        free(file.set_at);
    }
    free(file.real_path);
}

static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = nl_strdup(slash ? slash + 1 : path), *dot = strrchr(name, '.');
    if (dot && dot > name)
        *dot = '\0';
    return name;
}

int nl_experiment_load(const char *path, const char *const *overrides, int count, struct nl_experiment *out,
                       struct nl_diagnostics *diagnostics)
{
    return nl_experiment_load_replacing(path, NULL, overrides, count, out, diagnostics);
}

int nl_experiment_load_replacing(const char *path, const struct nl_replacement *replacement,
                                 const char *const *overrides, int count, struct nl_experiment *out,
                                 struct nl_diagnostics *diagnostics)
{
    int before = diagnostics->count;
    struct nl_loader loader = {.out = out, .diagnostics = diagnostics, .replacement = replacement};
    memset(out, 0, sizeof *out);
    nl_config_defaults(&out->config);
    out->path = nl_keep_text(path ? path : "");
    out->name = nl_keep(path ? name_of(path) : nl_strdup("defaults"));
    out->origin = nl_keep(nl_alloc((size_t)nl_key_count, sizeof *out->origin));
    out->seeds = 1;
    if (path)
        read_file(&loader, path, NULL, NULL);
    nl_join_axes(&loader);
    if (replacement)
        set_replaced(&loader, replacement);
    for (int i = 0; i < count; i++)
        nl_apply_override(&loader, overrides[i]);
    if (diagnostics->count == before) /* else values are missing, and their absence would be reported once more */
        nl_check_sweep(&loader);
    nl_keep(out->file);
    nl_keep(out->axis);
    nl_keep(out->exclude);
    nl_keep(out->rounds.point);
    nl_keep(out->rounds.chosen);
    return diagnostics->count > before ? NL_FAIL : NL_OK;
}

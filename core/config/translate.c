/* Walks over the file's names, from the outside in. What is in a mapping called "optimizer" belongs to that group; of a
 * mapping with another name (train, trainer, params) the entries stand as if outside. */
#include "config/translate.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "config/keep.h"
#include "config/value.h"
#include "norm/norm.h"

enum { DEEPEST = 6, TUNE_TRIALS = 30, MOST_SHOWN = 60, COLUMN = 34 };

static const struct {
    const char *group, *words, *key, *reason;
} names[] = {
#define TRANSLATED(group, words, key) {group, words, key, NULL},
#define LEFT(group, words, reason) {group, words, NULL, reason},
#define USUAL(value, key, text)
#include "config/translate.def"
};
enum { NAMES = sizeof names / sizeof *names };

static const struct {
    const char *value, *key, *text;
} usuals[] = {
#define TRANSLATED(group, words, key)
#define LEFT(group, words, reason)
#define USUAL(value, key, text) {value, key, text},
#include "config/translate.def"
};
enum { USUALS = sizeof usuals / sizeof *usuals };

/* Names of mappings whose entries belong together; section: where their keys are looked for first. */
static const struct group {
    const char *name, *words, *section;
} groups[] = {
    {"optimizer", "optimizer, optim, opt, optimizer_params, optimizer_kwargs, optimizer_config", "train"},
    {"scheduler", "scheduler, lr_scheduler, sched, schedule", "train"},
    {"norm", "norm, norm_layer, normalization, normalizer, norm_kwargs, batchnorm", "norm"},
    {"model", "model, net, network, backbone, arch, architecture, encoder", "model"},
    {"data", "data, dataset, datamodule, dataloader, data_module, loader", "data"},
    {"", "", "train"},
};
enum { GROUPS = sizeof groups / sizeof *groups, OUTSIDE = GROUPS - 1 };

/* A key with its values: one; several, for an axis; or an interval, for sweep.tune. */
struct setting {
    const struct nl_key *key;
    struct nl_text value; /* canonical; of several "[a, b]" */
    char *was;            /* "optimizer.lr: 0.1": what the file says */
    bool axis, tuned;
    int values; /* that are listed; 0: one, or an interval */
};

struct translation {
    struct setting *at;
    int settings, capacity;
    struct nl_text left;     /* lines of what was left out */
    struct nl_text seeds;    /* sweep.seeds, and behind it what the file says */
    bool is_sweep, searches; /* searches: values are chosen, not compared */
    const char *library;     /* of the normalizer: "keras" or "flax", whose momentum is 1 minus ours; NULL: PyTorch */
    long trials;
    const char *by;
};

static const struct group *group_called(const char *name)
{
    for (int i = 0; i < OUTSIDE; i++)
        if (nl_alike_any(name, groups[i].words))
            return &groups[i];
    return NULL;
}

/* A text for a comment: in one line, whatever characters are in it. Takes text over; new string. */
static char *in_line(char *text)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    size_t bytes;
    for (const char *at = text; *at; at += bytes) {
        bytes = nl_character_bytes(at);
        if (strchr("\n\r\t", *at))
            nl_text_add(&out, " ");
        else
            nl_text_add_character(&out, at, bytes);
    }
    free(text);
    return out.at;
}

/* A value as the file shows it, in one line that is not too long. New string. */
static char *shown(const struct nl_node *node)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s",
                node->kind == NL_SCALAR     ? node->blank ? "null" : node->text
                : node->kind == NL_SEQUENCE ? "["
                                            : "{");
    for (int i = 0; node->kind != NL_SCALAR && i < node->count && out.length < MOST_SHOWN; i++) {
        char *item = shown(node->item[node->kind == NL_MAPPING ? 2 * i + 1 : i]);
        const struct nl_node *name = node->kind == NL_MAPPING ? node->item[2 * i] : NULL;
        nl_text_add(&out, "%s%s%s%s", i ? ", " : "", name && name->kind == NL_SCALAR ? name->text : "",
                    name ? ": " : "", item);
        free(item);
    }
    nl_text_add(&out, "%s", node->kind == NL_SEQUENCE ? "]" : node->kind == NL_MAPPING ? "}" : "");
    char *line = nl_format("%.*s%s", MOST_SHOWN, out.at, out.length > MOST_SHOWN ? "..." : "");
    nl_text_release(&out);
    return in_line(line);
}

static void leave(struct translation *t, const char *path, const struct nl_node *value, const char *reason)
{
    char *text = shown(value), *name = in_line(nl_format("%.80s", path)), *why = in_line(nl_strdup(reason));
    nl_text_add(&t->left, "#   %s: %s\n#     %s\n", name, text, why);
    free(why);
    free(name);
    free(text);
}

/* The name of a class without its modules: "SGD" of "torch.optim.SGD". */
static const char *class_of(const char *text)
{
    const char *dot = strrchr(text, '.');
    return dot && dot[1] && !strpbrk(text, " /") && strspn(text, "0123456789.eE+-") < strlen(text) ? dot + 1 : text;
}

/* "CIFAR10" of "CIFAR10DataModule": new string. */
static char *without_kind(const char *name)
{
    static const char *const kinds[] = {"DataModule", "Dataset", "Data"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t kind = strlen(kinds[i]);
        if (length > kind && strcmp(name + length - kind, kinds[i]) == 0)
            return nl_format("%.*s", (int)(length - kind), name);
    }
    return nl_strdup(name);
}

/* The canonical YAML of one value, or NULL and why not. What is called otherwise in other libraries is understood. */
static char *value_of(const struct translation *t, const struct nl_key *key, const struct nl_node *node,
                      struct nl_error *why)
{
    struct nl_config config;
    struct nl_error hint = {{0}};
    nl_config_defaults(&config);
    if (node->kind != NL_SCALAR || node->blank || strstr(node->text, "${") || strcmp(node->text, "???") == 0) {
        nl_fail(why, "%s",
                node->kind == NL_SCALAR && node->blank ? "no value is given"
                : node->kind == NL_SCALAR              ? "the value stands elsewhere: write it"
                                                       : "it is no single value");
        return NULL;
    }
    const char *text = key->choices ? class_of(node->text) : node->text;
    char *changed = NULL;
    double number;
    if (strcmp(key->name, "norm.affine") == 0 && nl_truth_read(text) >= 0)
        text = nl_truth_read(text) ? "channel" : "none";
    if (t->library && strcmp(key->name, "norm.momentum") == 0 && nl_number_read(text, &number) && number <= 1)
        text = changed = nl_format("%.6g", 1 - number);
    if (strcmp(key->name, "data.name") == 0)
        text = changed = without_kind(text);
    if ((key->type == NL_TYPE_INT || key->type == NL_TYPE_AUTO_INT) && nl_number_read(text, &number) &&
        number == floor(number) && fabs(number) < 1e15)
        text = changed = nl_format("%.0f", number);
    int status = nl_value_read(key, &config, text, why, &hint);
    if (status && nl_key_answer(text))
        nl_fail(why, "%s", nl_key_answer(text));
    else if (status && strncmp(hint.text, "it is ", 6) == 0)
        nl_fail(why, "%s", hint.text);
    free(changed);
    return status ? NULL : nl_key_text(key, &config);
}

static struct setting *find_setting(const struct translation *t, const char *key)
{
    for (int i = 0; i < t->settings; i++)
        if (strcmp(t->at[i].key->name, key) == 0)
            return &t->at[i];
    return NULL;
}

/* Takes value and was over. */
static void set(struct translation *t, const struct nl_key *key, char *value, char *was, bool axis, bool tuned)
{
    NL_GROW(t->at, t->settings, t->capacity);
    struct setting *setting = &t->at[t->settings++];
    *setting = (struct setting){.key = key, .was = in_line(was), .axis = axis, .tuned = tuned};
    nl_text_add(&setting->value, "%s", value);
    free(value);
}

/* Values of an axis, or of what is chosen; each once. */
static void add_values(struct translation *t, const struct nl_key *key, const char *path, const struct nl_node *list)
{
    struct nl_text values = {0};
    struct nl_error why;
    int count = 0;
    nl_text_add(&values, "[");
    for (int i = 0; i < list->count; i++) {
        char *value = value_of(t, key, list->item[i], &why);
        char *with = value ? nl_format("%s%s", count ? ", " : "", value) : NULL;
        bool twice = false;
        for (int j = 0; j < i && value && !twice; j++) {
            struct nl_error ignored;
            char *other = value_of(t, key, list->item[j], &ignored);
            twice = other && strcmp(other, value) == 0;
            free(other);
        }
        if (!value)
            leave(t, path, list->item[i], why.text);
        else if (!twice)
            nl_text_add(&values, "%s", with), count++;
        free(with);
        free(value);
    }
    nl_text_add(&values, "]");
    char *text = shown(list);
    /* what is compared stays an axis; the rest of a search is chosen for each of them */
    bool compared = strncmp(key->name, "norm.", 5) == 0 && key->choices;
    if (count) {
        set(t, key, nl_strdup(values.at), nl_format("%s: %s", path, text), !t->searches || compared,
            t->searches && !compared);
        t->at[t->settings - 1].values = count;
    }
    free(text);
    nl_text_release(&values);
}

/* The layers of a residual network of CIFAR-10, "resnet20": 6n + 2. 0: it is no such name. */
static int resnet_depth(const struct nl_node *value)
{
    char *end;
    const char *name = value->kind == NL_SCALAR && !value->blank ? class_of(value->text) : "";
    bool is = strlen(name) > 6 && strncasecmp(name, "resnet", 6) == 0;
    long depth = is ? strtol(name + 6 + (name[6] == '_' || name[6] == '-'), &end, 10) : 0;
    return is && !*end && depth >= 8 && depth <= 1000 && (depth - 2) % 6 == 0 && depth != 50 ? (int)depth : 0;
}

static void set_resnet(struct translation *t, const char *path, const struct nl_node *value)
{
    set(t, nl_key_named("model.arch"), nl_strdup("resnet"), nl_format("%s: %s", path, value->text), false, false);
    if (!find_setting(t, "model.depth"))
        set(t, nl_key_named("model.depth"), nl_format("%d", resnet_depth(value)),
            nl_format("%s: %s", path, value->text), false, false);
    if (!find_setting(t, "model.width"))
        set(t, nl_key_named("model.width"), nl_strdup("16"), nl_format("%s: %s (He et al. 2015)", path, value->text),
            false, false);
}

static void translate_value(struct translation *t, const struct nl_key *key, const char *path,
                            const struct nl_node *value)
{
    struct nl_error why;
    struct setting *before = find_setting(t, key->name);
    if (!before && strcmp(key->name, "model.arch") == 0 && resnet_depth(value)) {
        set_resnet(t, path, value);
    } else if (before) {
        char *reason = nl_format("%s is set already, by %s", key->name, before->was);
        leave(t, path, value, reason);
        free(reason);
    } else if (nl_section_is_aside(key->section) || (value->kind == NL_SEQUENCE && nl_key_is_list(key))) {
        leave(t, path, value, "it does not change a training");
    } else if (value->kind == NL_SEQUENCE) {
        add_values(t, key, path, value);
    } else {
        char *text = value_of(t, key, value, &why), *was = shown(value);
        bool changed = t->library && strcmp(key->name, "norm.momentum") == 0;
        if (text)
            set(t, key, text, nl_format("%s%s: %s", changed ? "1 minus " : "", path, was), false, false);
        else
            leave(t, path, value, why.text);
        free(was);
    }
}

/* The key of a name in a group, or NULL and why there is none. */
static const struct nl_key *key_of(const struct group *group, const char *name, const char **reason)
{
    *reason = NULL;
    for (int i = 0; i < NAMES; i++)
        if (strcmp(names[i].group, group->name) == 0 && nl_alike_any(name, names[i].words)) {
            *reason = names[i].reason;
            return names[i].key ? nl_key_named(names[i].key) : NULL;
        }
    const char *const order[] = {group->section, "train", "model", "data", "norm", NULL};
    for (int s = 0; order[s]; s++)
        for (int k = 0; k < nl_key_count; k++)
            if (strcmp(nl_keys[k].section, order[s]) == 0 &&
                (nl_alike(name, nl_key_field(&nl_keys[k]), false) || nl_key_synonym(nl_keys[k].name, name, false)))
                return &nl_keys[k];
    const char *answer = nl_key_answer(name);
    *reason = answer ? answer : "normlab has no key for it";
    return NULL;
}

static void translate_entries(struct translation *t, const struct group *group, const char *path,
                              const struct nl_node *map, int depth);

/* betas: [0.9, 0.999] */
static bool translate_betas(struct translation *t, const char *name, const char *path, const struct nl_node *value)
{
    if (!nl_alike_any(name, "betas") || value->kind != NL_SEQUENCE || value->count != 2)
        return false;
    translate_value(t, nl_key_named("train.beta1"), path, value->item[0]);
    translate_value(t, nl_key_named("train.beta2"), path, value->item[1]);
    return true;
}

static void translate_seeds(struct translation *t, const char *path, const struct nl_node *value)
{
    int64_t number;
    if (value->kind == NL_SEQUENCE && value->count > 0 && value->item[0]->kind == NL_SCALAR && !t->seeds.at) {
        char *text = shown(value), *was = in_line(nl_format("%s: %s", path, text));
        nl_text_add(&t->seeds, "%d  # from train.seed on; %s", value->count, was);
        free(was);
        free(text);
        translate_value(t, nl_key_named("train.seed"), path, value->item[0]);
    } else if (value->kind == NL_SCALAR && !value->blank && !t->seeds.at && nl_integer_read(value->text, &number) &&
               number > 0 && number <= NL_SEEDS_MAX) {
        char *was = in_line(nl_format("%s: %s", path, value->text));
        nl_text_add(&t->seeds, "%" PRId64 "  # from train.seed on; %s", number, was);
        free(was);
    } else {
        leave(t, path, value, t->seeds.at ? "sweep.seeds is set already" : "sweep.seeds is a number of seeds");
    }
}

static bool is_target(const char *name)
{
    return strcmp(name, "_target_") == 0 || strcmp(name, "class_path") == 0;
}

static void translate_entry(struct translation *t, const struct group *group, const char *path, const char *name,
                            const struct nl_node *value, int depth)
{
    const char *reason;
    const struct group *inner = value->kind == NL_MAPPING ? group_called(name) : NULL;
    if (value->kind == NL_MAPPING &&
        !nl_alike_any(name, "hydra, callbacks, logger, early_terminate, paths, extras, wandb")) {
        translate_entries(t, inner ? inner : group, path, value, depth + 1);
    } else if (translate_betas(t, name, path, value)) {
        return;
    } else if (nl_alike_any(name, "seeds") || (nl_alike_any(name, "seed") && value->kind == NL_SEQUENCE)) {
        translate_seeds(t, path, value);
    } else {
        const struct nl_key *key = key_of(group, name, &reason);
        if (key)
            translate_value(t, key, path, value);
        else
            leave(t, path, value, reason);
    }
}

static void translate_entries(struct translation *t, const struct group *group, const char *path,
                              const struct nl_node *map, int depth)
{
    if (depth > DEEPEST) {
        leave(t, path, map, "it is too deep in the file");
        return;
    }
    for (int i = 0; i < map->count; i++) { /* the class says how the rest is meant */
        const struct nl_node *name = map->item[2 * i], *value = map->item[2 * i + 1];
        if (name->kind == NL_SCALAR && is_target(name->text) && value->kind == NL_SCALAR && !value->blank &&
            strcmp(group->name, "norm") == 0)
            t->library = strstr(value->text, "flax")                                           ? "flax"
                         : strstr(value->text, "keras") || strncmp(value->text, "tf.", 3) == 0 ? "keras"
                                                                                               : NULL;
    }
    for (int i = 0; i < map->count; i++) {
        const struct nl_node *name = map->item[2 * i], *value = map->item[2 * i + 1];
        if (name->kind != NL_SCALAR || name->blank)
            continue;
        char *inside = nl_format("%s%s%.80s", path, *path ? "." : "", name->text);
        translate_entry(t, group, inside, name->text, value, depth);
        free(inside);
    }
}

/* hydra: {sweeper: {params: {optimizer.lr: "0.1,0.01"}}}: values of a multirun. */
static void translate_multirun(struct translation *t, const struct nl_node *hydra)
{
    const struct nl_node *params = nl_yaml_entry(nl_yaml_entry(hydra, "sweeper"), "params");
    for (int i = 0; params && params->kind == NL_MAPPING && i < params->count; i++) {
        const struct nl_node *name = params->item[2 * i], *value = params->item[2 * i + 1];
        if (name->kind != NL_SCALAR || value->kind != NL_SCALAR || value->blank)
            continue;
        struct nl_diagnostics ignored = {0};
        size_t length = strlen(value->text);
        bool choice = strncmp(value->text, "choice(", 7) == 0 && value->text[length - 1] == ')';
        char *list = choice ? nl_format("[%.*s]", (int)length - 8, value->text + 7) : nl_format("[%s]", value->text);
        const struct nl_node *values = nl_yaml_parse(list, &value->at, &ignored);
        char *path = nl_format("hydra.sweeper.params.%.80s", name->text), *outer = nl_strdup(name->text);
        char *dot = strrchr(outer, '.');
        const struct group *group = NULL;
        if (dot) {
            *dot = '\0';
            group = group_called(strrchr(outer, '.') ? strrchr(outer, '.') + 1 : outer);
        }
        translate_entry(t, group ? group : &groups[OUTSIDE], path, dot ? dot + 1 : name->text, values ? values : value,
                        0);
        nl_diagnostics_release(&ignored);
        free(outer);
        free(path);
        free(list);
    }
}

/* ---- sweeps of Weights & Biases ---- */

static const char *text_at(const struct nl_node *map, const char *name)
{
    const struct nl_node *node = nl_yaml_entry(map, name);
    return node && node->kind == NL_SCALAR && !node->blank ? node->text : "";
}

/* min and max, by their distribution: an interval of sweep.tune. */
static void add_interval(struct translation *t, const struct nl_key *key, const char *path, const struct nl_node *map)
{
    const char *kind = text_at(map, "distribution"), *scale = NULL;
    char *from = nl_strdup(text_at(map, "min")), *to = nl_strdup(text_at(map, "max"));
    double low, high;
    bool numbers = nl_number_read(from, &low) && nl_number_read(to, &high);
    struct nl_config config;
    struct nl_error why, hint;
    if (!numbers || !nl_key_is_number(key) || !(low < high)) {
        leave(t, path, map, "it has no min and max that are numbers of this key");
    } else {
        if (strstr(kind, "log_uniform_values"))
            scale = "log";
        else if (strstr(kind, "log_uniform")) { /* the ends are exponents of e */
            free(from);
            free(to);
            from = nl_format("%.6g", exp(low));
            to = nl_format("%.6g", exp(high));
            scale = "log";
        } else if (!*kind || strstr(kind, "uniform")) {
            scale = "uniform";
        }
        char *was = shown(map);
        nl_config_defaults(&config);
        if (nl_value_read(key, &config, from, &why, &hint) || nl_value_read(key, &config, to, &why, &hint))
            leave(t, path, map, why.text);
        else if (scale && strcmp(scale, "log") == 0 && !(nl_double_read(from, NULL) > 0))
            leave(t, path, map, "on the log scale its min must be above 0");
        else if (!scale || !t->searches)
            leave(t, path, map,
                  scale ? "a grid has no intervals: list values"
                        : "intervals are drawn evenly, or evenly on the log scale");
        else
            set(t, key, nl_format("%s:%s:%s", from, to, scale), nl_format("%s: %s", path, was), false, true);
        free(was);
    }
    free(from);
    free(to);
}

static void translate_parameters(struct translation *t, const struct group *group, const char *path,
                                 const struct nl_node *map, int depth);

static void translate_parameter(struct translation *t, const struct group *group, const char *path, const char *name,
                                const struct nl_node *spec, int depth)
{
    const struct nl_node *value = nl_yaml_entry(spec, "value"), *values = nl_yaml_entry(spec, "values"),
                         *parameters = nl_yaml_entry(spec, "parameters");
    const char *reason, *dot = strrchr(name, '.');
    if (dot && dot[1]) { /* "optimizer.lr" */
        char *outer = nl_format("%.*s", (int)(dot - name), name);
        const char *last = strrchr(outer, '.');
        const struct group *called = group_called(last ? last + 1 : outer);
        group = called ? called : group;
        free(outer);
        name = dot + 1;
    }
    if (parameters && parameters->kind == NL_MAPPING) {
        const struct group *inner = group_called(name);
        translate_parameters(t, inner ? inner : group, path, parameters, depth + 1);
    } else if (value) {
        translate_entry(t, group, path, name, value, depth);
    } else if (nl_alike_any(name, "seed, seeds") && values && values->kind == NL_SEQUENCE) {
        translate_seeds(t, path, values);
    } else {
        const struct nl_key *key = key_of(group, name, &reason);
        if (!key)
            leave(t, path, spec, reason);
        else if (values && values->kind == NL_SEQUENCE)
            translate_value(t, key, path, values);
        else
            add_interval(t, key, path, spec);
    }
}

static void translate_parameters(struct translation *t, const struct group *group, const char *path,
                                 const struct nl_node *map, int depth)
{
    for (int i = 0; i < map->count && depth <= DEEPEST; i++) {
        const struct nl_node *name = map->item[2 * i];
        if (name->kind != NL_SCALAR || name->blank)
            continue;
        char *inside = nl_format("%s%s%.80s", path, *path ? "." : "", name->text);
        translate_parameter(t, group, inside, name->text, map->item[2 * i + 1], depth);
        free(inside);
    }
}

static void translate_sweep(struct translation *t, const struct nl_node *root)
{
    const char *metric = text_at(nl_yaml_entry(root, "metric"), "name"), *cap = text_at(root, "run_cap");
    t->is_sweep = true;
    t->searches = strcmp(text_at(root, "method"), "grid") != 0;
    t->trials = *cap ? strtol(cap, NULL, 10) : TUNE_TRIALS;
    t->trials = t->trials < 8 ? 8 : t->trials > 1000 ? 1000 : t->trials;
    t->by = strstr(metric, "acc") ? "val_accuracy" : strstr(metric, "err") ? "val_error" : "val_loss";
    for (int i = 0; i < root->count; i++) {
        const struct nl_node *name = root->item[2 * i], *value = root->item[2 * i + 1];
        if (name->kind != NL_SCALAR || nl_alike_any(name->text, "method, metric, run_cap"))
            continue;
        if (strcmp(name->text, "parameters") == 0)
            translate_parameters(t, &groups[OUTSIDE], "", value, 0);
        else
            translate_entry(t, &groups[OUTSIDE], name->text, name->text, value, 0);
    }
}

/* ---- what the file does not say ---- */

static bool has_value(const struct translation *t, const char *key, const char *value)
{
    const struct setting *setting = find_setting(t, key);
    return setting && !setting->axis && !setting->tuned && strcmp(setting->value.at, value) == 0;
}

static void add_usual(struct translation *t, const char *key, const char *text, const char *library,
                      const struct setting *with)
{
    if (!find_setting(t, key))
        set(t, nl_key_named(key), nl_strdup(text),
            nl_format("what %s takes where nothing is given, with %s", library, with->was), false, false);
}

/* Defaults of Keras's and Flax's normalizers. */
static void add_usuals_of_library(struct translation *t)
{
    const struct setting *kind = find_setting(t, "norm.kind");
    bool keras = t->library && strcmp(t->library, "keras") == 0, bn = has_value(t, "norm.kind", "bn"),
         rms = has_value(t, "norm.kind", "rms");
    if (!t->library || !kind)
        return;
    struct setting with = *kind; /* adding moves the list */
    add_usual(t, "norm.eps", keras ? rms ? "1e-6" : "1e-3" : bn ? "1e-5" : "1e-6", keras ? "Keras" : "Flax", &with);
    if (bn)
        add_usual(t, "norm.momentum", "0.01", keras ? "Keras" : "Flax", &with);
}

static void add_usuals(struct translation *t)
{
    add_usuals_of_library(t);
    for (int i = 0; i < USUALS; i++) {
        if (t->library && strncmp(usuals[i].key, "norm.", 5) == 0)
            continue;
        const char *of = strncmp(usuals[i].key, "norm.", 5) == 0 ? "norm.kind" : "train.optimizer";
        const struct setting *setting = find_setting(t, of);
        struct setting with = setting ? *setting : (struct setting){0};
        if (has_value(t, of, usuals[i].value))
            add_usual(t, usuals[i].key, usuals[i].text, "PyTorch", &with);
    }
    /* an MLP has no positions, over which these normalize */
    const struct setting *kind = find_setting(t, "norm.kind");
    if (kind && !find_setting(t, "model.arch") && !find_setting(t, "model.layers") &&
        (strstr(kind->value.at, "in") || strstr(kind->was, "2d")))
        set(t, nl_key_named("model.arch"), nl_strdup("cnn"),
            nl_strdup("the file names no network; one of images fits the normalizer"), false, false);
}

/* Nesterov's momentum without a momentum: refused here, and by PyTorch. */
static void leave_nesterov(struct translation *t)
{
    struct setting *nesterov = find_setting(t, "train.nesterov");
    bool none = !find_setting(t, "train.momentum") || has_value(t, "train.momentum", "0");
    if (!has_value(t, "train.nesterov", "true") || !none)
        return;
    nl_text_add(&t->left, "#   %s\n#     it needs a momentum above 0\n", nesterov->was);
    nl_text_release(&nesterov->value);
    free(nesterov->was);
    memmove(nesterov, nesterov + 1, (size_t)(&t->at[--t->settings] - nesterov) * sizeof *nesterov);
}

/* ---- writing ---- */

static void add_line(struct nl_text *out, const char *indent, const char *name, const struct setting *setting)
{
    char *line = nl_format("%s%s: %s", indent, name, setting->value.at);
    nl_text_add(out, "%-*s  # %s\n", COLUMN, line, setting->was);
    free(line);
}

static void add_group(struct nl_text *out, const struct translation *t, const char *title, bool tuned)
{
    bool any = false;
    for (int i = 0; i < t->settings; i++)
        if (tuned ? t->at[i].tuned : t->at[i].axis) {
            nl_text_add(out, "%s", any ? "" : title);
            add_line(out, "    ", t->at[i].key->name, &t->at[i]);
            any = true;
        }
}

static void add_sweep(struct nl_text *out, const struct translation *t)
{
    bool tunes = false, any = t->seeds.at;
    double combinations = 1; /* of the values that are chosen from */
    for (int i = 0; i < t->settings; i++) {
        tunes |= t->at[i].tuned;
        any |= t->at[i].tuned || t->at[i].axis;
        if (t->at[i].tuned)
            combinations *= t->at[i].values ? t->at[i].values : HUGE_VAL;
    }
    if (!any)
        return;
    nl_text_add(out, "\nsweep:\n");
    add_group(out, t, "  grid:  # every combination\n", false);
    add_group(out, t, "  tune:  # chosen for each point of the grid, on the validation part\n", true);
    if (tunes && combinations > (double)t->trials)
        nl_text_add(out, "    trials: %ld\n", t->trials);
    if (tunes)
        nl_text_add(out, "    by: %s\n", t->by);
    if (t->seeds.at)
        nl_text_add(out, "  seeds: %s\n", t->seeds.at);
}

static void add_sections(struct nl_text *out, const struct translation *t)
{
    bool tunes = false;
    for (int i = 0; i < t->settings; i++)
        tunes |= t->at[i].tuned;
    for (const struct nl_section *section = nl_sections; section->name; section++) {
        bool needs_val = tunes && strcmp(section->name, "data") == 0 && !find_setting(t, "data.val"), any = needs_val;
        for (int i = 0; i < t->settings && !any; i++)
            any = strcmp(t->at[i].key->section, section->name) == 0 && !t->at[i].axis && !t->at[i].tuned;
        if (any)
            nl_text_add(out, "\n%s:\n", section->name);
        if (needs_val)
            nl_text_add(out, "%-*s  # samples that sweep.tune chooses by, taken from the training part\n", COLUMN,
                        "  val: 200");
        for (int k = 0; k < nl_key_count; k++) {
            const struct setting *setting =
                strcmp(nl_keys[k].section, section->name) == 0 ? find_setting(t, nl_keys[k].name) : NULL;
            if (setting && !setting->axis && !setting->tuned)
                add_line(out, "  ", nl_key_field(setting->key), setting);
        }
    }
}

char *nl_foreign_translated(const struct nl_node *root, const char *path)
{
    struct translation t = {.by = "val_loss", .trials = TUNE_TRIALS};
    struct nl_text out = {0};
    const char *kind = nl_foreign_kind(root), *slash = strrchr(path, '/');
    if (nl_yaml_entry(root, "parameters") && nl_yaml_entry(root, "method"))
        translate_sweep(&t, root);
    else {
        translate_multirun(&t, nl_yaml_entry(root, "hydra"));
        translate_entries(&t, &groups[OUTSIDE], "", root, 0);
    }
    add_usuals(&t);
    leave_nesterov(&t);
    char *name = in_line(nl_strdup(slash ? slash + 1 : path));
    nl_text_add(&out, "# Translated from %s, %s. Behind each value stands what it was there.\n", name,
                kind ? kind : "a file of names and values");
    free(name);
    add_sections(&out, &t);
    add_sweep(&out, &t);
    if (!t.settings && !t.seeds.at)
        nl_text_add(&out, "\n{}  # nothing in it has a counterpart: all defaults\n");
    if (t.left.at)
        nl_text_add(&out, "\n# Left out:\n%s", t.left.at);
    for (int i = 0; i < t.settings; i++) {
        nl_text_release(&t.at[i].value);
        free(t.at[i].was);
    }
    free(t.at);
    nl_text_release(&t.left);
    nl_text_release(&t.seeds);
    return out.at;
}

/* ---- recognizing ---- */

static bool has_target(const struct nl_node *node, const char *target, int depth)
{
    bool has = nl_yaml_entry(node, target);
    for (int i = 0; depth < DEEPEST && node->kind != NL_SCALAR && i < node->count && !has; i++)
        has = has_target(node->item[node->kind == NL_MAPPING ? 2 * i + 1 : i], target, depth + 1);
    return has;
}

/* Whether an entry is one of ours: a key in full, a section with a key in it, the section train, which others call
 * trainer or training, or another word that stands outside. */
static bool is_ours(const struct nl_node *name, const struct nl_node *value)
{
    static const char *const words[] = {"sweep", "claim", "import", "base", "made"};
    bool ours = nl_key_find(name->text) || strncmp(name->text, "sweep.", 6) == 0 ||
                (strcmp(name->text, "train") == 0 && value->kind == NL_MAPPING);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        ours |= strcmp(name->text, words[i]) == 0;
    for (int i = 0; value->kind == NL_MAPPING && i < value->count && !ours; i++) {
        const struct nl_node *field = value->item[2 * i];
        char *full = field->kind == NL_SCALAR ? nl_format("%s.%s", name->text, field->text) : nl_strdup("");
        ours = nl_key_find(full);
        free(full);
    }
    return ours;
}

const char *nl_foreign_kind(const struct nl_node *root)
{
    int known = 0, entries = 0, ours = 0;
    if (!root || root->kind != NL_MAPPING)
        return NULL;
    const struct nl_node *parameters = nl_yaml_entry(root, "parameters"), *defaults = nl_yaml_entry(root, "defaults");
    if (parameters && parameters->kind == NL_MAPPING && nl_yaml_entry(root, "method"))
        return "a sweep of Weights & Biases";
    if (has_target(root, "class_path", 0))
        return "a configuration of Lightning";
    if (has_target(root, "_target_", 0) || (defaults && defaults->kind == NL_SEQUENCE))
        return "a configuration of Hydra";
    for (int i = 0; i < root->count; i++) {
        const struct nl_node *name = root->item[2 * i], *value = root->item[2 * i + 1];
        const char *reason;
        if (name->kind != NL_SCALAR)
            continue;
        entries++;
        ours += is_ours(name, value);
        if (value->kind == NL_MAPPING)
            known += group_called(name->text) != NULL;
        else
            known += key_of(&groups[OUTSIDE], name->text, &reason) || nl_key_answer(name->text);
    }
    return !ours && known >= 3 && 2 * known > entries ? "a file of hyperparameters as PyTorch's users call them" : NULL;
}

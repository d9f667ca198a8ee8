/* The `claim` section: what a paper says, and the parts that it is judged by. */
#include "config/published.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/sweep.h"
#include "config/value.h"
#include "graph/quantities.h"

const char *const nl_identity_names[] = {
    "gn_is_ln",      "gn_is_in",      "rms_is_ln",      "bn_of_one",     "bn_scale",  "bn_shift",
    "bn_running",    "bn_batchmates", "frn_batchmates", "sync_is_bn",    "brn_is_bn", "dbn_white",
    "wn_orthogonal", "sn_largest",    "bn_undo",        "ln_batchmates", "bn_fold",   NULL};
const char *const nl_take_names[] = {"best", "usable", "width", "failed", NULL};
const char *const nl_part_kind_names[] = {"difference", "equivalence", "interaction", "ordering",
                                          "trend",      "identity",    NULL};
const double nl_side_signs[NL_SIDES] = {1.0, -1.0, -1.0, 1.0};

/* ---- values ---- */

/* Readers of a table of fields. Each knows what `to` points to: */

/* const char *: a text, */
static void read_text(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    if (value->kind == NL_SCALAR && !value->blank && *value->text)
        *(const char **)to = nl_keep_text(value->text);
    else
        nl_diagnose(loader->diagnostics, &value->at, NULL, "'%s' must be a text", field->name);
}

/* double: a number of at least 0, */
static void read_number(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    double *number = to;
    if (value->kind == NL_SCALAR && !value->blank && nl_number_read(value->text, number) && *number >= 0.0)
        return;
    nl_diagnose(loader->diagnostics, &value->at, NULL, "'%s' must be a number of at least 0", field->name);
    *number = NAN;
}

/* int: a word's place among those of the field, */
static void read_word(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    struct nl_text legal = {0};
    for (int i = 0; field->words[i]; i++) {
        if (value->kind == NL_SCALAR && !strcmp(value->text, field->words[i])) {
            *(int *)to = i;
            nl_text_release(&legal);
            return;
        }
        nl_text_add(&legal, "%s%s", i ? ", " : "one of ", field->words[i]);
    }
    nl_diagnose(loader->diagnostics, &value->at, legal.at, "'%s' does not know '%.80s'", field->name,
                value->kind == NL_SCALAR ? value->text : "this");
    nl_text_release(&legal);
}

/* const struct nl_key *: a key of numbers, which may vary, */
static void read_key(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    (void)field;
    const struct nl_key *key = nl_wanted_key(loader, value->kind == NL_SCALAR ? value->text : "a list", &value->at);
    if (key && !nl_key_is_number(key))
        nl_diagnose(loader->diagnostics, &value->at, NULL, "'%s' is not a number: nothing can be measured along it",
                    key->name);
    else if (key && nl_key_may_vary(loader, key, &value->at))
        *(const struct nl_key **)to = key;
}

/* const char *: a column of trials.csv: "test_accuracy", "val_loss", "test_error_precise", */
static void read_metric(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    for (int i = 0; value->kind == NL_SCALAR && nl_metric_names[i]; i++) {
        size_t length = strlen(nl_metric_names[i]);
        if (strncmp(value->text, nl_metric_names[i], length) != 0)
            continue;
        const char *rest = value->text + length;
        for (int eval = -1; eval < NL_EVALS; eval++)
            if (eval < 0 ? !*rest : *rest == '_' && !strcmp(rest + 1, nl_eval_names[eval])) {
                *(const char **)to = nl_keep_text(value->text);
                return;
            }
    }
    const char *text = value->kind == NL_SCALAR ? value->text : "a list", *near = nl_nearest(text, nl_metric_names);
    char *hint = near ? nl_format("did you mean '%s'?", near) : NULL;
    nl_diagnose(loader->diagnostics, &value->at,
                hint ? hint : "as in test_accuracy, val_loss, train_error, test_accuracy_precise",
                "'%s' does not know the metric '%.80s'", field->name, text);
    free(hint);
}

/* ---- settings: {train.epochs: 5, norm.kind: [bn, ln], sweep.seeds: 5} ---- */

static void read_setting(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value,
                         void *context)
{
    struct nl_settings *out = context;
    bool seeded = !strcmp(name->text, "sweep.seeds");
    const struct nl_key *key = seeded ? NULL : nl_wanted_key(loader, name->text, &name->at);
    struct nl_text text = {0};
    if (seeded) {
        int64_t seeds;
        if (value->kind == NL_SCALAR && nl_integer_read(value->text, &seeds) && seeds >= 1 && seeds <= NL_SEEDS_MAX)
            nl_text_add(&text, "sweep.seeds=%s", value->text);
        else
            nl_diagnose(loader->diagnostics, &value->at, NULL, "'sweep.seeds' must be an integer from 1 to %d",
                        NL_SEEDS_MAX);
    } else if (key && nl_key_may_vary(loader, key, &name->at)) {
        struct nl_points points = {0};
        nl_points_from_node(key, value, &points, loader->diagnostics);
        for (int i = 0; i < points.count; i++)
            nl_text_add(&text, i ? ",%s" : "%s=%s", i ? points.text[i] : key->name, points.text[i]);
        nl_points_release(&points);
    }
    if (text.at) {
        out->at = nl_realloc((void *)out->at, (size_t)out->count + 1, sizeof *out->at);
        out->at[out->count++] = nl_keep_text(text.at);
    }
    nl_text_release(&text);
}

/* struct nl_settings: overrides. */
static void read_settings(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    struct nl_settings *out = to;
    nl_each_entry(loader, value, field->name, read_setting, out);
    nl_keep((void *)out->at);
}

/* ---- measures ---- */

/* One metric for both cells, or one each. */
static void read_metrics(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    const char **metric = to;
    bool two = value->kind == NL_SEQUENCE && value->count == 2;
    read_metric(loader, field, two ? value->item[0] : value, &metric[0]);
    if (two)
        read_metric(loader, field, value->item[1], &metric[1]);
    else
        metric[1] = metric[0];
}

static const char *const steps[] = {"last", "first", "mean", "early", "late", NULL}, *const tensors[] = {"last", "mean",
                                                                                                         NULL};

#define OF(struct, member, reader) .read = reader, .offset = offsetof(struct, member)
static const struct nl_field reading_fields[] = {
    {"metric", OF(struct nl_reading, metric, read_metrics)},
    {"target", OF(struct nl_reading, target, read_number)},
    {"tensor", OF(struct nl_reading, tensor, read_text)},
    {"quantity", OF(struct nl_reading, quantity, read_word), .words = nl_quantity_names},
    {"step", OF(struct nl_reading, step, read_word), .words = steps},
    {"tensors", OF(struct nl_reading, tensors, read_word), .words = tensors},
    {"along", OF(struct nl_reading, along, read_key)},
    {"take", OF(struct nl_reading, take, read_word), .words = nl_take_names},
    {"by", OF(struct nl_reading, by, read_metric)},
    {0}};

static void read_reading(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    struct nl_reading *out = to;
    int before = loader->diagnostics->count;
    (void)field;
    *out = (struct nl_reading){.target = NAN};
    nl_read_fields(loader, value, "claim.measure", "claim.measure", reading_fields, out);
    if (loader->diagnostics->count > before)
        return;
    bool taken = nl_yaml_entry(value, "take"), best = taken && out->take == NL_TAKE_BEST;
    if (taken != !!out->along)
        nl_diagnose(loader->diagnostics, &value->at,
                    "as in {metric: test_accuracy, along: train.lr, take: best, by: val_loss}",
                    "a measure has both of 'along' and 'take', or none");
    else if (best && (!out->by || strncmp(out->by, "val_", 4) != 0))
        nl_diagnose(loader->diagnostics, &value->at, "what is chosen by the test part cannot be judged on it",
                    "the best run is chosen by a metric of the validation part: by: val_loss");
    else if (taken && out->take == NL_TAKE_USABLE && strcmp(out->along->name, "train.lr") != 0)
        nl_diagnose(loader->diagnostics, &value->at, NULL, "usable rates are taken along train.lr");
    else if (out->by && !best && !(taken && out->take == NL_TAKE_USABLE && !strcmp(out->by, "val_loss")))
        nl_diagnose(loader->diagnostics, &value->at, NULL,
                    "'by' chooses the best run, or says by: val_loss of usable rates");
    else if (!isnan(out->target) && taken && !best)
        nl_diagnose(loader->diagnostics, &value->at, NULL, "steps to a target are counted in one run, or in the best");
    else if (!!out->tensor != !!nl_yaml_entry(value, "quantity") ||
             ((nl_yaml_entry(value, "step") || nl_yaml_entry(value, "tensors")) && !out->tensor))
        nl_diagnose(loader->diagnostics, &value->at, "as in {tensor: 'grad:*.weight', quantity: norm, step: first}",
                    "a measure has both of 'tensor' and 'quantity', or none; 'step' and 'tensors' go with them");
    else if (out->tensor && (out->metric[0] || (taken && !best)))
        nl_diagnose(loader->diagnostics, &value->at, NULL,
                    "a tensor stands in place of a metric, of one run or of the best");
    else if (!out->metric[0] && !out->tensor &&
             !(taken && (out->take == NL_TAKE_USABLE || out->take == NL_TAKE_FAILED)))
        nl_diagnose(loader->diagnostics, &value->at, NULL, "a measure needs a 'metric'");
}

/* ---- parts ---- */

struct parts {
    struct nl_published *out;
    struct nl_published_part part; /* the one that is read */
    const struct nl_node *order, *tolerance;
    bool expects;
    int thresholds;
    int capacity;
};

/* struct nl_match: one value for each of some keys. */
static void read_cell(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    (void)field;
    nl_read_match(loader, value, "a cell", false, to);
}

static void read_less(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    static const struct nl_field less_fields[] = {
        {"of", OF(struct parts, part.cell[2], read_cell)}, {"minus", OF(struct parts, part.cell[3], read_cell)}, {0}};
    nl_read_fields(loader, value, field->name, "claim.parts.less", less_fields, to);
}

static void read_order(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    (void)loader;
    (void)field;
    ((struct parts *)to)->order = value;
}

static void read_smallest(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    struct parts *parts = to;
    parts->thresholds++;
    read_number(loader, field, value, &parts->part.threshold);
}

static void read_margin(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    ((struct parts *)to)->part.kind = NL_EQUIVALENCE;
    read_smallest(loader, field, value, to);
}

static void read_tolerance(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value,
                           void *to)
{
    struct parts *parts = to;
    (void)loader;
    (void)field;
    parts->thresholds++;
    parts->part.kind = NL_IDENTITY;
    parts->tolerance = value;
}

static void read_identity(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    int identity = NL_NO_IDENTITY - 1;
    read_word(loader, field, value, &identity);
    ((struct parts *)to)->part.identity = (enum nl_identity)(identity + 1);
}

static void read_direction(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value,
                           void *to)
{
    struct parts *parts = to;
    int direction = 0;
    read_word(loader, field, value, &direction);
    parts->part.fewer = direction == 1;
    parts->expects = true;
}

static const char *const directions[] = {"more", "less", NULL};

static const struct nl_field part_fields[] = {
    {"says", OF(struct parts, part.says, read_text)},
    {"of", OF(struct parts, part.cell[0], read_cell)},
    {"minus", OF(struct parts, part.cell[1], read_cell)},
    {"less", .read = read_less},
    {"order", .read = read_order},
    {"slope", OF(struct parts, part.slope, read_key)},
    {"measure", OF(struct parts, part.reading, read_reading)},
    {"smallest", .read = read_smallest},
    {"margin", .read = read_margin},
    {"tolerance", .read = read_tolerance},
    {"expect", .read = read_direction, .words = directions},
    {"identity", .read = read_identity, .words = nl_identity_names},
    {0}};

static const struct nl_field tolerance = {"tolerance", .read = read_number};

static void add_part(struct parts *parts, const struct nl_published_part *part)
{
    NL_GROW(parts->out->part, parts->out->parts, parts->capacity);
    parts->out->part[parts->out->parts++] = *part;
}

/* A chain of differences. */
static void add_order(struct nl_loader *loader, struct parts *parts)
{
    const struct nl_node *order = parts->order;
    parts->part.kind = NL_ORDERING;
    parts->part.sides = 2;
    for (int i = 0; i + 1 < order->count; i++) {
        read_cell(loader, NULL, order->item[i], &parts->part.cell[0]);
        read_cell(loader, NULL, order->item[i + 1], &parts->part.cell[1]);
        add_part(parts, &parts->part);
    }
}

/* A formula is computed twice, each time with a tolerance of its own. It reads no runs, whatever the claim's measure
 * is. */
static void add_identity(struct nl_loader *loader, struct parts *parts)
{
    static const enum nl_device_kind devices[] = {NL_REF, NL_CPU};
    bool two = parts->tolerance->kind == NL_SEQUENCE && parts->tolerance->count == 2;
    if (!two)
        nl_diagnose(loader->diagnostics, &parts->tolerance->at, "as in tolerance: [1e-12, 1e-5]",
                    "a formula has two tolerances: of ref, and of cpu");
    parts->part.reading = (struct nl_reading){.target = NAN};
    for (int i = 0; two && i < 2; i++) {
        parts->part.device = devices[i];
        read_number(loader, &tolerance, parts->tolerance->item[i], &parts->part.threshold);
        add_part(parts, &parts->part);
    }
}

/* What is wrong with a part as a whole; NULL: nothing. */
static const char *problem_with(const struct parts *parts)
{
    const struct nl_published_part *part = &parts->part;
    bool listed = parts->order, runs = part->identity == NL_NO_IDENTITY;
    bool ratio = !isnan(part->reading.target) || (part->reading.along && part->reading.take == NL_TAKE_USABLE) ||
                 (part->reading.tensor && nl_quantities[part->reading.quantity].compared == NL_BY_RATIO);
    if (!part->says)
        return "a part needs a sentence: says";
    if (parts->thresholds != 1)
        return "a part needs one threshold: smallest, margin or tolerance";
    if (!runs)
        return part->sides || listed || part->slope || part->kind != NL_IDENTITY
                   ? "an identity has 'says' and 'tolerance', and no cells"
                   : NULL;
    if (parts->expects && (part->kind == NL_EQUIVALENCE || part->kind == NL_IDENTITY || listed))
        return "'expect' is of a difference with a smallest effect";
    if (listed && (part->sides || part->slope || part->kind != NL_DIFFERENCE || parts->order->kind != NL_SEQUENCE ||
                   parts->order->count < 2))
        return "'order' is a list of two or more cells, with a smallest effect between neighbours";
    if (ratio && part->kind != NL_IDENTITY && !(part->threshold >= 1.0))
        return "steps, rates and sizes of tensors are compared by their ratio: its threshold is 1 or more";
    if (listed)
        return NULL;
    if (part->slope ? part->sides < 1 || (part->sides > 1 && !part->cell[1].keys) : part->sides < 2)
        return "a part needs two cells: of and minus";
    for (int side = 0; side < part->sides; side++)
        if (!part->cell[side].keys)
            return "'less' takes a second difference off the first: both have of and minus";
    if (part->sides == 3)
        return "'less' takes a second difference off the first: both have of and minus";
    return NULL;
}

static void read_part(struct nl_loader *loader, const struct nl_node *node, struct parts *parts,
                      const struct nl_reading *reading)
{
    int before = loader->diagnostics->count;
    parts->part = (struct nl_published_part){.origin = node->at, .reading = *reading};
    parts->order = parts->tolerance = NULL;
    parts->thresholds = 0;
    parts->expects = false;
    nl_read_fields(loader, node, "a part", "claim.parts", part_fields, parts);
    if (loader->diagnostics->count > before)
        return;
    struct nl_published_part *part = &parts->part;
    for (int side = 0; side < NL_SIDES; side++)
        if (part->cell[side].keys)
            part->sides = side + 1;
    const char *problem = problem_with(parts);
    bool formula = part->identity != NL_NO_IDENTITY,
         unread = !part->reading.metric[0] && !part->reading.tensor && !part->reading.along;
    if (!problem && !formula && unread)
        problem = "nothing says what is read of the runs: measure: {metric: test_accuracy}";
    if (problem) {
        nl_diagnose(loader->diagnostics, &node->at, "normlab keys claim.parts says how parts are written", "%s",
                    problem);
        return;
    }
    if (formula) {
        add_identity(loader, parts);
        return;
    }
    if (part->kind == NL_IDENTITY)
        read_number(loader, &tolerance, parts->tolerance, &part->threshold);
    else if (part->kind == NL_DIFFERENCE)
        part->kind = part->slope ? NL_TREND : part->sides == NL_SIDES ? NL_INTERACTION : NL_DIFFERENCE;
    if (parts->order)
        add_order(loader, parts);
    else
        add_part(parts, part);
}

static void read_parts(struct nl_loader *loader, const struct nl_node *list, struct nl_published *out,
                       const struct nl_reading *reading)
{
    struct parts parts = {.out = out};
    if (list->kind != NL_SEQUENCE || !list->count)
        nl_diagnose(loader->diagnostics, &list->at, NULL, "'claim.parts' must be a list");
    else
        for (int i = 0; i < list->count; i++)
            read_part(loader, list->item[i], &parts, reading);
    nl_keep(out->part);
}

/* ---- the section ---- */

/* struct nl_word_list: a word, or a list of words. */
static void read_words(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    struct nl_word_list *out = to;
    bool list = value->kind == NL_SEQUENCE;
    int count = list ? value->count : 1;
    char **word = nl_keep(nl_alloc((size_t)count + 1, sizeof *word));
    for (int i = 0; i < count; i++) {
        const char *text = "";
        read_text(loader, field, list ? value->item[i] : value, &text);
        word[i] = (char *)text;
    }
    *out = (struct nl_word_list){.count = count, .at = word};
}

static const struct nl_field objection_fields[] = {{"says", OF(struct nl_objection, says, read_text)},
                                                   {"set", OF(struct nl_objection, set, read_settings)},
                                                   {"hinge", OF(struct nl_objection, hinge.key, read_words)},
                                                   {"here", OF(struct nl_objection, hinge.here, read_text)},
                                                   {"values", OF(struct nl_objection, hinge.values, read_words)},
                                                   {"source", OF(struct nl_objection, hinge.source, read_text)},
                                                   {0}};

/* What is wrong with an objection as a whole; NULL: nothing. */
static const char *problem_with_objection(const struct nl_objection *objection, bool second)
{
    const struct nl_hinge *hinge = &objection->hinge;
    bool hinges = hinge->key.count;
    if (!hinges && (hinge->here || hinge->values.count || hinge->source))
        return "'here', 'values' and 'source' go with a 'hinge'";
    if (!objection->says || !(objection->set.count || hinges))
        return "an objection has 'says', and 'set' or 'hinge'";
    if (!hinges)
        return NULL;
    if (hinge->key.count > NL_LIST_MAX)
        return "a hinge has too many keys";
    if (!hinge->here || !hinge->values.count || !hinge->source)
        return "a hinge has 'here', the value that the protocol has, other 'values', and their 'source'";
    for (int i = 0; i < hinge->values.count; i++)
        for (int j = 0; j <= i; j++)
            if (!strcmp(hinge->values.at[i], j < i ? hinge->values.at[j] : hinge->here))
                return "the 'values' of a hinge are others than 'here', each once";
    return second ? "a claim has one hinge" : NULL;
}

/* The values in their canonical spelling; what is illegal for one of the keys is a problem. */
static void read_hinge(struct nl_loader *loader, const struct nl_node *node, struct nl_hinge *hinge)
{
    const struct nl_node *here = nl_yaml_entry(node, "here"), *values = nl_yaml_entry(node, "values");
    for (int k = 0; k < hinge->key.count; k++) {
        const struct nl_key *key = nl_wanted_key(loader, hinge->key.at[k], &node->at);
        if (!key || !nl_key_may_vary(loader, key, &node->at))
            continue;
        for (int i = 0; i < hinge->values.count; i++) {
            const struct nl_node *value = values->kind == NL_SEQUENCE ? values->item[i] : values;
            char *text = nl_point_from_node(key, value, loader->diagnostics);
            hinge->values.at[i] = text ? nl_keep(text) : hinge->values.at[i];
        }
        nl_match_add_value(&hinge->place, key, nl_point_from_node(key, here, loader->diagnostics));
    }
}

static void read_objection(struct nl_loader *loader, const struct nl_node *node, struct nl_objection *objection,
                           struct nl_published *out)
{
    int before = loader->diagnostics->count;
    nl_read_fields(loader, node, "an objection", "claim.objections", objection_fields, objection);
    if (loader->diagnostics->count > before)
        return;
    const char *problem = problem_with_objection(objection, out->hinge);
    if (problem)
        nl_diagnose(loader->diagnostics, &node->at, NULL, "%s", problem);
    else if (objection->hinge.key.count) {
        objection->hinge.place.origin = node->at;
        read_hinge(loader, node, &objection->hinge);
        out->hinge = objection;
    }
}

static void read_objections(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *list,
                            void *to)
{
    struct nl_published *out = to;
    (void)field;
    if (list->kind != NL_SEQUENCE) {
        nl_diagnose(loader->diagnostics, &list->at, NULL, "'claim.objections' must be a list");
        return;
    }
    out->tried = nl_keep(nl_alloc((size_t)list->count, sizeof *out->tried));
    out->objections = list->count;
    for (int i = 0; i < list->count; i++)
        read_objection(loader, list->item[i], &out->tried[i], out);
}

static void read_quick(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    static const struct nl_field quick_fields[] = {{"cost", OF(struct nl_published, quick_cost, read_text)},
                                                   {"set", OF(struct nl_published, quick, read_settings)},
                                                   {0}};
    ((struct nl_published *)to)->has_quick = true;
    nl_read_fields(loader, value, field->name, "claim.quick", quick_fields, to);
}

/* Measure and parts are read after all else: a part takes over the claim's measure, wherever that stands. */
static void read_later(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    (void)loader;
    (void)field;
    (void)value;
    (void)to;
}

const struct nl_field nl_claim_fields[] = {
    {"says", "a sentence", "what the paper says", OF(struct nl_published, says, read_text)},
    {"source", "Ioffe and Szegedy 2015, section 4.2", "where it says so: paper, section, table or figure",
     OF(struct nl_published, source, read_text)},
    {"figures", "a sentence", "the paper's own numbers", OF(struct nl_published, figures, read_text)},
    {"differs", "a sentence", "in what this protocol differs from the paper's",
     OF(struct nl_published, differs, read_text)},
    {"objection", "a sentence", "what the paper would object to, where the outcome is another one",
     OF(struct nl_published, objection, read_text)},
    {"measure", "{metric: test_accuracy, along: train.lr, take: best, by: val_loss}",
     "what is read of the runs, unless a part says otherwise. metric: a column of trials.csv, or two, of the first and "
     "the "
     "second cell; target: "
     "steps until its curve is there; tensor: in place of a metric, a name or pattern of log.tensors, with its "
     "quantity of metrics.csv (norm, ...) at a step of those logged (first, last; the mean over all; or over those of "
     "the first fifth of the training, early, or over the later ones, late), of the last tensor that it names, or with "
     "tensors: mean of all; "
     "along: a "
     "key, over whose runs with one seed is taken: best (where `by`, of the validation "
     "part, is best), usable "
     "(the largest usable learning rate), width (decades of the key within 5 points of the best), failed (the share of "
     "failed "
     "runs)",
     .read = read_later},
    {"parts", "[{says: BN degrades more, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 2}]",
     "what must hold, all of it. of, minus: one value for each key that varies; less: {of, minus}, a second difference "
     "to take "
     "off the first; order: "
     "a list of cells, each above the next; slope: a key, over whose base-2 logarithm the slope of `of` is taken; "
     "measure. One "
     "threshold: smallest "
     "(points, nats, a ratio or decades; expect: less where the effect is to be below), margin (the same within it), "
     "tolerance. "
     "identity: a formula "
     "in place of cells, with the tolerances of ref and cpu",
     .read = read_later},
    {"control", "{norm.eps: 1e-3}",
     "of an identity of two runs: settings with which the second one must deviate. Other controls need no word",
     OF(struct nl_published, control, read_settings)},
    {"handicap", "{train.lr: 1e-4}",
     "of an equivalence: settings with which its second arm must no longer be the same; without them it has a tenth of "
     "the training",
     OF(struct nl_published, handicap, read_settings)},
    {"objections", "[{says: the training is too short, set: {train.epochs: 40}}]",
     "what is tried before the claim is called contradicted. In place of 'set', or beside it: hinge, a key (or "
     "several) that the claim hinges on, here: its value in the protocol, values: others, source: where they are "
     "from. The parts are always judged at these too, by other seeds, and the outcome says at which values they hold",
     .read = read_objections},
    {"quick", "{cost: 20 s of one core, set: {sweep.seeds: 5}}", "a shorter protocol, and what it takes",
     .read = read_quick},
    {"waiting_for", "transformers", "what must be there before the claim can be measured; such a claim has no parts",
     OF(struct nl_published, waiting_for, read_text)},
    {0}};

/* key: whose value the node is, or NULL. Values of keys that are a truth value or auto stand there as in identities. */
static void add_canonical(struct nl_text *out, const struct nl_node *node, const struct nl_key *key)
{
    static const char *const open[] = {"\"", "[", "{"}, *const close[] = {"\"", "]", "}"};
    const char *text = node->kind == NL_SCALAR && node->text ? node->text : "";
    int truth = key && nl_key_is_switch(key) ? nl_truth_read(text) : -1;
    nl_text_add(out, "%s%s", open[node->kind], truth < 0 ? text : truth ? "on" : "off");
    for (int i = 0; node->kind == NL_SEQUENCE && i < node->count; i++)
        add_canonical(out, node->item[i], key);
    for (int i = 0; node->kind == NL_MAPPING && i < node->count; i++) {
        const struct nl_node *name = node->item[2 * i];
        add_canonical(out, name, NULL);
        add_canonical(out, node->item[2 * i + 1], name->kind == NL_SCALAR && name->text ? nl_key_of(name->text) : NULL);
    }
    nl_text_add(out, "%s", close[node->kind]);
}

/* What every claim must have. */
static void check_whole(struct nl_loader *loader, const struct nl_published *out)
{
    const char *problem = NULL;
    if (!out->says || !out->source)
        problem = "a claim needs 'says' and 'source'";
    else if (!out->parts == !out->waiting_for)
        problem = out->parts ? "a claim that waits for something has no parts"
                             : "a claim needs 'parts', or what it is 'waiting_for'";
    for (int i = 0; i < out->parts && !problem; i++)
        if (out->part[i].kind == NL_IDENTITY && out->part[i].identity == NL_NO_IDENTITY && !out->control.count)
            problem = "an identity of two runs needs a 'control': settings with which they must differ";
    if (problem)
        nl_diagnose(loader->diagnostics, &out->origin, "normlab keys claim lists what there is", "%s", problem);
}

void nl_read_claim(struct nl_loader *loader, const struct nl_node *map)
{
    struct nl_published *out = nl_keep(nl_alloc(1, sizeof *out));
    struct nl_reading reading = {.target = NAN};
    int before = loader->diagnostics->count;
    *out = (struct nl_published){.origin = map->at};
    nl_read_fields(loader, map, "claim", "claim", nl_claim_fields, out);
    const struct nl_node *measure = nl_yaml_entry(map, "measure"), *parts = nl_yaml_entry(map, "parts");
    if (measure)
        read_reading(loader, NULL, measure, &reading);
    if (parts && loader->diagnostics->count == before)
        read_parts(loader, parts, out, &reading);
    if (loader->diagnostics->count == before)
        check_whole(loader, out);
    struct nl_text canonical = {0};
    add_canonical(&canonical, map, NULL);
    out->canonical = nl_keep(canonical.at);
    loader->out->published = out;
}

void nl_published_hash(const struct nl_experiment *experiment, char hex[NL_HASH_HEX])
{
    struct nl_hash *hash = nl_hash_start();
    char *protocol = nl_experiment_protocol(experiment);
    nl_hash_add(hash, experiment->published->canonical, strlen(experiment->published->canonical));
    nl_hash_add(hash, protocol, strlen(protocol));
    nl_hash_finish(hash, hex);
    free(protocol);
}

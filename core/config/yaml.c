/* Builds the tree from libyaml's events, and turns the parser's errors into diagnostics with a remedy. */
#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/files.h"
#include "base/foreign.h"
#include "base/memory.h"
#include "base/seal.h"
#include "base/utf8.h"
#include "config/keep.h"

/* Bytes of a file, collections in one another, nodes with what aliases stand for, anchors. Beyond it a file was given
 * by mistake, or is to keep us busy: libyaml takes time as the square of the depth. */
enum { LARGEST = 256 * 1024, DEEPEST = 32, MOST_NODES = 200000, MOST_ANCHORS = 256 };

struct source {
    const char *path, *text;
    const struct nl_origin *at; /* where all of it stands; NULL: in the file, each thing where it is */
    char **lines;
    int count;
};

static struct source split(const char *path, const char *text)
{
    struct source source = {.path = nl_keep_text(path), .text = text};
    int capacity = 0;
    if (!strncmp(text, "\xef\xbb\xbf", 3)) /* libyaml's columns do not count a byte-order mark */
        text += 3;
    for (;;) {
        size_t length = strcspn(text, "\r\n");
        struct nl_text line = {0};
        nl_text_add_bytes(&line, text, length);
        NL_GROW(source.lines, source.count, capacity);
        source.lines[source.count++] = nl_keep(line.at);
        text += length;
        if (!*text)
            break;
        text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
    }
    NL_GROW(source.lines, source.count, capacity);
    source.lines[source.count] = NULL;
    nl_keep(source.lines); /* places in blocks of text are found in them */
    return source;
}

/* end may be NULL: one character. What goes on over several lines is underlined to the end of the first. */
static struct nl_origin place(const struct source *source, const yaml_mark_t *start, const yaml_mark_t *end)
{
    if (source->at)
        return *source->at;
    int line = start->line < (size_t)source->count ? (int)start->line : source->count - 1;
    int width = 1;
    if (end && end->line == start->line)
        width = (int)(end->column - start->column);
    else if (end)
        width = nl_characters(source->lines[line], strlen(source->lines[line])) - (int)start->column;
    return (struct nl_origin){.kind = NL_FROM_FILE,
                              .file = source->path,
                              .line = line + 1,
                              .column = (int)start->column + 1,
                              .width = width > 1 ? width : 1,
                              .line_text = source->lines[line],
                              .after = (const char *const *)source->lines + line + 1};
}

/* Nothing but blanks from there on. */
static bool at_end(const struct source *source, const yaml_mark_t *mark)
{
    for (size_t i = mark->line; i < (size_t)source->count; i++) {
        const char *line = source->lines[i];
        size_t from = i == mark->line ? mark->column : 0;
        if (from < strlen(line) && line[from + strspn(line + from, " ")])
            return false;
    }
    return true;
}

/* What to do about a problem that libyaml names. */
static const char *remedy(const yaml_parser_t *parser, const struct nl_origin *at)
{
    static const struct {
        const char *problem, *remedy;
    } known[] = {
        {"mapping values are not allowed",
         "write 'key: value', with a space after the colon; a text that holds ': ' needs quotes"},
        {"did not find expected ',' or ']'", "a list is written [a, b]"},
        {"did not find expected ',' or '}'", "a mapping is written {key: value, key: value}"},
        {"did not find expected key", "indent the keys of a section alike"},
        {"did not find expected '-' indicator", "indent the entries of a list alike"},
        {"could not find expected ':'", "write 'key: value', with a space after the colon"},
        {"cannot start any token", "a text that begins with @, ` or % needs quotes"},
        {"while scanning a directive", "a text that begins with % needs quotes"},
        {"while scanning an alias", "a text that begins with * needs quotes"},
        {"did not find expected node content", "a value is missing here"},
        {"UTF-8", "save the file as UTF-8"},
        {"control characters", "expected a text file"},
    };
    if (at->line_text[strspn(at->line_text, " ")] == '\t')
        return "indent with spaces: YAML allows no tabs";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(parser->problem, known[i].problem) ||
            strstr(parser->context ? parser->context : "", known[i].problem))
            return known[i].remedy;
    return NULL;
}

static void report_parser(const yaml_parser_t *parser, const struct source *source, struct nl_diagnostics *diagnostics)
{
    yaml_mark_t mark = parser->problem_mark;
    if (!parser->problem) /* libyaml names every other one */
        nl_out_of_memory(0);
    if (parser->error == YAML_READER_ERROR) { /* has a byte offset only */
        mark = (yaml_mark_t){0};
        for (size_t i = 0; i < parser->problem_offset && source->text[i]; i++)
            if (source->text[i] == '\n') {
                mark.line++;
                mark.column = 0;
            } else {
                mark.column += (source->text[i] & 0xc0) != 0x80;
            }
    } else if (parser->context && at_end(source, &mark)) {
        mark = parser->context_mark; /* where what the file does not end begins */
    }
    struct nl_origin at = place(source, &mark, NULL);
    nl_diagnose(diagnostics, &at, remedy(parser, &at), "not valid YAML: %s%s%s", parser->problem,
                parser->context ? " " : "", parser->context ? parser->context : "");
}

/* A parser of one file, and what was read of it so far. */
struct reader {
    yaml_parser_t parser;
    const struct source *source;
    struct nl_diagnostics *diagnostics;
    size_t nodes; /* of the tree, what an alias stands for counted each time */
    int depth, anchors;
    struct anchor {
        char *name;
        struct nl_node *node;
        size_t nodes;
        int line;
    } anchor[MOST_ANCHORS];
};

/* False: the text is no YAML, which was said. */
static bool next_event(struct reader *it, yaml_event_t *event)
{
    if (yaml_parser_parse(&it->parser, event))
        return true;
    report_parser(&it->parser, it->source, it->diagnostics);
    return false;
}

static void *refuse(struct reader *it, const struct nl_origin *at, const char *hint, const char *message)
{
    nl_diagnose(it->diagnostics, at, hint, "%s", message);
    return NULL;
}

/* What is written after "!!"; NULL: it is another tag. */
static const char *behind_core_schema(const char *tag)
{
    static const char space[] = "tag:yaml.org,2002:";
    return strncmp(tag, space, sizeof space - 1) == 0 ? tag + sizeof space - 1 : NULL;
}

/* The short name of a tag of YAML's core schema ("int"), as it stays in memory; NULL: it is another tag. */
static const char *core_tag(enum nl_node_kind kind, const char *tag)
{
    static const char *const scalars[] = {"str", "int", "float", "bool", "null", NULL},
                             *const sequences[] = {"seq", NULL}, *const mappings[] = {"map", NULL};
    const char *const *known = kind == NL_SCALAR ? scalars : kind == NL_SEQUENCE ? sequences : mappings;
    if (!strcmp(tag, "!")) /* what is written is meant as it is */
        return known[0];
    const char *name = behind_core_schema(tag);
    while (*known && (!name || strcmp(*known, name) != 0))
        known++;
    return *known;
}

/* The node that an event begins, without what is in it; NULL: it was refused. */
static struct nl_node *new_node(struct reader *it, enum nl_node_kind kind, const yaml_event_t *event, const char *tag)
{
    struct nl_node *node = nl_keep(nl_alloc(1, sizeof *node));
    *node = (struct nl_node){.kind = kind, .at = place(it->source, &event->start_mark, &event->end_mark)};
    if (++it->nodes > MOST_NODES)
        return refuse(it, &node->at, NULL, "too many values for a configuration");
    if (!tag || (node->tag = core_tag(kind, tag)))
        return node;
    const char *name = behind_core_schema(tag);
    nl_diagnose(it->diagnostics, &node->at, "values are written without tags", "the tag '%s%.80s' does not fit here",
                name ? "!!" : "", name ? name : tag);
    return NULL;
}

/* As YAML's core schema has it. */
static bool is_null(const char *text)
{
    return !*text || !strcmp(text, "~") || !strcmp(text, "null") || !strcmp(text, "Null") || !strcmp(text, "NULL");
}

static struct nl_node *read_scalar(struct reader *it, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    struct nl_node *node = new_node(it, NL_SCALAR, event, (const char *)event->data.scalar.tag);
    if (!node)
        return NULL;
    if (strlen(text) != event->data.scalar.length)
        return refuse(it, &node->at, NULL, "a value cannot contain the character NUL");
    bool untagged = !node->tag || !strcmp(node->tag, "null");
    node->text = nl_keep(nl_strdup(text));
    node->blank = untagged && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_null(text);
    return node;
}

static struct anchor *find_anchor(struct reader *it, const char *name)
{
    for (int i = 0; i < it->anchors; i++)
        if (!strcmp(it->anchor[i].name, name))
            return &it->anchor[i];
    return NULL;
}

/* An anchor is known once its node is whole, so that no node is in itself. */
static struct nl_node *read_alias(struct reader *it, const yaml_event_t *event)
{
    struct nl_origin at = place(it->source, &event->start_mark, NULL);
    const struct anchor *anchor = find_anchor(it, (const char *)event->data.alias.anchor);
    if (!anchor)
        return refuse(it, &at, "*name stands for what was marked &name before; a text that begins with * needs quotes",
                      "not valid YAML: found undefined alias");
    it->nodes += anchor->nodes;
    return it->nodes > MOST_NODES ? refuse(it, &at, NULL, "too many values for a configuration: aliases multiply them")
                                  : anchor->node;
}

static struct nl_node *read_node(struct reader *it, yaml_event_t *event);

/* What is in a collection, to its end; false: something was refused. */
static bool read_items(struct reader *it, struct nl_node *node, const yaml_mark_t *start, yaml_event_type_t end)
{
    int capacity = 0, count = 0;
    bool good = true;
    for (yaml_event_t event; good && (good = next_event(it, &event)); yaml_event_delete(&event)) {
        if (event.type == end) {
            node->at = place(it->source, start, &event.end_mark);
            break;
        }
        struct nl_node *item = read_node(it, &event);
        NL_GROW(node->item, count, capacity);
        node->item[count++] = item;
        good = item;
    }
    nl_keep(node->item);
    node->count = node->kind == NL_MAPPING ? count / 2 : count;
    return good;
}

static struct nl_node *read_collection(struct reader *it, const yaml_event_t *event)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *tag = list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
    struct nl_node *node = new_node(it, list ? NL_SEQUENCE : NL_MAPPING, event, (const char *)tag);
    if (!node)
        return NULL;
    if (it->depth == DEEPEST)
        return refuse(it, &node->at, NULL, "lists and mappings are nested too deeply for a configuration");
    it->depth++;
    bool good = read_items(it, node, &event->start_mark, list ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT);
    it->depth--;
    return good ? node : NULL;
}

static const char *anchor_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: return (const char *)event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT: return (const char *)event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT: return (const char *)event->data.mapping_start.anchor;
    default: return NULL;
    }
}

/* The node that event begins, to its end. NULL: it was refused, and reading ends. */
static struct nl_node *read_node(struct reader *it, yaml_event_t *event)
{
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(it, event);
    size_t before = it->nodes;
    const char *name = anchor_of(event);
    struct nl_node *node = event->type == YAML_SCALAR_EVENT ? read_scalar(it, event) : read_collection(it, event);
    if (!node || !name)
        return node;
    if (find_anchor(it, name))
        return refuse(it, &node->at, "give each anchor a name of its own", "not valid YAML: found duplicate anchor");
    if (it->anchors == MOST_ANCHORS)
        return refuse(it, &node->at, NULL, "too many anchors for a configuration");
    it->anchor[it->anchors++] = (struct anchor){.name = nl_strdup(name), .node = node, .nodes = it->nodes - before};
    return node;
}

/* The root of the first document, which should be the only one. NULL: there is none, or it was refused. */
static struct nl_node *read_documents(struct reader *it)
{
    struct nl_node *root = NULL;
    bool more = true;
    int documents = 0;
    for (yaml_event_t event; more && next_event(it, &event); yaml_event_delete(&event)) {
        if (event.type == YAML_STREAM_END_EVENT) {
            more = false;
        } else if (event.type == YAML_DOCUMENT_START_EVENT) {
            struct nl_origin at = place(it->source, &event.start_mark, NULL);
            more = documents++ == 0;
            if (!more)
                nl_diagnose(it->diagnostics, &at, "put it into a file of its own",
                            "a second YAML document starts here");
        } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_END_EVENT) {
            root = read_node(it, &event);
            more = root != NULL;
        }
    }
    return root;
}

static void parse(const struct source *source, size_t length, struct nl_node **root, struct nl_diagnostics *diagnostics)
{
    struct reader it = {.source = source, .diagnostics = diagnostics};
    if (!yaml_parser_initialize(&it.parser))
        nl_out_of_memory(0); /* there is no other reason */
    yaml_parser_set_input_string(&it.parser, (const unsigned char *)source->text, length);
    *root = read_documents(&it);
    for (int i = 0; i < it.anchors; i++)
        free(it.anchor[i].name);
    yaml_parser_delete(&it.parser);
}

int nl_yaml_read(const char *path, const struct nl_origin *asked_at, struct nl_node **root,
                 struct nl_diagnostics *diagnostics)
{
    int before = diagnostics->count;
    size_t length;
    struct nl_error err;
    struct nl_origin nowhere = {0};
    *root = NULL;
    char *text = nl_file_read_start(path, LARGEST + 1, &length, &err);
    if (!text) {
        const char *hint = asked_at && !nl_file_exists(path)
                               ? "a base is named as seen from the folder of the file that names it"
                               : NULL;
        nl_diagnose(diagnostics, asked_at ? asked_at : &nowhere, hint, "%s", err.text);
        return NL_FAIL;
    }
    if (length > LARGEST) {
        nl_diagnose(diagnostics, asked_at ? asked_at : &nowhere, NULL,
                    "'%s' is too large for a configuration: %s, at most %d", path, NL_COUNT(length, "byte"), LARGEST);
        free(text);
        return NL_FAIL;
    }
    const char *remedy, *foreign = nl_foreign(text, length, &remedy);
    if (foreign) {
        nl_diagnose(diagnostics, asked_at ? asked_at : &nowhere, remedy, "'%s' is %s, expected a configuration in YAML",
                    path, foreign);
        free(text);
        return NL_FAIL;
    }
    size_t whole = length;
    if (nl_seal_check(text, whole, "# ", &length)) {
        nl_diagnose(diagnostics, asked_at ? asked_at : &nowhere,
                    "without the lines that tell of a checksum, the first and the last, it is read as it is",
                    "'%s' is damaged, or was changed: the checksum in its last line %s", path,
                    length < whole ? "does not fit" : "is missing");
        free(text);
        return NL_FAIL;
    }
    struct source source = split(path, text);
    parse(&source, length, root, diagnostics);
    free(text);
    return diagnostics->count > before ? NL_FAIL : NL_OK;
}

const struct nl_node *nl_yaml_parse(const char *text, const struct nl_origin *at, struct nl_diagnostics *diagnostics)
{
    struct source source = split("", text);
    struct nl_node *root = NULL;
    int before = diagnostics->count;
    source.at = at;
    parse(&source, strlen(text), &root, diagnostics);
    return diagnostics->count > before ? NULL : root;
}

const struct nl_node *nl_yaml_entry(const struct nl_node *map, const char *name)
{
    for (int i = 0; map && map->kind == NL_MAPPING && i < map->count; i++)
        if (map->item[2 * i]->kind == NL_SCALAR && strcmp(map->item[2 * i]->text, name) == 0)
            return map->item[2 * i + 1];
    return NULL;
}

#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/seal.h"
#include "base/utf8.h"
#include "config/keep.h"

enum { LARGEST = 256 * 1024 }; /* bytes: a bigger file was given by mistake */

struct source {
    const char *path;
    char **lines;
    int count;
};

static struct source split(const char *path, const char *text)
{
    struct source source = {.path = nl_keep_text(path)};
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
            return source;
        text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
    }
}

/* end may be NULL: one character. What goes on over several lines is underlined to the end of the first. */
static struct nl_origin place(const struct source *source, const yaml_mark_t *start, const yaml_mark_t *end)
{
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
                              .line_text = source->lines[line]};
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
        {"mapping values are not allowed", "write 'key: value', with a blank behind the colon; a text that holds ': ' needs quotes"},
        {"did not find expected ',' or ']'", "a list is written [a, b]"},
        {"did not find expected ',' or '}'", "a mapping is written {key: value, key: value}"},
        {"did not find expected key", "indent the keys of a section alike"},
        {"did not find expected '-' indicator", "indent the entries of a list alike"},
        {"could not find expected ':'", "write 'key: value', with a blank behind the colon"},
        {"undefined alias", "*name stands for what was marked &name before; a text that begins with * needs quotes"},
        {"cannot start any token", "a text that begins with @, ` or % needs quotes"},
        {"while scanning a directive", "a text that begins with % needs quotes"},
        {"did not find expected node content", "a value is missing here"},
        {"UTF-8", "save the file as UTF-8"},
        {"control characters", "expected a text file"},
    };
    if (at->line_text[strspn(at->line_text, " ")] == '\t')
        return "indent with spaces: YAML allows no tabs";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(parser->problem, known[i].problem) || strstr(parser->context ? parser->context : "", known[i].problem))
            return known[i].remedy;
    return NULL;
}

static void report_parser(const yaml_parser_t *parser, const struct source *source, const char *text,
                          struct nl_diagnostics *diagnostics)
{
    yaml_mark_t mark = parser->problem_mark;
    if (!parser->problem) /* libyaml names every other one */
        nl_out_of_memory(0);
    if (parser->error == YAML_READER_ERROR) { /* has a byte offset only */
        mark = (yaml_mark_t){0};
        for (size_t i = 0; i < parser->problem_offset && text[i]; i++)
            if (text[i] == '\n') {
                mark.line++;
                mark.column = 0;
            } else {
                mark.column += (text[i] & 0xc0) != 0x80;
            }
    } else if (parser->context && at_end(source, &mark)) {
        mark = parser->context_mark; /* where what the file does not end begins */
    }
    struct nl_origin at = place(source, &mark, NULL);
    nl_diagnose(diagnostics, &at, remedy(parser, &at), "not valid YAML: %s%s%s", parser->problem,
                parser->context ? " " : "", parser->context ? parser->context : "");
}

static bool is_null(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

/* Node for node, so that aliases (even of a node to itself) need no recursion. */
static struct nl_node *convert(const yaml_document_t *document, const struct source *source, struct nl_diagnostics *diagnostics)
{
    size_t count = (size_t)(document->nodes.top - document->nodes.start);
    if (!count)
        return NULL;
    struct nl_node *nodes = nl_keep(nl_alloc(count, sizeof *nodes));
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *from = &document->nodes.start[i];
        struct nl_node *to = &nodes[i];
        to->at = place(source, &from->start_mark, &from->end_mark);
        if (from->type == YAML_SCALAR_NODE) {
            to->kind = NL_SCALAR;
            to->text = nl_keep(nl_strdup((const char *)from->data.scalar.value));
            to->blank = is_null(from);
            if (strlen(to->text) != from->data.scalar.length)
                nl_diagnose(diagnostics, &to->at, NULL, "a value cannot contain the character NUL");
        } else if (from->type == YAML_SEQUENCE_NODE) {
            const yaml_node_item_t *item = from->data.sequence.items.start;
            to->kind = NL_SEQUENCE;
            to->count = (int)(from->data.sequence.items.top - item);
            to->item = nl_keep(nl_alloc((size_t)to->count, sizeof *to->item));
            for (int k = 0; k < to->count; k++)
                to->item[k] = &nodes[item[k] - 1];
        } else {
            const yaml_node_pair_t *pair = from->data.mapping.pairs.start;
            to->kind = NL_MAPPING;
            to->count = (int)(from->data.mapping.pairs.top - pair);
            to->item = nl_keep(nl_alloc(2 * (size_t)to->count, sizeof *to->item));
            for (int k = 0; k < to->count; k++) {
                to->item[2 * k] = &nodes[pair[k].key - 1];
                to->item[2 * k + 1] = &nodes[pair[k].value - 1];
            }
        }
    }
    return nodes;
}

static void parse(const struct source *source, const char *text, size_t length, struct nl_node **root,
                  struct nl_diagnostics *diagnostics)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        nl_out_of_memory(0); /* there is no other reason */
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    if (!yaml_parser_load(&parser, &document)) {
        report_parser(&parser, source, text, diagnostics);
        yaml_parser_delete(&parser);
        return;
    }
    *root = convert(&document, source, diagnostics);
    yaml_document_delete(&document);
    if (!yaml_parser_load(&parser, &document)) {
        report_parser(&parser, source, text, diagnostics);
    } else {
        yaml_node_t *second = yaml_document_get_root_node(&document);
        if (second) {
            struct nl_origin at = place(source, &document.start_mark, NULL);
            nl_diagnose(diagnostics, &at, "put it into a file of its own", "a second YAML document starts here");
        }
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
}

int nl_yaml_read(const char *path, const struct nl_origin *asked_at, struct nl_node **root, struct nl_diagnostics *diagnostics)
{
    int before = diagnostics->count;
    size_t length;
    struct nl_error err;
    struct nl_origin nowhere = {0};
    *root = NULL;
    char *text = nl_file_read_start(path, LARGEST + 1, &length, &err);
    if (!text) {
        const char *hint = asked_at && !nl_file_exists(path) ? "a base is named as seen from the folder of the file that names it" : NULL;
        nl_diagnose(diagnostics, asked_at ? asked_at : &nowhere, hint, "%s", err.text);
        return NL_FAIL;
    }
    if (length > LARGEST) {
        nl_diagnose(diagnostics, asked_at ? asked_at : &nowhere, NULL, "'%s' is too large for a configuration: %zu bytes, at most %d",
                    path, length, LARGEST);
        free(text);
        return NL_FAIL;
    }
    if (length > 1 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2))) {
        nl_diagnose(diagnostics, asked_at ? asked_at : &nowhere, "save the file as UTF-8", "'%s' is written in UTF-16", path);
        free(text);
        return NL_FAIL;
    }
    size_t whole = length;
    if (nl_seal_check(text, whole, "# ", &length)) {
        nl_diagnose(diagnostics, asked_at ? asked_at : &nowhere, "without the lines that tell of a checksum, the first and the last, it is read as it is",
                    "'%s' is damaged, or was changed: the checksum in its last line %s", path, length < whole ? "does not fit" : "is missing");
        free(text);
        return NL_FAIL;
    }
    struct source source = split(path, text);
    parse(&source, text, length, root, diagnostics);
    free(source.lines);
    free(text);
    return diagnostics->count > before ? NL_FAIL : NL_OK;
}

const struct nl_node *nl_yaml_entry(const struct nl_node *map, const char *name)
{
    for (int i = 0; map && map->kind == NL_MAPPING && i < map->count; i++)
        if (map->item[2 * i]->kind == NL_SCALAR && strcmp(map->item[2 * i]->text, name) == 0)
            return map->item[2 * i + 1];
    return NULL;
}

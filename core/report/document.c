/* Adds headings, paragraphs, tables and figures to a document. */
#include "report/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

const char nl_report_mark[] = "Written by normlab report; the next one in this folder replaces it.";

/* As every text of a document is kept. */
static char *kept(const char *text)
{
    char *line = nl_one_line(text), *out = nl_typeset(line);
    for (size_t length = strlen(out); length > 0 && out[length - 1] == ' ';)
        out[--length] = '\0';
    free(line);
    return out;
}

void nl_document_begin(struct nl_document *document, const char *title, bool contents)
{
    *document = (struct nl_document){.title = kept(title), .contents = contents, .mark = nl_report_mark};
}

static struct nl_block *add_block(struct nl_document *document, enum nl_block_kind kind)
{
    NL_GROW(document->block, document->count, document->capacity);
    struct nl_block *block = &document->block[document->count++];
    *block = (struct nl_block){.kind = kind};
    return block;
}

/* Code keeps its line breaks, and "+-" as it is. */
static char *kept_code(const char *text)
{
    struct nl_text out = {0};
    while (*text) {
        char *line = nl_format("%.*s", (int)strcspn(text, "\n"), text), *clean = nl_one_line(line);
        nl_text_add(&out, out.length ? "\n%s" : "%s", clean);
        text += strlen(line);
        text += *text == '\n';
        free(line);
        free(clean);
    }
    return out.at ? out.at : nl_strdup("");
}

void nl_document_add(struct nl_document *document, enum nl_block_kind kind, int level, const char *format, ...)
{
    struct nl_text text = {0};
    va_list args;
    va_start(args, format);
    nl_text_vadd(&text, format, args);
    va_end(args);
    struct nl_block *block = add_block(document, kind);
    block->level = kind == NL_BLOCK_HEADING ? 2 + document->above + level : level;
    block->text = kind == NL_BLOCK_CODE ? kept_code(text.at) : kept(text.at);
    nl_text_release(&text);
}

void nl_document_lines(struct nl_document *document, const char *lines)
{
    while (lines && *lines) {
        int length = (int)strcspn(lines, "\n"), indent = (int)strspn(lines, " ");
        if (length > indent)
            nl_document_add(document, indent ? NL_BLOCK_ITEM : NL_BLOCK_PARAGRAPH, indent ? indent / 2 - 1 : 0, "%.*s",
                            length - indent, lines + indent);
        lines += length + (lines[length] == '\n');
    }
}

void nl_document_table(struct nl_document *document, const char *caption, int keys, const char *const *head)
{
    struct nl_block *block = add_block(document, NL_BLOCK_TABLE);
    block->text = kept(caption);
    block->keys = keys;
    while (head[block->columns])
        block->columns++;
    block->head = nl_alloc((size_t)block->columns, sizeof *block->head);
    block->right = nl_alloc((size_t)block->columns, sizeof *block->right);
    for (int c = 0; c < block->columns; c++) {
        block->right[c] = *head[c] == '>';
        block->head[c] = kept(head[c] + block->right[c]);
    }
}

void nl_document_row(struct nl_document *document, const char *const *field)
{
    struct nl_block *block = &document->block[document->count - 1];
    block->field = nl_realloc(block->field, (size_t)((block->rows + 1) * block->columns), sizeof *block->field);
    for (int c = 0; c < block->columns; c++)
        block->field[block->rows * block->columns + c] =
            (struct nl_document_field){.text = kept(field[c] ? field[c] : "")};
    block->rows++;
}

void nl_document_sheet(struct nl_document *document, const struct nl_table *table)
{
    char **head = nl_alloc((size_t)table->columns + 1, sizeof *head),
         **field = nl_alloc((size_t)table->columns, sizeof *field);
    for (int c = 0; c < table->columns; c++)
        head[c] = nl_format("%s%s", table->column[c].right ? ">" : "", table->column[c].title);
    nl_document_table(document, table->caption, table->keys, (const char *const *)head);
    for (int row = 0; row < table->rows; row++) {
        for (int c = 0; c < table->columns; c++)
            field[c] = nl_table_entry_text(table, row, c);
        nl_document_row(document, (const char *const *)field);
        struct nl_block *block = &document->block[document->count - 1];
        for (int c = 0; c < table->columns; c++) {
            block->field[row * table->columns + c].marked = nl_table_at(table, row, c)->marked;
            free(field[c]);
        }
    }
    for (int c = 0; c < table->columns; c++)
        free(head[c]);
    free(head);
    free(field);
}

void nl_document_figure(struct nl_document *document, const char *caption, const char *alt, const char *file,
                        char *drawing)
{
    struct nl_block *block = add_block(document, NL_BLOCK_FIGURE);
    block->text = kept(caption);
    block->alt = kept(alt);
    block->file = nl_strdup(file);
    block->drawing = drawing;
}

void nl_document_explorer(struct nl_document *document, char *json)
{
    struct nl_block *block = add_block(document, NL_BLOCK_EXPLORER);
    block->level = 2 + document->above;
    block->text = json;
}

void nl_document_release(struct nl_document *document)
{
    for (int i = 0; i < document->count; i++) {
        struct nl_block *block = &document->block[i];
        for (int c = 0; c < block->columns; c++)
            free(block->head[c]);
        for (int f = 0; f < block->rows * block->columns; f++)
            free(block->field[f].text);
        free(block->text);
        free(block->alt);
        free(block->file);
        free(block->drawing);
        free(block->head);
        free(block->right);
        free(block->field);
    }
    free(document->title);
    free(document->block);
    *document = (struct nl_document){0};
}

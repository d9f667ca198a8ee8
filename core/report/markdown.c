/* A document as Markdown (GitHub's). */
#include <string.h>

#include "base/escape.h"
#include "report/document.h"

static void add_field(struct nl_text *out, const char *before, const char *text, const char *behind)
{
    nl_text_add(out, "%s", before);
    nl_markdown_add(out, text);
    nl_text_add(out, "%s", behind);
}

/* Bytes before the character that would make a list, a heading, a rule or a quotation of the line ("1.", "#", "-",
 * ">"); -1: there is none. */
static int line_mark(const char *text)
{
    if (*text && strchr("#>-+=", *text))
        return 0;
    int digits = (int)strspn(text, "0123456789");
    return digits && strchr(".)", text[digits]) && (text[digits + 1] == ' ' || !text[digits + 1]) ? digits : -1;
}

/* Text where a line begins. */
static void add_line(struct nl_text *out, const char *before, const char *text, const char *behind)
{
    int mark = line_mark(text);
    nl_text_add(out, "%s", before);
    if (mark >= 0)
        nl_text_add(out, "%.*s\\", mark, text);
    add_field(out, "", text + (mark > 0 ? mark : 0), behind);
}

static void add_contents(struct nl_text *out, const struct nl_document *document)
{
    for (int i = 0; i < document->count; i++)
        if (document->block[i].kind == NL_BLOCK_HEADING && document->block[i].level == 2) {
            add_field(out, "- [", document->block[i].text, "]");
            nl_text_add(out, "(#s%d)\n", i);
        }
    nl_text_add(out, "\n");
}

/* Between more backticks than stand in it. */
static void add_code(struct nl_text *out, const char *text)
{
    int longest = 2;
    for (const char *at = text; *at; at++) {
        int run = (int)strspn(at, "`");
        longest = run > longest ? run : longest;
    }
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i <= longest; i++)
            nl_text_add(out, "`");
        nl_text_add(out, side ? "\n\n" : "sh\n%s\n", text);
    }
}

static void add_table(struct nl_text *out, const struct nl_block *block)
{
    add_line(out, "", block->text, "\n\n|");
    for (int c = 0; c < block->columns; c++)
        add_field(out, " ", block->head[c], " |");
    nl_text_add(out, "\n|");
    for (int c = 0; c < block->columns; c++)
        nl_text_add(out, block->right[c] ? " ---: |" : " --- |");
    nl_text_add(out, "\n");
    for (int row = 0; row < block->rows; row++) {
        nl_text_add(out, "|");
        for (int c = 0; c < block->columns; c++) {
            const struct nl_document_field *field = &block->field[row * block->columns + c];
            add_field(out, field->marked ? " **" : " ", field->text, field->marked ? "** |" : " |");
        }
        nl_text_add(out, "\n");
    }
    nl_text_add(out, "\n");
}

/* An image's description ends at a bracket. */
static void add_figure(struct nl_text *out, const struct nl_block *block)
{
    nl_text_add(out, "![");
    for (const char *at = block->alt; *at; at++)
        nl_text_add(out, strchr("[]\\`<&", *at) ? "\\%c" : "%c", *at);
    nl_text_add(out, "](%s.svg)\n\n", block->file);
    add_line(out, "", block->text, "\n\n");
}

static void add_block(struct nl_text *out, const struct nl_document *document, int number)
{
    const struct nl_block *block = &document->block[number];
    bool list_goes_on = number + 1 < document->count && document->block[number + 1].kind == NL_BLOCK_ITEM;
    switch (block->kind) {
    case NL_BLOCK_HEADING:
        if (document->contents && block->level == 2)
            nl_text_add(out, "<a id=\"s%d\"></a>\n\n", number);
        nl_text_add(out, "%.*s", block->level, "####");
        add_line(out, " ", block->text, "\n\n");
        break;
    case NL_BLOCK_PARAGRAPH: add_line(out, "", block->text, "\n\n"); break;
    case NL_BLOCK_WARNING: add_line(out, "> ", block->text, "\n\n"); break;
    case NL_BLOCK_ITEM:
        nl_text_add(out, "%*s", 2 * block->level, "");
        add_line(out, "- ", block->text, list_goes_on ? "\n" : "\n\n");
        break;
    case NL_BLOCK_CODE: add_code(out, block->text); break;
    case NL_BLOCK_TABLE: add_table(out, block); break;
    case NL_BLOCK_FIGURE: add_figure(out, block); break;
    case NL_BLOCK_EXPLORER: break;
    }
}

char *nl_document_markdown(const struct nl_document *document)
{
    struct nl_text out = {0};
    bool listed = !document->contents;
    nl_text_add(&out, "<!-- %s -->\n", document->mark);
    add_line(&out, "\n# ", document->title, "\n\n");
    for (int i = 0; i < document->count; i++) {
        if (!listed && document->block[i].kind == NL_BLOCK_HEADING) {
            add_contents(&out, document);
            listed = true;
        }
        add_block(&out, document, i);
    }
    nl_text_add(&out, "Written by normlab " NORMLAB_VERSION ".\n");
    return out.at;
}

/* A document as one HTML page that needs nothing else. It is well-formed XML, too. */
#include <string.h>

#include "base/embed.h"
#include "base/escape.h"
#include "base/hash.h"
#include "report/document.h"

/* Script and style sheet of pages with an explorer. */
NL_EMBED(nl_explore_script, NORMLAB_REPORT_FOLDER "/explore.js");
NL_EMBED(nl_explore_style, NORMLAB_REPORT_FOLDER "/explore.css");

/* Text has a contrast of 7 and more in both schemes. Pictures keep their white paper. */
static const char style[] =
    ":root { color-scheme: light dark; --text: #1b1f24; --soft: #4a535d; --page: #ffffff; --panel: #f4f6f8; --line: "
    "#cfd6dd; --link: #0b4f9e;\n"
    "  --alert: #fff4d6; --edge: #b06f00 }\n"
    "@media (prefers-color-scheme: dark) { :root { --text: #e6eaee; --soft: #b4bec8; --page: #14181c; --panel: "
    "#1f252b; --line: #3b454f;\n"
    "  --link: #8ec2ff; --alert: #3a2e10; --edge: #e0a63a } }\n"
    "* { box-sizing: border-box }\n"
    "body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem; background: var(--page); color: var(--text);\n"
    "  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; "
    "overflow-wrap: anywhere }\n"
    "h1, h2, h3, h4 { line-height: 1.25; margin: 2em 0 .6em }\n"
    "h1 { font-size: 1.9rem; margin-top: .5em }\n"
    "h2 { font-size: 1.45rem; padding-top: .6em; border-top: 1px solid var(--line) }\n"
    "h3 { font-size: 1.15rem } h4 { font-size: 1rem }\n"
    "p, li { max-width: 46rem } p { margin: .7em 0 } ul { padding-left: 1.3rem; margin: .5em 0 } li { margin: .25em 0 "
    "}\n"
    "a { color: var(--link) }\n"
    ".alert { background: var(--alert); border-left: .3rem solid var(--edge); padding: .6rem .9rem; border-radius: "
    ".2rem }\n"
    ".caption, figcaption, footer { color: var(--soft); font-size: .9rem }\n"
    ".wide { overflow-x: auto; margin: .5rem 0 1.5rem; border: 1px solid var(--line); border-radius: .3rem }\n"
    ".wide:focus-visible, .paper:focus-visible { outline: 2px solid var(--link) }\n"
    "table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; "
    "overflow-wrap: normal }\n"
    "th, td { padding: .35rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }\n"
    "tr:last-child > * { border-bottom: 0 } tbody th { font-weight: 500 } thead th { background: var(--panel); "
    "white-space: nowrap }\n"
    ".number { text-align: right; white-space: nowrap } td.long { min-width: 14rem; overflow-wrap: anywhere }\n"
    "pre { background: var(--panel); padding: .7rem .9rem; border-radius: .3rem; white-space: pre-wrap; font-size: "
    ".85rem }\n"
    "figure { margin: 1.2rem 0 1.8rem }\n"
    ".paper { background: #ffffff; border: 1px solid var(--line); border-radius: .3rem; padding: .5rem; max-width: "
    "46rem }\n"
    ".paper { overflow-x: auto } .paper svg { display: block; margin: 0 auto; max-width: max(100%, 36rem); min-width: "
    "min(100%, 32rem); height: auto }\n"
    "footer { margin-top: 3rem; border-top: 1px solid var(--line) }\n"
    "@media print { :root { color-scheme: light; --text: #000000; --soft: #333333; --page: #ffffff; --panel: #f4f6f8; "
    "--line: #999999;\n"
    "    --link: #000000; --alert: #ffffff; --edge: #000000 }\n"
    "  body { max-width: none; padding: 0; font-size: 10pt } .wide { overflow: visible; border: 0 } table { font-size: "
    "8pt }\n"
    "  .number, thead th { white-space: normal } th, td { padding: .2rem .4rem }\n"
    "  h1, h2, h3, h4 { break-after: avoid } figure, tr, pre, .alert { break-inside: avoid } .paper { max-width: 14cm; "
    "border: 0 } .paper svg { max-width: 100% } }\n";

static void add_element(struct nl_text *out, const char *open, const char *text, const char *close)
{
    nl_text_add(out, "%s", open);
    nl_html_add(out, text);
    nl_text_add(out, "%s\n", close);
}

static void add_heading(struct nl_text *out, const struct nl_block *block, int number)
{
    nl_text_add(out, "<h%d id=\"s%d\">", block->level, number);
    nl_html_add(out, block->text);
    nl_text_add(out, "</h%d>\n", block->level);
}

static void add_contents(struct nl_text *out, const struct nl_document *document)
{
    nl_text_add(out, "<nav aria-label=\"Contents\"><ul>\n");
    for (int i = 0; i < document->count; i++)
        if (document->block[i].kind == NL_BLOCK_HEADING && document->block[i].level == 2) {
            nl_text_add(out, "<li><a href=\"#s%d\">", i);
            add_element(out, "", document->block[i].text, "</a></li>");
        }
    nl_text_add(out, "</ul></nav>\n");
}

/* Items from `first` on, with those below them; the first block that is none. */
static int add_items(struct nl_text *out, const struct nl_document *document, int first)
{
    int i = first, level = document->block[first].level;
    nl_text_add(out, "<ul>\n");
    while (i < document->count && document->block[i].kind == NL_BLOCK_ITEM && document->block[i].level >= level) {
        add_element(out, "<li>", document->block[i].text, "");
        i++;
        if (i < document->count && document->block[i].kind == NL_BLOCK_ITEM && document->block[i].level > level)
            i = add_items(out, document, i);
        nl_text_add(out, "</li>\n");
    }
    nl_text_add(out, "</ul>\n");
    return i;
}

enum { LONG_FIELD = 40 }; /* characters: it gets room of its own */

static void add_field(struct nl_text *out, const struct nl_block *block, int column,
                      const struct nl_document_field *field)
{
    const char *element = column < block->keys ? "th" : "td";
    nl_text_add(out, "<%s%s%s>", element, column < block->keys ? " scope=\"row\"" : "",
                block->right[column] ? " class=\"number\"" : strlen(field->text) > LONG_FIELD ? " class=\"long\"" : "");
    add_element(out, field->marked ? "<strong>" : "", field->text, field->marked ? "</strong>" : "");
    nl_text_add(out, "</%s>\n", element);
}

static void add_table(struct nl_text *out, const struct nl_block *block, int number)
{
    nl_text_add(out, "<p class=\"caption\" id=\"t%d\">", number);
    add_element(out, "", block->text, "</p>");
    nl_text_add(out,
                "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-labelledby=\"t%d\"><table "
                "aria-labelledby=\"t%d\">\n<thead><tr>\n",
                number, number);
    for (int c = 0; c < block->columns; c++)
        add_element(out, block->right[c] ? "<th scope=\"col\" class=\"number\">" : "<th scope=\"col\">", block->head[c],
                    "</th>");
    nl_text_add(out, "</tr></thead>\n<tbody>\n");
    for (int row = 0; row < block->rows; row++) {
        nl_text_add(out, "<tr>\n");
        for (int c = 0; c < block->columns; c++)
            add_field(out, block, c, &block->field[row * block->columns + c]);
        nl_text_add(out, "</tr>\n");
    }
    nl_text_add(out, "</tbody></table></div>\n");
}

/* A picture that is wider than a small screen scrolls in its own box, as tables do. */
static void add_figure(struct nl_text *out, const struct nl_block *block, int number)
{
    nl_text_add(out, "<figure><div class=\"paper\" role=\"region\" tabindex=\"0\" aria-labelledby=\"f%d\">\n%s</div>\n",
                number, block->drawing);
    nl_text_add(out, "<figcaption id=\"f%d\">", number);
    add_element(out, "", block->text, "</figcaption></figure>");
}

/* Empty but for the data, until the script fills it. */
static void add_explorer(struct nl_text *out, const struct nl_block *block, int number)
{
    nl_text_add(out, "<h%d id=\"s%d\" class=\"explorer\">Explore</h%d>\n", block->level, number, block->level);
    nl_text_add(
        out,
        "<div class=\"explore\" data-level=\"%d\">\n<noscript><p>With JavaScript allowed, there is a chart here "
        "whose axes and lines can be chosen, and the curves of every run. The figures and tables of this "
        "page need none.</p></noscript>\n<script type=\"application/json\">",
        block->level);
    nl_script_add(out, block->text);
    nl_text_add(out, "</script>\n</div>\n");
}

static bool has_explorer(const struct nl_document *document)
{
    bool has = false;
    for (int i = 0; i < document->count; i++)
        has |= document->block[i].kind == NL_BLOCK_EXPLORER;
    return has;
}

/* Should markup slip in all the same, it loads nothing, and runs nothing but the script that is allowed by its hash. */
static void add_policy(struct nl_text *out, bool scripted)
{
    nl_text_add(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                     "style-src 'unsafe-inline'");
    if (scripted) {
        char hash[NL_HASH_BASE64];
        nl_hash_base64(nl_explore_script, (size_t)(nl_explore_script_end - nl_explore_script), hash);
        nl_text_add(out, "; script-src 'sha256-%s'", hash);
    }
    nl_text_add(out, "\"/>\n");
}

/* Returns the block that follows. */
static int add_block(struct nl_text *out, const struct nl_document *document, int number)
{
    const struct nl_block *block = &document->block[number];
    switch (block->kind) {
    case NL_BLOCK_HEADING: add_heading(out, block, number); break;
    case NL_BLOCK_PARAGRAPH: add_element(out, "<p>", block->text, "</p>"); break;
    case NL_BLOCK_WARNING: add_element(out, "<p class=\"alert\" role=\"note\">", block->text, "</p>"); break;
    case NL_BLOCK_ITEM: return add_items(out, document, number);
    case NL_BLOCK_CODE: add_element(out, "<pre><code>", block->text, "</code></pre>"); break;
    case NL_BLOCK_TABLE: add_table(out, block, number); break;
    case NL_BLOCK_FIGURE: add_figure(out, block, number); break;
    case NL_BLOCK_EXPLORER: add_explorer(out, block, number); break;
    }
    return number + 1;
}

char *nl_document_html(const struct nl_document *document)
{
    struct nl_text out = {0};
    bool listed = !document->contents, scripted = has_explorer(document);
    nl_text_add(&out, "<!DOCTYPE html>\n<!-- %s -->\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n",
                document->mark);
    add_policy(&out, scripted);
    if (document->reload > 0)
        nl_text_add(&out, "<meta http-equiv=\"refresh\" content=\"%d\"/>\n", document->reload);
    nl_text_add(&out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<link rel=\"icon\" "
                      "href=\"data:,\"/>\n");
    add_element(&out, "<title>", document->title, "</title>");
    nl_text_add(&out, "<style>\n%s", style);
    if (scripted)
        nl_text_add_bytes(&out, (const char *)nl_explore_style, (size_t)(nl_explore_style_end - nl_explore_style));
    nl_text_add(&out, "</style>\n</head>\n<body>\n<main>\n");
    add_element(&out, "<h1>", document->title, "</h1>");
    for (int i = 0; i < document->count;) {
        if (!listed && document->block[i].kind == NL_BLOCK_HEADING) {
            add_contents(&out, document);
            listed = true;
        }
        i = add_block(&out, document, i);
    }
    nl_text_add(&out, "</main>\n<footer><p>Written by normlab " NORMLAB_VERSION ".</p></footer>\n");
    if (scripted) {
        nl_text_add(&out, "<script>");
        nl_text_add_bytes(&out, (const char *)nl_explore_script, (size_t)(nl_explore_script_end - nl_explore_script));
        nl_text_add(&out, "</script>\n");
    }
    nl_text_add(&out, "</body>\n</html>\n");
    return out.at;
}

/* A document as LaTeX, for pdflatex with what every installation has. */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"
#include "report/document.h"

enum {
    LINE = 118,      /* characters of the small type of tables that a line holds, */
    GAP = 2,         /* of which as many stand between two columns */
    LONG_FIELD = 34, /* a column of words that is wider may be broken */
};

static const char preamble[] =
    "\\documentclass[a4paper]{article}\n"
    "\\usepackage[utf8]{inputenc}\n"
    "\\IfFileExists{lmodern.sty}{\\usepackage[T1]{fontenc}\\usepackage{lmodern}}{}\n"
    "\\usepackage[margin=2.2cm]{geometry}\n"
    "\\usepackage{graphicx,array,longtable}\n"
    "\\usepackage[hidelinks]{hyperref}\n"
    "\\setlength{\\parindent}{0pt}\\setlength{\\parskip}{.5\\baselineskip}\\emergencystretch=3em\n"
    "\\setlength{\\LTleft}{0pt}\\setlength{\\LTright}{0pt plus "
    "1fill}\\setlength{\\tabcolsep}{4pt}\\renewcommand{\\arraystretch}{1.15}\n"
    "\\setcounter{secnumdepth}{0}\\setcounter{tocdepth}{1}\n";

static void add_line(struct nl_text *out, const char *before, const char *text, const char *behind)
{
    nl_text_add(out, "%s", before);
    nl_latex_add(out, text);
    nl_text_add(out, "%s", behind);
}

/* Long words without blanks (paths, lists of values) may be broken after these. */
static void add_breakable(struct nl_text *out, const char *text)
{
    char part[2] = {0};
    const char *rest = text;
    for (size_t length; *rest; rest += length) {
        length = strcspn(rest, "/,=_:");
        length += rest[length] != '\0';
        char *piece = nl_format("%.*s", (int)length, rest);
        nl_latex_add(out, piece);
        free(piece);
        *part = rest[length - 1];
        if (strchr("/,=_:", *part) && rest[length] && rest[length] != ' ')
            nl_text_add(out, "\\hspace{0pt}");
    }
}

static void add_code(struct nl_text *out, const char *text)
{
    nl_text_add(out, "\\begin{quote}\\raggedright\\ttfamily\\small\n");
    for (const char *line = text; *line;) {
        char *one = nl_format("%.*s", (int)strcspn(line, "\n"), line);
        add_breakable(out, one);
        line += strlen(one);
        nl_text_add(out, *line ? "\\par\n" : "\n");
        line += *line == '\n';
        free(one);
    }
    nl_text_add(out, "\\end{quote}\n\n");
}

/* Characters of the widest field; of a title the widest word, for it may be broken. */
static int width_of(const struct nl_block *block, int column)
{
    int width = nl_characters(block->head[column], strlen(block->head[column]));
    for (int row = 0; row < block->rows; row++) {
        const char *text = block->field[row * block->columns + column].text;
        int characters = nl_characters(text, strlen(text));
        width = characters > width ? characters : width;
    }
    return width;
}

/* Makes room in a block of columns: those of long words share what the others leave. */
static void share_line(const struct nl_block *block, int *width, bool *broken)
{
    int fixed = 0, wanted = 0;
    for (int c = 0; c < block->columns; c++) {
        broken[c] = !block->right[c] && width[c] > LONG_FIELD;
        width[c] = width[c] > LINE ? LINE : width[c]; /* a text of ten lines leaves the others their room, too */
        *(broken[c] ? &wanted : &fixed) += width[c] + GAP;
    }
    int room = LINE - fixed > LONG_FIELD ? LINE - fixed : LONG_FIELD;
    for (int c = 0; c < block->columns && wanted > room; c++)
        if (broken[c])
            width[c] = (width[c] + GAP) * room / wanted - GAP;
    for (int c = 0; c < block->columns; c++)
        broken[c] = broken[c] && wanted > room;
    for (int c = 0; c < block->columns; c++)
        width[c] = width[c] < 6 ? 6 : width[c];
}

static bool is_shown(const struct nl_block *block, int column, int from, int to)
{
    return column < block->keys || (column >= from && column < to);
}

static void add_row(struct nl_text *out, const struct nl_block *block, int row, int from, int to)
{
    bool first = true;
    for (int c = 0; c < to; c++) {
        if (!is_shown(block, c, from, to))
            continue;
        const struct nl_document_field *field = row < 0 ? NULL : &block->field[row * block->columns + c];
        bool bold = !field || field->marked;
        nl_text_add(out, first ? "%s" : " & %s", bold ? "\\textbf{" : "{}");
        add_breakable(out, field ? field->text : block->head[c]);
        nl_text_add(out, bold ? "}" : "");
        first = false;
    }
    nl_text_add(out, " \\\\\n");
}

/* Key columns, and the others from `from` to before `to`. */
static void add_columns(struct nl_text *out, const struct nl_block *block, const int *width, const bool *broken,
                        int from, int to)
{
    nl_text_add(out, "{\\footnotesize\\begin{longtable}{@{}");
    for (int c = 0; c < to; c++) {
        if (!is_shown(block, c, from, to))
            continue;
        if (broken[c])
            nl_text_add(out, ">{\\raggedright\\arraybackslash}p{%.3f\\linewidth}", (double)width[c] / LINE);
        else
            nl_text_add(out, block->right[c] ? "r" : "l");
    }
    nl_text_add(out, "@{}}\n\\hline\n");
    add_row(out, block, -1, from, to);
    nl_text_add(out, "\\hline\\endhead\n\\hline\\endfoot\n");
    for (int row = 0; row < block->rows; row++)
        add_row(out, block, row, from, to);
    nl_text_add(out, "\\end{longtable}}\n\n");
}

/* A table that is too wide stands in several, each with the columns that name the rows. */
static void add_table(struct nl_text *out, const struct nl_block *block)
{
    int *width = nl_alloc((size_t)block->columns, sizeof *width), keys = 0;
    bool *broken = nl_alloc((size_t)block->columns, sizeof *broken);
    for (int c = 0; c < block->columns; c++)
        width[c] = width_of(block, c);
    share_line(block, width, broken);
    for (int c = 0; c < block->keys; c++)
        keys += width[c] + GAP;
    add_line(out, "\\begin{samepage}{\\small ", block->text, "\\par}\\nopagebreak\\end{samepage}\n");
    for (int from = block->keys, to; from < block->columns; from = to) {
        int used = keys + width[from];
        for (to = from + 1; to < block->columns && used + GAP + width[to] <= LINE; to++)
            used += GAP + width[to];
        add_columns(out, block, width, broken, from, to);
    }
    free(width);
    free(broken);
}

static void add_figure(struct nl_text *out, const struct nl_block *block)
{
    nl_text_add(out,
                "\\begin{minipage}{\\linewidth}\\centering\n\\includegraphics[width=.8\\linewidth,height=."
                "42\\textheight,keepaspectratio]{%s.pdf}",
                block->file);
    add_line(out, "\\par\\smallskip\n{\\small ", block->text, "\\par}\n\\end{minipage}\\par\\bigskip\n\n");
}

/* Items from `first` on, with those below them; the first block that is none. */
static int add_items(struct nl_text *out, const struct nl_document *document, int first)
{
    int i = first, level = document->block[first].level;
    nl_text_add(out, "\\begin{itemize}\\setlength{\\itemsep}{0pt}\n");
    while (i < document->count && document->block[i].kind == NL_BLOCK_ITEM && document->block[i].level >= level) {
        if (document->block[i].level > level) {
            i = add_items(out, document, i);
            continue;
        }
        nl_text_add(out, "\\item{} ");
        add_breakable(out, document->block[i++].text);
        nl_text_add(out, "\n");
    }
    nl_text_add(out, "\\end{itemize}\n");
    return i;
}

/* Returns the block that follows. */
static int add_block(struct nl_text *out, const struct nl_document *document, int number)
{
    static const char *const sections[] = {"\\section{", "\\subsection{", "\\subsubsection{"};
    const struct nl_block *block = &document->block[number];
    switch (block->kind) {
    case NL_BLOCK_HEADING: add_line(out, sections[block->level - 2], block->text, "}\n\n"); break;
    case NL_BLOCK_PARAGRAPH:
        add_breakable(out, block->text);
        nl_text_add(out, "\n\n");
        break;
    case NL_BLOCK_WARNING:
        add_line(out, "\\fbox{\\parbox{.96\\linewidth}{\\raggedright ", block->text, "}}\n\n");
        break;
    case NL_BLOCK_ITEM: return add_items(out, document, number);
    case NL_BLOCK_CODE: add_code(out, block->text); break;
    case NL_BLOCK_TABLE: add_table(out, block); break;
    case NL_BLOCK_FIGURE: add_figure(out, block); break;
    case NL_BLOCK_EXPLORER: break;
    }
    return number + 1;
}

static void add_blocks(struct nl_text *out, const struct nl_document *document)
{
    bool listed = !document->contents;
    for (int i = 0; i < document->count;) {
        if (!listed && document->block[i].kind == NL_BLOCK_HEADING) {
            nl_text_add(out, "\\tableofcontents\n\n");
            listed = true;
        }
        i = add_block(out, document, i);
    }
}

static const char written[] = "{\\small Written by normlab " NORMLAB_VERSION ".}\n";

char *nl_document_latex_body(const struct nl_document *document)
{
    struct nl_text out = {0};
    nl_text_add(&out,
                "%% %s\n%% To \\input behind \\appendix. It needs \\usepackage{graphicx,array,longtable}, and its "
                "figures lie beside it: \\graphicspath{{FOLDER/}}\n"
                "{\\setlength{\\parindent}{0pt}\\setlength{\\parskip}{.5\\baselineskip}\\emergencystretch=3em"
                "\\setlength{\\LTleft}{0pt}\\setlength{\\LTright}{0pt plus 1fill}\\setlength{\\tabcolsep}{4pt}\n",
                document->mark);
    add_blocks(&out, document);
    nl_text_add(&out, "%s}\n", written);
    return out.at;
}

char *nl_document_latex_around(const char *file)
{
    return nl_format("%% %s\n%s\\begin{document}\n\\appendix\n\\input{%s}\n\\end{document}\n", nl_report_mark, preamble,
                     file);
}

char *nl_document_latex(const struct nl_document *document)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%% %s\n%s\\begin{document}\n", document->mark, preamble);
    add_line(&out, "{\\LARGE\\bfseries ", document->title, "\\par}\n\n");
    add_blocks(&out, document);
    nl_text_add(&out, "%s\\end{document}\n", written);
    return out.at;
}

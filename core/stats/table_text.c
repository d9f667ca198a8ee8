/* Tables to read: for the terminal, for GitHub, for a paper. */
#include "stats/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"
#include "base/wrap.h"
#include "stats/answer.h"
#include "stats/distribution.h"

/* What tells the three apart. */
struct style {
    const char *empty, *number;                /* number: on both sides of one */
    const char *best, *best_end;               /* around its mean */
    const char *begin, *between, *end;         /* of its interval */
    void (*add_escaped)(struct nl_text *out, const char *text);
};

static void add_plain(struct nl_text *out, const char *text)
{
    nl_text_add(out, "%s", text);
}

static void add_markdown(struct nl_text *out, const char *text)
{
    char *signs = nl_typeset(text);
    nl_markdown_add(out, signs);
    free(signs);
}

static void add_latex(struct nl_text *out, const char *text)
{
    char *signs = nl_typeset(text);
    nl_latex_add(out, signs);
    free(signs);
}

/* In a paper the intervals are smaller than the means: four columns of them fit on a page. */
static const struct style plain = {"-", "", "", "", " [", ", ", "]", add_plain},
                          markdown = {"–", "", "**", "**", " [", ", ", "]", add_markdown},
                          latex = {"--", "$", "\\mathbf{", "}", "\\,{\\scriptstyle[", ",\\,", "]}", add_latex};

static void add_number(struct nl_text *out, const struct nl_column *column, double value)
{
    double scaled = value * column->scale;
    if (fabs(scaled) >= 1e7)
        nl_text_add(out, column->sign ? "%+.4g" : "%.4g", scaled);
    else if (column->scale == 1 && scaled == floor(scaled) && !column->sign)
        nl_text_add(out, "%.0f", scaled);
    else if (column->scale == 1)
        nl_text_add(out, column->sign ? "%+.*f" : "%.*f", fabs(scaled) < 10 ? 4 : 2,
                    scaled); /* losses, and perplexities */
    else
        nl_say_number(out, scaled, true, column->sign); /* percent, as an answer says it */
}

static void add_estimate(struct nl_text *out, const struct style *style, const struct nl_column *column,
                         const struct nl_entry *entry)
{
    const struct nl_estimate *of = &entry->estimate;
    struct nl_column unsigned_column = *column;
    unsigned_column.sign = false;
    nl_text_add(out, "%s%s", style->number, entry->marked ? style->best : "");
    add_number(out, column, of->mean);
    nl_text_add(out, "%s", entry->marked ? style->best_end : "");
    if (!isnan(of->lower)) {
        nl_text_add(out, "%s", style->begin);
        add_number(out, &unsigned_column, of->lower);
        nl_text_add(out, "%s", style->between);
        add_number(out, &unsigned_column, of->upper);
        nl_text_add(out, "%s", style->end);
    }
    nl_text_add(out, "%s", style->number);
}

/* "25 to 63 %": the exact interval of a share. */
static void add_share_interval(struct nl_text *out, const struct style *style, const struct nl_entry *entry,
                               double level)
{
    double lower, upper;
    nl_exact_interval(entry->count, entry->of, level, &lower, &upper);
    char *text = nl_format("%.0f to %.0f %%", 100.0 * lower, 100.0 * upper);
    style->add_escaped(out, text);
    free(text);
}

/* " (2/8: 3 to 65 %; 0.40)": the failed runs of a mean's cell, and the mean of the others. */
static void add_failures(struct nl_text *out, const struct style *style, const struct nl_column *column,
                         const struct nl_entry *entry, double level)
{
    if (!column->failures || entry->count == 0)
        return;
    nl_text_add(out, " (%d/%d: ", entry->count, entry->of);
    add_share_interval(out, style, entry, level);
    if (entry->finished.n > 0) {
        nl_text_add(out, "; %s", style->number);
        add_number(out, column, entry->finished.mean);
        nl_text_add(out, "%s", style->number);
    }
    nl_text_add(out, ")");
}

static char *entry_text(const struct style *style, const struct nl_table *table, int row, int at)
{
    const struct nl_column *column = &table->column[at];
    const struct nl_entry *entry = nl_table_at(table, row, at);
    struct nl_text out = {0};
    switch (entry->kind) {
    case NL_ENTRY_EMPTY:
        nl_text_add(&out, "%s", style->empty);
        add_failures(&out, style, column, entry, table->level);
        break;
    case NL_ENTRY_WORD:
        style->add_escaped(&out, entry->text);
        break;
    case NL_ENTRY_NUMBER:
        nl_text_add(&out, "%s", style->number);
        add_number(&out, column, entry->number);
        nl_text_add(&out, "%s", style->number);
        break;
    case NL_ENTRY_ESTIMATE:
        add_estimate(&out, style, column, entry);
        add_failures(&out, style, column, entry, table->level);
        break;
    case NL_ENTRY_SHARE:
        nl_text_add(&out, "%d/%d", entry->count, entry->of);
        if (entry->count > 0) {
            nl_text_add(&out, " (");
            add_share_interval(&out, style, entry, table->level);
            nl_text_add(&out, ")");
        }
        break;
    }
    return out.at;
}

char *nl_table_entry_text(const struct nl_table *table, int row, int column)
{
    return entry_text(&plain, table, row, column);
}

/* ---- the terminal ---- */

static void add_padded(struct nl_text *out, const char *text, int width, bool right, bool first)
{
    nl_text_add(out, "%s%*s", first ? "" : "  ", right ? width : -width, text);
}

/* Key columns, and the others from `from` to before `to`. */
static void add_block(struct nl_text *out, const struct nl_table *table, char *const *text, const int *width, int from,
                      int to)
{
    for (int row = -1; row < table->rows; row++) {
        struct nl_text line = {0};
        for (int c = 0; c < to; c++)
            if (c < table->keys || c >= from)
                add_padded(&line, row < 0 ? table->column[c].title : text[row * table->columns + c], width[c],
                           table->column[c].right, line.length == 0);
        while (line.length > 0 && line.at[line.length - 1] == ' ')
            line.at[--line.length] = '\0';
        nl_text_add(out, "%s\n", line.at ? line.at : "");
        nl_text_release(&line);
    }
}

char *nl_table_text(const struct nl_table *table, int width)
{
    struct nl_text out = {0};
    char **text = nl_alloc((size_t)(table->rows * table->columns) + 1, sizeof *text);
    int *widths = nl_alloc((size_t)table->columns, sizeof *widths), keys = 0;
    for (int c = 0; c < table->columns; c++) {
        bool marks = false;
        for (int row = 0; row < table->rows; row++)
            marks |= nl_table_at(table, row, c)->marked;
        widths[c] = (int)strlen(table->column[c].title);
        for (int row = 0; row < table->rows; row++) {
            char *entry = entry_text(&plain, table, row, c);
            text[row * table->columns + c] = nl_format("%s%s", entry,
                                                       !marks                               ? ""
                                                       : nl_table_at(table, row, c)->marked ? "*"
                                                                                            : " ");
            free(entry);
            int length = (int)strlen(text[row * table->columns + c]);
            widths[c] = length > widths[c] ? length : widths[c];
        }
        keys += c < table->keys ? widths[c] + 2 : 0;
    }
    nl_text_add_wrapped(&out, table->caption, width, 2);
    for (int from = table->keys, to; from < table->columns; from = to) {
        int used = keys + widths[from];
        for (to = from + 1; to < table->columns && used + 2 + widths[to] <= (width > 0 ? width : NL_PAPER); to++)
            used += 2 + widths[to];
        nl_text_add(&out, "\n");
        add_block(&out, table, text, widths, from, to);
    }
    for (int i = 0; i < table->rows * table->columns; i++)
        free(text[i]);
    free(text);
    free(widths);
    return out.at;
}

/* ---- GitHub ---- */

static void add_answer_list(struct nl_text *out, const char *answer)
{
    bool list = false;
    while (*answer) {
        int length = (int)strcspn(answer, "\n"), indent = (int)strspn(answer, " ");
        char *line = nl_format("%.*s", length - indent, answer + indent);
        nl_text_add(out, indent && list ? "" : "\n");
        list = indent > 0;
        nl_text_add(out, "%*s", list ? indent - 2 : 0, "");
        nl_text_add(out, list ? "- " : "");
        add_markdown(out, line);
        nl_text_add(out, "\n");
        free(line);
        answer += length + (answer[length] == '\n');
    }
}

char *nl_table_markdown(const struct nl_table *table, const char *answer, const char *notes)
{
    struct nl_text out = {0};
    if (answer) {
        add_answer_list(&out, answer);
        nl_text_add(&out, "\n");
    }
    add_markdown(&out, table->caption);
    nl_text_add(&out, "\n\n|");
    for (int c = 0; c < table->columns; c++) {
        nl_text_add(&out, " ");
        add_markdown(&out, table->column[c].title);
        nl_text_add(&out, " |");
    }
    nl_text_add(&out, "\n|");
    for (int c = 0; c < table->columns; c++)
        nl_text_add(&out, table->column[c].right ? " ---: |" : " --- |");
    nl_text_add(&out, "\n");
    for (int row = 0; row < table->rows; row++) {
        nl_text_add(&out, "|");
        for (int c = 0; c < table->columns; c++) {
            char *entry = entry_text(&markdown, table, row, c);
            nl_text_add(&out, " %s |", entry);
            free(entry);
        }
        nl_text_add(&out, "\n");
    }
    if (notes)
        add_answer_list(&out, notes);
    return out.at;
}

/* ---- a paper ---- */

static bool begins_group(const struct nl_table *table, int row)
{
    if (table->keys < 2 || row == 0)
        return false;
    const struct nl_entry *above = nl_table_at(table, row - 1, 0), *here = nl_table_at(table, row, 0);
    return above->kind != here->kind || (here->kind == NL_ENTRY_WORD && strcmp(above->text, here->text) != 0);
}

static void add_comment_lines(struct nl_text *out, const char *lines)
{
    while (lines && *lines) {
        int length = (int)strcspn(lines, "\n");
        nl_text_add(out, "%% %.*s\n", length, lines);
        lines += length + (lines[length] == '\n');
    }
}

static int widest_entry(const struct nl_table *table, int column)
{
    int widest = 0;
    for (int row = 0; row < table->rows; row++) {
        char *entry = entry_text(&plain, table, row, column);
        int characters = nl_characters(entry, strlen(entry));
        widest = characters > widest ? characters : widest;
        free(entry);
    }
    return widest;
}

/* A title that is wider than all below it is broken between words, so that it does not widen the table. */
static void add_latex_title(struct nl_text *out, const struct nl_table *table, int column)
{
    struct nl_text lines = {0};
    int widest = widest_entry(table, column), used = 0;
    bool broken = false;
    for (const char *word = table->column[column].title; *word;) {
        size_t length = strcspn(word, " ");
        int characters = nl_characters(word, length);
        bool breaks = used > 0 && used + 1 + characters > widest;
        char *text = nl_format("%.*s", (int)length, word);
        nl_text_add(&lines, breaks ? "\\\\" : used > 0 ? " " : "");
        add_latex(&lines, text);
        free(text);
        used = breaks || used == 0 ? characters : used + 1 + characters;
        broken |= breaks;
        word += length + (word[length] == ' ');
    }
    if (broken)
        nl_text_add(out, "\\begin{tabular}[b]{@{}%c@{}}%s\\end{tabular}", table->column[column].right ? 'r' : 'l',
                    lines.at);
    else
        nl_text_add(out, "%s", lines.at ? lines.at : "");
    nl_text_release(&lines);
}

char *nl_table_latex(const struct nl_table *table, const char *answer, const char *notes, const char *label)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%% \\usepackage{booktabs}\n\\begin{table}\n  "
                      "\\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}\n  \\caption{");
    add_latex(&out, table->caption);
    nl_text_add(&out, "}\n  \\label{tab:");
    for (; *label; label++)
        nl_text_add(&out, "%c", strchr("\\{}%#$&~^ ", *label) ? '-' : *label);
    nl_text_add(&out, "}\n  \\begin{tabular}{");
    for (int c = 0; c < table->columns; c++)
        nl_text_add(&out, table->column[c].right ? "r" : "l");
    nl_text_add(&out, "}\n    \\toprule\n    ");
    for (int c = 0; c < table->columns; c++) {
        nl_text_add(&out, c ? " & " : "");
        add_latex_title(&out, table, c);
    }
    nl_text_add(&out, " \\\\\n    \\midrule\n");
    for (int row = 0; row < table->rows; row++) {
        nl_text_add(&out, begins_group(table, row) ? "    \\addlinespace\n    " : "    ");
        for (int c = 0; c < table->columns; c++) {
            char *entry = entry_text(&latex, table, row, c);
            nl_text_add(&out, "%s%s", c ? " & " : "", entry);
            free(entry);
        }
        nl_text_add(&out, " \\\\\n");
    }
    nl_text_add(&out, "    \\bottomrule\n  \\end{tabular}\n\\end{table}\n");
    add_comment_lines(&out, answer);
    add_comment_lines(&out, notes);
    return out.at;
}

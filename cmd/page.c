#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "cmd.h"

void add_row(struct page *page, char **field)
{
    NL_GROW(page->field, page->rows, page->capacity);
    page->field[page->rows++] = field;
}

static bool is_last(const struct page *page, char **field, int c)
{
    return c + 1 == page->columns || !field[c + 1];
}

/* The first `most` characters, with "..." for the rest; 0: all. */
static void print_cut(const char *line, int most)
{
    size_t length = strlen(line);
    bool fits = most <= 0 || nl_characters(line, length) <= most;
    while (!fits && length > 0 && nl_characters(line, length) > most - 3)
        length--;
    tell(stdout, "%.*s%s\n", (int)length, line, fits ? "" : "...");
}

void print_page(const struct page *page, int most)
{
    int *width = nl_alloc((size_t)page->columns, sizeof *width);
    for (int row = 0; row < page->rows; row++)
        for (int c = 0; !is_last(page, page->field[row], c); c++) {
            int characters = nl_characters(page->field[row][c], strlen(page->field[row][c]));
            width[c] = characters > width[c] ? characters : width[c];
        }
    for (int row = 0; row < page->rows; row++) {
        struct nl_text line = {0};
        char **field = page->field[row];
        int c = 0;
        for (; !is_last(page, field, c); c++) {
            int blanks = width[c] - nl_characters(field[c], strlen(field[c]));
            nl_text_add(&line, "%*s%s%*s  ", page->left[c] ? 0 : blanks, "", field[c], page->left[c] ? blanks : 0, "");
        }
        nl_text_add(&line, "%s", field[c]);
        print_cut(line.at, most);
        nl_text_release(&line);
    }
    free(width);
}

void release_page(struct page *page)
{
    for (int row = 0; row < page->rows; row++) {
        for (int c = 0; c < page->columns && page->field[row][c]; c++)
            free(page->field[row][c]);
        free(page->field[row]);
    }
    free(page->field);
}

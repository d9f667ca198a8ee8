/* Reads the elements that gnuplot's SVG has, and draws them into cells. */
#include "plot/screen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { NO_COLOUR = -1, STRIP = 0xF0F0F0, MOST_ROWS = 400, MOST_STROKES = 32 };

struct cell {
    char text[8];       /* a character; "": none */
    unsigned dots;      /* of braille, as in U+2800 */
    int colour;         /* 0xRRGGBB of the text or the dots, or NO_COLOUR: the terminal's */
    int fill;           /* of the background */
    bool hatched, sign; /* sign: the text is a mark, which words may cover */
};

struct screen {
    struct cell *cell; /* [rows][columns] */
    int columns, rows;
    double across, down; /* cells for a unit of the SVG */
    bool colour;
    int stroke[MOST_STROKES]; /* without colours: those of the lines, in the order of their characters */
    int strokes;
    struct nl_text left, right; /* what stands upright at the two sides */
};

/* An attribute of the tag, up to its end; NULL: it has none. */
static const char *attribute(const char *tag, const char *end, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = tag; (at = strstr(at, name)) && at < end; at += length) {
        const char *value = at + length;
        if (at[-1] != ' ')
            continue;
        value += strspn(value, " =");
        if (*value == '\'' || *value == '"')
            return value + 1;
    }
    return NULL;
}

/* "rgb(213, 94, 0)" -> 0xD55E00; NO_COLOUR: another word. */
static int colour_of(const char *text)
{
    unsigned r, g, b;
    return text && sscanf(text, "rgb( %u , %u , %u )", &r, &g, &b) == 3
               ? (int)((r & 255) << 16 | (g & 255) << 8 | (b & 255))
               : NO_COLOUR;
}

static struct cell *cell_at(struct screen *s, int x, int y)
{
    return x >= 0 && x < s->columns && y >= 0 && y < s->rows ? &s->cell[y * s->columns + x] : NULL;
}

static void put_text(struct cell *cell, const char *text, size_t bytes, int colour)
{
    if (!cell || bytes >= sizeof cell->text)
        return;
    memcpy(cell->text, text, bytes);
    cell->text[bytes] = '\0';
    cell->colour = colour;
    cell->sign = false;
}

/* ---- lines ---- */

/* The character of the lines in this colour, where there are no colours. */
static char stroke_character(struct screen *s, int colour)
{
    static const char characters[] = "*#o+x%@=&~";
    int i = 0;
    while (i < s->strokes && s->stroke[i] != colour)
        i++;
    if (i == s->strokes && i < MOST_STROKES)
        s->stroke[s->strokes++] = colour;
    return characters[(size_t)i % (sizeof characters - 1)];
}

/* x, y: in dots, 2 x 4 of a cell. */
static void put_dot(struct screen *s, int x, int y, int colour)
{
    static const unsigned bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    struct cell *cell = x >= 0 && y >= 0 ? cell_at(s, x / 2, y / 4) : NULL;
    if (!cell || *cell->text)
        return;
    if (!s->colour && colour != NO_COLOUR) {
        put_text(cell, (char[]){stroke_character(s, colour)}, 1, NO_COLOUR);
        cell->sign = true;
        return;
    }
    cell->dots |= bits[y % 4][x % 2];
    if (colour != NO_COLOUR || !cell->colour)
        cell->colour = colour;
}

/* every: of so many dots one is drawn. */
static void put_line(struct screen *s, double x0, double y0, double x1, double y1, int colour, int every)
{
    double dx = 2 * s->across * (x1 - x0), dy = 4 * s->down * (y1 - y0);
    if (!(fabs(x0) + fabs(y0) + fabs(dx) + fabs(dy) < 1e6)) /* far beyond the page */
        return;
    int steps = (int)fmin(fmax(1.0, ceil(fmax(fabs(dx), fabs(dy)))), 10000.0);
    for (int i = 0; i <= steps; i++) {
        int x = (int)floor(2 * s->across * x0 + dx * i / steps), y = (int)floor(4 * s->down * y0 + dy * i / steps);
        if ((x + y) % every == 0)
            put_dot(s, x, y, colour);
    }
}

/* "M10,20 L30,40 L50,60 M1,2", or "10,20 30,40" where closed. */
static void put_path(struct screen *s, const char *d, int colour, int every, bool closed)
{
    double x, y, first_x = NAN, first_y = NAN, last_x = NAN, last_y = NAN;
    while (*d && *d != '\'' && *d != '"') {
        d += strspn(d, " \t\n");
        bool moves = *d == 'M';
        d += *d == 'M' || *d == 'L';
        char *end;
        x = strtod(d, &end);
        if (end == d || *end != ',')
            break;
        y = strtod(end + 1, &end);
        d = end;
        if (!moves && !isnan(last_x))
            put_line(s, last_x, last_y, x, y, colour, every);
        first_x = isnan(first_x) ? x : first_x;
        first_y = isnan(first_y) ? y : first_y;
        last_x = x;
        last_y = y;
        d += strspn(d, " \t\nZz");
    }
    if (closed && !isnan(first_x))
        put_line(s, last_x, last_y, first_x, first_y, colour, every);
}

/* ---- fills ---- */

/* The box around a polygon's points; gnuplot's boxes are polygons. */
static bool box_of(const char *points, double box[4])
{
    box[0] = box[1] = INFINITY;
    box[2] = box[3] = -INFINITY;
    for (char *end; *points && *points != '\''; points = end + strspn(end, " \t\n")) {
        double x = strtod(points, &end);
        if (end == points || *end != ',')
            return false;
        double y = strtod(end + 1, &end);
        box[0] = fmin(box[0], x);
        box[1] = fmin(box[1], y);
        box[2] = fmax(box[2], x);
        box[3] = fmax(box[3], y);
    }
    return box[0] < box[2] && box[1] < box[3];
}

/* A box becomes the background of the cells whose middle it has. */
static void put_fill(struct screen *s, const char *points, int colour, bool hatched)
{
    double box[4];
    if (!box_of(points, box))
        return;
    int left = (int)ceil(s->across * box[0] - 0.5), right = (int)ceil(s->across * box[2] - 0.5),
        top = (int)ceil(s->down * box[1] - 0.5), bottom = (int)ceil(s->down * box[3] - 0.5);
    for (int y = top < 0 ? 0 : top; y < bottom && y < s->rows; y++)
        for (int x = left < 0 ? 0 : left; x < right && x < s->columns; x++) {
            s->cell[y * s->columns + x].fill = colour;
            s->cell[y * s->columns + x].hatched = hatched;
        }
}

/* Bands are their edge, in dots, where colours tell whose they are; the grey strip of failed runs is left out. */
static void put_polygon(struct screen *s, const char *tag, const char *end)
{
    const char *fill = attribute(tag, end, "fill"), *points = attribute(tag, end, "points");
    const char *opacity = attribute(tag, end, "fill-opacity");
    int colour = colour_of(fill);
    if (!points || colour == STRIP)
        return;
    bool band = opacity && strtod(opacity, NULL) < 0.3;
    if (band && s->colour)
        put_path(s, points, colour, 3, true);
    else if (!band) /* black would not be seen */
        put_fill(s, points, colour == 0 ? 0x808080 : colour, fill && strncmp(fill, "url", 3) == 0);
}

/* ---- points ---- */

/* <use xlink:href='#gpPt6' transform='translate(75.43,7.04) scale(2.20)' color='rgb(...)'/>: a sign, or a dot where it
 * is small. */
static void put_point(struct screen *s, const char *tag, const char *end)
{
    static const char *const signs[] = {"+", "×", "*", "□", "■", "○", "●", "△", /* by type */
                                        "▲", "▽", "▼", "◇", "◆", "☆", "★"};
    const char *type = attribute(tag, end, "xlink:href"), *place = attribute(tag, end, "transform");
    unsigned number;
    double x, y, scale;
    if (!type || !place || sscanf(type, "#gpPt%u", &number) != 1 || number >= sizeof signs / sizeof *signs ||
        sscanf(place, "translate(%lf,%lf) scale(%lf)", &x, &y, &scale) != 3)
        return;
    int colour = colour_of(attribute(tag, end, "color")), column = (int)floor(s->across * x),
        row = (int)floor(s->down * y);
    struct cell *cell = cell_at(s, column, row);
    if (scale < 1.5) {
        put_dot(s, (int)floor(2 * s->across * x), (int)floor(4 * s->down * y), colour);
    } else if (scale > 4.0) { /* a ring, around what is there */
        put_text(cell_at(s, column - 1, row), "(", 1, colour);
        put_text(cell_at(s, column + 1, row), ")", 1, colour);
    } else {
        put_text(cell, signs[number], strlen(signs[number]), colour);
        if (cell)
            cell->sign = true;
    }
}

/* ---- text ---- */

/* The text up to </text>, without the entities of XML. New string. */
static char *plain(const char *text)
{
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    struct nl_text out = {0};
    for (const char *at = text; *at && *at != '<';) {
        size_t bytes = 1;
        char one = *at;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strncmp(at, names[i], strlen(names[i])) == 0) {
                one = "&<>\"'"[i];
                bytes = strlen(names[i]);
            }
        nl_text_add_bytes(&out, &one, 1);
        at += bytes;
    }
    return out.at ? out.at : nl_strdup("");
}

/* The first characters of a text, from a cell on, to the right; or down, to where another text is. */
static void put_word(struct screen *s, const char *text, int x, int y, bool down, int most, int colour)
{
    for (int i = 0; *text && i < most; i++) {
        size_t bytes = nl_character_bytes(text);
        struct cell *cell = cell_at(s, down ? x : x + i, down ? y + i : y);
        if (down && cell && *cell->text && !cell->sign)
            break;
        if (*text != ' ')
            put_text(cell, text, bytes, colour);
        text += bytes;
    }
}

/* tag: <g transform="translate(x,y)" ... font-size="..." text-anchor="...">, after which the text stands. Of what is
 * turned, the labels of axes have their middle at its place, and those of ticks their end. */
static void put_words(struct screen *s, const char *tag, const char *end, const char *words)
{
    const char *place = attribute(tag, end, "transform"), *anchor = attribute(tag, end, "text-anchor"),
               *size = attribute(tag, end, "font-size");
    double x, y;
    if (!place || !anchor || !size || sscanf(place, "translate(%lf,%lf)", &x, &y) != 2)
        return;
    char *text = plain(words);
    const char *turned = strstr(place, "rotate(");
    int length = nl_characters(text, strlen(text)), colour = colour_of(attribute(tag, end, "fill"));
    double column = s->across * x, line = s->down * (y - 0.35 * strtod(size, NULL));
    if (!turned || turned > end) {
        column -= *anchor == 'm' ? 0.5 * length : *anchor == 'e' ? length : 0.0;
        put_word(s, text, (int)fmax(0.0, fmin(round(column), s->columns - length)), (int)floor(line), false, length,
                 colour);
    } else if (*anchor == 'm') {
        nl_text_add(column < s->columns / 2 ? &s->left : &s->right, "%s", text);
    } else {
        put_word(s, text, (int)floor(column), (int)ceil(s->down * y), true, length, colour);
    }
    free(text);
}

/* ---- the whole ---- */

/* Lines, fills and points come before the words over them. */
static void put_elements(struct screen *s, const char *svg, bool words)
{
    int stroke = NO_COLOUR;
    const char *group = NULL, *group_end = NULL, *end;
    for (const char *tag = strstr(svg, "</defs>"); tag && (tag = strchr(tag, '<')) && (end = strchr(tag, '>'));
         tag = end) {
        if (strncmp(tag, "<pattern", 8) == 0) { /* what a hatched fill is made of */
            const char *close = strstr(tag, "</pattern>");
            end = close ? close : end;
        } else if (strncmp(tag, "<g ", 3) == 0) {
            group = tag;
            group_end = end;
            const char *said = attribute(tag, end, "stroke");
            stroke = said ? colour_of(said) : stroke;
        } else if (strncmp(tag, "<text>", 6) == 0 && words && group) {
            put_words(s, group, group_end, tag + 6);
        } else if (words) {
            continue;
        } else if (strncmp(tag, "<path", 5) == 0) {
            const char *said = attribute(tag, end, "stroke"), *d = attribute(tag, end, "d");
            const char *opacity = attribute(tag, end, "opacity");
            if (d)
                put_path(s, d, said ? colour_of(said) : stroke, opacity ? 2 : 1, false);
        } else if (strncmp(tag, "<polygon", 8) == 0) {
            put_polygon(s, tag, end);
        } else if (strncmp(tag, "<use", 4) == 0) {
            put_point(s, tag, end);
        }
    }
}

/* The nearest of 216 colours that most terminals have. */
static int palette(int colour)
{
    int out = 16;
    for (int shift = 16, each = 36; shift >= 0; shift -= 8, each /= 6) {
        int value = colour >> shift & 255;
        out += each * (value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40);
    }
    return out;
}

static const char *shade(const struct cell *cell)
{
    static const char *const shades[] = {"█", "▓", "▒", "░", " "};
    double light = 0.299 * (cell->fill >> 16 & 255) + 0.587 * (cell->fill >> 8 & 255) + 0.114 * (cell->fill & 255);
    return shades[(int)fmin(4.0, light / 51.2)];
}

static bool is_black(int colour)
{
    return colour == NO_COLOUR || ((colour >> 16 & 255) < 72 && (colour >> 8 & 255) < 72 && (colour & 255) < 72);
}

/* The colours of a cell: codes of the terminal, "" where they are its own. Black, where nothing is behind it, is. */
static void find_colours(const struct cell *cell, char out[48])
{
    bool drawn = *cell->text || cell->dots;
    *out = '\0';
    if (cell->fill != NO_COLOUR)
        snprintf(out, 48, "\033[48;5;%d;38;5;%dm", palette(cell->fill),
                 cell->colour == NO_COLOUR || cell->colour == cell->fill || !drawn ? 16 : palette(cell->colour));
    else if (drawn && !is_black(cell->colour))
        snprintf(out, 48, "\033[38;5;%dm", palette(cell->colour));
}

static void put_row(const struct screen *s, const struct cell *cell, struct nl_text *out)
{
    char before[48] = "", now[48] = "";
    int last = s->columns - 1;
    while (last >= 0 && !*cell[last].text && !cell[last].dots && cell[last].fill == NO_COLOUR && !cell[last].hatched)
        last--;
    for (int x = 0; x <= last; x++) {
        const struct cell *at = &cell[x];
        if (s->colour)
            find_colours(at, now);
        if (strcmp(before, now) != 0)
            nl_text_add(out, "%s%s", *before ? "\033[0m" : "", now);
        memcpy(before, now, sizeof before);
        if (*at->text)
            nl_text_add(out, "%s", at->text);
        else if (at->dots)
            nl_text_add_code(out, 0x2800 + at->dots);
        else
            nl_text_add(out, "%s", at->hatched ? "/" : !s->colour && at->fill != NO_COLOUR ? shade(at) : " ");
    }
    nl_text_add(out, "%s\n", *before ? "\033[0m" : "");
}

/* The two upright labels in a line, at its ends. */
static void put_labels(const struct screen *s, struct nl_text *out)
{
    const char *left = s->left.at ? s->left.at : "", *right = s->right.at ? s->right.at : "";
    int room = s->columns - nl_characters(left, strlen(left)) - nl_characters(right, strlen(right));
    if (*left || *right)
        nl_text_add(out, "%s%*s%s\n", left, *right && room > 0 ? room : *right ? 1 : 0, "", right);
}

void nl_screen_draw(const char *svg, int columns, bool colour, struct nl_text *out)
{
    const char *box = strstr(svg, "viewBox=");
    double width, height, point = 72.0 / 96.0; /* of a unit */
    if (!box || sscanf(box, "viewBox=\"0 0 %lf %lf\"", &width, &height) != 2 || !(width > 0) || !(height > 0))
        return;
    struct screen s = {.columns = columns, .colour = colour, .across = columns / width, .down = point / nl_cell_height};
    s.rows = (int)fmin(ceil(s.down * height), MOST_ROWS);
    s.cell = nl_alloc((size_t)(s.columns * s.rows), sizeof *s.cell);
    for (int i = 0; i < s.columns * s.rows; i++)
        s.cell[i].colour = s.cell[i].fill = NO_COLOUR;
    put_elements(&s, svg, false);
    put_elements(&s, svg, true);
    put_labels(&s, out);
    for (int row = 0; row < s.rows; row++)
        put_row(&s, &s.cell[row * s.columns], out);
    nl_text_release(&s.left);
    nl_text_release(&s.right);
    free(s.cell);
}

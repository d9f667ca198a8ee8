/* Escapes text for HTML, Markdown and LaTeX, a character at a time. */
#include "base/escape.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

char *nl_one_line(const char *text)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    for (size_t bytes; *text; text += bytes) {
        bytes = nl_character_bytes(text);
        if (nl_character_prints(text, bytes))
            nl_text_add_bytes(&out, text, bytes);
        else
            nl_text_add(&out, "%s", bytes == 1 && !((unsigned char)*text & 0x80) ? " " : "\xef\xbf\xbd");
    }
    return out.at;
}

char *nl_typeset(const char *text)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    for (const char *at; (at = strstr(text, "+-")); text = at + 2) {
        nl_text_add_bytes(&out, text, (size_t)(at - text));
        nl_text_add(&out, "±");
    }
    nl_text_add(&out, "%s", text);
    return out.at;
}

void nl_html_add(struct nl_text *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': nl_text_add(out, "&amp;"); break;
        case '<': nl_text_add(out, "&lt;"); break;
        case '>': nl_text_add(out, "&gt;"); break;
        case '"': nl_text_add(out, "&quot;"); break;
        case '\'': nl_text_add(out, "&#39;"); break;
        default: nl_text_add_bytes(out, text, 1);
        }
}

void nl_script_add(struct nl_text *out, const char *json)
{
    static const char line[] = "\xe2\x80\xa8", paragraph[] = "\xe2\x80\xa9"; /* U+2028, U+2029 */
    for (; *json; json++)
        if (strchr("<>&", *json)) {
            nl_text_add(out, "\\u%04x", (unsigned)*json);
        } else if (strncmp(json, line, 3) == 0 || strncmp(json, paragraph, 3) == 0) {
            nl_text_add(out, json[2] == line[2] ? "\\u2028" : "\\u2029");
            json += 2;
        } else {
            nl_text_add_bytes(out, json, 1);
        }
}

void nl_markdown_add(struct nl_text *out, const char *text)
{
    for (; *text; text++) {
        bool special = strchr("\\|*_<`~$", *text) ||
                       (*text == '&' && (text[1] == '#' || isalpha((unsigned char)text[1]))) ||
                       (*text == ']' && text[1] && strchr("([:", text[1]));
        nl_text_add(out, special ? "\\%c" : "%c", *text);
    }
}

static uint32_t code_point(const char *text, size_t bytes)
{
    static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)*text & lead[bytes];
    for (size_t i = 1; i < bytes; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    return code;
}

/* The letters of Latin 1 that every font of LaTeX can compose. */
static bool is_latin(uint32_t code)
{
    static const uint32_t lacking[] = {0xd0, 0xd7, 0xde, 0xf0, 0xf7, 0xfe};
    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++)
        if (code == lacking[i])
            return false;
    return code >= 0xc0 && code <= 0xff;
}

void nl_latex_add(struct nl_text *out, const char *text)
{
    static const char *const commands[][2] = {
        {"\\", "\\textbackslash{}"},
        {"~", "\\textasciitilde{}"},
        {"^", "\\textasciicircum{}"},
        {"`", "\\textasciigrave{}"},
        {"<", "$<$"},
        {">", "$>$"},
        {"|", "$|$"},
        {"\"", "\\char34{}"},
        {"--", "-{}-{}"},
        {"±", "$\\pm$"},
        {"×", "$\\times$"},
        {"–", "--"},
        {"—", "---"},
        {"−", "$-$"},
        {"≤", "$\\le$"},
        {"≥", "$\\ge$"},
        {"→", "$\\to$"},
        {"…", "\\dots{}"},
        {"·", "$\\cdot$"},
        {"µ", "$\\mu$"},
        {"°", "$^\\circ$"},
        {"\xc2\xa0", "~"},
    };
    for (size_t bytes; *text; text += bytes) {
        size_t i = 0, count = sizeof commands / sizeof *commands;
        while (i < count && strncmp(text, commands[i][0], strlen(commands[i][0])) != 0)
            i++;
        bytes = i < count ? strlen(commands[i][0]) : nl_character_bytes(text);
        if (i < count)
            nl_text_add(out, "%s", commands[i][1]);
        else if (bytes == 1)
            nl_text_add(out, strchr("&%$#_{}", *text) ? "\\%c" : "%c", *text);
        else if (is_latin(code_point(text, bytes)))
            nl_text_add_bytes(out, text, bytes);
        else
            nl_text_add(out, "[U+%04X]", (unsigned)code_point(text, bytes));
    }
}

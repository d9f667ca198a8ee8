/* Reports: texts of others are never markup, pictures of others bring nothing but shapes, and no file of somebody else
 * is replaced. The whole program is in test_report.sh. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/files.h"
#include "report/report.h"
#include "report/svg.h"
#include "scratch.h"
#include "suite.h"

static void expect(void (*add)(struct nl_text *, const char *), const char *text, const char *expected)
{
    struct nl_text out = {0};
    add(&out, text);
    ck_assert_str_eq(out.at, expected);
    nl_text_release(&out);
}

START_TEST(markup_is_escaped)
{
    expect(nl_html_add, "<b onclick='x'>&amp;\"", "&lt;b onclick=&#39;x&#39;&gt;&amp;amp;&quot;");
    expect(nl_script_add, "[\"</script><!-- & \xe2\x80\xa8\xe2\x80\xa9 \xe2\x80\xaa\"]",
           "[\"\\u003c/script\\u003e\\u003c!-- \\u0026 \\u2028\\u2029 \xe2\x80\xaa\"]");
    expect(nl_markdown_add, "a|b *c* _d_ `e` <f> ~g~ $h$ \\",
           "a\\|b \\*c\\* \\_d\\_ \\`e\\` \\<f> \\~g\\~ \\$h\\$ \\\\");
    expect(nl_markdown_add, "[a](javascript:b) [c]: d &lt; A & B [1, 2]",
           "[a\\](javascript:b) [c\\]: d \\&lt; A & B [1, 2]");
    expect(nl_latex_add, "\\input{x} 5 % a_b $c$ #d ~ ^ --e",
           "\\textbackslash{}input\\{x\\} 5 \\% a\\_b \\$c\\$ \\#d \\textasciitilde{} \\textasciicircum{} -{}-{}e");
    expect(nl_latex_add, "Müller ± 中", "Müller $\\pm$ [U+4E2D]");
}
END_TEST

START_TEST(a_text_is_one_line_of_utf8)
{
    char *line = nl_one_line("a\nb\tc\x01" "d\xff" "e\xe2\x80\xa8" "f"), *signs = nl_typeset("within +-1.5, +2");
    ck_assert_str_eq(line, "a b c d\xef\xbf\xbd" "e\xef\xbf\xbd" "f");
    ck_assert_str_eq(signs, "within ±1.5, +2");
    free(line);
    free(signs);
}
END_TEST

static int count(const char *text, const char *word)
{
    int found = 0;
    while ((text = strstr(text, word))) {
        found++;
        text += strlen(word);
    }
    return found;
}

/* A block of every kind, with texts that would be markup. */
static void hostile(struct nl_document *document)
{
    nl_document_begin(document, "# <script>alert(1)</script>\n", true);
    nl_document_add(document, NL_BLOCK_HEADING, 0, "%s", "</h2><img src=x onerror=alert(1)> \\write18{x}");
    nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "%s", "1. no list");
    nl_document_add(document, NL_BLOCK_WARNING, 0, "%s", "> no quotation");
    nl_document_add(document, NL_BLOCK_ITEM, 0, "%s", "- no item");
    nl_document_add(document, NL_BLOCK_ITEM, 1, "%s", "# no heading");
    nl_document_add(document, NL_BLOCK_CODE, 0, "%s", "a ``` b\n</code>\n\\end{quote}");
    nl_document_table(document, "a | b", 1, (const char *const[]){"k|ey", ">number", NULL});
    nl_document_row(document, (const char *const[]){"[x]\n| y |", "+-1 & 2"});
    nl_document_figure(document, "A caption", "no ] end", "figures/a", nl_strdup("<svg></svg>"));
    nl_document_explorer(document, nl_strdup("{\"notes\":[\"</script><script>alert(2)</script>\"]}"));
}

START_TEST(no_text_is_markup)
{
    struct nl_document document;
    hostile(&document);
    char *html = nl_document_html(&document), *markdown = nl_document_markdown(&document),
         *latex = nl_document_latex(&document);
    ck_assert(!strstr(html, "<script>alert") && !strstr(html, "<img") && !strstr(html, "</h2><img"));
    ck_assert_int_eq(count(html, "<script"), 2); /* its data, and the script of the program */
    ck_assert(strstr(html, "\\u003cscript\\u003ealert(2)") && !strstr(markdown, "alert(2)") &&
              !strstr(latex, "alert(2)"));
    ck_assert(strstr(html, "<h1># &lt;script&gt;alert(1)&lt;/script&gt;</h1>"));
    ck_assert(strstr(html, "&lt;/code&gt;\n"));
    ck_assert(strstr(markdown, "\n# \\# \\<script>") && strstr(markdown, "\n1\\. no list\n") &&
              strstr(markdown, "\n> \\> no quotation\n"));
    ck_assert(strstr(markdown, "\n- \\- no item\n  - \\# no heading\n") && strstr(markdown, "\n````sh\n"));
    ck_assert(strstr(markdown, "\n| [x] \\| y \\| | ±1 & 2 |\n") && strstr(markdown, "![no \\] end](figures/a.svg)"));
    ck_assert(!strstr(latex, "\\write18") && strstr(latex, "\\textbackslash{}end\\{quote\\}") &&
              strstr(latex, "{}$\\pm$1 \\& 2"));
    free(html);
    free(markdown);
    free(latex);
    nl_document_release(&document);
}
END_TEST

/* Before the first heading, in each form; a document without contents has none. */
START_TEST(contents_come_once)
{
    for (int contents = 0; contents < 2; contents++) {
        struct nl_document document;
        nl_document_begin(&document, "Title", contents);
        nl_document_add(&document, NL_BLOCK_HEADING, 0, "First");
        nl_document_add(&document, NL_BLOCK_PARAGRAPH, 0, "Between.");
        nl_document_add(&document, NL_BLOCK_HEADING, 0, "Second");
        char *html = nl_document_html(&document), *markdown = nl_document_markdown(&document),
             *latex = nl_document_latex(&document);
        ck_assert_int_eq(count(markdown, "- [Second](#"), contents);
        ck_assert(!contents || strstr(markdown, "- [First](#") < strstr(markdown, "## First"));
        ck_assert_int_eq(count(html, "<nav"), contents);
        ck_assert(!strstr(html, "script")); /* a page without an explorer has none, and allows none */
        ck_assert_int_eq(count(latex, "\\tableofcontents"), contents);
        free(html);
        free(markdown);
        free(latex);
        nl_document_release(&document);
    }
}
END_TEST

static char *element(const char *svg)
{
    struct nl_error err = {{0}};
    char *out = nl_svg_element(svg, strlen(svg), "p-", "a \"label\"", &err);
    ck_assert_msg(out != NULL, "%s", err.text);
    return out;
}

START_TEST(a_picture_is_shapes_alone)
{
    char *out = element("<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' "
                        "xmlns:xlink='http://www.w3.org/1999/xlink' onload='a()' viewBox='0 0 1 1'>"
                        "<title>t</title><script>evil()</script><style>@import url(http://evil)</style><a "
                        "xlink:href='http://evil'><rect/></a>"
                        "<foreignObject><p>evil</p></foreignObject><image xlink:href='http://evil/x.png'/><image "
                        "xlink:href='data:image/png;base64,AA=='/>"
                        "<defs><path id='m' ONCLICK='a()'/></defs><use xlink:href='#m'/><use xlink:href='other.svg#m'/>"
                        "<g clip-path='url(#c)' style='fill:\\75 rl(http://evil)' fill='URL(http://evil)' "
                        "class='wide'>x<text>a &lt; b ]]&gt;</text></g></svg>");
    ck_assert_str_eq(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"a &quot;label&quot;\" "
                          "viewBox=\"0 0 1 1\"><image></image>\n"
                          "<image href=\"data:image/png;base64,AA==\"></image>\n<defs><path "
                          "id=\"p-m\"></path>\n</defs>\n<use href=\"#p-m\"></use>\n<use></use>\n"
                          "<g clip-path=\"url(#p-c)\"><text>a &lt; b ]]&gt;</text>\n</g>\n</svg>\n");
    free(out);
}
END_TEST

START_TEST(what_is_no_picture_is_refused)
{
    static const char *const bad[] = {
        "", "<svg>", "<html></html>", "no", "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>", "<svg></svg><svg></svg>"};
    struct nl_error err = {{0}};
    ck_assert_ptr_null(nl_svg_element(bad[_i], strlen(bad[_i]), "", "", &err));
    ck_assert(*err.text);
}
END_TEST

static void put(const char *folder, const char *name, const char *text)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, name);
    ck_assert_msg(nl_file_write(path, text, strlen(text), &err) == NL_OK, "%s", err.text);
    free(path);
}

static bool may_report(const char *folder)
{
    struct nl_error err = {{0}};
    return nl_report_check_folder(folder, &err) == NL_OK;
}

START_TEST(only_a_report_is_replaced)
{
    struct nl_error err = {{0}};
    struct nl_document document;
    char *folder = scratch_make(), *report = nl_path_join(folder, "a/report"),
         *page = nl_path_join(report, "index.html");
    ck_assert(may_report(report) && may_report(folder));
    ck_assert_msg(nl_report_begin(report, NL_REPORT, &err) == NL_OK && nl_file_exists(page), "%s", err.text);
    hostile(&document);
    ck_assert_msg(nl_report_write(&document, report, NL_REPORT, &err) == NL_OK && may_report(report), "%s", err.text);
    nl_document_release(&document);
    put(report, "report.aux", "of LaTeX");
    ck_assert(may_report(report));
    put(report, "thesis.txt", "somebody's");
    ck_assert(!may_report(report));
    ck_assert(nl_report_begin(report, NL_REPORT, &err) == NL_FAIL && strstr(err.text, "thesis.txt"));
    put(folder, "index.html", "<p>somebody's page</p>");
    ck_assert(!may_report(folder));
    ck_assert(unlink(page) == 0 && symlink("/dev/null", page) == 0);
    ck_assert(!may_report(report));
    free(page);
    free(report);
    scratch_remove(folder);
}
END_TEST

START_TEST(a_folder_of_figures_alone_is_somebodys)
{
    char *folder = scratch_make(), *figures = nl_path_join(folder, "figures");
    ck_assert(nl_make_folders(figures, NULL) == NL_OK && !may_report(folder));
    free(figures);
    scratch_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tests = tcase_create("report");
    tcase_add_test(tests, markup_is_escaped);
    tcase_add_test(tests, a_text_is_one_line_of_utf8);
    tcase_add_test(tests, no_text_is_markup);
    tcase_add_test(tests, contents_come_once);
    tcase_add_test(tests, a_picture_is_shapes_alone);
    tcase_add_loop_test(tests, what_is_no_picture_is_refused, 0, 6);
    tcase_add_test(tests, only_a_report_is_replaced);
    tcase_add_test(tests, a_folder_of_figures_alone_is_somebodys);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

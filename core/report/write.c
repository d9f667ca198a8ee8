/* The files of a report. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/temporary.h"
#include "report/report.h"

static const char *const names[] = {"index.html", "report.md", "report.tex"};
enum { FILES = sizeof names / sizeof *names, BEGINNING = 256 /* bytes with the mark */ };

/* Whether the file begins as a report of this program does. */
static bool is_ours(const char *folder, const char *name)
{
    char *path = nl_path_join(folder, name), *text = NULL;
    size_t total;
    if (nl_file_is_plain(path))
        text = nl_file_read_start(path, BEGINNING, &total, NULL);
    bool ours = text && strstr(text, nl_report_mark);
    free(text);
    free(path);
    return ours;
}

/* Whether an earlier report may have left it: one of its files, what LaTeX made beside report.tex, or the folder of its
 * figures. */
static bool may_be_replaced(const char *folder, const char *name)
{
    for (int i = 0; i < FILES; i++)
        if (strcmp(name, names[i]) == 0)
            return is_ours(folder, name);
    bool half = false;
    for (int i = 0; i < FILES; i++)
        half |= strncmp(name, names[i], strlen(names[i])) == 0 && nl_temporary_is_named(name);
    return half || (is_ours(folder, names[0]) &&
                    (strcmp(name, "figures") == 0 || strncmp(name, "report.", strlen("report.")) == 0));
}

int nl_report_check_folder(const char *folder, struct nl_error *err)
{
    DIR *entries = opendir(folder);
    if (!entries)
        return errno == ENOENT ? NL_OK : nl_fail_errno(err, "cannot look into '%s'", folder);
    int status = NL_OK;
    for (struct dirent *entry; status == NL_OK && (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !may_be_replaced(folder, entry->d_name))
            status = nl_fail(err, "'%s' holds something else than a report: '%s'", folder, entry->d_name);
    closedir(entries);
    return status;
}

static int write_file(const char *folder, const char *name, const char *text, struct nl_error *err)
{
    char *path = nl_path_join(folder, name);
    int status = nl_file_write(path, text, strlen(text), err);
    free(path);
    return status;
}

int nl_report_begin(const char *folder, struct nl_error *err)
{
    if (nl_make_folders(folder, err) || nl_report_check_folder(folder, err))
        return NL_FAIL;
    if (is_ours(folder, names[0]))
        return NL_OK;
    struct nl_document document;
    nl_document_begin(&document, "An unfinished report", false);
    nl_document_add(&document, NL_BLOCK_WARNING, 0,
                    "It is being written, or was stopped before its end: the same command writes it.");
    char *page = nl_document_html(&document);
    int status = write_file(folder, names[0], page, err);
    free(page);
    nl_document_release(&document);
    return status;
}

/* The page last: who sees it finds the others. */
int nl_report_write(const struct nl_document *document, const char *folder, struct nl_error *err)
{
    char *text[FILES] = {nl_document_html(document), nl_document_markdown(document), nl_document_latex(document)};
    int status = NL_OK;
    for (int i = FILES - 1; i >= 0; i--) {
        if (status == NL_OK)
            status = write_file(folder, names[i], text[i], err);
        free(text[i]);
    }
    return status;
}

/* The files of a report. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/temporary.h"
#include "report/report.h"

enum { MOST_FILES = 3, BEGINNING = 256 /* bytes with the mark */ };
/* The files of each form; the first tells that a folder is one of its own. */
static const char *const names[][MOST_FILES + 1] = {[NL_REPORT] = {"index.html", "report.md", "report.tex", NULL},
                                                    [NL_APPENDIX] = {"appendix.tex", "appendix-alone.tex", NULL}};
enum { FORMS = sizeof names / sizeof *names };

static bool is_marked(const char *path, const char *mark)
{
    size_t total;
    char *text = nl_file_is_plain(path) ? nl_file_read_start(path, BEGINNING, &total, NULL) : NULL;
    bool marked = text && strstr(text, mark);
    free(text);
    return marked;
}

bool nl_live_is_own(const char *path)
{
    return is_marked(path, nl_live_mark);
}

static bool is_ours(const char *folder, const char *name)
{
    char *path = nl_path_join(folder, name);
    bool ours = is_marked(path, nl_report_mark);
    free(path);
    return ours;
}

/* Whether an earlier report may have left it: one of its files, what LaTeX made beside report.tex, or the folder of its
 * figures. */
static bool may_be_replaced(const char *folder, const char *name)
{
    static const char *const stems[][2] = {[NL_REPORT] = {"report."}, [NL_APPENDIX] = {"appendix.", "appendix-alone."}};
    for (int form = 0; form < FORMS; form++) {
        bool ours = is_ours(folder, names[form][0]), beside = strcmp(name, "figures") == 0;
        for (int i = 0; names[form][i]; i++)
            if (strcmp(name, names[form][i]) == 0)
                return is_ours(folder, name);
            else if (strncmp(name, names[form][i], strlen(names[form][i])) == 0 && nl_temporary_is_named(name))
                return true;
        for (int i = 0; i < 2 && stems[form][i]; i++)
            beside |= strncmp(name, stems[form][i], strlen(stems[form][i])) == 0;
        if (ours && beside)
            return true;
    }
    return false;
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

/* text[MOST_FILES]: each file of the form; new strings. */
static void write_texts(const struct nl_document *document, enum nl_report_form form, char *text[MOST_FILES])
{
    if (form == NL_REPORT) {
        text[0] = nl_document_html(document);
        text[1] = nl_document_markdown(document);
        text[2] = nl_document_latex(document);
    } else {
        text[0] = nl_document_latex_body(document);
        text[1] = nl_document_latex_around(names[form][0]);
    }
}

/* The first file last: who sees it finds the others. */
static int write_files(const struct nl_document *document, const char *folder, enum nl_report_form form, int files,
                       struct nl_error *err)
{
    char *text[MOST_FILES] = {NULL};
    int status = NL_OK;
    write_texts(document, form, text);
    for (int i = MOST_FILES - 1; i >= 0; i--) {
        if (status == NL_OK && text[i] && i < files)
            status = write_file(folder, names[form][i], text[i], err);
        free(text[i]);
    }
    return status;
}

int nl_report_begin(const char *folder, enum nl_report_form form, struct nl_error *err)
{
    if (nl_make_folders(folder, err) || nl_report_check_folder(folder, err))
        return NL_FAIL;
    if (is_ours(folder, names[form][0]))
        return NL_OK;
    struct nl_document document;
    nl_document_begin(&document, "An unfinished report", false);
    nl_document_add(&document, NL_BLOCK_WARNING, 0,
                    "It is being written, or was stopped before its end: the same command writes it.");
    int status = write_files(&document, folder, form, 1, err);
    nl_document_release(&document);
    return status;
}

int nl_report_write(const struct nl_document *document, const char *folder, enum nl_report_form form,
                    struct nl_error *err)
{
    return write_files(document, folder, form, MOST_FILES, err);
}

/* What the commands open: places to write to, experiments, results. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/temporary.h"
#include "cmd.h"
#include "config/keep.h"
#include "sweep/lint.h"

/* Whether a file can be written there: errno says why not. More than the folder's mode says so (a read-only file
 * system, a quota). */
static bool can_be_created(const char *path)
{
    char *half;
    int file = nl_temporary_create(path, &half);
    bool good = file >= 0 && unlink(half) == 0;
    int why = errno;
    if (file >= 0)
        close(file);
    free(half);
    errno = why;
    return good;
}

bool can_be_written(const char *path)
{
    if (!path)
        return true;
    char *folder = nl_path_folder(path);
    bool good = false;
    if (nl_file_is_special(path)) /* opened once, by who writes: a pipe's reader would see its end here */
        good = true;
    else if (!nl_folder_exists(folder))
        bad_input(NULL, "cannot write '%s': there is no folder '%s'", path, folder);
    else if (nl_folder_exists(path))
        bad_input(NULL, "cannot write '%s': it is a folder", path);
    else if (!can_be_created(path))
        bad_input(NULL, "cannot write '%s': %s", path, strerror(errno));
    else
        good = true;
    free(folder);
    return good;
}

bool can_be_made(const char *folder)
{
    char *at = nl_strdup(folder);
    while (!nl_file_exists(at) && strcmp(at, ".") != 0 && strcmp(at, "/") != 0) {
        char *above = nl_path_folder(at);
        free(at);
        at = above;
    }
    bool is_folder = nl_folder_exists(at), good = is_folder && access(at, W_OK | X_OK) == 0;
    if (!is_folder && nl_file_exists(at))
        bad_input(NULL, "cannot create the folder '%s': a file of that name is there", at);
    else if (!good)
        bad_input(NULL, "cannot write in '%s': %s", at, strerror(errno));
    free(at);
    return good;
}

bool make_writable(const char *folder)
{
    struct nl_error err = {0};
    if (nl_make_folders(folder, &err)) {
        bad_input(NULL, "%s", err.text);
        return false;
    }
    char *any = nl_path_join(folder, ".normlab");
    bool good = can_be_created(any);
    if (!good)
        bad_input(NULL, "cannot write in '%s': %s", folder, strerror(errno));
    free(any);
    return good;
}

bool print_diagnostics(struct nl_diagnostics *diagnostics)
{
    bool any = diagnostics->count > 0;
    if (any) {
        diagnostics->coloured = coloured(stderr);
        char *text = nl_diagnostics_text(diagnostics);
        fputs(text, stderr);
        free(text);
    }
    nl_diagnostics_release(diagnostics);
    return any;
}

struct names {
    int count, capacity;
    const char **at;
};

static void add_name(void *context, const char *name)
{
    struct names *names = context;
    NL_GROW(names->at, names->count, names->capacity);
    names->at[names->count++] = name ? nl_keep_text(name) : NULL;
}

char *nearest_beside(const char *path, bool (*fits)(const char *path))
{
    char *folder = nl_path_folder(path);
    const char *slash = strrchr(path, '/'), *word = slash ? slash + 1 : path;
    struct names names = {0};
    struct dirent **entry;
    int count = scandir(folder, &entry, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char *place = nl_path_join(folder, entry[i]->d_name);
        if (entry[i]->d_name[0] != '.' && fits(place))
            add_name(&names, entry[i]->d_name);
        free(place);
        free(entry[i]);
    }
    if (count >= 0)
        free(entry);
    add_name(&names, NULL);
    const char *near = nl_nearest(word, names.at);
    char *found = near ? nl_format("%.*s%s", (int)(word - path), path, near) : NULL;
    free(names.at);
    free(folder);
    return found;
}

bool is_yaml(const char *path)
{
    const char *ending = strrchr(path, '.');
    return ending && (strcmp(ending, ".yaml") == 0 || strcmp(ending, ".yml") == 0);
}

/* Says that there is no such file, with the one that was meant; a word alone may be a name of what came with the
 * program, too. */
static void report_missing(const char *file)
{
    char *with_ending = nl_format("%s.yaml", file);
    char *meant = nl_file_exists(with_ending) ? nl_strdup(with_ending) : nearest_beside(file, is_yaml);
    struct names names = {0};
    if (!meant && !strpbrk(file, "/."))
        each_shipped(add_name, &names);
    bool any = names.count > 0;
    add_name(&names, NULL);
    char *hint = meant ? nl_format("did you mean '%s'?", meant) : NULL;
    if (any)
        unknown_word("file or experiment", file, names.at);
    else
        bad_input(hint, "cannot open '%s': %s", file, strerror(ENOENT));
    free(names.at);
    free(hint);
    free(meant);
    free(with_ending);
}

/* How names of other libraries, and the user's files, were read. */
static void print_read_as(struct nl_diagnostics *diagnostics)
{
    diagnostics->coloured = coloured(stderr);
    char *text = nl_notes_text(diagnostics);
    fputs(text, stderr);
    free(text);
}

bool load_experiment(const char *file, const char *const *override, int overrides, struct nl_experiment *out)
{
    struct nl_diagnostics diagnostics = {0};
    char *path = file ? find_configuration(file) : NULL;
    if (path && access(path, F_OK) != 0 && errno == ENOENT) {
        report_missing(file);
        free(path);
        return false;
    }
    nl_experiment_load(path, override, overrides, out, &diagnostics);
    free(path);
    if (diagnostics.count == 0 && warns())
        print_read_as(&diagnostics);
    return !print_diagnostics(&diagnostics);
}

bool plan_of(const struct nl_experiment *experiment, struct plan *out)
{
    struct nl_diagnostics diagnostics = {0};
    *out = (struct plan){.experiment = *experiment};
    nl_grid_make(&out->experiment, &out->grid, &diagnostics);
    return !print_diagnostics(&diagnostics);
}

bool warns(void)
{
    const char *silent = getenv("NORMLAB_NO_WARNINGS");
    return !output.quiet && !output.no_warnings && !(silent && *silent);
}

void print_notes(const struct plan *plan)
{
    char *notes = nl_grid_notes(&plan->grid);
    struct nl_diagnostics warnings = {0};
    if (!output.quiet)
        fputs(notes, stderr);
    if (warns())
        nl_lint_grid(&plan->experiment, &plan->grid, &warnings);
    print_read_as(&warnings);
    print_diagnostics(&warnings);
    free(notes);
}

bool identify_plan(struct plan *plan)
{
    struct nl_error err = {0};
    if (nl_grid_identify(&plan->grid, &plan->datasets, &err) == NL_OK)
        return true;
    bad_input(NULL, "%s", err.text);
    return false;
}

void release_plan(struct plan *plan)
{
    nl_grid_release(&plan->grid);
    nl_datasets_release(&plan->datasets);
}

char *what_varies(const struct nl_experiment *experiment)
{
    struct nl_text out = {0};
    for (int a = 0; a < experiment->axes; a++) {
        const struct nl_axis *axis = &experiment->axis[a];
        for (int k = 0; k < axis->keys; k++)
            nl_text_add(&out, "%s%s", k ? " with " : a ? ", " : "", axis->key[k]->name);
        nl_text_add(&out, " (%d)", axis->points);
    }
    if (experiment->seeds > 1)
        nl_text_add(&out, "%s%s", out.length ? ", " : "", NL_COUNT(experiment->seeds, "seed"));
    return out.at ? out.at : nl_strdup("nothing: one run");
}

char *results_folder(const char *given, const struct nl_experiment *experiment)
{
    return given ? nl_strdup(given) : nl_path_join("results", experiment->name);
}

char *shards_pattern(const char *whole, int shards, const char *round)
{
    char *quoted = quote_words(1, &whole), *pattern = nl_format("%s-[1-9]*of%d%s", quoted, shards, round);
    free(quoted);
    return pattern;
}

/* A folder beside it that is not there yet: results/small_batch-2. "." and ".." have no such name: one in results/. New
 * string. */
static char *free_folder(const char *folder, const struct nl_experiment *experiment)
{
    char *base = nl_strdup(folder), *path = NULL;
    for (size_t length = strlen(base); length > 1 && base[length - 1] == '/'; length--)
        base[length - 1] = '\0';
    const char *slash = strrchr(base, '/'), *name = slash ? slash + 1 : base;
    if (strspn(name, ".") == strlen(name)) {
        free(base);
        base = results_folder(NULL, experiment);
    }
    for (int i = 2; !path || nl_file_exists(path); i++) {
        free(path);
        path = nl_format("%s-%d", base, i);
    }
    free(base);
    return path;
}

/* Whether the folder shows another experiment, or is none of results at all. */
static bool is_taken_by_other(const struct plan *plan, const char *folder, bool named_by_us)
{
    const struct nl_showing showing = {
        .experiment = &plan->experiment, .grid = &plan->grid, .datasets = &plan->datasets, .replace = false};
    struct nl_hidden hidden;
    struct nl_error ignored;
    if (named_by_us && nl_file_exists(folder) && !nl_store_exists(folder))
        return true;
    bool other = nl_store_refuse(folder, &showing, &hidden, &ignored) != NL_OK && hidden.may_replace;
    nl_hidden_release(&hidden);
    return other;
}

char *own_folder(const struct plan *plan)
{
    char *first = results_folder(NULL, &plan->experiment), *folder = nl_strdup(first);
    for (int i = 2; is_taken_by_other(plan, folder, i > 2); i++) {
        free(folder);
        folder = nl_format("%s-%d", first, i);
    }
    if (strcmp(folder, first) != 0 && !output.quiet)
        tell(stderr, "'%s' holds other results: those of this run are in '%s'\n", first, folder);
    free(first);
    return folder;
}

int refuse_folder(const char *folder, const struct nl_experiment *experiment, const struct nl_hidden *hidden,
                  const char *text)
{
    struct nl_text hint = {0};
    for (const char *line = hidden->why.at; line && *line; line = strchr(line, '\n') + 1)
        nl_text_add(&hint, "%.*s\n  ", (int)strcspn(line, "\n"), line);
    if (hidden->may_replace) {
        const char *other = free_folder(folder, experiment);
        char *quoted = quote_words(1, &other);
        nl_text_add(&hint, "--out %s keeps both\n  ", quoted);
        nl_text_add(&hint,
                    "--replace lets this folder show the new experiment; what was trained before stays in its trials/");
        free(quoted);
        free((char *)other);
    }
    bad_input(hint.at, "%s", text);
    nl_text_release(&hint);
    return EXIT_BAD_INPUT;
}

int print_errors(const struct nl_grid *grid, const struct nl_sweep_result *result)
{
    for (int i = 0; i < result->trials; i++) {
        if (!result->record[i].present || !result->record[i].failed)
            continue;
        char *label = nl_grid_label(grid, &grid->trial[i]);
        fail("trial %d (%s) could not be run: %s", i + 1, label, result->record[i].message);
        free(label);
    }
    return result->errors;
}

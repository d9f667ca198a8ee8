/* Every N-th allocation and every N-th call that reaches a file fails, for each command. What the program does then is
 * either what it does without, to the byte, or it ends with an error that says so: never less with exit code 0, never a
 * crash, never a file that is lost or torn. The same command, started again, ends as if nothing had happened.
 *
 *   test_faults            some of the N. With NORMLAB_ALL: all calls for files, each also as the first after which all
 *                          fail, and all allocations of a command that makes no more than LONG_FORM; else every so many
 *                          that it are about LONG_FORM
 *   test_faults WORD...    only scenes whose name contains one of the words, in that form
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "../faults/inject.h"
#include "long_form.h"

enum {
    WATCHDOG = 300,
    MOST_WORDS = 16,
    SHORT_FORM = 24 /* faults of a kind in a scene, about */,
    LONG_FORM = 400 /* allocations */
};

static _Noreturn void die(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- a folder, as it is or was ---- */

struct file {
    char *path; /* below the folder */
    char *bytes; /* NULL: a folder */
    size_t length;
};

struct tree {
    struct file *file;
    int count, capacity;
};

static struct tree *reading;

static int read_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    if (where->level == 0)
        return 0;
    struct file found = {.path = nl_strdup(path + 2)}; /* "./" */
    if (kind == FTW_F) {
        struct nl_error err;
        found.bytes = nl_file_read(path, &found.length, &err);
        if (!found.bytes)
            die(path);
    }
    NL_GROW(reading->file, reading->count, reading->capacity);
    reading->file[reading->count++] = found;
    return 0;
}

static struct tree tree_read(void)
{
    struct tree tree = {0};
    reading = &tree;
    if (nftw(".", read_one, 16, FTW_PHYS) != 0)
        die("nftw");
    return tree;
}

static void tree_release(struct tree *tree)
{
    for (int i = 0; i < tree->count; i++) {
        free(tree->file[i].path);
        free(tree->file[i].bytes);
    }
    free(tree->file);
    *tree = (struct tree){0};
}

static const struct file *tree_find(const struct tree *tree, const char *path)
{
    for (int i = 0; i < tree->count; i++)
        if (strcmp(tree->file[i].path, path) == 0)
            return &tree->file[i];
    return NULL;
}

static bool same_bytes(const struct file *a, const struct file *b)
{
    return !a->bytes == !b->bytes && a->length == b->length &&
           (!a->bytes || memcmp(a->bytes, b->bytes, a->length) == 0);
}

/* Makes the working folder what the tree is. */
static void tree_restore(const struct tree *tree)
{
    struct tree now = tree_read();
    for (int i = now.count - 1; i >= 0; i--)
        if (!tree_find(tree, now.file[i].path) && remove(now.file[i].path) != 0)
            die(now.file[i].path);
    for (int i = 0; i < tree->count; i++) {
        const struct file *wanted = &tree->file[i], *there = tree_find(&now, wanted->path);
        if (there && same_bytes(there, wanted))
            continue;
        FILE *out = wanted->bytes ? fopen(wanted->path, "wb") : NULL;
        if (wanted->bytes ? !out || fwrite(wanted->bytes, 1, wanted->length, out) != wanted->length || fclose(out) != 0
                          : mkdir(wanted->path, 0777) != 0)
            die(wanted->path);
    }
    tree_release(&now);
}

static bool ends(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Files that hold the time, or for how long something ran: only that they are there is compared. */
static bool tells_time(const char *path)
{
    static const char *const names[] = {"timing.csv", "SHA256SUMS", "experiment.yaml",
                                        ".lock",      ".trial",     ".checkpoint"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ends(path, names[i]))
            return true;
    return false;
}

/* What may lie about where removing it failed: normlab clean knows both. */
static bool is_scrap(const char *path)
{
    return ends(path, ".checkpoint") || ends(path, ".tmp");
}

/* The first file that differs; NULL: none. */
static const char *tree_difference(const struct tree *a, const struct tree *b)
{
    for (int i = 0; i < a->count; i++) {
        const struct file *other = tree_find(b, a->file[i].path);
        if (!other || (!same_bytes(&a->file[i], other) && !tells_time(other->path)))
            return a->file[i].path;
    }
    for (int i = 0; i < b->count; i++)
        if (!tree_find(a, b->file[i].path) && !is_scrap(b->file[i].path))
            return b->file[i].path;
    return NULL;
}

/* ---- running the program ---- */

static struct injection *injection; /* shared with the program */
static char *injection_file, *outputs[2];
static char *program;

struct outcome {
    int code; /* 128 and the signal: it crashed, or 128 + SIGALRM: it hung */
    char *said[2]; /* stdout and stderr */
};

static void outcome_release(struct outcome *outcome)
{
    free(outcome->said[0]);
    free(outcome->said[1]);
}

static _Noreturn void become(char *const *argv, bool counted)
{
    for (int i = 0; i < 2; i++) {
        int file = open(outputs[i], O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (file < 0 || dup2(file, 1 + i) < 0)
            _exit(126);
        close(file);
    }
    if (counted) {
        setenv("LD_PRELOAD", NORMLAB_INJECT, 1);
        setenv(INJECTION, injection_file, 1);
    }
    alarm(WATCHDOG);
    execv(program, argv);
    _exit(126);
}

static struct outcome run(const char *words, bool counted)
{
    char *argv[MOST_WORDS] = {program}, *copy = nl_strdup(words), *rest = copy;
    for (int i = 1; i < MOST_WORDS - 1 && (argv[i] = strsep(&rest, " ")); i++)
        continue;
    int state;
    pid_t child = fork();
    if (child == 0)
        become(argv, counted);
    if (child < 0 || waitpid(child, &state, 0) != child)
        die("fork");
    free(copy);
    struct outcome outcome = {.code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state)};
    for (int i = 0; i < 2; i++) {
        struct nl_error err;
        outcome.said[i] = nl_file_read(outputs[i], NULL, &err);
        if (!outcome.said[i])
            die(outputs[i]);
    }
    return outcome;
}

static struct outcome run_injected(const char *words, enum kind kind, int error, long first, long last)
{
    *injection = (struct injection){.kind = (int)kind, .error = error, .first = first, .last = last};
    return run(words, true);
}

/* ---- scenes ---- */

struct lint_context {
    const char *name, *words;
    bool again;    /* the same command, started again, ends with the same files */
    bool measures; /* its stdout has times in it: lines and their last words are compared */
};

#define ARRAYS NORMLAB_TESTS_DIR "/golden/arrays/"

/* In the working folder: data.yaml, a.yaml and its results R, the same without tables P, two shards of it A and B, one
 * trained network m.safetensors with its results one, x.npy, L with trials that nothing has a use for, and theirs.yaml
 * of another program. */
static const struct lint_context scenes[] = {
    {"check", "check a.yaml", false, false},
    {"show", "show a.yaml", false, false},
    {"keys", "keys train", false, false},
    {"keys of words", "keys gradient norm", false, false},
    {"schema", "schema", false, false},
    {"info", "info", false, true},
    {"init", "init small-batch new.yaml --force", true, false},
    {"translate", "init --from theirs.yaml new.yaml --force", true, false},
    {"manual", "manual man", true, false},
    {"ls", "ls .", false, false},
    {"verify", "verify R P A", false, false},
    {"diff", "diff R one", false, false},
    {"table", "table R", false, false},
    {"table of half", "table P --format json", false, false},
    {"plot", "plot R --format svg", true, false},
    {"plot as text", "plot P --text --format svg --out drawn", true, false},
    {"eval", "eval m.safetensors --part train,test", false, false},
    {"fold", "fold m.safetensors --out folded.safetensors", true, false},
    {"norm", "norm ln --input x.npy --out arrays", true, false},
    {"data list", "data list", false, false},
    {"data info", "data info digits", false, false},
    {"data export", "data export digits data.train=16 data.val=4 data.test=8 --out exported", true, false},
    {"data of an archive", "check data.yaml data.name=npy data.dir=" ARRAYS "archives/deflated", false, false},
    {"data of a table", "check data.yaml data.name=csv data.file=" ARRAYS "tables/words.csv", false, false},
    {"weights of PyTorch",
     "check data.yaml model.depth=1 model.width=4 model.load=" ARRAYS "../foreign/half.safetensors", false, false},
    {"dry run", "sweep a.yaml --dry-run --no-reuse --out P", false, true},
    {"submit", "submit a.yaml --tasks 2 --out P --script-only", true, false},
    {"run", "run a.yaml norm.kind=bn sweep.seeds=1 -q -j 1 --out new --save-final new.safetensors --save-order new.npy",
     true, true},
    {"run on", "run a.yaml norm.kind=bn sweep.seeds=1 -q -j 1 --out one --load m.safetensors --replace", true, true},
    {"sweep", "sweep a.yaml -q -j 1 --cohort 1 --no-plot --no-reuse --out new", true, false},
    {"sweep on", "sweep a.yaml -q -j 1 --no-plot --no-reuse --out P --checkpoint-every 1epochs", true, false},
    {"sweep again", "sweep a.yaml -q -j 1 --no-plot --no-reuse --out R --retry done", true, false},
    {"merge", "merge A B --out new", true, false},
    {"merge into", "merge A B --out A", true, false},
    {"clean", "clean L --force", true, false},
};

static void make_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    if (!out || fputs(text, out) < 0 || fclose(out) != 0)
        die(path);
}

static void must(const char *words)
{
    struct outcome outcome = run(words, false);
    if (outcome.code != 0) {
        printf("normlab %s: exit %d: %s\n", words, outcome.code, outcome.said[1]);
        exit(1);
    }
    outcome_release(&outcome);
}

static void remove_tables(const char *folder)
{
    static const char *const names[] = {"trials.csv", "curves.csv", "summary.csv", "timing.csv", "SHA256SUMS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = nl_path_join(folder, names[i]);
        unlink(path);
        free(path);
    }
}

/* Removes the first trial; or, with `to`, gives it another name. */
static void take_a_trial(const char *folder, const char *to)
{
    struct tree tree = tree_read();
    const char *found = NULL;
    for (int i = 0; i < tree.count && !found; i++)
        if (strncmp(tree.file[i].path, folder, strlen(folder)) == 0 && ends(tree.file[i].path, ".trial"))
            found = tree.file[i].path;
    if (!found || (to ? rename(found, to) : remove(found)) != 0)
        die(folder);
    tree_release(&tree);
}

static struct tree make_stage(void)
{
    make_file("data.yaml", "train: {batch: 4}\n");
    make_file("a.yaml", "data: {train: 64, val: 0, test: 32}\n"
                        "model: {depth: 1, width: 4}\n"
                        "train: {epochs: 2}\n"
                        "sweep: {grid: {norm.kind: [bn, none]}, seeds: 2}\n");
    make_file("theirs.yaml", "method: random\n"
                             "parameters: {lr: {min: 0.01, max: 1}, norm: {values: [BatchNorm1d, LayerNorm]},\n"
                             "  optimizer: {value: AdamW}, swa: {value: true}, seed: {values: [1, 2]}}\n");
    must("sweep a.yaml -q -j 1 --no-plot --no-reuse --out R");
    must("sweep a.yaml -q -j 1 --no-plot --no-reuse --out P");
    must("sweep a.yaml -q -j 1 --no-plot --out A --shard 1/2");
    must("sweep a.yaml -q -j 1 --no-plot --out B --shard 2/2");
    must("sweep a.yaml -q -j 1 --no-plot --no-reuse --out L");
    must("run a.yaml norm.kind=bn sweep.seeds=1 -q --out one --save-final m.safetensors");
    remove_tables("P");
    take_a_trial("P", NULL);
    take_a_trial("L", "L/trials/0123456789abcdef.trial");
    static const double x[] = {1, 2, 4, 8, 3, 5};
    struct nl_error err;
    if (nl_npy_write("x.npy", NL_F64, 2, (const size_t[]){2, 3}, x, &err) != NL_OK)
        die(err.text);
    return tree_read();
}

/* ---- judging ---- */

static long faults[KINDS], told[KINDS], unharmed[KINDS];
static int complaints;

struct undisturbed {
    struct outcome outcome;
    struct tree before, after;
    long calls[KINDS];
};

/* A table like the other one, of other trials: with one that could not be run, say. */
static bool is_table_of_less(const struct file *file, const struct file *whole)
{
    size_t header = strcspn(whole->bytes, "\n") + 1;
    return ends(file->path, ".csv") && file->length >= header && memcmp(file->bytes, whole->bytes, header) == 0 &&
           file->bytes[file->length - 1] == '\n';
}

/* Files that a failure may not touch: trials that were there are there, and what stands under a table's name is a whole
 * one, old or new. */
static char *what_is_lost(const struct undisturbed *u, const struct tree *now, bool removes)
{
    for (int i = 0; i < u->before.count && !removes; i++)
        if (ends(u->before.file[i].path, ".trial") && !tree_find(now, u->before.file[i].path))
            return nl_format("'%s' is gone", u->before.file[i].path);
    for (int i = 0; i < now->count; i++) {
        const struct file *file = &now->file[i], *before = tree_find(&u->before, file->path),
                          *after = tree_find(&u->after, file->path);
        if (strstr(file->path, ".damaged"))
            return nl_format("'%s' was set aside", file->path);
        if (file->bytes && !is_scrap(file->path) && !tells_time(file->path) && !(before && same_bytes(before, file)) &&
            !(after && (same_bytes(after, file) || is_table_of_less(file, after))))
            return nl_format("'%s' is torn", file->path);
    }
    return NULL;
}

/* Trials that ended so, "done" or "error". */
static int trials_of(const struct tree *tree, const char *folder, const char *status)
{
    char *line = nl_format("\nstatus %s\n", status);
    int count = 0;
    for (int i = 0; i < tree->count; i++) {
        const struct file *file = &tree->file[i];
        count += strncmp(file->path, folder, strlen(folder)) == 0 && ends(file->path, ".trial") &&
                 memmem(file->bytes, file->length, line, strlen(line));
    }
    free(line);
    return count;
}

static int lone_failures; /* trials for which there was no memory, while the others of their sweep were run */

/* A trial that could not be run stops no other one. NULL, or a new string. */
static char *what_was_not_run(const struct undisturbed *u, const struct tree *now)
{
    int failed = trials_of(now, "new/", "error"), done = trials_of(now, "new/", "done"),
        all = trials_of(&u->after, "new/", "done");
    lone_failures += failed == 1 && done == all - 1;
    return failed && failed + done < all ? nl_format("of %d trials, %d failed and only %d ended", all, failed, done)
                                         : NULL;
}

/* NULL: all is well; else a new string. */
static char *judge_failure(const struct lint_context *scene, const struct undisturbed *u, const struct outcome *o,
                           const struct tree *now, enum kind kind)
{
    bool info = strcmp(scene->name, "info") == 0;
    if (info && o->code == 0 && strstr(o->said[0], "cannot")) /* what it cannot find out, it says in its place */
        return NULL;
    if (info && kind == ALLOCATION &&
        (strstr(o->said[1], "OpenBLAS") || strstr(o->said[1], "lloc"))) /* OpenBLAS ends a program by itself */
        return NULL;
    if (o->code != 1 && o->code != 2)
        return nl_format(o->code == 0 ? "exit 0 with less" : "exit %d", o->code);
    bool has_lines = strcmp(scene->name, "ls") == 0 ||
                     strcmp(scene->name, "verify") == 0; /* one for each folder, with what is wrong */
    if (!*o->said[1] && !(has_lines && *o->said[0]))
        return nl_strdup("it does not say why");
    if (kind == ALLOCATION && !strstr(o->said[1], "memory") && !strstr(o->said[0], "memory"))
        return nl_strdup("it does not say that memory is short");
    char *lost = what_is_lost(u, now, strcmp(scene->name, "clean") == 0);
    if (!lost && strcmp(scene->name, "sweep") == 0)
        lost = what_was_not_run(u, now);
    if (lost || !scene->again)
        return lost                               ? lost
               : tree_difference(&u->before, now) ? nl_format("'%s' changed", tree_difference(&u->before, now))
                                                  : NULL;
    struct outcome again = run(scene->words, true);
    struct tree after = tree_read();
    const char *difference = tree_difference(&u->after, &after);
    char *bad = again.code != u->outcome.code ? nl_format("started again: exit %d: %s", again.code, again.said[1])
                : difference                  ? nl_format("started again: '%s' is another", difference)
                                              : NULL;
    tree_release(&after);
    outcome_release(&again);
    return bad;
}

/* The last word of each line, or all of it. */
static char *compared(const struct lint_context *scene, const char *text)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", scene->measures ? "" : text);
    for (const char *line = text, *end; scene->measures && *line; line = end + (*end == '\n')) {
        end = line + strcspn(line, "\n");
        const char *word = end;
        while (word > line && word[-1] != ' ')
            word--;
        nl_text_add(&out, "%.*s\n", (int)(end - word), word);
    }
    return out.at;
}

static void try_fault(const struct lint_context *scene, const struct undisturbed *u, enum kind kind, int error,
                      long first, long last)
{
    struct outcome o = run_injected(scene->words, kind, error, first, last);
    bool failed = atomic_load(&injection->failed) > 0;
    injection->first = 0; /* for the command that is started again */
    struct tree now = tree_read();
    char *said = compared(scene, o.said[0]), *expected = compared(scene, u->outcome.said[0]);
    bool same = o.code == u->outcome.code && strcmp(said, expected) == 0 && !tree_difference(&u->after, &now);
    char *bad = same ? NULL : judge_failure(scene, u, &o, &now, kind);
    faults[kind] += failed;
    unharmed[kind] += failed && same;
    told[kind] += failed && !same && !bad;
    if (bad) {
        complaints++;
        printf("normlab %s: call %ld (%s, %s%s): %s\n  exit %d\n  %s\n", scene->words, first, injection->name,
               strerror(error), last > first ? ", and all after it" : "", bad, o.code, o.said[1]);
    }
    free(bad);
    free(said);
    free(expected);
    tree_release(&now);
    outcome_release(&o);
    tree_restore(&u->before);
}

static void play(const struct lint_context *scene, const struct tree *stage, bool all)
{
    static const int errors[] = {EIO, EMFILE, EACCES, ENOSPC};
    struct undisturbed u = {.before = *stage};
    u.outcome = run_injected(scene->words, ALLOCATION, 0, 0, 0);
    u.after = tree_read();
    for (int kind = 0; kind < KINDS; kind++)
        u.calls[kind] = atomic_load(&injection->calls[kind]);
    printf("%s: exit %d, %ld allocations, %ld calls for files\n", scene->name, u.outcome.code, u.calls[ALLOCATION],
           u.calls[IO]);
    tree_restore(stage);
    for (enum kind kind = 0; kind < KINDS; kind++) {
        long stride = !all ? 1 + u.calls[kind] / SHORT_FORM : kind == ALLOCATION ? 1 + u.calls[kind] / LONG_FORM : 1;
        for (long n = 1; n <= u.calls[kind]; n += stride)
            try_fault(scene, &u, kind, kind == ALLOCATION ? ENOMEM : errors[n / stride % 4], n, n);
        for (long n = 1; kind == IO && all && n <= u.calls[kind]; n++) /* a disk that is gone */
            try_fault(scene, &u, kind, EIO, n, LONG_MAX);
    }
    fflush(stdout);
    tree_release(&u.after);
    outcome_release(&u.outcome);
}

static bool wanted(const struct lint_context *scene, int words, char **word)
{
    for (int i = 0; i < words; i++)
        if (strstr(scene->name, word[i]))
            return true;
    return words == 0;
}

static void *share(const char *path, size_t size)
{
    int file = open(path, O_RDWR | O_CREAT, 0600);
    void *shared = file >= 0 && ftruncate(file, (off_t)size) == 0
                       ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
                       : MAP_FAILED;
    if (shared == MAP_FAILED)
        die(path);
    close(file);
    return shared;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

int main(int argc, char **argv)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    puts("skipped: sanitizers have functions for memory of their own");
    return 77;
#endif
    const char *given = getenv("NORMLAB_PROGRAM"), *root = getenv("TMPDIR");
    program = realpath(given ? given : NORMLAB_PROGRAM, NULL);
    char *folder = nl_format("%s/normlab-faults-XXXXXX", root && *root ? root : "/tmp"), *home = NULL;
    if (!program || !mkdtemp(folder))
        die("cannot begin");
    injection_file = nl_path_join(folder, "injection");
    outputs[0] = nl_path_join(folder, "stdout");
    outputs[1] = nl_path_join(folder, "stderr");
    injection = share(injection_file, sizeof *injection);
    /* Pictures are not the matter here: a gnuplot that draws at once, and no other that it could be mistaken for. */
    home = nl_path_join(folder, "home");
    char *gnuplot = nl_path_join(folder, "gnuplot");
    make_file(gnuplot, "#!/bin/sh\necho '<svg></svg>'\n");
    setenv("PATH", folder, 1);
    setenv("NORMLAB_NO_WARNINGS", "1", 1);
    unsetenv("NORMLAB_DATA");
    if (chmod(gnuplot, 0755) != 0 || mkdir(home, 0777) != 0 || chdir(home) != 0)
        die(home);

    struct tree stage = make_stage();
    int played = 0;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        if (wanted(&scenes[i], argc - 1, argv + 1)) {
            play(&scenes[i], &stage, argc > 1 || is_long_form());
            played++;
            if (strcmp(scenes[i].name, "sweep") == 0 && lone_failures == 0) {
                complaints++;
                printf("no sweep went on past a trial for which there was no memory\n");
            }
        }
    tree_release(&stage);
    if (chdir("/") != 0 || nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        die(folder);
    printf("%d commands, %ld failing allocations (%ld told of, %ld did no harm), %ld failing calls for files (%ld told "
           "of, %ld did no harm), %d sweeps went on past a trial without memory, %d wrong\n",
           played, faults[ALLOCATION], told[ALLOCATION], unharmed[ALLOCATION], faults[IO], told[IO], unharmed[IO],
           lone_failures, complaints);
    return complaints || !played;
}

/* A disk that loses what was not synced: whatever a power cut leaves, the same command ends with the same tables. */
#include "disk.h"
#include "suite.h"

/* What a disk may hold when the current goes. Names are durable in their order, up to the last time that their folder
 * was synced at least; of a file's bytes only those are that were synced. */
enum loss {
    NOTHING /* a kill */,
    BYTES /* all names, and no byte that was not synced */,
    HALF_THE_BYTES,
    NAMES /* and bytes */,
    LOSSES
};

struct file {
    const char *live; /* its name while the program ran; NULL: it has none any more */
    const char *path; /* its name on the disk */
    struct nl_text bytes;
    size_t synced;
};

struct disk {
    struct file file[64];
    const char *folder[16];
    int files, folders;
};

static struct file *file_at(struct disk *disk, const char *live)
{
    for (int i = 0; i < disk->files; i++)
        if (disk->file[i].live && strcmp(disk->file[i].live, live) == 0)
            return &disk->file[i];
    return NULL;
}

/* On the disk, no file but this one has the name any more. */
static void take_name(struct disk *disk, const struct file *but, const char *path)
{
    for (int i = 0; i < disk->files; i++)
        if (&disk->file[i] != but && disk->file[i].path && strcmp(disk->file[i].path, path) == 0)
            disk->file[i].path = NULL;
}

static bool in_same_folder(const char *folder, const char *path)
{
    char *above = nl_path_folder(path);
    bool same = strcmp(folder, above) == 0;
    free(above);
    return same;
}

/* Whether the names in the folder of operation `at` were synced after it, and before `end`. */
static bool is_durable(int at, int end)
{
    for (int i = at + 1; i < end; i++)
        if (log_of[i].what == SYNC_ALL ||
            (log_of[i].what == SYNC_FOLDER && in_same_folder(log_of[i].path, log_of[at].path)))
            return true;
    return false;
}

/* The first `end` operations. */
static struct disk *replay(int end, enum loss loss)
{
    struct disk *disk = nl_alloc(1, sizeof *disk);
    for (int i = 0; i < end; i++) {
        const struct operation *o = &log_of[i];
        bool kept = loss != NAMES || is_durable(i, end); /* of a name */
        struct file *file = file_at(disk, o->path), *other = o->to ? file_at(disk, o->to) : NULL;
        ck_assert_msg(file || o->what == CREATE || o->what >= MAKE_FOLDER, "'%s' is not there", o->path);
        switch (o->what) {
        case CREATE:
            ck_assert_int_lt(disk->files, 64);
            disk->file[disk->files++] = (struct file){.live = o->path, .path = kept ? o->path : NULL};
            break;
        case WRITE: nl_text_add_bytes(&file->bytes, o->bytes, o->length); break;
        case SYNC: file->synced = file->bytes.length; break;
        case RENAME:
            if (other)
                other->live = NULL;
            file->live = o->to;
            if (kept) {
                take_name(disk, file, o->to);
                file->path = o->to;
            }
            break;
        case REMOVE:
            file->live = NULL;
            if (kept)
                file->path = NULL;
            break;
        case MAKE_FOLDER:
            ck_assert_int_lt(disk->folders, 16);
            if (kept)
                disk->folder[disk->folders++] = o->path;
            break;
        case SYNC_FOLDER: break;
        case SYNC_ALL:
            for (int f = 0; f < disk->files; f++)
                disk->file[f].synced = disk->file[f].bytes.length;
            break;
        }
    }
    return disk;
}

/* Puts that disk below root, and frees it. Returns how many trials are whole on it; *bad: how many are not. */
static int lay_out(struct disk *disk, const char *root, enum loss loss, int *bad)
{
    struct nl_error err;
    int whole = *bad = 0;
    ck_assert(nl_make_folders(root, &err) == NL_OK);
    for (int i = 0; i < disk->folders; i++) {
        char *path = nl_path_join(root, disk->folder[i]), *above = nl_path_folder(path);
        if (nl_folder_exists(above))
            mkdir(path, 0777);
        free(path), free(above);
    }
    for (int i = 0; i < disk->files; i++) {
        struct file *file = &disk->file[i];
        size_t length = file->bytes.length, kept = loss == NOTHING          ? length
                                                   : loss == HALF_THE_BYTES ? (length + file->synced) / 2
                                                                            : file->synced;
        char *path = file->path ? nl_path_join(root, file->path) : NULL, *above = path ? nl_path_folder(path) : NULL;
        if (path && nl_folder_exists(above)) {
            FILE *out = fopen(path, "w");
            ck_assert(out && fwrite(file->bytes.at ? file->bytes.at : "", 1, kept, out) == kept && fclose(out) == 0);
            if (is_trial(path))
                kept == length ? whole++ : ++*bad;
        }
        free(path), free(above);
        nl_text_release(&file->bytes);
    }
    free(disk);
    return whole;
}

/* Trials that the program had said are on the disk: their folder was synced after them. */
static int promised(int end)
{
    int count = 0;
    for (int i = 0; i < end; i++) {
        const char *to = log_of[i].to ? log_of[i].to : "";
        bool counted = !is_trial(to) || !is_durable(i, end);
        for (int before = 0; before < i && !counted; before++) /* it was run again */
            counted = log_of[before].to && strcmp(log_of[before].to, to) == 0 && is_durable(before, end);
        count += !counted;
    }
    return count;
}

/* ---- what is cut short: a sweep, one that brings its trials to the disk in groups, one that runs all again, a merge
 * of two shards ---- */

static void sweep_in_groups(struct setting *s)
{
    int syncs = 0;
    in_groups = true;
    sweep(s);
    in_groups = false;
    for (int i = 0; i < logged; i++)
        syncs += log_of[i].what == SYNC_ALL;
    ck_assert_int_ge(syncs, 3);
}

static void sweep_again(struct setting *s)
{
    s->choice.retry = 1u << NL_DONE;
    sweep(s);
    s->choice.retry = 0;
}

static char *shard[2];

static void make_shards(struct setting *s)
{
    char *folder = scratch_make(), *out = s->out;
    for (int i = 0; i < 2; i++) {
        s->out = shard[i] = nl_format("%s/%d", folder, i + 1);
        s->choice = (struct nl_choice){.shard = i + 1, .shards = 2};
        sweep(s);
    }
    s->choice = (struct nl_choice){0};
    s->out = out;
    free(folder);
}

static void merge(struct setting *s)
{
    struct nl_merge merge;
    struct nl_error err;
    nl_text_release(&s->notes);
    ck_assert_msg(nl_merge((const char *const *)shard, 2, s->out, "test", &merge, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(merge.absent, 0);
    nl_text_add(&s->notes, "%s", merge.warnings.at ? merge.warnings.at : "");
    nl_merge_release(&merge);
}

static const struct work {
    void (*before)(struct setting *s); /* NULL: nothing */
    bool watched;                      /* what is done before is on the disk that is cut short, too */
    void (*work)(struct setting *s), (*again)(struct setting *s);
    const char *tells; /* of a trial that is not whole */
} works[] = {{NULL, false, sweep, sweep, "it is set aside as"},
             {NULL, false, sweep_in_groups, sweep, "it is set aside as"},
             {sweep, true, sweep_again, sweep, "it is set aside as"},
             {make_shards, false, merge, merge, "cannot use"}};

/* After any prefix of what was written, whatever of it the disk has lost, the same command ends with the same tables,
 * keeps every trial that was promised, and says what it found. */
START_TEST(a_power_cut_loses_nothing_that_was_promised)
{
    static const char *const tables[] = {"trials.csv", "curves.csv", "summary.csv"};
    struct setting s = set_up();
    char *expected[3], *out = s.out;
    const struct work *work = &works[_i];
    forget_log();
    named = synced = 0;
    watched = work->watched ? s.folder : NULL;
    if (work->before)
        work->before(&s);
    int begun = logged;
    watched = s.folder;
    work->work(&s);
    watched = NULL;
    for (int i = 0; i < 3; i++) {
        char *path = nl_path_join(out, tables[i]);
        expected[i] = content(path);
        free(path);
    }
    ck_assert_int_gt(logged - begun, 40);
    ck_assert_int_eq(promised(logged), 4);
    const int stride = is_long_form() ? 1 : 4;
    for (int end = logged; end >= begun; end -= stride)
        for (enum loss loss = NOTHING; loss < LOSSES; loss++) {
            char *root = scratch_make();
            int bad, whole = lay_out(replay(end, loss), root, loss, &bad), before, said = 0;
            ck_assert_msg(whole >= promised(end), "%d of %d operations, loss %d: %d trials are whole, %d were promised",
                          end, logged, (int)loss, whole, promised(end));
            s.out = nl_path_join(root, "out");
            for (int i = 0; i < 3; i++) { /* sums never are there before the tables that they are of */
                char *path = nl_path_join(s.out, tables[i]);
                struct nl_csv csv;
                int status = nl_csv_read(path, &csv, NULL);
                ck_assert_msg(status != NL_BAD, "%d of %d operations, loss %d: '%s' does not match its checksum", end,
                              logged, (int)loss, tables[i]);
                if (status == NL_OK)
                    nl_csv_release(&csv);
                free(path);
            }
            work->again(&s);
            if (sscanf(s.notes.at, "%d of", &before) == 1)
                ck_assert_msg(before == whole, "%d of %d operations, loss %d: %s", end, logged, (int)loss, s.notes.at);
            for (const char *at = s.notes.at; (at = strstr(at, work->tells)); at++)
                said++;
            ck_assert_int_eq(said, bad);
            for (int i = 0; i < 3; i++) {
                char *path = nl_path_join(s.out, tables[i]), *found = content(path);
                ck_assert_msg(strcmp(found, expected[i]) == 0, "%d of %d operations, loss %d: '%s' is another", end,
                              logged, (int)loss, tables[i]);
                free(path), free(found);
            }
            free(s.out);
            scratch_remove(root);
        }
    printf("%d operations, %d disks\n", logged - begun, ((logged - begun) / stride + 1) * LOSSES);
    fflush(stdout);
    for (int i = 0; i < 3; i++)
        free(expected[i]);
    if (shard[0])
        scratch_remove(nl_path_folder(shard[0]));
    s.out = out;
    tear_down(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("power cut");
    TCase *tests = tcase_create("power cut");
    tcase_add_loop_test(tests, a_power_cut_loses_nothing_that_was_promised, 0, sizeof works / sizeof *works);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

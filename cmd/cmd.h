/* The program: one table of commands, one file a command. What they share: exit codes, messages, arguments.
 *
 * Data goes to stdout, everything else to stderr. Core returns errors; here they are printed and become exit
 * codes. */
#ifndef NL_CMD_CMD_H
#define NL_CMD_CMD_H

#include <getopt.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "ended.h"
#include "stats/results.h"
#include "sweep/partial.h"
#include "sweep/rounds.h"
#include "sweep/sweep.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,       /* the machine or a run failed: memory, disk, gnuplot, a trial that could not be run */
    EXIT_BAD_INPUT = 2,    /* the command line, a configuration or data files are wrong: nothing was started */
    EXIT_TIME_IS_UP = 3,   /* sweep --max-time: some trials are left */
    EXIT_INTERRUPTED = 130 /* by Ctrl-C, SIGTERM or SIGHUP; what had finished is kept */
};

struct command {
    const char *name;
    const char *summary; /* a line of `normlab help` */
    const char *usage;   /* all of `normlab COMMAND --help` */
    int (*run)(const struct command *self, int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct command command_run, command_sweep, command_signal, command_submit, command_plot, command_check,
    command_show, command_keys, command_data, command_norm, command_norms, command_init, command_schema, command_info,
    command_table, command_diff, command_eval, command_sample, command_claims, command_ls, command_import,
    command_merge, command_verify, command_clean, command_power, command_confirm, command_report, command_appendix,
    command_fold, command_bench;

/* In the order of a day's work; the last one has no title. */
enum { MOST_COMMANDS = 10 };
extern const struct command_group {
    const char *title;
    const struct command *command[MOST_COMMANDS + 1]; /* ends with NULL */
} command_groups[];
extern const struct command command_manual, command_complete; /* for the installation and the shells: in no group */
const struct command *find_command(const char *name); /* NULL: there is none */

extern const char override_help[], exit_codes[]; /* paragraphs of `normlab help` */

extern const char *command_line; /* as typed, quoted for a shell */
extern const char *program_name; /* its first word */
char *quote_words(int count, const char *const *word); /* as a shell would take them again; new string */

/* As fprintf, of text that a terminal must not obey, whoever wrote it: names of files, what stands in them, arguments
 * (nl_text_add_shown). */
void tell(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void vtell(FILE *out, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* ---- messages: "normlab: ..." on stderr; each returns its exit code ---- */

/* A loss as tables show it, "2.303"; one that is no number in words. */
const char *loss_text(double loss, char out[32]);
double printable(double value); /* for printf, which would show the sign of zero, and of NaN */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int bad_input(const char *hint, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* hint: NULL, or a second line */
/* A second line points to the command's help. */
int misused(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What was stopped, and under it the command line that goes on; returns code. */
int stopped(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "unknown WHAT 'word'", with the nearest of words (ends with NULL) or else all of them as the hint. */
int unknown_word(const char *what, const char *word, const char *const *words);

/* ---- how much is said, in which colours: options that all commands share ---- */

struct output {
    bool quiet, verbose, no_warnings;
    int colour; /* enum colour */
};
enum colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };
extern struct output output;

/* Whether to colour what goes to this stream: as --color says, else on a terminal unless NO_COLOR is set. */
bool coloured(FILE *stream);

/* What `normlab COMMAND --help` prints: its usage, and the common options, which read like one (usage.h). */
extern const char common_options[];
void print_usage(const struct command *command);

/* ---- arguments ---- */

enum { OPTION_END = -1, OPTION_BAD = '?' };

/* getopt_long with messages that name the nearest option. OPTION_BAD: the message was printed. Options that all
 * commands share
 * (-q, -v, --color, --no-warnings) are taken here into `output`; -h and --help print the command's usage and exit.
 * letters as for getopt, options ended by a zero row; both without the shared ones. */
int next_option(const struct command *command, int argc, char **argv, const char *letters,
                const struct option *options);

/* Whether a word is KEY=VALUE. What has a '/' before the '=' is a path: results/lr=0.1 */
bool is_override(const char *word);

/* What is no option: a file, and overrides. */
struct arguments {
    const char *file; /* NULL: none */
    const char **override;
    int overrides;
};

/* Sorts argv[optind..]; false: there is a second file (the message was printed). what: what the file is, for
 * messages. */
bool sort_arguments(const struct command *command, const char *what, int argc, char **argv, struct arguments *out);

enum { MOST_JOBS = 1024 }; /* -j */

/* --device KIND[:INDEX] as overrides of device.kind and device.index: where the option stood in argv is room for them.
 * NULL: none. */
void add_device(struct arguments *arguments, const char *device);

/* Whether a file can be written there; says what is wrong with the place. For what is written at the end: nobody trains
 * for an hour to learn that there is no such folder. path may be NULL. */
bool can_be_written(const char *path);

/* A file that a command reads or writes. */
struct used_file {
    const char *what; /* for messages: the option, or what the file is */
    const char *path; /* NULL: none */
    bool written;
};

/* Whether no file is written that is another one of these; false: the message was printed (apart.c). */
bool are_apart(const struct used_file *place, int count);

/* Whether a file or folder that is to be made lies in no trials/ of a results folder; false: the message was printed
 * (apart.c). */
bool is_outside_trials(const char *what, const char *path);

/* Whether a file that is written is none of a standard data set, and none of a trial; false: the message was printed
 * (apart.c). */
bool is_free(const struct nl_config *config, const struct used_file *file);

/* Whether the folder is there and can be written in, or could be made; nothing is touched. false: the message was
 * printed. */
bool can_be_made(const char *folder);

/* Makes the folder, with those above it; false: files cannot be written there (the message was printed). */
bool make_writable(const char *folder);

/* An integer option's value, within bounds; false: the message was printed. */
bool read_count(const char *option, const char *text, int low, int high, int *out);

/* "90", "45s", "30m", "1h30m": seconds; false: the message was printed. */
bool read_duration(const char *option, const char *text, double *seconds);

/* The value of --checkpoint-every: a duration, or "5epochs", the other is left alone; false: the message was
 * printed. */
bool read_checkpoint_every(const char *text, double *seconds, int64_t *epochs);

/* One of names (ends with NULL), as its index; what: for messages ("format"). false: the message was printed. */
bool read_word(const char *what, const char *text, const char *const *names, int *index);

/* Words separated by commas, each one of names (ends with NULL), as bits in the order of names; what: for messages
 * ("format"). false: the message was printed. */
bool read_words(const char *what, const char *text, const char *const *names, unsigned *bits);

/* ---- experiments ---- */

/* The name nearest to path's in its folder, among those that fit, as path with it at its end; new string, NULL: none is
 * near. */
char *nearest_beside(const char *path, bool (*fits)(const char *path));
bool is_yaml(const char *path); /* by its ending */

/* Loads file (NULL: defaults) and overrides; false: the problems were printed. */
bool load_experiment(const char *file, const char *const *override, int overrides, struct nl_experiment *out);

/* Prints the problems, if there are any, and says whether there were. */
bool print_diagnostics(struct nl_diagnostics *diagnostics);

/* An experiment, unfolded and checked. */
struct plan {
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_datasets datasets; /* filled by identify_plan */
};
bool plan_of(const struct nl_experiment *experiment, struct plan *out); /* false: the problems were printed */
bool warns(void); /* whether warnings are wanted: by options and environment */
void print_notes(const struct plan *plan); /* what the grid leaves out, and the traps that it is in (sweep/lint.h) */
bool identify_plan(struct plan *plan); /* opens the data; false: the message was printed */
void release_plan(struct plan *plan);

/* What differs between the trials: "norm.kind (4), train.batch (6), 8 seeds", each axis with its number of values; new
 * string. */
char *what_varies(const struct nl_experiment *experiment);

/* results/<name of the experiment>, or the folder that was given; new string. */
char *results_folder(const char *given, const struct nl_experiment *experiment);

/* The first of results/NAME, results/NAME-2, ... that is not there yet or shows this experiment, whose trials are
 * identified; it is told if it is not results/NAME. New string. */
char *own_folder(const struct plan *plan);

/* What a shell makes the folders of all shards of: results/small_batch-[1-9]*of3/tuning, where round is "/tuning"; new
 * string. */
char *shards_pattern(const char *whole, int shards, const char *round);

/* Why the folder is not given to the experiment: text, what differs, and how to go on; returns its exit code. */
int refuse_folder(const char *folder, const struct nl_experiment *experiment, const struct nl_hidden *hidden,
                  const char *text);

/* "0:07", "12:30", "1:02:03" */
char *time_text(double seconds, char out[32]);
char *seconds_text(double seconds); /* of a time that is not known exactly: "0.02 s", "12:30"; new string */

extern const double forecast_budget; /* seconds that a command measures steps for */

/* A sweep for one purpose (sweep.c): what is said before the user's own overrides, and may be said otherwise there. */
struct sweep_presets {
    const char *const *override;
    int count;
    const char *ending; /* of the name of the results folder; NULL: none */
    int seeds;          /* where neither file nor command names any; 0: 1 */
    bool one_round;     /* sweep.tune and its kin are left out */
};
int run_sweep(const struct command *self, int argc, char **argv, const struct sweep_presets *presets);

/* What a sweep would do, on stdout (dry_run.c); here and below, an exit code. */
int check_showing(const struct plan *plan, const char *folder,
                  bool replace); /* what a sweep would say of it, and be refused for */
/* beside: as in struct nl_sweep_options (sweep/sweep.h) */
int dry_run(const struct plan *plan, const char *folder, const char *beside, const struct nl_choice *choice,
            bool replace, int workers, int cohort);

/* "integer, 1 to 64; default 8": what a key may be (keys.c); new string. */
char *key_range(const struct nl_key *key);

/* ---- what came with the program (share.c) ---- */

char *
share_folder(void); /* that holds experiments/ and configs/; NULL: it cannot be found, errno says why. New string */
/* Word as a path if there is such a file, else that of the experiment or configuration named so (without its ending),
 * else word. New string. */
char *find_configuration(const char *word);
void each_shipped(void (*visit)(void *context, const char *name), void *context);
/* Word as a path, or else that of the claim file named so, be it there or not. New string. */
char *find_claim(const char *word);
void each_claim(void (*visit)(void *context, const char *name), void *context);

/* ---- tables (page.c) ---- */

/* Columns as wide as their widest field; numbers stand to the right. A row may end early, with NULL; its last field
 * counts in no width. */
struct page {
    int columns, rows, capacity;
    const bool *left; /* [columns] */
    char ***field;    /* [rows][columns] */
};
void add_row(struct page *page, char **field);       /* takes the fields over */
void print_page(const struct page *page, int most); /* on stdout; lines are cut to so many characters, 0: not */
void release_page(struct page *page);

/* ---- results to look at (results.c) ---- */

bool holds_results(const char *folder); /* false: the message was printed */

/* The folder with trials.csv, curves.csv and timing.csv of the results in `folder`: itself, or, while a sweep is not at
 * its end, one with those of the trials that are. NULL: the message was printed. Kept. */
const char *results_tables(const char *folder);
/* planned as nl_results_load; false: the message was printed. */
bool load_results(const char *tables, const struct nl_experiment *experiment, const struct nl_planned *planned,
                  struct nl_results *out);

extern const char tables_anew[]; /* the hint where a table is bad */

struct results_folder {
    struct nl_experiment experiment;
    const char *tables;        /* results_tables */
    struct nl_grid grid;       /* what the experiment asks for */
    struct nl_planned planned; /* of grid */
};

/* The results folder arguments->file, with overrides of plot.*, sweep.baseline and sweep.question alone; false: the
 * message was printed. Release in both cases. */
void release_results(struct results_folder *from);
bool open_results(const struct command *command, const struct arguments *arguments, struct results_folder *out);

/* Writes the tables of a sweep that is not at its end to a new folder under TMPDIR, which is gone when the program ends
 * (temporary.c). NULL: the message was printed. Kept. */
const char *write_temporary_tables(const struct nl_partial *partial);

/* ---- progress (progress.c) ---- */

/* On a terminal one redrawn line, with those of `below` under it, else a plain line every ten seconds. --quiet: nothing
 * but warnings. */
struct progress_line {
    bool ended;  /* the last plain line is out */
    bool terminal;
    int drawn;   /* lines on the terminal */
    double last; /* seconds at the last plain line */
    int failure; /* number of the first trial that did not end in "done"; -1: none yet */
    const char *below; /* lines that the terminal has room for, each ended by a newline; NULL: none */
};
void begin_progress(struct progress_line *line);
void show_progress(void *line, const struct nl_progress *progress);
void show_note(void *line, bool warning, const char *text);
void show_finished(void *line, const struct nl_grid *grid, int trial,
                   const struct nl_record *record); /* a line with --verbose */
void end_progress(struct progress_line *line);
/* "12/60 done, 2 running, 3 failed  0:34, about 1:20 left"; new string. */
char *progress_text(const struct nl_progress *progress);

/* ---- the methods of a sweep that runs, below its progress on a terminal (standing.c) ---- */

struct standing {
    const char *folder; /* of the round */
    const struct plan *plan;
    struct ended ended;
    struct nl_text lines; /* as nl_standing_add has them (plot/standing.h) */
    bool stale;           /* a trial has ended since */
    int columns;          /* of the terminal, for which they were made */
    double due;           /* when they may be made anew, of nl_seconds */
};
void begin_standing(struct standing *standing, const char *folder, const struct plan *plan);
void standing_finished(struct standing *standing, const struct progress_line *line, int trial,
                       const struct nl_record *record);
/* Puts what there is to say below the line. */
void standing_progress(struct standing *standing, struct progress_line *line, const struct nl_progress *progress);
void end_standing(struct standing *standing);

/* ---- the page of a sweep that runs (live.c) ---- */

struct live {
    const char *path; /* of the page; NULL: none is wanted, and the functions below do nothing */
    const char *folder; /* of the results of the whole sweep, whose name is the title */
    bool rounds;      /* the sweep has several */
    const struct nl_round *round;
    const struct plan *plan;  /* of the round */
    struct ended ended;       /* trials of it */
    double due;               /* when the next page is written, of nl_seconds */
    bool complained;          /* a page could not be written, which is said once */
    bool ran;                 /* the folder of the round has tables of this call */
    char *before;             /* the answer of the grid, while the round with the same values for all follows it */
    char *state;              /* where the sweep stands after its round */
};

/* Whether a page can be written there; false: the message was printed. */
bool live_path_is_good(const char *path);
void live_begin_round(struct live *live, const struct nl_round *round, const struct plan *plan);
/* As the runner reports them; the page is written where it is due. */
void live_finished(struct live *live, int trial, const struct nl_record *record);
void live_progress(struct live *live, struct progress_line *line, const struct nl_progress *progress);
/* failure: what nl_sweep said; NULL: it did not fail. The records of the result are not needed any more. */
void live_end_round(struct live *live, struct progress_line *line, const struct nl_sweep_result *result,
                    const char *failure);
void live_pass(struct live *live); /* the round that ended is complete, and another follows */
void live_end(struct live *live);  /* the last page, with the answer; once more it does nothing */

/* ---- interruption (interrupt.c) ---- */

extern atomic_int interrupted;
void catch_interrupts(
    void); /* the first SIGINT, SIGTERM or SIGHUP (unless ignored) sets interrupted, a second SIGINT or SIGTERM exits */

/* ---- results ---- */

/* Messages of the trials that could not be run; returns their number. */
int print_errors(const struct nl_grid *grid, const struct nl_sweep_result *result);

/* The answer in words and a table, on stdout (table.c). */
struct report {
    int format, kind;
    const char *across; /* of a grid: the key of its columns; NULL: the usual one */
    unsigned fail_if;
    bool warns; /* on stderr, where a cell has one seed */
};
bool read_report_format(const char *text, struct report *out); /* here and below, false: the message was printed */
bool read_fail_if(const char *text, struct report *out);
bool report_is_text(const struct report *report);
/* name: of the results folder, for labels; tables: the folder with its tables. An exit code: EXIT_FAILED where
 * --fail-if says so. */
int print_report(const struct report *report, const char *name, const char *tables,
                 const struct nl_experiment *experiment, const struct nl_planned *planned);

int terminal_width(FILE *stream); /* in characters; 0: no terminal */
int terminal_height(FILE *stream); /* in lines; 0: no terminal */

/* On stdout, broken to the terminal's width, its first line bold. */
void print_answer(const char *text);

#endif

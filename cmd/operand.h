/* What a word on the command line names where results may stand for a configuration: a file, the folder of results, or
 * a trial of them. */
#ifndef NL_CMD_OPERAND_H
#define NL_CMD_OPERAND_H

#include "cmd.h"

struct operand {
    const char *word;   /* as typed */
    char *file;         /* the YAML behind it */
    char *folder;       /* NULL: no results */
    const char *tables; /* where results are read: the folder, or that of a sweep's tables so far */
    bool has_results;
    int row;            /* of trials.csv, where the operand is a trial; else -1 */
    struct nl_experiment experiment;
    struct nl_results results;
};

/* False: the message was printed. Close it either way. */
bool open_operand(const char *word, struct operand *out);
void close_operand(struct operand *operand);

/* The experiment of arguments->file with its overrides: a file, or trial N of results (FOLDER:N), which takes no
 * overrides. The name of a trial is that of its folder and its number, small_batch-17. False: the message was
 * printed. */
bool load_file_or_trial(const struct arguments *arguments, struct nl_experiment *out);

/* The line of trials.csv that the operand is; of a sweep that is not at its end, the word. */
struct nl_origin operand_origin(const struct operand *operand);

#endif

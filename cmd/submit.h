/* What `normlab submit` knows: what was asked for, what of it is left to do, and the script that has Slurm do it. */
#ifndef NL_CMD_SUBMIT_H
#define NL_CMD_SUBMIT_H

#include "cmd.h"
#include "sweep/rounds.h"
#include "sweep/times.h"

struct request {
    const char *out;              /* NULL: results/NAME */
    const char *time, *checkpoint; /* as typed */
    int tasks, gpus;
    int minutes;                  /* time, rounded up */
    bool script_only;
    struct arguments arguments;   /* as typed: of --gpus they say nothing */
    const char *const *sbatch;    /* what followed "--" */
    int sbatch_words;
};

/* What is left of the round that the sweep has come to. */
struct left {
    struct nl_round round;
    struct plan plan;
    char *whole;      /* the folder where the rounds of all shards come together */
    bool *shard;      /* [request->tasks + 1]: is to be run, from 1 */
    int trials;       /* that no folder has */
    int apart;        /* that a shard has, and the whole does not */
    struct nl_times finished; /* what trials took, also those of the rounds before */
    char *forecast;   /* the file of sweep --forecast; NULL: nobody knows how long a trial takes */
};

/* Seconds that a task may train before its time limit is near. */
int turn_seconds(const struct request *request);

/* The script, for bash; new string. rounds: other rounds may follow. */
char *submit_script(const struct request *request, const struct left *left, bool rounds);

/* Finds out how long the trials todo[left->trials] take, deals them out, and says how long a task takes, and whether
 * --time is enough. Fills left->forecast, and left->shard where a shard has one of them. false: the message was
 * printed. */
bool submit_forecast(const struct request *request, struct left *left, const int *todo);

#endif

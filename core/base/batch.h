/* What a batch system gave to this process, as its environment says: not every one of them has control groups hold its
 * tasks to it. Slurm's words are those of sbatch(1) and srun(1). */
#ifndef NL_BASE_BATCH_H
#define NL_BASE_BATCH_H

struct nl_batch_limit {
    double value;     /* INFINITY: none */
    const char *from; /* the variable that says so; NULL: none */
};

struct nl_batch_limits {
    struct nl_batch_limit cores;  /* processors */
    struct nl_batch_limit memory; /* bytes, for all of the job on this machine */
};

/* What is missing, or no number above 0, limits nothing. */
struct nl_batch_limits nl_batch_limits_read(void);

#endif

/* Reads what Slurm gave to the process from its environment variables. */
#include "base/batch.h"

#include <math.h>
#include <stdlib.h>

static const double MEBIBYTE = 1 << 20;

/* INFINITY: it is not set, or no number above 0 (of memory, 0 is all of the machine's). */
static double number_of(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;
    long value = text ? strtol(text, &end, 10) : 0;
    return value > 0 && !*end ? (double)value : INFINITY;
}

static void lower(struct nl_batch_limit *limit, double value, const char *from)
{
    if (value < limit->value)
        *limit = (struct nl_batch_limit){value, from};
}

struct nl_batch_limits nl_batch_limits_read(void)
{
    struct nl_batch_limits found = {{INFINITY, NULL}, {INFINITY, NULL}};
    if (!getenv("SLURM_JOB_ID"))
        return found;
    lower(&found.cores, number_of("SLURM_CPUS_ON_NODE"), "SLURM_CPUS_ON_NODE");
    lower(&found.cores, number_of("SLURM_CPUS_PER_TASK"), "SLURM_CPUS_PER_TASK");
    lower(&found.memory, number_of("SLURM_MEM_PER_NODE") * MEBIBYTE, "SLURM_MEM_PER_NODE");
    lower(&found.memory, number_of("SLURM_MEM_PER_CPU") * MEBIBYTE * number_of("SLURM_CPUS_ON_NODE"),
          "SLURM_MEM_PER_CPU");
    return found;
}

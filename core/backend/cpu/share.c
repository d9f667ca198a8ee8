/* Samples of an operation, shared by a team. */
#include "backend/cpu/cpu.h"
#include "base/team.h"

struct operation {
    const struct nl_run *run;
    const void *op;
    nl_cpu_samples *body;
};

static void on_samples(void *context, size_t first, size_t end, int thread)
{
    const struct operation *operation = context;
    struct nl_run run = *operation->run;
    (void)thread;
    run.samples = (int)(end - first);
    operation->body(&run, operation->op, first);
}

void nl_cpu_share_samples(const struct nl_run *run, const void *op, size_t bytes, nl_cpu_samples *body)
{
    nl_parallel_for((size_t)run->samples, nl_cpu_grain_of_bytes((double)bytes), on_samples,
                    &(struct operation){run, op, body});
}

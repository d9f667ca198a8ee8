/* One replica of a cohort: what a kernel of the host is called with (operation/kernel.h). */
#ifndef NL_BACKEND_REPLICA_H
#define NL_BACKEND_REPLICA_H

#include "backend/backend.h"
#include "operation/gather.h"
#include "operation/mean_gradient.h"

/* A place in the state of a replica that begins so many bytes after the first's; NULL stays NULL. */
static inline void *nl_in_replica(const void *place, size_t bytes)
{
    return place ? (char *)(uintptr_t)place + bytes : NULL;
}

/* How many calls of a kernel it takes to compute all replicas of the run: on the host one for each. */
static inline int nl_calls_of(const struct nl_backend *backend, const struct nl_run *run)
{
    return nl_is_on_host(backend) ? run->replicas : 1;
}

/* The run of replica r alone. */
static inline struct nl_run nl_run_of(const struct nl_run *run, int r)
{
    struct nl_run one = *run;
    one.replicas = 1;
    one.sums = nl_in_replica(run->sums, (size_t)r * run->stride);
    return one;
}

/* The operands in the state of a replica that begins so many bytes after the first's. */
static inline struct nl_operands nl_operands_in_replica(const struct nl_operands *at, size_t bytes)
{
    struct nl_operands moved = *at;
    for (size_t i = 0; i < offsetof(struct nl_operands, update); i += sizeof(void *)) {
        void *place;
        memcpy(&place, (char *)&moved + i, sizeof place);
        place = nl_in_replica(place, bytes);
        memcpy((char *)&moved + i, &place, sizeof place);
    }
    return moved;
}

/* The batch of a replica whose state begins so many bytes after the first's. */
static inline struct nl_gather nl_gather_in_replica(const struct nl_gather *gather, size_t bytes)
{
    struct nl_gather of = *gather;
    of.standardized = nl_in_replica(of.standardized, bytes);
    of.table = nl_in_replica(of.table, bytes);
    of.mean = nl_in_replica(of.mean, bytes), of.scale = nl_in_replica(of.scale, bytes);
    of.index = nl_in_replica(of.index, bytes), of.next = nl_in_replica(of.next, bytes);
    of.seed = nl_in_replica(of.seed, bytes);
    of.x = nl_in_replica(of.x, bytes);
    for (int i = 0; i < of.rows; i++) {
        of.row[i].of = nl_in_replica(of.row[i].of, of.row[i].shared ? 0 : bytes);
        of.row[i].to = nl_in_replica(of.row[i].to, bytes);
    }
    return of;
}

/* The mean of a replica whose state begins so many bytes after the first's. */
static inline struct nl_mean_gradient nl_mean_gradient_in_replica(const struct nl_mean_gradient *op, size_t bytes)
{
    return (struct nl_mean_gradient){op->count, nl_in_replica(op->grad, bytes), nl_in_replica(op->mean, bytes),
                                     nl_in_replica(op->counted, bytes)};
}

/* The step of a replica whose state begins so many bytes after the first's. */
static inline struct nl_update nl_update_in_replica(const struct nl_update *update, size_t bytes)
{
    struct nl_update of = *update;
    of.tensor = nl_in_replica(of.tensor, bytes);
    of.w = nl_in_replica(of.w, bytes), of.grad = nl_in_replica(of.grad, bytes);
    of.first = nl_in_replica(of.first, bytes), of.second = nl_in_replica(of.second, bytes);
    of.hyper = nl_in_replica(of.hyper, bytes);
    return of;
}

#endif

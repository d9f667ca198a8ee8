/* What a finished trial has seen of its tensors (log.tensors). */
#ifndef NL_SWEEP_METRICS_H
#define NL_SWEEP_METRICS_H

#include "base/memory.h"
#include "config/config.h"
#include "graph/observers.h"
#include "train/train.h"

/* What was measured of a tensor: a row for each step that was observed, of the step and a field for each quantity
 * (graph/quantities.def), empty where the tensor has none. Earlier versions of normlab knew the first quantities alone,
 * and their rows are shorter. */
struct nl_measured {
    char *tensor; /* its name: "grad:fc1.weight" */
    int64_t rows;
    char *text; /* the rows, each ended by a newline */
};

/* Sorted by name, so that it does not matter when each was measured. */
struct nl_metrics {
    int count, room;
    struct nl_measured *at;
};

struct nl_metrics nl_metrics_of(const struct nl_trial_result *result);
void nl_metrics_release(struct nl_metrics *metrics);

const struct nl_measured *nl_metrics_get(const struct nl_metrics *metrics,
                                         const char *tensor); /* NULL: it was not measured */

/* Whether both say the same of the tensors that both have. */
bool nl_metrics_agree(const struct nl_metrics *a, const struct nl_metrics *b);

/* Adds copies of what only `from` has. */
void nl_metrics_join(struct nl_metrics *metrics, const struct nl_metrics *from);

/* Adds rows of metrics.csv, each with `start` before it: step, tensor, quantity, value; of the tensors that are to be
 * observed, in their order. */
void nl_metrics_add_rows(const struct nl_metrics *metrics, const struct nl_observers *wanted,
                         const struct nl_text *start, struct nl_text *out);

/* As a record's file has them: "tensor NAME ROWS" lines, and rows, one tensor's after the other's. */
void nl_metrics_add_heads(const struct nl_metrics *metrics, struct nl_text *out);
void nl_metrics_add_texts(const struct nl_metrics *metrics, struct nl_text *out);
/* One such line without "tensor ", which is changed. False: it is none. */
bool nl_metrics_take_head(struct nl_metrics *metrics, char *line);
/* Text that is exactly the rows that the lines promised. False: it is not. */
bool nl_metrics_take_texts(struct nl_metrics *metrics, const char *text);

#endif

/* Networks of operations that normlab has not (operations.h), and programs of them that run without a plan. */
#ifndef TESTS_NETWORKS_H
#define TESTS_NETWORKS_H

#include "graph/program.h"

enum { STEPS = 5, WIDTH = 4, CLASSES = 4, MOST_REPLICAS = 3 };

struct network {
    const char *name;
    void (*build)(struct nl_graph *graph);
    int samples;
    int part;       /* samples of micro-batches; 0: it is not cut */
    bool evaluates; /* there is no backward pass */
};

/* The wide ones come last: they have too many parameters for differences. */
enum { NETWORKS = 30, WIDE = 2, SMALL = NETWORKS - WIDE };
extern const struct network networks[NETWORKS];

/* How many classes its logits are of. */
int network_classes(const struct nl_graph *graph);

/* A causal language model of one block. */
struct language {
    int vocabulary, width, heads, hidden, positions, samples, lengths; /* lengths: whether they differ */
};
void network_language(struct nl_graph *graph, const struct language *l);

/* An LSTM over STEPS positions of 3 numbers, with a normalizer on the sum of the gates, and a head on its last states
 * and on what it put out at position 2. */
struct lstm {
    const struct nl_norm *norm;
    int statistics; /* nl_new_node */
    bool dropout, reverse;
    bool unrolled; /* node by node, without a loop */
};
void network_lstm(struct nl_graph *graph, const struct lstm *lstm);

/* A recurrent network over ids, whose embedding stands in the loop or in front of it. */
void network_ids(struct nl_graph *graph, bool inside);

/* A program, bound to places of its own. */
enum { MOST_STATES = 128 };
struct running {
    const struct nl_backend *backend;
    struct nl_graph graph;
    struct nl_program program;
    int replicas, samples;
    size_t stride;
    char *memory;
    struct nl_addresses places;
    void *state[MOST_STATES], *input[NL_MOST_INPUTS];
    struct nl_loss_sums *sums;
};

/* Places for everything; parameters and inputs are drawn, another set for each replica. Of the network, or of
 * run->graph, which is there. */
void running_start(struct running *run, const struct nl_backend *backend, const struct network *network, int replicas);
void running_start_graph(struct running *run, const struct nl_backend *backend, int samples, int replicas);
void running_stop(struct running *run);

/* Forward, and back if wanted, with those statistics. */
void running_call(const struct running *run, enum nl_statistics statistics, bool back);
void running_step(const struct running *run, bool back);

void running_put(const struct running *run, const void *place, int replica, const double *values, size_t count);
double *running_get(const struct running *run, const void *place, int replica, size_t count);

/* The mean loss of the last step. */
double running_loss(const struct running *run, int replica);

/* A training of two replicas on DATA drawn samples, with momentum and dropout. more: further settings, NULL at the end;
 * or NULL. */
enum { DATA = 96 };
struct training;
void network_train(struct training *t, const struct network *network, const struct nl_backend *backend,
                   const char *const *more);

/* A uniform number in (-1, 1). */
double drawn(const char *name, int replica, size_t at);

#endif

/* Loops over the positions of sequences, of which recurrent networks are made. An LSTM over a sequence x (N, T, C):
 *
 *     nl_loop_begin(graph, T, false);
 *     xt = nl_loop_take(graph, x, "rnn.x", err);          x at each time
 *     h  = nl_loop_carry(graph, h0, "rnn.h", err);        the state before that time
 *     c  = nl_loop_carry(graph, c0, "rnn.c", err);
 *     ...                                                 nodes of the body: of xt, h and c they make h1 and c1
 *     nl_loop_pass(graph, h, h1, err);                    the state after it
 *     nl_loop_pass(graph, c, c1, err);
 *     nl_loop_end(graph, err);
 *     y  = nl_loop_collect(graph, h1, "rnn.y", err);      (N, T, H)
 *     hT = nl_loop_last(graph, h, "rnn.last", err);       (N, H)
 *
 * A node of the body has its parameters once: each time takes the same ones. Of its states it has one, or one for each
 * of the first times (nl_new_node.statistics), counted in the order in which they run. Dropout draws anew at each time.
 *
 * In memory a sequence of the body lies in time-major order, so that its part of one time is a dense (N, C), as kernels
 * want it, and that all of it is a dense (T N, C). A state has T + 1 places: time t reads place t and writes place t +
 * 1; in a reverse loop the other way.
 *
 * Where the sequences that a loop takes have lengths, positions after a sample's end do not move its states, in a
 * reverse loop as well, and what is collected has the lengths.
 *
 * The nodes that do not depend on a state run for all times at once, before the loop, unless a cache cannot hold what
 * they make; and the gradients of weights are made for all times at once, after it (nl_operation.together).
 */
#ifndef NL_GRAPH_LOOP_H
#define NL_GRAPH_LOOP_H

#include "graph/graph.h"

/* Opens a loop. What it takes and carries comes before the first node of its body. reverse: it begins with the last
 * position. */
void nl_loop_begin(struct nl_graph *graph, int times, bool reverse);

/* What the body sees of a sequence, real or int32: the position of that time. NL_NONE: it has not as many positions as
 * there are times, or other lengths than those before, and err says so. */
int nl_loop_take(struct nl_graph *graph, int sequence, const char *name, struct nl_error *err);

/* What the body sees of a state that begins with `first`: what it is before that time. NL_NONE: there are too many, and
 * err says so. */
int nl_loop_carry(struct nl_graph *graph, int first, const char *name, struct nl_error *err);

/* What becomes of a state. NL_FAIL: `after` is not a value of its own, of the state's shape, that a node of the body
 * puts out. */
int nl_loop_pass(struct nl_graph *graph, int before, int after, struct nl_error *err);

/* Closes it. NL_FAIL: a state was not passed on. */
int nl_loop_end(struct nl_graph *graph, struct nl_error *err);

/* After it: the sequence of a value of its body. */
int nl_loop_collect(struct nl_graph *graph, int value, const char *name, struct nl_error *err);

/* After it: what a state is after the last time. */
int nl_loop_last(struct nl_graph *graph, int before, const char *name, struct nl_error *err);

#endif

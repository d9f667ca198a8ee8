#ifndef NL_OPERATION_LSTM_CELL_H
#define NL_OPERATION_LSTM_CELL_H

#include "operation/operation.h"

/* One time of an LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as torch.nn.LSTM has
 * it. Of a, what the input gives to the gates, b, what h gives, and the cell c before:
 *
 *     i = sigmoid(a_i + b_i)     f = sigmoid(a_f + b_f)     g = tanh(a_g + b_g)     o = sigmoid(a_o + b_o)
 *     c' = f c + i g             h' = o tanh(c')
 *
 * a and b hold i, f, g and o one after the other. Where `opens` is set the third output is o in place of h':
 * "lstm_output" makes h' of it, after a normalizer of c'. */
struct nl_lstm_cell {
    int width;              /* H */
    bool opens;
    const void *a, *b;      /* real (N, 4H) */
    const void *c;          /* real (N, H) */
    void *gates;            /* real (N, 4H): i, f, g, o; backward reads them. May be a */
    void *after;            /* real (N, H): c' */
    void *out;              /* real (N, H): h', or o */
    const void *dafter, *dout; /* NULL: the loss does not depend on it */
    void *da, *db, *dc;     /* da may be gates, and db may be da */
};

enum { NL_LSTM_A, NL_LSTM_B, NL_LSTM_C, NL_LSTM_SLOTS };
enum { NL_LSTM_GATES, NL_LSTM_AFTER, NL_LSTM_OUT };

/* h = o tanh(c). */
struct nl_lstm_output {
    int width;              /* H: elements of a sample */
    const void *o, *c;
    void *h;
    const void *dh;
    void *d_o, *dc;
};

enum { NL_LSTM_OUTPUT_O, NL_LSTM_OUTPUT_C, NL_LSTM_OUTPUT_SLOTS };

extern const struct nl_operation nl_lstm_cell_operation, nl_lstm_output_operation;

#endif

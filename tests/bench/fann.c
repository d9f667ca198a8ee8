/* A step of the fully connected network 64-64-64-10 without normalizer in FANN (Debian's libfann, float), answers as
 * answer.h tells:
 *
 *     fann BATCH
 *
 * FANN has neither ReLU nor cross-entropy: the hidden units are its piecewise linear ones, which are as cheap, and the
 * loss is the squared error. So its losses, shown here, are nobody else's; the multiplications are.
 */
#include "answer.h"

#include <floatfann.h>

enum { INPUTS = 64, WIDTH = 64, CLASSES = 10 };

struct training {
    struct fann *net;
    struct fann_train_data *batch;
};

static void step(void *context)
{
    struct training *t = context;
    if (t->batch->num_data == 1)
        fann_train(t->net, t->batch->input[0], t->batch->output[0]); /* with momentum */
    else
        fann_train_epoch(t->net, t->batch);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: fann BATCH\n");
        return 2;
    }
    unsigned batch = (unsigned)atoi(argv[1]);
    struct training t = {fann_create_standard(4, INPUTS, WIDTH, WIDTH, CLASSES),
                         fann_create_train(batch, INPUTS, CLASSES)};
    fann_set_activation_function_hidden(t.net, FANN_LINEAR_PIECE_SYMMETRIC);
    fann_set_activation_function_output(t.net, FANN_LINEAR);
    fann_set_training_algorithm(t.net, FANN_TRAIN_BATCH);
    fann_set_learning_rate(t.net, 0.001f);
    fann_set_learning_momentum(t.net, 0.9f);
    for (unsigned n = 0; n < batch; n++) {
        for (unsigned i = 0; i < INPUTS; i++)
            t.batch->input[n][i] = number((size_t)n * INPUTS + i, FACTOR_X);
        for (unsigned c = 0; c < CLASSES; c++)
            t.batch->output[n][c] = c == n % CLASSES;
    }
    float losses[CHECKED];
    for (int i = 0; i < CHECKED; i++) {
        fann_reset_MSE(t.net);
        step(&t);
        losses[i] = fann_get_MSE(t.net);
    }
    show(losses);
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        printf("%.4f\n", 1e6 * time_calls(step, &t, atof(line)));
        fflush(stdout);
    }
    return 0;
}

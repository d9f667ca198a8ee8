/* Runs a normalizer on drawn numbers, in both forms that an identity says are equal, and measures their distance. */
#include "claims/identity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/temporary.h"
#include "norm/weights.h"
#include "norm/whitening.h"
#include "train/fold.h"
#include "train/probe.h"
#include "train/train.h"

enum { SAMPLES = 4, POSITIONS = 6, CHANNELS = 8, ELEMENTS = SAMPLES * POSITIONS * CHANNELS };

/* A normalizer before it is run, and what came out. */
struct layer {
    struct nl_config config;
    struct nl_probe probe;
    double x[ELEMENTS], dy[ELEMENTS];
};

static void fill(double *out, const char *name)
{
    struct nl_stream stream = nl_stream(1, name);
    for (int i = 0; i < ELEMENTS; i++)
        out[i] = nl_stream_normal(stream, (uint64_t)i, 0);
}

static void set_up(struct layer *layer, const char *norm, enum nl_device_kind device, int samples, int positions)
{
    *layer = (struct layer){0};
    nl_config_defaults(&layer->config);
    nl_key_set(nl_key_named("norm.kind"), &layer->config, norm, NULL);
    layer->config.device.kind = device;
    fill(layer->x, "identity.x");
    fill(layer->dy, "identity.dy");
    layer->probe = (struct nl_probe){.samples = samples, .extent = {1, positions, CHANNELS}};
}

/* Before anything is given to it but x and dy. */
static int declare(struct layer *layer, struct nl_error *err)
{
    layer->probe.config = &layer->config;
    layer->probe.x = layer->x;
    layer->probe.dy = layer->dy;
    return nl_probe_declare(&layer->probe, err);
}

static int run(struct layer *layer, struct nl_error *err)
{
    return (layer->probe.tensors == 0 && declare(layer, err)) ? NL_FAIL : nl_probe_run(&layer->probe, err);
}

static int elements_of(const struct layer *layer)
{
    return layer->probe.samples * (int)nl_elements(layer->probe.extent);
}

/* *most becomes the largest of it and |a - factor b|; NaN stays. */
static void compare(const double *a, const double *b, double factor, int count, double *most)
{
    for (int i = 0; i < count; i++) {
        double difference = fabs(a[i] - factor * b[i]);
        *most = !(difference <= *most) ? difference : *most;
    }
}

/* What was found of a parameter or a state. */
static const double *found(struct layer *layer, const char *name)
{
    const struct nl_probe_tensor *tensor = nl_probe_find(&layer->probe, name);
    return tensor ? tensor->found : NULL;
}

/* Runs both layers, whose y, dx (of the second times dx_factor), dgamma and dbeta must agree. */
static int agree(struct layer *one, struct layer *other, double dx_factor, double *deviation, struct nl_error *err)
{
    int status = run(one, err) || run(other, err) ? NL_FAIL : NL_OK;
    if (status == NL_OK) {
        *deviation = 0.0;
        compare(one->probe.y, other->probe.y, 1.0, elements_of(one), deviation);
        compare(one->probe.dx, other->probe.dx, dx_factor, elements_of(one), deviation);
        compare(found(one, "gamma"), found(other, "gamma"), 1.0, CHANNELS, deviation);
        if (found(one, "beta") && found(other, "beta"))
            compare(found(one, "beta"), found(other, "beta"), 1.0, CHANNELS, deviation);
    }
    nl_probe_release(&one->probe);
    nl_probe_release(&other->probe);
    return status;
}

/* GN with one group is LN over the sample; GN with a group a channel is IN (Wu and He 2018, section 3.1). */
static int groups_are(const char *norm, int groups, enum nl_device_kind device, bool perturbed, double *deviation,
                      struct nl_error *err)
{
    struct layer gn, other;
    set_up(&gn, "gn", device, SAMPLES, POSITIONS);
    set_up(&other, norm, device, SAMPLES, POSITIONS);
    gn.config.norm.groups = groups;
    if (perturbed)
        other.config.norm.eps = 1e-3;
    return agree(&gn, &other, 1.0, deviation, err);
}

static int gn_is_ln(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    return groups_are("ln", 1, device, perturbed, deviation, err);
}

static int gn_is_in(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    return groups_are("in", CHANNELS, device, perturbed, deviation, err);
}

/* RMSNorm is LN where each sample's mean is 0; its gradient, too, where that of y has mean 0 (Zhang and Sennrich 2019,
 * section 4). */
static int rms_is_ln(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    struct layer rms, ln;
    set_up(&rms, "rms", device, SAMPLES, POSITIONS);
    for (int sample = 0; sample < SAMPLES; sample++) {
        double *x = rms.x + sample * POSITIONS * CHANNELS, *dy = rms.dy + sample * POSITIONS * CHANNELS, sum = 0.0,
               dsum = 0.0;
        for (int i = 0; i < POSITIONS * CHANNELS; i++) {
            sum += x[i] / (POSITIONS * CHANNELS);
            dsum += dy[i] / (POSITIONS * CHANNELS);
        }
        for (int i = 0; i < POSITIONS * CHANNELS; i++) {
            x[i] -= sum;
            dy[i] -= dsum;
        }
    }
    for (int i = 0; perturbed && i < ELEMENTS; i += CHANNELS)
        rms.x[i] += 0.5;
    set_up(&ln, "ln", device, SAMPLES, POSITIONS);
    memcpy(ln.x, rms.x, sizeof ln.x);
    memcpy(ln.dy, rms.dy, sizeof ln.dy);
    return agree(&rms, &ln, 1.0, deviation, err);
}

/* One value a channel in training: xhat is 0, so y is beta whatever x is, and no gradient goes below (from the
 * definition of Ioffe and Szegedy 2015). */
static int bn_of_one(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    static const double beta[CHANNELS] = {-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0};
    static const double nothing[ELEMENTS] = {0};
    struct layer bn;
    set_up(&bn, "bn", device, perturbed ? 2 : 1, 1);
    if (declare(&bn, err))
        return NL_FAIL;
    nl_probe_named(&bn.probe, "beta")->given = beta;
    int status = run(&bn, err);
    if (status == NL_OK) {
        *deviation = 0.0;
        compare(bn.probe.y, beta, 1.0, CHANNELS, deviation);
        compare(bn.probe.dx, nothing, 1.0, elements_of(&bn), deviation);
    }
    nl_probe_release(&bn.probe);
    return status;
}

/* BN((aW)u) = BN(Wu), and the gradient by aW is that by W over a (Ioffe and Szegedy 2015, section 3.3). Exact for eps =
 * 0. */
static int bn_scale(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    const double factor = 3.0;
    struct layer bn, scaled;
    set_up(&bn, "bn", device, SAMPLES, POSITIONS);
    set_up(&scaled, "bn", device, SAMPLES, POSITIONS);
    bn.config.norm.eps = scaled.config.norm.eps = perturbed ? 1e-3 : 0.0;
    for (int i = 0; i < ELEMENTS; i++)
        scaled.x[i] *= factor;
    return agree(&bn, &scaled, factor, deviation, err);
}

/* A bias before BN changes nothing, so its gradient, the sum of dx over its channel, is 0 (Ioffe and Szegedy 2015,
 * section 3.2).
 */
static int bn_shift(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    struct layer bn, shifted, *sums = nl_alloc(1, sizeof *sums);
    set_up(&bn, "bn", device, SAMPLES, POSITIONS);
    set_up(&shifted, "bn", device, SAMPLES, POSITIONS);
    for (int i = 0; i < (perturbed ? CHANNELS : ELEMENTS); i++) /* perturbed: at one position of one sample alone */
        shifted.x[i] += 1.0 + 0.5 * (i % CHANNELS);
    *sums = shifted;
    int status = agree(&bn, &shifted, 1.0, deviation, err);
    if (status == NL_OK)
        status = run(sums, err);
    if (status == NL_OK) {
        double sum[CHANNELS] = {0}, nothing[CHANNELS] = {0};
        for (int i = 0; i < ELEMENTS; i++)
            sum[i % CHANNELS] += sums->probe.dx[i];
        compare(sum, nothing, 1.0, CHANNELS, deviation);
        nl_probe_release(&sums->probe);
    }
    free(sums);
    return status;
}

/* Running statistics after k equal batches: (1 - m)^k of what they began with, the rest the batch's, its variance with
 * 1/(count - 1) (the convention of torch.nn.BatchNorm1d; momentum 0.9 of TensorFlow is 0.1 here). */
static int bn_running(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    enum { UPDATES = 20 };
    const double momentum = 0.1, kept = pow(1.0 - momentum, UPDATES), count = SAMPLES * POSITIONS;
    double mean[CHANNELS], var[CHANNELS], expected[CHANNELS], expected_var[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) {
        mean[i] = 0.5 * i;
        var[i] = 1.0 + i;
    }
    struct layer bn;
    set_up(&bn, "bn", device, SAMPLES, POSITIONS);
    bn.config.norm.momentum = momentum;
    bn.config.norm.running_var = perturbed ? NL_BIASED : NL_UNBIASED;
    if (declare(&bn, err))
        return NL_FAIL;
    nl_probe_named(&bn.probe, "running_mean")->given = mean;
    nl_probe_named(&bn.probe, "running_var")->given = var;
    for (int update = 0; update < UPDATES; update++) {
        if (run(&bn, err)) {
            nl_probe_release(&bn.probe);
            return NL_FAIL;
        }
        for (int i = 0; i < CHANNELS && update == 0; i++) {
            expected[i] = kept * mean[i] + (1.0 - kept) * bn.probe.mean[i];
            expected_var[i] = kept * var[i] + (1.0 - kept) * bn.probe.var[i] * count / (count - 1.0);
        }
        memcpy(mean, found(&bn, "running_mean"), sizeof mean);
        memcpy(var, found(&bn, "running_var"), sizeof var);
        nl_probe_release(&bn.probe);
    }
    *deviation = 0.0;
    compare(mean, expected, 1.0, CHANNELS, deviation);
    compare(var, expected_var, 1.0, CHANNELS, deviation);
    return NL_OK;
}

/* With the deviation for gamma, and the mean for beta, the output is the input: they can undo the normalization (Ioffe
 * and Szegedy 2015, section 3). */
static int bn_undo(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    double gamma[CHANNELS], beta[CHANNELS];
    struct layer bn, undone;
    set_up(&bn, "bn", device, SAMPLES, POSITIONS);
    bn.config.norm.eps = 1e-2;
    undone = bn;
    if (run(&bn, err))
        return NL_FAIL;
    for (int i = 0; i < CHANNELS; i++) {
        gamma[i] = sqrt(bn.probe.var[i] + (perturbed ? 0.0 : bn.config.norm.eps));
        beta[i] = bn.probe.mean[i];
    }
    nl_probe_release(&bn.probe);
    if (declare(&undone, err))
        return NL_FAIL;
    nl_probe_named(&undone.probe, "gamma")->given = gamma;
    nl_probe_named(&undone.probe, "beta")->given = beta;
    int status = run(&undone, err);
    *deviation = 0.0;
    if (status == NL_OK)
        compare(undone.probe.y, undone.x, 1.0, ELEMENTS, deviation);
    nl_probe_release(&undone.probe);
    return status;
}

/* The first sample's output where the others change; in training, in evaluation, or in training on one side and in
 * evaluation on the other. */
static int batchmates_of(const char *norm, bool eval, bool other_eval, enum nl_device_kind device, double *deviation,
                         struct nl_error *err)
{
    struct layer one, other;
    set_up(&one, norm, device, SAMPLES, POSITIONS);
    set_up(&other, norm, device, SAMPLES, POSITIONS);
    one.probe.eval = eval;
    other.probe.eval = other_eval;
    for (int i = POSITIONS * CHANNELS; i < ELEMENTS; i++)
        other.x[i] *= -2.0;
    int status = run(&one, err) || run(&other, err) ? NL_FAIL : NL_OK;
    *deviation = 0.0;
    if (status == NL_OK)
        compare(one.probe.y, other.probe.y, 1.0, POSITIONS * CHANNELS, deviation);
    nl_probe_release(&one.probe);
    nl_probe_release(&other.probe);
    return status;
}

/* In evaluation a sample's output does not depend on the rest of its batch (Ioffe and Szegedy 2015, section 3.1). */
static int bn_batchmates(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    return batchmates_of("bn", !perturbed, !perturbed, device, deviation, err);
}

/* FRN's does not in training either (Singh and Krishnan 2020, section 3). */
static int frn_batchmates(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    return batchmates_of(perturbed ? "bn" : "frn", false, false, device, deviation, err);
}

/* LN's is the same in training and in evaluation, whatever else is in the batch (Ba, Kiros and Hinton 2016, section
 * 3). */
static int ln_batchmates(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    return batchmates_of(perturbed ? "bn" : "ln", false, true, device, deviation, err);
}

/* Statistics merged from those of workers are those of the whole batch. */
static int sync_is_bn(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    struct layer bn, workers;
    set_up(&bn, "bn", device, SAMPLES, POSITIONS);
    set_up(&workers, "bn", device, SAMPLES, POSITIONS);
    workers.config.train.batch = SAMPLES;
    workers.config.train.workers = 2;
    workers.config.norm.sync = !perturbed;
    return agree(&bn, &workers, 1.0, deviation, err);
}

/* Batch Renorm that corrects nothing is BN (Ioffe 2017, section 3). */
static int brn_is_bn(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    struct layer bn, brn;
    set_up(&bn, "bn", device, SAMPLES, POSITIONS);
    set_up(&brn, "brn", device, SAMPLES, POSITIONS);
    if (!perturbed) {
        brn.config.norm.r_max = 1.0;
        brn.config.norm.d_max = 0.0;
    }
    return agree(&bn, &brn, 1.0, deviation, err);
}

/* DBN's output has the identity for the covariance of a group's channels (Huang et al. 2018, equation 6). Exact for eps
 * = 0. */
static int dbn_white(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    enum { GROUPS = 2, WIDTH = CHANNELS / GROUPS, VECTORS = SAMPLES * POSITIONS };
    struct layer layer;
    set_up(&layer, perturbed ? "bn" : "dbn", device, SAMPLES, POSITIONS);
    layer.config.norm.groups = GROUPS;
    layer.config.norm.eps = 0.0;
    if (run(&layer, err))
        return NL_FAIL;
    *deviation = 0.0;
    for (int i = 0; i < CHANNELS; i++)
        for (int j = i / WIDTH * WIDTH; j <= i; j++) {
            double covariance = 0.0, expected = i == j;
            for (int v = 0; v < VECTORS; v++)
                covariance += layer.probe.y[v * CHANNELS + i] * layer.probe.y[v * CHANNELS + j] / VECTORS;
            compare(&covariance, &expected, 1.0, 1, deviation);
        }
    nl_probe_release(&layer.probe);
    return NL_OK;
}

enum { OUTPUTS = ELEMENTS / CHANNELS };

/* A layer's weight, (OUTPUTS, CHANNELS), with a normalizer of weights; x is the original. */
static void set_up_weights(struct layer *layer, const char *norm, enum nl_device_kind device)
{
    set_up(layer, "none", device, OUTPUTS, 1);
    nl_key_set(nl_key_named("norm.weights"), &layer->config, norm, NULL);
    layer->probe.of_weights = true;
}

/* The gradient of an output's original weights is orthogonal to them with weight normalization, so that plain steps
 * never shorten them (Salimans and Kingma 2016, section 2.1). */
static int wn_orthogonal(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    struct layer layer;
    set_up_weights(&layer, "wn", device);
    if (run(&layer, err))
        return NL_FAIL;
    *deviation = 0.0;
    for (int output = 0; output < OUTPUTS; output++) {
        double along = 0.0, nothing = 0.0;
        for (int i = output * CHANNELS; i < (output + 1) * CHANNELS; i++)
            along += (layer.x[i] + (perturbed ? 0.5 : 0.0)) * layer.probe.dx[i];
        compare(&along, &nothing, 1.0, 1, deviation);
    }
    nl_probe_release(&layer.probe);
    return NL_OK;
}

/* The largest singular value of a weight (OUTPUTS, CHANNELS): the root of the largest eigenvalue of W' W. */
static double largest_singular(const double *weight)
{
    double square[CHANNELS * CHANNELS] = {0}, vectors[CHANNELS * CHANNELS], scratch[4 * CHANNELS], largest = 0.0;
    for (int e = 0; e < CHANNELS * CHANNELS; e++)
        for (int output = 0; output < OUTPUTS; output++)
            square[e] += weight[output * CHANNELS + e / CHANNELS] * weight[output * CHANNELS + e % CHANNELS];
    nl_diagonalize(CHANNELS, square, vectors, scratch);
    for (int i = 0; i < CHANNELS; i++)
        largest = fmax(largest, square[i * (CHANNELS + 1)]);
    return sqrt(largest);
}

/* Spectral normalization, once its iterations have converged, leaves a weight whose largest singular value is 1 (Miyato
 * et al. 2018, equation 8). */
static int sn_largest(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    struct layer layer;
    set_up_weights(&layer, "sn", device);
    layer.config.norm.iterations = perturbed ? 1 : 1000;
    if (declare(&layer, err))
        return NL_FAIL;
    nl_probe_named(&layer.probe, "v")->given = layer.dy;
    nl_probe_named(&layer.probe, "u")->given = layer.dy;
    if (run(&layer, err))
        return NL_FAIL;
    double largest = largest_singular(layer.probe.y), one = 1.0;
    *deviation = 0.0;
    compare(&largest, &one, 1.0, 1, deviation);
    nl_probe_release(&layer.probe);
    return NL_OK;
}

/* Trains the network, saves it at the path, and folds it with an eps of its own. */
static int fold_at(const char *path, const struct nl_config *config, const struct nl_dataset *dataset, double eps,
                   double *deviation, struct nl_error *err)
{
    const struct nl_trial_options options = {.save_final = path};
    struct nl_trial_result result = {0};
    struct nl_tensor_file file = {0};
    struct nl_folded folded = {0};
    struct nl_fold_difference difference;
    struct nl_config folds = *config;
    folds.norm.eps = eps;
    int status = nl_trial_run(config, dataset, &options, &result, err) || nl_safetensors_read(path, &file, err) ||
                         nl_fold_network(&folds, dataset, &file, path, &folded, err) ||
                         nl_fold_compare(config, dataset, &file, path, &folded, &difference, err)
                     ? NL_FAIL
                     : NL_OK;
    if (status == NL_OK)
        *deviation = difference.largest / difference.output;
    nl_folded_release(&folded);
    nl_safetensors_release(&file);
    nl_trial_result_release(&result);
    return status;
}

/* In evaluation BN is part of the convolution before it: the outputs of a trained network are those of the folded one
 * (Jacob et al. 2018, section 3.2; PyTorch's fuse_conv_bn_eval). Relative to the largest. */
static int bn_fold(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err)
{
    static const char *const overrides[] = {"model.arch=cnn", "model.depth=3", "model.width=8", "train.steps=20"};
    struct nl_experiment *experiment = nl_alloc(1, sizeof *experiment);
    struct nl_diagnostics problems = {0};
    const char *root = getenv("TMPDIR");
    char *path = nl_path_join(root && *root ? root : "/tmp", "normlab-fold-XXXXXX");
    int status =
        nl_experiment_load(NULL, overrides, (int)(sizeof overrides / sizeof *overrides), experiment, &problems);
    NL_ASSERT(status == NL_OK);
    experiment->config.device.kind = device;
    struct nl_dataset *dataset = nl_dataset_open(&experiment->config, err);
    int file = dataset ? mkstemp(path) : -1;
    status = file >= 0 ? fold_at(path, &experiment->config, dataset, perturbed ? 0.1 : experiment->config.norm.eps,
                                 deviation, err)
             : dataset ? nl_fail_errno(err, "cannot make a file in '%s'", root && *root ? root : "/tmp")
                       : NL_FAIL;
    if (file >= 0) {
        close(file);
        nl_file_remove(path);
    }
    nl_diagnostics_release(&problems);
    nl_dataset_free(dataset);
    free(path);
    free(experiment);
    return status;
}

static const struct {
    int (*deviation)(enum nl_device_kind device, bool perturbed, double *deviation, struct nl_error *err);
    const char *disturbance;
} identities[] = {
    [NL_GN_IS_LN] = {gn_is_ln, "with eps 1e-3 on one side"},
    [NL_GN_IS_IN] = {gn_is_in, "with eps 1e-3 on one side"},
    [NL_RMS_IS_LN] = {rms_is_ln, "with 0.5 added to one channel"},
    [NL_BN_OF_ONE] = {bn_of_one, "with two samples"},
    [NL_BN_SCALE] = {bn_scale, "with eps 1e-3 in place of 0"},
    [NL_BN_SHIFT] = {bn_shift, "with the bias at one position of one sample"},
    [NL_BN_RUNNING] = {bn_running, "with the biased variance"},
    [NL_BN_BATCHMATES] = {bn_batchmates, "with the batch's own statistics"},
    [NL_FRN_BATCHMATES] = {frn_batchmates, "by batch normalization"},
    [NL_SYNC_IS_BN] = {sync_is_bn, "with each worker's own statistics"},
    [NL_BRN_IS_BN] = {brn_is_bn, "with the bounds of the paper"},
    [NL_DBN_WHITE] = {dbn_white, "by batch normalization"},
    [NL_WN_ORTHOGONAL] = {wn_orthogonal, "with 0.5 added to the weights"},
    [NL_SN_LARGEST] = {sn_largest, "after one iteration from a random vector"},
    [NL_BN_UNDO] = {bn_undo, "with eps left out of gamma"},
    [NL_LN_BATCHMATES] = {ln_batchmates, "by batch normalization"},
    [NL_BN_FOLD] = {bn_fold, "with eps 0.1 in the folded weights"},
};

int nl_identity_deviation(enum nl_identity identity, enum nl_device_kind device, bool perturbed, double *deviation,
                          struct nl_error *err)
{
    return identities[identity].deviation(device, perturbed, deviation, err);
}

const char *nl_identity_disturbance(enum nl_identity identity)
{
    return identities[identity].disturbance;
}

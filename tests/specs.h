/* The operations, shapes and inputs that the backends are tested on. */
#ifndef TESTS_SPECS_H
#define TESTS_SPECS_H

#include "harness.h"

static const struct spec specs[] = {
    {"linear", LINEAR, .samples = 33, .channels = 17, .out = 10, .bias = true},
    {"linear without bias, one sample", LINEAR, .samples = 1, .channels = 64, .out = 64},
    {"linear, part of the capacity", LINEAR, .samples = 3, .capacity = 5, .channels = 10, .out = 3, .bias = true},
    {"linear without dx", LINEAR, .samples = 2, .channels = 3, .out = 1, .bias = true, .no_dx = true},
    {"linear without dw", LINEAR, .samples = 33, .channels = 17, .out = 10, .bias = true, .no_dw = true},
    {"linear without dw, one sample", LINEAR, .samples = 1, .channels = 64, .out = 64, .no_dw = true},
    {"linear by position", LINEAR, .samples = 3, .capacity = 4, .height = 5, .channels = 17, .out = 10, .bias = true},
    {"linear to one", LINEAR, .samples = 4, .channels = 1, .out = 1},

    {"conv 3x3", CONV, .samples = 3, .height = 5, .width = 6, .channels = 3, .out = 10, .kernel = 3, .pad = 1, .bias = true},
    {"conv 3x3, one channel", CONV, .samples = 2, .capacity = 3, .height = 8, .width = 8, .channels = 1, .out = 17, .kernel = 3, .pad = 1},
    {"conv 3x3 on one pixel", CONV, .samples = 2, .height = 1, .width = 1, .channels = 3, .out = 4, .kernel = 3, .pad = 1, .bias = true},
    {"conv 1x1", CONV, .samples = 3, .capacity = 4, .height = 3, .width = 4, .channels = 10, .out = 3, .kernel = 1, .bias = true},
    {"conv 3x3 stride 2", CONV, .samples = 2, .height = 7, .width = 5, .channels = 3, .out = 4, .kernel = 3, .pad = 1, .stride = 2},
    {"conv 3x3 without pad or dx", CONV, .samples = 2, .height = 5, .width = 5, .channels = 2, .out = 3, .kernel = 3, .no_dx = true},
    {"conv 1x1 stride 2", CONV, .samples = 2, .height = 4, .width = 5, .channels = 3, .out = 4, .kernel = 1, .stride = 2, .bias = true},
    {"conv 5x5", CONV, .samples = 1, .height = 6, .width = 4, .channels = 2, .out = 3, .kernel = 5, .pad = 2, .bias = true},
#ifndef TESTS_ON_CUDA_H /* which has no such kernel */
    {"depthwise 3x3", DEPTHWISE, .samples = 3, .capacity = 4, .height = 5, .width = 6, .channels = 10, .out = 10, .kernel = 3, .pad = 1, .bias = true},
    {"depthwise 3x3 stride 2", DEPTHWISE, .samples = 2, .height = 7, .width = 4, .channels = 17, .out = 17, .kernel = 3, .pad = 1, .stride = 2},
    {"depthwise 5x5 on one pixel", DEPTHWISE, .samples = 2, .height = 1, .width = 1, .channels = 3, .out = 3, .kernel = 5, .pad = 2},
    {"depthwise 7x7 without dx", DEPTHWISE, .samples = 1, .height = 6, .width = 5, .channels = 1, .out = 1, .kernel = 7, .pad = 3, .stride = 3, .bias = true, .no_dx = true},
#endif

    {"bn", NORMALIZE, .norm = &nl_norm_bn, .samples = 33, .channels = 17},
    {"bn of two", NORMALIZE, .norm = &nl_norm_bn, .samples = 2, .channels = 64, .relu = true, .fill = NORMAL, .eps = 1e-2},
    {"bn of one", NORMALIZE, .norm = &nl_norm_bn, .samples = 1, .channels = 10},
    {"bn of one with relu", NORMALIZE, .norm = &nl_norm_bn, .samples = 1, .channels = 10, .relu = true},
    {"bn on images", NORMALIZE, .norm = &nl_norm_bn, .samples = 3, .capacity = 4, .height = 5, .width = 4, .channels = 10, .relu = true},
    {"bn on images, one channel", NORMALIZE, .norm = &nl_norm_bn, .samples = 3, .height = 7, .width = 9, .channels = 1},
    {"bn far from zero", NORMALIZE, .norm = &nl_norm_bn, .samples = 33, .height = 3, .width = 3, .channels = 3, .fill = FAR},
    {"bn far from zero, groups of rows", NORMALIZE, .norm = &nl_norm_bn, .samples = 21, .height = 2, .width = 2, .channels = 256, .fill = FAR},
    {"bn of sorted samples, groups of rows", NORMALIZE, .norm = &nl_norm_bn, .samples = 21, .height = 2, .width = 2, .channels = 256, .fill = SORTED},
    {"bn of a constant", NORMALIZE, .norm = &nl_norm_bn, .samples = 3, .height = 2, .width = 2, .channels = 3, .fill = CONSTANT},
    {"bn without affine", NORMALIZE, .norm = &nl_norm_bn, .samples = 5, .channels = 3, .affine = NL_AFFINE_NONE},
    {"bn, running statistics", NORMALIZE, .norm = &nl_norm_bn, .samples = 5, .height = 2, .width = 2, .channels = 3, .statistics = NL_STATS_RUNNING, .relu = true},
    {"bn, precise statistics", NORMALIZE, .norm = &nl_norm_bn, .samples = 5, .channels = 17, .statistics = NL_STATS_PRECISE},
    {"bn, batch statistics", NORMALIZE, .norm = &nl_norm_bn, .samples = 5, .channels = 17, .statistics = NL_STATS_BATCH},
    {"ghost bn", NORMALIZE, .norm = &nl_norm_bn, .samples = 33, .channels = 10, .stat_batch = 8, .biased = true},
    {"bn, more rows than a small block holds", NORMALIZE, .norm = &nl_norm_bn, .samples = 5, .height = 16, .width = 16, .channels = 9, .relu = true},
    {"bn, rows in chunks", NORMALIZE, .norm = &nl_norm_bn, .samples = 23, .height = 10, .width = 10, .channels = 7, .relu = true},
    {"ghost bn, rows in chunks", NORMALIZE, .norm = &nl_norm_bn, .samples = 40, .height = 10, .width = 10, .channels = 7, .stat_batch = 23},
    {"ghost bn on images", NORMALIZE, .norm = &nl_norm_bn, .samples = 5, .capacity = 8, .height = 3, .width = 3, .channels = 17, .stat_batch = 2, .relu = true},

    {"ln", NORMALIZE, .norm = &nl_norm_ln, .samples = 33, .channels = 64},
    {"ln, odd width", NORMALIZE, .norm = &nl_norm_ln, .samples = 3, .capacity = 4, .channels = 17, .relu = true},
    {"ln, wide", NORMALIZE, .norm = &nl_norm_ln, .samples = 2, .channels = 1037, .fill = FAR},
    {"ln of one", NORMALIZE, .norm = &nl_norm_ln, .samples = 3, .channels = 1},
    {"ln far from zero", NORMALIZE, .norm = &nl_norm_ln, .samples = 3, .channels = 10, .fill = FAR},
    {"ln of a constant", NORMALIZE, .norm = &nl_norm_ln, .samples = 3, .channels = 64, .fill = CONSTANT},
    {"ln on images", NORMALIZE, .norm = &nl_norm_ln, .samples = 3, .capacity = 4, .height = 5, .width = 4, .channels = 10, .relu = true},
    {"ln on images, each element", NORMALIZE, .norm = &nl_norm_ln, .samples = 3, .height = 5, .width = 4, .channels = 3, .affine = NL_AFFINE_ELEMENT, .relu = true},
    {"ln over position", NORMALIZE, .norm = &nl_norm_ln, .samples = 2, .height = 3, .width = 3, .channels = 17, .over_position = true, .relu = true},
    {"ln over position, each element", NORMALIZE, .norm = &nl_norm_ln, .samples = 2, .height = 3, .width = 3, .channels = 10, .over_position = true, .affine = NL_AFFINE_ELEMENT},
    {"ln without affine", NORMALIZE, .norm = &nl_norm_ln, .samples = 2, .channels = 10, .affine = NL_AFFINE_NONE},

    {"gn", NORMALIZE, .norm = &nl_norm_gn, .samples = 33, .channels = 64, .groups = 8, .relu = true},
    {"gn, odd width", NORMALIZE, .norm = &nl_norm_gn, .samples = 3, .channels = 51, .groups = 3},
    {"gn on images", NORMALIZE, .norm = &nl_norm_gn, .samples = 3, .capacity = 5, .height = 4, .width = 5, .channels = 12, .groups = 4, .relu = true},
    {"gn on images, far from zero", NORMALIZE, .norm = &nl_norm_gn, .samples = 2, .height = 8, .width = 8, .channels = 6, .groups = 2, .fill = FAR},
    {"gn on images, each element", NORMALIZE, .norm = &nl_norm_gn, .samples = 3, .height = 2, .width = 2, .channels = 6, .groups = 2, .affine = NL_AFFINE_ELEMENT},

    {"in on images", NORMALIZE, .norm = &nl_norm_in, .samples = 3, .height = 5, .width = 4, .channels = 10, .relu = true},
    {"in far from zero", NORMALIZE, .norm = &nl_norm_in, .samples = 2, .capacity = 3, .height = 8, .width = 8, .channels = 3, .fill = FAR},
    {"in of whole sectors", NORMALIZE, .norm = &nl_norm_in, .samples = 3, .capacity = 5, .height = 5, .width = 7, .channels = 24, .relu = true},
    {"gn of two channels", NORMALIZE, .norm = &nl_norm_gn, .samples = 2, .height = 16, .width = 16, .channels = 16, .groups = 8, .relu = true, .residual = true},
    {"gn of four channels, far from zero", NORMALIZE, .norm = &nl_norm_gn, .samples = 3, .height = 4, .width = 4, .channels = 40, .groups = 10, .fill = FAR},
    {"in of one", NORMALIZE, .norm = &nl_norm_in, .samples = 3, .channels = 17},

    {"rms", NORMALIZE, .norm = &nl_norm_rms, .samples = 33, .channels = 64, .relu = true},
    {"rms on images", NORMALIZE, .norm = &nl_norm_rms, .samples = 3, .height = 5, .width = 4, .channels = 10},
    {"rms on images, each element", NORMALIZE, .norm = &nl_norm_rms, .samples = 3, .height = 2, .width = 2, .channels = 3, .affine = NL_AFFINE_ELEMENT},
    {"rms over position", NORMALIZE, .norm = &nl_norm_rms, .samples = 2, .height = 2, .width = 3, .channels = 17, .over_position = true},
    {"rms far from zero", NORMALIZE, .norm = &nl_norm_rms, .samples = 2, .channels = 10, .fill = FAR},
    {"rms without affine", NORMALIZE, .norm = &nl_norm_rms, .samples = 2, .channels = 10, .affine = NL_AFFINE_NONE},

    {"bn of a few, far from zero", NORMALIZE, .norm = &nl_norm_bn, .samples = 7, .capacity = 8, .channels = 48, .fill = FAR, .relu = true},
    {"bn of a few, a constant", NORMALIZE, .norm = &nl_norm_bn, .samples = 16, .channels = 16, .fill = CONSTANT},
    {"bn of a few, batch statistics", NORMALIZE, .norm = &nl_norm_bn, .samples = 1, .channels = 64, .statistics = NL_STATS_BATCH, .relu = true},
    {"ln of a few", NORMALIZE, .norm = &nl_norm_ln, .samples = 3, .capacity = 4, .channels = 64, .relu = true},
    {"ln of a few, far from zero", NORMALIZE, .norm = &nl_norm_ln, .samples = 2, .channels = 32, .fill = FAR},
    {"gn of a few", NORMALIZE, .norm = &nl_norm_gn, .samples = 2, .channels = 64, .groups = 8, .relu = true},
    {"gn of a few, sixteen groups", NORMALIZE, .norm = &nl_norm_gn, .samples = 4, .channels = 64, .groups = 16, .fill = FAR},
    {"gn of a few, two groups", NORMALIZE, .norm = &nl_norm_gn, .samples = 1, .channels = 32, .groups = 2, .fill = CONSTANT},
    {"rms of a few", NORMALIZE, .norm = &nl_norm_rms, .samples = 4, .channels = 64, .relu = true},

    {"bn with residual", NORMALIZE, .norm = &nl_norm_bn, .samples = 3, .capacity = 4, .height = 5, .width = 4, .channels = 17, .relu = true, .residual = true},
    {"bn with residual, without relu", NORMALIZE, .norm = &nl_norm_bn, .samples = 3, .height = 2, .width = 3, .channels = 16, .residual = true},
    {"gn with residual", NORMALIZE, .norm = &nl_norm_gn, .samples = 3, .height = 5, .width = 4, .channels = 12, .groups = 4, .relu = true, .residual = true},
    {"ln with residual, each element", NORMALIZE, .norm = &nl_norm_ln, .samples = 2, .height = 3, .width = 3, .channels = 10, .relu = true, .residual = true, .affine = NL_AFFINE_ELEMENT},
    {"ln over position with residual", NORMALIZE, .norm = &nl_norm_ln, .samples = 2, .height = 3, .width = 3, .channels = 17, .over_position = true, .relu = true, .residual = true},

    {"relu", ACTIVATE, .samples = 3, .capacity = 4, .channels = 17, .activation = NL_RELU},
    {"sigmoid", ACTIVATE, .samples = 33, .channels = 64, .activation = NL_SIGMOID},
    {"tanh", ACTIVATE, .samples = 33, .channels = 64, .activation = NL_TANH},
    {"gelu", ACTIVATE, .samples = 33, .channels = 64, .activation = NL_GELU, .gelu = NL_GELU_ERF},
    {"gelu, tanh approximation", ACTIVATE, .samples = 33, .channels = 64, .activation = NL_GELU, .gelu = NL_GELU_TANH},
    {"silu", ACTIVATE, .samples = 33, .channels = 64, .activation = NL_SILU},

    {"max-pool", MAX_POOL, .samples = 3, .capacity = 4, .height = 4, .width = 6, .channels = 10},
    {"max-pool, odd size", MAX_POOL, .samples = 2, .height = 5, .width = 7, .channels = 3},
    {"max-pool of a constant", MAX_POOL, .samples = 2, .height = 4, .width = 4, .channels = 17, .fill = CONSTANT},
    {"mean-pool", MEAN_POOL, .samples = 3, .capacity = 4, .height = 4, .width = 5, .channels = 17},
    {"mean-pool, far from zero", MEAN_POOL, .samples = 2, .height = 16, .width = 16, .channels = 1, .fill = FAR},

    {"sum", ADD, .samples = 3, .capacity = 4, .height = 4, .width = 5, .channels = 17, .out = 17},
    {"sum with relu", ADD, .samples = 3, .capacity = 4, .height = 4, .width = 5, .channels = 17, .out = 17, .relu = true},
    {"sum, every other pixel and new channels", ADD, .samples = 3, .capacity = 4, .height = 4, .width = 6, .channels = 16, .out = 32, .stride = 2, .relu = true},
    {"sum, every other pixel of an odd size", ADD, .samples = 2, .height = 5, .width = 7, .channels = 3, .out = 10, .stride = 2},
    {"sum, every other pixel", ADD, .samples = 2, .height = 3, .width = 4, .channels = 5, .out = 5, .stride = 2, .relu = true},
    {"sum, new channels", ADD, .samples = 2, .height = 3, .width = 2, .channels = 1, .out = 4},

    {"a constant factor", SCALARS, .samples = 3, .capacity = 4, .height = 2, .width = 3, .channels = 17},
    {"a learned multiplier", SCALARS, .samples = 3, .capacity = 4, .height = 5, .width = 4, .channels = 17, .weight = true},
    {"a learned bias", SCALARS, .samples = 33, .channels = 10, .bias = true},
    {"a multiplier and a bias without dx", SCALARS, .samples = 2, .channels = 3, .weight = true, .bias = true, .no_dx = true},
    {"a multiplier and a bias of many", SCALARS, .samples = 5, .height = 16, .width = 16, .channels = 9, .weight = true, .bias = true, .fill = FAR},

    {"dropout", DROPOUT, .samples = 3, .capacity = 4, .channels = 67},
    {"dropout at a time of a loop", DROPOUT, .samples = 3, .channels = 67, .time = 5},
    {"dropout in evaluation", DROPOUT, .samples = 3, .channels = 10, .statistics = NL_STATS_RUNNING},
};
enum { SPECS = sizeof specs / sizeof *specs };

#endif

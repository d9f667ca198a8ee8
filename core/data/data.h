/* Data sets: bytes in memory, read or generated once, shared by all trials; and a trial's view of one: its split, its
 * labels, its standardization.
 *
 * What a network sees of pixel byte u in channel c is table[c][u] = (float)((u - mean[c]) / deviation[c]), and of
 * float32 v nl_standardized(v, mean[c], 1 / deviation[c]) (operation/gather.h): float32 on every backend, so that ref
 * and cpu start from the same numbers.
 */
#ifndef NL_DATA_DATA_H
#define NL_DATA_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "data/alphabet.h"

/* What is learned of a sample. */
enum nl_target {
    NL_TARGET_CLASS, /* a class: one label */
    NL_TARGET_EACH,  /* a class for each position: as many labels */
    NL_TARGET_REAL,  /* a real number, with the mean squared error as loss */
};

/* A sequence has `height` positions, and width 1. */
struct nl_shape {
    int height, width, channels;
    int classes;           /* what a network puts out, at a position: logits, or 1 number */
    int vocabulary;        /* x is token ids in 0 .. vocabulary - 1, one a position; 0: x is real */
    enum nl_target target;
    bool lengths;          /* sequences have lengths: later positions do not count */
};

/* Numbers of each sample: token ids, lengths, a label for each position, or a real target. */
struct nl_sample_rows {
    const char *input; /* of the network, that they are for: "x", "lengths", "labels", "targets" */
    int width;         /* numbers a sample */
    int step;          /* from the first number of a sample to that of the next: width, or less where samples overlap */
    bool real;         /* float, else int32 */
    void *at;          /* (count - 1) step + width of them */
};
enum { NL_MOST_SAMPLE_ROWS = 4 };

static inline size_t nl_rows_bytes(const struct nl_sample_rows *rows, int count)
{
    return ((size_t)(count - 1) * (size_t)rows->step + (size_t)rows->width) * sizeof(int32_t);
}

struct nl_dataset {
    char name[32];
    struct nl_shape shape;
    int count;             /* samples of all parts */
    uint8_t *pixels;       /* (count, height, width, channels); NULL: values, or rows */
    float *values;         /* (count, height, width, channels), finite; NULL: pixels, or rows */
    int32_t *labels;       /* (count) 0 .. classes-1; NULL: rows */
    int rows;
    struct nl_sample_rows row[NL_MOST_SAMPLE_ROWS]; /* beside, or in place of, pixels or values, and labels */
    void *numbers;         /* what the rows are parts of; owned */
    struct nl_alphabet alphabet; /* of text, what its tokens are */
    int colours; /* channels of the images that data.as made sequences of, which are those of position, too, one after
                    the other; 0: channels */
    int window;  /* a sample is so many tokens of one long text, from token `index` on; 0: samples lie apart */
    int train_count; /* the first train_count samples are the given training part, the rest the test part; windows: */
                     /* the first so many tokens; */
                     /* 0: one pool, split by seed (digits, npy without test files): */
    int pool_test;         /* so many of it are the test part */
    int copies; /* after the `count` samples stand so many more: those from copied_from on, shifted (data.shift); */
    int copied_from;       /* they are in no count but that of nl_dataset_room */
    struct nl_text notes;  /* how the user's own files were read, where they may be read otherwise: a line each */
    char checksum[65];     /* SHA-256, hex, of shape, pixels, labels and rows: part of every trial's identity */
};

/* Windows side by side in so many tokens of text, each with the token after it. */
static inline int64_t nl_windows(int64_t tokens, int window)
{
    return (tokens - 1) / window;
}

/* Samples that the arrays hold: all parts, and shifted copies. */
static inline int nl_dataset_room(const struct nl_dataset *dataset)
{
    return dataset->count + dataset->copies;
}

/* The shifted copy of a sample that has one. */
static inline int nl_copy_of(const struct nl_dataset *dataset, int sample)
{
    return dataset->count + sample - dataset->copied_from;
}

/* The sample that one of those in the arrays is, or is a shifted copy of. */
static inline int nl_original_of(const struct nl_dataset *dataset, int sample)
{
    return sample < dataset->count || dataset->copies == 0 ? sample : sample - dataset->count + dataset->copied_from;
}

static inline size_t nl_sample_values(const struct nl_dataset *dataset)
{
    const struct nl_shape *shape = &dataset->shape;
    return (size_t)shape->height * (size_t)shape->width * (size_t)shape->channels;
}

/* Facts: shape, and samples in each part before data.train/test/val are applied. */
struct nl_data_facts {
    struct nl_shape shape;
    int train, test;
    int64_t tokens; /* of a text, in both parts */
    bool pool; /* no test part is given: every split seed takes one from the whole */
    const char *title, *source, *licence, *files; /* files: what data.dir must hold; "" for none */
};
/* The files of npy say it themselves: the heads of the images and the labels are read. Where they are not right, train
 * is 0, and nl_data_check says what is wrong. */
struct nl_data_facts nl_data_facts(const struct nl_config *config);

/* Samples in each part of a trial, as nl_split_make will take them; no file touched. */
struct nl_counts {
    int train, val, test;
    /* The share of the part that is expected in another seed's part too, from 0 to 1; 1: all seeds have the same. */
    double val_overlap, test_overlap;
};
struct nl_counts nl_data_counts(const struct nl_config *config);

/* What is wrong with the data section (sizes, augmentation that does not fit): complaints at the keys. */
void nl_data_check(const struct nl_config *config, const struct nl_experiment *experiment,
                   struct nl_diagnostics *diagnostics);

/* Where the files of a data set are looked for without data.dir: $NORMLAB_DATA/<name>, or else normlab/<name> in the
 * folder for the user's data, $XDG_DATA_HOME or ~/.local/share. New string; NULL with an error where HOME is not set
 * either. */
char *nl_data_folder(const char *name, struct nl_error *err);

/* The files of the user's own arrays (data.name npy) or the table (csv), whether they are there or not: new strings.
 * NULL: there is none. */
enum { NL_DATA_FILES = 4 };
void nl_data_files(const struct nl_config *config, char *path[NL_DATA_FILES]);

/* Whether path is that of a file of a standard set (mnist, cifar10, ...), be it there or not, in the folder where
 * config has its data. */
bool nl_data_owns(const struct nl_config *config, const char *path);

/* Whether the data are the user's own arrays or table, which no other machine has. */
bool nl_data_is_own(const struct nl_config *config);

/* Loads or generates. NULL on error: missing, truncated, oversized or mislabelled files are named with what was
 * expected. */
struct nl_dataset *nl_dataset_open(const struct nl_config *config, struct nl_error *err);
void nl_dataset_free(struct nl_dataset *dataset);

/* What the user's own arrays and texts may be meant to be otherwise (integers as floats, a test part in another scale,
 * CRLF): warnings, each with its remedy. */
void nl_own_doubts(const struct nl_dataset *set, const struct nl_config *config, const struct nl_experiment *experiment,
                   struct nl_diagnostics *warnings);

/* Whether the files of a standard set lie nowhere, and data.dir does not say where they should. */
bool nl_data_is_absent(const struct nl_config *config);

/* What guessing gives that does not look at x: a class at random, the most frequent label of all positions, or the mean
 * of real targets. */
struct nl_chance {
    double accuracy; /* NaN of real targets */
    double loss;     /* of equal logits: ln(classes); of the mean: the variance */
};

/* A trial's parts: indices into the data set. Of windows, those that lie side by side. */
struct nl_split {
    const struct nl_dataset *dataset;
    int32_t *train, *val, *test; /* owned */
    int train_count, val_count, test_count;
    int draws;   /* an epoch draws each of its samples from so many; 0: it has each training sample once */
    enum nl_order_of_epoch sampling;
    int block;      /* NL_SAMPLE_BLOCKS: samples of one class that follow one another */
    int shift_from; /* the epoch from which on training samples are their shifted copies; 0: none, or all epochs have
                       what the training part is */
    int columns; /* of a text whose windows come in order: parts of equal lengths, one for each sample of a batch; else
                    0 */
    int32_t *labels; /* (nl_dataset_room) owned: with label noise on the training part; NULL: there is not one label a
                        sample */
    double *mean, *deviation;    /* (channels) owned; 0 and 1 where data.standardize is false */
    float *table;                /* (channels, 256) owned; NULL where the data are not pixels */
    struct nl_chance chance;     /* on the training part */
};

/* The split: streams "split" (data.split_seed) and "label_noise" (train.label_seed). data.train of N takes the
 * first N of the shuffled training part; where a test part is given, data.test likewise. val is taken off the end. A
 * text is not shuffled: the windows are those that follow one another, and what is left of a part after the last is not
 * read. */
int nl_split_make(const struct nl_dataset *dataset, const struct nl_config *config, struct nl_split *view,
                  struct nl_error *err);
void nl_split_release(struct nl_split *view);

/* The rows that the data set has for that input of a network; NULL: it has none. */
const struct nl_sample_rows *nl_dataset_row(const struct nl_dataset *dataset, const char *input);

/* What the data have for that input of a network: labels, the view's, one a sample, unless the data set has others.
 * width 0: nothing. */
struct nl_sample_rows nl_split_rows(const struct nl_split *view, const char *input);

/* x(height, width, channels): sample `index` of the data set as the trainer sees it, without augmentation. */
void nl_split_sample(const struct nl_split *view, int index, float *x);

/* order[train_count]: the training samples (indices into the data set) of an epoch (from 0), stream "order": a
 * permutation, or, with data.sampling replace, each drawn from all; of a text, from all windows that lie in the
 * training part (row epoch, position i). sorted takes that permutation class by class; blocks cuts what sorted gives
 * into blocks of one class each, and takes these in a permutation of stream "blocks". From view->shift_from on the
 * samples are their shifted copies. */
void nl_epoch_order(const struct nl_split *view, uint64_t seed, int64_t epoch, int32_t *order);

/* Whether that order is what struct nl_order (backend/backend.h) can say: a permutation or draws of the training
 * part. */
bool nl_epoch_is_plain(const struct nl_split *view, int64_t epoch);

/* `normlab data export`: <part>_x.npy (float32, n,H,W,C as the trainer sees them, or int64 token ids, n,S),
 * <part>_y.npy (int64, n or n,S; float32 of real targets), <part>_lengths.npy (int64, n, if there are any),
 * <part>_index.npy for train, val (if any), test, into folder. */
int nl_data_export(const struct nl_split *view, const char *folder, struct nl_error *err);

#endif

/* Inside of data: one loader for each source, and what they share. */
#ifndef NL_DATA_SOURCES_H
#define NL_DATA_SOURCES_H

#include <stddef.h>

#include "base/memory.h"
#include "base/npy.h"
#include "data/data.h"

enum { NL_DIGITS_TRAIN = 1408, NL_DIGITS_TEST = 389, NL_SYNTH_TRAIN = 2048, NL_SYNTH_TEST = 1024 };

/* Room for `count` samples of type NL_U8 (pixels) or NL_F32 (values), the first `train_count` of them the training
 * part; and for a label of each, or, where shape.target says so, a real target, which is a row. NULL with an error
 * where the machine's memory cannot hold them. The checksum is set by nl_dataset_open. */
struct nl_dataset *nl_dataset_new(const char *name, enum nl_dtype type, struct nl_shape shape, int64_t count,
                                  int64_t train_count, struct nl_error *err);

/* Samples of rows, and values if `values`: so many int32 or float for the rows, in ->numbers, zeros. NULL with an error
 * where there is no room. */
struct nl_dataset *nl_dataset_new_rows(const char *name, struct nl_shape shape, int64_t count, int64_t numbers,
                                       bool values, struct nl_error *err);

/* Adds what a file is, as far as the system says without reading it; absent ones are alike. */
void nl_add_file_version(struct nl_text *out, const char *path);

struct nl_dataset *nl_digits_make(struct nl_error *err);
struct nl_dataset *nl_synth_make(struct nl_shape shape, double difficulty, int64_t train, int64_t test,
                                 struct nl_error *err);

/* The shape of images becomes that of the sequences that data.as makes of them. NL_FAIL: they have no whole patches,
 * and err says so. */
int nl_arranged(struct nl_shape *shape, const struct nl_config *config, struct nl_error *err);
/* Arranges all samples of a set, which nl_arranged takes. */
void nl_arrange(struct nl_dataset *set, const struct nl_config *config);

/* Adds shifted copies (data.shift) to a set of images as read. *set may become another one. NL_FAIL where memory cannot
 * hold them: *set is as before. */
int nl_shift_make(struct nl_dataset **set, const struct nl_config *config, struct nl_error *err);
/* What is wrong with data.shift; shape: that of the images as read. */
void nl_shift_check(const struct nl_config *config, struct nl_shape shape, const struct nl_experiment *experiment,
                    struct nl_diagnostics *diagnostics);

/* Whether the folder has the training images of mnist or fashion_mnist. */
bool nl_idx_is_in(const char *folder);
/* folder: existing. */
struct nl_dataset *nl_idx_open(const char *name, const char *folder, struct nl_error *err);
/* Where the arrays of npy are read: a file, or a member of an archive (base/npz.h), be it there or not. A key names it;
 * or else it has a usual name in data.dir: train_images.npy and so on, or x_train.npy, y_train.npy, x_test.npy and
 * y_test.npy, in any case, in a folder, in an archive or in the one archive of a folder. In the order of training
 * images and labels, test images and labels; new strings. */
void nl_places(const struct nl_config *config, char *path[NL_DATA_FILES]);
bool nl_place_exists(const char *path);
/* NL_FAIL where that one of the places, which no key names, does not exist: what was expected, and what is there. */
int nl_place_check(const struct nl_config *config, int which, const char *path, struct nl_error *err);
/* Whether other usual names than train_images.npy were found, or an archive: what is read should be said. */
bool nl_places_found(const struct nl_config *config);

/* npy: the user's own arrays. nl_arrays_facts fills in shape, train and test; *key: the configuration key at
 * fault, where it fails. */
int nl_arrays_facts(const struct nl_config *config, struct nl_data_facts *out, const char **key, struct nl_error *err);
struct nl_dataset *nl_arrays_open(const struct nl_config *config, struct nl_error *err);

/* csv: a table of features. As of npy. */
int nl_features_facts(const struct nl_config *config, struct nl_data_facts *out, const char **key,
                      struct nl_error *err);
struct nl_dataset *nl_features_open(const struct nl_config *config, struct nl_error *err);

/* The facts of the files that were looked at last: `files` says which, and what they were read by. nl_facts_remember
 * takes files over. */
bool nl_facts_recall(const char *files, struct nl_data_facts *out);
void nl_facts_remember(char *files, const struct nl_data_facts *facts);

/* Whether the arrays of npy are token ids; then these are what nl_arrays_facts and nl_arrays_open are. */
bool nl_tokens_are(const struct nl_config *config);
int nl_tokens_facts(const struct nl_config *config, struct nl_data_facts *out, const char **key, struct nl_error *err);
struct nl_dataset *nl_tokens_open(const struct nl_config *config, struct nl_error *err);

/* text. nl_text_facts as nl_arrays_facts. */
int nl_text_facts(const struct nl_config *config, struct nl_data_facts *out, const char **key, struct nl_error *err);
struct nl_dataset *nl_text_open(const struct nl_config *config, struct nl_error *err);

/* Judges the user's own arrays and texts: NL_FAIL where nothing can be learned from them. */
int nl_own_judge(const struct nl_dataset *set, struct nl_error *err);

struct nl_dataset *nl_cifar_open(const char *name, const char *folder, int classes, struct nl_error *err);

#endif

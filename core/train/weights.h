/* Weights and statistics in a file: safetensors, under PyTorch-like names and in PyTorch's shapes, so that
 * model.load_state_dict(safetensors.torch.load_file(path)) works on a module with the same names.
 *
 *     fc1.weight (O, I)  fc1.bias (O)            conv1.weight (O, I, 3, 3)  conv1.bias (O)
 *     norm1.weight, norm1.bias (C), or (H, W, C) with norm.affine = element
 *     norm1.running_mean, norm1.running_var (C)  norm1.num_batches_tracked ()  int64
 *     head.weight (K, I)  head.bias (K)
 *
 * A fully connected layer on an image takes it flattened in height, width, channel order. float64 from ref, float32
 * from cpu.
 *
 * The file's metadata are the configuration, each key but those of plot with its value ("train.lr": "0.05"), and
 *
 *     data_sha256   checksum of the data set       load_sha256   of the file it started from (model.load), or ""
 *     numerics      NL_NUMERICS_VERSION
 *     network       the graph (graph/describe.c), of which cmd/python makes a module of PyTorch
 *     folded        of what `normlab fold` wrote: which nodes went into which layers (graph/fold.h). The configuration
 *                   is that of the network before; load_sha256 is the checksum of its file
 *     alphabet      of a text of characters: their code points, in the order of their tokens ("10 32 33")
 *
 * so that `normlab eval FILE` needs nothing else, and `normlab sample FILE` not even the text.
 */
#ifndef NL_TRAIN_WEIGHTS_H
#define NL_TRAIN_WEIGHTS_H

#include "base/safetensors.h"
#include "train/plan.h"

/* What a network comes from. */
struct nl_source {
    const struct nl_config *config;
    const struct nl_dataset *dataset;
    const struct nl_tensor_file *load; /* weights it started from, or NULL */
    const char *folded;                /* what of the network is folded (graph/fold.h), or NULL */
};

int nl_weights_save(const struct nl_plan *plan, int replica, const struct nl_source *source, const char *path,
                    struct nl_error *err);

/* Files of other programs: what wrappers of PyTorch put before every name ("module.", "_orig_mod.") is taken off.
 * file->notes becomes what was read otherwise than it stands in the file, in words. */
void nl_weights_adopt(struct nl_tensor_file *file);

/* What a network need not have of a file that it starts from (model.load_norm, model.load_head). Tensors of a
 * normalizer are taken where name and shape fit. What is not taken stays as it is: drawn, or at its initial value. */
enum {
    NL_REPLACES_NORM = 1, /* normalizers, with the biases of layers, which a normalizer may have made superfluous */
    NL_REPLACES_HEAD = 2  /* the last layer: nothing of it is taken */
};
unsigned nl_weights_replaced(const struct nl_config *config);

/* What is taken and what is not, in a sentence, where something is replaced. NULL: nothing is. New string. The file is
 * one that nl_weights_check found right for the graph. */
char *nl_weights_explain(const struct nl_graph *graph, const struct nl_tensor_file *file, unsigned replaced);

/* Whether a tensor of that role, a running statistic or a count, begins at its initial value although a file is loaded:
 * the file has none that fits. */
bool nl_weights_lack(const struct nl_graph *graph, const struct nl_tensor_file *file, unsigned replaced,
                     enum nl_role role);

/* Whether the file has every tensor of the graph that is saved, each in its shape, and no other; what stands after
 * "training." (train/checkpoint.h) is not looked at, and files of other programs need no num_batches_tracked.
 * replaced: NL_REPLACES_..., or 0. NL_FAIL: err names what is missing, too much, or of another shape; or, if `finite`,
 * what holds numbers that are not finite. path: for the message. */
int nl_weights_check(const struct nl_graph *graph, const struct nl_tensor_file *file, const char *path,
                     unsigned replaced, bool finite, struct nl_error *err);

/* Takes weights and statistics from a file that nl_weights_check found right for the graph, with the same `replaced`. A
 * count of batches that it lacks is 0. */
void nl_weights_load(const struct nl_plan *plan, int replica, const struct nl_tensor_file *file, unsigned replaced);

/* The network that a file holds: the configuration's, folded as the file says, which nl_weights_check found right.
 * graph: to be released either way. */
int nl_weights_network(const struct nl_config *config, struct nl_shape shape, const struct nl_tensor_file *file,
                       const char *path, struct nl_graph *graph, struct nl_error *err);

/* Whether `normlab fold` wrote it: a network that is evaluated with running statistics, and not trained. */
bool nl_weights_are_folded(const struct nl_tensor_file *file);

/* ---- what files are made of ---- */

/* The saved tensors in the order of files: parameters first. before NULL: the first. NULL: there are no more. */
const struct nl_tensor *nl_weights_next(const struct nl_graph *graph, const struct nl_tensor *before);

/* A tensor as a file has it, reals of a type (NL_F32, NL_F64) in PyTorch's order. stored: as backends have them; NULL:
 * name, type and shape without numbers, of integers, too. */
struct nl_tensor_file_entry nl_weights_entry(const struct nl_tensor *tensor, enum nl_dtype real, const double *stored);

/* The other way round. New array. */
double *nl_weights_stored(const struct nl_tensor *tensor, const struct nl_tensor_file_entry *entry);

/* Key, value, key, value, ..., NULL: new strings. */
char **nl_weights_metadata(const struct nl_graph *graph, const struct nl_source *source);

/* What nl_weights_save writes: tensors, with room for `extra` more, and metadata. nl_safetensors_release frees it. */
struct nl_tensor_file nl_weights_file(const struct nl_plan *plan, int replica, const struct nl_source *source,
                                      int extra);

#endif

/* Hyperparameters in files of other programs, as a configuration: sweeps of Weights & Biases, configurations of Hydra,
 * and files with the names that PyTorch's users give them. Names are translated by translate.def and synonyms.def,
 * values by values.def. */
#ifndef NL_CONFIG_TRANSLATE_H
#define NL_CONFIG_TRANSLATE_H

#include "config/yaml.h"

/* What the file is: "a sweep of Weights & Biases", "a configuration of Hydra" or "of Lightning", "a file of
 * hyperparameters as PyTorch's users call them"; NULL: none of these, or one that has keys of ours. */
const char *nl_foreign_kind(const struct nl_node *root);

/* The configuration, as commented YAML: a line for each thing that was translated, with what it was, and comments on
 * what was left out, with the reason. path is named in it; root is of a kind. New string. */
char *nl_foreign_translated(const struct nl_node *root, const char *path);

#endif

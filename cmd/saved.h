/* A saved network as an argument: the file, and the configuration that it says it was trained with. */
#ifndef NL_CMD_SAVED_H
#define NL_CMD_SAVED_H

#include "cmd.h"

/* Reads arguments' file, to be released; false: the message was printed. */
bool read_saved(const char *path, struct nl_tensor_file *out);

/* The configuration in the file, or that of --config (NULL: none is given); overrides go on top. Values are not checked
 * with one another yet. what: what the command does with one network, for messages: "eval scores". false: the message
 * was printed. */
bool load_saved(const char *config, const struct arguments *arguments, const struct nl_tensor_file *file,
                const char *what, struct nl_experiment *out);

/* As load_saved, and checks the values. */
bool load_checked(const char *config, const struct arguments *arguments, const struct nl_tensor_file *file,
                  const char *what, struct nl_experiment *out);

/* The data of the configuration: those that the network of the file at `path` was trained on, unless --other-data
 * allows others. NULL: the message was printed. */
struct nl_dataset *open_data_of(const char *path, const struct nl_tensor_file *file, const struct nl_config *config,
                                bool other_data);

/* Whether a file can be written there, and is none that is read (the model, that of --config, data), nor one of a trial;
 * true where none is written (NULL). false: the message was printed. */
bool is_free_of_saved(const char *option, const char *path, const char *model, const char *config_file,
                      const struct nl_config *config);

/* Whether the network was trained on these data, by their checksum, or its file does not say; false: the message was
 * printed. hint: what to do then. */
bool is_trained_on(const char *path, const struct nl_tensor_file *file, const struct nl_dataset *dataset,
                   const char *hint);

/* Warns of each key by which the parts have other samples than in training, and of what follows. */
void warn_of_another_split(const struct nl_tensor_file *file, const struct nl_config *config, const char *consequence);

#endif

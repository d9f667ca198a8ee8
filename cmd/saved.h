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

#endif

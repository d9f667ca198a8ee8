/* Parts of nl_config_check. */
#ifndef NL_CONFIG_CHECK_H
#define NL_CONFIG_CHECK_H

#include "config/config.h"

void nl_check_transformer(const struct nl_config *config, const struct nl_experiment *experiment,
                          struct nl_diagnostics *diagnostics);

void nl_check_formula(const struct nl_config *config, const struct nl_experiment *experiment,
                      struct nl_diagnostics *diagnostics);

#endif

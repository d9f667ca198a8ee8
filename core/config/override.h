#ifndef NL_CONFIG_OVERRIDE_H
#define NL_CONFIG_OVERRIDE_H

#include "config/entries.h"

/* One argument "KEY=VALUE" of the command line. */
void nl_apply_override(struct nl_loader *loader, const char *argument);

#endif

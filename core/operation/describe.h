/* What an operation says of itself beside its shapes and parameters, as members of a JSON object. For `describe`. */
#ifndef NL_OPERATION_DESCRIBE_H
#define NL_OPERATION_DESCRIBE_H

#include "base/json.h"
#include "operation/operation.h"

/* A number that the node has of its own; nothing where the configuration's counts. */
static inline void nl_describe_override(struct nl_text *json, const char *name, struct nl_override own)
{
    if (own.given)
        nl_json_member_number(json, name, own.value);
}

#endif

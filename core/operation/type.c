#include "operation/operation.h"

size_t nl_type_bytes(enum nl_tensor_type type, size_t real)
{
    switch (type) {
    case NL_TENSOR_REAL:
        return real;
    case NL_TENSOR_DOUBLE:
        return sizeof(double);
    case NL_TENSOR_INT32:
        return sizeof(int32_t);
    case NL_TENSOR_INT64:
        return sizeof(int64_t);
    case NL_TENSOR_UINT32:
        return sizeof(uint32_t);
    }
    NL_BUG("tensor type %d", type);
}

/* What a computation can be told to be, and the word for each choice. Keys of the configuration (config/keys.def) and
 * kernels have these enumerations in common, and nothing else: numbers know no keys. The words stand in the order of
 * the enumeration and end with NULL.
 */
#ifndef NL_BASE_CHOICES_H
#define NL_BASE_CHOICES_H

enum nl_activation { NL_RELU, NL_SIGMOID, NL_TANH, NL_GELU, NL_SILU };
extern const char *const nl_activation_names[];

enum nl_gelu { NL_GELU_ERF, NL_GELU_TANH };
extern const char *const nl_gelu_names[];

enum nl_affine { NL_AFFINE_CHANNEL, NL_AFFINE_ELEMENT, NL_AFFINE_NONE };
extern const char *const nl_affine_names[];

enum nl_optimizer {
#define OPTIMIZER(NAME, word, help) NL_##NAME,
#include "base/optimizers.def"
};
extern const char *const nl_optimizer_names[];
extern const char nl_optimizer_help[];

enum nl_device_kind { NL_CPU, NL_REF, NL_CUDA };
extern const char *const nl_device_names[];

/* To what the inputs of matrix products and convolutions are rounded. */
enum nl_precision { NL_FLOAT32, NL_TF32, NL_BF16, NL_3XTF32 };
extern const char *const nl_precision_names[];

/* Whose matrix products are called. */
enum nl_gemm { NL_GEMM_OWN, NL_GEMM_OPENBLAS };
extern const char *const nl_gemm_names[];

enum nl_conv_algorithm { NL_CONV_WINOGRAD, NL_CONV_DIRECT };
extern const char *const nl_conv_algorithm_names[];

/* A truth value, or auto. */
enum nl_switch { NL_SWITCH_AUTO, NL_SWITCH_ON, NL_SWITCH_OFF };
extern const char *const nl_switch_names[];

#endif

/* The words of the choices. */
#include <stddef.h>

#include "base/choices.h"

const char *const nl_activation_names[] = {"relu", "sigmoid", "tanh", "gelu", "silu", NULL};
const char *const nl_gelu_names[] = {"none", "tanh", NULL};
const char *const nl_affine_names[] = {"channel", "element", "none", NULL};
const char *const nl_device_names[] = {"cpu", "ref", "cuda", NULL};
const char *const nl_precision_names[] = {"float32", "tf32", "bf16", "3xtf32", NULL};
const char *const nl_gemm_names[] = {"own", "openblas", NULL};
const char *const nl_conv_algorithm_names[] = {"winograd", "direct", NULL};
const char *const nl_switch_names[] = {"auto", "true", "false", NULL};

const char *const nl_optimizer_names[] = {
#define OPTIMIZER(NAME, word, help) #word,
#include "base/optimizers.def"
    NULL};
const char nl_optimizer_help[] = "how weights are updated"
#define OPTIMIZER(NAME, word, help) "; " #word ": " help
#include "base/optimizers.def"
    ;

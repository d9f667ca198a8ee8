/* Seconds of one training step of all replicas, on the device. */
#ifndef TESTS_GPU_STEPS_H
#define TESTS_GPU_STEPS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum steps_net { STEPS_MLP, STEPS_RESNET20 };

/* norm: an index into nl_norms. in_one_go: many steps in one launch; 0 where this network's are launches. Ends the
 * program where there is no room. */
double seconds_of_step(enum steps_net net, int norm, int batch, int replicas, int steps, bool in_one_go);

#ifdef __cplusplus
}
#endif

#endif

/* Seconds of one training step of all replicas, on the device. */
#ifndef TESTS_GPU_STEPS_H
#define TESTS_GPU_STEPS_H

#ifdef __cplusplus
extern "C" {
#endif

enum steps_net { STEPS_MLP, STEPS_RESNET20 };

/* norm: an index into nl_norms. Ends the program where there is no room. */
double seconds_of_step(enum steps_net net, int norm, int batch, int replicas, int steps);

#ifdef __cplusplus
}
#endif

#endif

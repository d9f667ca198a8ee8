/* For tests of kernels that are compiled for several instruction sets: all numbers that an operation makes, and whether
 * they are the same bits on each. */
#ifndef TESTS_BITS_H
#define TESTS_BITS_H

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/cpu/isa.h"
#define PROBE_BYTES (1 << 21)
#include "harness.h"

enum { MOST = 1 << 17 }; /* numbers of one operation */

/* y and all gradients, one after the other. */
static inline size_t results(const struct nl_backend *backend, struct spec spec, double *to)
{
    struct probe p = probe_make(backend, 1, spec);
    size_t count = p.y_count;
    probe_fill(&p, 0, 7);
    probe_forward(&p);
    probe_backward(&p);
    ck_assert(count <= MOST);
    image_get(&p.image, 0, p.y, to, count);
    for (int k = 0; k < p.inputs; k++) {
        ck_assert(count + p.input[k].count <= MOST);
        image_get(&p.image, 0, p.input[k].gradient, to + count, p.input[k].count);
        count += p.input[k].count;
    }
    image_check_gaps(&p.image, spec.name);
    probe_free(&p);
    return count;
}

/* The instruction set is chosen once in a process, so each has one of its own, which leaves its results in shared
 * memory. */
static inline size_t results_on(const char *isa, enum nl_isa expected, struct spec spec, double *shared)
{
    size_t *count = (size_t *)(shared + MOST);
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
        setenv("NORMLAB_ISA", isa, 1);
        if (nl_cpu_isa() > expected)
            _exit(1);
        *count = results(&nl_backend_cpu, spec, shared);
        _exit(0);
    }
    int status;
    ck_assert(waitpid(child, &status, 0) == child);
    ck_assert_msg(status == 0, "%s on %s: status %d", spec.name, isa, status);
    return *count;
}

static inline void check_bits(struct spec spec)
{
    static const char *const names[] = {"plain", "avx2", ""};
    double *found[3];
    size_t count[3], bytes = (MOST + 1) * sizeof(double);
    for (int k = 0; k < 3; k++) {
        found[k] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert(found[k] != MAP_FAILED);
        count[k] = results_on(names[k], (enum nl_isa)k, spec, found[k]);
    }
    for (int k = 1; k < 3; k++) {
        ck_assert(count[k] == count[0] && count[0] > 0);
        for (size_t i = 0; i < count[0]; i++)
            ck_assert_msg(memcmp(&found[k][i], &found[0][i], sizeof(double)) == 0,
                          "%s, %d of %dx%dx%d, out %d: number %zu of %zu is %.9g on '%s', %.9g on 'plain'", spec.name,
                          spec.samples, spec.height, spec.width, spec.channels, spec.out, i, count[0], found[k][i],
                          names[k], found[0][i]);
    }
    for (int k = 0; k < 3; k++)
        munmap(found[k], bytes);
}

#endif

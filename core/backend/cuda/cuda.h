/* Private to the cuda backend: its functions (table.c lists them) and what its kernels share.
 *
 * Replicas. Every kernel has the replica as a dimension of its grid, z: R trials advance in one launch. Image r starts
 * r * stride bytes after the first (nl_at).
 *
 * Bits. On one device a result depends on the shape and the numbers only, never on R: how a sum is split and in which
 * order its parts are joined follows from the operation's own sizes, and nothing is added atomically. float32
 * throughout, but for what device.precision rounds for matrix products (gemm_mma.cuh); what operations and optimizers
 * want in double is double.
 *
 * Threads. Each thread of the host works in its own stream (cudaStreamPerThread) and has its own scratch. A call that
 * fails is remembered, the first one of a thread (nl_cuda_status); all after it do nothing.
 */
#ifndef NL_BACKEND_CUDA_CUDA_H
#define NL_BACKEND_CUDA_CUDA_H

#ifdef __cplusplus
#include <math.h> /* here, because C++ has templates in it, which cannot be inside extern "C" */

extern "C" {
#endif

#include "backend/backend.h"
#include "operation/gather.h"

/* memory.cu */
int nl_cuda_devices(struct nl_error *err);
void nl_cuda_describe(int device, char *text, size_t size);
double nl_cuda_memory(int device);
int nl_cuda_multiplies(int device, enum nl_precision precision, struct nl_error *err);
int nl_cuda_thread_begin(int device, struct nl_error *err);
int nl_cuda_status(struct nl_error *err);
bool nl_cuda_is_lost(void);
void *nl_cuda_alloc(size_t bytes);
void nl_cuda_free(void *memory, size_t bytes);
void nl_cuda_upload(void *to, const void *from, size_t bytes);
void nl_cuda_download(void *to, const void *from, size_t bytes);
void nl_cuda_upload_rows(void *to, size_t stride, const void *from, size_t bytes, int count);
void nl_cuda_download_rows(void *to, const void *from, size_t stride, size_t bytes, int count);
void nl_cuda_put_reals(void *to, const double *from, size_t count);
void nl_cuda_get_reals(double *to, const void *from, size_t count);
const void *nl_cuda_share(const void *memory, size_t bytes);
void nl_cuda_unshare(const void *shared);

void nl_cuda_replay(struct nl_tape **tape, const struct nl_run *run, const int32_t *index,
                    void (*body)(const void *context), const void *context);
void nl_cuda_forget(struct nl_tape *tape);

struct nl_executable *nl_cuda_compile(const struct nl_step *step, const struct nl_run *run);
void nl_cuda_execute(const struct nl_executable *executable, const struct nl_run *run, const int32_t *index,
                     const struct nl_hyper *rates, int steps);
void nl_cuda_discard(struct nl_executable *executable);

/* For tests and benchmarks of what else there is, in all threads, from now on: no more than so many blocks are a
 * cluster (1: none are); y and dx of a product are cut over k into so many chunks at most; and of each choice, whether
 * it is made, as it is unless something else is said. */
enum nl_cuda_choice {
    NL_CUDA_JOINS, /* plans that are made have batch normalization joined with the convolutions beside it (joined.cu) */
    NL_CUDA_PAIRS, /* the gradients of a layer's weights and of its input are one launch (gemm.cuh) */
    NL_CUDA_SECTORS, /* sets of few channels are taken by whole sectors (normalize_narrow.cu) */
    NL_CUDA_CHOICES
};
void nl_cuda_limit_cluster(unsigned most);
void nl_cuda_limit_chunks(int most);
void nl_cuda_let(enum nl_cuda_choice choice, bool lets);

/* Calls of a list, several in one go where a kernel does them (struct nl_backend). */
void nl_cuda_run_calls(const struct nl_run *run, const struct nl_call *call, int calls);

void nl_cuda_order(const struct nl_run *run, const struct nl_order *op);
void nl_cuda_update(const struct nl_run *run, const struct nl_update *op);

#ifdef __cplusplus
} /* extern "C" */

#include <cuda_runtime.h>

/* Defines the kernel of an operation, nl_cuda_NAME, which the backend then has. suits: NULL where it computes all
 * arguments; backward: NULL where no gradient goes through it. */
#define NL_CUDA_KERNEL(name, suits, forward, backward)                                                                 \
    NL_CUDA_KERNEL_IN_PARTS(name, suits, forward, backward, NULL, NULL, NULL, NULL, NULL)

/* Defines a kernel that may come in parts, and says whether it does (struct nl_kernel). */
#define NL_CUDA_KERNEL_IN_PARTS(name, suits, forward, backward, micro, reduce, apply, backward_reduce, backward_apply) \
    extern const struct nl_kernel nl_cuda_##name = {suits,           forward,        backward, micro, reduce, apply,   \
                                                    backward_reduce, backward_apply, NULL,     NULL,  NULL}

/* Remembers what went wrong first; true: nothing did. */
bool nl_cuda_good(cudaError_t status, const char *file, int line);
#define NL_GOOD(call) nl_cuda_good((call), __FILE__, __LINE__)
bool nl_cuda_fine(); /* nothing went wrong so far */

/* Room on the device for one operation, this thread's own; what the next operation does not need may be overwritten by
 * it. NULL where there is none left (remembered). */
void *nl_cuda_scratch(size_t bytes);

/* So many zeros on the device, this thread's own, for nl_last_block. NULL as nl_cuda_scratch. */
unsigned *nl_cuda_tickets(size_t count);

/* What changes from step to step, in device memory, so that a recorded step can be replayed. */
struct nl_cuda_moment {
    int64_t step, epoch, begins; /* begins: 1 in the first step of an epoch, else 0 */
    const int32_t *index; /* of the batch, in replica 0's state */
    struct nl_loss_sums *sums;
};

/* The thread's moment on the device, after telling it what `run` and an operation say; index or run->sums NULL: as it
 * is. */
const struct nl_cuda_moment *nl_cuda_now(const struct nl_run *run, const int32_t *index);

/* How many blocks may be a cluster: 1 on a device without clusters, or where what is built is not for one with them. */
unsigned nl_cuda_cluster();

/* What nl_cuda_let and nl_cuda_limit_chunks have set. */
bool nl_cuda_lets(enum nl_cuda_choice choice);
int nl_cuda_most_chunks();

/* A kernel in every replica; nothing where something went wrong before, so that one without its scratch reaches
 * nowhere: a bad address would end the device's work for all threads. */
#define NL_LAUNCH(kernel, grid, block, ...) NL_LAUNCH_WITH(kernel, grid, block, 0, __VA_ARGS__)

/* With so many bytes of shared memory for the kernel's NL_ROOM, which starts at a multiple of 64. */
#define NL_LAUNCH_WITH(kernel, grid, block, bytes, ...)        \
    do {                                                       \
        if (nl_cuda_fine()) {                                  \
            NL_START(kernel, grid, block, bytes, __VA_ARGS__); \
            NL_GOOD(cudaGetLastError());                       \
        }                                                      \
    } while (0)
/* Launches a kernel in clusters, of so many neighbours along x. */
#define NL_LAUNCH_CLUSTERS(cluster, kernel, grid, block, ...)              \
    do {                                                                   \
        if (nl_cuda_fine())                                                \
            NL_GOOD(NL_START_CLUSTERS(cluster, kernel, grid, block, __VA_ARGS__)); \
    } while (0)
#ifdef __CUDACC__
#define NL_START(kernel, grid, block, bytes, ...) kernel<<<grid, block, bytes, cudaStreamPerThread>>>(__VA_ARGS__)
#define NL_ROOM(name) extern __shared__ __align__(64) char name[]
#define NL_START_CLUSTERS(cluster, kernel, grid, block, ...)                                                           \
    nl_start_clusters(cluster, grid, block, kernel, __VA_ARGS__)
template <class... P, class... A>
static inline cudaError_t nl_start_clusters(unsigned cluster, dim3 grid, unsigned threads, void (*kernel)(P...),
                                            A... arguments)
{
    cudaLaunchAttribute size = {};
    cudaLaunchConfig_t config = {};
    size.id = cudaLaunchAttributeClusterDimension;
    size.val.clusterDim.x = cluster, size.val.clusterDim.y = size.val.clusterDim.z = 1;
    config.gridDim = grid;
    config.blockDim = dim3(threads);
    config.stream = cudaStreamPerThread;
    config.attrs = &size;
    config.numAttrs = 1;
    return cudaLaunchKernelEx(&config, kernel, arguments...);
}
#else /* a host that runs the kernels itself: tests/host_cuda */
#define NL_START(kernel, grid, block, bytes, ...) nl_host_launch(1, grid, block, bytes, kernel, __VA_ARGS__)
#define NL_START_CLUSTERS(cluster, kernel, grid, block, ...)                                                           \
    nl_host_launch(cluster, grid, block, 0, kernel, __VA_ARGS__)
#define NL_ROOM(name) char *const name = nl_host_room()
#endif

/* Threads of a block where nothing says otherwise. */
static const unsigned NL_THREADS = 256;

static inline __host__ __device__ unsigned nl_blocks(size_t count, size_t each)
{
    return (unsigned)((count + each - 1) / each);
}

/* A launch of one thread an element, in every replica: the grid, and in the kernel the element. */
static inline dim3 nl_grid_over(const struct nl_run *run, size_t count)
{
    return dim3(nl_blocks(count, NL_THREADS), 1, (unsigned)run->replicas);
}

static __device__ inline size_t nl_element()
{
    return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}

/* The place in the state of this block's replica; NULL stays NULL. No integer on the way: the compiler does not know
 * of a pointer that was one that it is global. */
template <typename T> static __device__ inline T *nl_at(T *place, size_t stride)
{
    return place ? (T *)((const char *)place + blockIdx.z * stride) : (T *)nullptr;
}

/* Sum over a warp, in a fixed order; every lane has it. */
template <typename T> static __device__ inline T nl_warp_sum(T value)
{
    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
}

/* The threads that work together: a block of whole warps, or one of its warps. */
struct nl_team {
    unsigned rank, size; /* of the thread; threads */
};

static __device__ inline struct nl_team nl_block()
{
    return {threadIdx.x, blockDim.x};
}

static __device__ inline struct nl_team nl_warp()
{
    return {threadIdx.x % 32, 32};
}

/* Sums over a team, in a fixed order; every thread has them. Of two numbers at once, because they come in pairs. */
static __device__ inline void nl_team_sum(const struct nl_team &team, double *a, double *b)
{
    __shared__ double part[2][32];
    int warps = (team.size + 31) / 32, warp = team.rank / 32, lane = team.rank % 32;
    *a = nl_warp_sum(*a);
    *b = nl_warp_sum(*b);
    if (warps == 1)
        return;
    __syncthreads(); /* the room may still be read from the last time */
    if (lane == 0) {
        part[0][warp] = *a;
        part[1][warp] = *b;
    }
    __syncthreads();
    *a = *b = 0.0;
    for (int i = 0; i < warps; i++) {
        *a += part[0][i];
        *b += part[1][i];
    }
}

/* Over the block. */
static __device__ inline void nl_block_sum(double *a, double *b)
{
    nl_team_sum(nl_block(), a, b);
}

/* Waits for all blocks of the cluster; each sees what the others wrote before. */
static __device__ inline void nl_cluster_sync()
{
#ifndef __CUDACC__
    host_cuda_cluster_sync();
#elif __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" : : : "memory");
#else
    __trap(); /* not launched there: nl_cuda_cluster */
#endif
}

/* Whether this block is the last one that comes here of the `blocks` that share a ticket; it sees what the others wrote
 * before. That is how a launch ends with the sum of what its blocks found: in an order of its own, whichever block does
 * it. The ticket is 0 again after it. */
static __device__ inline bool nl_last_block(unsigned *ticket, unsigned blocks)
{
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0)
        last = atomicInc(ticket, blocks - 1) == blocks - 1;
    __syncthreads();
    __threadfence();
    return last;
}
#endif

#endif

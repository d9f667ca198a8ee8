/* CUDA on the host: compiles the kernels of core/backend/cuda as C++ and executes them as they are written, so that
 * they are judged where there is no GPU. For tests; slow.
 *
 * Blocks run one after the other, those of a cluster at once. The threads of a block are fibers that run in turn until
 * a barrier: __syncthreads waits for the whole block, a shuffle for its warp; a barrier that part of a block never
 * reaches is reported. __shared__ is static memory; what lies on the "device" is the heap, so that the address
 * sanitizer sees a kernel that reaches beyond it. What this cannot show: races between threads that no barrier orders
 * and that happen to run in the right turn here (compute-sanitizer shows them, tests/gpu), and speed.
 */
#ifndef TESTS_HOST_CUDA_RUNTIME_H
#define TESTS_HOST_CUDA_RUNTIME_H

#include <atomic>
#include <functional>
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread>
#include <tuple>
#include <ucontext.h>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__ static thread_local

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct alignas(16) float4 {
    float x, y, z, w;
};

inline thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

template <typename T> static inline T min(T a, T b) { return b < a ? b : a; }
template <typename T> static inline T max(T a, T b) { return a < b ? b : a; }

/* ---- fibers ---- */

enum {
    HOST_CUDA_STACK = 256 << 10,
    HOST_CUDA_THREADS = 1024,
    HOST_CUDA_WARP = 32,
    HOST_CUDA_ROOM = 227 << 10 /* of a block */
};

/* A place to go on from. swapcontext makes two system calls a switch, so it only starts a fiber, which then serves
 * block after block: all other switches are the compiler's own setjmp and longjmp, which save three registers. The
 * sanitizer, which wants to know where the stack is, gets swapcontext for every switch. */
struct host_cuda_fiber {
    ucontext_t start;
    void *at[5];
    void *stack; /* NULL: not started */
    bool done;
};

static inline void host_cuda_switch(host_cuda_fiber *from, host_cuda_fiber *to, bool starts)
{
#ifdef __SANITIZE_ADDRESS__
    (void)starts;
    swapcontext(&from->start, &to->start);
#else
    if (__builtin_setjmp(from->at) != 0)
        return;
    if (!starts)
        __builtin_longjmp(to->at, 1);
    ucontext_t left;
    swapcontext(&left, &to->start);
#endif
}

/* What the lanes of a warp show each other: at most the registers of a matrix instruction. */
struct host_cuda_lane {
    uint32_t word[6];
};

struct host_cuda_warp {
    unsigned arrived, turn;
    host_cuda_lane slot[2][HOST_CUDA_WARP];
};

struct host_cuda_block {
    host_cuda_fiber scheduler, fiber[HOST_CUDA_THREADS];
    host_cuda_warp warp[HOST_CUDA_THREADS / HOST_CUDA_WARP];
    const std::function<void()> *body;
    char *room; /* its dynamic shared memory, or NULL */
    unsigned threads, current, alive, arrived, turn;
};

inline thread_local host_cuda_block *host_cuda_now;

static inline char *nl_host_room() { return host_cuda_now->room; }

[[noreturn]] inline void host_cuda_wrong(const char *what)
{
    fprintf(stderr, "host_cuda: %s (block %u %u %u, thread %u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z,
            threadIdx.x);
    abort();
}

inline void host_cuda_yield()
{
    host_cuda_block *b = host_cuda_now;
    host_cuda_switch(&b->fiber[b->current], &b->scheduler, false);
    threadIdx = dim3(b->current);
}

inline void host_cuda_enter()
{
    for (;;) {
        host_cuda_block *b = host_cuda_now;
        threadIdx = dim3(b->current);
        (*b->body)();
        b->fiber[b->current].done = true;
        b->alive--;
        host_cuda_switch(&b->fiber[b->current], &b->scheduler, false);
    }
}

inline void __syncthreads()
{
    host_cuda_block *b = host_cuda_now;
    if (b->alive != b->threads)
        host_cuda_wrong("a barrier that part of the block left before");
    unsigned turn = b->turn;
    if (++b->arrived == b->threads) {
        b->arrived = 0;
        b->turn++;
        return;
    }
    while (b->turn == turn)
        host_cuda_yield();
}

/* What each lane of the warp gives here, once all have: [32]. */
inline const host_cuda_lane *host_cuda_show(host_cuda_lane given)
{
    host_cuda_block *b = host_cuda_now;
    if (b->threads % HOST_CUDA_WARP != 0)
        host_cuda_wrong("only whole warps");
    host_cuda_warp *w = &b->warp[threadIdx.x / HOST_CUDA_WARP];
    unsigned turn = w->turn;
    w->slot[turn % 2][threadIdx.x % HOST_CUDA_WARP] = given;
    if (++w->arrived == HOST_CUDA_WARP) {
        w->arrived = 0;
        w->turn++;
    }
    while (w->turn == turn)
        host_cuda_yield();
    return w->slot[turn % 2];
}

/* Blocks run one after the other, but for those of a cluster. */
inline void __threadfence()
{
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

static inline unsigned atomicInc(unsigned *at, unsigned most)
{
    unsigned old = __atomic_load_n(at, __ATOMIC_SEQ_CST);
    while (!__atomic_compare_exchange_n(at, &old, old >= most ? 0 : old + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    return old;
}

template <typename T> static inline T __shfl_sync(unsigned mask, T value, int lane)
{
    static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle moves at most 8 bytes");
    if (mask != 0xffffffffu)
        host_cuda_wrong("only shuffles of whole warps");
    host_cuda_lane given = {};
    memcpy(&given, &value, sizeof value);
    memcpy(&value, &host_cuda_show(given)[lane], sizeof value);
    return value;
}

template <typename T> static inline T __shfl_xor_sync(unsigned mask, T value, int lanes)
{
    return __shfl_sync(mask, value, (int)(threadIdx.x % HOST_CUDA_WARP ^ (unsigned)lanes));
}

inline float host_cuda_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* mma.sync m16n8, of A 16 rows by 8 words along k and B 8 words by 8 columns, with the fragments of the PTX ISA: lane l
 * has of A rows l / 4 and l / 4 + 8, words l % 4 and l % 4 + 4; of B column l / 4, the same words; of C those rows,
 * columns 2 (l % 4) and the next. product(a, b): of two words. Each joins the float32 sum in order: one of the
 * roundings that a device may make. */
template <class Product>
inline void host_cuda_mma(float c[4], const uint32_t a[4], const uint32_t b[2], Product product)
{
    const host_cuda_lane *lane = host_cuda_show({{a[0], a[1], a[2], a[3], b[0], b[1]}});
    unsigned group = threadIdx.x % HOST_CUDA_WARP / 4, quad = threadIdx.x % 4;
    for (unsigned e = 0; e < 4; e++)
        for (unsigned word = 0; word < 8; word++) {
            uint32_t left = lane[group * 4 + word % 4].word[e / 2 + word / 4 * 2],
                     right = lane[(2 * quad + e % 2) * 4 + word % 4].word[4 + word / 4];
            c[e] = (float)(c[e] + product(left, right));
        }
}

inline void host_cuda_resume(host_cuda_block *block, host_cuda_fiber *fiber)
{
    bool starts = !fiber->stack;
    if (starts) {
        fiber->stack = malloc(HOST_CUDA_STACK);
        getcontext(&fiber->start);
        fiber->start.uc_stack.ss_sp = fiber->stack;
        fiber->start.uc_stack.ss_size = HOST_CUDA_STACK;
        fiber->start.uc_link = NULL;
        makecontext(&fiber->start, host_cuda_enter, 0);
    }
    host_cuda_switch(&block->scheduler, fiber, starts);
}

/* A thread's, with the stacks of its fibers. */
struct host_cuda_own_block {
    host_cuda_block *block = (host_cuda_block *)calloc(1, sizeof *block);
    ~host_cuda_own_block()
    {
        for (host_cuda_fiber &fiber : block->fiber)
            free(fiber.stack);
        free(block);
    }
};

/* Its memory is as large as was asked for, and NaN: what reaches beyond it is seen, and what nobody wrote. */
inline void host_cuda_run_block(unsigned threads, size_t room, const std::function<void()> &body)
{
    static thread_local host_cuda_own_block own;
    host_cuda_block *block = own.block;
    if (threads > HOST_CUDA_THREADS || threads == 0)
        host_cuda_wrong("a block of too many threads, or of none");
    host_cuda_now = block;
    block->body = &body;
    if (room > 0 && posix_memalign((void **)&block->room, 64, room) != 0)
        host_cuda_wrong("no memory");
    if (room > 0)
        memset(block->room, 0xff, room);
    block->threads = block->alive = threads;
    block->arrived = 0;
    for (unsigned w = 0; w < threads / HOST_CUDA_WARP; w++)
        block->warp[w].arrived = 0;
    for (unsigned t = 0; t < threads; t++)
        block->fiber[t].done = false;
    for (unsigned rounds = 0; block->alive > 0; rounds++) {
        unsigned waiting = block->arrived, alive = block->alive, turn = block->turn;
        for (unsigned t = 0; t < threads; t++)
            if (!block->fiber[t].done) {
                block->current = t;
                host_cuda_resume(block, &block->fiber[t]);
            }
        if (block->arrived > 0 && block->alive != block->threads)
            host_cuda_wrong("a barrier that part of the block never reaches");
        if (rounds > 100000000 && waiting == block->arrived && alive == block->alive && turn == block->turn)
            host_cuda_wrong("the block makes no progress");
    }
    free(block->room);
    block->room = NULL;
}

/* ---- clusters: their blocks run at once, each in a thread of the host ---- */

inline thread_local pthread_barrier_t *host_cuda_cluster; /* NULL: the block is of no cluster */

inline void host_cuda_cluster_sync()
{
    if (!host_cuda_cluster)
        host_cuda_wrong("a cluster's barrier without a cluster");
    __syncthreads();
    if (threadIdx.x == 0)
        pthread_barrier_wait(host_cuda_cluster);
    __syncthreads();
}

/* The cluster that begins with block `first`. */
inline void host_cuda_run_cluster(unsigned cluster, dim3 grid, dim3 first, unsigned threads,
                                  const std::function<void()> &body)
{
    pthread_barrier_t barrier;
    std::vector<std::thread> blocks;
    pthread_barrier_init(&barrier, NULL, cluster);
    for (unsigned i = 0; i < cluster; i++)
        blocks.emplace_back([=, &barrier, &body] {
            gridDim = grid;
            blockDim = dim3(threads);
            blockIdx = dim3(first.x + i, first.y, first.z);
            host_cuda_cluster = &barrier;
            host_cuda_run_block(threads, 0, body);
        });
    for (std::thread &block : blocks)
        block.join();
    pthread_barrier_destroy(&barrier);
}

/* ---- streams and graphs: one stream, in order; a recorded graph is a list of what to do ---- */

typedef int cudaError_t;
enum { cudaSuccess = 0, cudaErrorMemoryAllocation = 2, cudaErrorIllegalAddress = 700 };
typedef int cudaStream_t;
enum { cudaStreamPerThread = 0 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
typedef std::vector<std::function<void()>> *cudaGraph_t, *cudaGraphExec_t;
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };

inline thread_local cudaGraph_t host_cuda_recording;
inline thread_local bool host_cuda_counting; /* what is recorded is counted, never run: count.cu */

inline void host_cuda_do(std::function<void()> work)
{
    if (host_cuda_recording)
        host_cuda_recording->push_back(work);
    else
        work();
}

/* Launches until one ends the context, for tests of what happens then; -1: none does. From then on everything fails, in
 * all threads: host_cuda_context is what every call answers. */
extern "C" {
inline std::atomic<int> host_cuda_launches_left = -1;
inline std::atomic<cudaError_t> host_cuda_context = cudaSuccess;
}

inline bool host_cuda_executes()
{
    if (host_cuda_launches_left == 0)
        host_cuda_context = cudaErrorIllegalAddress;
    host_cuda_launches_left -= host_cuda_launches_left > 0;
    return host_cuda_context == cudaSuccess;
}

/* Arguments are copied when a kernel is launched, as the real launch does. */
template <class... P, class... A>
static inline cudaError_t nl_host_launch(unsigned cluster, dim3 grid, unsigned threads, size_t room,
                                         void (*kernel)(P...), A... arguments)
{
    std::tuple<P...> given(arguments...);
    std::function<void()> body = [=] { std::apply(kernel, given); };
    if (room > HOST_CUDA_ROOM)
        host_cuda_wrong("more shared memory than a block has");
    if (cluster > 8 || grid.x % cluster != 0)
        host_cuda_wrong("clusters that no device takes");
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535)
        host_cuda_wrong("a grid that no device takes");
    host_cuda_do([=] {
        if (!host_cuda_executes())
            return;
        gridDim = grid;
        blockDim = dim3(threads);
        for (unsigned z = 0; z < grid.z; z++)
            for (unsigned y = 0; y < grid.y; y++)
                for (unsigned x = 0; x < grid.x; x += cluster) {
                    blockIdx = dim3(x, y, z);
                    if (cluster > 1)
                        host_cuda_run_cluster(cluster, grid, blockIdx, threads, body);
                    else
                        host_cuda_run_block(threads, room, body);
                }
    });
    return cudaSuccess;
}

static inline cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode)
{
    host_cuda_recording = new std::vector<std::function<void()>>;
    return cudaSuccess;
}

static inline cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph)
{
    *graph = host_cuda_recording;
    host_cuda_recording = NULL;
    return cudaSuccess;
}

static inline cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long)
{
    *out = new std::vector<std::function<void()>>(*graph);
    return cudaSuccess;
}

static inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t)
{
    for (auto &work : *graph)
        work();
    return cudaSuccess;
}

static inline cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

static inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph)
{
    delete graph;
    return cudaSuccess;
}

/* ---- memory and devices ---- */

struct cudaDeviceProp {
    char name[256];
    int major, minor, multiProcessorCount;
    size_t totalGlobalMem;
};

extern "C" {
inline thread_local int host_cuda_left =
    -1; /* allocations that the device has room for, for tests of what happens then; -1: no end of them */
}
inline thread_local cudaError_t host_cuda_last_error;

static inline cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    if (host_cuda_recording && !host_cuda_counting)
        host_cuda_wrong("memory cannot be taken while a graph is recorded");
    *memory = NULL;
    if (host_cuda_left == 0 || posix_memalign(memory, 256, bytes) != 0) /* aligned as the real one */
        return host_cuda_last_error = cudaErrorMemoryAllocation;
    host_cuda_left -= host_cuda_left > 0;
    memset(*memory, 0xff, bytes); /* NaN: what nobody wrote is seen */
    return cudaSuccess;
}

static inline cudaError_t cudaFree(void *memory)
{
    free(memory);
    return host_cuda_context;
}

enum { cudaHostAllocDefault = 0 };

static inline cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned) { return cudaMalloc(memory, bytes); }
static inline cudaError_t cudaFreeHost(void *memory) { return cudaFree(memory); }

static inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t)
{
    if (host_cuda_recording && !host_cuda_counting)
        host_cuda_wrong("a copy from the host cannot be recorded: its source would be gone");
    memcpy(to, from, bytes);
    return host_cuda_context;
}

static inline cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                                            size_t width, size_t height, cudaMemcpyKind, cudaStream_t)
{
    if (host_cuda_recording && !host_cuda_counting)
        host_cuda_wrong("a copy from the host cannot be recorded: its source would be gone");
    for (size_t row = 0; row < height; row++)
        memcpy((char *)to + row * to_pitch, (const char *)from + row * from_pitch, width);
    return host_cuda_context;
}

static inline cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t)
{
    if (!host_cuda_counting)
        host_cuda_do([=] { memset(memory, value, bytes); });
    return cudaSuccess;
}

static inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return host_cuda_context; }

/* Nothing is under way when a call returns: an event has nothing to tell. */
typedef int cudaEvent_t;
enum { cudaEventDisableTiming = 2 };

static inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t *, unsigned) { return host_cuda_context; }
static inline cudaError_t cudaEventDestroy(cudaEvent_t) { return host_cuda_context; }
static inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return host_cuda_context; }
static inline cudaError_t cudaEventSynchronize(cudaEvent_t) { return host_cuda_context; }

static inline cudaError_t cudaGetLastError()
{
    cudaError_t last = host_cuda_last_error;
    host_cuda_last_error = host_cuda_context;
    return last;
}

static inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }

static inline cudaError_t cudaGetDevice(int *device)
{
    *device = 0;
    return cudaSuccess;
}

enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin, cudaDevAttrClusterLaunch };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };

struct cudaFuncAttributes {
    size_t sharedSizeBytes; /* that are not of its dynamic memory */
    int ptxVersion;
};

static inline cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr what, int)
{
    *value = what == cudaDevAttrClusterLaunch ? 1 : HOST_CUDA_ROOM;
    return host_cuda_context;
}

template <class Kernel> static inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, Kernel)
{
    attributes->sharedSizeBytes = 0;
    attributes->ptxVersion = 90;
    return host_cuda_context;
}

template <class Kernel> static inline cudaError_t cudaFuncSetAttribute(Kernel, cudaFuncAttribute, int)
{
    return host_cuda_context;
}

inline size_t host_cuda_free_bytes = (size_t)1 << 30;

static inline cudaError_t cudaMemGetInfo(size_t *left, size_t *all)
{
    *left = *all = host_cuda_free_bytes;
    return cudaSuccess;
}

static inline cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 1;
    return cudaSuccess;
}

static inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int)
{
    memset(out, 0, sizeof *out);
    strcpy(out->name, "the host");
    out->major = 9;
    return cudaSuccess;
}

static inline const char *cudaGetErrorString(cudaError_t status)
{
    return status == cudaSuccess                 ? "no error"
           : status == cudaErrorMemoryAllocation ? "out of memory"
                                                 : "an illegal memory access was encountered";
}

static inline const char *cudaGetErrorName(cudaError_t status)
{
    return status == cudaSuccess                 ? "cudaSuccess"
           : status == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation"
                                                 : "cudaErrorIllegalAddress";
}

#endif

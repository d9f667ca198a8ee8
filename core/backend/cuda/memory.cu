/* Devices, memory, and what a thread of the host holds. */
#include "backend/cuda/cuda.h"

#include <atomic>
#include <limits.h>
#include <mutex>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pinned memory, through which everything is uploaded: a copy from elsewhere may hold up the host until the device has
 * come to it. Two halves: while one is filled the copies from the other go on, and it is filled again when they have
 * ended. */
struct staging {
    char *half[2];         /* of HALF bytes, side by side; NULL: not there yet */
    cudaEvent_t sent[2];   /* recorded after the last copy from a half */
    int filled;            /* the half that is filled, */
    size_t used;           /* and its bytes that are taken */
};

static const size_t HALF = 1 << 20;

/* What a thread has: where it works, its scratch, and what went wrong first. */
struct context {
    int device;
    struct staging staging;
    struct nl_cuda_moment *now, told; /* on the device; what it was last told */
    void *scratch;
    size_t scratch_bytes;
    unsigned *tickets;
    size_t tickets_count;
    bool clusters;                    /* the device has them, and what is built is for such a one */
    int moves;                        /* of scratch and tickets: what was recorded before is void */
    char trouble[256];                /* "": none */

    void release()
    {
        for (int i = 0; i < 2 && staging.half[0]; i++)
            cudaEventDestroy(staging.sent[i]);
        cudaFreeHost(staging.half[0]);
        memset(&staging, 0, sizeof staging);
        cudaFree(now);
        cudaFree(scratch);
        cudaFree(tickets);
        now = NULL;
        scratch = NULL;
        tickets = NULL;
        scratch_bytes = tickets_count = 0;
        moves++;
    }
    ~context() /* of a thread that ends; at the end of the program the driver may be gone, which does no harm */
    {
        release();
    }
};

static thread_local struct context own;

bool nl_cuda_good(cudaError_t status, const char *file, int line)
{
    if (status != cudaSuccess && !own.trouble[0]) {
        const char *name = strrchr(file, '/');
        snprintf(own.trouble, sizeof own.trouble, "cuda: %s (%s, %s:%d)", cudaGetErrorString(status),
                 cudaGetErrorName(status), name ? name + 1 : file, line);
    }
    return status == cudaSuccess && !own.trouble[0];
}

bool nl_cuda_fine()
{
    return !own.trouble[0];
}

int nl_cuda_status(struct nl_error *err)
{
    NL_GOOD(cudaStreamSynchronize(cudaStreamPerThread));
    return own.trouble[0] ? nl_fail(err, "%s", own.trouble) : NL_OK;
}

bool nl_cuda_is_lost()
{
    cudaGetLastError(); /* of an error that is over */
    return cudaStreamSynchronize(cudaStreamPerThread) != cudaSuccess;
}

int nl_cuda_devices(struct nl_error *err)
{
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess)
        nl_fail(err, "no device of kind cuda: %s", cudaGetErrorString(status));
    else if (count == 0)
        nl_fail(err, "no device of kind cuda");
    return status == cudaSuccess ? count : 0;
}

void nl_cuda_describe(int device, char *text, size_t size)
{
    struct cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
        snprintf(text, size, "unknown");
        return;
    }
    snprintf(text, size, "%s, compute capability %d.%d, %d multiprocessors, %.1f GiB", properties.name,
             properties.major, properties.minor, properties.multiProcessorCount,
             (double)properties.totalGlobalMem / 1073741824.0);
}

double nl_cuda_memory(int device)
{
    size_t left = 0, all = 0;
    int before = 0;
    cudaGetDevice(&before);
    bool good = cudaSetDevice(device) == cudaSuccess && cudaMemGetInfo(&left, &all) == cudaSuccess;
    cudaSetDevice(before);
    cudaGetLastError(); /* a device that cannot be asked has no room */
    return good ? (double)left : 0.0;
}

int nl_cuda_multiplies(int device, enum nl_precision precision, struct nl_error *err)
{
    struct cudaDeviceProp properties;
    cudaError_t status = cudaGetDeviceProperties(&properties, device);
    if (status != cudaSuccess)
        return nl_fail(err, "cuda: %s", cudaGetErrorString(status));
    if (precision != NL_FLOAT32 && properties.major < 8)
        return nl_fail(err, "%s has compute capability %d.%d: tensor cores that take %s begin with 8.0",
                       properties.name, properties.major, properties.minor, nl_precision_names[precision]);
    return NL_OK;
}

/* Blocks of a cluster on every device that has clusters (CUDA C++ Programming Guide, "Thread Block Clusters"). */
static std::atomic<unsigned> most_of_cluster = 8;

unsigned nl_cuda_cluster()
{
    return own.clusters ? most_of_cluster.load() : 1;
}

void nl_cuda_limit_cluster(unsigned most)
{
    most_of_cluster = most;
}

static std::atomic<bool> omitted[NL_CUDA_CHOICES];
static std::atomic<int> most_chunks = INT_MAX;

bool nl_cuda_lets(enum nl_cuda_choice choice)
{
    return !omitted[choice].load();
}

void nl_cuda_let(enum nl_cuda_choice choice, bool lets)
{
    omitted[choice] = !lets;
}

int nl_cuda_most_chunks()
{
    return most_chunks.load();
}

void nl_cuda_limit_chunks(int most)
{
    most_chunks = most;
}

/* Any: its code was made from PTX of the same version as that of all others. */
static __global__ void nothing() {}

static bool has_clusters(int device)
{
    int able = 0;
    struct cudaFuncAttributes built = {};
    return NL_GOOD(cudaDeviceGetAttribute(&able, cudaDevAttrClusterLaunch, device)) && able &&
           NL_GOOD(cudaFuncGetAttributes(&built, nothing)) && built.ptxVersion >= 90;
}

int nl_cuda_thread_begin(int device, struct nl_error *err)
{
    int count = nl_cuda_devices(err);
    if (count == 0)
        return NL_FAIL;
    if (device < 0 || device >= count)
        return nl_fail(err, "no device %d of kind cuda: there %s %d, counted from 0", device, count == 1 ? "is" : "are",
                       count);
    own.trouble[0] = '\0';
    cudaGetLastError(); /* what an earlier trial ran into is over */
    if (own.device != device)
        own.release();
    own.device = device;
    NL_GOOD(cudaSetDevice(device));
    own.clusters = has_clusters(device);
    memset(&own.told, 0, sizeof own.told);
    if (own.now || NL_GOOD(cudaMalloc((void **)&own.now, sizeof *own.now)))
        nl_cuda_upload(own.now, &own.told, sizeof own.told);
    return nl_cuda_status(err);
}

void *nl_cuda_alloc(size_t bytes)
{
    void *memory = NULL;
    if (cudaMalloc(&memory, bytes ? bytes : 1) != cudaSuccess) {
        cudaGetLastError(); /* that memory ran out is said by NULL */
        return NULL;
    }
    NL_GOOD(cudaMemsetAsync(memory, 0, bytes, cudaStreamPerThread));
    return memory;
}

void nl_cuda_free(void *memory, size_t bytes)
{
    (void)bytes;
    NL_GOOD(cudaFree(memory));
}

/* One piece of memory: there is all of it or none. */
static bool set_up(struct staging *s)
{
    char *memory = NULL;
    if (!NL_GOOD(cudaHostAlloc((void **)&memory, 2 * HALF, cudaHostAllocDefault)))
        return false;
    for (int i = 0; i < 2; i++)
        NL_GOOD(cudaEventCreateWithFlags(&s->sent[i], cudaEventDisableTiming));
    s->half[0] = memory;
    s->half[1] = memory + HALF;
    return true;
}

/* Room for at most HALF bytes, which are to be copied from there next; NULL: there is none (remembered). */
static char *stage(size_t bytes)
{
    struct staging *s = &own.staging;
    if (!s->half[0] && !set_up(s))
        return NULL;
    if (s->used + bytes > HALF) {
        NL_GOOD(cudaEventRecord(s->sent[s->filled], cudaStreamPerThread));
        s->filled ^= 1;
        s->used = 0;
        NL_GOOD(cudaEventSynchronize(s->sent[s->filled]));
    }
    char *room = s->half[s->filled] + s->used;
    s->used += (bytes + 63) / 64 * 64;
    return room;
}

void nl_cuda_upload(void *to, const void *from, size_t bytes)
{
    for (size_t done = 0, part; done < bytes; done += part) {
        part = bytes - done < HALF ? bytes - done : HALF;
        char *staged = stage(part);
        if (!staged)
            return;
        memcpy(staged, (const char *)from + done, part);
        NL_GOOD(cudaMemcpyAsync((char *)to + done, staged, part, cudaMemcpyHostToDevice, cudaStreamPerThread));
    }
}

void nl_cuda_download(void *to, const void *from, size_t bytes)
{
    bool good = NL_GOOD(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, cudaStreamPerThread));
    if (!NL_GOOD(cudaStreamSynchronize(cudaStreamPerThread)) || !good)
        memset(to, 0, bytes); /* the caller asks for the status before it believes the numbers */
}

/* Longer strides than the copy engine takes are rare, and so long that calls do not count. */
static bool copies(size_t stride)
{
    return stride <= INT_MAX;
}

void nl_cuda_upload_rows(void *to, size_t stride, const void *from, size_t bytes, int count)
{
    size_t at_once = copies(stride) ? HALF / bytes : 0;
    for (size_t row = 0, rows; row < (size_t)count; row += rows) {
        char *place = (char *)to + row * stride;
        const char *next = (const char *)from + row * bytes;
        rows = min(at_once, (size_t)count - row);
        if (rows <= 1) {
            rows = 1;
            nl_cuda_upload(place, next, bytes);
            continue;
        }
        char *staged = stage(rows * bytes);
        if (!staged)
            return;
        memcpy(staged, next, rows * bytes);
        NL_GOOD(
            cudaMemcpy2DAsync(place, stride, staged, bytes, bytes, rows, cudaMemcpyHostToDevice, cudaStreamPerThread));
    }
}

void nl_cuda_download_rows(void *to, const void *from, size_t stride, size_t bytes, int count)
{
    bool good = true;
    if (copies(stride))
        good = NL_GOOD(cudaMemcpy2DAsync(to, bytes, from, stride, bytes, (size_t)count, cudaMemcpyDeviceToHost,
                                         cudaStreamPerThread));
    for (int i = 0; !copies(stride) && i < count; i++)
        nl_cuda_download((char *)to + (size_t)i * bytes, (const char *)from + (size_t)i * stride, bytes);
    if (!NL_GOOD(cudaStreamSynchronize(cudaStreamPerThread)) || !good)
        memset(to, 0, bytes * (size_t)count);
}

void nl_cuda_put_reals(void *to, const double *from, size_t count)
{
    float *values = (float *)malloc(count * sizeof *values + 1);
    NL_ASSERT(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)from[i];
    nl_cuda_upload(to, values, count * sizeof *values);
    free(values);
}

void nl_cuda_get_reals(double *to, const void *from, size_t count)
{
    float *values = (float *)malloc(count * sizeof *values + 1);
    NL_ASSERT(values);
    nl_cuda_download(values, from, count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        to[i] = values[i];
    free(values);
}

void *nl_cuda_scratch(size_t bytes)
{
    if (bytes > own.scratch_bytes) {
        NL_GOOD(cudaFree(own.scratch)); /* waits for the kernels that still use it */
        own.scratch = NULL;
        own.moves++;
        own.scratch_bytes = NL_GOOD(cudaMalloc(&own.scratch, bytes)) ? bytes : 0;
    }
    return own.scratch;
}

unsigned *nl_cuda_tickets(size_t count)
{
    if (count > own.tickets_count) {
        NL_GOOD(cudaFree(own.tickets));
        own.tickets = (unsigned *)nl_cuda_alloc(count * sizeof *own.tickets);
        own.moves++;
        own.tickets_count = NL_GOOD(own.tickets ? cudaSuccess : cudaErrorMemoryAllocation) ? count : 0;
    }
    return own.tickets;
}

const struct nl_cuda_moment *nl_cuda_now(const struct nl_run *run, const int32_t *index)
{
    struct nl_cuda_moment next = {run->step, run->epoch, run->begins, index ? index : own.told.index,
                                  run->sums ? run->sums : own.told.sums};
    if (memcmp(&next, &own.told, sizeof next) != 0) {
        own.told = next;
        nl_cuda_upload(own.now, &next, sizeof next);
    }
    return own.now;
}

/* ---- steps as graphs: launched whole, which costs a fraction of launching their kernels one by one ---- */

struct nl_tape {
    int samples, before;     /* of the batch (struct nl_run) */
    bool adds;
    int moves;               /* when it was recorded; scratch has moved since: it is recorded anew */
    cudaGraphExec_t graph;   /* NULL: not recorded yet */
    struct nl_tape *next;
};

static void record(struct nl_tape *tape, void (*body)(const void *context), const void *context)
{
    cudaGraph_t graph = NULL;
    if (tape->graph)
        NL_GOOD(cudaGraphExecDestroy(tape->graph));
    tape->graph = NULL;
    if (!NL_GOOD(cudaStreamBeginCapture(cudaStreamPerThread, cudaStreamCaptureModeThreadLocal)))
        return;
    body(context);
    if (NL_GOOD(cudaStreamEndCapture(cudaStreamPerThread, &graph)))
        NL_GOOD(cudaGraphInstantiateWithFlags(&tape->graph, graph, 0));
    if (graph)
        NL_GOOD(cudaGraphDestroy(graph));
    tape->moves = own.moves;
}

void nl_cuda_replay(struct nl_tape **tapes, const struct nl_run *run, const int32_t *index,
                    void (*body)(const void *context), const void *context)
{
    struct nl_tape *tape = *tapes;
    while (tape && (tape->samples != run->samples || tape->before != run->before || tape->adds != run->adds))
        tape = tape->next;
    nl_cuda_now(run, index); /* before the recording: what it uploads is no part of the step */
    if (!nl_cuda_fine())
        return; /* a recording that is begun must be ended, and cannot */
    if (!tape) { /* the first time as it is: kernels are loaded, scratch grows */
        tape = (struct nl_tape *)calloc(1, sizeof *tape);
        NL_ASSERT(tape);
        tape->samples = run->samples;
        tape->before = run->before;
        tape->adds = run->adds;
        tape->next = *tapes;
        *tapes = tape;
        body(context);
        return;
    }
    if (!tape->graph || tape->moves != own.moves)
        record(tape, body, context);
    if (tape->graph)
        NL_GOOD(cudaGraphLaunch(tape->graph, cudaStreamPerThread));
}

void nl_cuda_forget(struct nl_tape *tape)
{
    while (tape) {
        struct nl_tape *next = tape->next;
        if (tape->graph)
            NL_GOOD(cudaGraphExecDestroy(tape->graph));
        free(tape);
        tape = next;
    }
}

/* ---- a data set's pixels: one copy a device, as long as somebody uses it ---- */

enum { SHARED = 64 };

static struct {
    const void *host;
    void *device;
    int number, users; /* of the device; 0 users: the place is free */
} shared[SHARED];
static std::mutex shared_lock;

const void *nl_cuda_share(const void *memory, size_t bytes)
{
    std::lock_guard<std::mutex> guard(shared_lock);
    int number = 0, place = -1;
    NL_GOOD(cudaGetDevice(&number));
    for (int i = 0; i < SHARED; i++) {
        if (shared[i].users > 0 && shared[i].host == memory && shared[i].number == number) {
            shared[i].users++;
            return shared[i].device;
        }
        if (shared[i].users == 0)
            place = i;
    }
    void *device = place < 0 ? NULL : nl_cuda_alloc(bytes);
    if (!device)
        return NULL;
    nl_cuda_upload(device, memory, bytes);
    NL_GOOD(cudaStreamSynchronize(cudaStreamPerThread)); /* other streams read it next */
    shared[place] = {memory, device, number, 1};
    return device;
}

void nl_cuda_unshare(const void *device)
{
    std::lock_guard<std::mutex> guard(shared_lock);
    for (int i = 0; device && i < SHARED; i++)
        if (shared[i].users > 0 && shared[i].device == device && --shared[i].users == 0)
            NL_GOOD(cudaFree(shared[i].device));
}

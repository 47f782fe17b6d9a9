// CUDA C++ on the CPU, so that kernels can be checked where there is no GPU: one block after the other, its threads as fibers that take turns
// at barriers and warp exchanges. As slow as it sounds. The kernels' source is included after this file.
// A jump to another stack is no mistake here.
#undef _FORTIFY_SOURCE
#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__ static
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(threads)

struct Dim3
{
    unsigned x, y, z;
};

static Dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulation
{
constexpr int MostThreads = 1024;
constexpr size_t StackBytes = 64 * 1024;

struct Barrier
{
    int arrived, alive;
    unsigned generation;
};

// Contexts begin a fiber; from then on jumps change between it and the scheduler, which, unlike swapcontext, ask nothing of the system.
static jmp_buf scheduler, fibers[MostThreads];
static ucontext_t beginning;
static char* stacks;
static bool begun[MostThreads], ended[MostThreads];
static Barrier block, warps[MostThreads / 32];
static unsigned exchanged[MostThreads];
static void (*body)(void*);
static void* bodyArguments;

static void turn()
{
    if (_setjmp(fibers[threadIdx.x]) == 0)
        _longjmp(scheduler, 1);
}

static void release(Barrier& barrier)
{
    barrier.arrived = 0;
    barrier.generation++;
}

static void wait(Barrier& barrier)
{
    unsigned generation = barrier.generation;
    if (++barrier.arrived == barrier.alive)
        release(barrier);
    while (barrier.generation == generation)
        turn();
}

static void leave(Barrier& barrier)
{
    if (--barrier.alive > 0 && barrier.arrived == barrier.alive)
        release(barrier);
}

// One thread of one block after the other.
static void run()
{
    for (;;)
    {
        body(bodyArguments);
        int thread = threadIdx.x;
        leave(warps[thread / 32]);
        leave(block);
        ended[thread] = true;
        turn();
    }
}

static void __attribute__((noinline)) resume(int thread)
{
    if (_setjmp(scheduler) != 0)
        return;
    if (begun[thread])
        _longjmp(fibers[thread], 1);
    begun[thread] = true;
    getcontext(&beginning);
    beginning.uc_stack.ss_sp = stacks + thread * StackBytes;
    beginning.uc_stack.ss_size = StackBytes;
    beginning.uc_link = nullptr;
    makecontext(&beginning, run, 0);
    setcontext(&beginning);
}

static void launch(Dim3 grid, int threads, void (*kernel)(void*), void* arguments)
{
    if (!stacks)
        stacks = (char*)malloc(MostThreads * StackBytes);
    body = kernel;
    bodyArguments = arguments;
    gridDim = grid;
    blockDim = {(unsigned)threads, 1, 1};
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++)
            {
                blockIdx = {x, y, z};
                block = {0, threads, 0};
                for (int w = 0; w < (threads + 31) / 32; w++)
                    warps[w] = {0, threads - w * 32 < 32 ? threads - w * 32 : 32, 0};
                for (int t = 0; t < threads; t++)
                    ended[t] = false;
                for (int left = threads; left > 0;)
                    for (int t = 0; t < threads; t++)
                    {
                        if (ended[t])
                            continue;
                        threadIdx = {(unsigned)t, 0, 0};
                        resume(t);
                        left -= ended[t];
                    }
            }
}

template <class... A, size_t... I>
static void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>)
{
    kernel(*(A*)arguments[I]...);
}

template <class... A>
static void launch(void (*kernel)(A...), Dim3 grid, int threads, void** arguments)
{
    struct Call
    {
        void (*kernel)(A...);
        void** arguments;
    } one = {kernel, arguments};
    launch(grid, threads, [](void* p) { call(((Call*)p)->kernel, ((Call*)p)->arguments, std::index_sequence_for<A...>()); }, &one);
}
}

static void __syncthreads()
{
    emulation::wait(emulation::block);
}

static void __threadfence()
{
}

static unsigned __float_as_uint(float f)
{
    unsigned u;
    memcpy(&u, &f, 4);
    return u;
}

static float __uint_as_float(unsigned u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static float __int_as_float(int i)
{
    return __uint_as_float((unsigned)i);
}

// The C library has a function of this name.
#define __expf(x) std::exp(x)

static float __fdividef(float x, float y)
{
    return x / y;
}

static float __shfl_xor_sync(unsigned, float value, int mask)
{
    unsigned t = threadIdx.x;
    emulation::exchanged[t] = __float_as_uint(value);
    emulation::wait(emulation::warps[t / 32]);
    float other = __uint_as_float(emulation::exchanged[t ^ mask]);
    emulation::wait(emulation::warps[t / 32]);
    return other;
}

static unsigned atomicAdd(unsigned* at, unsigned value)
{
    unsigned before = *at;
    *at += value;
    return before;
}

template <class T>
static T __ldcg(const T* at)
{
    return *at;
}

static float rsqrtf(float x)
{
    return 1 / std::sqrt(x);
}

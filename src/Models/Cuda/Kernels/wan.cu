// Own kernels of the causal Wan transformer: everything of a tick between the matrix products and the attention.
// Compiled at run time for the device at hand (NVRTC), with the network's sizes as macros:
//   DIM         width of a token
//   HEADS       attention heads
//   TIME_PAIRS  pairs of a head that turn with time; they come first, the others turn with the place in the frame
//   VEC         elements that are read at once; divides DIM / HEADS
//   BFLOAT16    1 for bfloat16 activations, 0 for float32; sums are float32 in both
// Threads of a block are what the host launches: see TokenKernels.cs, which must agree with the macros below.

#define HEAD_DIM (DIM / HEADS)
#define HEAD_PAIRS (HEAD_DIM / 2)
#define SPACE_PAIRS (HEAD_PAIRS - TIME_PAIRS)
#define PACKS (DIM / VEC)

// One block of threads holds a token.
#define TOKEN_THREADS (PACKS >= 1024 ? 1024 : (PACKS + 31) / 32 * 32)
#define TOKEN_PACKS ((PACKS + TOKEN_THREADS - 1) / TOKEN_THREADS)

// Sinks are compared by blocks that each hold this many channels of all tokens.
#define CHUNK 64
#define CHUNKS ((DIM + CHUNK - 1) / CHUNK)
#define CHUNK_PACKS (CHUNK / VEC)
#define MOST_SINKS 32
#define SINK_THREADS 256
#define SINK_TOKENS (SINK_THREADS / CHUNK_PACKS)

// The cache is written by blocks that each hold this many tokens.
#define WRITE_THREADS 256
#define WRITE_TOKENS 8

// What the host says of a row, eight integers.
#define ROW_INTS 8
#define ROW_LANE 0
#define ROW_FRAMES 1
#define ROW_SINKS 2
#define ROW_REDIRECTABLE 3
#define ROW_THRESHOLD 4

#if BFLOAT16
typedef unsigned short scalar;

__device__ __forceinline__ float widen(scalar v)
{
    return __uint_as_float((unsigned)v << 16);
}

// To the nearest, ties to even.
__device__ __forceinline__ scalar narrow(float f)
{
    unsigned u = __float_as_uint(f);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return 0x7fff;
    return (scalar)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
#else
typedef float scalar;

__device__ __forceinline__ float widen(scalar v)
{
    return v;
}

__device__ __forceinline__ scalar narrow(float f)
{
    return f;
}
#endif

struct alignas(VEC * sizeof(scalar)) Pack
{
    scalar v[VEC];
};

struct alignas(2 * sizeof(scalar)) Pair
{
    scalar x, y;
};

struct alignas(8) Turn
{
    float cos, sin;
};

struct alignas(4) Slot
{
    // Place in the window, and which of the new frames is written here, or -1.
    short place, frame;
};

__device__ __forceinline__ float warp_sum(float x)
{
    for (int offset = 16; offset > 0; offset >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, offset);
    return x;
}

// The sum over all threads of the block, in every thread, in an order that is always the same.
__device__ __forceinline__ float block_sum(float x, float* parts)
{
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    x = warp_sum(x);
    __syncthreads();
    if (lane == 0)
        parts[warp] = x;
    __syncthreads();
    return warp_sum(lane < warps ? parts[lane] : 0.0f);
}

__device__ __forceinline__ Pair rotated(float x, float y, Turn turn)
{
    Pair pair;
    pair.x = narrow(x * turn.cos - y * turn.sin);
    pair.y = narrow(x * turn.sin + y * turn.cos);
    return pair;
}

// x += y * gate, and h = the layer norm of x, modulated or with weight and bias. One block a token.
//   x, y, h    [rows * tokens, DIM]; y null: x stays as it is; h null: no norm
//   gates, shifts and scales are the sum of a float32 [rows, ...] of the timestep, `stride` apart by row, and a float32 [DIM] of the block;
//   gate_time null: 1; shift_time null: weight and bias instead
extern "C" __global__ void __launch_bounds__(TOKEN_THREADS) residual_norm(
    scalar* x, const scalar* y, const float* gate_time, const float* gate_base, const float* shift_time, const float* shift_base,
    const float* scale_time, const float* scale_base, const scalar* weight, const scalar* bias, scalar* h, int tokens, int stride, float eps)
{
    __shared__ float parts[32];
    long long token = blockIdx.x;
    long long of_row = (long long)(blockIdx.x / tokens) * stride;
    float value[TOKEN_PACKS][VEC];
    float sum = 0;
#pragma unroll
    for (int i = 0; i < TOKEN_PACKS; i++)
    {
        int pack = threadIdx.x + i * TOKEN_THREADS;
        bool inside = pack < PACKS;
        if (inside)
        {
            Pack in = ((const Pack*)x)[token * PACKS + pack];
#pragma unroll
            for (int j = 0; j < VEC; j++)
                value[i][j] = widen(in.v[j]);
            if (y)
            {
                Pack add = ((const Pack*)y)[token * PACKS + pack];
#pragma unroll
                for (int j = 0; j < VEC; j++)
                {
                    int c = pack * VEC + j;
                    float gate = gate_time ? gate_time[of_row + c] + gate_base[c] : 1.0f;
                    in.v[j] = narrow(value[i][j] + widen(add.v[j]) * gate);
                    // What is read later is the rounded value: the norm is that of it.
                    value[i][j] = widen(in.v[j]);
                }
                ((Pack*)x)[token * PACKS + pack] = in;
            }
        }
#pragma unroll
        for (int j = 0; j < VEC; j++)
        {
            if (!inside)
                value[i][j] = 0;
            sum += value[i][j];
        }
    }
    if (!h)
        return;

    float mean = block_sum(sum, parts) / DIM;
    float squares = 0;
#pragma unroll
    for (int i = 0; i < TOKEN_PACKS; i++)
        if (threadIdx.x + i * TOKEN_THREADS < PACKS)
        {
#pragma unroll
            for (int j = 0; j < VEC; j++)
                squares += (value[i][j] - mean) * (value[i][j] - mean);
        }
    float inverse = rsqrtf(block_sum(squares, parts) / DIM + eps);

#pragma unroll
    for (int i = 0; i < TOKEN_PACKS; i++)
    {
        int pack = threadIdx.x + i * TOKEN_THREADS;
        if (pack >= PACKS)
            continue;
        Pack out;
#pragma unroll
        for (int j = 0; j < VEC; j++)
        {
            int c = pack * VEC + j;
            float normal = (value[i][j] - mean) * inverse;
            out.v[j] = narrow(shift_time
                ? normal * (1.0f + scale_time[of_row + c] + scale_base[c]) + shift_time[of_row + c] + shift_base[c]
                : normal * widen(weight[c]) + widen(bias[c]));
        }
        ((Pack*)h)[token * PACKS + pack] = out;
    }
}

// RMS norm over a token's full width, times a weight; then the rotation of each head's pairs. One block a token, for queries (blockIdx.y 0)
// and keys (1) at once.
//   x      the projections: token t's part p begins at element t * x_stride + p * DIM
//   space  [frame_tokens, SPACE_PAIRS]; null: nothing is rotated
//   time0, time1  [rows, frames, TIME_PAIRS] of each part; null: not rotated in time
extern "C" __global__ void __launch_bounds__(TOKEN_THREADS) norm_rotate(
    const scalar* x, int x_stride, const scalar* weight0, const scalar* weight1, scalar* out0, scalar* out1, const Turn* space,
    const Turn* time0, const Turn* time1, int tokens, int frame_tokens, float eps)
{
    __shared__ float parts[32];
    long long token = blockIdx.x;
    const scalar* weight = blockIdx.y == 0 ? weight0 : weight1;
    const Turn* time = blockIdx.y == 0 ? time0 : time1;
    scalar* out = blockIdx.y == 0 ? out0 : out1;
    const Pack* in = (const Pack*)(x + token * x_stride + (long long)blockIdx.y * DIM);
    int row = blockIdx.x / tokens, t = blockIdx.x % tokens;
    int frame = t / frame_tokens, place = t % frame_tokens, frames = tokens / frame_tokens;

    float value[TOKEN_PACKS][VEC];
    float squares = 0;
#pragma unroll
    for (int i = 0; i < TOKEN_PACKS; i++)
    {
        int pack = threadIdx.x + i * TOKEN_THREADS;
        if (pack < PACKS)
        {
            Pack p = in[pack];
#pragma unroll
            for (int j = 0; j < VEC; j++)
            {
                value[i][j] = widen(p.v[j]);
                squares += value[i][j] * value[i][j];
            }
        }
    }
    float inverse = rsqrtf(block_sum(squares, parts) / DIM + eps);

#pragma unroll
    for (int i = 0; i < TOKEN_PACKS; i++)
    {
        int pack = threadIdx.x + i * TOKEN_THREADS;
        if (pack >= PACKS)
            continue;
        Pack result;
#pragma unroll
        for (int j = 0; j < VEC; j += 2)
        {
            int c = pack * VEC + j;
            // Rounded as the norm's result would be: the rotation is then that of the value that the network was trained with.
            float a = widen(narrow(value[i][j] * inverse * widen(weight[c])));
            float b = widen(narrow(value[i][j + 1] * inverse * widen(weight[c + 1])));
            int pair = c % HEAD_DIM / 2;
            Turn turn;
            turn.cos = 1;
            turn.sin = 0;
            if (space && pair >= TIME_PAIRS)
                turn = space[(long long)place * SPACE_PAIRS + pair - TIME_PAIRS];
            else if (space && time)
                turn = time[((long long)row * frames + frame) * TIME_PAIRS + pair];
            Pair turned = rotated(a, b, turn);
            result.v[j] = turned.x;
            result.v[j + 1] = turned.y;
        }
        ((Pack*)out)[token * PACKS + pack] = result;
    }
}

// Compares a frame with each of its lane's sinks: cosine of token means of keys and of values, averaged. A sink that is less like it than
// the row's threshold is replaced, the least alike first. Means of what is written into a sink are remembered.
// Blocks: (2 * CHUNKS, rows); the last one of a row to be done decides.
//   keys         [rows * frame_tokens, DIM]
//   values       token t begins at t * values_stride
//   key_means, value_means  [lanes, sinks, DIM]
//   rows, ends   the host's plan; ends: where each row writes unless it is redirected, in tokens
//   fresh        [rows, 2, DIM], partial [rows, 2 * CHUNKS, 2 * sinks + 1], done [rows], zero before and after
//   refreshed    [rows], the sink to be replaced or -1
extern "C" __global__ void __launch_bounds__(SINK_THREADS) compare_sinks(
    const scalar* keys, const scalar* values, int values_stride, float* key_means, float* value_means, const int* rows, const int* ends,
    float* fresh, float* partial, unsigned* done, int* refreshed, int sinks, int frame_tokens)
{
    __shared__ float sums[SINK_TOKENS][CHUNK];
    __shared__ float mean[CHUNK];
    __shared__ float total[2][2 * MOST_SINKS + 1];
    __shared__ int is_last, written;
    int row = blockIdx.y, kind = blockIdx.x / CHUNKS, chunk = blockIdx.x % CHUNKS;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = SINK_THREADS / 32;
    int quantities = 2 * sinks + 1;
    int first = chunk * CHUNK;
    int channels = DIM - first < CHUNK ? DIM - first : CHUNK;
    const int* of_row = rows + row * ROW_INTS;
    float* means = (kind == 0 ? key_means : value_means) + (long long)of_row[ROW_LANE] * sinks * DIM;

    {
        int pack = threadIdx.x % CHUNK_PACKS, from = threadIdx.x / CHUNK_PACKS;
        const scalar* source = kind == 0 ? keys : values;
        long long stride = kind == 0 ? DIM : values_stride;
        float sum[VEC];
#pragma unroll
        for (int j = 0; j < VEC; j++)
            sum[j] = 0;
        if (pack * VEC < channels)
#pragma unroll 4
            for (int t = from; t < frame_tokens; t += SINK_TOKENS)
            {
                Pack p = *(const Pack*)(source + ((long long)row * frame_tokens + t) * stride + first + pack * VEC);
#pragma unroll
                for (int j = 0; j < VEC; j++)
                    sum[j] += widen(p.v[j]);
            }
#pragma unroll
        for (int j = 0; j < VEC; j++)
            sums[from][pack * VEC + j] = sum[j];
    }
    __syncthreads();
    if (threadIdx.x < CHUNK)
    {
        float sum = 0;
        for (int i = 0; i < SINK_TOKENS; i++)
            sum += sums[i][threadIdx.x];
        mean[threadIdx.x] = threadIdx.x < channels ? sum / frame_tokens : 0;
        if (threadIdx.x < channels)
            fresh[((long long)row * 2 + kind) * DIM + first + threadIdx.x] = mean[threadIdx.x];
    }
    __syncthreads();
    // The new frame's square, then each sink's product with it and its square.
    for (int q = warp; q < quantities; q += warps)
    {
        float sum = 0;
        for (int c = lane; c < channels; c += 32)
        {
            float now = mean[c];
            float old = q == 0 ? now : means[(long long)((q - 1) / 2) * DIM + first + c];
            sum += q == 0 || (q & 1) ? old * now : old * old;
        }
        sum = warp_sum(sum);
        if (lane == 0)
            partial[((long long)row * 2 * CHUNKS + blockIdx.x) * quantities + q] = sum;
    }

    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0)
        is_last = atomicAdd(done + row, 1u) == gridDim.x - 1;
    __syncthreads();
    if (!is_last)
        return;
    __threadfence();
    for (int q = warp; q < 2 * quantities; q += warps)
    {
        int of_kind = q / quantities, quantity = q % quantities;
        float sum = 0;
        for (int i = lane; i < CHUNKS; i += 32)
            sum += __ldcg(&partial[((long long)row * 2 * CHUNKS + of_kind * CHUNKS + i) * quantities + quantity]);
        sum = warp_sum(sum);
        if (lane == 0)
            total[of_kind][quantity] = sum;
    }
    __syncthreads();
    if (threadIdx.x == 0)
    {
        float least = 2;
        int sink = -1;
        for (int s = 0; s < sinks && s < of_row[ROW_SINKS]; s++)
        {
            float alike = 0;
            for (int k = 0; k < 2; k++)
                alike += total[k][1 + 2 * s] / (fmaxf(sqrtf(total[k][2 + 2 * s]), 1e-8f) * fmaxf(sqrtf(total[k][0]), 1e-8f));
            alike /= 2;
            if (sink < 0 || alike < least)
            {
                least = alike;
                sink = s;
            }
        }
        int replaced = sink >= 0 && least < __int_as_float(of_row[ROW_THRESHOLD]) ? sink : -1;
        int end = replaced >= 0 && of_row[ROW_REDIRECTABLE] ? (replaced + 1) * frame_tokens : ends[row];
        written = end > 0 && end <= sinks * frame_tokens && end % frame_tokens == 0 ? end / frame_tokens - 1 : -1;
        refreshed[row] = replaced;
        done[row] = 0;
    }
    __syncthreads();
    if (written < 0)
        return;
    long long at = ((long long)of_row[ROW_LANE] * sinks + written) * DIM;
    for (int c = threadIdx.x; c < DIM; c += SINK_THREADS)
    {
        key_means[at + c] = __ldcg(&fresh[(long long)row * 2 * DIM + c]);
        value_means[at + c] = __ldcg(&fresh[((long long)row * 2 + 1) * DIM + c]);
    }
}

// Writes the new frames into their slots, and turns all keys of the window by their place in time. Blocks: (frame_tokens / WRITE_TOKENS,
// window, rows).
//   keys, values    [rows * tokens, DIM]; values' token t begins at t * values_stride
//   cached_*        [lanes, window * frame_tokens, DIM]
//   unrotated       [lanes, window * frame_tokens, HEADS, 2 * TIME_PAIRS]: the part of cached keys that turns with time
//   slots           [rows, outcomes, window], by what the sinks' comparison said, or for it not being made
//   turns           [window, TIME_PAIRS]; null where keys come rotated already and stay so
extern "C" __global__ void __launch_bounds__(WRITE_THREADS) write_cache(
    const scalar* keys, const scalar* values, int values_stride, scalar* cached_keys, scalar* cached_values, scalar* unrotated,
    const int* rows, const Slot* slots, const int* refreshed, const Turn* turns, int outcomes, int tokens, int frame_tokens, int window)
{
    int row = blockIdx.z, slot = blockIdx.y;
    const int* of_row = rows + row * ROW_INTS;
    if (slot >= of_row[ROW_FRAMES])
        return;
    int outcome = refreshed ? refreshed[row] + 1 : 0;
    Slot here = slots[(row * outcomes + outcome) * window + slot];
    int first = blockIdx.x * WRITE_TOKENS;
    int count = frame_tokens - first < WRITE_TOKENS ? frame_tokens - first : WRITE_TOKENS;
    long long to = ((long long)of_row[ROW_LANE] * window + slot) * frame_tokens + first;
    const Turn* turn = turns ? turns + here.place * TIME_PAIRS : 0;

    if (here.frame >= 0)
    {
        long long from = (long long)row * tokens + here.frame * frame_tokens + first;
        for (int i = threadIdx.x; i < count * PACKS; i += WRITE_THREADS)
        {
            int token = i / PACKS, pack = i % PACKS;
            ((Pack*)cached_values)[(to + token) * PACKS + pack] = *(const Pack*)(values + (from + token) * values_stride + pack * VEC);
            Pack key = ((const Pack*)keys)[(from + token) * PACKS + pack];
            int head = pack * VEC / HEAD_DIM, pair = pack * VEC % HEAD_DIM / 2;
            if (turn)
            {
#pragma unroll
                for (int j = 0; j < VEC / 2; j++)
                {
                    if (pair + j >= TIME_PAIRS)
                        break;
                    Pair raw;
                    raw.x = key.v[2 * j];
                    raw.y = key.v[2 * j + 1];
                    ((Pair*)unrotated)[((to + token) * HEADS + head) * TIME_PAIRS + pair + j] = raw;
                    Pair turned = rotated(widen(raw.x), widen(raw.y), turn[pair + j]);
                    key.v[2 * j] = turned.x;
                    key.v[2 * j + 1] = turned.y;
                }
            }
            ((Pack*)cached_keys)[(to + token) * PACKS + pack] = key;
        }
        return;
    }
    if (!turn)
        return;
    for (int i = threadIdx.x; i < count * HEADS * TIME_PAIRS; i += WRITE_THREADS)
    {
        int pair = i % TIME_PAIRS, head = i / TIME_PAIRS % HEADS, token = i / (TIME_PAIRS * HEADS);
        Pair raw = ((const Pair*)unrotated)[((to + token) * HEADS + head) * TIME_PAIRS + pair];
        ((Pair*)cached_keys)[((to + token) * HEADS + head) * HEAD_PAIRS + pair] = rotated(widen(raw.x), widen(raw.y), turn[pair]);
    }
}

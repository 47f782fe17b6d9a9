// Own kernels of the causal Wan transformer: everything of a tick between the matrix products and the attention.
// Compiled at run time for the device at hand (NVRTC), with the network's sizes as macros:
//   DIM         width of a token
//   HEADS       attention heads
//   TIME_PAIRS  pairs of a head that turn with time; they come first, the others turn with the place in the frame
//   VEC         elements that are read at once; divides DIM / HEADS
//   MOST_THREADS  most threads of a block
//   BFLOAT16    see scalar.cu, which stands before this file
// Threads of a block are what the host launches: see TokenKernels.cs, which must agree with the macros below.

#define HEAD_DIM (DIM / HEADS)
#define HEAD_PAIRS (HEAD_DIM / 2)
#define SPACE_PAIRS (HEAD_PAIRS - TIME_PAIRS)
#define PACKS (DIM / VEC)

// One block of threads goes through a few tokens, each thread with the same channels of all of them: what belongs to a channel is read once.
#define BLOCK_TOKENS 4
#define TOKEN_THREADS (PACKS >= MOST_THREADS ? MOST_THREADS : (PACKS + 31) / 32 * 32)
#define TOKEN_PACKS ((PACKS + TOKEN_THREADS - 1) / TOKEN_THREADS)

// Sinks are compared by blocks that each hold this many channels of all tokens.
#define CHUNK 64
#define CHUNKS ((DIM + CHUNK - 1) / CHUNK)
#define CHUNK_PACKS (CHUNK / VEC)
#define MOST_SINKS 32
#define SINK_THREADS MOST_THREADS
#define SINK_TOKENS (SINK_THREADS / CHUNK_PACKS)
#define SINK_GROUPS (SINK_THREADS / CHUNK)

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
#define ROW_STREAMING_FRAMES 5

#define JOIN_THREADS 256
#define HEAD_PACKS (HEAD_DIM / VEC)

// What a thread holds of a row that becomes float8.
#define HELD_PACKS 4
// The largest element of a row is taken for at least this, so that a row of nothing has a scale.
#define LEAST_LARGEST 1e-12f

__device__ __forceinline__ Pack8 scaled8(const Pack& of, float factor)
{
    Pack8 narrowed;
#pragma unroll
    for (int j = 0; j < VEC; j += 2)
        narrow8(widen(of.v[j]) * factor, widen(of.v[j + 1]) * factor, narrowed.v + j);
    return narrowed;
}

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
    // Place in the window, and which of the new frames is written here; -1 for none, -2 where the keys are turned by this place already.
    short place, frame;
};

__device__ __forceinline__ float warp_sum(float x)
{
    for (int offset = 16; offset > 0; offset >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, offset);
    return x;
}

__device__ __forceinline__ float warp_max(float x)
{
    for (int offset = 16; offset > 0; offset >>= 1)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, offset));
    return x;
}

// Sums over all threads of the block, of each token by itself, in every thread, in an order that is always the same. Calls that follow each
// other must take turns with two buffers: then one barrier is enough.
__device__ __forceinline__ void block_sums(float (&x)[BLOCK_TOKENS], float (*parts)[32])
{
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
#pragma unroll
    for (int t = 0; t < BLOCK_TOKENS; t++)
    {
        x[t] = warp_sum(x[t]);
        if (lane == 0)
            parts[t][warp] = x[t];
    }
    __syncthreads();
#pragma unroll
    for (int t = 0; t < BLOCK_TOKENS; t++)
        x[t] = warp_sum(lane < warps ? parts[t][lane] : 0.0f);
}

// The same for the largest.
__device__ __forceinline__ void block_maxima(float (&x)[BLOCK_TOKENS], float (*parts)[32])
{
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
#pragma unroll
    for (int t = 0; t < BLOCK_TOKENS; t++)
    {
        x[t] = warp_max(x[t]);
        if (lane == 0)
            parts[t][warp] = x[t];
    }
    __syncthreads();
#pragma unroll
    for (int t = 0; t < BLOCK_TOKENS; t++)
        x[t] = warp_max(lane < warps ? parts[t][lane] : 0.0f);
}

__device__ __forceinline__ Pair rotated(float x, float y, Turn turn)
{
    Pair pair;
    pair.x = narrow(x * turn.cos - y * turn.sin);
    pair.y = narrow(x * turn.sin + y * turn.cos);
    return pair;
}

// x += y * gate, and h = the layer norm of x, modulated or with weight and bias. Blocks: (tokens / BLOCK_TOKENS, rows).
//   x, y, h    [rows * tokens, DIM]; y null: x stays as it is; h null: no norm
//   h8, h_scales  the norm in float8 with a scale for each token instead of h, which is then not written; null: not so
//   gates, shifts and scales are the sum of a float32 [rows, ...] of the timestep, `stride` apart by row, and a float32 [DIM] of the block;
//   gate_time null: 1; shift_time null: weight and bias instead
extern "C" __global__ void __launch_bounds__(TOKEN_THREADS) residual_norm(
    scalar* x, const scalar* y, const float* gate_time, const float* gate_base, const float* shift_time, const float* shift_base,
    const float* scale_time, const float* scale_base, const scalar* weight, const scalar* bias, scalar* h, unsigned char* h8, float* h_scales,
    int tokens, int stride, float eps)
{
    __shared__ float parts[3][BLOCK_TOKENS][32];
    long long of_row = (long long)blockIdx.y * stride;
    float gate[TOKEN_PACKS][VEC], gain[TOKEN_PACKS][VEC], shift[TOKEN_PACKS][VEC];
#pragma unroll
    for (int i = 0; i < TOKEN_PACKS; i++)
    {
        int pack = threadIdx.x + i * TOKEN_THREADS;
        if (pack >= PACKS)
            continue;
#pragma unroll
        for (int j = 0; j < VEC; j++)
        {
            int c = pack * VEC + j;
            gate[i][j] = gate_time ? gate_time[of_row + c] + gate_base[c] : 1.0f;
            gain[i][j] = !h ? 0.0f : shift_time ? 1.0f + scale_time[of_row + c] + scale_base[c] : widen(weight[c]);
            shift[i][j] = !h ? 0.0f : shift_time ? shift_time[of_row + c] + shift_base[c] : widen(bias[c]);
        }
    }

    int first = blockIdx.x * BLOCK_TOKENS;
    int count = tokens - first < BLOCK_TOKENS ? tokens - first : BLOCK_TOKENS;
    long long token = (long long)blockIdx.y * tokens + first;
    // All tokens at once: their reads are under way together, and a barrier serves all of them.
    Pack held[BLOCK_TOKENS][TOKEN_PACKS];
    float sums[BLOCK_TOKENS];
#pragma unroll
    for (int t = 0; t < BLOCK_TOKENS; t++)
    {
        sums[t] = 0;
#pragma unroll
        for (int i = 0; i < TOKEN_PACKS; i++)
        {
            int pack = threadIdx.x + i * TOKEN_THREADS;
            if (pack >= PACKS || t >= count)
                continue;
            long long at = (token + t) * PACKS + pack;
            Pack in = ((const Pack*)x)[at];
            if (y)
            {
                Pack add = ((const Pack*)y)[at];
                // What is read later is the rounded value: the norm is that of it.
#pragma unroll
                for (int j = 0; j < VEC; j++)
                    in.v[j] = narrow(widen(in.v[j]) + widen(add.v[j]) * gate[i][j]);
                ((Pack*)x)[at] = in;
            }
            held[t][i] = in;
#pragma unroll
            for (int j = 0; j < VEC; j++)
                sums[t] += widen(in.v[j]);
        }
    }
    if (!h)
        return;

    block_sums(sums, parts[0]);
    float mean[BLOCK_TOKENS];
#pragma unroll
    for (int t = 0; t < BLOCK_TOKENS; t++)
    {
        mean[t] = sums[t] / DIM;
        sums[t] = 0;
#pragma unroll
        for (int i = 0; i < TOKEN_PACKS; i++)
        {
            if (threadIdx.x + i * TOKEN_THREADS >= PACKS || t >= count)
                continue;
#pragma unroll
            for (int j = 0; j < VEC; j++)
            {
                float off = widen(held[t][i].v[j]) - mean[t];
                sums[t] += off * off;
            }
        }
    }
    block_sums(sums, parts[1]);
    float most[BLOCK_TOKENS];
#pragma unroll
    for (int t = 0; t < BLOCK_TOKENS; t++)
    {
        float inverse = rsqrtf(sums[t] / DIM + eps);
        most[t] = 0;
#pragma unroll
        for (int i = 0; i < TOKEN_PACKS; i++)
        {
            int pack = threadIdx.x + i * TOKEN_THREADS;
            if (pack >= PACKS || t >= count)
                continue;
#pragma unroll
            for (int j = 0; j < VEC; j++)
            {
                held[t][i].v[j] = narrow((widen(held[t][i].v[j]) - mean[t]) * inverse * gain[i][j] + shift[i][j]);
                most[t] = fmaxf(most[t], fabsf(widen(held[t][i].v[j])));
            }
            if (!h8)
                ((Pack*)h)[(token + t) * PACKS + pack] = held[t][i];
        }
    }
    if (!h8)
        return;
    block_maxima(most, parts[2]);
#pragma unroll
    for (int t = 0; t < BLOCK_TOKENS; t++)
    {
        if (t >= count)
            continue;
        float scale = fmaxf(most[t], LEAST_LARGEST) / MOST_FLOAT8;
        if (threadIdx.x == 0)
            h_scales[token + t] = scale;
#pragma unroll
        for (int i = 0; i < TOKEN_PACKS; i++)
        {
            int pack = threadIdx.x + i * TOKEN_THREADS;
            if (pack < PACKS)
                ((Pack8*)h8)[(token + t) * PACKS + pack] = scaled8(held[t][i], 1.0f / scale);
        }
    }
}

// Rows in float8 with a scale each; by GELU (tanh) first, if asked. Blocks: rows. A thread holds at most HELD_PACKS packs.
//   x  [rows, columns];  y  [rows, columns];  scales  [rows]
extern "C" __global__ void __launch_bounds__(MOST_THREADS) quantise_rows(
    const scalar* x, unsigned char* y, float* scales, int columns, int gelu)
{
    __shared__ float parts[32];
    int packs = columns / VEC, lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    const Pack* in = (const Pack*)x + (long long)blockIdx.x * packs;
    Pack8* out = (Pack8*)y + (long long)blockIdx.x * packs;
    // All reads first: they are under way together.
    Pack read[HELD_PACKS];
#pragma unroll
    for (int i = 0; i < HELD_PACKS; i++)
        if (threadIdx.x + i * blockDim.x < packs)
            read[i] = in[threadIdx.x + i * blockDim.x];
    float held[HELD_PACKS][VEC];
    float most = 0;
#pragma unroll
    for (int i = 0; i < HELD_PACKS; i++)
    {
        if (threadIdx.x + i * blockDim.x >= packs)
            continue;
#pragma unroll
        for (int j = 0; j < VEC; j++)
        {
            float v = widen(read[i].v[j]);
            // 0.5 v (1 + tanh(u)) is v / (1 + exp(-2 u)).
            if (gelu)
                v = __fdividef(v, 1.0f + __expf(-1.5957691216f * (v + 0.044715f * v * v * v)));
            held[i][j] = v;
            most = fmaxf(most, fabsf(v));
        }
    }
    most = warp_max(most);
    if (lane == 0)
        parts[warp] = most;
    __syncthreads();
    float scale = fmaxf(warp_max(lane < warps ? parts[lane] : 0.0f), LEAST_LARGEST) / MOST_FLOAT8;
    if (threadIdx.x == 0)
        scales[blockIdx.x] = scale;
    float factor = 1.0f / scale;
#pragma unroll
    for (int i = 0; i < HELD_PACKS; i++)
    {
        int pack = threadIdx.x + i * blockDim.x;
        if (pack < packs)
        {
            Pack8 narrowed;
#pragma unroll
            for (int j = 0; j < VEC; j += 2)
                narrow8(held[i][j] * factor, held[i][j + 1] * factor, narrowed.v + j);
            out[pack] = narrowed;
        }
    }
}

// RMS norm over a token's full width, times a weight; then the rotation of each head's pairs. Blocks: (tokens / BLOCK_TOKENS, 1 for queries
// or 2 for queries and keys, rows).
//   x      the projections: token t's part p begins at element t * x_stride + p * DIM
//   space  [frame_tokens, SPACE_PAIRS]; null: nothing is rotated
//   time0, time1  [rows, frames, TIME_PAIRS] of each part; null: not rotated in time, as where space is null
extern "C" __global__ void __launch_bounds__(TOKEN_THREADS) norm_rotate(
    const scalar* x, int x_stride, const scalar* weight0, const scalar* weight1, scalar* out0, scalar* out1, const Turn* space,
    const Turn* time0, const Turn* time1, int tokens, int frame_tokens, float eps)
{
    __shared__ float parts[BLOCK_TOKENS][32];
    const scalar* weight = blockIdx.y == 0 ? weight0 : weight1;
    const Turn* time = blockIdx.y == 0 ? time0 : time1;
    scalar* out = blockIdx.y == 0 ? out0 : out1;
    int row = blockIdx.z, frames = tokens / frame_tokens;
    float scale[TOKEN_PACKS][VEC];
#pragma unroll
    for (int i = 0; i < TOKEN_PACKS; i++)
        if (threadIdx.x + i * TOKEN_THREADS < PACKS)
        {
            Pack p = ((const Pack*)weight)[threadIdx.x + i * TOKEN_THREADS];
#pragma unroll
            for (int j = 0; j < VEC; j++)
                scale[i][j] = widen(p.v[j]);
        }

    int first = blockIdx.x * BLOCK_TOKENS;
    int count = tokens - first < BLOCK_TOKENS ? tokens - first : BLOCK_TOKENS;
    long long token = (long long)row * tokens + first;
    Pack held[BLOCK_TOKENS][TOKEN_PACKS];
    float sums[BLOCK_TOKENS];
#pragma unroll
    for (int n = 0; n < BLOCK_TOKENS; n++)
    {
        sums[n] = 0;
        const Pack* in = (const Pack*)(x + (token + n) * x_stride + (long long)blockIdx.y * DIM);
#pragma unroll
        for (int i = 0; i < TOKEN_PACKS; i++)
        {
            if (threadIdx.x + i * TOKEN_THREADS >= PACKS || n >= count)
                continue;
            held[n][i] = in[threadIdx.x + i * TOKEN_THREADS];
#pragma unroll
            for (int j = 0; j < VEC; j++)
                sums[n] += widen(held[n][i].v[j]) * widen(held[n][i].v[j]);
        }
    }
    block_sums(sums, parts);
#pragma unroll
    for (int n = 0; n < BLOCK_TOKENS; n++)
    {
        int frame = (first + n) / frame_tokens, place = (first + n) % frame_tokens;
        const Turn* in_space = space ? space + (long long)place * SPACE_PAIRS : 0;
        const Turn* in_time = time ? time + ((long long)row * frames + frame) * TIME_PAIRS : 0;
        float inverse = rsqrtf(sums[n] / DIM + eps);
#pragma unroll
        for (int i = 0; i < TOKEN_PACKS; i++)
        {
            int pack = threadIdx.x + i * TOKEN_THREADS;
            if (pack >= PACKS || n >= count)
                continue;
            Pack result;
#pragma unroll
            for (int j = 0; j < VEC; j += 2)
            {
                int pair = (pack * VEC + j) % HEAD_DIM / 2;
                // Rounded as the norm's result would be: the rotation is then that of the value that the network was trained with.
                Pair turned;
                turned.x = narrow(widen(held[n][i].v[j]) * inverse * scale[i][j]);
                turned.y = narrow(widen(held[n][i].v[j + 1]) * inverse * scale[i][j + 1]);
                if (in_space && pair >= TIME_PAIRS)
                    turned = rotated(widen(turned.x), widen(turned.y), in_space[pair - TIME_PAIRS]);
                else if (in_time)
                    turned = rotated(widen(turned.x), widen(turned.y), in_time[pair]);
                result.v[j] = turned.x;
                result.v[j + 1] = turned.y;
            }
            ((Pack*)out)[(token + n) * PACKS + pack] = result;
        }
    }
}

// Attention of each row's first queries, and of the others to parts of the keys, as one tensor. Blocks: (packs of a row / JOIN_THREADS, rows).
//   first   [rows, first_tokens, heads, HEAD_DIM]
//   pieces  [rows, parts, tokens - first_tokens, heads, HEAD_DIM], each normalised by its own sum of exponentials
//   sums    [rows, parts, heads, tokens - first_tokens], the logarithms of these sums
//   to      [rows, tokens, heads, HEAD_DIM]
extern "C" __global__ void __launch_bounds__(JOIN_THREADS) join_attention(
    const scalar* first, const scalar* pieces, const float* sums, scalar* to, int tokens, int first_tokens, int parts, int heads)
{
    int row = blockIdx.y, i = blockIdx.x * JOIN_THREADS + threadIdx.x;
    int of_token = heads * HEAD_PACKS, token = i / of_token, pack = i % of_token, head = pack / HEAD_PACKS;
    if (token >= tokens)
        return;
    Pack* result = (Pack*)to + ((long long)row * tokens + token) * of_token + pack;
    if (token < first_tokens)
    {
        *result = ((const Pack*)first)[((long long)row * first_tokens + token) * of_token + pack];
        return;
    }
    int rest = tokens - first_tokens;
    token -= first_tokens;
    const float* sum = sums + ((long long)row * parts * heads + head) * rest + token;
    float largest = sum[0];
    for (int p = 1; p < parts; p++)
        largest = fmaxf(largest, sum[(long long)p * heads * rest]);
    float total = 0, joined[VEC];
#pragma unroll
    for (int j = 0; j < VEC; j++)
        joined[j] = 0;
    for (int p = 0; p < parts; p++)
    {
        float share = expf(sum[(long long)p * heads * rest] - largest);
        Pack piece = ((const Pack*)pieces)[(((long long)row * parts + p) * rest + token) * of_token + pack];
        total += share;
#pragma unroll
        for (int j = 0; j < VEC; j++)
            joined[j] += share * widen(piece.v[j]);
    }
    Pack narrowed;
#pragma unroll
    for (int j = 0; j < VEC; j++)
        narrowed.v[j] = narrow(joined[j] / total);
    *result = narrowed;
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
    __shared__ float grouped[SINK_GROUPS][CHUNK];
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
    {
        int c = threadIdx.x % CHUNK, group = threadIdx.x / CHUNK;
        float sum = 0;
        for (int i = group; i < SINK_TOKENS; i += SINK_GROUPS)
            sum += sums[i][c];
        grouped[group][c] = sum;
    }
    __syncthreads();
    if (threadIdx.x < CHUNK)
    {
        float sum = 0;
        for (int i = 0; i < SINK_GROUPS; i++)
            sum += grouped[i][threadIdx.x];
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
// window, rows). Of all heads, or of some of them, whose cache may hold fewer frames.
//   keys, values    [rows * tokens, DIM]; values' token t begins at t * values_stride
//   cached_*        [lanes, window * frame_tokens, heads * HEAD_DIM]
//   unrotated       [lanes, window * frame_tokens, heads, 2 * TIME_PAIRS]: the part of cached keys that turns with time
//   slots           [rows, outcomes, window], by what the sinks' comparison said, or for it not being made
//   turns           [place, TIME_PAIRS]; null where keys come rotated already and stay so
//   some            [heads], which heads of the block; null for all
//   frames_at       which of a row's integers says how many frames are valid
template <bool ALL>
__device__ __forceinline__ void write_heads(
    const scalar* keys, const scalar* values, int values_stride, scalar* cached_keys, scalar* cached_values, scalar* unrotated,
    const int* rows, const Slot* slots, const int* refreshed, const Turn* turns, int outcomes, int tokens, int frame_tokens, int window,
    const int* some, int some_heads, int frames_at)
{
    const int heads = ALL ? HEADS : some_heads, packs = heads * (HEAD_DIM / VEC);
    int row = blockIdx.z, slot = blockIdx.y;
    const int* of_row = rows + row * ROW_INTS;
    if (slot >= of_row[frames_at])
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
        for (int i = threadIdx.x; i < count * packs; i += WRITE_THREADS)
        {
            int token = i / packs, pack = i % packs;
            int head = pack * VEC / HEAD_DIM, pair = pack * VEC % HEAD_DIM / 2;
            int source = ALL || !some ? pack : pack + (some[head] - head) * (HEAD_DIM / VEC);
            ((Pack*)cached_values)[(to + token) * packs + pack] = *(const Pack*)(values + (from + token) * values_stride + source * VEC);
            Pack key = ((const Pack*)keys)[(from + token) * PACKS + source];
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
                    ((Pair*)unrotated)[((to + token) * heads + head) * TIME_PAIRS + pair + j] = raw;
                    Pair turned = rotated(widen(raw.x), widen(raw.y), turn[pair + j]);
                    key.v[2 * j] = turned.x;
                    key.v[2 * j + 1] = turned.y;
                }
            }
            ((Pack*)cached_keys)[(to + token) * packs + pack] = key;
        }
        return;
    }
    if (!turn || here.frame == -2)
        return;
    for (int i = threadIdx.x; i < count * heads * TIME_PAIRS; i += WRITE_THREADS)
    {
        int pair = i % TIME_PAIRS, head = i / TIME_PAIRS % heads, token = i / (TIME_PAIRS * heads);
        Pair raw = ((const Pair*)unrotated)[((to + token) * heads + head) * TIME_PAIRS + pair];
        ((Pair*)cached_keys)[((to + token) * heads + head) * HEAD_PAIRS + pair] = rotated(widen(raw.x), widen(raw.y), turn[pair]);
    }
}

extern "C" __global__ void __launch_bounds__(WRITE_THREADS) write_cache(
    const scalar* keys, const scalar* values, int values_stride, scalar* cached_keys, scalar* cached_values, scalar* unrotated,
    const int* rows, const Slot* slots, const int* refreshed, const Turn* turns, int outcomes, int tokens, int frame_tokens, int window)
{
    write_heads<true>(keys, values, values_stride, cached_keys, cached_values, unrotated, rows, slots, refreshed, turns, outcomes, tokens,
        frame_tokens, window, 0, HEADS, ROW_FRAMES);
}

extern "C" __global__ void __launch_bounds__(WRITE_THREADS) write_cache_heads(
    const scalar* keys, const scalar* values, int values_stride, scalar* cached_keys, scalar* cached_values, scalar* unrotated,
    const int* rows, const Slot* slots, const int* refreshed, const Turn* turns, int outcomes, int tokens, int frame_tokens, int window,
    const int* some, int some_heads, int is_streaming)
{
    write_heads<false>(keys, values, values_stride, cached_keys, cached_values, unrotated, rows, slots, refreshed, turns, outcomes, tokens,
        frame_tokens, window, some, some_heads, is_streaming ? ROW_STREAMING_FRAMES : ROW_FRAMES);
}

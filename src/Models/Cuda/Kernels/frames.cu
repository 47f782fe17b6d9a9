// Own kernel of the Wan VAE: everything between two of its convolutions. Frames lie with their channels last in memory.
// Compiled at run time for the device at hand (NVRTC), with the network's sizes as macros:
//   VEC         elements that are read at once; divides the channels of every layer
//   LANE_PACKS  packs of VEC elements that a thread holds of a pixel, at the widest layer, with 32 threads for a pixel
//   BFLOAT16    see scalar.cu, which stands before this file

// x = y + bias + addend, and h = that, its norm over the channels, or the SiLU of the norm, where the convolution that follows looks for it,
// together with the two frames before. `group` threads go through the frames of a pixel; blocks: pixels * group / threads.
//   y, addend, x  [frames, pixels, channels]; bias [channels]; addend or bias null: nothing is added; x null: not stored; x may be y
//   gamma         [channels]; null: no norm; root: of their number
//   h             see `taps`; null: only x is made
//   history       [2, pixels, channels], the last two of h, for the next call; only with taps
//   taps          0: h is [frames, pixels, channels]
//                 1: h is [2 + frames, pixels, channels]: the convolution looks back along the frames
//                 2: h is [frames, pixels, 3, channels]: each frame after the two before it, as more channels
extern "C" __global__ void norm_frames(
    const scalar* y, const scalar* bias, const scalar* addend, scalar* x, const scalar* gamma, float root, scalar* h, scalar* history,
    int taps, int activates, int frames, int pixels, int channels, int group)
{
    int thread = blockIdx.x * blockDim.x + threadIdx.x;
    int pixel = thread / group, lane = thread % group, packs = channels / VEC;
    bool is_there = pixel < pixels;
    long long frame_packs = (long long)pixels * packs;
    long long here = (long long)pixel * packs;

    Pack gain[LANE_PACKS], offset[LANE_PACKS], before[2][LANE_PACKS];
#pragma unroll
    for (int i = 0; i < LANE_PACKS; i++)
    {
        int pack = lane + i * group;
        if (!is_there || pack >= packs)
            continue;
        if (gamma)
            gain[i] = ((const Pack*)gamma)[pack];
        if (bias)
            offset[i] = ((const Pack*)bias)[pack];
        if (taps)
            for (int t = 0; t < 2; t++)
            {
                before[t][i] = ((const Pack*)history)[t * frame_packs + here + pack];
                if (taps == 1)
                    ((Pack*)h)[t * frame_packs + here + pack] = before[t][i];
            }
    }

    for (int frame = 0; frame < frames; frame++)
    {
        Pack held[LANE_PACKS];
        float sum = 0;
#pragma unroll
        for (int i = 0; i < LANE_PACKS; i++)
        {
            int pack = lane + i * group;
            if (!is_there || pack >= packs)
                continue;
            long long at = frame * frame_packs + here + pack;
            Pack in = ((const Pack*)y)[at];
            if (bias || addend)
            {
                Pack add;
                if (addend)
                    add = ((const Pack*)addend)[at];
#pragma unroll
                for (int j = 0; j < VEC; j++)
                    in.v[j] = narrow(widen(in.v[j]) + (bias ? widen(offset[i].v[j]) : 0.0f) + (addend ? widen(add.v[j]) : 0.0f));
            }
            if (x)
                ((Pack*)x)[at] = in;
            held[i] = in;
#pragma unroll
            for (int j = 0; j < VEC; j++)
                sum += widen(in.v[j]) * widen(in.v[j]);
        }
        if (!h)
            continue;
        float inverse = 1;
        if (gamma)
        {
            for (int step = group / 2; step > 0; step >>= 1)
                sum += __shfl_xor_sync(0xffffffffu, sum, step);
            inverse = root / fmaxf(sqrtf(sum), 1e-12f);
        }
#pragma unroll
        for (int i = 0; i < LANE_PACKS; i++)
        {
            int pack = lane + i * group;
            if (!is_there || pack >= packs)
                continue;
            Pack out = held[i];
            if (gamma)
#pragma unroll
                for (int j = 0; j < VEC; j++)
                {
                    float v = widen(out.v[j]) * inverse * widen(gain[i].v[j]);
                    out.v[j] = narrow(activates ? v / (1.0f + expf(-v)) : v);
                }
            if (taps == 2)
            {
                Pack* window = (Pack*)h + (frame * frame_packs + here) * 3 + pack;
                window[0] = before[0][i];
                window[packs] = before[1][i];
                window[2 * packs] = out;
            }
            else
                ((Pack*)h)[(frame + 2 * taps) * frame_packs + here + pack] = out;
            before[0][i] = before[1][i];
            before[1][i] = out;
        }
    }

    if (!taps)
        return;
#pragma unroll
    for (int i = 0; i < LANE_PACKS; i++)
    {
        int pack = lane + i * group;
        if (is_there && pack < packs)
            for (int t = 0; t < 2; t++)
                ((Pack*)history)[t * frame_packs + here + pack] = before[t][i];
    }
}

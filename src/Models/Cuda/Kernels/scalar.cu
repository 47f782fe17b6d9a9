// What own kernels compute with, before each of their sources:
//   BFLOAT16    1 for bfloat16 activations, 0 for float32; sums are float32 in both
//   VEC         elements that are read at once

#if BFLOAT16
typedef unsigned short scalar;

__device__ __forceinline__ float widen(scalar v)
{
    return __uint_as_float((unsigned)v << 16);
}

// To the nearest, ties to even.
__device__ __forceinline__ scalar narrow(float f)
{
#if __CUDA_ARCH__ >= 800
    scalar rounded;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded) : "f"(f));
    return rounded;
#else
    unsigned u = __float_as_uint(f);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return 0x7fff;
    return (scalar)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
#endif
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

// Float8, e4m3: largest value 448, none infinite. Rows get a scale each, so that their largest element is that.
#define MOST_FLOAT8 448.0f

struct alignas(VEC) Pack8
{
    unsigned char v[VEC];
};

// Two at once, to the nearest, ties to even; what is beyond the largest becomes that.
__device__ __forceinline__ void narrow8(float x, float y, unsigned char* to)
{
#if __CUDA_ARCH__ >= 890
    unsigned short two;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(two) : "f"(y), "f"(x));
    to[0] = (unsigned char)(two & 0xff);
    to[1] = (unsigned char)(two >> 8);
#else
    for (int i = 0; i < 2; i++)
    {
        unsigned u = __float_as_uint(i == 0 ? x : y);
        unsigned sign = u >> 24 & 0x80u, size;
        float a = __uint_as_float(u & 0x7fffffffu);
        if (a < 0.015625f)
            size = (unsigned)rintf(a * 512.0f);
        else
        {
            u = (u & 0x7fffffffu) + 0x7ffffu + (u >> 20 & 1u);
            size = a >= MOST_FLOAT8 ? 0x7eu : ((u >> 23) - 120u) << 3 | (u >> 20 & 7u);
        }
        to[i] = (unsigned char)(sign | (size > 0x7eu ? 0x7eu : size));
    }
#endif
}

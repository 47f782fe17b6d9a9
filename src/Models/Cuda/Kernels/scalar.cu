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

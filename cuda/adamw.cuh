// What the twins of the optimizer share: its tensors, block by block.
#pragma once
#include "cast.cuh"

typedef QuarterAdamwTensor Tensor;
typedef QuarterAdamwControl Control;
typedef QuarterAdamwSettings Settings;

// A warp's block of 128: lane l has elements 4 l .. 4 l + 3.
struct Block {
    const Tensor &tensor;
    u32 index; // of the tensor
    u64 block, first;
    u32 exist;
    __device__ Block(const QuarterAdamw &p, u32 chunk, u32 b)
        : tensor(*at<Tensor>(p.tensors, at<u32>(p.chunks, 2 * (u64)chunk)[0])), index(at<u32>(p.chunks, 2 * (u64)chunk)[0]),
          block((u64)at<u32>(p.chunks, 2 * (u64)chunk)[1] * QUARTER_CHUNK_BLOCKS + b), first(128 * block + 4 * (threadIdx.x % 32)),
          exist(first >= tensor.len ? 0 : tensor.len - first < 4 ? (u32)(tensor.len - first) : 4) {}
    __device__ bool is_there() const { return 128 * block < tensor.len; }
};

// What follows, for each block that this warp has, called `b`.
#define FOR_BLOCKS(...) \
    for (u32 chunk = blockIdx.x; chunk < p.chunk_count; chunk += gridDim.x) \
        for (u32 n = threadIdx.x / 32; n < QUARTER_CHUNK_BLOCKS; n += blockDim.x / 32) { \
            Block b(p, chunk, n); \
            if (!b.is_there()) break; \
            __VA_ARGS__ \
        }

// ---- Moments ----

struct Sqrt {
    static const bool FULL = false;
    static __device__ float stored(float, float root) { return root; }
    static __device__ float square(float x) { return __fmul_rn(x, x); }
};
struct Linear {
    static const bool FULL = false;
    static __device__ float stored(float v, float) { return v; }
    static __device__ float square(float x) { return x; }
};
struct Full {
    static const bool FULL = true;
    static __device__ float stored(float v, float) { return v; }
    static __device__ float square(float x) { return x; }
};

template <class V> __device__ float moment(u64 codes, u64 scales, const Block &b, u32 i) {
    if (V::FULL) return *at<float>(codes, b.first + i);
    return __fmul_rn(decode<E4m3>(*at<u8>(codes, b.first + i)), *at<float>(scales, b.block));
}

template <class G> __device__ float gradient(const Block &b, u32 i, float scale) {
    return __fmul_rn(G::widen(*at<typename G::Bits>(b.tensor.gradient, b.first + i)), scale);
}

// v' of an element.
template <class V> __device__ float second(const Block &b, u32 i, float g, const Control &k) {
    float v = V::square(moment<V>(b.tensor.v, b.tensor.v_scales, b, i));
    return __fmaf_rn(k.beta2, v, __fmul_rn(__fmul_rn(k.one_minus_beta2, g), g));
}

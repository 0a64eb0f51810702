// Twin of ptx/scaling.ptx: scaling::Delayed::update, a thread a tensor.
#include "cast.cuh"

extern "C" __global__ void scaling(const QuarterScaling p) {
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < p.tensors; i += gridDim.x * blockDim.x) {
        u32 amax = *at<u32>(p.now, i) & 0x7fffffff;
        float before = *at<float>(p.scale, i), scale;
        u32 bits = __float_as_uint(before);
        bool none = bits < 0x00800000 || bits > 0x7f7fffff;
        *at<u32>(p.now, i) = 0;
        if (amax >= INF) {
            atomicAdd(at<u32>(p.non_finite, 0), 1u);
            if (none) continue;
            if (p.on_non_finite == QUARTER_NON_FINITE_KEEP) continue;
            scale = 1.f;
            if (p.on_non_finite == QUARTER_NON_FINITE_BACKOFF) scale = fmaxf(__fmul_rn(before, 0.5f), __uint_as_float(0x00800000));
        } else if (amax == 0) {
            if (none || p.on_zero == QUARTER_ZERO_KEEP) continue;
            scale = 1.f;
        } else {
            u32 next = *at<u32>(p.next, i);
            *at<u32>(p.history, (u64)i * p.window + next) = amax;
            *at<u32>(p.next, i) = (next + 1) % p.window;
            if (!p.most_recent)
                for (u32 k = 0; k < p.window; k++) amax = max(amax, *at<u32>(p.history, (u64)i * p.window + k));
            scale = scale_of(amax, *at<float>(p.max_margin, i), p.floor, p.pow2);
        }
        *at<float>(p.scale, i) = scale;
    }
}

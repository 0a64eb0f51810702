// Twin of ptx/dequantize.ptx: x = T(f32(code) * scale_inv), one product and one rounding.
#include "cast.cuh"

template <class T, class F> __device__ void dequantize(const QuarterDequantize &p) {
    for (u32 r = blockIdx.x; r < p.rows; r += gridDim.x)
        for (u32 c = threadIdx.x; c < p.cols; c += blockDim.x) {
            Place place(r, c, p.row_shift, p.col_shift, p.scale_cols);
            float x = __fmul_rn(decode<F>(*at<u8>(p.codes + r * p.pitch, c)), *at<float>(p.scale_inv, place.tile));
            *at<typename T::Bits>(p.dst + r * p.dst_pitch, c) = T::narrow(x);
        }
}

#define ENTRY(T, t, F, f) \
    extern "C" __global__ void dequantize_##t##_##f(const QuarterDequantize p) { dequantize<T, F>(p); }
#define ALL(T, t) ENTRY(T, t, E4m3, e4m3) ENTRY(T, t, E5m2, e5m2)

ALL(F32, f32)
ALL(Bf16, bf16)
ALL(F16, f16)

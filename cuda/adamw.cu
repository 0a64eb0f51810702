// Twin of ptx/adamw.ptx: adamw::step.
#include "adamw.cuh"

// A half of the words of random.rs: eight neighbours a group.
__device__ u32 random_half(const QuarterAdamw &p, const Block &b, u32 i, u32 stream, u32 step) {
    u64 element = b.first + i, group = b.tensor.words + element / 8;
    u32 c0 = (u32)group, c1 = ((u32)(group >> 32) & 0xffff) | stream, c2 = b.tensor.tensor, c3 = step;
    u32 k0 = p.seed_low, k1 = p.seed_high;
    for (int round = 0; round < 10; round++) {
        u64 p0 = (u64)0xd2511f53 * c0, p1 = (u64)0xcd9e8d57 * c2;
        c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
        c1 = (u32)p1;
        c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
        c3 = (u32)p0;
        k0 += 0x9e3779b9;
        k1 += 0xbb67ae85;
    }
    u32 pair = element / 2 % 4;
    u32 word = pair < 2 ? (pair == 0 ? c0 : c1) : (pair == 2 ? c2 : c3);
    return element & 1 ? word >> 16 : word & 0xffff;
}

// ---- Weights ----

__device__ u16 narrow_stochastically(float x, u32 word) {
    u32 bits = __float_as_uint(x), abs = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;
    if (abs > INF) return 0x7fff;
    if (abs == INF) return sign | 0x7f80;
    u32 sum = (abs + word) >> 16;
    return sign | (sum > 0x7f7f ? 0x7f7f : sum);
}

struct WeightsBf16 {
    static __device__ float load(const Tensor &t, u64 i) { return Bf16::widen(*at<u16>(t.weights, i)); }
    static __device__ void store(const QuarterAdamw &p, const Block &b, u32 i, float x, u32 step) {
        u16 *to = at<u16>(b.tensor.weights, b.first + i);
        u32 word = random_half(p, b, i, QUARTER_STREAM_WEIGHT, 0) + step * QUARTER_WEYL;
        *to = p.flags & QUARTER_WEIGHTS_STOCHASTIC ? narrow_stochastically(x, word & 0xffff) : Bf16::narrow(x);
    }
};
struct WeightsF32 {
    static __device__ float load(const Tensor &t, u64 i) { return *at<float>(t.weights, i); }
    static __device__ void store(const QuarterAdamw &, const Block &b, u32 i, float x, u32) {
        *at<float>(b.tensor.weights, b.first + i) = x;
    }
};
struct WeightsMaster {
    static __device__ float load(const Tensor &t, u64 i) { return *at<float>(t.weights, i); }
    static __device__ void store(const QuarterAdamw &, const Block &b, u32 i, float x, u32) {
        *at<float>(b.tensor.weights, b.first + i) = x;
        *at<u16>(b.tensor.other, b.first + i) = Bf16::narrow(x);
    }
};
struct WeightsSplit {
    static __device__ float load(const Tensor &t, u64 i) {
        return __uint_as_float(((u32)*at<u16>(t.weights, i) << 16) + (u32)(int)*at<short>(t.other, i));
    }
    static __device__ void store(const QuarterAdamw &, const Block &b, u32 i, float x, u32) {
        u32 bits = __float_as_uint(x);
        if ((bits & 0x7fffffff) > INF) bits = 0x7fff0000;
        // The nearest, ties away from zero; what is left of it may be negative.
        *at<u16>(b.tensor.weights, b.first + i) = (bits + 0x8000) >> 16;
        *at<u16>(b.tensor.other, b.first + i) = (u16)bits;
    }
};

// ---- Codes ----

// Up from the code below with the probability that is right for the square.
__device__ u32 code_of_square(float y, u32 word) {
    u32 code = Stochastic::round<E4m3>(magnitude(y), 0);
    if (code >= 0x7e) return 0x7e;
    double lo = decode<E4m3>(code), hi = decode<E4m3>(code + 1);
    double gap = (double)__fmul_rn(y, y) - lo * lo;
    return code + ((word + 1) * ((hi * hi - lo * lo) / 65536.0) <= gap);
}

template <class V> __device__ u32 code_of_second(float y, u32 word) { return encode<E4m3, Stochastic>(y, word); }
template <> __device__ u32 code_of_second<Sqrt>(float y, u32 word) { return code_of_square(y, word); }

__device__ float scale(u32 amax) { return fmaxf(__fdiv_rn(__uint_as_float(amax), 448.f), __uint_as_float(0x00800000)); }

template <class W, class G, class V> __device__ void adamw(const QuarterAdamw &p) {
    const Control &k = *at<Control>(p.control, 0);
    if (k.skip) return;
    FOR_BLOCKS({
        float alpha = at<float>(p.rates, 2 * (u64)b.index)[0], decay = at<float>(p.rates, 2 * (u64)b.index)[1];
        float m[4], v[4], root[4];
        u32 amax_m = 0, amax_v = 0;
        for (u32 i = 0; i < 4; i++) {
            m[i] = v[i] = root[i] = 0.f;
            if (i >= b.exist) continue;
            float g = gradient<G>(b, i, k.gradient_scale);
            m[i] = __fmaf_rn(k.beta1, moment<V>(b.tensor.m, b.tensor.m_scales, b, i), __fmul_rn(k.one_minus_beta1, g));
            v[i] = second<V>(b, i, g, k);
            root[i] = __fsqrt_rn(v[i]);
            amax_m = max(amax_m, magnitude(m[i]));
            amax_v = max(amax_v, __float_as_uint(V::stored(v[i], root[i])));
        }
        amax_m = __reduce_max_sync(~0u, amax_m);
        amax_v = __reduce_max_sync(~0u, amax_v);
        bool finite = amax_m < INF && amax_v < INF;
        u32 elements = 0, floored = 0, flushed = 0, saturated = 0;
        float s_m = scale(amax_m), s_v = scale(amax_v);
        float inverse_m = __fdiv_rn(1.f, s_m), inverse_v = __fdiv_rn(1.f, s_v);
        for (u32 i = 0; i < 4; i++) {
            if (i >= b.exist || !finite) continue;
            elements++;
            float u = __fdiv_rn(m[i], __fadd_rn(root[i], k.eps));
            float w = W::load(b.tensor, b.first + i);
            W::store(p, b, i, __fmaf_rn(-alpha, u, __fmul_rn(decay, w)), k.step);
            if (V::FULL) {
                *at<float>(b.tensor.m, b.first + i) = m[i];
                *at<float>(b.tensor.v, b.first + i) = v[i];
                continue;
            }
            float y = __fmul_rn(m[i], inverse_m);
            u32 word = random_half(p, b, i, QUARTER_STREAM_FIRST_MOMENT, k.step);
            u8 code = p.flags & QUARTER_FIRST_STOCHASTIC ? encode<E4m3, Stochastic>(y, word) : encode<E4m3, Nearest>(y, 0);
            flushed += !(code & 0x7f) && m[i] != 0.f;
            *at<u8>(b.tensor.m, b.first + i) = code;
            float x = V::stored(v[i], root[i]);
            y = __fmul_rn(x, inverse_v);
            word = random_half(p, b, i, QUARTER_STREAM_SECOND_MOMENT, k.step);
            code = p.flags & QUARTER_SECOND_STOCHASTIC ? code_of_second<V>(y, word) : encode<E4m3, Nearest>(y, 0);
            bool lift = !code && x > 0.f;
            floored += lift;
            *at<u8>(b.tensor.v, b.first + i) = code + lift;
        }
        elements = __reduce_add_sync(~0u, elements);
        floored = __reduce_add_sync(~0u, floored);
        flushed = __reduce_add_sync(~0u, flushed);
        if (threadIdx.x % 32) continue;
        saturated = __fmul_rn(__uint_as_float(amax_m), inverse_m) >= 464.f;
        saturated += __fmul_rn(__uint_as_float(amax_v), inverse_v) >= 464.f;
        u64 *counts = at<u64>(p.telemetry, 5 * (u64)b.index);
        if (!finite) {
            atomicAdd(counts + 4, (u64)1);
            continue;
        }
        atomicAdd(counts, (u64)elements);
        if (V::FULL) continue;
        *at<float>(b.tensor.m_scales, b.block) = s_m;
        *at<float>(b.tensor.v_scales, b.block) = s_v;
        atomicAdd(counts + 1, (u64)floored);
        atomicAdd(counts + 2, (u64)flushed);
        atomicAdd(counts + 3, (u64)saturated);
    })
}

#define OF_FORM(W, w, G, g, V, v) \
    extern "C" __global__ void adamw_##w##_##g##_##v(const QuarterAdamw p) { adamw<Weights##W, G, V>(p); }
#define OF_GRADIENT(W, w, G, g) OF_FORM(W, w, G, g, Sqrt, sqrt) OF_FORM(W, w, G, g, Linear, linear) OF_FORM(W, w, G, g, Full, full)
#define ALL(W, w) OF_GRADIENT(W, w, Bf16, bf16) OF_GRADIENT(W, w, F32, f32)

ALL(Bf16, bf16)
ALL(F32, f32)
ALL(Master, master)
ALL(Split, split)

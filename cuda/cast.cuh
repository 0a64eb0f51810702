// What the twins share: numbers, casts, random words, scales and statistics, in plain integers.
//
// The twins say in CUDA C++ what ptx/ says in PTX, as it comes to mind, and share nothing with it
// but quarter.h: a second opinion for the tests, and what the hand-written kernels are measured
// against. No contraction: nvcc gets -fmad=false.
#pragma once
#include "quarter.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

static const u32 INF = 0x7f800000;

__device__ inline u32 magnitude(float x) { return __float_as_uint(x) & 0x7fffffff; }
template <class X> __device__ inline X *at(u64 address, u64 i) { return (X *)address + i; }

// ---- The types of a source ----

struct F32 {
    typedef float Bits;
    static __device__ float widen(float x) { return x; }
    static __device__ float narrow(float x) { return x; }
};

struct Bf16 {
    typedef u16 Bits;
    static __device__ float widen(u16 x) {
        u32 bits = (u32)x << 16;
        // A signalling NaN becomes quiet.
        if ((bits & 0x7fffffff) > INF) bits |= 0x00400000;
        return __uint_as_float(bits);
    }
    static __device__ u16 narrow(float x) {
        u32 bits = __float_as_uint(x);
        if ((bits & 0x7fffffff) > INF) return 0x7fff;
        return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    }
};

struct F16 {
    typedef u16 Bits;
    static __device__ float widen(u16 x) {
        u32 sign = (u32)(x & 0x8000) << 16, abs = x & 0x7fff;
        if (abs >= 0x7c00) { // infinity, or a NaN that becomes quiet
            u32 payload = (abs & 0x3ff) << 13;
            return __uint_as_float(sign | INF | payload | (payload ? 0x00400000 : 0));
        }
        // As a number: 2^112 times too small.
        float tiny = __uint_as_float(abs << 13);
        return __uint_as_float(sign | __float_as_uint(__fmul_rn(tiny, 5192296858534827628530496329220096.f)));
    }
    static __device__ u16 narrow(float x) {
        u32 bits = __float_as_uint(x), abs = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;
        if (abs > INF) return 0x7fff;
        if (abs >= 0x477ff000) return sign | 0x7c00;
        u32 e = abs >> 23;
        if (e >= 113) return sign | (abs - (112u << 23) + 0xfff + (abs >> 13 & 1)) >> 13;
        // Subnormal: steps of 2^-24.
        u32 drop = 126 - e, significand = (abs & 0x7fffff) | 0x800000;
        if (drop > 25) return sign;
        u32 kept = significand >> drop, rest = significand & ((1u << drop) - 1), half = 1u << (drop - 1);
        return sign | (kept + (rest > half || (rest == half && kept & 1)));
    }
};

// ---- The formats of codes ----

struct E4m3 {
    static const u32 MAX = QUARTER_E4M3_MAX, LIMIT = QUARTER_E4M3_LIMIT, FRACTION = 3, BIAS = 7;
    static __device__ bool is_special(u32 code) { return (code & 0x7f) == 0x7f; }
    static __device__ bool is_infinite(u32) { return false; }
};

struct E5m2 {
    static const u32 MAX = QUARTER_E5M2_MAX, LIMIT = QUARTER_E5M2_LIMIT, FRACTION = 2, BIAS = 15;
    static __device__ bool is_special(u32 code) { return (code & 0x7f) >= 0x7c; }
    static __device__ bool is_infinite(u32 code) { return (code & 0x7f) == 0x7c; }
};

template <class F> __device__ float decode(u8 code) {
    u32 sign = (u32)(code & 0x80) << 24, abs = code & 0x7f;
    if (F::is_infinite(code)) return __uint_as_float(sign | INF);
    if (F::is_special(code)) return __uint_as_float(0x7fffffff);
    u32 e = abs >> F::FRACTION, fraction = abs & ((1 << F::FRACTION) - 1);
    if (e == 0) // steps of 2^(1 - BIAS - FRACTION)
        return __uint_as_float(
            sign | __float_as_uint(__fmul_rn((float)fraction, __uint_as_float((128 - F::BIAS - F::FRACTION) << 23))));
    return __uint_as_float(sign | (e + 127 - F::BIAS) << 23 | fraction << (23 - F::FRACTION));
}

// Rounding to nearest, ties to even.
struct Nearest {
    static const bool STOCHASTIC = false;
    template <class F> static __device__ u32 round(u32 abs, u32) {
        const u32 shift = 23 - F::FRACTION;
        u32 e = abs >> 23;
        if (e > 127 - F::BIAS) {
            u32 rebased = abs - ((127 - F::BIAS) << 23);
            return (rebased + (1u << (shift - 1)) - 1 + (abs >> shift & 1)) >> shift;
        }
        u32 drop = 151 - F::BIAS - F::FRACTION - e, significand = (abs & 0x7fffff) | 0x800000;
        if (drop > 25) return 0;
        u32 kept = significand >> drop, rest = significand & ((1u << drop) - 1), half = 1u << (drop - 1);
        return kept + (rest > half || (rest == half && kept & 1));
    }
};

// Away from zero with a probability of the distance in 2^-16 steps: `word` is 16 random bits.
struct Stochastic {
    static const bool STOCHASTIC = true;
    template <class F> static __device__ u32 round(u32 abs, u32 word) {
        const u32 shift = 23 - F::FRACTION;
        u32 e = abs >> 23;
        if (e > 127 - F::BIAS) return (abs + (word << (shift - 16)) - ((127 - F::BIAS) << 23)) >> shift;
        u32 drop = 135 - F::BIAS - F::FRACTION - e, significand = (abs & 0x7fffff) | 0x800000;
        return ((drop > 31 ? 0 : significand >> drop) + word) >> 16;
    }
};

template <class F, class R> __device__ u8 encode(float y, u32 word) {
    u32 abs = magnitude(y);
    if (abs > INF) return 0x7f;
    u32 sign = __float_as_uint(y) >> 24 & 0x80;
    return sign | R::template round<F>(abs < F::MAX ? abs : F::MAX, word);
}

// ---- Random words: random.rs ----

__device__ inline u32 random_word(const QuarterQuantize &p, u64 index) {
    u64 group = index >> 4;
    u32 c0 = (u32)group, c1 = ((u32)(group >> 32) & 0xffff) | QUARTER_STREAM_CAST, c2 = p.tensor, c3 = p.step;
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
    u32 quad = index >> 2 & 3;
    u32 word = quad < 2 ? (quad == 0 ? c0 : c1) : (quad == 2 ? c2 : c3);
    // Four neighbours: the lower half, its bits reversed, the upper half, its bits reversed.
    u32 half = index & 2 ? word >> 16 : word & 0xffff;
    return index & 1 ? __brev(half) >> 16 : half;
}

// ---- Scales: scaling::Policy::scale, for a tensor without one so far ----

__device__ inline float scale_of(u32 amax, float max_margin, float floor, bool pow2) {
    if (amax == 0 || amax >= INF) return 1.f;
    float a = __uint_as_float(amax);
    float s = __fdiv_rn(max_margin, a > floor ? a : floor);
    u32 bits = __float_as_uint(s);
    if (bits > 0x7f7fffff) bits = 0x7f7fffff;
    if (pow2) bits &= 0xff800000;
    if (bits < 0x00800000) bits = 0x00800000;
    return __uint_as_float(bits);
}

__device__ inline float scale_of(const QuarterQuantize &p, u32 amax) {
    return scale_of(amax, p.max_margin, p.floor, p.flags & QUARTER_POW2);
}

// ---- What a cast has seen ----

struct Seen {
    u32 amax, saturated, flushed, non_finite;
    __device__ Seen() : amax(0), saturated(0), flushed(0), non_finite(0) {}

    // All threads of a warp come here, and one adds for them.
    __device__ void add_to(u64 amax_to, u64 counts_to) const {
        u32 a = __reduce_max_sync(~0u, amax), s = __reduce_add_sync(~0u, saturated);
        u32 f = __reduce_add_sync(~0u, flushed), n = __reduce_add_sync(~0u, non_finite);
        if (threadIdx.x % 32) return;
        if (amax_to && a) atomicMax(at<u32>(amax_to, 0), a);
        if (counts_to && s) atomicAdd(at<u64>(counts_to, 0), (u64)s);
        if (counts_to && f) atomicAdd(at<u64>(counts_to, 1), (u64)f);
        if (counts_to && n) atomicAdd(at<u64>(counts_to, 2), (u64)n);
    }
};

template <class T> __device__ float element(const QuarterQuantize &p, u32 r, u32 c) {
    return T::widen(*at<typename T::Bits>(p.src + r * p.src_pitch, c));
}

// The code of x, element (r, c), and what happened to it.
template <class F, class R> __device__ u8 cast(const QuarterQuantize &p, float x, u32 r, u32 c, float scale, Seen &seen) {
    float y = __fmul_rn(x, scale);
    u32 word = R::STOCHASTIC ? random_word(p, p.first + r * p.row_stride + c) : 0;
    u8 code = encode<F, R>(y, word);
    u32 ax = magnitude(x), ay = magnitude(y), limit = R::STOCHASTIC ? F::MAX + 1 : F::LIMIT;
    if (ax > seen.amax) seen.amax = ax;
    if (ax >= INF || ay > INF)
        seen.non_finite++;
    else if (ay >= limit)
        seen.saturated++;
    else if (!(code & 0x7f) && ax)
        seen.flushed++;
    return code;
}

// The place of a scale among those of its grid, and whether (r, c) is the first of its tile.
struct Place {
    u32 tile;
    bool first;
    __device__ Place(u32 r, u32 c, u32 row_shift, u32 col_shift, u32 scale_cols)
        : tile((r >> row_shift) * scale_cols + (c >> col_shift)),
          first((r >> row_shift << row_shift) == r && (c >> col_shift << col_shift) == c) {}
};

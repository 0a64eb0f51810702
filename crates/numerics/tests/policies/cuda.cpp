// The host conversions of NVIDIA's cuda_fp8.h behind a C interface, for record.py.
//
// g++ -O1 -shared -fPIC -I <include> -I <include>/cccl cuda.cpp -o cuda.so
#include <cuda_fp8.h>

#include <cstdint>
#include <cstring>

namespace {

template <class To, class From> To bits(From from) {
    To to;
    static_assert(sizeof to == sizeof from, "sizes");
    std::memcpy(&to, &from, sizeof to);
    return to;
}

__half half_of(uint64_t x) {
    __half_raw raw;
    raw.x = static_cast<uint16_t>(x);
    return raw;
}

__nv_bfloat16 bfloat_of(uint64_t x) {
    __nv_bfloat16_raw raw;
    raw.x = static_cast<uint16_t>(x);
    return raw;
}

__nv_saturation_t saturation(int saturate) {
    return saturate ? __NV_SATFINITE : __NV_NOSAT;
}

template <class Format> uint64_t widened(uint8_t code, char wide) {
    Format x;
    x.__x = code;
    switch (wide) {
    case 'h':
        return static_cast<__half_raw>(static_cast<__half>(x)).x;
    case 'b':
        return static_cast<__nv_bfloat16_raw>(static_cast<__nv_bfloat16>(x)).x;
    case 'f':
        return bits<uint32_t>(static_cast<float>(x));
    default:
        return bits<uint64_t>(static_cast<double>(x));
    }
}

} // namespace

extern "C" int version() { return CUDART_VERSION; }

// wide: h, b, f or d for __half, __nv_bfloat16, float and double. format: 4, 5 or 0 for
// E4M3, E5M2 and E8M0, of which the last also has a rounding: z or p.
extern "C" void narrow(const uint64_t *in, uint8_t *out, uint64_t count, char wide, char format,
                       int saturate, char rounding) {
    const auto sat = saturation(saturate);
    const auto kind = format == '4' ? __NV_E4M3 : __NV_E5M2;
    const auto round = rounding == 'z' ? cudaRoundZero : cudaRoundPosInf;
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t x = in[i];
        const float single = bits<float>(static_cast<uint32_t>(x));
        if (format == '0') {
            // The header has no conversion from __half; its class goes through float.
            out[i] = wide == 'h'   ? __nv_cvt_float_to_e8m0(__half2float(half_of(x)), sat, round)
                     : wide == 'b' ? __nv_cvt_bfloat16raw_to_e8m0(bfloat_of(x), sat, round)
                     : wide == 'f' ? __nv_cvt_float_to_e8m0(single, sat, round)
                                   : __nv_cvt_double_to_e8m0(bits<double>(x), sat, round);
        } else {
            out[i] = wide == 'h'   ? __nv_cvt_halfraw_to_fp8(half_of(x), sat, kind)
                     : wide == 'b' ? __nv_cvt_bfloat16raw_to_fp8(bfloat_of(x), sat, kind)
                     : wide == 'f' ? __nv_cvt_float_to_fp8(single, sat, kind)
                                   : __nv_cvt_double_to_fp8(bits<double>(x), sat, kind);
        }
    }
}

// The conversion operators of the header's classes.
extern "C" uint64_t widen(uint8_t code, char wide, char format) {
    return format == '4'   ? widened<__nv_fp8_e4m3>(code, wide)
           : format == '5' ? widened<__nv_fp8_e5m2>(code, wide)
                           : widened<__nv_fp8_e8m0>(code, wide);
}

// Twin of ptx/norm.ptx: adamw::norm and adamw::update_clip, and what follows from them.
#include "adamw.cuh"

// The lanes' tree, at distances 16, 8, 4, 2 and 1.
__device__ float tree_of_lanes(float sum) {
    for (u32 distance = 16; distance; distance /= 2) sum = __fadd_rn(sum, __shfl_xor_sync(~0u, sum, distance));
    return sum;
}

__device__ void store_partial(const Block &b, float sum) {
    sum = tree_of_lanes(sum);
    if (threadIdx.x % 32 == 0) *at<float>(b.tensor.partials, b.block) = sum;
}

template <class G> __device__ void norm_partials(const QuarterAdamw &p) {
    float scale = __double2float_rn(at<Settings>(p.settings, 0)->inverse_loss_scale);
    FOR_BLOCKS({
        float sum = 0.f;
        for (u32 i = 0; i < b.exist; i++) {
            float g = gradient<G>(b, i, scale);
            sum = __fmaf_rn(g, g, sum);
        }
        store_partial(b, sum);
    })
}

template <class G, class V> __device__ void update_partials(const QuarterAdamw &p) {
    const Control &k = *at<Control>(p.control, 0);
    if (k.skip) return;
    FOR_BLOCKS({
        float sum = 0.f;
        for (u32 i = 0; i < b.exist; i++) {
            float g = gradient<G>(b, i, k.gradient_scale);
            float v = fmaxf(__fmul_rn(second<V>(b, i, g, k), k.inv_bc2), k.eps_squared);
            sum = __fadd_rn(sum, __fdiv_rn(__fmul_rn(g, g), v));
        }
        store_partial(b, sum);
    })
}

// adamw::norm::tree, in place.
__device__ double tree(double *x, u32 n) {
    for (u32 len = n; len > 1; len = (len + 1) / 2) {
        for (u32 i = 0; i < len / 2; i++) x[i] = __dadd_rn(x[2 * i], x[2 * i + 1]);
        if (len % 2) x[len / 2] = x[len - 1];
    }
    return n ? x[0] : 0.0;
}

// A block of threads a run: level by level in shared memory.
extern "C" __global__ void norm_sums(const QuarterNorm p) {
    __shared__ double x[QUARTER_RUN_PARTIALS];
    for (u32 run = blockIdx.x; run < p.run_count; run += gridDim.x) {
        const u32 *entry = at<u32>(p.runs, 2 * (u64)run);
        const Tensor &tensor = *at<Tensor>(p.tensors, entry[0]);
        u64 first = (u64)entry[1] * QUARTER_RUN_PARTIALS, all = (tensor.whole_len + 127) / 128;
        u32 n = all - first < QUARTER_RUN_PARTIALS ? (u32)(all - first) : QUARTER_RUN_PARTIALS;
        for (u32 i = threadIdx.x; i < n; i += blockDim.x) x[i] = *at<float>(tensor.whole_partials, first + i);
        __syncthreads();
        if (threadIdx.x == 0) *at<double>(p.sums, run) = tree(x, n);
        __syncthreads();
    }
}

__device__ double tensor_sum(const QuarterNorm &p, u32 i) {
    const u32 *first = at<u32>(p.first_run, i);
    return tree(at<double>(p.sums, first[0]), first[1] - first[0]);
}

// StepConstants::new: alpha and decay of a tensor whose rate is divided by `shrink`.
__device__ void write_rates(const QuarterNorm &p, u32 i, double shrink) {
    const Control &k = *at<Control>(p.control, 0);
    const Settings &s = *at<Settings>(p.settings, 0);
    const QuarterAdamwGroup &group = *at<QuarterAdamwGroup>(p.groups, at<Tensor>(p.tensors, i)->group);
    double factor = 1.0;
    if (s.schedule) factor = *at<double>(s.schedule, (k.t < s.schedule_len ? k.t : s.schedule_len) - 1);
    double lr = __dmul_rn(group.lr, factor), clipped = __ddiv_rn(lr, shrink);
    double bc1 = __dsub_rn(1.0, k.beta1_pow), root = __dsqrt_rn(__dsub_rn(1.0, k.beta2_pow));
    float *rates = at<float>(p.rates, 2 * (u64)i);
    rates[0] = __double2float_rn(__ddiv_rn(__dmul_rn(clipped, root), bc1));
    rates[1] = __double2float_rn(__dsub_rn(1.0, __dmul_rn(s.decay_plain ? lr : clipped, group.weight_decay)));
}

__device__ bool is_finite(double x) { return (__double_as_longlong(x) & 0x7fffffffffffffffLL) < 0x7ff0000000000000LL; }

// The decision on a step, and the constants of one that happens.
__device__ void decide(const QuarterNorm &p, double norm) {
    Control &k = *at<Control>(p.control, 0);
    const Settings &s = *at<Settings>(p.settings, 0);
    k.norm = norm;
    k.skip = !is_finite(norm);
    if (k.skip) {
        k.skipped++;
        return;
    }
    double clip = __ddiv_rn(s.max_norm, __dadd_rn(norm, 1e-6));
    k.clip = clip < 1.0 ? clip : 1.0;
    k.gradient_scale = __double2float_rn(__dmul_rn(k.clip, s.inverse_loss_scale));
    k.t++;
    k.step = (u32)k.t;
    k.beta1_pow = __dmul_rn(k.beta1_pow, s.beta1);
    k.beta2_pow = __dmul_rn(k.beta2_pow, s.beta2);
    k.beta1 = __double2float_rn(s.beta1);
    k.beta2 = __double2float_rn(s.beta2);
    k.one_minus_beta1 = __double2float_rn(__dsub_rn(1.0, s.beta1));
    k.one_minus_beta2 = __double2float_rn(__dsub_rn(1.0, s.beta2));
    double bc2 = __dsub_rn(1.0, k.beta2_pow);
    k.inv_bc2 = __double2float_rn(__ddiv_rn(1.0, bc2));
    k.eps = __double2float_rn(__dmul_rn(s.eps, __dsqrt_rn(bc2)));
    k.eps_squared = fmaxf(__double2float_rn(__dmul_rn(s.eps, s.eps)), __uint_as_float(0x00800000));
}

extern "C" __global__ void norm_finish(const QuarterNorm p) {
    for (u32 i = threadIdx.x; i < p.tensor_count; i += blockDim.x) *at<double>(p.tensor_sums, i) = tensor_sum(p, i);
    __syncthreads();
    if (threadIdx.x == 0) decide(p, __dsqrt_rn(tree(at<double>(p.tensor_sums, 0), p.tensor_count)));
    __syncthreads();
    if (at<Control>(p.control, 0)->skip) return;
    for (u32 i = threadIdx.x; i < p.tensor_count; i += blockDim.x) write_rates(p, i, 1.0);
}

extern "C" __global__ void update_finish(const QuarterNorm p) {
    if (at<Control>(p.control, 0)->skip) return;
    for (u32 i = threadIdx.x; i < p.tensor_count; i += blockDim.x) {
        u64 len = at<Tensor>(p.tensors, i)->whole_len;
        double rms = len ? __dsqrt_rn(__ddiv_rn(tensor_sum(p, i), (double)len)) : 0.0;
        double over = __ddiv_rn(rms, at<Settings>(p.settings, 0)->limit);
        // What is not finite stops the weights.
        write_rates(p, i, is_finite(over) ? (over > 1.0 ? over : 1.0) : __longlong_as_double(0x7ff0000000000000LL));
    }
}

#define OF_FORM(G, g, V, v) \
    extern "C" __global__ void update_partials_##g##_##v(const QuarterAdamw p) { update_partials<G, V>(p); }
#define ALL(G, g) \
    extern "C" __global__ void norm_partials_##g(const QuarterAdamw p) { norm_partials<G>(p); } \
    OF_FORM(G, g, Sqrt, sqrt) OF_FORM(G, g, Linear, linear) OF_FORM(G, g, Full, full)

ALL(Bf16, bf16)
ALL(F32, f32)

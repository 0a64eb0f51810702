"""cuBLASLt through PyTorch on the products of `cargo bench --bench gemm_on`, by the same protocol.

    python3 gemm.py [--json FILE] [--small]

`torch._scaled_mm` with a scale for each tensor and D in bf16, with fast accumulation, one chain of K,
and without. The device's clock is read around as many launches as fill 2 ms; each works on another
set of arrays, and the sets together are three times the cache. A sample is a CUDA graph: PyTorch's
own time for a launch would be measured otherwise. A figure is the median of 30 samples, in turns.
"""
import argparse
import json
import statistics

import torch

SAMPLES, SAMPLE_MS, WARM_UP_MS, PEAK_TFLOPS = 30, 2.0, 50.0, 1979.0
E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
NAMES = {E4M3: "E4m3", E5M2: "E5m2"}
SHAPES = [(2048, 2048, 2048), (4096, 4096, 4096), (8192, 8192, 8192), (4096, 14336, 4096), (4096, 4096, 14336)]


def elapsed(run):
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    run()
    after.record()
    after.synchronize()
    return before.elapsed_time(after)


def eager(work, count):
    def run():
        for i in range(count):
            work(i)
    return run


def captured(run):
    try:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            run()
    except RuntimeError as error:
        print(f"no graph, launches one by one: {str(error).splitlines()[0]}")
        return run, False
    return graph.replay, True


def in_turns(works):
    runs = []
    for work in works:
        spent, count = 0.0, 1
        while spent < WARM_UP_MS:
            ms = elapsed(eager(work, count))
            spent += ms
            count = max(1, min(4096, round(count * SAMPLE_MS / max(ms, 1e-6))))
        runs.append((*captured(eager(work, count)), count))
    times = [[] for _ in works]
    for _ in range(SAMPLES):
        for (run, _, count), mine in zip(runs, times):
            mine.append(elapsed(run) / count * 1e6)
    return times, all(graph for _, graph, _ in runs)


def operand(rows, cols, dtype):
    """Codes and the reciprocal of their scale."""
    x = torch.randn(rows, cols, device="cuda")
    scale = torch.finfo(dtype).max / x.abs().amax()
    return (x * scale).to(dtype), scale.reciprocal()


def product(a, b, d, fast):
    torch._scaled_mm(a[0], b[0].t(), scale_a=a[1], scale_b=b[1], out_dtype=torch.bfloat16,
                     use_fast_accum=fast, out=d)


def measure(m, n, k, formats):
    size = m * k + n * k + 2 * m * n
    sets = max(3, min(4096, -(-3 * torch.cuda.get_device_properties(0).L2_cache_size // size)))
    arrays = [(operand(m, k, formats[0]), operand(n, k, formats[1]),
               torch.empty(m, n, device="cuda", dtype=torch.bfloat16)) for _ in range(sets)]
    works = [lambda i, fast=fast: product(*arrays[i % sets], fast) for fast in (True, False)]
    times, graph = in_turns(works)
    for fast, ns in zip((True, False), times):
        median = statistics.median(ns)
        rate = 2 * m * n * k / median / 1e3
        yield {"use_fast_accum": fast, "sets": sets, "graph": graph, "tflop_s": rate,
               "of_peak": rate / PEAK_TFLOPS, "ns": {
                   "median": median, "p10": statistics.quantiles(ns, n=10)[0],
                   "p90": statistics.quantiles(ns, n=10)[-1], "samples": len(ns)}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--small", action="store_true")
    args = parser.parse_args()
    results = []
    for m, n, k in [(256, 256, 256)] if args.small else SHAPES:
        for formats in ((E4M3, E4M3), (E5M2, E4M3)):
            case = f"{NAMES[formats[0]]} x {NAMES[formats[1]]} {m}x{n}x{k}"
            try:
                for result in measure(m, n, k, formats):
                    results.append({"case": case, **result})
                    print(f"{case} fast accumulation {result['use_fast_accum']}: "
                          f"{result['ns']['median'] / 1e3:.2f} us, {result['tflop_s']:.1f} TFLOP/s, "
                          f"{100 * result['of_peak']:.1f}% of peak", flush=True)
            except RuntimeError as error:
                # This version does not take these types.
                results.append({"case": case, "error": str(error).splitlines()[0]})
                print(f"{case}: {results[-1]['error']}", flush=True)
            torch.cuda.empty_cache()
    if args.json:
        props = torch.cuda.get_device_properties(0)
        machine = f"{props.name}, torch {torch.__version__}, CUDA {torch.version.cuda}"
        with open(args.json, "w") as file:
            json.dump({"machine": machine, "peak_tflop_s": PEAK_TFLOPS, "results": results}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()

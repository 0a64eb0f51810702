"""The casts of `cargo bench --bench quantize` by PyTorch, eager and compiled, by the same protocol.

    python3 torch.py [--json FILE] [--small]

The device's clock is read around as many launches as fill 2 ms; each works on another set of
arrays, and the sets together are three times the cache. A figure is the median of 30 samples,
taken in turns with a copy of as many bytes.
"""
import argparse
import json
import statistics

import torch

SAMPLES, SAMPLE_MS, WARM_UP_MS = 30, 2.0, 50.0


def elapsed(work, launches):
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    for i in range(launches):
        work(i)
    after.record()
    after.synchronize()
    return before.elapsed_time(after)


def launches(work):
    spent, count = 0.0, 1
    while spent < WARM_UP_MS:
        ms = elapsed(work, count)
        spent += ms
        count = max(1, min(1 << 16, round(count * SAMPLE_MS / max(ms, 1e-6))))
    return count


def in_turns(works):
    counts = [launches(work) for work in works]
    times = [[] for _ in works]
    for _ in range(SAMPLES):
        for work, count, mine in zip(works, counts, times):
            mine.append(elapsed(work, count) / count * 1e6)
    return times


E4M3, LARGEST = torch.float8_e4m3fn, 448.0


def cast(x, scale):
    return (x.float() * scale).clamp(-LARGEST, LARGEST).to(E4M3)


def cast_amax(x, scale):
    return cast(x, scale), x.abs().amax()


def cast_both(x, scale):
    codes = cast(x, scale)
    return codes, codes.t().contiguous(), x.abs().amax()


def current(x, scale):
    del scale
    scale = LARGEST / x.abs().amax().float()
    return cast(x, scale), scale.reciprocal()


def block(x, scale):
    del scale
    tiles = x.float().unflatten(-1, (-1, 128))
    scale = LARGEST / tiles.abs().amax(-1, keepdim=True)
    return (tiles * scale).clamp(-LARGEST, LARGEST).to(E4M3).flatten(-2), scale.reciprocal()


def dequantize(codes, scale):
    return (codes.float() * scale).to(torch.bfloat16)


# Name, function, whether it takes codes, bytes an element.
CASES = [
    ("quantize Tensor given", cast, False, 3),
    ("quantize Tensor given, amax", cast_amax, False, 3),
    ("quantize and transpose Tensor given, amax", cast_both, False, 4),
    ("quantize Tensor current", current, False, 5),
    ("quantize Block1x128 current", block, False, 3),
    ("dequantize Bf16 Tensor", dequantize, True, 3),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--small", action="store_true")
    args = parser.parse_args()
    props = torch.cuda.get_device_properties(0)
    scale, results = torch.tensor(1.0, device="cuda"), []
    for rows, cols in [(256, 512)] if args.small else [(4096, 4096), (16384, 8192)]:
        for name, function, takes_codes, bytes_each in CASES:
            size = rows * cols * bytes_each
            sets = max(3, min(4096, -(-3 * props.L2_cache_size // size)))
            inputs = [torch.randn(rows, cols, device="cuda", dtype=torch.bfloat16) for _ in range(sets)]
            if takes_codes:
                inputs = [x.to(E4M3) for x in inputs]
            halves = [torch.zeros(2, size // 2, device="cuda", dtype=torch.uint8) for _ in range(sets)]
            compiled = torch.compile(function)
            times = in_turns([
                lambda i: function(inputs[i % sets], scale),
                lambda i: compiled(inputs[i % sets], scale),
                lambda i: halves[i % sets][1].copy_(halves[i % sets][0]),
            ])
            eager, fused, copy = (statistics.median(t) for t in times)
            print(f"{name} {rows}x{cols}: eager {eager / 1e3:.2f} us, compiled {fused / 1e3:.2f} us, "
                  f"{size / fused:.0f} GB/s, {100 * copy / fused:.1f}% of copy", flush=True)
            results.append({"case": f"{name} {rows}x{cols}", "bytes": size, "sets": sets, "eager_ns": eager,
                            "compiled_ns": fused, "copy_ns": copy, "of_copy": copy / fused})
            del inputs, halves
    if args.json:
        machine = f"{props.name}, torch {torch.__version__}, CUDA {torch.version.cuda}"
        with open(args.json, "w") as file:
            json.dump({"machine": machine, "results": results}, file, indent=2)
            file.write("\n")


main()

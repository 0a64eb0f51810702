"""PyTorch's fused AdamW on the tensors of `cargo bench --bench adamw_on`, by the same protocol.

    python3 adamw.py [--json FILE] [--small]

bf16 weights and gradients with bf16 states, as torch keeps them beside bf16 weights, and with f32
weights and states; the device's clock is read around as many steps as fill 2 ms. A figure is the
median of 30 samples, taken in turns with a copy of as many bytes as the FP8 step moves.
"""
import argparse
import json
import statistics

import torch

SAMPLES, SAMPLE_MS, WARM_UP_MS = 30, 2.0, 50.0


def elapsed(work, launches):
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    for _ in range(launches):
        work()
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


def optimizer(tensors, dtype, state_dtype=None):
    params = [torch.nn.Parameter(0.02 * torch.randn(n, device="cuda").to(dtype)) for n in tensors]
    for p in params:
        p.grad = (1e-3 * torch.randn(p.numel(), device="cuda")).to(dtype)
    fused = torch.optim.AdamW(params, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, fused=True)
    fused.step()
    if state_dtype is not None:
        for state in fused.state.values():
            for key in ("exp_avg", "exp_avg_sq"):
                state[key] = state[key].to(state_dtype)
    return fused


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--small", action="store_true")
    args = parser.parse_args()
    tensors = [128 << 20, 32 << 20, 32 << 20, 16 << 20] + [4096] * 64
    if args.small:
        tensors = [40000, 4096, 1]
    parameters, results = sum(tensors), []
    for name, dtype, states in [
        ("bf16 weights, f32 states", torch.bfloat16, torch.float32),
        ("bf16 weights, bf16 states", torch.bfloat16, None),
        ("f32 weights and states", torch.float32, None),
    ]:
        try:
            fused = optimizer(tensors, dtype, states)
            fused.step()
        except RuntimeError as error:
            # This version's fused kernel does not mix these types.
            results.append({"case": name, "error": str(error).splitlines()[0]})
            print(f"{name:<36} {results[-1]['error']}")
            continue
        source = torch.zeros(5 * parameters, dtype=torch.uint8, device="cuda")
        target = torch.empty_like(source)
        step, copy = in_turns([fused.step, lambda: target.copy_(source)])
        step_ns, copy_ns = statistics.median(step), statistics.median(copy)
        results.append({
            "case": name,
            "ns": step_ns,
            "ns_a_parameter": step_ns / parameters,
            "copy_ns_of_10_bytes": copy_ns,
        })
        print(f"{name:<36} {step_ns / 1e3:>10.2f} us {step_ns / parameters:>8.4f} ns a parameter")
        del fused, source, target
        torch.cuda.empty_cache()
    if args.json:
        report = {
            "machine": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "parameters": parameters,
            "protocol": "medians of samples in turns, device clock",
            "results": results,
        }
        with open(args.json, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()

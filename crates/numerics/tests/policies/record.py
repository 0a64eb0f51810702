#!/usr/bin/env python3
"""Records the 8-bit casts of another system as a table for tests/policies.rs.

    record.py ml_dtypes               > ml_dtypes_0_6.tsv
    record.py torch                   > torch_2_15.tsv
    record.py cuda --include FOLDER   > cuda_13_0.tsv     (of cuda_fp8.h; needs g++)
    record.py ... --check TABLE       compares instead of printing

On each sign a cast is a step function of the input's bits, so its steps are all of it.
The rows, separated by tabs, in which bits and codes are hexadecimal:

    step FORMAT MODE SOURCE SIGN STEPS   inputs from zero to infinity, without the sign bit
    nan  FORMAT MODE SOURCE SIGN STEPS   the inputs above infinity
    wide FORMAT - TARGET - CODES         code:bits where widening differs from the exact value

STEPS lists the first bits of each step: `code:bits`, or `bits` where the code is one more
than that before. Instead of it stands `same` or `mirror` where the codes of negative
inputs are those of positive ones, or those with the sign bit flipped (but FNUZ zero and NaN).

All inputs of 16 bits are tried. For f32 and f64 the steps are bisected from a grid of
the upper 16 bits, and then random inputs and those next to each step are compared.
"""
import argparse
import ctypes
import os
import subprocess
import sys
import tempfile

import numpy as np

# Bits and fraction bits of the wide types.
WIDE = {"f16": (16, 10), "bf16": (16, 7), "f32": (32, 23), "f64": (64, 52)}
# Fraction bits and bias.
NARROW = {
    "e4m3fn": (3, 7),
    "e5m2": (2, 15),
    "e4m3fnuz": (3, 8),
    "e5m2fnuz": (2, 16),
    "e8m0fnu": (0, 127),
}


class MlDtypes:
    """numpy's astype, as ml_dtypes registers it."""

    def __init__(self, _arguments):
        import ml_dtypes

        self.name = "ml_dtypes " + ml_dtypes.__version__
        wide = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
        self.wide = dict(zip(WIDE, wide))
        self.narrow = {name: getattr(ml_dtypes, "float8_" + name) for name in NARROW}
        self.modes = {name: ["-"] for name in NARROW}

    def cast(self, bits, source, target, _mode):
        with np.errstate(all="ignore"):
            return bits.view(self.wide[source]).astype(self.narrow[target]).view(np.uint8)

    def widen(self, codes, source, target):
        return codes.view(self.narrow[source]).astype(self.wide[target]).view(unsigned(target))


class Torch:
    """Tensor.to on the CPU: with AVX2 or AVX-512, which agree.

    Without them (ATEN_CPU_CAPABILITY=default) the f16 NaN of widened E4M3 and E5M2 differ.
    """

    def __init__(self, _arguments):
        import torch

        self.torch = torch
        self.name = "torch " + torch.__version__.split("+")[0]
        wide = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
        self.wide = dict(zip(WIDE, wide))
        self.narrow = {name: getattr(torch, "float8_" + name) for name in NARROW}
        self.modes = {name: ["-"] for name in NARROW}

    def convert(self, array, view, to, back):
        tensor = self.torch.from_numpy(array).view(view)
        vector = tensor.to(to).view(back)
        # Every other element of a longer tensor: one at a time instead of by vectors.
        apart = tensor.repeat_interleave(2)[::2].to(to).contiguous().view(back)
        assert self.torch.equal(vector, apart), f"vector and scalar code differ: {view} to {to}"
        return vector.numpy()

    def cast(self, bits, source, target, _mode):
        signed = bits.view(f"i{bits.itemsize}")
        return self.convert(signed, self.wide[source], self.narrow[target], self.torch.uint8)

    def widen(self, codes, source, target):
        signed = getattr(self.torch, f"int{WIDE[target][0]}")
        wide = self.convert(codes, self.narrow[source], self.wide[target], signed)
        return wide.view(unsigned(target))


class Cuda:
    """The host code of cuda_fp8.h."""

    def __init__(self, arguments):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cuda.cpp")
        with tempfile.TemporaryDirectory() as folder:
            library = os.path.join(folder, "cuda.so")
            include = ["-I", arguments.include, "-I", os.path.join(arguments.include, "cccl")]
            compiler = ["g++", "-O1", "-shared", "-fPIC"]
            subprocess.check_call([*compiler, *include, source, "-o", library])
            self.library = ctypes.CDLL(library)
        self.library.widen.restype = ctypes.c_uint64
        version = self.library.version()
        self.name = f"CUDA {version // 1000}.{version % 1000 // 10}"
        self.modes = {
            "e4m3fn": ["satfinite", "nosat"],
            "e5m2": ["satfinite", "nosat"],
            "e8m0fnu": ["rp.satfinite", "rp.nosat", "rz.satfinite", "rz.nosat"],
        }

    @staticmethod
    def letters(narrow, wide):
        """The letters of a wide and a narrow type in cuda.cpp."""
        narrow = {"e4m3fn": b"4", "e5m2": b"5", "e8m0fnu": b"0"}[narrow]
        return {"f16": b"h", "bf16": b"b", "f32": b"f", "f64": b"d"}[wide], narrow

    def cast(self, bits, source, target, mode):
        wide, narrow = map(ctypes.c_char, self.letters(target, source))
        bits = bits.astype(np.uint64)
        codes = np.empty(bits.size, np.uint8)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (bits, codes)]
        rounding = ctypes.c_char(mode[1].encode())
        count = ctypes.c_uint64(bits.size)
        self.library.narrow(*pointers, count, wide, narrow, int("satfinite" in mode), rounding)
        return codes

    def widen(self, codes, source, target):
        wide, narrow = map(ctypes.c_char, self.letters(source, target))
        results = [self.library.widen(ctypes.c_uint8(int(code)), wide, narrow) for code in codes]
        return np.array(results, dtype=np.uint64).astype(unsigned(target))


SYSTEMS = {"cuda": Cuda, "ml_dtypes": MlDtypes, "torch": Torch}


def unsigned(wide):
    return np.dtype(f"u{WIDE[wide][0] // 8}")


def infinity(wide):
    width, fraction = WIDE[wide]
    return (1 << (width - 1)) - (1 << fraction)


def find_steps(cast, wide, first, last):
    """The first bits and the codes of all steps from first to last."""
    width = WIDE[wide][0]
    grid = (np.arange(1 << 15, dtype=np.uint64) << np.uint64(width - 16)).astype(unsigned(wide))
    ends = np.array([first, last], unsigned(wide))
    points = np.unique(np.concatenate([grid[(grid > ends[0]) & (grid < ends[1])], ends]))
    codes = cast(points)
    begins = [points[:1]]
    low, high, below, above = points[:-1], points[1:], codes[:-1], codes[1:]
    while low.size:
        differ = below != above
        low, high, below, above = low[differ], high[differ], below[differ], above[differ]
        begins.append(high[high - low == 1])
        apart = high - low > 1
        low, high, below, above = low[apart], high[apart], below[apart], above[apart]
        middle = low + (high - low) // 2
        code = cast(middle)
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        below, above = np.concatenate([below, code]), np.concatenate([code, above])
    begins = np.sort(np.concatenate(begins))
    return begins, cast(begins)


def verify(cast, wide, first, last, begins, codes):
    """Compares the steps with the cast: random inputs, and all within 3 of a step."""
    random = np.random.default_rng(8)
    span = (begins[:, None] + np.arange(-3, 4).astype(unsigned(wide))[None, :]).ravel()
    # Low payloads of NaN and powers of two, which a grid could miss.
    powers = np.array([first + (1 << bit) for bit in range(WIDE[wide][0] - 1)], unsigned(wide))
    span = np.concatenate([span, powers, random.integers(first, last + 1, 1 << 19, unsigned(wide))])
    if WIDE[wide][0] == 16:
        span = np.arange(first, last + 1, dtype=unsigned(wide))
    span = span[(span >= first) & (span <= last)]
    want = codes[np.searchsorted(begins, span, side="right") - 1]
    assert (cast(span) == want).all(), "not a step function"


def text(begins, codes, wide):
    digits = WIDE[wide][0] // 4
    words, before = [], None
    for bits, code in zip(begins.tolist(), codes.tolist()):
        follows = before is not None and code == before + 1
        words.append(("" if follows else f"{code:02x}:") + f"{bits:0{digits}x}")
        before = code
    return " ".join(words)


def mirrored(codes, target):
    keep = (codes & 0x7F == 0) if "uz" in target else np.zeros(codes.size, bool)
    return np.where(keep, codes, codes ^ 0x80)


def cast_rows(system, target, mode, source):
    top = (1 << (WIDE[source][0] - 1)) - 1
    for kind, first, last in [("step", 0, infinity(source)), ("nan", infinity(source) + 1, top)]:
        for sign in [0, top + 1]:

            def cast(bits, sign=sign):
                return system.cast(bits | bits.dtype.type(sign), source, target, mode)

            begins, codes = find_steps(cast, source, first, last)
            verify(cast, source, first, last, begins, codes)
            words = text(begins, codes, source)
            if sign == 0:
                positive = begins, codes
            elif kind == "step" and np.array_equal(begins, positive[0]):
                if (codes == positive[1]).all():
                    words = "same"
                elif (codes == mirrored(positive[1], target)).all():
                    words = "mirror"
            yield [kind, target, mode, source, "-" if sign else "+", words]


def exact(code, target):
    """The value of a code from the definition of its format, as f64."""
    fraction, bias = NARROW[target]
    if target == "e8m0fnu":
        return np.nan if code == 0xFF else 2.0 ** (code - bias)
    sign = -1.0 if code & 0x80 else 1.0
    field, rest = (code & 0x7F) >> fraction, code & ((1 << fraction) - 1)
    if "uz" in target and code == 0x80 or target == "e4m3fn" and code & 0x7F == 0x7F:
        return np.nan
    if target == "e5m2" and field == 31:
        return np.nan if rest else sign * np.inf
    significand = rest + ((1 << fraction) if field else 0)
    return sign * significand * 2.0 ** (max(field, 1) - bias - fraction)


def wide_row(system, target, wide):
    codes = np.arange(256, dtype=np.uint8)
    got = system.widen(codes, target, wide)
    values = np.array([exact(code, target) for code in range(256)])
    kind = {"f16": np.float16, "bf16": np.float32, "f32": np.float32, "f64": np.float64}[wide]
    with np.errstate(over="ignore"):
        want = values.astype(kind)
    if wide == "bf16":
        # Exact: every format has fewer significant bits than bf16, and its exponents.
        want = (want.view(np.uint32) >> 16).astype(np.uint16)
    else:
        want = want.view(unsigned(wide))
    differ = np.isnan(values) | (got != want)
    digits = WIDE[wide][0] // 4
    words = [f"{code:02x}:{got[code]:0{digits}x}" for code in np.flatnonzero(differ)]
    return ["wide", target, "-", wide, "-", " ".join(words)]


def table(system):
    yield f"# {system.name}, recorded by record.py"
    for target, modes in system.modes.items():
        for mode in modes:
            for source in WIDE:
                yield from map("\t".join, cast_rows(system, target, mode, source))
        for wide in WIDE:
            yield "\t".join(wide_row(system, target, wide))


def main():
    formatter = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--include", help="folder of cuda_fp8.h")
    parser.add_argument("--check", metavar="TABLE", help="compare instead of printing")
    arguments = parser.parse_args()
    lines = list(table(SYSTEMS[arguments.system](arguments)))
    if arguments.check is None:
        print("\n".join(lines))
        return
    with open(arguments.check, encoding="ascii") as file:
        want = file.read().splitlines()
    for number, (recorded, read) in enumerate(zip(lines, want), 1):
        if recorded != read:
            where = f"{arguments.check}:{number}"
            sys.exit(f"{where}:\n{read[:2000]}\nbut recorded now:\n{recorded[:2000]}")
    if len(lines) != len(want):
        sys.exit(f"{arguments.check}: {len(want)} lines, but {len(lines)} recorded now")
    print(f"{arguments.check}: {len(lines)} lines agree with {lines[0]}")


if __name__ == "__main__":
    main()

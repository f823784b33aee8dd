# SPDX-License-Identifier: Apache-2.0
"""Blocks of 32 values and what the package `gguf` makes of them in ggml's formats Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0.

    python tests/golden/make_ggml_blocks.py        writes beside itself; running it again gives the same files

made with  Python 3.11, gguf 0.19.0, numpy 2.4.6

    ggml_blocks.bin              the special blocks, f32 little-endian, then for each format the package's block for
                                 every input
    ggml_blocks.txt              its index: each section's format, first byte, blocks, bytes a block, and of these
                                 blocks how many have an infinite scale or offset, how many a scale that rounded to
                                 zero; the checksum of all inputs (see `checksum`); what each block is
    ggml_blocks_differences.txt  every block that the package makes differently from ggml's C reference quantizers:
                                 format, number of the block, the package's bytes, the reference's bytes

Inputs are 64 special blocks and 5 families of generated ones. Word i of element e of a family is word i of
random_block({seed 0, step 0, tensor = number of the family}, e); e counts from the family's first block; b = e / 32.
All of it is exact in f32 but for bell's one conversion, which rounds to nearest even.
    bell  320  (sum of the words' upper 24 bits - 2^25) * 2^-24: near a normal distribution
    bf16   64  the same with the lower 16 bits of the f32 cleared
    wide  320  sign, mantissa and three exponent bits from word 0: magnitudes 2^(n - 7) ... 2^(n + 1) with
               n = b mod 53 - 34, from scales that round to zero to scales that overflow
    ties  240  (k + 1/2) * s, s = (2 * (b div 5) + 1) / 32, behind an extreme that makes s the scale of one format,
               b mod 5: -8 (Q4_0), 0 and 15 (Q4_1), -16 (Q5_0), 0 and 31 (Q5_1), 127 (Q8_0) times s; k = lowest code +
               word 0 mod codes. Where 1 / s is inexact its rounding, and that of the sum, decides
    zero   16  the sign bit of word 0: zeros of both signs

The package differs from the reference only in the sign of a zero, in blocks of zeros:
    Q4_0, Q5_0  The reference looks for the value of largest magnitude starting from +0, and keeps +0 where no element
                is larger; the package takes the first element of largest magnitude. Where that is -0 the scale, it
                over -8 or -16, is +0 in the package and -0 in the reference.
    Q4_1, Q5_1  The offset is the least element. Among zeros of both signs the reference keeps the first; the package
                keeps the one that numpy's minimum arrives at, by an order of comparison that is numpy's own.
`reference` below is the formulas of ggml-quants.c in f32, one rounding an operation (a fused multiply-add would change
codes among the ties); it is compared with the package on every input. The package's arithmetic is f32 too, with numpy
from version 2 on.

Neither is defined where a cast to an integer overflows: inputs that are not finite, whose range overflows f32, or whose
scale has no finite f32 reciprocal are not here.
"""
import os
import sys

sys.dont_write_bytecode = True

import gguf
import numpy as np

from random_bits import random_block

HERE = os.path.dirname(os.path.abspath(__file__))
F = np.float32
ZERO, MINUS_ZERO = F(0.0), F(-0.0)

# format: (bits, has an offset)
FORMATS = {"Q4_0": (4, False), "Q4_1": (4, True), "Q5_0": (5, False), "Q5_1": (5, True), "Q8_0": (8, False)}
FAMILIES = {"bell": 320, "bf16": 64, "wide": 320, "ties": 240, "zero": 16}


# ---- inputs ----

def special_blocks():
    """[(what it is, 32 values)]"""
    result = []

    def add(what, values):
        x = np.asarray(values, F)
        assert x.shape == (32,)
        result.append((what, x))

    def filled(value, **places):
        x = np.full(32, value, F)
        for place, v in places.items():
            x[int(place[1:])] = v
        return x

    add("+0", filled(ZERO))
    add("-0", filled(MINUS_ZERO))
    add("+0, -0 in turn", np.tile([ZERO, MINUS_ZERO], 16))
    add("-0, +0 in turn", np.tile([MINUS_ZERO, ZERO], 16))
    add("-0, then +0", filled(ZERO, _0=MINUS_ZERO))
    add("+0, then -0", filled(MINUS_ZERO, _0=ZERO))
    for first, second, text in ((ZERO, MINUS_ZERO, "+0, -0"), (MINUS_ZERO, ZERO, "-0, +0")):
        for rest in (1, -1):
            add(f"{text}, then {rest}", filled(rest, _0=first, _1=second))
    for value in (1, -1, 0.1, -0.1, 1e-3, -1e-3, 65504, -65504):
        add(f"constant {value}", filled(value))
    for place in (0, 15, 16, 31):
        for value in (1, -1, 0.1):
            add(f"one-hot {value} at {place}", filled(ZERO, **{f"_{place}": value}))
    ramp = np.arange(32) / 2 - F(8)  # -8 ... 7.5
    add("two extremes, -8 first", np.where(np.arange(32) == 31, 8, ramp))
    add("two extremes, 8 first", np.where(np.arange(32) == 31, 8, ramp)[::-1])
    add("two extremes, -8 at 15 and 8 at 16", filled(0.5, _15=-8, _16=8))
    add("two extremes, 8 at 15 and -8 at 16", filled(0.5, _15=8, _16=-8))
    scales = {"65504": 65504.0, "just below 65520": float.fromhex("0x1.ffdffep15"), "65520": 65520.0,
              "2^-24": 2.0**-24, "2^-25": 2.0**-25, "just above 2^-25": float.fromhex("0x1.000002p-25"),
              "2^-14": 2.0**-14, "1.5 * 2^-24": 1.5 * 2.0**-24}
    few = ["just below 65520", "65520", "2^-25", "just above 2^-25"]
    j = np.arange(32)
    for name in scales:
        add(f"extreme -8 * ({name}), multiples of its half", -8 * scales[name] * (16 - j) / 16)
    for name in few:
        add(f"extreme -16 * ({name})", -16 * scales[name] * (16 - j) / 16)
    for name in few:
        add(f"0 to 15 * ({name})", 15 * scales[name] * j / 31)
    for name in few:
        add(f"0 to 31 * ({name})", 31 * scales[name] * j / 31)
    for name in few:
        add(f"extreme 127 * ({name})", 127 * scales[name] * (31 - j) / 31)
    for name in list(scales)[:3]:
        add(f"offset -({name})", j * 64 - F(scales[name]))
    add("1, then subnormals of f32", np.where(j == 0, 1, (j - 16) * 2.0**-149))
    add("64 steps of 1/16 from -2, shuffled", ((29 * j + 7) % 64 - 32) / 16)
    assert len(result) == 63, len(result)
    add("descending from 3 by 3/31", 3 * (31 - j) / 31)
    return result


def family(number, name, blocks):
    e = np.arange(32 * blocks)
    words = random_block(0, 0, number, e)
    w, b = words[:, 0], e // 32
    bell = ((words >> np.uint32(8)).sum(-1, dtype=np.int64) - (1 << 25)).astype(F) * F(2.0**-24)
    if name == "bell":
        x = bell
    elif name == "bf16":
        x = (bell.view(np.uint32) & np.uint32(0xFFFF0000)).view(F)
    elif name == "wide":
        exponent = 127 + b % 53 - 34 - ((w >> np.uint32(28)) & np.uint32(7)).astype(np.int64)
        x = ((w & np.uint32(0x807FFFFF)) | (exponent << 23).astype(np.uint32)).view(F)
    elif name == "ties":
        lowest = np.array([-8, 0, -16, 0, -127])[b % 5]
        codes = np.array([16, 15, 32, 31, 254], np.uint32)[b % 5]
        extreme = np.array([-8, 15, -16, 31, 127])[b % 5]
        twice = 2 * (lowest + (w % codes).astype(np.int64)) + 1
        twice = np.where(e % 32 == 0, 2 * extreme, np.where((e % 32 == 1) & (b % 5 % 2 == 1), 0, twice))
        x = (twice * (2 * (b // 5) + 1)).astype(F) / F(64)
    else:
        x = (w & np.uint32(0x80000000)).view(F)
    return x.reshape(blocks, 32)


def checksum(x):
    """Sum over e of (e + 1) * pattern of element e, mod 2^64."""
    patterns = x.reshape(-1).view(np.uint32).astype(np.uint64)
    return int((patterns * np.arange(1, x.size + 1, dtype=np.uint64)).sum(dtype=np.uint64))


# ---- ggml's reference quantizers ----

def half(x):
    with np.errstate(over="ignore"):
        return F(x).astype("<f2").tobytes()


def reference(name, x):
    bits, has_offset = FORMATS[name]
    if has_offset:
        low, high = x[0], x[0]
        for v in x:
            low, high = (v if v < low else low), (v if v > high else high)
        d = F(high - low) / F(2**bits - 1)
    else:
        extreme = ZERO
        for v in x:
            if abs(v) > abs(extreme):
                extreme = v
        d = abs(extreme) / F(127) if bits == 8 else extreme / F(-(2 ** (bits - 1)))
    inverse = F(1) / d if d != 0 else ZERO
    if bits == 8:
        quotient = x * inverse
        code = np.trunc(quotient.astype(np.float64) + np.copysign(0.5, quotient))  # half away from zero, exactly
        return half(d) + code.astype(np.int8).tobytes()
    if has_offset:
        code = np.trunc((x - low) * inverse + F(0.5))
    else:
        code = np.trunc(x * inverse + F(2 ** (bits - 1) + 0.5))
    code = np.minimum(code.astype(np.uint8), 2**bits - 1)
    fifth = np.packbits(code >> 4, bitorder="little").tobytes() if bits == 5 else b""
    return half(d) + (half(low) if has_offset else b"") + fifth + bytes(code[:16] & 15 | (code[16:] & 15) << 4)


def is_infinite(block, has_offset):
    return any(abs(h) == np.inf for h in np.frombuffer(block, "<f2", 1 + has_offset))


def rounded_to_zero(block, x, has_offset):
    needs_scale = x.max() != x.min() if has_offset else np.abs(x).max() != 0
    return bool(needs_scale) and np.frombuffer(block, "<f2", 1)[0] == 0


def main():
    special = special_blocks()
    stored = np.stack([x for _, x in special])
    inputs = np.concatenate([stored] + [family(i, n, c) for i, (n, c) in enumerate(FAMILIES.items())])
    assert inputs.dtype == F and np.isfinite(inputs).all()
    data = stored.astype("<f4").tobytes()
    sections = [f"inputs f32 0 {len(stored)} 128"]
    differences = []
    for name, (_, has_offset) in FORMATS.items():
        with np.errstate(over="ignore"):
            packed = gguf.quants.quantize(inputs, gguf.GGMLQuantizationType[name])
        blocks = [row.tobytes() for row in packed]
        expected = [reference(name, x) for x in inputs]
        infinite = sum(is_infinite(block, has_offset) for block in expected)
        zero = sum(rounded_to_zero(block, x, has_offset) and not is_infinite(block, has_offset)
                   for block, x in zip(expected, inputs))
        differences += [f"{name} {i} {p.hex()} {r.hex()}\n" for i, (p, r) in enumerate(zip(blocks, expected)) if p != r]
        sections.append(f"blocks {name} {len(data)} {len(blocks)} {len(blocks[0])} {infinite} {zero}")
        data += b"".join(blocks)
    what, first = [], 0
    for text, _ in special:
        what.append(f"block {first} {text}")
        first += 1
    for text, count in FAMILIES.items():
        what.append(f"blocks {first}-{first + count - 1} {text}")
        first += count
    index = sections + [f"checksum {checksum(inputs)}"] + what
    for file, content in (("ggml_blocks.bin", data), ("ggml_blocks.txt", "\n".join(index).encode() + b"\n"),
                          ("ggml_blocks_differences.txt", "".join(differences).encode())):
        with open(os.path.join(HERE, file), "wb") as out:
            out.write(content)
    print("\n".join(sections), f"\n{len(differences)} differences, {len(data)} bytes")


if __name__ == "__main__":
    main()

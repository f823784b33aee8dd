# SPDX-License-Identifier: Apache-2.0
"""What the package `gguf` reads in blocks of ggml's k-quants and other two-level formats, and the blocks that it makes
of values where it can.

    python tests/golden/make_ggml_kquants.py        writes beside itself; running it again gives the same files

    ggml_kquants.bin    arrays, little-endian
    ggml_kquants.txt    its index. A line `case FORMAT decode BLOCKS VALUES GROUP` or
                        `case FORMAT encode BLOCKS VALUES GROUP` (VALUES a block, GROUP under one scale) begins a case;
                        the lines after it are its arrays, each `ROLE TYPE ROWS COLUMNS FIRST`, FIRST its first byte

Arrays of a decode case
    blocks     every block
    values     f32: what the first of these blocks hold
    checksums  u64, one for every block: sum over e of (e + 1) * f32 pattern of value e, mod 2^64
Arrays of an encode case
    x          f32, one block a row
    blocks     what the package makes of them

Blocks to decode are random_bits({seed 0, step 0, tensor = number of the format in FORMATS}) as little-endian bytes, in
which these fields are then set:
    f16 scales    block b takes HALVES[b] (the offset's scale HALVES[b + 5 mod 16]); from block 16 on they are random,
                  with the highest exponent bit inverted where it would be inf or NaN
    fine scales   of the first of these random scales: every code of the field, in turn (see `fine`)
    codes         of TQ2_0: 3, which its quantizer never makes, is replaced by 1
    MXFP4         block b has the scale 2^(b - 127), its byte b: 0 and 1 are subnormal, 254 overflows for 4 and 6
    NVFP4         scale bytes 0 ... 126 in turn, then random ones in this range; 127 is NaN in e4m3 and 0 in ggml

All products of a scale, a fine scale and a code have at most 25 significant bits and the first two at most 19: fused or
not, in whatever order, the values have the same bits.
"""
import os
import sys
from importlib.metadata import version

sys.dont_write_bytecode = True

import gguf
import numpy as np

from random_bits import random_bits, random_block

HERE = os.path.dirname(os.path.abspath(__file__))
F = np.float32

# format: (blocks, of these with values, values under one scale, offsets of f16 fields)
FORMATS = {
    "Q2_K": (34, 2, 16, [80, 82]),
    "Q3_K": (34, 2, 16, [108]),
    "Q4_K": (34, 2, 32, [0, 2]),
    "Q5_K": (34, 2, 32, [0, 2]),
    "Q6_K": (34, 2, 16, [208]),
    "TQ1_0": (20, 1, 256, [52]),
    "TQ2_0": (20, 1, 256, [64]),
    "IQ4_NL": (32, 4, 32, [0]),
    "MXFP4": (256, 4, 32, []),
    "NVFP4": (48, 4, 16, []),
}
HALVES = np.array([0x2E66, 0xA199, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x3BFF, 0xBC01,     # some, +-1, +-65504, next to 1
                   0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x8400], "<u2")  # +-0, subnormals, 2^-14


def six_bits(first, second):
    """The 12 bytes of Q4_K and Q5_K from eight 6-bit scales and eight 6-bit offsets."""
    low = [f & 63 | (s >> 4) << 6 for f, s in zip(first[:4], first[4:])]
    middle = [f & 63 | (s >> 4) << 6 for f, s in zip(second[:4], second[4:])]
    return low + middle + [f & 15 | (s & 15) << 4 for f, s in zip(first[4:], second[4:])]


def fine(name, b):
    """(offset, bytes) of block b's fine scales, or None to leave them random."""
    if name == "MXFP4":
        return 0, [b]
    b -= len(HALVES)
    if b < 0:
        return None
    if name == "Q2_K" and b < 16:
        return 0, [(16 * b + j) & 255 for j in range(16)]  # low four bits the scale, high four the offset
    if name == "Q3_K" and b < 4:
        code = [16 * b + j for j in range(16)]  # 6 bits, 32 is zero: low four bits in 8 bytes, high two in 4
        return 96, ([code[j] & 15 | (code[j + 8] & 15) << 4 for j in range(8)] +
                    [sum((code[j + 4 * k] >> 4) << 2 * k for k in range(4)) for j in range(4)])
    if name in ("Q4_K", "Q5_K") and b < 8:
        return 4, six_bits([8 * b + j for j in range(8)], [63 - (8 * j + b) for j in range(8)])
    if name == "Q6_K" and b < 16:
        return 192, [16 * b + j for j in range(16)]
    return None


def blocks_to_decode(number, name):
    count, _, _, halves = FORMATS[name]
    size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1]
    words = random_bits(0, 0, number, -(-count * size // 4))
    blocks = np.frombuffer(words.astype("<u4").tobytes(), np.uint8)[:count * size].reshape(count, size).copy()
    for i, offset in enumerate(halves):
        half = blocks[:, offset:offset + 2].copy().view("<u2")[:, 0]
        half = np.where(half & 0x7C00 == 0x7C00, half ^ 0x4000, half).astype("<u2")
        half[:16] = np.roll(HALVES, -5 * i)
        blocks[:, offset:offset + 2] = half[:, None].view(np.uint8)
    for b in range(count):
        if (field := fine(name, b)) is not None:
            blocks[b, field[0]:field[0] + len(field[1])] = field[1]
    if name == "TQ2_0":
        codes = blocks[:, :64]
        blocks[:, :64] = codes & ~((codes & codes >> 1 & 0x55) << 1)
    if name == "NVFP4":
        blocks[:, :4] %= 127
        blocks[:32, :4] = (np.arange(128) % 127).reshape(32, 4)
    return blocks


def checksums(values):
    patterns = values.view(np.uint32).astype(np.uint64)
    return (patterns * np.arange(1, values.shape[1] + 1, dtype=np.uint64)).sum(1, dtype=np.uint64)


def values_to_encode(name):
    """Rows of one block each. Magnitudes of a block stay between 2^-110 and 2^110: beyond, casts overflow."""
    size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][0]
    size = 32 if name == "BF16" else size
    words = random_block(0, 1, 0, np.arange(12 * size)).reshape(12, size, 4)
    bell = ((words >> np.uint32(8)).sum(-1, dtype=np.int64) - (1 << 25)).astype(F) * F(2.0**-24)
    j = np.arange(size)
    grid = np.array([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 5.5, 6, 7, 7.5], F)
    signs = np.where(words[..., 0] & 1, F(-1), F(1))
    ternary = (words[..., 1] % 5).astype(F) / F(2)
    edges = {"BF16": np.array([0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, 0x7F7F8000, 0x7F7F7FFF, 0x7F7FFFFF,
                               0x00000001, 0x00008000, 0x00018000, 0x007FFFFF, 0x80008001, 0x00000000, 0x80000000,
                               0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFFFFFFF, 0x7F80FFFF],
                              np.uint32).view(F)}
    rows = [
        bell[0],                                                      # random
        (bell[1].view(np.uint32) & np.uint32(0xFFFF0000)).view(F),    # random, of bf16
        np.where(words[2, :, 0] & 1, F(-0.0), F(0)),                  # zeros of both signs
        np.abs(bell[3]),                                              # all positive
        -np.abs(bell[4]),                                             # all negative
        np.full(size, 0.1, F),                                        # constant
        np.full(size, -3, F),                                         # constant
        np.where(j == 7, F(100), bell[5]),                            # one outlier
        signs[6] * grid[words[6, :, 2] % len(grid)] * F(2.0**-3),     # values and ties of e2m1
        np.where(j == 0, F(2), signs[7] * ternary[7]),                # values and ties of a ternary grid
        bell[8] * F(2.0**-108),                                       # near the smallest scales
        bell[9] * F(2.0**110),                                        # near the largest
        np.where(j == 0, F(float.fromhex("0x1.fffffep5")), bell[10]), # just below 64: its logarithm in f32 is 6
        np.where(j == 3, F(4), (j % 8 + F(0.5)) / F(2)),              # ramp
    ]
    if name in edges:
        rows.append(np.resize(edges[name], size))
    if size == 256:
        rows = [rows[i] for i in (0, 2, 6, 7, 9, 10, 11)]
    return np.stack([np.asarray(row, F) for row in rows])


def main():
    index = [f"made with gguf {version('gguf')}, numpy {version('numpy')}"]
    data = b""

    def array(role, kind, x):
        nonlocal data
        first = data.find(x.tobytes())
        if first < 0:
            first = len(data)
            data += x.tobytes()
        index.append(f"{role} {kind} {x.shape[0]} {x.shape[1]} {first}")

    for number, (name, (count, shown, group, _)) in enumerate(FORMATS.items()):
        kind = gguf.GGMLQuantizationType[name]
        blocks = blocks_to_decode(number, name)
        with np.errstate(over="ignore"):
            values = gguf.quants.dequantize(blocks, kind)
        assert values.dtype == F and not np.isnan(values).any()
        index.append(f"case {name} decode {count} {values.shape[1]} {group}")
        array("blocks", "u8", blocks)
        array("values", "f32", values[:shown])
        array("checksums", "u64", checksums(values)[:, None])
    for name, group in (("BF16", 1), ("TQ1_0", 256), ("TQ2_0", 256), ("MXFP4", 32)):
        x = values_to_encode(name)
        with np.errstate(over="ignore"):
            blocks = gguf.quants.quantize(x, gguf.GGMLQuantizationType[name])
        index.append(f"case {name} encode {x.shape[0]} {x.shape[1]} {group}")
        array("x", "f32", x)
        array("blocks", "u8", blocks)
    for file, content in (("ggml_kquants.bin", data), ("ggml_kquants.txt", "\n".join(index).encode() + b"\n")):
        with open(os.path.join(HERE, file), "wb") as out:
            out.write(content)
    print("\n".join(index), f"\n{len(data)} bytes")


if __name__ == "__main__":
    main()

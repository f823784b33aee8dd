# SPDX-License-Identifier: Apache-2.0
"""What ggml's reference row quantizers make of blocks of MXFP4 and NVFP4, and quantize_iq4_nl of IQ4_NL.

    python tests/golden/make_ggml_level_encode.py LIBGGML_BASE        writes beside itself

LIBGGML_BASE is the shared library libggml-base of a llama.cpp build for x86-64 without -march flags: no Python package
has these functions for NVFP4 and IQ4_NL, and a build that fuses multiply and add searches other scales of IQ4_NL.

    ggml_level_encode.bin    arrays, little-endian
    ggml_level_encode.txt    its index, as in golden_file.py: for each format the values x and the blocks made of them
"""
import ctypes
import sys

sys.dont_write_bytecode = True

import numpy as np

from golden_file import COLUMNS, F, GoldenFile, bell, bf16
from random_bits import random_block


def values():
    c = np.arange(COLUMNS)
    words = random_block(0, 5, 0, c)
    sign = np.where(words[:, 0] & 1, F(-1), F(1))
    grid = np.array([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 5.5, 6], F)
    ties = grid[words[:, 1] % 16] * sign
    ties[::16] = 6 * sign[::16]
    beside = np.nextafter(ties, np.where(words[:, 2] & 1, F(0), F(8) * sign))  # one place off a tie or a level
    beside[::16] = ties[::16]
    scale = np.repeat((1 + np.arange(8) / 8).astype(F), 16)  # every mantissa of e4m3, a block of 16 each
    half_up = np.repeat((1 + (np.arange(8) + 0.5) / 8).astype(F), 16)

    def with_greatest(x, *greatest):
        x = np.array(x, F)
        x[::COLUMNS // len(greatest)] = greatest
        return x

    small = bell(20) * F(0.25)
    below = [np.nextafter(F(2.0**k), F(0)) for k in (-3, -1, 0, 1, 2, 3, 4, 5)]
    below_16_by_2, below_32_by_2 = np.nextafter(below[6], F(0)), np.nextafter(below[7], F(0))
    named = [(f"random, deviation 2^{e}", bell(n + 21) * F(2.0**(e + 2))) for n, e in enumerate((-12, -5, 0, 5, 9))]
    named += [
        ("random of bf16", bf16(bell(26) * F(0.0703125))),
        ("all positive", 1 + bell(27) / 4),
        ("all negative", -3 + bell(28)),
        ("ties of e2m1 by a power of two", ties * F(0.125)),
        ("ties of e2m1 by the values of e4m3", ties * scale * F(2.0**-4)),
        ("beside ties of e2m1 by the values of e4m3", beside * scale * F(2.0**-4)),
        ("scales in the middle of two of e4m3", ties * half_up * F(0.5)),
        ("greatest just below 2^-3 2^-1 1 2", with_greatest(small * F(0.125), *below[:4])),
        ("greatest just below 4 8 16 32", with_greatest(small, *below[4:])),
        ("greatest two places below 16 32, 2^-3 and 7.5", with_greatest(small * F(0.125), below_16_by_2, below_32_by_2,
                                                                       0.125, 7.5)),
        ("e4m3 scales that are subnormal", ties * np.repeat(F(2.0**-9) * np.array([0.49, 0.5, 1, 1.5, 6.4, 7.5, 7.9, 8],
                                                                                 F), 16)),
        ("e4m3 scales beyond 240", ties * np.repeat(np.array([232, 247.9, 248, 256, 300, 416, 448, 1000], F), 16)),
        ("zeros of both signs", np.where(words[:, 3] & 1, F(-0.0), F(0))),
        ("one block of zeros", np.where(c // 32 == 1, F(0), small)),
        ("one value that is not zero", np.where(c == 77, F(-0.3), F(0))),
        ("cubes", bell(29) ** 3),
        ("the levels of IQ4_NL and the middles between them",
         np.resize(np.array([-127, -115.5, -104, -74, -65, -57, -16, -10, -4.5, 1, 7, 13, 31.5, 61, 101, 113], F),
                   COLUMNS) * F(2.0**-7)),
        ("small integers", (words[:, 2] % 31).astype(F) - 15),
        ("below what IQ4_NL counts as a value", bell(30) * F(1e-17)),
    ]
    return [(what, np.asarray(x).astype(F)) for what, x in named]


def main():
    lib = ctypes.CDLL(sys.argv[1])
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    golden = GoldenFile("ggml_level_encode", "numpy")
    rows = values()
    x = np.stack([x for _, x in rows])
    for name, count, size in (("MXFP4", 32, 17), ("NVFP4", 64, 36), ("IQ4_NL", 32, 18)):
        blocks = np.zeros((len(x), COLUMNS // count * size), np.uint8)
        for row, block in zip(x, blocks):
            row = np.ascontiguousarray(row)
            if name == "IQ4_NL":
                lib.quantize_iq4_nl.argtypes = [pointer, pointer, integer, integer, pointer]
                lib.quantize_iq4_nl(row.ctypes.data, block.ctypes.data, 1, COLUMNS, None)
            else:
                quantize = getattr(lib, f"quantize_row_{name.lower()}_ref")
                quantize.argtypes = [pointer, pointer, integer]
                quantize(row.ctypes.data, block.ctypes.data, COLUMNS)
        golden.case(name, "f32", len(x), COLUMNS, count)
        golden.array("x", "f32", x)
        golden.array("blocks", "u8", blocks)
    golden.index[0] = "made with ggml 0.9.11 (llama.cpp e21cdc11a), " + golden.index[0].removeprefix("made with ")
    golden.write([what for what, _ in rows])


if __name__ == "__main__":
    main()

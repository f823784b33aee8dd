# SPDX-License-Identifier: Apache-2.0
"""What ggml's reference row quantizers make of super-blocks of Q2_K, Q3_K, Q4_K, Q5_K and Q6_K.

    python tests/golden/make_ggml_k_encode.py LIBGGML_BASE        writes beside itself

LIBGGML_BASE is the shared library libggml-base of a llama.cpp build for x86-64 without -march flags: no Python package
has these functions, and a build that fuses multiply and add chooses other codes.

    ggml_k_encode.bin    arrays, little-endian
    ggml_k_encode.txt    its index, as in golden_file.py: for each format the values x, one super-block a row, and the
                         blocks made of them
"""
import ctypes
import sys

sys.dont_write_bytecode = True

import numpy as np

from golden_file import F, GoldenFile, bell, bf16
from random_bits import random_block

COLUMNS = 256
BYTES = {"q2_K": 84, "q3_K": 110, "q4_K": 144, "q5_K": 176, "q6_K": 210}


def super_blocks():
    c = np.arange(COLUMNS)
    words = random_block(0, 4, 0, c)
    group = c // 32
    named = [(f"random, deviation 2^{e}", bell(n, COLUMNS) * F(2.0**e)) for n, e in enumerate((-12, -5, -5, 0, 5, 11))]
    named += [
        ("random of bf16", bf16(bell(6, COLUMNS) * F(0.0703125))),
        ("all positive", 1 + bell(7, COLUMNS) / 4),
        ("all negative", -3 + bell(8, COLUMNS)),
        ("small integers", (words[:, 0] % 31).astype(F) - 15),
        ("cubes", bell(9, COLUMNS) ** 3),
        ("an outlier", np.where(c == 100, 7.0, bell(10, COLUMNS))),
        ("groups of very different size", bell(11, COLUMNS) * F(2.0) ** -group.astype(F)),
        ("groups of one value", ((group + 1) * 0.125).astype(F)),
        ("groups of one negative value", (-(group + 1) * 0.125).astype(F)),
        ("zeros of both signs", np.where(words[:, 1] & 1, F(-0.0), F(0))),
        ("two groups of zeros", np.where(group % 4 == 1, 0.0, bell(12, COLUMNS))),
        ("one value that is not zero", np.where(c == 77, -0.3, 0.0)),
        ("codes of a grid", (words[:, 2] % 16).astype(F) * F(0.25) - 2),
        ("below what counts as a value", bell(13, COLUMNS) * F(1e-17)),
    ]
    return [(what, np.asarray(x).astype(F)) for what, x in named]


def main():
    lib = ctypes.CDLL(sys.argv[1])
    golden = GoldenFile("ggml_k_encode", "numpy")
    rows = super_blocks()
    x = np.stack([x for _, x in rows])
    for format_name, size in BYTES.items():
        quantize = getattr(lib, f"quantize_row_{format_name}_ref")
        quantize.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
        blocks = np.zeros((len(x), size), np.uint8)
        for row, block in zip(x, blocks):
            quantize(np.ascontiguousarray(row).ctypes.data, block.ctypes.data, COLUMNS)
        golden.case(format_name.upper(), "f32", len(x), COLUMNS, COLUMNS)
        golden.array("x", "f32", x)
        golden.array("blocks", "u8", blocks)
    golden.index[0] = "made with ggml 0.9.11 (llama.cpp e21cdc11a), " + golden.index[0].removeprefix("made with ")
    golden.write([what for what, _ in rows])


if __name__ == "__main__":
    main()

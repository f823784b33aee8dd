# SPDX-License-Identifier: Apache-2.0
"""What MLX's affine quantization makes of weights: 2, 3, 4, 5, 6 and 8 bits, groups of 32, 64 and 128.

    python tests/golden/make_mlx.py        writes beside itself; running it again gives the same files

    mlx.bin    arrays, little-endian
    mlx.txt    its index, as golden_file.py says; the preset is mlx_affine, a case's last number is BITS, those of a code

Arrays: x; words, of the codes; scales and biases, of the weights' type; checksums, of the dequantized weights. Code c
of a row is the bits c * BITS ... (c + 1) * BITS - 1 of the row's words, least significant bit first.

Made by MLX's CPU backend, which rounds ties to even. Its kernels for Metal round them away from zero, and take the
greatest value of a group of negative ones for zero.
"""
import sys

sys.dont_write_bytecode = True

import mlx.core as mx
import numpy as np

from golden_file import COLUMNS, checksums, GoldenFile, rows, stored

TYPES = {"f32": mx.float32, "bf16": mx.bfloat16, "f16": mx.float16}
CASES = ([("f32", bits, 64) for bits in (2, 3, 4, 5, 6, 8)] + [("f32", 4, 32), ("f32", 4, 128), ("f32", 8, 128)] +
         [("bf16", bits, 64) for bits in (3, 4, 6, 8)] + [("bf16", 4, 32), ("bf16", 4, 128)] +
         [("f16", bits, 64) for bits in (4, 8)])


def main():
    golden = GoldenFile("mlx", "mlx", "numpy")
    mx.set_default_device(mx.cpu)
    for kind, bits, group in CASES:
        golden.case("mlx_affine", kind, len(rows(kind)), COLUMNS, group, bits)
        w = mx.array(golden.weights(kind)).astype(TYPES[kind])
        words, scales, biases = mx.quantize(w, group_size=group, bits=bits)
        values = mx.dequantize(words, scales, biases, group_size=group, bits=bits)
        assert scales.dtype == biases.dtype == values.dtype == TYPES[kind]
        golden.array("words", "u32", np.array(words).astype("<u4"))
        for role, a in (("scales", scales), ("biases", biases)):
            golden.array(role, kind, stored(np.array(a.astype(mx.float32)), kind))
        golden.array("checksums", "u64", checksums(np.array(values.astype(mx.float32))))
    golden.write()


if __name__ == "__main__":
    main()

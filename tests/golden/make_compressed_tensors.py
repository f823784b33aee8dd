# SPDX-License-Identifier: Apache-2.0
"""What compressed-tensors makes of weights: integers of 4 and 8 bits, 4 bits also asymmetric, groups of 32 and 128.

    python tests/golden/make_compressed_tensors.py        writes beside itself; running it again gives the same files

    compressed_tensors.bin    arrays, little-endian
    compressed_tensors.txt    its index, as golden_file.py says; checksums are those of the dequantized weights

Least and greatest value of a group go to calculate_qparams, as the observer `minmax` has them, then quantize and
dequantize are called with the group strategy. Scales have the weights' type. Presets: compressed_tensors_int4,
compressed_tensors_int4_asym, compressed_tensors_int8.
"""
import sys

sys.dont_write_bytecode = True

import torch
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import dequantize, fake_quantize, quantize
from compressed_tensors.quantization.utils import calculate_qparams

from golden_file import COLUMNS, checksums, GoldenFile, rows

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def main():
    golden = GoldenFile("compressed_tensors", "compressed-tensors", "torch", "numpy")
    for preset, bits, symmetric, kinds, groups in (
            ("compressed_tensors_int4", 4, True, ("f32", "bf16"), (32, 128)),
            ("compressed_tensors_int4_asym", 4, False, ("f32", "bf16"), (32,)),
            ("compressed_tensors_int8", 8, True, ("f32",), (128,))):
        for kind in kinds:
            for group in groups:
                golden.case(preset, kind, len(rows(kind)), COLUMNS, group)
                w = torch.from_numpy(golden.weights(kind)).to(TYPES[kind])
                arguments = QuantizationArgs(num_bits=bits, symmetric=symmetric, strategy="group", group_size=group)
                grouped = w.reshape(len(w), -1, group)
                scales, zeros = calculate_qparams(grouped.amin(-1), grouped.amax(-1), arguments)
                codes = quantize(w, scales, zeros, arguments, dtype=torch.int8)
                values = dequantize(codes, scales, zeros, arguments)
                assert torch.equal(values, fake_quantize(w, scales, zeros, arguments)) and scales.dtype == w.dtype
                golden.array("codes", "i8", codes.numpy())
                bits_ = scales.view(torch.int32 if kind == "f32" else torch.int16).numpy()
                golden.array("scales", kind, bits_)
                golden.array("zeros", "i8", zeros.to(torch.int8).numpy())
                golden.array("checksums", "u64", checksums(values.float().numpy()))
    golden.write()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""What torchao makes of values in the OCP format MXFP4 and in NVFP4.

    python tests/golden/make_microscaling.py        writes beside itself; running it again gives the same files

    microscaling.bin    arrays, little-endian
    microscaling.txt    its index, as golden_file.py says

Presets
    mxfp4          to_mx(float4_e2m1fn_x2, 32), scale of the rule `floor`
    mxfp4_even, mxfp4_ceil, mxfp4_rceil   the package's other rules for the scale
    nvfp4          nvfp4_quantize(16, per_tensor_scale): the matrix's scale is per_tensor_amax_to_scale of the greatest
                   magnitude below 2^64; the row above saturates
    nvfp4_single   nvfp4_quantize(16): no scale of the matrix
Arrays: x; codes, e2m1, one byte each (bit 3 the sign); scales, e8m0 or e4m3 bytes; tensor_scale; checksums of the
values dequantized to f32: code value * scale, for nvfp4 code value * (tensor_scale * scale).
"""
import sys
import warnings

sys.dont_write_bytecode = True
warnings.filterwarnings("ignore")

import numpy as np
import torch
from torchao.prototype.mx_formats.config import ScaleCalculationMode
from torchao.prototype.mx_formats.mx_tensor import MXTensor, to_mx
from torchao.prototype.mx_formats.nvfp4_tensor import NVFP4Tensor, nvfp4_quantize, per_tensor_amax_to_scale

from golden_file import COLUMNS, F, bell, checksums, GoldenFile, random_block, rounded, rows, stored

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def weights(kind):
    """The shared rows but for ties of integers; then e2m1's values and ties under several scales, maxima beside powers
    of two, blocks of very different size."""
    grid = np.array([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 5.5, 6], F)
    words = random_block(0, 4, 0, np.arange(COLUMNS))
    e2m1 = grid[words[:, 0] % 16] * np.where(words[:, 1] & 1, F(-1), F(1))
    e2m1[::16] = 6
    c = np.arange(COLUMNS)
    edges = bell(8) * F(0.25)
    edges[::32] = [1.9921875, 7, 7.5, 2]
    near = edges.copy()
    near[::32] = np.nextafter(np.array([2, 8, 6, 6], F), np.array([0, 0, 0, 8], F)) if kind == "f32" else F(7.96875)
    extra = [e2m1 * F(0.125), e2m1 * F(3 / 64), edges, near,
             np.where(c % 32 == 0, F(448 * 6 / 1024), e2m1 * F(0.001953125)),
             bell(9) * F(2.0**-9) * np.exp2((c // 16).astype(F))]
    x = np.stack([x for what, x in rows(kind) if not what.startswith("ties")] +
                 [rounded(np.asarray(x, F), kind) for x in extra])
    scale = np.repeat((1 + np.arange(8) / 8).astype(F), 16)  # e4m3; ties of e2m1 under it, alone and with the matrix's
    ties = [e2m1 * scale, e2m1 * (tensor_scale_of(torch.from_numpy(x)).numpy() * scale * F(32))]
    return np.concatenate([x, [rounded(t.astype(F), kind) for t in ties]])


def tensor_scale_of(w):
    return per_tensor_amax_to_scale(w.abs()[w.abs() < 2.0**64].max())


def unpacked(packed, shape):
    return (packed.view(torch.uint8).numpy().reshape(shape[0], -1, 1) >> np.array([0, 4], np.uint8) & 15).reshape(shape)


def main():
    golden = GoldenFile("microscaling", "torchao", "torch", "numpy")
    modes = [("mxfp4", ScaleCalculationMode.FLOOR, ("f32", "bf16")),
             ("mxfp4_even", ScaleCalculationMode.EVEN, ("f32",)),
             ("mxfp4_ceil", ScaleCalculationMode.CEIL, ("f32",)),
             ("mxfp4_rceil", ScaleCalculationMode.RCEIL, ("f32",))]
    for preset, mode, kinds in modes:
        for kind in kinds:
            x = weights(kind)
            w = torch.from_numpy(x).to(TYPES[kind])
            golden.case(preset, kind, *x.shape, 32)
            golden.array("x", kind, stored(x, kind))
            scales, codes = to_mx(w, torch.float4_e2m1fn_x2, 32, mode)
            values = MXTensor.to_mx(w, torch.float4_e2m1fn_x2, 32, mode).dequantize(torch.float32)
            golden.array("codes", "u8", unpacked(codes, x.shape))
            golden.array("scales", "e8m0", scales.view(torch.uint8).numpy().reshape(len(x), -1))
            golden.array("checksums", "u64", checksums(values.numpy()))
    for preset, kinds in (("nvfp4", ("f32", "bf16")), ("nvfp4_single", ("f32",))):
        for kind in kinds:
            x = weights(kind)
            w = torch.from_numpy(x).to(TYPES[kind])
            golden.case(preset, kind, *x.shape, 16)
            golden.array("x", kind, stored(x, kind))
            tensor_scale = tensor_scale_of(w) if preset == "nvfp4" else None
            scales, codes = nvfp4_quantize(w, 16, tensor_scale)
            values = NVFP4Tensor.to_nvfp4(w, per_tensor_scale=tensor_scale).dequantize(torch.float32)
            golden.array("codes", "u8", unpacked(codes, x.shape))
            golden.array("scales", "e4m3", scales.view(torch.uint8).numpy().reshape(len(x), -1))
            if tensor_scale is not None:
                golden.array("tensor_scale", "f32", tensor_scale.numpy().reshape(1, 1))
            golden.array("checksums", "u64", checksums(values.numpy()))
    golden.write([what for what, _ in rows("f32") if not what.startswith("ties")])


if __name__ == "__main__":
    main()

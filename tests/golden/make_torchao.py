# SPDX-License-Identifier: Apache-2.0
"""What torchao makes of weights and activations: codes, scales and zero points, and what they dequantize to.

    python tests/golden/make_torchao.py        writes beside itself; running it again gives the same files

    torchao.bin    arrays, little-endian
    torchao.txt    its index, as golden_file.py says; checksums are those of the dequantized values

Presets, by the functions of torchao that they are
    torchao_int4_g128      IntxUnpackedToInt8Tensor.from_hp(int4, symmetric): IntxWeightOnlyConfig(torch.int4) and the
                           `convert` of quantization-aware training. Scales have the weights' type
    torchao_int4_g128_qat  IntxFakeQuantizer(IntxFakeQuantizeConfig(torch.int4, group_size=128)) with its default f32
                           scales. The same as torchao_int4_g128 for f32 weights, and not for others
    torchao_8da4w          from_hp as above with groups of 32
    torchao_8da4w_legacy   get_group_qparams_symmetric and quantize_per_channel_group, which convert of
                           Int8DynActInt4WeightQATQuantizer calls: f32 scales
    torchao_8da4w_tokens   the activations beside these weights, a group a row: choose_qparams_affine(asymmetric, int8)
                           and quantize_affine as the quantized linear calls them; scales of the activations' type
    torchao_8da4w_tokens_legacy  the same with f32 scales, f32 zero points and eps 2^-23, as the legacy fake quantizer
    tinygemm_int4          groupwise_affine_quantize_tensor with its default bf16 scales and zeros, eps 1e-6
    tinygemm_int4_tiled    _choose_qparams_affine_tinygemm and _quantize_affine_tinygemm as Int4TilePackedTo4dTensor
                           calls them: bf16 only, eps the least normal
    torchao_bf16i4         Int4WeightFakeQuantizer for bf16 activations, what Int4WeightOnlyConfig infers for training;
                           only checksums, since it returns only values
    torchao_f8i4           Int4WeightFakeQuantizer for e4m3 activations; only checksums
"""
import sys
import warnings

sys.dont_write_bytecode = True
warnings.filterwarnings("ignore")

import numpy as np
import torch
from torchao.quantization import MappingType
from torchao.quantization.qat import IntxFakeQuantizeConfig
from torchao.quantization.qat.fake_quantize_config import Int4WeightFakeQuantizeConfig
from torchao.quantization.qat.fake_quantizer import Int4WeightFakeQuantizer, IntxFakeQuantizer
from torchao.quantization.quant_primitives import (_choose_qparams_affine_tinygemm, _dequantize_affine_tinygemm,
                                                   _quantize_affine_tinygemm, choose_qparams_affine, dequantize_affine,
                                                   quantize_affine)
from torchao.quantization.quantize_.workflows.intx.intx_unpacked_to_int8_tensor import IntxUnpackedToInt8Tensor
from torchao.quantization.utils import (get_group_qparams_symmetric, get_groupwise_affine_qparams,
                                        groupwise_affine_dequantize_tensor_from_qparams,
                                        groupwise_affine_quantize_tensor_from_qparams)
import torch.ao.quantization.fx._decomposed  # registers quantize_per_channel_group

from golden_file import COLUMNS, checksums, GoldenFile, rows

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
NAMES = {v: k for k, v in TYPES.items()}


def integers(t):
    return t.numpy().astype({torch.int8: np.int8, torch.uint8: np.uint8, torch.int32: np.int8}[t.dtype])


def floats(golden, role, t):
    bits = t.contiguous().view(torch.int16 if t.element_size() == 2 else torch.int32).numpy()
    golden.array(role, NAMES[t.dtype], bits)


def main():
    golden = GoldenFile("torchao", "torchao", "torch", "numpy")

    def begin(preset, kind, group):
        golden.case(preset, kind, len(rows(kind)), COLUMNS, group)
        return torch.from_numpy(golden.weights(kind)).to(TYPES[kind])

    def finish(codes, scales, zeros, values):
        n = len(values)
        golden.array("codes", "i8", integers(codes))
        floats(golden, "scales", scales.reshape(n, -1))
        if zeros.dtype in NAMES:
            floats(golden, "zeros", zeros.reshape(n, -1))
        else:
            golden.array("zeros", "i8", integers(zeros).reshape(n, -1))
        golden.array("checksums", "u64", checksums(values.float().numpy()))

    def weights(preset, kind, group):
        w = begin(preset, kind, group)
        q = IntxUnpackedToInt8Tensor.from_hp(w, (1, group), torch.int4)
        finish(q.qdata, q.scale, q.zero_point, q.dequantize())

    for kind in TYPES:
        weights("torchao_int4_g128", kind, 128)
    for kind in ("bf16",):
        w = begin("torchao_int4_g128_qat", kind, 128)
        fake = IntxFakeQuantizer(IntxFakeQuantizeConfig(torch.int4, group_size=128))
        values = fake(w)
        codes = quantize_affine(w, (1, 128), fake.scale, fake.zero_point, torch.int8, -8, 7)
        finish(codes, fake.scale, fake.zero_point, values)
    for kind in ("f32", "bf16"):
        weights("torchao_8da4w", kind, 32)
    for kind in ("f32", "bf16"):
        w = begin("torchao_8da4w_legacy", kind, 32)
        scales, zeros = get_group_qparams_symmetric(w, 4, 32, precision=torch.float32)
        codes = torch.ops.quantized_decomposed.quantize_per_channel_group(w, scales, zeros, -8, 7, torch.int8, 32)
        values = torch.ops.quantized_decomposed.dequantize_per_channel_group(codes, scales, zeros, -8, 7, torch.int8,
                                                                             32, torch.float32)
        finish(codes, scales, zeros, values)
    for kind in ("f32", "bf16"):
        for preset, arguments in (("torchao_8da4w_tokens", dict(zero_point_dtype=torch.int8)),
                                  ("torchao_8da4w_tokens_legacy", dict(eps=2.0**-23, scale_dtype=torch.float32,
                                                                       zero_point_dtype=torch.float32))):
            x = begin(preset, kind, COLUMNS)
            block = (1, x.shape[1])
            scales, zeros = choose_qparams_affine(x, MappingType.ASYMMETRIC, block, torch.int8, -128, 127, **arguments)
            codes = quantize_affine(x, block, scales, zeros, torch.int8, -128, 127)
            values = dequantize_affine(codes, block, scales, zeros, torch.int8, -128, 127, output_dtype=x.dtype)
            finish(codes, scales, zeros, values)
    for kind, group in (("f32", 32), ("f32", 128), ("bf16", 128)):
        w = begin("tinygemm_int4", kind, group)
        scales, zeros = get_groupwise_affine_qparams(w, 4, group)
        codes = groupwise_affine_quantize_tensor_from_qparams(w, scales, zeros, 4, group)
        values = groupwise_affine_dequantize_tensor_from_qparams(codes, scales, zeros, 4, group)
        finish(codes, scales, zeros, values)
    w = begin("tinygemm_int4_tiled", "bf16", 128)
    scales, zeros = _choose_qparams_affine_tinygemm(w, MappingType.ASYMMETRIC, (1, 128), torch.int32, 0, 15,
                                                    scale_dtype=w.dtype, zero_point_dtype=w.dtype)
    codes = _quantize_affine_tinygemm(w, (1, 128), scales, zeros, torch.int32, 0, 15)
    values = _dequantize_affine_tinygemm(codes, (1, 128), scales, zeros, torch.int32, 0, 15, output_dtype=w.dtype)
    finish(codes, scales, zeros, values)
    for preset, activations in (("torchao_bf16i4", torch.bfloat16), ("torchao_f8i4", torch.float8_e4m3fn)):
        for kind in ("f32", "bf16"):
            w = begin(preset, kind, 128)
            fake = Int4WeightFakeQuantizer(Int4WeightFakeQuantizeConfig(128, activations))
            golden.array("checksums", "u64", checksums(fake(w).float().numpy()))
    golden.write()


if __name__ == "__main__":
    main()

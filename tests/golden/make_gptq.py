# SPDX-License-Identifier: Apache-2.0
"""What AutoGPTQ's quantizer makes of groups of 32 and 128 weights, 4 and 8 bits, symmetric and not.

    python tests/golden/make_gptq.py        writes beside itself; running it again gives the same files

    gptq.bin    arrays, little-endian
    gptq.txt    its index, as in golden_file.py

Arrays: x, the weights; codes; scales and zeros, one a group; checksums, u64, one a row of the dequantized weights: the
sum over columns c of (c + 1) * f32 pattern of the value, mod 2^64. Presets: gptq_sym (4 bits), gptq_sym8, gptq_asym.

The package needs CUDA to be imported; its module quantizer.py, which is loaded here alone, does not. Its function
`quantize` returns dequantized weights; the line of it that makes the codes is repeated here and checked by the result.
"""
import os
import sys

sys.dont_write_bytecode = True

import numpy as np

from golden_file import COLUMNS, GoldenFile, checksums, rows


def main():
    import importlib.util
    import torch
    package = importlib.util.find_spec("auto_gptq").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("quantizer", os.path.join(package, "quantization", "quantizer.py"))
    gptq = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gptq)

    golden = GoldenFile("gptq", "auto_gptq", "torch", "numpy")
    for preset, bits, symmetric, groups in (("gptq_sym", 4, True, (32, 128)), ("gptq_sym8", 8, True, (128,)),
                                            ("gptq_asym", 4, False, (32,))):
        for group in groups:
            golden.case(preset, "f32", len(rows("f32")), COLUMNS, group)
            x = golden.weights("f32")
            w = torch.from_numpy(x.reshape(-1, group).copy())
            quantizer = gptq.Quantizer()
            quantizer.configure(bits, perchannel=True, sym=symmetric)
            quantizer.find_params(w, weight=True)
            values = gptq.quantize(w, quantizer.scale, quantizer.zero, quantizer.maxq)
            # the argument of the function's last line, q, by its own expression
            codes = torch.clamp(torch.round(w / quantizer.scale) + quantizer.zero, 0, quantizer.maxq)
            assert torch.equal(values, quantizer.scale * (codes - quantizer.zero))
            golden.array("codes", "u8", codes.numpy().astype(np.uint8).reshape(x.shape))
            golden.array("scales", "f32", quantizer.scale.numpy().reshape(len(x), -1))
            golden.array("zeros", "u8", quantizer.zero.numpy().astype(np.uint8).reshape(len(x), -1))
            golden.array("checksums", "u64", checksums(values.numpy().reshape(x.shape)))
    golden.write()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""What bitsandbytes makes of weights in NF4, blocks of 64, and its table.

    python tests/golden/make_bitsandbytes.py        writes beside itself; running it again gives the same files

    bitsandbytes.bin    arrays, little-endian
    bitsandbytes.txt    its index, as golden_file.py says

Arrays: the case `table` has the 16 values of the codes and the 15 thresholds between them (a value equal to one gets
the lower code); a case nf4 has x, codes (element 2 i is in the high half of a packed byte i), scales (the greatest
magnitudes) and checksums of the dequantized weights. Weights of other types are widened to f32 first; dequantized to
bf16, subnormals may become zero, depending on the processor. Made by the package's CPU backend.
"""
import sys

sys.dont_write_bytecode = True

import bitsandbytes.functional as bnb
import numpy as np
import torch
from bitsandbytes.backends.default.ops import _get_4bit_quantize_bounds

from golden_file import COLUMNS, F, bell, checksums, GoldenFile, rows

def weights(table, thresholds):
    """The shared rows but for ties of integers; then thresholds, their neighbours and the table at three scales; then
    a negative extreme."""
    t = np.concatenate([thresholds, np.nextafter(thresholds, F(-2)), np.nextafter(thresholds, F(2)), table])
    t = np.resize(t, COLUMNS).astype(F)
    t[::64] = 1
    extra = [t, t * F(0.375), t * F(0.1), np.where(np.arange(COLUMNS) % 64 == 9, F(-0.7), bell(7) * F(0.25))]
    return np.stack([x for what, x in rows("f32") if not what.startswith("ties")] + [np.asarray(x, F) for x in extra])


def main():
    golden = GoldenFile("bitsandbytes", "bitsandbytes", "torch", "numpy")
    table = bnb.get_4bit_type("nf4", device="cpu").numpy().astype(F)
    thresholds = _get_4bit_quantize_bounds("nf4", torch.device("cpu"))[0].numpy()
    assert thresholds.dtype == F
    golden.case("table", "f32", 1, 16, 1)
    golden.array("values", "f32", table.reshape(1, 16))
    golden.array("thresholds", "f32", thresholds.reshape(1, 15))
    x = weights(table, thresholds)
    golden.case("nf4", "f32", *x.shape, 64)
    golden.array("x", "f32", x)
    packed, state = bnb.quantize_4bit(torch.from_numpy(x), blocksize=64, quant_type="nf4")
    codes = packed.numpy().reshape(len(x), -1, 1) >> np.array([4, 0], np.uint8) & 15
    golden.array("codes", "u8", codes.reshape(x.shape))
    golden.array("scales", "f32", state.absmax.numpy().reshape(len(x), -1))
    golden.array("checksums", "u64", checksums(bnb.dequantize_4bit(packed, state).numpy()))
    golden.write([what for what, _ in rows("f32") if not what.startswith("ties")])


if __name__ == "__main__":
    main()

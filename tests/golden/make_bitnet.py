# SPDX-License-Identifier: Apache-2.0
"""What transformers' BitNet layers make of weights (ternary, one scale a matrix) and activations (int8, one a row).

    python tests/golden/make_bitnet.py        writes beside itself; running it again gives the same files

    bitnet.bin    arrays, little-endian
    bitnet.txt    its index, as golden_file.py says. A weight case is one matrix with one scale

Presets
    bitnet_b158         WeightQuant: codes, the factor that it multiplies by (1 over the mean magnitude, f32), checksums
                        of its values, which are codes / factor
    bitnet_b158_order   a matrix whose mean magnitude depends on the order of the additions in f32: compare codes with
                        the factor given, and the factor with a tolerance
    bitnet_activations  ActQuant: codes, factors (127 over the greatest magnitude), checksums of its values

The classes return values only: codes and factors are made by their expressions, and codes / factor is compared with
the values. torch evaluates 127 / x as (1 / x) * 127. The classes are not compiled here (torch.compile).
In the cases of bitnet_b158 all magnitudes are multiples of one power of two of which the sum is below 2^24, so that
every order of additions gives the same mean. A case's last word says what the
matrix is; the rows named at the end of the index are those of bitnet_activations.
"""
import os
import sys

sys.dont_write_bytecode = True
os.environ["TORCH_COMPILE_DISABLE"] = "1"

import numpy as np
import torch
from transformers.integrations.bitnet import ActQuant, WeightQuant

from golden_file import COLUMNS, bell, checksums, GoldenFile, rounded, rows, stored

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
F = np.float32
ROWS = 2


def matrices():
    """[(what, f32 matrix)] whose magnitudes add up exactly."""
    random = np.stack([bell(10 + i) for i in range(ROWS)])
    coarse = np.rint(random * 2.0**9).astype(F) * F(2.0**-13)
    c = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    ties = np.where(c % 4 < 2, 0.5, 1.5).astype(F) * np.where(c % 3 == 0, F(-1), F(1))  # mean 1: ties to 0 and to 2
    three = np.where(c % 4 < 2, 1.5, 4.5).astype(F) * np.where(c % 3 == 0, F(-1), F(1)) * F(0.015625)  # mean 3/64
    zeros = np.where(c % 2, F(-0.0), F(0))
    constant = np.full((ROWS, COLUMNS), 0.75, F)
    outlier = np.where(c == 77, F(3), coarse)
    one = np.where(c == 5, F(-1), F(0))
    tiny = coarse * F(2.0**-14)  # mean below the least that is allowed, 1e-5
    huge = coarse * F(2.0**100)
    return [("random", coarse), ("random, all positive", np.abs(coarse)), ("ties", ties), ("ties of 3/64", three),
            ("zeros of both signs", zeros), ("constant", constant), ("one outlier", outlier), ("one-hot", one),
            ("mean below 1e-5", tiny), ("large", huge)]


def factor(w):
    return 1.0 / w.float().abs().mean().clamp_(min=1e-5)


def weights(golden, preset, kind, what, x):
    golden.case(preset, kind, *x.shape, x.size, what.replace(" ", "_"))
    golden.array("x", kind, stored(x, kind))
    w = torch.from_numpy(x.copy()).to(TYPES[kind])
    values, f = WeightQuant.apply(w), factor(w)
    codes = (values.float() * f).round()
    assert torch.equal(values, (codes / f).to(w.dtype))
    golden.array("codes", "i8", codes.numpy().astype(np.int8))
    golden.array("factors", "f32", f.numpy().reshape(1, 1))
    golden.array("checksums", "u64", checksums(values.float().numpy()))


def main():
    golden = GoldenFile("bitnet", "transformers", "torch", "numpy")
    for what, x in matrices():
        weights(golden, "bitnet_b158", "f32", what, x)
    for what, x in matrices()[:1]:
        weights(golden, "bitnet_b158", "bf16", what, rounded(x, "bf16"))
    weights(golden, "bitnet_b158_order", "f32", "random", np.stack([bell(20 + i) for i in range(ROWS)]) * F(0.07))
    chosen = [(what, x) for what, x in rows("f32") if not what.startswith("ties of (max - min) / 15")]
    x = torch.from_numpy(np.stack([x for _, x in chosen]))
    golden.case("bitnet_activations", "f32", *x.shape, COLUMNS)
    golden.array("x", "f32", x.numpy())
    values = ActQuant.apply(x)
    f = 127 / x.abs().max(dim=-1, keepdim=True).values.clamp_(min=1e-5)
    codes = (x * f).round().clamp(-128, 127)
    assert torch.equal(values, codes / f)
    golden.array("codes", "i8", codes.numpy().astype(np.int8))
    golden.array("factors", "f32", f.numpy())
    golden.array("checksums", "u64", checksums(values.numpy()))
    golden.write([what for what, _ in chosen])


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Writes gradients.txt: what PyTorch's autograd makes of 4 x 24 values that are quantized to 4 bits per row.

    pip install torch numpy && python make_gradients.py

Lines are a word and floats, each as the hexadecimal digits of its bits, in row-major order. About a third of the
values are clipped; some lie within half a step beyond the outermost codes. The learnable function is given
grad_factor = 1 / sqrt(24 * 15), nibble's normalised_per_step for 24 values and codes up to 15.
"""
import os

import numpy as np
import torch

ROWS, COLUMNS = 4, 24


def numbers(name, values):
    bits = np.asarray(values, np.float32).reshape(-1).view(np.uint32)
    return " ".join([name] + ["%08x" % b for b in bits]) + "\n"


def main():
    rng = np.random.default_rng(11)
    scale = torch.tensor(rng.uniform(0.05, 0.2, ROWS).astype(np.float32))
    outer = torch.tensor(rng.uniform(-4, 4, (ROWS, COLUMNS)).astype(np.float32))
    position = rng.uniform(-12, 12, (ROWS, COLUMNS))
    position[:, :4] = [-8.3, 7.3, -8.6, 7.7]
    w = torch.tensor(position.astype(np.float32)) * scale[:, None]
    text = "fake_quantize_per_channel_affine\n"
    x = w.clone().requires_grad_()
    y = torch.fake_quantize_per_channel_affine(x, scale, torch.zeros(ROWS, dtype=torch.int32), 0, -8, 7)
    y.backward(outer)
    for name, values in [("w", w), ("scale", scale), ("dvalue", outer), ("value", y.detach()), ("dw", x.grad)]:
        text += numbers(name, values)

    text += "fake_quantize_learnable_per_channel_affine\n"
    zero = torch.tensor([7.0, 8.0, 5.0, 9.0])
    x, s, z = w.clone().requires_grad_(), scale.clone().requires_grad_(), zero.clone().requires_grad_()
    y = torch._fake_quantize_learnable_per_channel_affine(x, s, z, 0, 0, 15, 1.0 / np.sqrt(COLUMNS * 15))
    y.backward(outer)
    for name, values in [("w", w), ("scale", scale), ("zero", zero), ("dvalue", outer), ("value", y.detach()),
                         ("dw", x.grad), ("dscale", s.grad), ("dzero", z.grad)]:
        text += numbers(name, values)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "gradients.txt"), "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()

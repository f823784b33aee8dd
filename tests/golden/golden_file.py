# SPDX-License-Identifier: Apache-2.0
"""What the scripts of this directory share: the weights that every system quantizes, and the files of one system.

    NAME.bin    arrays, little-endian
    NAME.txt    its index: `case PRESET TYPE ROWS COLUMNS GROUP`, TYPE that of the weights, then the case's arrays, each
                `ROLE TYPE ROWS COLUMNS FIRST` with FIRST its first byte
"""
import os
from importlib.metadata import version

import numpy as np

from random_bits import random_block

HERE = os.path.dirname(os.path.abspath(__file__))
F = np.float32
COLUMNS = 128

# type: (its least normal, its greatest finite value)
RANGES = {"f32": (2.0**-126, float.fromhex("0x1.fffffep127")), "bf16": (2.0**-126, float.fromhex("0x1.fep127")),
          "f16": (2.0**-14, 65504.0)}


# ---- weights ----

def bell(number, columns=COLUMNS):
    """Values of deviation 0.29, near a normal distribution, each a multiple of 2^-24: row `number` of them."""
    words = random_block(0, 2, number, np.arange(columns))
    return ((words >> np.uint32(8)).sum(-1, dtype=np.int64) - (1 << 25)).astype(F) * F(2.0**-24)


def bf16(x):
    """x rounded to bf16, nearest even; finite."""
    bits = np.asarray(x, F).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(F)


def rounded(x, kind):
    """The f32 array x with every element rounded to the type `kind`."""
    with np.errstate(over="ignore"):
        return {"f32": lambda: np.asarray(x, F), "bf16": lambda: bf16(x),
                "f16": lambda: np.asarray(x, F).astype(np.float16).astype(F)}[kind]()


def stored(x, kind):
    """The little-endian array of the type `kind` that holds exactly the f32 array x."""
    if kind == "bf16":
        return (np.ascontiguousarray(x).view(np.uint32) >> 16).astype("<u2")
    return x.astype("<f2" if kind == "f16" else "<f4")


def rows(kind):
    """[(what it is, COLUMNS values of the type `kind`, as f32)]"""
    tiny, most = RANGES[kind]
    c = np.arange(COLUMNS)
    small = 0.0703125  # makes the deviation 0.02; eight bits
    random = [random_block(0, 3, n, c) for n in range(5)]
    half = random[0][:, 0] % 16 - 7.5   # -7.5 ... 7.5
    upper = random[1][:, 0] % 15 + 0.5  # 0.5 ... 14.5

    def with_first(x, *values):
        x = np.array(x, np.float64)
        for i, v in enumerate(values):
            x[i::32] = v
        return x

    result = [
        ("random, deviation 0.02", bell(0) * F(small)),
        ("random, deviation 0.02, of bf16", bf16(bell(1) * F(small))),
        ("ties of absmax / 7.5 = 2^-6", with_first(half, 7.5) * 2.0**-6),
        ("ties of absmax / 7.5 = 15/256, negative extreme", with_first(half, -7.5) * 15 / 256),
        ("ties of (max - min) / 15 = 2^-5, min -4", with_first(upper, 0, 15) * 2.0**-5 - 4 * 2.0**-5),
        ("ties of (max - min) / 15 = 5/128, min -11", with_first(upper, 0, 15) * 5 / 128 - 11 * 5 / 128),
        ("ties of (max - min) / 15 = 7/128, min 3, positive", with_first(upper, 0, 15) * 7 / 128 + 21 / 128),
        ("ties of (max - min) / 255 = 15/2048, min -100",
         (with_first(random[2][:, 0] % 255 + 0.5, 0, 255) - 100) * 15 / 2048),
        ("ties of absmax / 8 = 2^-4 and of absmax / 7", with_first(np.clip(half, -7, 7), -8, 7) * 2.0**-4),
        ("the codes of 4 bits themselves", (c % 16 - 8) * 2.0**-3),
        ("zeros of both signs", np.where(random[3][:, 0] & 1, F(-0.0), F(0))),
        ("all positive", 1 + bell(2) / 4),
        ("all negative", -3 + bell(3)),
        ("constant 0.1, from column 64 on -0.1", np.where(c < 64, 0.1, -0.1)),
        ("one outlier", np.where(c == 37, 3.0, bell(4) * small)),
        ("one-hot 1 at 5, -1 at 70", np.where(c == 5, 1.0, np.where(c == 70, -1.0, 0.0))),
        ("random near the least normal", bell(5).astype(np.float64) * 8 * tiny),
        ("random near the greatest value", bell(6).astype(np.float64) * most / 4),
        ("exponents of every size", np.where(random[4][:, 0] & 1, -1.0, 1.0) * (1 + (random[4][:, 1] & 127) / 128) *
         2.0**-(random[4][:, 2] % 14).astype(np.float64)),
    ]
    with np.errstate(under="ignore"):
        return [(what, rounded(np.asarray(x).astype(F), kind)) for what, x in result]


# ---- files ----

class GoldenFile:
    """The arrays and the index of one system; equal arrays are written once, each begins at a multiple of 8."""

    def __init__(self, name, *packages):
        self.name, self.data, self.arrays = name, b"", {}
        self.index = ["made with " + ", ".join(f"{p} {version(p)}" for p in packages)]

    def case(self, *words):
        self.index.append("case " + " ".join(str(w) for w in words))

    def array(self, role, kind, x):
        x = np.ascontiguousarray(x)
        assert x.ndim == 2 and x.dtype.byteorder in "<=|"
        first = self.arrays.setdefault(x.tobytes(), len(self.data))
        if first == len(self.data):
            self.data += x.tobytes() + bytes(-x.nbytes % 8)
        self.index.append(f"{role} {kind} {x.shape[0]} {x.shape[1]} {first}")

    def weights(self, kind):
        x = np.stack([x for _, x in rows(kind)])
        self.array("x", kind, stored(x, kind))
        return x

    def write(self, what=None):
        """`what` says what the first rows of the weights are: those of `rows` unless given."""
        what = [f"row {i} {text}" for i, text in enumerate(what or [text for text, _ in rows("f32")])]
        for file, content in ((self.name + ".bin", self.data),
                              (self.name + ".txt", "\n".join(self.index + what).encode() + b"\n")):
            with open(os.path.join(HERE, file), "wb") as out:
                out.write(content)
        print("\n".join(self.index), f"\n{len(self.data)} bytes")


def checksums(values):
    patterns = np.ascontiguousarray(values, F).view(np.uint32).astype(np.uint64)
    return (patterns * np.arange(1, values.shape[1] + 1, dtype=np.uint64)).sum(1, dtype=np.uint64)[:, None]

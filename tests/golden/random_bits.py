# SPDX-License-Identifier: Apache-2.0
"""nibble's random bits, include/nibble/numeric/random.hpp, for numpy arrays."""
import numpy as np

LOW = np.uint64(0xFFFFFFFF)


def random_block(seed, step, tensor, block):
    """The four words of each element of `block` (integers): uint32 [blocks, 4]."""
    block = np.asarray(block, np.uint64)
    c = [block & LOW, block >> np.uint64(32), np.full_like(block, tensor), np.full_like(block, step)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        first, second = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(second >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), second & LOW,
             (first >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), first & LOW]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, -1).astype(np.uint32)


def random_bits(seed, step, tensor, count):
    """random_bits({seed, step, tensor}, e) for e = 0 ... count - 1."""
    return random_block(seed, step, tensor, np.arange(-(-count // 4))).reshape(-1)[:count]

"""Random numbers."""

import math

import numpy as np

PHILOX_MULTIPLIER = np.array([0xD2511F53, 0xCD9E8D57], dtype=np.uint64)
PHILOX_WEYL = (0x9E3779B9, 0xBB67AE85)
LOW32 = np.uint64(0xFFFFFFFF)


def philox(seed, stream, blocks):
    """Philox4x32-10: four words of 32 bits for each counter (block, stream) under the key `seed`. -> (blocks, 4)"""
    counter = np.arange(blocks, dtype=np.uint64)
    c = [counter & LOW32, counter >> np.uint64(32)]
    c += [np.full(blocks, stream & 0xFFFFFFFF, np.uint64), np.full(blocks, stream >> 32, np.uint64)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = c[0] * PHILOX_MULTIPLIER[0], c[2] * PHILOX_MULTIPLIER[1]
        c = [
            (b >> np.uint64(32)) ^ c[1] ^ np.uint64(key[0]),
            b & LOW32,
            (a >> np.uint64(32)) ^ c[3] ^ np.uint64(key[1]),
            a & LOW32,
        ]
        key = [(k + w) & 0xFFFFFFFF for k, w in zip(key, PHILOX_WEYL, strict=True)]
    return np.stack(c, axis=1)


def philox_words(seed, stream, size):
    """32-bit words in the order in which elements use them.

    Sixteen blocks make a group of 64 words: first the sixteen first words, then the sixteen second words, and so on, so
    that vector registers of any width fill from neighbouring blocks.
    """
    groups = -(-size // 64)
    return philox(seed, stream, 16 * groups).reshape(groups, 16, 4).transpose(0, 2, 1)


def unit_interval(seed, stream, size, dtype):
    """Numbers in [0, 1): 24 bits of one word for float32, 53 bits of two words for float64 (groups of 32 elements)."""
    if dtype == "float32":
        words = philox_words(seed, stream, size).reshape(-1)[:size]
        return (words >> np.uint64(8)).astype(np.float64) / 2**24
    w = philox_words(seed, stream, 2 * size)
    high, low = w[:, 0::2] >> np.uint64(5), w[:, 1::2] >> np.uint64(6)  # 27 and 26 bits
    return ((high * np.uint64(2**26) + low).astype(np.float64) / 2**53).reshape(-1)[:size]


def random_uniform(shape, seed, stream, low, high, dtype):
    real = np.dtype(dtype).type
    u = unit_interval(seed, stream, math.prod(shape), dtype).astype(dtype)
    return (real(low) + real(high - low) * u).reshape(shape)


def random_normal(shape, seed, stream, mean, deviation, dtype):
    """Box & Muller: sqrt(-2 log u) cos(2 pi v) and ... sin(2 pi v) are normal; u and v are neighbouring sixteens."""
    size = math.prod(shape)
    groups = -(-size // 32)
    unit = unit_interval(seed, stream, 32 * groups, dtype).reshape(groups, 2, 16)
    step = 2.0**-24 if dtype == "float32" else 2.0**-53
    radius = np.sqrt(-2 * np.log(unit[:, 0] + step))  # u in (0, 1]
    angle = 2 * math.pi * unit[:, 1]
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:size]
    return (mean + deviation * normal).astype(dtype).reshape(shape)


def dropout(x, rate, seed, stream):
    """An element is dropped where its word is below rate * 2^32: the same mask for every dtype."""
    words = philox_words(seed, stream, x.size).reshape(-1)[: x.size].reshape(x.shape)
    return np.where(words < np.uint64(rate * 2**32), 0, x / (1 - rate)).astype(x.dtype)

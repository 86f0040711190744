"""Hashes of byte strings that are the same everywhere: FarmHash64 and SipHash-2-4, as in TensorFlow's string buckets.

All arithmetic is modulo 2^64; words are little-endian.
"""

from __future__ import annotations

from typing import Any

MASK = 2**64 - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def word(data: bytes, at: int) -> int:
    """The 64 bits from byte `at` on."""
    return int.from_bytes(data[at : at + 8], "little")


def rotate_left(x: int, bits: int) -> int:
    """The 64 bits of x, moved to the left in a ring."""
    x &= MASK
    return (x << bits | x >> 64 - bits) & MASK


def rotate_right(x: int, bits: int) -> int:
    """The same to the right."""
    return rotate_left(x, 64 - bits)


# ---- FarmHash (Pike & Alakuijala, https://github.com/google/farmhash), its Fingerprint64 ----


def farmhash64(data: bytes) -> int:
    """FarmHash's Fingerprint64: fast, evenly spread, not meant to resist an adversary.

    >>> farmhash64(b"A") % 3
    1
    """
    n = len(data)
    if n <= 16:
        return _upto_16(data, n)
    if n <= 64:
        return _upto_64(data, n)
    return _long(data, n)


def _fold(x: int) -> int:
    x &= MASK
    return x ^ x >> 47


def _pair(u: int, v: int, factor: int) -> int:
    """Two words to one, in Murmur's way."""
    a = _fold(((u ^ v) & MASK) * factor)
    return _fold((v & MASK ^ a) * factor) * factor & MASK


def _upto_16(s: bytes, n: int) -> int:
    factor = K2 + 2 * n
    if n >= 8:
        a, b = word(s, 0) + K2, word(s, n - 8)
        return _pair(rotate_right(b, 37) * factor + a, (rotate_right(a, 25) + b) * factor, factor)
    if n >= 4:
        first, last = int.from_bytes(s[:4], "little"), int.from_bytes(s[-4:], "little")
        return _pair(n + (first << 3), last, factor)
    if n:
        return _fold((s[0] + (s[n >> 1] << 8)) * K2 ^ (n + (s[-1] << 2)) * K0) * K2 & MASK
    return K2


def _upto_64(s: bytes, n: int) -> int:
    factor = K2 + 2 * n
    a, b = word(s, 0) * (K1 if n <= 32 else K2), word(s, 8)
    c, d = word(s, n - 8) * factor, word(s, n - 16) * K2
    y = rotate_right(a + b, 43) + rotate_right(c, 30) + d
    z = _pair(y, a + rotate_right(b + K2, 18) + c, factor)
    if n <= 32:
        return z
    e, f = word(s, 16) * factor, word(s, 24)
    g, h = (y + word(s, n - 32)) * factor, (z + word(s, n - 24)) * factor
    return _pair(rotate_right(e + f, 43) + rotate_right(g, 30) + h, e + rotate_right(f + a, 18) + g, factor)


def _long(s: bytes, n: int) -> int:
    x, y, v, w = 81 * K2 + word(s, 0), 81 * K1 + 113, (0, 0), (0, 0)
    z = _fold(y * K2 + 113) * K2
    rest = (n - 1) % 64
    for at in range(0, n - 1 - rest, 64):
        x, y, z, v, w = _block(s, at, x, y, z, v, w, K1, 1)
    factor = K1 + ((z & 255) << 1)
    first = w[0] + rest
    v = (v[0] + first, v[1])
    w = (first + v[0], w[1])
    x, y, z, v, w = _block(s, n - 64, x, y, z, v, w, factor, 9)
    u = _pair(v[0], w[0], factor) + _fold(y) * K0 + z
    return _pair(u, _pair(v[1], w[1], factor) + x, factor)


Two = tuple[int, int]


def _block(
    s: bytes, at: int, x: int, y: int, z: int, v: Two, w: Two, factor: int, weight: int
) -> tuple[int, int, int, Two, Two]:
    """The state x, y, z, v, w after 64 more bytes."""
    x = rotate_right(x + y + v[0] + word(s, at + 8), 37) * factor
    y = rotate_right(y + v[1] + word(s, at + 48), 42) * factor
    x = x & MASK ^ w[1] * weight & MASK
    y += v[0] * weight + word(s, at + 40)
    z = rotate_right(z + w[0], 33) * factor
    v = _weak(s, at, v[1] * factor, x + w[0])
    w = _weak(s, at + 32, z + w[1], y + word(s, at + 16))
    return z & MASK, y & MASK, x, v, w


def _weak(s: bytes, at: int, a: int, b: int) -> Two:
    """32 bytes and two words to two words."""
    a += word(s, at)
    b = rotate_right(b + a + word(s, at + 24), 21)
    c = a
    a += word(s, at + 8) + word(s, at + 16)
    b += rotate_right(a, 44)
    return (a + word(s, at + 24)) & MASK, (b + c) & MASK


# ---- SipHash-2-4 (Aumasson & Bernstein 2012) ----


def siphash64(data: bytes, key: Two) -> int:
    """SipHash-2-4 of `data` under the 128-bit `key`: nobody without the key can choose strings that collide.

    >>> siphash64(b"A", (133, 137)) % 3
    1
    """
    k0, k1 = key[0] & MASK, key[1] & MASK
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    tail = len(data) % 8
    words = [word(data, at) for at in range(0, len(data) - tail, 8)]
    words.append(int.from_bytes(data[len(data) - tail :], "little") | (len(data) & 255) << 56)
    for m in words:
        v[3] ^= m
        _rounds(v, 2)
        v[0] ^= m
    v[2] ^= 255
    _rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _rounds(v: list[int], count: int) -> None:
    a, b, c, d = v
    for _ in range(count):
        a, c = a + b & MASK, c + d & MASK
        b, d = rotate_left(b, 13) ^ a, rotate_left(d, 16) ^ c
        a, c = rotate_left(a, 32) + d & MASK, c + b & MASK
        b, d = rotate_left(b, 17) ^ c, rotate_left(d, 21) ^ a
        c = rotate_left(c, 32)
    v[:] = a, b, c, d


# ---- buckets ----


def as_key(salt: Any, who: str) -> Two | None:
    """The key of a hash, from two integers or one for both. ValueError for anything else but None."""
    if salt is None:
        return None
    pair = (salt, salt) if isinstance(salt, int) else salt
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(part, int) for part in pair):
        raise ValueError(f"{who}: `salt` is an integer, or a tuple or list of two. Received: salt={salt}.")
    return pair[0], pair[1]


def buckets(items: list[str], count: int, key: Two | None = None) -> list[int]:
    """The hash of each string's UTF-8 bytes, modulo `count`: FarmHash64, or SipHash-2-4 with a key."""
    known: dict[str, int] = {}
    for item in items:
        if item not in known:
            data = item.encode()
            known[item] = (farmhash64(data) if key is None else siphash64(data, key)) % count
    return [known[item] for item in items]

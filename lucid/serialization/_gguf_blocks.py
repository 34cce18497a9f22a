"""The quantised types of GGUF: numbers in blocks, each with a scale. What the bytes of a block stand for.

Each function takes blocks as rows of bytes and gives their numbers as rows of float32; it is lazy, as MLX is. `d` and
`m` are the scale and the offset of a block. Types with "K" have blocks of 256 numbers in parts that have scales too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx

Values = Callable[[mx.array], mx.array]


class Blocks(NamedTuple):
    """A quantised type: how many numbers a block has, how many bytes, and what they are."""

    name: str
    elements: int
    nbytes: int
    values: Values


def _half(b: mx.array, at: int) -> mx.array:
    """The float16 at a place of each block, as a column."""
    return mx.contiguous(b[:, at : at + 2]).view(mx.float16).astype(mx.float32)


def _signed(b: mx.array) -> mx.array:
    return mx.contiguous(b).view(mx.int8).astype(mx.float32)


def _nibbles(q: mx.array) -> mx.array:
    """The lower halves of all bytes, then the upper ones."""
    return mx.concatenate([q & 15, q >> 4], axis=-1)


def _bits(b: mx.array, shifts: list[int], mask: int) -> mx.array:
    """The bytes shifted by each of `shifts` and masked, one after the other along a new axis before the last."""
    return (b[..., None, :] >> mx.array(shifts, mx.uint8)[:, None]) & mask


def _q4_0(b: mx.array) -> mx.array:
    return _half(b, 0) * (_nibbles(b[:, 2:]).astype(mx.float32) - 8)


def _q4_1(b: mx.array) -> mx.array:
    return _half(b, 0) * _nibbles(b[:, 4:]).astype(mx.float32) + _half(b, 2)


def _fifth(b: mx.array) -> mx.array:
    """The bits of four bytes, from the lowest to the highest, as 0 and 16."""
    bits = (b[:, :, None] >> mx.arange(8, dtype=mx.uint8)) & 1
    return bits.reshape(-1, 32) << 4


def _q5_0(b: mx.array) -> mx.array:
    return _half(b, 0) * ((_nibbles(b[:, 6:]) | _fifth(b[:, 2:6])).astype(mx.float32) - 16)


def _q5_1(b: mx.array) -> mx.array:
    return _half(b, 0) * (_nibbles(b[:, 8:]) | _fifth(b[:, 4:8])).astype(mx.float32) + _half(b, 2)


def _q8_0(b: mx.array) -> mx.array:
    return _half(b, 0) * _signed(b[:, 2:])


# ---- blocks of 256 ---------------------------------------------------------------------------------------------------


def _scaled(scale: mx.array, q: mx.array) -> mx.array:
    """Each part of the numbers `q`, (blocks, parts, elements), times its scale, (blocks, parts)."""
    return scale[:, :, None] * q.astype(mx.float32)


def _q2_k(b: mx.array) -> mx.array:
    scales, q = b[:, :16], b[:, 16:80].reshape(-1, 2, 32)
    q = _bits(q, [0, 2, 4, 6], 3).reshape(-1, 16, 16)
    d, m = _half(b, 80), _half(b, 82)
    found = _scaled(d * (scales & 15), q) - (m * (scales >> 4))[:, :, None]
    return found.reshape(-1, 256)


def _q3_k(b: mx.array) -> mx.array:
    high, q, packed = b[:, :32], b[:, 32:96].reshape(-1, 2, 32), b[:, 96:108]
    low = _nibbles(packed[:, :8])
    top = _bits(packed[:, 8:], [0, 2, 4, 6], 3).reshape(-1, 16)
    scales = (low | (top << 4)).astype(mx.float32) - 32
    q = _bits(q, [0, 2, 4, 6], 3).reshape(-1, 16, 16).astype(mx.float32)
    high = _bits(high, list(range(8)), 1).reshape(-1, 16, 16).astype(mx.float32)
    return _scaled(_half(b, 108) * scales, q - 4 * (1 - high)).reshape(-1, 256)


def _scales_and_offsets(packed: mx.array) -> tuple[mx.array, mx.array]:
    """Eight scales and eight offsets of six bits each, from twelve bytes."""
    a, m, rest = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = mx.concatenate([a & 63, (rest & 15) | ((a >> 6) << 4)], axis=1)
    offsets = mx.concatenate([m & 63, (rest >> 4) | ((m >> 6) << 4)], axis=1)
    return scales, offsets


def _with_offsets(b: mx.array, q: mx.array) -> mx.array:
    scales, offsets = _scales_and_offsets(b[:, 4:16])
    found = _scaled(_half(b, 0) * scales, q.reshape(-1, 8, 32)) - (_half(b, 2) * offsets)[:, :, None]
    return found.reshape(-1, 256)


def _q4_k(b: mx.array) -> mx.array:
    return _with_offsets(b, _bits(b[:, 16:].reshape(-1, 4, 32), [0, 4], 15))


def _q5_k(b: mx.array) -> mx.array:
    q = _bits(b[:, 48:].reshape(-1, 4, 32), [0, 4], 15).reshape(-1, 8, 32)
    return _with_offsets(b, q | (_bits(b[:, 16:48], list(range(8)), 1) << 4))


def _q6_k(b: mx.array) -> mx.array:
    low = _bits(b[:, :128].reshape(-1, 2, 64), [0, 4], 15).reshape(-1, 2, 4, 32)
    high = _bits(b[:, 128:192].reshape(-1, 2, 32), [0, 2, 4, 6], 3)
    q = (low | (high << 4)).astype(mx.float32) - 32
    return _scaled(_half(b, 208) * _signed(b[:, 192:208]), q.reshape(-1, 16, 16)).reshape(-1, 256)


# ---- numbers from a table --------------------------------------------------------------------------------------------

_UNEVEN = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
_FLOATS = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]  # of four bits, twice as large


def _iq4_nl(b: mx.array) -> mx.array:
    return _half(b, 0) * mx.take(mx.array(_UNEVEN, mx.float32), _nibbles(b[:, 2:]))


def _iq4_xs(b: mx.array) -> mx.array:
    top = (b[:, 2:4, None] >> mx.array([0, 2, 4, 6], mx.uint8)) & 3
    low = mx.stack([b[:, 4:8] & 15, b[:, 4:8] >> 4], axis=-1)
    scales = (low.reshape(-1, 8) | (top.reshape(-1, 8) << 4)).astype(mx.float32) - 32
    q = mx.take(mx.array(_UNEVEN, mx.float32), _nibbles(b[:, 8:].reshape(-1, 8, 16)))
    return _scaled(_half(b, 0) * scales, q).reshape(-1, 256)


def _mxfp4(b: mx.array) -> mx.array:
    half = mx.array([2.0 ** (k - 128) for k in range(256)], mx.float32)
    return mx.take(half, b[:, :1]) * mx.take(mx.array(_FLOATS, mx.float32), _nibbles(b[:, 1:]))


BLOCKS = {
    2: Blocks("Q4_0", 32, 18, _q4_0),
    3: Blocks("Q4_1", 32, 20, _q4_1),
    6: Blocks("Q5_0", 32, 22, _q5_0),
    7: Blocks("Q5_1", 32, 24, _q5_1),
    8: Blocks("Q8_0", 32, 34, _q8_0),
    10: Blocks("Q2_K", 256, 84, _q2_k),
    11: Blocks("Q3_K", 256, 110, _q3_k),
    12: Blocks("Q4_K", 256, 144, _q4_k),
    13: Blocks("Q5_K", 256, 176, _q5_k),
    14: Blocks("Q6_K", 256, 210, _q6_k),
    20: Blocks("IQ4_NL", 32, 18, _iq4_nl),
    23: Blocks("IQ4_XS", 256, 136, _iq4_xs),
    39: Blocks("MXFP4", 32, 17, _mxfp4),
}
NOT_READ = {
    9: "Q8_1",
    15: "Q8_K",
    16: "IQ2_XXS",
    17: "IQ2_XS",
    18: "IQ3_XXS",
    19: "IQ1_S",
    21: "IQ3_S",
    22: "IQ2_S",
    29: "IQ1_M",
    34: "TQ1_0",
    35: "TQ2_0",
    40: "NVFP4",
    41: "Q1_0",
}

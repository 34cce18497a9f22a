"""GGUF files made by hand, and what the numbers of quantised blocks are, one by one."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

TYPES = {bool: 7, str: 8, int: 4, float: 6, list: 9}


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def value(v: Any) -> bytes:
    if isinstance(v, list):
        kind = TYPES[type(v[0])] if v else 4
        return struct.pack("<IQ", kind, len(v)) + b"".join(map(value, v))
    return text(v) if isinstance(v, str) else struct.pack({bool: "<?", int: "<I", float: "<f"}[type(v)], v)


def gguf(
    tensors: dict[str, tuple[tuple[int, ...], int, bytes]], metadata: dict[str, Any] | None = None, *, align: int = 32
) -> bytes:
    """A file of tensors given as shape, type and bytes."""
    start = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata or {}))
    for key, v in (metadata or {}).items():
        start += text(key) + struct.pack("<I", TYPES[type(v)]) + value(v)
    data = b""
    for name, (shape, kind, content) in tensors.items():
        start += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, len(data))
        data += content + bytes(-len(content) % align)
    return start + bytes(-len(start) % align) + data


def half(b: bytes) -> float:
    return float(np.frombuffer(b, np.float16)[0])


def signed(b: int) -> int:
    return b - 256 if b > 127 else b


def nibble(b: bytes, k: int) -> int:
    """Number k of a row of half bytes: the lower halves come first."""
    return b[k] & 15 if k < len(b) else b[k - len(b)] >> 4


def q5(b: bytes, k: int) -> int:
    return nibble(b[4:], k) | (int.from_bytes(b[:4], "little") >> k & 1) << 4


def scale_and_offset(s: bytes, j: int) -> tuple[int, int]:
    if j < 4:
        return s[j] & 63, s[j + 4] & 63
    return s[j + 4] & 15 | s[j - 4] >> 6 << 4, s[j + 4] >> 4 | s[j] >> 6 << 4


def q2_k(b: bytes, k: int) -> float:
    scale = b[k // 16]
    q = b[16 + k // 128 * 32 + k % 32] >> k % 128 // 32 * 2 & 3
    return half(b[80:82]) * (scale & 15) * q - half(b[82:84]) * (scale >> 4)


def q3_k(b: bytes, k: int) -> float:
    j = k // 16
    s = b[96:108]
    scale = (s[j % 8] >> j // 8 * 4 & 15 | (s[8 + j % 4] >> j // 4 * 2 & 3) << 4) - 32
    q = b[32 + k // 128 * 32 + k % 32] >> k % 128 // 32 * 2 & 3
    return half(b[108:110]) * scale * (q - (0 if b[k % 32] >> k // 32 & 1 else 4))


def q4_k(b: bytes, k: int) -> float:
    scale, offset = scale_and_offset(b[4:16], k // 32)
    q = nibble(b[16 + k // 64 * 32 : 48 + k // 64 * 32], k % 64)
    return half(b[:2]) * scale * q - half(b[2:4]) * offset


def q5_k(b: bytes, k: int) -> float:
    scale, offset = scale_and_offset(b[4:16], k // 32)
    q = nibble(b[48 + k // 64 * 32 : 80 + k // 64 * 32], k % 64) | (b[16 + k % 32] >> k // 32 & 1) << 4
    return half(b[:2]) * scale * q - half(b[2:4]) * offset


def q6_k(b: bytes, k: int) -> float:
    part, rest = divmod(k, 128)
    low = nibble(b[64 * part : 64 * part + 64], rest)
    high = b[128 + 32 * part + rest % 32] >> rest // 32 * 2 & 3
    return half(b[208:210]) * signed(b[192 + k // 16]) * ((low | high << 4) - 32)


UNEVEN = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]


def iq4_xs(b: bytes, k: int) -> float:
    part = k // 32
    low = b[4 + part // 2] >> part % 2 * 4 & 15
    high = int.from_bytes(b[2:4], "little") >> 2 * part & 3
    q = UNEVEN[nibble(b[8 + 16 * part : 24 + 16 * part], k % 32)]
    return half(b[:2]) * ((low | high << 4) - 32) * q


def mxfp4(b: bytes, k: int) -> float:
    code = nibble(b[1:], k)
    size = [0, 0.5, 1, 1.5, 2, 3, 4, 6][code & 7]
    return math.ldexp(-size if code & 8 else size, b[0] - 127)


# Type: its number in the file, numbers of a block, bytes of a block, number k of a block.
NUMBERS: dict[str, tuple[int, int, int, Callable[[bytes, int], float]]] = {
    "Q4_0": (2, 32, 18, lambda b, k: half(b[:2]) * (nibble(b[2:], k) - 8)),
    "Q4_1": (3, 32, 20, lambda b, k: half(b[:2]) * nibble(b[4:], k) + half(b[2:4])),
    "Q5_0": (6, 32, 22, lambda b, k: half(b[:2]) * (q5(b[2:], k) - 16)),
    "Q5_1": (7, 32, 24, lambda b, k: half(b[:2]) * q5(b[4:], k) + half(b[2:4])),
    "Q8_0": (8, 32, 34, lambda b, k: half(b[:2]) * signed(b[2 + k])),
    "Q2_K": (10, 256, 84, q2_k),
    "Q3_K": (11, 256, 110, q3_k),
    "Q4_K": (12, 256, 144, q4_k),
    "Q5_K": (13, 256, 176, q5_k),
    "Q6_K": (14, 256, 210, q6_k),
    "IQ4_NL": (20, 32, 18, lambda b, k: half(b[:2]) * UNEVEN[nibble(b[2:], k)]),
    "IQ4_XS": (23, 256, 136, iq4_xs),
    "MXFP4": (39, 32, 17, mxfp4),
}


def blocks(kind: str, count: int, seed: int = 0) -> bytes:
    """Random blocks whose scales are of reasonable size."""
    _, _, size, _ = NUMBERS[kind]
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 256, (count, size), dtype=np.uint8)
    places = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "MXFP4": ()}
    for at in places.get(kind, (0, 2) if kind.endswith("_1") else (0,)):
        raw[:, at : at + 2] = rng.uniform(-1, 1, (count, 1)).astype(np.float16).view(np.uint8)
    if kind == "MXFP4":
        raw[:, 0] = rng.integers(110, 140, count)
    return raw.tobytes()


def numbers(kind: str, content: bytes) -> np.ndarray[Any, Any]:
    """All numbers of some blocks."""
    _, count, size, number = NUMBERS[kind]
    parts = [content[k : k + size] for k in range(0, len(content), size)]
    return np.array([number(b, k) for b in parts for k in range(count)])

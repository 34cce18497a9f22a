"""GGUF files: plain and quantised tensors, metadata, and damage of every kind."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid.serialization import CheckpointError, inspect, load
from tests.serialization.gguf_files import NUMBERS, blocks, gguf, numbers, text

F32 = ((2, 3), 0, np.arange(6, dtype=np.float32).tobytes())


def test_files_of_mlx_are_read(tmp_path: Path) -> None:
    arrays = {
        "a": mx.arange(6, dtype=mx.float32).reshape(2, 3),
        "b": mx.array([1.5, 2.5], mx.float16),
        "c": mx.arange(4, dtype=mx.int32),
        "d": mx.arange(4, dtype=mx.int8),
        "e": mx.arange(4, dtype=mx.int16),
    }
    mx.save_gguf(str(tmp_path / "x.gguf"), arrays, {"general.name": "test", "layers": mx.array([1, 2, 3])})
    found = load(tmp_path / "x.gguf")
    assert set(found) == set(arrays)
    for name, a in arrays.items():
        np.testing.assert_array_equal(found[name].numpy(), np.array(a))
        assert found[name].dtype.mx == a.dtype
    about = inspect(tmp_path / "x.gguf")
    assert about.metadata == {"general.name": "test", "layers": [1, 2, 3]}
    assert about.tensors["a"].shape == (2, 3)


@pytest.mark.parametrize("kind", NUMBERS)
def test_quantised_tensors(tmp_path: Path, kind: str) -> None:
    number, count, _, _ = NUMBERS[kind]
    content = blocks(kind, 12)
    (tmp_path / "x").write_bytes(gguf({"w": ((3, 2, 2 * count), number, content), "b": F32}))
    found = load(tmp_path / "x")
    assert found["w"].shape == (3, 2, 2 * count)
    assert found["w"].dtype is lucid.float32
    np.testing.assert_allclose(found["w"].numpy().ravel(), numbers(kind, content), rtol=1e-6, atol=1e-6)
    assert found["b"].tolist() == [[0, 1, 2], [3, 4, 5]]
    about = inspect(tmp_path / "x").tensors["w"]
    assert (about.dtype, about.nbytes) == (kind, len(content))


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q8_0"])
def test_the_numbers_are_those_of_mlx(tmp_path: Path, kind: str) -> None:
    number, count, _, _ = NUMBERS[kind]
    (tmp_path / "x.gguf").write_bytes(gguf({"w.weight": ((4, 2 * count), number, blocks(kind, 8))}))
    theirs = mx.load(str(tmp_path / "x.gguf"))
    assert isinstance(theirs, dict)
    bits = 8 if kind == "Q8_0" else 4
    want = mx.dequantize(theirs["w.weight"], theirs["w.scales"], theirs["w.biases"], 32, bits)
    np.testing.assert_allclose(load(tmp_path / "x.gguf")["w.weight"].numpy(), np.array(want), rtol=2e-3, atol=2e-2)


def test_all_plain_types(tmp_path: Path) -> None:
    values = np.array([1, 2, 3, 4])
    kinds = {0: "f4", 1: "f2", 24: "i1", 25: "i2", 26: "i4", 27: "i8", 28: "f8"}
    tensors: Any = {str(k): ((4,), k, values.astype(d).tobytes()) for k, d in kinds.items()}
    tensors["bf16"] = (2, 2), 30, np.array([1, 2, 3, 4], np.float32).view(np.uint16)[1::2].tobytes()
    tensors["scalar"] = (), 0, np.float32(5).tobytes()
    tensors["empty"] = (0, 32), 8, b""
    (tmp_path / "x").write_bytes(gguf(tensors, {"general.alignment": 64}, align=64))
    found = load(tmp_path / "x")
    for k, d in kinds.items():
        assert found[str(k)].dtype.numpy == np.dtype(d)
        assert found[str(k)].tolist() == [1, 2, 3, 4]
    assert found["bf16"].dtype is lucid.bfloat16
    assert found["bf16"].tolist() == [[1, 2], [3, 4]]
    assert found["scalar"].item() == 5
    assert found["empty"].shape == (0, 32)


def test_metadata_of_every_type(tmp_path: Path) -> None:
    words = [f"word {k}" for k in range(1000)]
    metadata = {"text": "é", "yes": True, "n": 7, "x": 0.5, "few": ["a", "b"], "words": words, "many": [1] * 100}
    (tmp_path / "x").write_bytes(gguf({"a": F32}, metadata))
    found = inspect(tmp_path / "x").metadata
    assert found == {**metadata, "words": "[1000 elements]", "many": "[100 elements]"}
    assert load(tmp_path / "x")["a"].sum().item() == 15


def entry(kind: int, content: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<I", kind) + content


def info(dims: tuple[int, ...], kind: int = 0, offset: int = 0, name: bytes = b"w", count: int = 1) -> bytes:
    one = text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)
    return b"GGUF" + struct.pack("<IQQ", 3, count, 0) + one * count


BROKEN: list[tuple[bytes, str]] = [
    (b"GGUF", "it ends within its header"),
    (b"GGUF" + struct.pack("<I", 1) + bytes(100), "it is a GGUF file, but of version 1; 2 and 3 are read"),
    (b"GGUF" + struct.pack(">I", 3) + bytes(100), "it is a GGUF file, but big-endian; convert it"),
    (b"GGUF" + struct.pack("<IQQ", 3, 2**62, 0), "claims 4611686018427387904 tensors"),
    (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63), "entries; 1000000 are the most"),
    (b"GGUF" + struct.pack("<IQQ", 3, 5, 0), "it ends within its header"),
    (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**63) + b"k", "it ends within its header"),
    (entry(99, b""), "a value of type 99"),
    (entry(9, struct.pack("<IQ", 0, 2**62)), "claims an array of 4611686018427387904 elements"),
    (entry(9, struct.pack("<IQ", 9, 1) * 6 + bytes(100)), "a value of type 9, which is unknown"),
    (entry(9, struct.pack("<IQ", 11, 40) + bytes(100)), "it ends within its header"),
    (entry(8, struct.pack("<Q", 1) + b"\xff"), "no valid Unicode"),
    (gguf({}, {"general.alignment": 3}), "alignment is 3"),
    (gguf({}, {"general.alignment": "x"}), "alignment is 'x'"),
    (info((1,) * 9), "has 9 dimensions"),
    (info((2**33,)), "dimension of 8589934592"),
    (info((4,), offset=7), "the offset 7 of tensor 'w' is not aligned to 32"),
    (info((4,), offset=2**62), "it was not written or copied completely"),
    (info((4,), count=2), "'w' is listed twice"),
    (info((4,), 16), "'w' is quantised as IQ2_XXS, which is not read"),
    (info((4,), 77), "'w' is quantised as type 77"),
    (info((33,), 2), r"tensor 'w' of shape \(33,\) has no blocks of 32"),
    (info((), 2), "has no blocks of 32"),
    (info((2**31 - 1, 2**31 - 1, 2**31 - 1)), "it was not written or copied completely"),
    (gguf({"a": F32})[:-9], "it was not written or copied completely"),
    (gguf({"a": F32, "b": F32}).replace(struct.pack("<Q", 32), bytes(8)), "tensors 'a' and 'b' overlap"),
]


@pytest.mark.parametrize(("content", "message"), BROKEN, ids=[str(k) for k in range(len(BROKEN))])
def test_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    for function in (load, inspect):
        with pytest.raises(CheckpointError, match=message) as error:
            function(path)
        assert str(path) in str(error.value)

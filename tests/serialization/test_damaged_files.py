"""Files that are not what they should be: each is refused with its name and the reason."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lucid
from lucid.serialization import CheckpointError, load, save

F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def raw(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    packed = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(packed) if length is None else length) + packed + data


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"x")
    return buffer.getvalue()


def structure(tree: Any, version: int = 1, tensors: Any = ({"name": "x"},)) -> bytes:
    text = json.dumps({"version": version, "tree": tree, "tensors": tensors})
    return raw({"__metadata__": {"lucid": text}, "x": F32}, b"1234")


BROKEN: list[tuple[bytes, str]] = [
    (b"", "has 0 bytes"),
    (b"12345678", "has 8 bytes"),
    (b"not a checkpoint at all", "no safetensors file"),
    (zipped(), "its pickle is broken"),
    (b"GGUF" + b"\0" * 20, "it is a GGUF file, but big-endian"),
    (raw({}, length=10**12), "claims 1000000000000 bytes, more than"),
    (raw({"x": F32}, b"1234", length=500), "claims 500 bytes, but only"),
    (raw(b"{broken"), "header is broken"),
    (raw(b'{"\xff": 1}'), "header is broken"),
    (raw(b"{" + b'"a":{' * 50_000), "header is broken"),
    (raw(b'{"x": {"dtype":"F32","shape":[0],"data_offsets":[0,0]}, "x": {}}'), "'x' is listed twice"),
    (raw({"x": 3}), "'x' has no shape"),
    (raw({"x": {"dtype": "F32", "shape": [1]}}), "'x' has no shape or no data_offsets"),
    (raw({"x": {**F32, "shape": [-1]}}, b"1234"), r"'x' has shape \[-1\]"),
    (raw({"x": {**F32, "shape": [1.0]}}, b"1234"), "'x' has shape"),
    (raw({"x": {**F32, "shape": [True]}}, b"1234"), "'x' has shape"),
    (raw({"x": {**F32, "data_offsets": [0, 4, 8]}}, b"1234"), "no data_offsets"),
    (raw({"x": {**F32, "dtype": "F4", "shape": [8]}}, b"1234"), "'x' has the dtype F4, which MLX does not have"),
    (raw({"x": {**F32, "dtype": "F6_E2M3", "shape": [4]}}, b"123"), "takes 3.0 bytes, but has 4"),
    (raw({"x": {**F32, "dtype": ["F32"]}}, b"1234"), "which the safetensors format does not have"),
    (raw({"x": {**F32, "shape": [1] * 65}}, b"1234"), "'x' has 65 dimensions, more than 64"),
    (raw({"x": {**F32, "shape": [0, 2**31], "data_offsets": [0, 0]}}), "'x' has a dimension of 2147483648"),
    (raw({"x": {**F32, "shape": [2**64]}}, b"1234"), "'x' has shape"),
    (raw({"x": {**F32, "shape": [2]}}, b"1234"), "takes 8 bytes, but has 4"),
    (raw({"x": {**F32, "data_offsets": [4, 0]}}, b"1234"), "takes 4 bytes, but has -4"),
    (raw({"x": F32}, b"123"), "should have 4 bytes of data and has 3: it was not written"),
    (raw({"x": F32}, b"12345"), "should have 4 bytes of data and has 5"),
    (raw({"x": F32, "y": {**F32, "data_offsets": [2, 6]}}, b"123456"), "'x' and 'y' overlap"),
    (raw({"x": F32, "y": F32}, b"1234"), "'x' and 'y' overlap"),
    (raw({"x": F32, "y": {**F32, "data_offsets": [6, 10]}}, b"1234567890"), "2 bytes before tensor 'y' belong to none"),
    (raw({"__metadata__": {"a": 1}, "x": F32}, b"1234"), "metadata is not text"),
    (raw({"__metadata__": [], "x": {}}), "'x' has no shape"),
    (raw({"__metadata__": "text"}), "metadata is not text"),
    (raw({"__metadata__": {"_metadata": "{"}, "x": F32}, b"1234"), "its metadata is broken"),
    (raw({"__metadata__": {"_metadata": "3"}, "x": F32}, b"1234"), "its metadata is broken"),
    (raw({"__metadata__": {"lucid": "{"}, "x": F32}, b"1234"), "structure is broken"),
    (structure({"tensor": 0}, tensors=[{"name": "y"}]), "structure is broken: KeyError"),
    (structure({"tensor": 0}, tensors=[{"name": "x", "of": 0}]), "structure is broken: RecursionError"),
    (structure({"tensor": 1}), "structure is broken: IndexError"),
    (structure({"tensor": "x"}), "structure is broken"),
    (raw({"__metadata__": {"_order": '["y"]'}, "x": F32}, b"1234"), "its metadata is broken"),
    (structure({"unknown": 1}), "structure is broken"),
    (structure({}), "structure is broken"),
    (structure({"dict": [1]}), "structure is broken"),
    (structure({"dict": [[{"dict": []}, 1]]}), "structure is broken"),
    (structure({"bytes": "!"}), "structure is broken"),
    (structure({"dtype": "nothing"}), "structure is broken"),
    (structure({"device": "nowhere"}), "structure is broken"),
    (structure(1, version=2), "version 2, which needs a newer lucid"),
]


@pytest.mark.parametrize("content", BROKEN, ids=[str(k) for k in range(len(BROKEN))])
@pytest.mark.parametrize("stream", [False, True])
def test_a_damaged_file_is_refused_with_its_name_and_the_reason(
    tmp_path: Path, content: tuple[bytes, str], stream: bool
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content[0])
    if stream:
        with open(path, "rb") as file, pytest.raises(CheckpointError, match=content[1]) as error:
            load(file)
    else:
        with pytest.raises(CheckpointError, match=content[1]) as error:
            load(path)
    assert str(path) in str(error.value)
    assert isinstance(error.value, RuntimeError)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.safetensors"):
        load(tmp_path / "missing.safetensors")
    with pytest.raises(CheckpointError, match="a folder without a checkpoint"):
        load(tmp_path)
    with pytest.raises(TypeError, match="expected a path or a file opened for binary reading, got int"):
        load(3)
    with pytest.raises(TypeError, match="'rb'"):
        load(io.StringIO("text"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_flipped_bytes_never_do_more_than_raise(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "x.safetensors"
    save({"a": {"b": lucid.tensor([1.0, 2.0])}, "c": [lucid.tensor(3), "text"]}, path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    path.write_bytes(bytes(content))
    try:
        found = load(path)
    except CheckpointError:
        return
    repr(found)


def test_eight_bit_floats_become_float16(tmp_path: Path) -> None:
    every = bytes(range(256))
    header = {
        code: {"dtype": code, "shape": [256], "data_offsets": [256 * k, 256 * (k + 1)]}
        for k, code in enumerate(("F8_E4M3", "F8_E5M2", "F8_E8M0"))
    }
    path = tmp_path / "small.safetensors"
    path.write_bytes(raw(header, every * 3))
    found = load(path)
    assert [t.dtype for t in found.values()] == [lucid.float16, lucid.float16, lucid.float32]
    e4m3, e5m2, e8m0 = (t.numpy().astype(np.float64) for t in found.values())
    assert (e4m3[0x7E], e4m3[0x01], e4m3[0xB8]) == (448, 2.0**-9, -1)
    assert np.isnan(e4m3[[0x7F, 0xFF]]).all()
    assert (e5m2[0x7B], e5m2[0x7C], e5m2[0x01], e5m2[0xBC]) == (57344, np.inf, 2.0**-16, -1)
    assert (e8m0[0], e8m0[127], e8m0[254]) == (2.0**-127, 1, 2.0**127)
    assert np.isnan(e8m0[255])
    path.write_bytes(raw({"x": {"dtype": "F8_E4M3", "shape": [2, 1], "data_offsets": [0, 2]}}, b"\x38\xb8"))
    assert load(path)["x"].tolist() == [[1.0], [-1.0]]  # lazily


def test_unaligned_data_is_read(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    header = {
        "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [1, 5]},
        "c": {"dtype": "F64", "shape": [1], "data_offsets": [5, 13]},
    }
    data = b"\x07" + np.float32(1.5).tobytes() + np.float64(2.5).tobytes()
    path.write_bytes(raw(header, data))
    assert [t.item() for t in load(path).values()] == [7, 1.5, 2.5]
    del header["c"]
    path.write_bytes(raw(header, data[:5]))
    assert [t.item() for t in load(path).values()] == [7, 1.5]


def test_a_file_that_changes_between_the_two_looks_at_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlx.core as mx

    path = tmp_path / "x.safetensors"
    save({"x": lucid.ones(2_000_000)}, path)
    load_now, changes = mx.load, []

    def changed(*args: Any, **kwargs: Any) -> Any:
        if len(changes) < 3:
            changes.append(1)
            save({"x": lucid.zeros(1_500_000), "y": lucid.zeros(1)}, path)
        return load_now(*args, **kwargs)

    monkeypatch.setattr(mx, "load", changed)
    found = load(path)
    assert len(changes) == 3
    assert set(found) == {"x", "y"}
    assert found["x"].shape == (1_500_000,)
    monkeypatch.setattr(mx, "load", lambda *args, **kwargs: (_ for _ in ()).throw(RuntimeError("unlucky")))
    with pytest.raises(CheckpointError, match="unlucky"):
        load(path)
    monkeypatch.setattr(
        mx, "load", lambda *args, **kwargs: os.utime(path, (1, len(changes) + (changes.append(1) or 1)))
    )
    with pytest.raises(CheckpointError, match="it is being written to"):
        load(path)

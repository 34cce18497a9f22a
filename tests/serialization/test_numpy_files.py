"""Numpy's files, both ways; and what is refused of them."""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import lucid
import lucid.nn
from lucid.serialization import CheckpointError, inspect, load, save
from lucid.serialization._header import CODES

NUMPY = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8"]


def array(dtype: str, shape: tuple[int, ...] = (2, 3)) -> Any:
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 5).astype(dtype)


def npy(value: Any, **kwargs: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value, **kwargs)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 2), (4,)])
def test_arrays_of_numpy_are_read(tmp_path: Path, order: str, dtype: str, shape: tuple[int, ...]) -> None:
    a = array(dtype, shape).astype(np.dtype(dtype).newbyteorder(order))
    for value in (a, np.asarray(a, order="F")):
        np.save(tmp_path / "a.npy", value)
        t = load(tmp_path / "a.npy")
        assert t.dtype.numpy == a.dtype.newbyteorder("=")
        assert t.shape == a.shape
        np.testing.assert_array_equal(t.numpy(), a)
        assert inspect(tmp_path / "a.npy").tensors["array"].shape == a.shape


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_archives_of_numpy_are_read(tmp_path: Path, write: Any) -> None:
    arrays = {d: array(d) for d in NUMPY} | {"a/b.c": array("f4"), "zeros": np.zeros(1_000_000)}
    write(tmp_path / "x.npz", **arrays)
    found = load(tmp_path / "x.npz")
    assert isinstance(found, OrderedDict)
    assert set(found) == set(arrays)
    for name, a in arrays.items():
        np.testing.assert_array_equal(found[name].numpy(), a)
    about = inspect(tmp_path / "x.npz")
    assert {name: t.shape for name, t in about.tensors.items()} == {name: a.shape for name, a in arrays.items()}
    assert about.format == "npz"


def mlx_array(dtype: mx.Dtype, shape: tuple[int, ...]) -> mx.array:
    return (mx.arange(math.prod(shape)).reshape(shape) % 2).astype(dtype, stream=mx.cpu)


@pytest.mark.parametrize("dtype", list(CODES), ids=str)
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)], ids=str)
def test_what_mlx_writes_is_read(tmp_path: Path, dtype: mx.Dtype, shape: tuple[int, ...]) -> None:
    a = mlx_array(dtype, shape)
    mx.save(str(tmp_path / "a.npy"), a)
    mx.savez(str(tmp_path / "a.npz"), a=a, turned=a.transpose())
    mx.savez_compressed(str(tmp_path / "b.npz"), a=a)
    found = [load(tmp_path / "a.npy"), load(tmp_path / "a.npz")["a"], load(tmp_path / "b.npz")["a"]]
    found.append(load(tmp_path / "a.npz")["turned"].permute(tuple(reversed(range(len(shape))))))
    for t in found:
        assert t.dtype.mx == dtype
        assert t.shape == shape
        assert t.tolist() == a.tolist()
    assert inspect(tmp_path / "a.npz").tensors["a"].dtype == found[0].dtype.name


def test_what_is_saved_numpy_reads(tmp_path: Path) -> None:
    state = {d: lucid.tensor(array(d)) for d in NUMPY} | {"half": lucid.tensor([1.5, 2.0]).bfloat16()}
    save(state, tmp_path / "x.npz", format="npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert found.files == list(state)
        for name, t in state.items():
            assert found[name].dtype == (np.float32 if name == "half" else t.dtype.numpy)
            np.testing.assert_array_equal(found[name], t.float().numpy() if name == "half" else t.numpy())
    again = load(tmp_path / "x.npz")
    for name, t in state.items():
        assert again[name].dtype is t.dtype
        assert lucid.equal(again[name], t)


def test_state_dicts_and_nested_states_come_back(tmp_path: Path) -> None:
    model = lucid.nn.Sequential(lucid.nn.Linear(2, 2), lucid.nn.BatchNorm1d(2))
    save(model.state_dict(), tmp_path / "x", format="npz")
    assert np.load(tmp_path / "x").files == list(model.state_dict())
    found = load(tmp_path / "x")
    assert found._metadata == model.state_dict()._metadata
    assert str(model.load_state_dict(found)) == "<All keys matched successfully>"
    save({"model": model.state_dict(), "epoch": 3}, tmp_path / "x", format="npz")
    assert load(tmp_path / "x")["epoch"] == 3
    save({"log": ["text"] * 20_000, "w": lucid.ones(1).bfloat16()}, tmp_path / "x", format="npz")  # too long a comment
    found = load(tmp_path / "x")
    assert len(found["log"]) == 20_000
    assert found["w"].dtype is lucid.bfloat16
    assert "lucid" in inspect(tmp_path / "x").metadata


def test_an_empty_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz")
    assert load(tmp_path / "x.npz") == {}
    save({}, tmp_path / "y.npz", format="npz")
    assert load(tmp_path / "y.npz") == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([object()]), "'array' is of Python objects, which are pickles: they are never loaded"),
        (np.array(["a"]), "'array' is of texts"),
        (np.array([b"a"]), "'array' is of texts"),
        (np.array([1j]), "complex128, which MLX does not have"),
        (np.zeros(1, "V2"), "opaque bytes to numpy"),
        (np.zeros(1, "M8[s]"), r"the dtype <M8\[s\], which MLX does not have"),
        (np.zeros(1, [("a", "f4")]), r"the dtype \[\('a', '<f4'\)\]"),
        (np.zeros(1, "f16"), "the dtype <f16"),
    ],
)
def test_arrays_that_are_refused(tmp_path: Path, value: Any, message: str) -> None:
    (tmp_path / "a.npy").write_bytes(npy(value))
    with pytest.raises(CheckpointError, match=message) as error:
        load(tmp_path / "a.npy")
    assert str(tmp_path / "a.npy") in str(error.value)
    np.savez(tmp_path / "a.npz", array=value)
    for function in (load, inspect):
        with pytest.raises(CheckpointError, match=message):
            function(tmp_path / "a.npz")


def header(text: str, data: bytes = b"", version: int = 1) -> bytes:
    packed = text.encode()
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(packed)) + packed + data


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x93NUMPY", "the header of 'array' is incomplete"),
        (header(GOOD, b"12345678", 4), "is no array as numpy writes it"),
        (header(GOOD, b"1234567"), "'array' should have 8 bytes and has 7"),
        (header(GOOD, b"123456789"), "'array' should have 8 bytes and has 9"),
        (header(GOOD)[:-3], "incomplete"),
        (header("x" * 20_000), "claims 20000 bytes, more than 10000"),
        (header("__import__('os').system('true')"), "it has no descr as numpy writes it"),
        (header("(" * 9000), "it has no descr as numpy writes it"),
        (header("{}"), "it has no descr as numpy writes it"),
        (header(GOOD.replace("}", ", 'shape': (3,)}")), "it has no shape as numpy writes it"),
        (header(GOOD.replace("(2,)", "(-2,)")), "it has no shape"),
        (header(GOOD.replace("(2,)", "(2.0,)")), "it has no shape"),
        (header(GOOD.replace("(2,)", "2")), "it has no shape"),
        (header(GOOD.replace("(2,)", "(2, , )")), "it has no shape"),
        (header(GOOD.replace("(2,)", f"(2{' ' * 9000}!)")), "it has no shape"),
        (header(GOOD.replace("(2,)", f"({2**40},)")), f"has a dimension of {2**40}"),
        (header(GOOD.replace("False", "2")), "it has no fortran_order"),
        (header(GOOD.replace("(2,)", f"({2**31 - 1},)")), "should have 8589934588 bytes and has 0"),
    ],
)
def test_headers_that_are_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        load(path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("array.npy", content)
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path / "a.npz")


def test_other_archives_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.json", "{}")
    with pytest.raises(CheckpointError, match=r"neither PyTorch's nor numpy's: it holds 'model.json'"):
        load(path)
    np.savez(path, a=np.ones(3))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="was not written or copied completely"):
        load(path)


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        start = io.BytesIO()
        np.lib.format.write_array_header_1_0(start, {"descr": "|u1", "fortran_order": False, "shape": (400_000_000,)})
        member.write(start.getvalue())
        for _ in range(400):
            member.write(bytes(1_000_000))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(CheckpointError, match="bytes"):
        load(path)


def test_a_record_that_was_damaged_is_noticed(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(1000))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[1000] ^= 1
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match="the checksum is wrong"):
        load(tmp_path / "x.npz")


def test_metadata_that_is_wrong(tmp_path: Path) -> None:
    for comment in (b'{"lucid.npz"', b'{"lucid.npz": 1}', b'{"lucid.npz": "1", "lucid.bfloat16": "["}'):
        with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
            archive.writestr("a.npy", npy(np.ones(2)))
            archive.comment = comment
        with pytest.raises(CheckpointError, match="its metadata is"):
            load(tmp_path / "x.npz")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", npy(np.ones(2)))
        archive.comment = json.dumps({"made by": "somebody"}).encode()
    assert load(tmp_path / "x.npz")["a"].tolist() == [1, 1]

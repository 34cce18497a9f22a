"""A file is known by its content; what other programs write is read bit for bit, and they read what is written here."""

from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import numpy as reference

import lucid
import lucid.nn
from lucid import _tape
from lucid.serialization import CheckpointError, load, save

NUMPY = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
NUMPY += ["float16", "float32", "float64", "complex64"]


@st.composite
def named_arrays(draw: Any) -> dict[str, Any]:
    """Arrays of random bytes, every bit pattern of every dtype among them."""
    names = draw(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), unique=True, max_size=5))
    found = {}
    for name in names:
        dtype = np.dtype(draw(st.sampled_from(NUMPY)))
        shape = draw(st.lists(st.integers(0, 4), max_size=3).map(tuple))
        raw = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8)
        found[name] = np.asarray(raw[..., 0] > 127) if dtype.kind == "b" else raw.view(dtype).reshape(shape)
    return found


fixtures = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def bits(a: Any) -> bytes:
    return np.ascontiguousarray(a).tobytes()


@fixtures
@given(named_arrays())
def test_the_safetensors_package_reads_what_is_written(tmp_path: Path, arrays: dict[str, Any]) -> None:
    arrays.pop("__metadata__", None)
    save({name: lucid.tensor(a) for name, a in arrays.items()}, tmp_path / "x")
    found = reference.load_file(tmp_path / "x")
    stored = {name: a for name, a in found.items() if name in arrays}
    for name, a in arrays.items():
        assert stored[name].dtype == a.dtype
        assert stored[name].shape == a.shape
        assert bits(stored[name]) == bits(a)


@pytest.mark.parametrize("late", [False, True])
def test_what_the_safetensors_package_writes_is_read(tmp_path: Path, late: bool, monkeypatch: Any) -> None:
    from lucid.serialization import _reading

    monkeypatch.setattr(_reading, "LATE", 0 if late else 10**12)

    @fixtures
    @given(named_arrays())
    def run(arrays: dict[str, Any]) -> None:
        arrays.pop("__metadata__", None)
        reference.save_file(arrays, tmp_path / "x")
        found = load(tmp_path / "x")
        assert set(found) == set(arrays)
        for name, a in arrays.items():
            assert found[name].dtype.numpy == a.dtype
            assert found[name].shape == a.shape
            assert bits(_tape.array(found[name])) == bits(a)

    run()


@pytest.mark.parametrize("late", [False, True])
def test_mlx_reads_what_is_written_and_the_other_way_round(tmp_path: Path, late: bool, monkeypatch: Any) -> None:
    from lucid.serialization import _reading

    monkeypatch.setattr(_reading, "LATE", 0 if late else 10**12)
    arrays = {d: mx.array(np.arange(6).reshape(2, 3).astype(d)) for d in NUMPY if d != "float64"}
    arrays |= {"bfloat16": mx.array([1.5, -2.0], mx.bfloat16), "scalar": mx.array(3)}
    save({name: _tape.wrap(a) for name, a in arrays.items()}, tmp_path / "ours.safetensors")
    mx.save_safetensors(str(tmp_path / "theirs.safetensors"), arrays, {"format": "mlx"})
    theirs = mx.load(str(tmp_path / "ours.safetensors"))
    assert isinstance(theirs, dict)
    ours = load(tmp_path / "theirs.safetensors")
    for name, a in arrays.items():
        for found in (theirs[name], _tape.array(ours[name])):
            assert found.dtype == a.dtype
            assert mx.array_equal(found, a).item()


# ---- by content ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["safetensors", "npz", "torch"])
def test_the_name_of_a_file_says_nothing(tmp_path: Path, format: Any) -> None:
    for name in ("x.safetensors", "x.pt", "x.npz", "x.json", "x"):
        save({"w": lucid.ones(2)}, tmp_path / name, format=format)
        assert load(tmp_path / name)["w"].tolist() == [1, 1]
        with open(tmp_path / name, "rb") as file:
            assert load(file)["w"].tolist() == [1, 1]


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("storages"), io.BytesIO(b""))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a Git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html>", "a web page or XML"),
        (b"\n  <html>", "a web page or XML"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5"),
        (b"\x1f\x8b" + bytes(20), "gzip.open"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "zstd"),
        (archive(), "a tar archive"),
        (b'{"a": 1}', "no index of a checkpoint"),
        (b"\x08\x01" + bytes(30), "it is no safetensors file, nor one of PyTorch, numpy or GGUF"),
        (bytes(5), "too few for a safetensors file"),
        (b"PK\x03\x04", "PK|records|completely"),
    ],
)
def test_files_of_other_kinds_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as error:
        load(path)
    assert str(path) in str(error.value)


def test_streams(tmp_path: Path) -> None:
    save({"w": lucid.ones(2)}, tmp_path / "x")
    content = (tmp_path / "x").read_bytes()
    with open(tmp_path / "x", "rb", buffering=0) as file:
        assert load(file)["w"].tolist() == [1, 1]
        assert not file.closed
    later = io.BytesIO(b"before" + content)
    later.seek(6)
    assert load(later)["w"].tolist() == [1, 1]
    with open(tmp_path / "y", "wb") as file:
        file.write(b"before")
        save({"w": lucid.ones(3)}, file)
    with open(tmp_path / "y", "rb") as file:
        file.seek(6)
        assert load(file)["w"].tolist() == [1, 1, 1]

    class Pipe(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return content

    assert load(Pipe())["w"].tolist() == [1, 1]
    with pytest.raises(CheckpointError, match="load: the stream: it has 1 bytes"):
        load(io.BytesIO(b"1"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_pipes_and_devices(tmp_path: Path) -> None:
    save({"w": lucid.ones(2)}, tmp_path / "x")
    os.mkfifo(tmp_path / "pipe")
    content = (tmp_path / "x").read_bytes()
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(content))
    writer.start()
    assert load(tmp_path / "pipe")["w"].tolist() == [1, 1]
    writer.join()
    with pytest.raises(CheckpointError, match="/dev/null: it is no regular file"):
        load("/dev/null")


# ---- late and now ----------------------------------------------------------------------------------------------------


def large(tmp_path: Path, value: float = 1.0) -> Path:
    save({"w": lucid.full((2_000_000,), value), "b": lucid.ones(3)}, tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors"


def test_large_files_are_read_late_unless_told_not_to(tmp_path: Path) -> None:
    path = large(tmp_path)
    for mmap, most in ((True, 100_000), (False, 10**9)):
        before = mx.get_active_memory()
        found = load(path, mmap=mmap)
        used = mx.get_active_memory() - before
        assert used < most
        assert mmap or used > 7_000_000
        assert found["w"].sum().item() == 2e6
        del found


def test_what_was_read_is_not_changed_by_writing_into_the_file(tmp_path: Path) -> None:
    path = large(tmp_path)
    found = load(path, mmap=False)
    with open(path, "r+b") as file:
        file.seek(1000)
        file.write(bytes(1_000_000))
    assert found["w"].sum().item() == 2e6
    save({"small": lucid.ones(1000)}, path)
    found = load(path)
    reference.save_file({"small": np.zeros(1000, np.float32)}, path)  # writes into the file that is there
    assert found["small"].sum().item() == 1000


def test_a_file_that_is_written_to_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lucid.serialization import _reading

    path, evaluate, left = large(tmp_path), mx.eval, []

    def late(arrays: Any) -> None:
        with open(path, "r+b") as file:
            file.truncate(left.pop())
        os.utime(path)
        evaluate(arrays)

    monkeypatch.setattr(_reading.mx, "eval", late)
    for size, message in ((path.stat().st_size, "written to while it was being read"), (1000, "Unable to read")):
        left.append(size)
        with pytest.raises(CheckpointError, match=message):
            load(path, mmap=False)


@pytest.mark.parametrize("format", ["safetensors", "npz", "torch"])
def test_what_was_read_is_for_every_thread(tmp_path: Path, format: Any) -> None:
    state = {d.name: lucid.ones(2, 3).to(d) for d in (lucid.float32, lucid.bool, lucid.bfloat16, lucid.float64)}
    save(state | {"turned": lucid.ones(2, 3).t(), "none": lucid.ones(0, 3)}, tmp_path / "x", format=format)
    files = [(tmp_path / "x", True), (large(tmp_path), False)]
    with ThreadPoolExecutor(1) as other:
        for path, late in files:
            for found in (load(path, mmap=late), other.submit(load, path, mmap=late).result()):
                sums = [other.submit(lambda t: t.float().sum().item(), t).result() for t in found.values()]
                assert sums == [t.float().sum().item() for t in found.values()]


def test_replacing_and_removing_a_large_file(tmp_path: Path) -> None:
    path = large(tmp_path)
    found = load(path)
    large(tmp_path, 2.0)
    again = load(path)
    path.unlink()
    assert found["w"].sum().item() == 2e6
    assert again["w"].sum().item() == 4e6


def test_a_file_with_a_dtype_that_mlx_does_not_read(tmp_path: Path) -> None:
    save({"w": lucid.ones(2_000_000), "d": lucid.ones(2, dtype=lucid.float64)}, tmp_path / "x")
    found = load(tmp_path / "x")
    assert found["d"].dtype is lucid.float64
    assert found["w"].sum().item() == 2e6


def test_bytes_of_booleans_other_than_0_and_1(tmp_path: Path) -> None:
    from lucid.serialization import _reading
    from tests.serialization.test_damaged_files import raw

    header = {"x": {"dtype": "BOOL", "shape": [4], "data_offsets": [0, 4]}}
    (tmp_path / "x").write_bytes(raw(header, b"\x00\x01\x02\xff"))
    for late in (0, 10**12):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_reading, "LATE", late)
            found = load(tmp_path / "x")["x"]
        assert bits(_tape.array(found)) == b"\x00\x01\x01\x01"


def test_eight_bit_floats_of_all_kinds(tmp_path: Path) -> None:
    from lucid.serialization import _small_floats
    from lucid.serialization._header import SMALL_FLOATS
    from tests.serialization.test_damaged_files import raw

    header = {
        code: {"dtype": code, "shape": [16, 16], "data_offsets": [256 * k, 256 * k + 256]}
        for k, code in enumerate(SMALL_FLOATS)
    }
    header["none"] = {"dtype": "F8_E5M2", "shape": [0], "data_offsets": [256 * len(SMALL_FLOATS)] * 2}
    (tmp_path / "x").write_bytes(raw(header, bytes(range(256)) * len(SMALL_FLOATS)))
    found = load(tmp_path / "x")
    for code, name in SMALL_FLOATS.items():
        np.testing.assert_array_equal(found[code].numpy().ravel(), _small_floats.values(name))
    assert found["none"].shape == (0,)
    assert found["none"].dtype is lucid.float16


def test_metadata_that_happens_to_name_a_tensor(tmp_path: Path) -> None:
    reference.save_file({"pt": np.ones(2)}, tmp_path / "x", metadata={"format": "pt"})
    assert list(load(tmp_path / "x")) == ["pt"]
    w = lucid.ones(2)
    save({"a": w, "b": w, "pt": lucid.ones(1)}, tmp_path / "x")
    assert list(load(tmp_path / "x")) == ["a", "b", "pt"]


def test_metadata_of_a_state_dict_in_every_format(tmp_path: Path) -> None:
    model = lucid.nn.Sequential(lucid.nn.Linear(2, 2), lucid.nn.BatchNorm1d(2))
    for format in ("safetensors", "npz", "torch"):
        save(model.state_dict(), tmp_path / "x", format=format)  # type: ignore[arg-type]
        found = load(tmp_path / "x")
        assert list(found) == list(model.state_dict())
        assert found._metadata == model.state_dict()._metadata
    assert "lucid" not in json.dumps(str(reference.load_file(large(tmp_path))))

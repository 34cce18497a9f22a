"""PyTorch's files without PyTorch: what is written comes back, and nothing in a file can do harm."""

from __future__ import annotations

import argparse
import io
import pathlib
import pickle
import random
import struct
import subprocess
import sys
import types
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import _tape, nn
from lucid.serialization import CheckpointError, _torch
from tests.serialization.fuzzing import load_torch as read
from tests.serialization.pickles import (
    FLOATS,
    PROTO,
    call,
    legacy,
    name,
    part,
    storage,
    tensor,
    text,
    zipped,
)


def written(value: Any) -> bytes:
    buffer = io.BytesIO()
    _torch.write(buffer, value)
    return buffer.getvalue()


def again(value: Any) -> Any:
    return read(written(value))


def items(*parts: Any) -> bytes:
    return b"](" + b"".join(map(part, parts)) + b"e"


# ---- there and back --------------------------------------------------------------------------------------------------

ALL = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64".split()


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("shape", [(3, 2), (), (0,), (2, 0, 3), (1, 1, 5)])
def test_every_dtype_and_shape_comes_back(dtype: str, shape: tuple[int, ...]) -> None:
    t = lucid.tensor(np.arange(np.prod(shape, dtype=int)).reshape(shape) % 7, dtype=getattr(lucid, dtype))
    found = again(t)
    assert type(found) is lucid.Tensor
    assert found.dtype is t.dtype
    assert found.shape == t.shape
    np.testing.assert_array_equal(found.numpy(force=True), t.numpy(force=True))


def test_containers_and_small_values_come_back() -> None:
    value = [
        *[None, True, False, 0, 255, 256, 65536, -1, -(2**31), 2**31, 2**70, -(2**70), 1.5, float("inf"), 1 + 2j],
        *["text", "", "é\ud800", b"\x00\xff", b"", bytearray(b"ab"), (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        *[{1, "a"}, set(), {}, {"a": {(1, "b"): [2]}}, OrderedDict(b=1, a=2), Counter("aab"), list(range(2500))],
        *[lucid.Size([1, 2]), lucid.Size([]), lucid.float16, lucid.device("cpu"), {i: str(i) for i in range(2500)}],
    ]
    found = again(value)
    assert found == value
    assert [type(v) for v in found] == [type(v) for v in value]
    assert again(np.float32(2.5)) == 2.5
    assert again({np.int64(3): np.bool_(True)}) == {3: True}


def test_parameters_buffers_attributes_and_metadata() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    state = module.state_dict()
    found = again(state)
    assert type(found) is OrderedDict
    assert list(found) == list(state)
    assert found._metadata == state._metadata
    parameter = nn.Parameter(lucid.ones(3))
    parameter.note = {"lr": 0.1, "mask": lucid.zeros(2)}
    frozen, buffer, wanted = nn.Parameter(lucid.arange(3), False), nn.Buffer(lucid.ones(2), persistent=False), None
    wanted = lucid.ones(2, requires_grad=True)
    wanted.tag = "a"
    p, f, b, w = again([parameter, frozen, buffer, wanted])
    assert type(p) is nn.Parameter
    assert p.requires_grad
    assert p.is_leaf
    assert p.note["lr"] == 0.1
    assert p.note["mask"].tolist() == [0, 0]
    assert type(f) is nn.Parameter
    assert not f.requires_grad
    assert f.tolist() == [0, 1, 2]
    assert type(b) is nn.Buffer
    assert not b.persistent
    assert type(w) is lucid.Tensor
    assert w.requires_grad
    assert w.tag == "a"
    (p * p).sum().backward()
    assert p.grad.tolist() == [2, 2, 2]


def test_shared_memory_stays_shared() -> None:
    x = lucid.arange(24.0).reshape(2, 3, 4)
    value = {"x": x, "rows": x[:, 1:], "turned": x.transpose(0, 2), "alias": x.detach(), "same": x, "other": x.clone()}
    found = again(value)
    assert found["same"] is found["x"]
    assert found["turned"].stride() == (1, 4, 12)
    found["x"].fill_(7.0)
    assert found["rows"].tolist() == [[[7.0] * 4] * 2] * 2
    found["turned"][0, 0, 0] = -1.0
    assert found["alias"][0, 0, 0].item() == -1
    assert found["other"].tolist() == lucid.arange(24.0).reshape(2, 3, 4).tolist()
    halves = x[0], x[0, 1:]
    a, b = again(halves)  # without the tensor that both look at
    a.zero_()
    assert b.tolist() == [[0.0] * 4] * 2
    shared = [1]
    first, second = again([shared, shared])
    assert first is second


def test_layouts_are_kept_and_nothing_is_stored_twice() -> None:
    x = lucid.randn(2, 3, 4, 5)
    last = x.contiguous(memory_format=lucid.channels_last)
    big = lucid.arange(100_000.0)
    value = {"last": last, "expanded": lucid.ones(3, 1).expand(3, 100_000), "slice": big[10:20], "step": big[0:50:7]}
    content = written(value)
    assert len(content) < 5000
    found = read(content)
    assert found["last"].stride() == last.stride()
    assert found["expanded"].stride() == (1, 0)
    for key, t in value.items():
        np.testing.assert_array_equal(found[key].numpy(), t.numpy())
    conjugate = lucid.tensor([1j, 2]).conj()
    assert again(conjugate).tolist() == conjugate.tolist()


def test_what_pytorch_would_not_read_is_refused() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(150):
        deep = [deep]
    kinds: list[tuple[Any, type[Exception], str]] = [
        ({"a": [1, lambda: 0]}, TypeError, r"type function at \['a'\]\[1\]"),
        (np.ones(2), TypeError, "store lucid.tensor"),
        (nn.Identity(), TypeError, "state_dict"),
        (frozenset((1,)), TypeError, "store a set"),
        (defaultdict(list), TypeError, "store dict"),
        (nn.UninitializedParameter(), TypeError, "no values yet"),
        (loop, ValueError, "contains itself"),
        (deep, ValueError, "nested more than 100"),
        (1 << 3000, ValueError, "too long"),
    ]
    for value, error, message in kinds:
        with pytest.raises(error, match=message):
            written(value)


def test_the_archive_is_what_other_programs_expect() -> None:
    content = written({"a": lucid.ones(5), "b": lucid.zeros(0), "c": lucid.ones(2, dtype=lucid.float64)})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[:4] == [f"archive/{n}" for n in ("data.pkl", ".format_version", ".storage_alignment", "byteorder")]
        assert names[4:-2] == [f"archive/data/{k}" for k in range(3)]
        assert archive.read("archive/byteorder") == sys.byteorder.encode()
        for info in archive.infolist():
            at = info.header_offset + 30 + sum(struct.unpack_from("<2H", content, info.header_offset + 26))
            assert at % 64 == 0
            assert content[at : at + info.file_size] == archive.read(info)
            assert info.compress_type == zipfile.ZIP_STORED


def test_tensors_are_described_without_their_values() -> None:
    content = written({"model": {"w": lucid.ones(2, 3), "b": [lucid.ones(4).bfloat16()]}, "lr": 0.1})
    damaged = content.replace(struct.pack("<6f", *[1] * 6), struct.pack("<6f", *[2] * 6))
    for data in (content, damaged):
        assert _torch.describe(io.BytesIO(data)) == [
            ("model.w", (2, 3), "float32", 24),
            ("model.b.0", (4,), "bfloat16", 8),
        ]
    with pytest.raises(CheckpointError, match=r"archive/data/0' is damaged: the checksum is wrong"):
        read(damaged)


def test_files_are_known_by_their_content() -> None:
    for content in (written([]), legacy(b"N", (), b""), written([])[:200], pickle.dumps(3)):
        file = io.BytesIO(content)
        file.seek(5)
        assert _torch.is_checkpoint(file)
        assert file.tell() == 5
    npz = io.BytesIO()
    np.savez(npz, a=np.ones(2))
    for content in (b"", b"PK", b"PK\x03\x04" + b"\0" * 40, npz.getvalue(), b"\x93NUMPY", b"text"):
        assert not _torch.is_checkpoint(io.BytesIO(content))


def test_one_tensor_is_placed_for_each_storage() -> None:
    x = lucid.arange(6.0)
    seen = []

    def place(array: mx.array, name: str) -> Any:
        seen.append((name, array.shape))
        return _tape.wrap(array * 2)

    content = written({"a": {"x": x, "part": x[2:]}, "y": lucid.ones(2)})
    found = _torch.read(io.BytesIO(content), place)
    assert seen == [("a.x", (6,)), ("y", (2,))]
    assert found["a"]["part"].tolist() == [4, 6, 8, 10]
    with pytest.raises(CheckpointError, match=r"replaces 'a.x' has shape \(1,\), not \(6,\)"):
        _torch.read(io.BytesIO(content), lambda array, name: _tape.wrap(array[:1]))
    with pytest.raises(KeyError):  # an error of the function's own is not the file's
        _torch.read(io.BytesIO(content), lambda array, name: {}[name])


# ---- what others write -----------------------------------------------------------------------------------------------


def test_pickles_of_all_protocols() -> None:
    value = {
        "numpy": [np.arange(6.0).reshape(2, 3).T, np.array([True]), np.array("é"), np.array([b"ab"]), np.int8(3)],
        "swapped": np.arange(3, dtype=">i4"),
        "scalars": [np.float64(0.5), np.float16(1), np.bool_(True), np.str_("a"), np.complex64(1j)],
        "python": [defaultdict(list, a=[1]), frozenset((1, 2)), {3}, slice(1, None, 2), range(3), b"", bytearray(b"x")],
        "settings": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("a/b")),
        "simple": types.SimpleNamespace(a=[1]),
        "path": pathlib.Path("x"),
        "long": [b"x" * 300, "y" * 300, 1 << 2000],
    }
    for protocol in (2, 3, 4, 5):
        body = pickle.dumps(value, protocol)[2:-1]
        want = pickle.loads(PROTO + body + b".")
        for content in (zipped(body, {}), legacy(body, (), b"")):
            found = read(content)
            assert repr(found) == repr(want)
            for got, given in zip(found["numpy"], value["numpy"], strict=True):
                assert got.dtype == given.dtype
                np.testing.assert_array_equal(got, given)
            assert found["swapped"].dtype == want["swapped"].dtype
            assert found["swapped"].tolist() == [0, 1, 2]
            found["numpy"][0][:] = 0  # it can be written
    assert np.dtype("i4").isnative  # the dtype of the file was not this one


def test_texts_of_python_2() -> None:
    body = b"U\x03abc" + b"T\x02\x00\x00\x00\xff\xfe" + b"U\x02\xc3\xa9" + b"\x87"
    assert read(zipped(body)) == ("abc", "ÿþ", "é")


def test_old_and_rare_ways_to_make_tensors() -> None:
    old = call("torch._utils._rebuild_tensor", storage(), 1, (2,), (2,))
    assert read(zipped(old)).tolist() == [1, 3]
    array = pickle.dumps(np.arange(3, dtype=">f4"), 2)[2:-1]
    for function in ("_rebuild_device_tensor_from_numpy", "_rebuild_xla_tensor"):
        made = call(f"torch._utils.{function}", array, name("torch.float16"), "xla:0", True)
        found = read(zipped(made))
        assert found.dtype is lucid.float16
        assert found.requires_grad
        assert found.tolist() == [0, 1, 2]
    cast = call("torch._utils._rebuild_device_tensor_from_cpu_tensor", tensor(), name("torch.int32"), "mps", False)
    assert read(zipped(cast)).dtype is lucid.int32
    plain = call("torch.nn.parameter.Parameter", tensor())
    assert type(read(zipped(plain))) is nn.Parameter
    typed = call(
        "torch._tensor._rebuild_from_type", name("torch._utils._rebuild_tensor_v2"), name("torch.Tensor"),
        (storage(), 0, (6,), (1,), False, None), b"}",
    )  # fmt: skip
    assert read(zipped(typed)).tolist() == [0, 1, 2, 3, 4, 5]
    negative = tensor((2,), (1,), 1, b"}" + text("neg") + b"\x88s")
    assert read(zipped(negative)).tolist() == [-1, -2]


def test_parts_of_storages_in_old_files() -> None:
    view = storage("torch.FloatStorage", "0", 6, ("view", 2, 3))
    body = part((tensor((3,), (1,), of=view), tensor((6,), (1,)), view))
    a, b, c = read(legacy(body))
    assert a.tolist() == [2, 3, 4]
    assert c.tolist() == [2, 3, 4]
    b.zero_()
    assert a.tolist() == [0, 0, 0]
    assert c.tolist() == [0, 0, 0]
    with pytest.raises(CheckpointError, match="lies beyond it"):
        read(legacy(tensor((3,), (1,), of=storage("torch.FloatStorage", "0", 6, ("view", 4, 3)))))


def test_storages_by_themselves() -> None:
    typed, untyped = storage(), storage("torch.storage.UntypedStorage", "0", 24)
    a, b, t = read(zipped(part((typed, untyped, tensor()))))
    assert isinstance(a, lucid.storage.FloatStorage)
    assert isinstance(b, lucid.storage.UntypedStorage)
    assert b == t.untyped_storage()
    assert a.tolist() == [0, 1, 2, 3, 4, 5]
    t.zero_()
    assert bytes(b.tolist()) == b"\0" * 24
    (alone,) = read(zipped(part((untyped,))))
    assert bytes(alone.tolist()) == FLOATS


def test_one_memory_as_two_dtypes() -> None:
    whole = call(
        "torch._utils._rebuild_tensor_v3", storage("torch.storage.UntypedStorage", "0", 24),
        0, (3,), (1,), False, call("collections.OrderedDict"), name("torch.uint64"),
    )  # fmt: skip
    a, b = read(zipped(part((tensor((6,), (1,)), whole))))
    assert b.numpy().tobytes() == FLOATS
    a.zero_()
    assert b.tolist() == [0, 0, 0]
    small = whole.replace(b"uint64", b"float8_e5m2").replace(part((3,)), part((24,)))
    with pytest.raises(CheckpointError, match="is used as float32 and as float8_e5m2"):
        read(zipped(part((tensor(), small))))


def test_what_shares_the_memory_of_a_parameter_is_no_part_of_its_graph() -> None:
    trained = call("torch._utils._rebuild_parameter", tensor(), True, call("collections.OrderedDict"))
    parameter, row, memory = read(zipped(part((trained, tensor((3,), (1,), 3), storage()))))
    with lucid.no_grad():
        parameter.fill_(1)
    assert row.tolist() == [1, 1, 1]
    assert memory.tolist() == [1] * 6
    assert not row.requires_grad
    assert row.is_leaf
    row.fill_(2)  # no view of a leaf that needs a gradient
    assert parameter.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert parameter.requires_grad


def test_layouts() -> None:
    assert read(zipped(call("torch.serialization._get_layout", "torch.strided"))) is lucid.strided
    with pytest.raises(CheckpointError, match=r"the layout 'torch.sparse_coo', which MLX does not have"):
        read(zipped(call("torch.serialization._get_layout", "torch.sparse_coo")))


def test_byte_orders() -> None:
    swapped = struct.pack(">6f", *range(6))
    found = read(zipped(tensor(), {"0": swapped}, {"archive/byteorder": b"big"}))
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]
    half = tensor((2,), (1,), of=storage("torch.BFloat16Storage", "0", 2))
    assert read(zipped(half, {"0": b"\x3f\x80\x40\x00"}, {"archive/byteorder": b"big"})).tolist() == [1, 2]
    pair = tensor((1,), (1,), of=storage("torch.ComplexFloatStorage", "0", 1))
    data = struct.pack(">2f", 1, 2)
    assert read(zipped(pair, {"0": data}, {"archive/byteorder": b"big"})).tolist() == [1 + 2j]
    with pytest.raises(CheckpointError, match="byte order is b'middle'"):
        read(zipped(tensor(), None, {"archive/byteorder": b"middle"}))


def test_compressed_archives() -> None:
    data = random.Random(0).randbytes(24)
    found = read(zipped(tensor(), {"0": data}, method=zipfile.ZIP_DEFLATED))
    assert found.numpy().tobytes() == data
    assert read(zipped(tensor(), method=zipfile.ZIP_DEFLATED)).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_checksum_of_zero_is_none() -> None:
    content = bytearray(zipped(tensor()))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sums = [struct.pack("<I", info.CRC) for info in archive.infolist()]
    for total in sums:
        content = content.replace(total, b"\0\0\0\0")
    assert read(bytes(content)).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_devices_that_are_not_here() -> None:
    found = read(
        zipped(part((call("torch.device", "cuda", 3), call("torch.device", "mps"), call("torch.device", "xla:1"))))
    )
    assert [repr(d) for d in found] == [
        "device(type='cuda', index=3)",
        "device(type='metal')",
        "device(type='xla', index=1)",
    ]


def test_large_archives() -> None:
    """Places and sizes of eight bytes: the numbers of four are full, whatever they are needed for."""
    good = written({"a": lucid.arange(3)})
    at = good.rindex(b"archive/data/0") - 46
    size, place = struct.unpack_from("<I", good, at + 24)[0], struct.unpack_from("<I", good, at + 42)[0]
    title = len("archive/data/0")
    extra = struct.pack("<2H3Q", 1, 24, size, size, place)
    entry = bytearray(good[at : at + 46 + title])
    struct.pack_into("<2I", entry, 20, 2**32 - 1, 2**32 - 1)
    struct.pack_into("<H", entry, 30, len(extra))
    struct.pack_into("<I", entry, 42, 2**32 - 1)
    content = bytearray(good[:at] + entry + extra + good[at + 46 + title :])
    end = content.rindex(b"PK\x06\x06")
    (length,) = struct.unpack_from("<Q", content, end + 40)
    struct.pack_into("<Q", content, end + 40, length + len(extra))
    struct.pack_into("<Q", content, content.rindex(b"PK\x06\x07") + 8, end)
    assert read(bytes(content))["a"].tolist() == [0, 1, 2]


# ---- lean ------------------------------------------------------------------------------------------------------------


def test_memory_is_that_of_the_values(tmp_path: Path) -> None:
    with open(tmp_path / "x.pt", "wb") as file:
        _torch.write(file, {k: lucid.ones(5_000_000) for k in "abc"})
    code = (
        "import resource, sys, lucid; from lucid import _tape; from lucid.serialization import _torch\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit\n"
        "lucid.ones(3).tolist(); before = peak()\n"
        "found = _torch.read(open(sys.argv[1], 'rb', buffering=0), lambda a, n: _tape.wrap(a))\n"
        "print(peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.pt")], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1.15 * 60_000_000


def test_what_was_read_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(written({"a": lucid.arange(1000), "b": lucid.ones(3)}))
    with open(path, "rb", buffering=0) as file:
        found = _torch.read(file, lambda array, name: _tape.wrap(array))
    path.write_bytes(b"\0" * path.stat().st_size)
    assert found["a"].tolist() == list(range(1000))

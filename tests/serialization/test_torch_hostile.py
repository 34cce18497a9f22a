"""PyTorch's files that were made to do harm, or are damaged: each is refused with the reason, and nothing is run."""

from __future__ import annotations

import functools
import io
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from lucid.serialization import CheckpointError, _torch
from lucid.serialization._torch import _budget
from tests.serialization import fuzzing
from tests.serialization.fuzzing import load_torch as read
from tests.serialization.pickles import (
    FLOATS,
    call,
    legacy,
    name,
    number,
    part,
    storage,
    tensor,
    text,
    zipped,
)


def items(*parts: Any) -> bytes:
    return b"](" + b"".join(map(part, parts)) + b"e"


# ---- what is refused -------------------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch executed",)


NAMES = (
    "os.system posix.system subprocess.Popen builtins.eval builtins.exec builtins.getattr builtins.__import__ "
    "builtins.print builtins.open importlib.import_module pickle.loads torch.load torch.hub.load numpy.load "
    "functools.partial operator.attrgetter torch.jit.load builtins.object copyreg._reconstructor lucid.load "
    "torch.storage._load_from_bytes torch._utils._import_dotted_name builtins.type webbrowser.open mlx.core.load"
).split()


@pytest.mark.parametrize("full", NAMES)
def test_names_are_refused_before_anything_is_done_with_them(full: str) -> None:
    module, _, last = full.rpartition(".")
    for body in (
        call(full, "x"),
        name(full),
        text(module) + text(last) + b"\x93" + b")R",
        name(full) + b")\x81",
        b"}" + part("k") + name(full) + b"s",
    ):
        for content in (zipped(body), legacy(body)):
            with pytest.raises(
                CheckpointError, match=f"it contains {full.replace('.', '[.]')}, which is not on the list"
            ):
                read(content)


def test_hostile_pickles_execute_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for protocol in (2, 3, 4, 5):
        body = pickle.dumps({"a": Evil()}, protocol)[2:-1]
        for content in (zipped(body), legacy(body), body, b"\x80\x02" + body + b"."):
            with pytest.raises(CheckpointError):
                read(content)
    assert not list(tmp_path.iterdir())


def test_reading_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text("open('executed', 'w')")
    (tmp_path / "x.pt").write_bytes(zipped(name("trap.function") + b")R"))
    (tmp_path / "y.pt").write_bytes(zipped(tensor()))
    code = (
        "import io, sys, lucid; from lucid import _tape; from lucid.serialization import _torch\n"
        "load = lambda p: _torch.read(open(p, 'rb'), lambda a, n: _tape.wrap(a))\n"
        "before = set(sys.modules); print(load('y.pt').tolist())\n"
        "try: load('x.pt')\n"
        "except RuntimeError as error: print(error)\n"
        "assert not {'torch', 'trap', 'pickle_module'} & set(sys.modules), sys.modules"
    )
    path = os.pathsep.join([str(tmp_path), os.getcwd()])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    assert "it contains trap.function" in done.stdout
    assert not (tmp_path / "executed").exists()


SPECIAL = {
    "torch._utils._rebuild_qtensor": "quantized.*dequantize",
    "torch._utils._rebuild_sparse_tensor": "sparse.*to_dense",
    "torch._utils._rebuild_nested_tensor": "nested.*unbind",
    "torch._utils._rebuild_meta_tensor_no_storage": "meta device",
    "torch.nn.modules.linear.Linear": "a whole module was saved.*state_dict",
    "__main__.Net": "If a whole module was saved.*state_dict.*any other object save a dict",
    "torch.optim.adamw.AdamW": "a whole optimizer or scheduler was saved.*state_dict",
    "torch.nn.parameter.UninitializedParameter": "lazy.*call the module once",
    "__torch__.Net": "TorchScript",
    "somebody.Config": "not on the list.*weights_only=True.*leave this part out",
    "bad\x1bname.x": r"it contains 'bad\\x1bname.x'",
}


@pytest.mark.parametrize("full", SPECIAL)
def test_refusals_say_what_to_do(full: str) -> None:
    with pytest.raises(CheckpointError, match=SPECIAL[full]):
        read(zipped(call(full)))


def nested(levels: int, make: bytes = b"\x86") -> bytes:
    """A pair of twice a pair of twice a pair, and so on."""
    return b")" + b"".join(b"q" + bytes((k,)) + b"h" + bytes((k,)) + make for k in range(levels))


HOSTILE: dict[str, tuple[bytes, str]] = {
    "an empty pickle": (b"", "more from the stack"),
    "below the mark": (b"N(\x85", "more from the stack"),
    "no mark": (b"Nt", "no mark"),
    "memo far away": (b"Nr\xff\xff\xff\xff", "numbers its objects wrongly: 4294967295"),
    "memo that is not there": (b"h\x05", "names object 5, of 0"),
    "text that is not there": (b"X\xff\xff\xff\x7f", "ends in the middle"),
    "more text than there is": (b"\x8d" + b"\xff" * 8, "ends in the middle"),
    "bytes that are not there": (b"\x8e" + b"\xff" * 8, "ends in the middle"),
    "a bytearray that is not there": (b"\x96" + b"\xff" * 8, "ends in the middle"),
    "a huge integer": (b"\x8b\xff\xff\xff\x7f", "integer of 2147483647 bytes"),
    "a negative length": (b"\x8b\xff\xff\xff\xff", "integer of -1 bytes"),
    "no such instruction": (b"\xf0", "no instruction 240"),
    "protocol 0": (b"I1\n", "instruction INT, which torch.save does not write"),
    "protocol 9": (b"\x80\x09", "of protocol 9"),
    "an extension": (b"\x82\x01", "instruction EXT1"),
    "a name without an end": (b"c" + b"a" * 5000, "does not end"),
    "exponential to hash": (b"}" + nested(60) + b"Ns", "key of more than 1000 parts"),
    "deep to hash": (b"}" + b")" + b"\x85" * 100_000 + b"Ns", "nested more than 20 deep"),
    "exponential in a set": (b"\x8f(" + nested(60) + b"\x90", "key of more than 1000 parts"),
    "exponential in a frozenset": (b"(" + nested(60) + b"\x91", "key of more than 1000 parts"),
    "exponential in a call": (name("builtins.set") + b"](" + nested(60) + b"e\x85R", "key of more than 1000 parts"),
    "exponential to print": (nested(60), "repeats its parts so often"),
    "exponential lists": (b"]" + b"".join(b"q%c](h%ch%ce" % (k, k, k) for k in range(60)), "repeats its parts"),
    "deep": (b"]" * 100_000 + b"a" * 99_999, "nested more than 100 deep"),
    "deep tuples": (b")" + b"\x85" * 100_000, "nested more than 100 deep"),
    "contains itself": (b"]q\x00h\x00a", "contains itself"),
    "a dict that contains itself": (b"}q\x00" + part("a") + b"h\x00s", "a contains itself|content contains itself"),
    "a list as a key": (b"}]Ns", "key of type list"),
    "keys without values": (b"}(NNNu", "key without a value"),
    "append to a tuple": (b")Na", "appends to an object of type tuple"),
    "put into a list": (b"]NNs", "puts a key into an object of type list"),
    "call a text": (part("x") + b")R", "calls an object of type str"),
    "call with no tuple": (name("torch.Size") + b"NR", "calls an object"),
    "call a class that is a value": (name("builtins.list") + b")R", "calls builtins.list"),
    "fill a list": (b"]}b", "fills an object of type list"),
    "fill a tensor": (tensor() + b"}b", "fills an object of type Tensor"),
    "change a method": (
        call("collections.OrderedDict") + b"}" + part("items") + b"Nsb",
        r"changes what \['items'\] of OrderedDict is",
    ),
    "change a class": (
        call("argparse.Namespace") + b"}" + part("__class__") + b"Nsb",
        r"changes what \['__class__'\]",
    ),
    "attributes that are no text": (call("argparse.Namespace") + b"}K\x01Nsb", "attributes"),
    "a name that is no text": (b"K\x01K\x02\x93", "name that is no text"),
    "arguments by name": (name("torch.Size") + b")" + b"}" + part("a") + b"Ns\x92", "arguments by name"),
    "a function as a value": (part((name("torch._utils._rebuild_tensor_v2"),)), "_rebuild_tensor_v2 itself at 0"),
    "a class of storages as a value": (name("torch.FloatStorage"), "class of storages itself"),
    "a dtype that MLX does not have": (part((name("torch.complex128"),)), "dtype torch.complex128 at 0"),
    "an integer for a dict": (call("collections.OrderedDict", 3), "container of an object of type int"),
    "no pairs": (call("collections.OrderedDict", items(3)), "what are no pairs"),
    "a bytearray of a size": (call("builtins.bytearray", 1 << 40), "bytearray of something that is not bytes"),
    "bytes of a size": (call("builtins.bytes", 1 << 40), "wrong arguments"),
    "an unknown encoding": (call("_codecs.encode", "x", "idna"), "not one text"),
    "bytes of a tensor": (call("_codecs.encode", tensor()), "not one text"),
    "a complex of text": (call("builtins.complex", "1"), "wrong arguments"),
    "a slice of a list": (call("builtins.slice", b"]", None, None), "wrong arguments"),
    "a range without steps": (call("builtins.range", 1, 2, 0), "calls builtins.range with the wrong arguments"),
    "a size of text": (call("torch.Size", "abc"), "container of an object of type str"),
    "a device of no name": (call("torch.device", "cpu; rm"), "device wrongly"),
    "a defaultdict of a function": (call("collections.defaultdict", name("torch.device")), "defaultdict"),
    "a numpy array of objects": (
        pickle.dumps(np.array([1, "a"], object), 2)[2:-1],
        r"numpy array of the dtype 'O8', which is not read",
    ),
    "a numpy array with fields": (pickle.dumps(np.zeros(2, "i4,f4"), 2)[2:-1], "dtype 'V8'"),
    "a numpy dtype of words": (call("numpy.dtype", "f4,f4"), "dtype 'f4,f4'"),
    "text of numpy that is none": (
        call("numpy._core.numeric._frombuffer", call("_codecs.encode", "\xff" * 4), call("numpy.dtype", "U1"), (1,)),
        "text that is no Unicode",
    ),
    "a numpy array of too many": (
        call("numpy._core.numeric._frombuffer", call("_codecs.encode", "abcd"), call("numpy.dtype", "f4"), (2,)),
        r"shape \(2,\) and dtype float32 with 4 bytes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_pickles(what: str) -> None:
    body, message = HOSTILE[what]
    start = time.perf_counter()
    for content in (zipped(body), legacy(body)):
        with pytest.raises(CheckpointError, match=message):
            read(content)
    assert time.perf_counter() - start < 60  # it ends, also where everything is slow


def test_keys_that_collide() -> None:
    base = sys.hash_info.modulus
    ints = b"}(" + b"".join(number(base * k) + b"N" for k in range(1, 20_000)) + b"u"
    pairs = b"}(" + b"".join(part((k + base, 1 - k)) + b"N" for k in range(5000)) + b"u"
    start = time.perf_counter()
    with pytest.raises(CheckpointError, match="made to take forever"):
        read(zipped(ints))
    complexes = [complex(-1_000_003 * k, k) for k in range(3000)]
    assert len({hash(c) for c in complexes}) < 10
    body = b"}(" + b"".join(call("builtins.complex", c.real, c.imag) + b"N" for c in complexes) + b"u"
    with pytest.raises(CheckpointError, match="made to take forever"):
        read(zipped(body))
    assert len(read(zipped(pairs))) == 5000
    assert time.perf_counter() - start < 60  # it ends, also where everything is slow


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickles that would build a hundred times their size: what they build is counted."""
    monkeypatch.setattr(_budget, "_FREE", 10_000_000)
    text_ = b"X" + struct.pack("<I", 100_000) + b"x" * 100_000 + b"q\x000](" + name("_codecs.encode") + b"q\x010"
    many = text_ + b"h\x01h\x00\x85R" * 1000 + b"e"
    empty = b"](" + b"\x8f" * 100_000 + b"e"
    tensors = tensor() + b"q\x000](" + (name("torch._utils._rebuild_parameter") + b"h\x00\x88N\x87R") * 10_000 + b"e"
    for body in (many, empty, tensors):
        with pytest.raises(CheckpointError, match=r"takes more than \d+ MB of memory"):
            read(zipped(body))


GEOMETRY: dict[str, tuple[bytes, str]] = {
    "beyond": (tensor((2, 4)), r"tensor 'w' of size \(2, 4\), stride \(3, 1\) and offset 0 reaches beyond"),
    "offset beyond": (tensor((6,), (1,), 1), "reaches beyond its storage of 6 elements"),
    "huge": (tensor((2**31 - 1, 2**31 - 1), (0, 0)), "repeats the 6 elements of its storage"),
    "overlapping": (tensor((100_000, 100_000), (0, 0)), "repeats the 6 elements"),
    "negative stride": (tensor((2,), (-1,), 3), r"size \(2\), stride \(-1\) and offset 3"),
    "negative size": (tensor((-2,), (1,)), "tensor of size"),
    "negative offset": (tensor((2,), (1,), -1), "offset -1"),
    "a size of 2**70": (tensor((2**70,), (1,)), "tensor of size"),
    "a stride of 2**61": (tensor((3,), (2**61,)), "reaches beyond"),
    "a large dimension": (tensor((2**40,), (0,)), "dimension of 1099511627776"),
    "too many dimensions": (tensor((1,) * 65, (1,) * 65), "has a tensor of size"),
    "sizes and strides": (tensor((2, 3), (1,)), "tensor of size"),
    "a size that is no integer": (tensor((2.0,), (1,)), "tensor of size"),
    "a bool as a size": (tensor((True,), (1,)), "tensor of size"),
    "an integer that wants gradients": (
        tensor((6,), (1,), of=storage("torch.IntStorage"), grad=True),
        "requires a gradient, but is of lucid.int32",
    ),
    "hooks": (
        call("torch._utils._rebuild_tensor_v2", storage(), 0, (6,), (1,), False, b"}K\x01Ns"),
        "backward hooks",
    ),
    "hooks of a parameter": (call("torch._utils._rebuild_parameter", tensor(), True, b"}K\x01Ns"), "backward hooks"),
    "unknown properties": (tensor((6,), (1,), 0, b"}" + part("view") + b"\x88s"), "unknown properties"),
    "no storage": (tensor(of=b"N"), "makes a tensor of an object of type NoneType"),
    "a parameter of nothing": (call("torch._utils._rebuild_parameter", 3, True, None), "type int for a tensor"),
    "a storage of another size": (tensor(of=storage(count=7)), "should have 28 bytes|ends before"),
    "a storage of two sizes": (part((storage(count=7), tensor())), "has 28 bytes, and 24"),
    "a huge storage": (tensor(of=storage(count=2**61)), "should have|ends before"),
    "a storage that is not there": (tensor(of=storage(key="1")), "'archive/data/1' is missing|not complete"),
    "a path as a key": (tensor(of=storage(key="../../etc/passwd")), "is missing|not complete"),
    "a number as a key": (tensor(of=storage(key=0)), "describes a storage wrongly"),
    "a module": (part(("module", "Net", "net.py", "source")) + b"Q", "names a whole module"),
    "a name of nothing": (part((nested(50), 1)) + b"Q", "where a storage was expected"),
    "a type that is none": (
        part(("storage", name("torch.Size"), "0", "cpu", 6)) + b"Q",
        r"describes a storage wrongly: \('storage', Known",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", GEOMETRY)
def test_tensors_that_cannot_be(what: str) -> None:
    body, message = GEOMETRY[what]
    for content in (zipped(b"}" + part("w") + body + b"s"), legacy(b"}" + part("w") + body + b"s")):
        with pytest.raises(CheckpointError, match=message):
            read(content)


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("ComplexDouble", 16, "has the dtype complex128, which MLX does not have; save t.to"),
        ("QInt8", 1, "has the dtype qint8, which MLX does not have"),
    ],
)
def test_dtypes_that_cannot_be(kind: str, size: int, message: str) -> None:
    body = b"}" + part("layer.w") + tensor((1,), (1,), of=storage(f"torch.{kind}Storage", "0", 1)) + b"s"
    for content in (zipped(body, {"0": b"\0" * size}), legacy(body, ("0",), struct.pack("<q", 1) + b"\0" * size)):
        with pytest.raises(CheckpointError, match=f"tensor 'layer.w' {message}"):
            read(content)
        assert _torch.describe(io.BytesIO(content))[0].nbytes == size


def test_expanded_and_overlapping_views_are_read() -> None:
    found = read(zipped(part((tensor((2, 1000), (1, 0), 4), tensor((5, 2), (1, 1)), tensor((0, 3), (3, 1))))))
    assert found[0].tolist() == [[4.0] * 1000, [5.0] * 1000]
    assert found[1].tolist() == [[k, k + 1] for k in range(5)]
    assert found[2].shape == (0, 3)


# ---- archives --------------------------------------------------------------------------------------------------------


def patched(content: bytes, at: int, data: bytes) -> bytes:
    return content[:at] + data + content[at + len(data) :]


def listed(content: bytes, title: str) -> int:
    """Where the entry of a record is in the list."""
    return content.rindex(title.encode()) - 46


@functools.cache
def archives() -> dict[str, tuple[bytes, str]]:
    good = zipped(tensor())
    entry, end = listed(good, "archive/data/0"), good.rindex(b"PK\x05\x06")
    doubled = zipped(tensor(), {"0": FLOATS, "1": FLOATS}).replace(b"data/1", b"data/0")
    bomb = zipped(tensor((50_000_000,), (1,), of=storage("torch.ByteStorage", "0", 50_000_000)),
                  {"0": b"\0" * 50_000_000}, method=zipfile.ZIP_DEFLATED)  # fmt: skip
    pickled = zipped(b"X" + struct.pack("<I", 30_000_000) + b" " * 30_000_000, {}, method=zipfile.ZIP_DEFLATED)
    shrunk = zipped(tensor(), {"0": FLOATS * 5}, method=zipfile.ZIP_DEFLATED)
    shorter = patched(shrunk, listed(shrunk, "archive/data/0") + 24, struct.pack("<I", 24))
    encrypted = patched(good, entry + 8, b"\1\0")
    first = struct.unpack_from("<I", good, listed(good, "archive/data.pkl") + 42)
    assert first == (0,)
    return {
        "truncated": (good[:-1], "list of its records is missing"),
        "half": (good[: len(good) // 2], "list of its records is missing"),
        "something behind": (good + b"x", "something follows"),
        "something before": (b"PK\x03\x04" + good, "list of its records is broken"),
        "two with one name": (doubled, "two records named 'archive/data/0'"),
        "overlapping": (patched(good, entry + 42, struct.pack("<I", 0)), "overlaps"),
        "reaches into the next": (patched(good, entry + 20, struct.pack("<2I", 500, 500)), "overlaps what follows"),
        "beyond the end": (patched(good, entry + 42, struct.pack("<I", 2**31)), "overlaps"),
        "sizes differ": (patched(good, entry + 24, struct.pack("<I", 25)), "has 24 bytes and should have 25"),
        "list beyond": (patched(good, end + 16, struct.pack("<I", 2**31)), "broken|beyond"),
        "too many": (patched(good, end + 8, b"\xff\xff\xff\xff"), "broken"),
        "another disk": (patched(good, end + 4, b"\1\0"), "broken"),
        "encrypted": (encrypted, "encrypted"),
        "unknown compression": (patched(good, entry + 10, b"\x0c\0"), "compressed in the way 12"),
        "another name": (good.replace(b"archive/data/0", b"archive/data/9", 1), "another name in its header"),
        "no header": (good.replace(b"PK\x03\x04", b"PK\x03\x05").replace(b"PK\x03\x05", b"PK\x03\x04", 1), "header"),
        "flipped": (good.replace(FLOATS, b"\1" + FLOATS[1:]), "checksum"),
        "a bomb": (bomb, "zip bomb"),
        "a bomb of text": (pickled, "zip bomb"),
        "more than it says": (shorter, "damaged"),
        "not compressed at all": (
            patched(zipped(tensor(), method=zipfile.ZIP_DEFLATED), 30 + len("archive/data.pkl"), b"\xff" * 20),
            "damaged",
        ),
        "no pickle": (zipped(tensor()).replace(b"data.pkl", b"data.txt"), "no data.pkl"),
        "TorchScript": (zipped(tensor(), None, {"archive/constants.pkl": b"x"}), "TorchScript"),
    }


@pytest.mark.parametrize("what", archives())
def test_archives_that_cannot_be(what: str) -> None:
    content, message = archives()[what]
    before = mx.get_active_memory()
    with pytest.raises(CheckpointError, match=message):
        read(content)
    assert mx.get_active_memory() - before < 10_000_000


def test_names_in_an_archive_are_no_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    extra = {"../../evil": b"x", "/etc/evil": b"x", "archive/data/../../evil": b"x", "archive/\u00e9": b"x"}
    assert read(zipped(tensor(), None, extra)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert not list(tmp_path.iterdir())


# ---- old files -------------------------------------------------------------------------------------------------------


def test_old_files_that_cannot_be() -> None:
    good = legacy(tensor())
    assert read(good).tolist() == [[0, 1, 2], [3, 4, 5]]
    for k in range(len(good)):
        with pytest.raises(CheckpointError):
            read(good[:k])
    kinds = [
        (pickle.dumps({"a": 1}), "not one of torch.save"),
        (pickle.dumps("text"), "not one of torch.save"),
        (good.replace(b"M\xe9\x03", b"M\xe8\x03"), "version 1000"),
        (legacy(tensor(), ()), "not complete"),
        (legacy(tensor(), ("0", "0")), "names one twice"),
        (legacy(tensor(), ("0", "1"), struct.pack("<q", 6) + FLOATS + b"\0" * 8), "which no tensor uses"),
        (legacy(tensor(), (1,)), "list of storages is broken"),
        (legacy(tensor(), ("0",), struct.pack("<q", 7) + FLOATS), "should have 24 bytes and has 28"),
        (legacy(tensor(), ("0",), struct.pack("<q", -1) + FLOATS), "should have 24 bytes and has -4"),
        (b"\0" * 257 + b"ustar" + b"\0" * 300, "tar archive"),
        (b"something else", "no file of torch.save"),
        (b"", "no file of torch.save"),
    ]
    for content, message in kinds:
        with pytest.raises(CheckpointError, match=message):
            read(content)


@pytest.mark.parametrize("kind", ["torch-zip", "torch-legacy", "torch-numpy"])
def test_damaged_files_never_do_more_than_raise(kind: str) -> None:
    make, load = fuzzing.FORMATS[kind]
    content = make()
    assert fuzzing.check(content, load)
    outcomes = Counter(fuzzing.check(case, load) for case in fuzzing.cases(content, 300, seed=1))
    assert min(outcomes[True], outcomes[False]) > 5  # some damage is not seen, in a text for example

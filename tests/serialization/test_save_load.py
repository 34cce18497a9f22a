"""What is saved comes back: dtypes, order, sharing, structure, places; it is read late and written whole."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from safetensors import numpy as reference
from safetensors import safe_open

import lucid
import lucid.nn
from lucid import _tape
from lucid.serialization import CheckpointError, _header, load, save

INTEGERS = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
DTYPES = [*INTEGERS, "float16", "bfloat16", "float32", "float64", "complex64"]


def sample(name: str, shape: tuple[int, ...] = (3, 2)) -> Any:
    numbers = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 7
    return lucid.tensor(numbers * 1.5 if name.startswith(("float", "bfloat", "complex")) else numbers, dtype=name)


def same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert a.dtype is b.dtype
    assert a.shape == b.shape
    assert a.requires_grad == b.requires_grad
    np.testing.assert_array_equal(a.numpy(force=True), b.numpy(force=True))


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "model.safetensors")


@pytest.mark.parametrize("dtypes", [*[[d] for d in DTYPES], DTYPES], ids=lambda d: d[0] if len(d) == 1 else "all")
@pytest.mark.parametrize("shape", [(3, 2), (), (0,), (2, 0, 3), (1, 1, 5)])
def test_every_dtype_and_shape_comes_back(path: str, dtypes: list[str], shape: tuple[int, ...]) -> None:
    state = {f"x.{d}": sample(d, shape) for d in dtypes}
    save(state, path)
    found = load(path)
    assert list(found) == list(state)
    for name, t in state.items():
        same(found[name], t)
    buffer = io.BytesIO()
    save(state, buffer)
    assert buffer.getvalue() == Path(path).read_bytes()
    buffer.seek(0)
    again = load(buffer)
    buffer.close()
    for name, t in state.items():
        same(again[name], t)


def test_the_safetensors_package_reads_the_file(path: str) -> None:
    state = {f"x.{d}": sample(d) for d in DTYPES if d != "bfloat16"}
    save(OrderedDict(state), path)
    found = reference.load_file(path)
    assert set(found) == set(state)
    for name, t in state.items():
        np.testing.assert_array_equal(found[name], t.numpy())
    with safe_open(path, "numpy") as file:
        assert file.metadata()["format"] == "pt"
    with open(path, "rb") as raw:
        assert int.from_bytes(raw.read(8), "little") % 8 == 0  # the data is aligned


def test_a_file_of_the_safetensors_package_is_read(path: str) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.float16([1.5]), "c": np.array(7), "d": np.array([True, False])}
    reference.save_file(arrays, path, {"made by": "somebody"})
    found = load(path)
    assert isinstance(found, OrderedDict)
    assert not hasattr(found, "_metadata")
    for name, a in arrays.items():
        assert found[name].dtype.numpy == a.dtype
        np.testing.assert_array_equal(found[name].numpy(), a)


def test_values_are_read_when_they_are_used(path: str) -> None:
    save({"w": lucid.ones(1_000_000), "b": lucid.ones(3)}, path)
    before = mx.get_active_memory()
    found = load(path)
    assert mx.get_active_memory() - before < 100_000
    assert found["w"].sum().item() == 1e6


def test_replacing_the_file_does_not_change_what_was_loaded(path: str) -> None:
    save({"w": lucid.ones(1000)}, path)
    found = load(path)
    save({"w": lucid.zeros(1000)}, path)
    assert load(path)["w"].sum().item() == 0
    assert found["w"].sum().item() == 1000
    found = load(path)
    os.unlink(path)
    assert found["w"].sum().item() == 0


def test_saving_over_the_file_that_it_was_loaded_from(path: str) -> None:
    save({"w": lucid.arange(1000), "v": lucid.zeros(3)}, path)
    found = load(path)
    found["v"] += 1
    save(found, path)
    assert load(path)["w"].numpy().tolist() == list(range(1000))
    assert load(path)["v"].tolist() == [1, 1, 1]


def test_views_and_layouts(path: str) -> None:
    x = lucid.tensor(np.arange(24.0, dtype=np.float32).reshape(2, 3, 4))
    state = {
        "transposed": x.permute(2, 0, 1),
        "slice": x[:, 1:, ::2],
        "bfloat16": x.bfloat16().permute(1, 2, 0),
        "expanded": lucid.tensor([[1.0], [2.0]]).expand(2, 3),
        "lazy": x * 2 + 1,
    }
    want = {name: t.numpy(force=True).tolist() for name, t in state.items()}
    save(state, path)
    assert {name: t.tolist() for name, t in load(path).items()} == want


# ---- state dicts -----------------------------------------------------------------------------------------------------


def tied() -> Any:
    class Tied(lucid.nn.Module):
        _version = 3

        def __init__(self) -> None:
            super().__init__()
            self.embed = lucid.nn.Parameter(lucid.tensor([[1.0, 2.0]]))
            self.head = self.embed
            self.count = lucid.nn.Buffer(lucid.tensor(4))

    return Tied()


def test_the_metadata_of_a_state_dict_is_kept(path: str) -> None:
    state = lucid.nn.Sequential(tied(), lucid.nn.Identity()).state_dict()
    save(state, path)
    found = load(path)
    assert found._metadata == state._metadata == {"": {"version": 1}, "0": {"version": 3}, "1": {"version": 1}}
    assert type(found._metadata) is type(state._metadata)
    assert list(found) == ["0.embed", "0.head", "0.count"]
    module = lucid.nn.Sequential(tied(), lucid.nn.Identity())
    assert str(module.load_state_dict(found)) == "<All keys matched successfully>"


def test_metadata_that_is_no_json_is_kept_too(path: str) -> None:
    state = OrderedDict(w=lucid.ones(1))
    for versions in ({("a", 1): 2}, {1: 2}):
        state._metadata = versions  # type: ignore[attr-defined]
        save(state, path)
        assert load(path)._metadata == versions
        assert load(path)["w"].tolist() == [1]


def test_tied_weights_are_written_once_and_shared_again(path: str) -> None:
    save(tied().state_dict(), path)
    assert set(reference.load_file(path)) == {"embed", "count"}
    found = load(path)
    found["head"].fill_(9.0)
    assert found["embed"].tolist() == [[9.0, 9.0]]
    assert list(found) == ["embed", "head", "count"]


def test_equal_values_are_not_shared(path: str) -> None:
    x = lucid.ones(2)
    save({"x": x, "copy": lucid.nn.Parameter(x).detach(), "clone": x.clone()}, path)
    found = load(path)
    found["x"].fill_(5.0)
    assert found["copy"].tolist() == found["clone"].tolist() == [1, 1]


# ---- nested objects --------------------------------------------------------------------------------------------------


def test_nested_objects_come_back_as_they_were(path: str) -> None:
    w = lucid.nn.Parameter(lucid.tensor([1.0, 2.0]))
    frozen = lucid.nn.Parameter(lucid.tensor([3.0]), requires_grad=False)
    grown = lucid.tensor([4.0], requires_grad=True)
    state = {
        "numbers": [1, -2.5, True, None, 2**80, float("inf"), -0.0, 1 + 2j, complex("nan")],
        "text": "é\n\U0001f600 '\"",
        "tuple": (1, (2, [3, ()])),
        "sets": [{1, 2}, frozenset({"a"})],
        "bytes": b"\x00\xff",
        "ordered": OrderedDict(b=1, a=2),
        "counter": Counter("aab"),
        5: {"int key": {(1, "x"): lucid.tensor([7])}},
        "dtype": lucid.float16,
        "device": lucid.device("cpu"),
        "size": lucid.ones(2, 3).shape,
        "numpy": [np.float32(0.5), np.int64(3), np.float64(1e-300), np.bool_(True)],
        "tensors": [lucid.ones(2, dtype=lucid.bfloat16), lucid.ones(0, 2), lucid.tensor(3)],
        "parameters": {"alias": w.detach(), "w": w, "again": w, "more": w.detach(), "frozen": frozen, "grown": grown},
        "buffers": [lucid.nn.Buffer(lucid.ones(1), persistent=False)],
    }
    save(state, path)
    found = load(path)
    assert list(found) == list(state)
    for key in ("text", "tuple", "sets", "bytes", "ordered", "counter", "dtype", "device", "size"):
        assert found[key] == state[key], key
        assert type(found[key]) is type(state[key])
    assert repr(found["numbers"]) == repr(state["numbers"])
    assert found["numpy"] == [0.5, 3, 1e-300, True]
    assert found[5]["int key"][(1, "x")].tolist() == [7]
    for a, b in zip(found["tensors"], state["tensors"], strict=True):
        same(a, b)
    parameters = found["parameters"]
    for name, t in state["parameters"].items():
        same(parameters[name], t)
    assert parameters["again"] is parameters["w"]
    assert parameters["alias"] is not parameters["w"]
    with lucid.no_grad():
        parameters["w"].fill_(8.0)
    assert parameters["alias"].tolist() == parameters["more"].tolist() == [8, 8]
    assert (type(found["buffers"][0]), found["buffers"][0].persistent) == (lucid.nn.Buffer, False)


def test_tensors_of_nested_objects_have_readable_names(path: str) -> None:
    w = lucid.ones(2)
    save({"model": {"fc.weight": w}, "optimizer": {"state": {0: {"exp_avg": w * 2}}}, "list": [w * 3]}, path)
    found = reference.load_file(path)
    assert {name: a.tolist() for name, a in found.items()} == {
        "model.fc.weight": [1, 1],
        "optimizer.state.0.exp_avg": [2, 2],
        "list.0": [3, 3],
    }


def test_names_that_would_collide_are_told_apart(path: str) -> None:
    state = {
        "a.b": lucid.tensor(1),
        "a": {"b": lucid.tensor(2)},
        "__metadata__": lucid.tensor(3),
        "lucid": lucid.tensor(4),
    }
    save(state, path)
    found = load(path)
    assert (found["a.b"].item(), found["a"]["b"].item(), found["__metadata__"].item(), found["lucid"].item()) == (
        1,
        2,
        3,
        4,
    )


@pytest.mark.parametrize(
    "value", [lucid.tensor([1.0, 2.0]), [], {}, 3, None, "text", {"x": 1}, (lucid.tensor(1),)], ids=str
)
def test_anything_at_the_top(path: str, value: Any) -> None:
    save(value, path)
    found = load(path)
    assert repr(found) == repr(value) or found == value == {}


def test_the_state_of_a_training_continues(path: str) -> None:
    def make() -> Any:
        w = lucid.nn.Parameter(lucid.tensor([1.0, -2.0, 3.0]))
        module = lucid.nn.ParameterDict({"w": w})
        optimizer = lucid.optim.AdamW([{"params": [w], "lr": 0.1}], betas=(0.8, 0.9))
        return module, optimizer, lucid.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4], gamma=0.5)

    def step(training: Any) -> None:
        module, optimizer, scheduler = training
        optimizer.zero_grad()
        (module["w"] ** 2).sum().backward()
        optimizer.step()
        scheduler.step()

    first = make()
    for _ in range(3):
        step(first)
    save({"epoch": 3, "parts": [part.state_dict() for part in first]}, path)
    second = make()
    found = load(path)
    assert found["epoch"] == 3
    for part, state in zip(second, found["parts"], strict=True):
        part.load_state_dict(state)
    for _ in range(3):
        step(first)
        step(second)
    assert first[0]["w"].tolist() == second[0]["w"].tolist()
    assert first[2].state_dict() == second[2].state_dict()
    assert repr(first[1]) == repr(second[1])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, lambda: 0]}, r"type function at \['a'\]\[1\]"),
        (object(), "type object at the top"),
        ({object(): 1}, "a key"),
        (mx.ones(1), r"type array at the top; store lucid.from_dlpack\(...\) of it"),
        (lucid.ones(1).untyped_storage(), "UntypedStorage.*; store the tensor whose memory it is"),
        (type("Names", (list,), {})(), r"type Names at the top; store list\(...\) of it"),
        (ValueError("no"), r"store str\(...\) of it"),
    ],
)
def test_what_cannot_be_stored_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        save(value, path)
    assert not os.path.exists(path)


def test_modules_are_not_stored(path: str) -> None:
    for value in (lucid.nn.Identity(), {"model": lucid.nn.Identity()}):
        with pytest.raises(TypeError, match=r"save\(model.state_dict\(\), path\)\n.*load_state_dict\(lucid.load\(path"):
            save(value, path)
    optimizer = lucid.optim.SGD([lucid.nn.Parameter(lucid.ones(1))])
    with pytest.raises(TypeError, match=r"type SGD at \['optimizer'\]; save its state_dict"):
        save({"optimizer": optimizer}, path)


def test_more_around_the_tensors_than_a_header_holds(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_header, "LONGEST", 1000)
    with pytest.raises(ValueError, match="more than the 1000"):
        save(["text" * 500], path)


def test_halves_of_characters_are_kept(path: str) -> None:
    state = {"a\ud800": lucid.ones(1), "b": "\ud800", "c": ["é"]}
    save(state, path)
    found = load(path)
    assert found == {**state, "a\ud800": found["a\ud800"]}
    assert found["a\ud800"].tolist() == [1]
    assert list(reference.load_file(path)) == ["a?"]


# ---- places ----------------------------------------------------------------------------------------------------------


def test_map_location(path: str) -> None:
    save({"w": lucid.ones(2), "d": lucid.ones(1, dtype=lucid.float64)}, path)
    for where in (None, "cpu", lucid.device("cpu"), {"cpu": "cpu"}, {"metal": "cpu"}, lambda t, name: None):
        found = load(path, map_location=where)
        assert [t.device.type for t in found.values()] == [
            lucid.zeros(1).device.type if where is None else "cpu",
            "cpu",
        ]
    seen = []
    found = load(path, lambda t, name: seen.append(name) or t * 2)
    assert seen[-1] == "cpu"
    assert found["w"].tolist() == [2, 2]
    with pytest.raises(TypeError, match="has to return a Tensor or None, got int for 'w'"):
        load(path, lambda t, name: 3)
    with pytest.raises(RuntimeError, match="nowhere"):
        load(path, "nowhere")


def test_arguments_that_change_nothing(path: str) -> None:
    save({"w": lucid.ones(2)}, Path(path))
    for kwargs in ({"weights_only": True}, {"weights_only": None}, {"mmap": True}, {"mmap": None}, {"mmap": False}):
        assert load(Path(path), **kwargs)["w"].tolist() == [1, 1]
    with pytest.warns(UserWarning, match="never runs what a file says"):
        assert load(path, weights_only=False)["w"].tolist() == [1, 1]
    assert load(os.fsencode(path))["w"].tolist() == [1, 1]


def test_readers_are_imported_when_they_are_needed(path: str) -> None:
    code = (
        "import sys; from lucid.serialization import inspect, load, save; import lucid\n"
        f"save({{'w': lucid.ones(1)}}, {path!r}); load({path!r}); inspect({path!r})\n"
        "late = {'argparse', 'pickletools', 'zipfile', 'lucid.serialization._torch', 'lucid.serialization._gguf'}\n"
        "print(sorted(late & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_arguments_about_pickles_are_refused(path: str) -> None:
    for name in ("pickle_module", "pickle_protocol", "_use_new_zipfile_serialization"):
        with pytest.raises(TypeError, match=f"save: {name} is about pickles.*leave it out; format='torch'"):
            save({}, path, **{name: None})  # type: ignore[arg-type]
    assert not os.path.exists(path)
    save({}, path)
    for name in ("pickle_module", "encoding"):
        with pytest.raises(TypeError, match=f"load: {name} is about pickles.*leave it out$"):
            load(path, **{name: None})  # type: ignore[arg-type]
    for function in (lambda: save({}, path, typo=1), lambda: load(path, typo=1)):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="unexpected keyword argument 'typo'"):
            function()


# ---- writing ---------------------------------------------------------------------------------------------------------


def test_a_failed_save_leaves_the_old_file(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    save({"w": lucid.ones(2)}, path)
    before = Path(path).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("no space left")))
        with pytest.raises(OSError, match="no space left"):
            save({"w": lucid.zeros(2)}, path)
    with pytest.raises(TypeError):
        save({"w": lucid.zeros(2), "f": print}, path)
    assert Path(path).read_bytes() == before
    assert os.listdir(os.path.dirname(path)) == ["model.safetensors"]


def test_permissions_links_and_pipes(tmp_path: Path) -> None:
    target, link = tmp_path / "target.safetensors", tmp_path / "link.safetensors"
    save({"w": lucid.ones(1)}, target)
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    target.chmod(0o640)
    link.symlink_to(target)
    save({"w": lucid.zeros(1)}, link)
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert load(target)["w"].item() == 0
    save({"w": lucid.ones(1)}, os.devnull)  # written to, not replaced
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"the folder .*missing does not exist"):
        save({"w": lucid.ones(1)}, tmp_path / "missing" / "x.safetensors")
    with pytest.raises(IsADirectoryError):
        save({"w": lucid.ones(1)}, tmp_path)
    with pytest.raises(CheckpointError, match="the path is empty"):
        save({"w": lucid.ones(1)}, "")
    with (
        open(tmp_path / "text", "w") as file,
        pytest.raises(TypeError, match=r"binary writing \('wb'\), got a TextIOWrapper"),
    ):
        save({"w": lucid.ones(1)}, file)


def test_saving_evaluates_once_and_marks_the_tape(path: str) -> None:
    w = lucid.ones(3, requires_grad=True)
    y = (w * 2).sum()
    save({"y": y.detach()}, path)
    y.backward()
    assert w.grad.tolist() == [2, 2, 2]


def test_a_loaded_file_is_usable_from_another_process(path: str) -> None:
    save({"w": lucid.ones(3)}, path)
    code = f"import lucid.serialization as s; print(s.load({path!r})['w'].tolist())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[1.0, 1.0, 1.0]"


def test_wrapped_arrays_are_evaluated_before_writing(path: str) -> None:
    lazy = _tape.wrap(mx.random.normal((4,)) + 1)
    save({"lazy": lazy}, path)
    assert load(path)["lazy"].tolist() == lazy.tolist()

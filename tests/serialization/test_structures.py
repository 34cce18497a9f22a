"""Nested states come back as they were: types, values, what is shared, and views of one memory."""

from __future__ import annotations

import argparse
import enum
import io
import json
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from safetensors import numpy as reference
from safetensors import safe_open

import lucid
import lucid.nn
from lucid.serialization import CheckpointError, load, save
from tests.serialization.states import Alike, Point, states, tensor


def again(value: Any, format: Any = "safetensors") -> Any:
    buffer = io.BytesIO()
    save(value, buffer, format=format)
    buffer.seek(0)
    return load(buffer)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(states)
def test_random_states_come_back(value: Any) -> None:
    buffer = io.BytesIO()
    save(value, buffer)
    buffer.seek(0)
    alike = Alike()
    alike(value, load(buffer))
    alike.written()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(states)
def test_random_states_come_back_from_npz(value: Any) -> None:
    alike = Alike()
    alike(value, again(value, "npz"))
    alike.written()


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(states)
def test_random_states_come_back_from_several_files(tmp_path: Path, value: Any) -> None:
    save({"state": value, "x": lucid.ones(3), "y": lucid.ones(40)}, tmp_path / "x.safetensors", max_shard_size=100)
    alike = Alike()
    alike(value, load(tmp_path / "x.safetensors")["state"])
    alike.written()


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(states)
def test_every_file_is_valid_safetensors(tmp_path: Path, value: Any) -> None:
    save(value, tmp_path / "x.safetensors")
    with safe_open(tmp_path / "x.safetensors", "numpy") as file:
        for name in file.keys():  # noqa: SIM118 - it is no dict
            file.get_slice(name).get_shape()
        assert set(file.metadata()) >= {"format"}


def test_saving_again_gives_the_same_bytes() -> None:
    value = {"a": {"x", "y", "z"}, "b": [lucid.ones(2)], "c": frozenset({1, (2, "b")})}
    files = [io.BytesIO(), io.BytesIO()]
    save(value, files[0])
    save({**again(value), "a": {"z", "y", "x"}}, files[1])
    assert files[0].getvalue() == files[1].getvalue()


def test_what_contains_itself() -> None:
    loop: list[Any] = [1]
    loop.append({"loop": loop})
    found = again(loop)
    assert found[1]["loop"] is found
    pair: Any = ([],)
    pair[0].append(pair)
    with pytest.raises(ValueError, match=r"the tuple at \[0\]\[0\] contains itself"):
        save(pair, io.BytesIO())
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        save(deep, io.BytesIO())


def test_a_namedtuple_is_made_anew_and_no_class_is_imported(tmp_path: Path) -> None:
    found = again({"a": Point(1, 2), "b": [Point(3, [4])]})
    assert type(found["a"]) is type(found["b"][0]) is not Point
    assert repr(found["a"]) == "Point(x=1, y=2)"
    assert found["b"][0].y == [4]
    found = again(lucid.max(lucid.tensor([[1.0, 3.0]]), 1))
    assert (found.values.item(), found.indices.item()) == (3.0, 1)
    renamed = namedtuple("renamed", ["class", "ok"], rename=True)(1, 2)
    assert again(renamed)._asdict() == {"_0": 1, "ok": 2}


def test_the_attributes_of_tensors() -> None:
    p = lucid.nn.Parameter(lucid.ones(2))
    p.no_weight_decay = True
    p.group = ["a"]
    found = again([p, p])
    assert (found[0].no_weight_decay, found[0].group) == (True, ["a"])
    assert found[0] is found[1]
    p.hook = lambda: 0
    with pytest.raises(TypeError, match=r"an attribute'\]\['hook'\]"):
        save(p, io.BytesIO())


def test_lazy_parameters_keep_what_is_known_of_them() -> None:
    model = lucid.nn.LazyLinear(3)
    found = again({"model": model.state_dict(), "buffer": lucid.nn.UninitializedBuffer(dtype=lucid.float16)})
    weight = found["model"]["weight"]
    assert type(weight) is type(model.weight)
    assert (weight.requires_grad, weight.dtype) == (model.weight.requires_grad, lucid.float32)
    assert (type(found["buffer"]), found["buffer"].dtype) == (lucid.nn.UninitializedBuffer, lucid.float16)


def test_tensors_as_keys_and_in_sets() -> None:
    x = lucid.ones(2)
    found = again({"x": x, "by tensor": {x: 1}, "set": {x}})
    assert found["by tensor"][found["x"]] == 1
    assert found["set"] == {found["x"]}


# ---- views -----------------------------------------------------------------------------------------------------------


def file_of(value: Any) -> tuple[dict[str, Any], Any]:
    buffer = io.BytesIO()
    save(value, buffer)
    buffer.seek(0)
    return reference.load(buffer.getvalue()), load(buffer)


def test_views_are_written_once() -> None:
    x = tensor(0, lucid.float32, (4, 6))
    stored, found = file_of({"row": x[1], "x": x, "turned": x.t()})
    assert set(stored) == {"x"}
    assert found["turned"].stride() == (1, 6)
    found["x"].zero_()
    assert found["row"].sum().item() == found["turned"].sum().item() == 0


def test_views_that_meet_share_a_piece_of_memory() -> None:
    x = tensor(0, lucid.float32, (100,))
    stored, found = file_of({"a": x[10:30], "b": x[20:40], "c": x[50:60]})
    assert {name: a.shape for name, a in stored.items()} == {"a.memory": (30,), "c": (10,)}
    found["a"].fill_(-1.0)
    assert found["b"].tolist()[:11] == [-1.0] * 10 + [x[30].item()]


def test_pieces_that_do_not_meet_are_plain_tensors() -> None:
    x = tensor(0, lucid.float32, (6, 4))
    for parts in (x.chunk(3), x.chunk(2, 1), x.unbind(1), x.split([1, 5])):
        stored, found = file_of({str(k): part for k, part in enumerate(parts)})
        assert set(stored) == set(found)
        for name, part in zip(found, parts, strict=True):
            np.testing.assert_array_equal(stored[name], part.numpy())
    with safe_open_bytes({str(k): part for k, part in enumerate(x.chunk(3))}) as metadata:
        assert "lucid" not in metadata


def safe_open_bytes(value: Any) -> Any:
    import contextlib

    buffer = io.BytesIO()
    save(value, buffer)
    length = int.from_bytes(buffer.getvalue()[:8], "little")
    return contextlib.nullcontext(json.loads(buffer.getvalue()[8 : 8 + length])["__metadata__"])


def test_the_widest_of_several_views_is_what_is_written() -> None:
    x = tensor(0, lucid.int64, (10, 4))
    stored, found = file_of([x[2:5, 1], x[2:6], x[3]])
    assert {name: a.shape for name, a in stored.items()} == {"1": (4, 4)}
    found[1].fill_(7)
    assert found[0].tolist() == [7, 7, 7]


def test_parameters_that_share_memory_share_it_again() -> None:
    import copy

    p = lucid.nn.Parameter(lucid.ones(3))
    twin = copy.copy(p)
    found = again([p, twin, p.data])
    assert [type(t) for t in found] == [lucid.nn.Parameter, lucid.nn.Parameter, lucid.Tensor]
    with lucid.no_grad():
        found[1].fill_(5.0)
    assert found[0].tolist() == found[2].tolist() == [5.0] * 3
    assert [t.requires_grad for t in found] == [True, True, False]


def test_views_with_other_values_are_copies() -> None:
    z = lucid.tensor([1 + 2j, 3 - 1j])
    found = again([z, z.conj(), z.real, lucid.view_as_real(z)])
    assert found[1].tolist() == [1 - 2j, 3 + 1j]
    assert found[2].tolist() == [1, 3]
    assert found[3].tolist() == [[1, 2], [3, -1]]


def test_views_of_a_tensor_that_map_location_replaces(tmp_path: Path) -> None:
    x = tensor(0, lucid.float32, (4, 6))
    save([x, x[1]], tmp_path / "x.safetensors")
    whole = lucid.zeros(2, 4, 6)
    found = load(tmp_path / "x.safetensors", lambda t, where: whole[1])
    assert found[1].tolist() == [0.0] * 6


# ---- what is refused -------------------------------------------------------------------------------------------------


class Color(enum.Enum):
    RED = 1


class Text(str):
    __slots__ = ()


class Mine(lucid.Tensor):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Color.RED, "type Color .*store its .value"),
        (Path("a"), r"store str\(path\)"),
        (argparse.Namespace(a=1), r"store vars\(...\) of it"),
        (Text("a"), r"store str\(...\) of it"),
        (lucid.Generator(), r"store its get_state\(\)"),
        (defaultdict(lambda: 0), "the factory of the defaultdict"),
        (Counter(a="b"), "the Counter at .* counts with what are no numbers"),  # type: ignore[arg-type]
        (np.array([object()]), r"type ndarray .*store its tolist\(\)"),
        (np.ma.array([1]), r"store np.asarray\(array\)"),
        (int, "store tensors, numbers"),
        (object.__new__(Mine), r"store its detach\(\)"),
        (lucid.optim.SGD([lucid.nn.Parameter(lucid.ones(1))]), r"save its state_dict\(\)"),
    ],
    ids=lambda v: type(v).__name__ if not isinstance(v, str) else "",
)
def test_what_is_not_stored_says_what_to_store_instead(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        save({"a": [value]}, io.BytesIO())


def test_arguments_of_save(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected format 'safetensors', 'npz' or 'torch', got 'pickle'"):
        save({}, tmp_path / "x", format="pickle")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_shard_size is for safetensors files at a path"):
        save({}, io.BytesIO(), max_shard_size=3)
    with pytest.raises(TypeError, match="expected a path or a file opened for binary writing, got int"):
        save({}, 3)


# ---- hostile structures ----------------------------------------------------------------------------------------------


def refused(tree: Any, message: str, tensors: Any = ()) -> None:
    from tests.serialization.test_damaged_files import raw

    text = json.dumps({"version": 1, "tree": tree, "tensors": list(tensors)})
    with pytest.raises(CheckpointError, match=message):
        load(io.BytesIO(raw({"__metadata__": {"lucid": text}})))


def test_structures_that_would_take_forever() -> None:
    doubled: Any = {"shared": 0, "value": [1, 1]}
    for k in range(60):
        doubled = {"shared": k + 1, "value": [doubled, {"ref": k}]}
    refused(doubled, "repeats parts so often")
    refused({"set": [{"shared": 0, "value": {"tuple": []}}]}, "a key has shared parts")
    modulus = 2**61 - 1
    refused({"dict": [[k * modulus if k < 4 else {"int": hex(k * modulus)}, 0] for k in range(1000)]}, "same hash")
    refused({"set": [{"tuple": [{"int": hex(k * modulus)}]} for k in range(1000)]}, "same hash")


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"namedtuple": ["__import__('os')", ["a"], [1]]}, "broken"),
        ({"namedtuple": ["N", [1], [1]]}, "without names"),
        ({"namedtuple": ["N", ["a"], [1, 2]]}, "broken"),
        ({"scalar": ["O", "AAAAAAAAAAA="]}, "Python objects"),
        ({"numpy.dtype": [["a", "O"]]}, "Python objects"),
        ({"defaultdict": [], "factory": "eval"}, "broken"),
        ({"ref": 0}, "broken"),
        ({"Counter": [["a", []]]}, "a Counter of what are no numbers"),
        ({"Counter": [["a"]]}, "broken"),
        ({"lazy": ["Module", "float32", True]}, "there is no Module"),
        ({"range": [0, 1, 0]}, "broken"),
        ({"device": "tpu:1"}, "broken"),
        ({"int": "zz"}, "broken"),
        ({"deque": [-1, []]}, "broken"),
        ({"slice": [1, 2, 3, 4]}, "broken"),
        ({"layout": "sparse"}, "broken"),
        ({"bytearray": "!"}, "broken"),
    ],
)
def test_broken_structures_are_refused(tree: Any, message: str) -> None:
    refused(tree, message)


def test_a_device_of_another_machine() -> None:
    from tests.serialization.test_damaged_files import raw

    text = json.dumps({"version": 1, "tree": {"device": "cuda:3"}, "tensors": []})
    found = load(io.BytesIO(raw({"__metadata__": {"lucid": text}})))
    assert (found.type, found.index) == ("cuda", 3)


def test_flat_dicts_keep_their_type() -> None:
    for kind in (dict, OrderedDict):
        for format in ("safetensors", "npz"):
            assert type(again(kind(a=lucid.ones(1)), format)) is kind

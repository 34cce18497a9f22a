"""`load_model`: other names, other dtypes, quantised weights, and a report that people can read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.serialization import CheckpointError, LoadReport, dequantize, load, load_model, save
from lucid.serialization._report import grouped


def net(width: int = 4, layers: int = 3) -> Any:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(width, width)
            self.norm = nn.BatchNorm1d(width)

    model = nn.Module()
    model.blocks = nn.ModuleList(Block() for _ in range(layers))
    model.head = nn.Linear(width, 2)
    return model


def values(model: Any) -> dict[str, Any]:
    return {name: t.float().numpy(force=True).tolist() for name, t in model.state_dict().items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("format", ["safetensors", "npz", "torch"])
def test_a_state_dict_of_any_format(path: Path, format: Any) -> None:
    first, second = net(), net()
    save(first.state_dict(), path, format=format)
    report = load_model(second, path)
    assert values(second) == values(first)
    assert isinstance(report, LoadReport)
    assert report.complete
    assert repr(report) == f"Module: 23 of 23 tensors loaded from {path}"
    assert report.loaded == list(first.state_dict())


def test_nothing_is_read_before_it_is_needed(path: Path) -> None:
    model = nn.Linear(1000, 1000)
    save(model.state_dict(), path)
    other = nn.Linear(1000, 1000)
    before = mx.get_active_memory()
    load_model(other, path)
    assert mx.get_active_memory() - before < 100_000
    assert lucid.equal(other.weight, model.weight)


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rename",
    [
        {"module.": ""},
        {re.compile(r"^module\."): ""},
        lambda name: name.removeprefix("module."),
        {"module.": "x.", "x.": ""},
        {re.compile(r"^module\.(\w+)"): r"\1"},
    ],
)
def test_names_are_changed(path: Path, rename: Any) -> None:
    first, second = net(), net()
    save({f"module.{name}": t for name, t in first.state_dict().items()}, path)
    assert load_model(second, path, rename=rename).complete
    assert values(second) == values(first)


def test_tensors_are_left_out(path: Path) -> None:
    first = net()
    save({**first.state_dict(), "ema.a": lucid.ones(1), "ema.b": lucid.ones(1)}, path)
    for rename in ({"ema.": None}, lambda name: None if name.startswith("ema") else name):
        assert load_model(net(), path, rename=rename).complete


def test_renames_that_are_wrong(path: Path) -> None:
    save({"a.weight": lucid.ones(1), "b.weight": lucid.ones(1)}, path)
    with pytest.raises(CheckpointError, match=r"makes 'weight' of both 'a.weight' and 'b.weight'"):
        load_model(net(), path, rename={"a.": "", "b.": ""})
    with pytest.raises(TypeError, match=r"has to give a str or None, got int for 'a.weight'"):
        load_model(net(), path, rename=lambda name: 3)
    with pytest.raises(TypeError, match="expected texts or compiled patterns in rename, got int"):
        load_model(net(), path, rename={3: ""})
    with pytest.raises(TypeError, match="expected rename as a dict or a function, got int"):
        load_model(net(), path, rename=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a Module, got dict"):
        load_model({}, path)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_checkpoints_that_hold_more(path: Path, key: str) -> None:
    first, second = net(), net()
    save({"epoch": 3, key: first.state_dict(), "optimizer": {"state": {}}}, path)
    report = load_model(second, path)
    assert report.key == key
    assert repr(report).endswith(f"from {path}[{key!r}]")
    assert values(second) == values(first)
    save({"epoch": 3, "generator": first.state_dict(), "critic": net().state_dict()}, path)
    with pytest.raises(CheckpointError, match=r"name one of \['generator', 'critic'\] as key="):
        load_model(second, path)
    assert load_model(second, path, key="generator").complete
    with pytest.raises(CheckpointError, match=r"no state under 'x', but \['epoch', 'generator', 'critic'\]"):
        load_model(second, path, key="x")
    save([1, 2], path)
    with pytest.raises(CheckpointError, match="it holds a list, not a dict of tensors"):
        load_model(second, path)


class Settings(nn.Module):
    """A module whose state has no tensors."""

    value = 0

    def get_extra_state(self) -> Any:
        return {"value": self.value}

    def set_extra_state(self, state: Any) -> None:
        self.value = state["value"]


def test_states_without_tensors(path: Path) -> None:
    first, second = Settings(), Settings()
    first.value = 3
    save(first.state_dict(), path)
    assert load_model(second, path).complete
    assert second.value == 3
    save(nn.ReLU().state_dict(), path)
    assert load_model(nn.ReLU(), path).complete
    save({}, path)
    with pytest.raises(CheckpointError, match="0 of 2 tensors loaded"):
        load_model(nn.Linear(1, 1), path)


def test_names_that_are_no_texts(path: Path) -> None:
    save({0: lucid.ones(2, 2), "bias": lucid.ones(2)}, path)
    assert dequantize(load(path))[0].shape == (2, 2)
    for rename in (None, {"x": "y"}, lambda name: name):
        with pytest.raises(CheckpointError, match="0 is no name of a tensor; rename it to a str"):
            load_model(nn.Linear(2, 2), path, rename=rename)
    assert load_model(nn.Linear(2, 2), path, rename=lambda name: name or "weight").complete
    save({"epoch": 3}, path)
    with pytest.raises(CheckpointError, match=r"it holds no tensors; it has \['epoch'\]"):
        load_model(nn.Linear(2, 2), path)


# ---- what does not fit -----------------------------------------------------------------------------------------------


def test_a_strict_load_that_fails_leaves_the_model(path: Path) -> None:
    state = net(layers=4).state_dict()
    del state["head.weight"]
    state["blocks.1.norm.running_mean"] = lucid.ones(5)
    save(state, path)
    model = net()
    weight = model.head.weight
    before = values(model)
    for dtype in (None, lucid.float16):
        with pytest.raises(CheckpointError, match="load_model: Module: 21 of 23") as error:
            load_model(model, path, dtype=dtype)
        assert values(model) == before
        assert model.head.weight is weight
        assert weight.dtype is lucid.float32
        report = error.value.report
        assert report.missing == ["head.weight"]
        assert report.mismatched == {"blocks.1.norm.running_mean": ((5,), (4,))}
        assert len(report.unexpected) == 7
    text = str(error.value)
    assert "missing in the checkpoint: 1\n    head: weight" in text
    assert "unexpected in the checkpoint: 7\n    blocks.3.linear: weight, bias\n    blocks.3.norm: weight, bias" in text
    assert "blocks.1.norm.running_mean: (5,) in the checkpoint, (4,) in the model" in text


def test_a_load_that_is_not_strict(path: Path) -> None:
    first, model = net(layers=4), net()
    state = first.state_dict()
    del state["head.weight"]
    state["head.bias"] = lucid.ones(7)
    save(state, path)
    before = values(model)
    report = load_model(model, path, strict=False)
    assert not report.complete
    assert (report.missing, report.mismatched) == (["head.weight"], {"head.bias": ((7,), (2,))})
    now = values(model)
    assert {name for name in now if now[name] == before[name]} >= {"head.weight", "head.bias"}
    assert now["blocks.0.linear.weight"] == values(first)["blocks.0.linear.weight"]


def test_other_values_than_tensors(path: Path) -> None:
    save({"weight": 3, "bias": lucid.ones(2)}, path)
    with pytest.raises(CheckpointError, match=r"(?s)load_model: .*expected lucid.Tensor"):
        load_model(nn.Linear(2, 2), path)


@pytest.mark.parametrize(
    ("there", "rename"), [("model.", {"model.": ""}), ("", {"": "module."}), ("old.", {"old.": "module."})]
)
def test_the_report_knows_what_names_differ_by(path: Path, there: str, rename: dict[str, str]) -> None:
    model = net()
    wrapped = model
    if "module." in rename.values():
        wrapped = nn.Module()
        wrapped.module = model
    save({there + name: t for name, t in net().state_dict().items()}, path)
    with pytest.raises(CheckpointError) as error:
        load_model(wrapped, path)
    assert f"rename={rename!r} would find 20 of the missing ones" in str(error.value)
    assert load_model(wrapped, path, rename=rename).complete


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        (["a"], ["a"]),
        (["a.weight", "a.bias"], ["a: weight, bias"]),
        ([f"l.{k}.w" for k in (0, 1, 2, 5)], ["l.{0-2,5}: w"]),
        ([f"l.{k}.x.{n}.w" for k in range(3) for n in range(2)], ["l.{0-2}.x.{0-1}: w"]),
        (["l.0.0.w", "l.0.1.w", "l.1.0.w"], ["l.0.{0-1}: w", "l.1.0: w"]),
        (["l.0.w", "l.1.w", "l.0.b"], ["l.{0-1}: w", "l.0: b"]),
        (["0.w", "1.w", "x"], ["{0-1}: w", "x"]),
    ],
)
def test_names_are_grouped(names: list[str], lines: list[str]) -> None:
    assert grouped(names) == lines


# ---- dtypes and places -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("assign", [False, True])
def test_dtypes(path: Path, assign: bool) -> None:
    save(net().half().state_dict(), path)
    model = net()
    assert load_model(model, path, assign=assign).complete
    assert model.head.weight.dtype is (lucid.float16 if assign else lucid.float32)
    model = net()
    load_model(model, path, dtype=lucid.bfloat16, assign=assign)
    kinds = {t.dtype for t in model.state_dict().values()}
    assert kinds == {lucid.bfloat16, lucid.int64}
    assert isinstance(model.head.weight, nn.Parameter)
    assert model.head.weight.requires_grad
    load_model(model, path, dtype="float32", map_location="cpu")
    assert model.head.weight.dtype is lucid.float32
    assert model.head.weight.device.type == "cpu"


def test_lazy_modules(path: Path) -> None:
    save(nn.Linear(3, 2).state_dict(), path)
    model = nn.LazyLinear(2)
    assert load_model(model, path).complete
    assert model.weight.shape == (2, 3)


# ---- quantised weights -----------------------------------------------------------------------------------------------


def quantised(weight: Any, **kwargs: Any) -> dict[str, Any]:
    parts = mx.quantize(mx.array(weight), **kwargs)
    names = ("weight", "scales", "biases")
    return {name: lucid.tensor(part) for name, part in zip(names, parts, strict=False)}


@pytest.mark.parametrize("mode", ["affine", "mxfp4", "mxfp8", "nvfp4"])
def test_weights_that_mlx_quantised(path: Path, mode: str) -> None:
    weight = np.random.default_rng(0).standard_normal((8, 256)).astype(np.float32)
    state = quantised(weight, mode=mode)
    save({f"fc.{name}": t for name, t in state.items()}, path)
    model = nn.Module()
    model.fc = nn.Linear(256, 8, bias=False)
    report = load_model(model, path)
    assert report.dequantized == ["fc.weight"]
    assert "dequantized: 1\n    fc: weight" in repr(report)
    parts = [state["weight"]._data, state["scales"]._data]
    want = mx.dequantize(*parts, state["biases"]._data if "biases" in state else None, mode=mode, dtype=mx.float32)
    np.testing.assert_array_equal(model.fc.weight.numpy(force=True), np.array(want))
    assert np.abs(model.fc.weight.numpy(force=True) - weight).max() < 0.7


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("group_size", [32, 64, 128])
def test_the_shapes_of_the_model_say_how(path: Path, bits: int, group_size: int) -> None:
    weight = np.random.default_rng(0).standard_normal((8, 256)).astype(np.float32)
    state = quantised(weight, bits=bits, group_size=group_size)
    want = mx.dequantize(*[t._data for t in state.values()], bits=bits, group_size=group_size)
    save(state, path)
    model = nn.Linear(256, 8, bias=False)
    load_model(model, path)
    np.testing.assert_array_equal(model.weight.numpy(force=True), np.array(want))
    found = dequantize(lucid.load(path), bits=bits, group_size=group_size)
    np.testing.assert_array_equal(found["weight"].numpy(), np.array(want))
    config = {"quantization": {"bits": 4, "group_size": 1, "x": {}, "": {"bits": bits, "group_size": group_size}}}
    found = dequantize(lucid.load(path), config, dtype=lucid.float16)
    assert found["weight"].dtype is lucid.float16
    (path.parent / "config.json").write_text(json.dumps(config))
    for where in (path.parent, path.parent / "config.json"):
        assert list(dequantize(lucid.load(path), where)) == ["weight"]


def test_shapes_that_leave_a_choice_or_do_not_fit(tmp_path: Path) -> None:
    state = quantised(np.ones((8, 256), np.float32))
    with pytest.raises(CheckpointError, match="weight may be of bits=2, group_size=128 or bits=4, group_size=64 or"):
        dequantize(state)
    with pytest.raises(CheckpointError, match="does not fit bits=3, group_size=None"):
        dequantize(state, bits=3)
    with pytest.raises(CheckpointError, match="do not fit together"):
        dequantize({**state, "scales": lucid.ones(8, 5)})
    with pytest.raises(CheckpointError, match="quantised in an unknown way"):
        dequantize({"weight": state["weight"], "scales": state["scales"]})
    assert dequantize(state, tmp_path, bits=4)["weight"].shape == (8, 256)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="its JSON is broken"):
        dequantize(state, tmp_path)
    plain = {"scales": lucid.ones(3), "weight": lucid.ones(3), "a.scales": lucid.ones(3)}
    assert list(dequantize(plain)) == list(plain)


def test_models_with_quantised_layers_of_their_own_get_them_as_they_are(path: Path) -> None:
    save(quantised(np.ones((8, 64), np.float32)), path)
    model = nn.Module()
    for name, t in quantised(np.zeros((8, 64), np.float32)).items():
        model.register_buffer(name, t)
    report = load_model(model, path)
    assert report.complete
    assert not report.dequantized
    assert lucid.equal(model.scales, lucid.load(path)["scales"])

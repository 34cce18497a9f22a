"""`load_model`: a checkpoint into a model, with other names, another dtype, and a report."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from lucid import dtypes
from lucid._tensor import Tensor
from lucid.nn import Module
from lucid.nn.modules._loading import _Snapshot
from lucid.nn.parameter import is_lazy
from lucid.serialization import _memory, _quantised
from lucid.serialization._header import CheckpointError
from lucid.serialization._loading import located, read
from lucid.serialization._placing import MapLocation, placer
from lucid.serialization._report import LoadReport

Rename = Mapping[Any, "str | None"] | Callable[[str], "str | None"] | None

_STATES = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")


def load_model(
    model: Module,
    path: Any,
    *,
    rename: Rename = None,
    strict: bool = True,
    dtype: Any = None,
    map_location: MapLocation = None,
    assign: bool = False,
    key: str | None = None,
    mmap: bool = True,
) -> LoadReport:
    """Load a checkpoint of any format that `load` reads into `model`.

    Values are read when they are used: the model and its checkpoint never take more memory than one of them. If
    anything is wrong the model is left as it was.

    Weights that MLX quantised are dequantised where the model has ordinary ones; `config.json` beside the checkpoint
    says how, if the shapes leave a choice.

    Args:
        model: the module.
        path: of a file or a folder, or an open file.
        rename: how names of the checkpoint become the model's: a dict from prefixes, or compiled regular expressions,
            to what replaces them, applied one after the other, with None to leave such tensors out; or a function of
            the name that returns the new one or None.
        strict: raise for missing, unexpected and mismatched tensors. Otherwise those are left as they are, and the
            report says which.
        dtype: convert the model's floating-point parameters and buffers to it, and what is loaded.
        map_location: as in `load`.
        assign: use the loaded tensors as the parameters, with their dtypes, instead of copying into those that are
            there.
        key: where the state of the model is in a checkpoint that holds more; by default where it usually is, such as
            "state_dict" or "model".
        mmap: as in `load`.

    Returns a report. Raises CheckpointError with it, also as its attribute `report`, if `strict` and not all is well.

    >>> import lucid, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "fc.safetensors")
    >>> lucid.save(lucid.nn.Linear(2, 1).state_dict(), path)
    >>> model = lucid.nn.Sequential(lucid.nn.Linear(2, 1))
    >>> lucid.serialization.load_model(model, path, rename={"": "0."})
    Sequential: 2 of 2 tensors loaded from ...fc.safetensors
    """
    if not isinstance(model, Module):
        raise TypeError(f"load_model: expected a Module, got {type(model).__name__}")
    to = None if dtype is None else dtypes.as_dtype(dtype, "load_model")
    state, key = state_of(read(path, placer(map_location), mmap), path, key)
    report = LoadReport(_named(path), type(model).__name__, key)
    before = _Snapshot(model)
    try:
        if to is not None:
            model.to(to)
        state = renamed(state, rename)
        strange = [name for name in state if not isinstance(name, str)]
        if strange:
            raise CheckpointError(
                f"load_model: {report.path}: {strange[0]!r} is no name of a tensor; rename it to a str"
            )
        _dequantise(state, model, path, report)
        if to is not None and assign:
            state = cast(state, to)
        _fill(model, state, assign, report)
        if strict and not report.complete:
            raise _error(report)
    except BaseException:
        before.restore()
        raise
    return report


def _named(path: Any) -> str:
    return os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(getattr(path, "name", "a stream"))


def _error(report: LoadReport) -> CheckpointError:
    error = CheckpointError(f"load_model: {report}")
    error.report = report
    return error


def state_of(found: Any, path: Any, key: str | None) -> tuple[Mapping[str, Any], str | None]:
    """The state of a model in what was loaded, and where it was."""
    if key is not None:
        if not isinstance(found, Mapping) or not isinstance(found.get(key), Mapping):
            has = list(found)[:10] if isinstance(found, Mapping) else f"a {type(found).__name__}"
            raise CheckpointError(f"load_model: {_named(path)}: it has no state under {key!r}, but {has}")
        return found[key], key
    if not isinstance(found, Mapping):
        raise CheckpointError(f"load_model: {_named(path)}: it holds a {type(found).__name__}, not a dict of tensors")
    is_state = not found or hasattr(found, "_metadata")  # a module may have nothing, or no tensors
    if not is_state and not any(isinstance(t, Tensor) for t in found.values()):
        for one in _STATES:
            if isinstance(found.get(one), Mapping):
                return found[one], one
        states = [name for name, part in found.items() if isinstance(part, Mapping)]
        what = f"name one of {states} as key=" if states else f"it has {list(found)[:10]}"
        raise CheckpointError(f"load_model: {_named(path)}: it holds no tensors; {what}")
    return found, None


def _with_metadata(items: Any, like: Any) -> OrderedDict[str, Any]:
    found: OrderedDict[str, Any] = OrderedDict(items)
    if hasattr(like, "_metadata"):
        found._metadata = like._metadata  # type: ignore[attr-defined]
    return found


def cast(state: Mapping[str, Any], to: dtypes.dtype) -> OrderedDict[str, Any]:
    """`state` with its floating-point tensors in the dtype `to`. Those that are one, such as tied weights, stay one."""
    names = [name for name, t in state.items() if isinstance(t, Tensor) and t.dtype.is_floating_point]
    places, _ = _memory.places([state[name] for name in names])
    found = _with_metadata(state.items(), state)
    for k, (name, place) in enumerate(zip(names, places, strict=True)):
        again = place.of != k and place.view is None
        found[name] = found[names[place.of]].detach() if again else state[name].to(to)
    return found


def renamed(state: Mapping[str, Any], rename: Rename) -> OrderedDict[str, Any]:
    """`state` under other names. Raises CheckpointError if two become one."""
    if rename is None:
        return _with_metadata(state.items(), state)
    if not callable(rename) and not isinstance(rename, Mapping):
        raise TypeError(f"load_model: expected rename as a dict or a function, got {type(rename).__name__}")
    new = rename if callable(rename) else _rules(rename)
    found: OrderedDict[str, Any] = OrderedDict()
    old_names: dict[str, str] = {}
    for name, value in state.items():
        to = new(name)
        if to is None:
            continue
        if not isinstance(to, str) and to is not name:
            raise TypeError(f"load_model: rename has to give a str or None, got {type(to).__name__} for {name!r}")
        if to in found:
            raise CheckpointError(f"load_model: rename makes {to!r} of both {old_names[to]!r} and {name!r}")
        found[to], old_names[to] = value, name
    return found


def _rules(rename: Mapping[Any, str | None]) -> Callable[[str], str | None]:
    for old in rename:
        if not isinstance(old, (str, re.Pattern)):
            raise TypeError(f"load_model: expected texts or compiled patterns in rename, got {type(old).__name__}")

    def new(name: str) -> str | None:
        if not isinstance(name, str):
            return name
        for old, to in rename.items():
            matches = old.search(name) is not None if isinstance(old, re.Pattern) else name.startswith(old)
            if not matches:
                continue
            if to is None:
                return None
            name = old.sub(to, name) if isinstance(old, re.Pattern) else to + name[len(old) :]
        return name

    return new


def _dequantise(state: OrderedDict[str, Any], model: Module, path: Any, report: LoadReport) -> None:
    """Replace quantised weights in `state` where the model has ordinary ones."""
    modules = _quantised.quantised(state)
    if not modules:
        return
    own = model.state_dict(keep_vars=True)
    folder = located(path)
    about = _quantised.quantization(os.path.dirname(os.path.abspath(folder)) if isinstance(folder, str) else None)
    for base in modules:
        name = f"{base}weight"
        if f"{base}scales" in own or name not in own or not own[name].dtype.is_floating_point:
            continue
        columns = own[name].shape[-1] if not is_lazy(own[name]) and own[name].ndim else None
        state[name] = _quantised.weight(state, base, _quantised.of_layer(about, base), columns, None)
        del state[f"{base}scales"]
        state.pop(f"{base}biases", None)
        report.dequantized.append(name)


def _fill(model: Module, state: OrderedDict[str, Any], assign: bool, report: LoadReport) -> None:
    own = model.state_dict(keep_vars=True)
    try:
        keys = model.load_state_dict(state, strict=False, assign=assign)
    except RuntimeError as error:
        for name, t in own.items():
            found = state.get(name)
            if isinstance(found, Tensor) and isinstance(t, Tensor) and not is_lazy(t) and not _fits(found, t):
                report.mismatched[name] = tuple(found.shape), tuple(t.shape)
        if not report.mismatched:
            raise CheckpointError(f"load_model: {report.path}: {error}") from None
        fitting = _with_metadata(((n, t) for n, t in state.items() if n not in report.mismatched), state)
        keys = model.load_state_dict(fitting, strict=False, assign=assign)
    report.missing = [name for name in keys.missing_keys if name not in report.mismatched]
    report.unexpected = list(keys.unexpected_keys)
    gone = {*report.missing, *report.mismatched}
    report.loaded = [name for name in own if name not in gone]


def _fits(found: Tensor, t: Tensor) -> bool:
    return found.shape == t.shape or (t.ndim == 0 and tuple(found.shape) == (1,))

"""PyTorch's own database of modules, held against lucid: what `test_module_database_parity` runs.

For every class of the database that lucid has, on the database's arguments of the constructor and of the call, in
training and not: signature, attributes, repr, state dicts both ways, values, gradients, buffers afterwards, copies,
other dtypes, and the errors that the database expects.
"""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import random
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch

import lucid
from lucid import _tape
from tests.checks import assert_same, class_of, leaves, to_lucid
from tests.nn.layer_checks import as_lucid, as_torch
from tests.ops.database import ROUGH, find

# Of each dtype: how many samples from the front, and how many drawn from the rest, for training and evaluation each.
CHOSEN = {torch.float32: (4, 16), torch.float64: (2, 4), torch.bfloat16: (1, 2), torch.float16: (1, 2)}
STRUCTURES = 4  # how many of the first are looked at for what does not depend on values
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-6, **ROUGH}
PLAIN = (bool, int, float, str, type(None), tuple, list, torch.dtype)


@functools.cache
def everything() -> dict[str, Any]:
    """The entries of the database by the name of the class, and those of `more_modules`: loading takes some seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db

        from tests.nn import more_modules
    return {info.module_cls.__name__: info for info in module_db} | more_modules.entries()


@functools.cache
def entries() -> dict[str, Any]:
    """The entries whose class lucid has."""
    return {name: info for name, info in everything().items() if counterpart(info.module_cls) is not None}


def counterpart(kind: type) -> Any:
    """Lucid's class of the same name, or None."""
    found = getattr(lucid.nn, kind.__name__, None)
    return found if found is not None else find(lucid, ".".join([*kind.__module__.split(".")[1:], kind.__name__]))


# ---- the same arguments for both -------------------------------------------------------------------------------------


class Twins:
    """Tensors made twice, once for each library: a tensor that is given in two places is one tensor in both."""

    def __init__(self, *, through_copy: bool = False) -> None:
        self.through_copy = through_copy  # what writes into its input must not get a leaf
        self.made: dict[int, tuple[Any, Any, Any]] = {}  # with the original, so that its id is not used again

    def __call__(self, value: Any) -> tuple[Any, Any]:
        """`value` for PyTorch, and for lucid."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self.made:
                theirs = value.detach().clone().requires_grad_(value.requires_grad)
                self.made[id(value)] = (value, theirs, to_lucid(theirs, requires_grad=True))
            _, theirs, mine = self.made[id(value)]
            return (theirs.clone(), mine.clone()) if self.through_copy and theirs.requires_grad else (theirs, mine)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            both = [self(v) for v in value]
            return type(value)(*[b[0] for b in both]), counterpart(type(value))(*[b[1] for b in both])
        if isinstance(value, (list, tuple)):
            both = [self(v) for v in value]
            return type(value)(b[0] for b in both), type(value)(b[1] for b in both)
        if isinstance(value, dict):
            both = [self(v) for v in value.values()]
            return tuple(dict(zip(value, [b[k] for b in both], strict=True)) for k in (0, 1))  # type: ignore[return-value]
        if isinstance(value, torch.nn.Module):
            return value, module_like(value)
        if isinstance(value, types.FunctionType) and value.__module__.startswith("torch."):
            return value, find(lucid, f"{value.__module__}.{value.__name__}".partition(".")[2])
        return value, to_lucid(value)

    def variables(self) -> list[tuple[Any, Any]]:
        """Those that require gradients."""
        return [(theirs, mine) for _, theirs, mine in self.made.values() if theirs.requires_grad]


def module_like(theirs: Any) -> Any:
    """A module of lucid's class with the attributes, parameters, buffers and children of PyTorch's."""
    mine = counterpart(type(theirs)).__new__(counterpart(type(theirs)))
    lucid.nn.Module.__init__(mine)
    for name, value in vars(theirs).items():
        if name not in _OF_EVERY_MODULE or name == "training":
            object.__setattr__(mine, name, Twins()(value)[1])
    for name, value in theirs._parameters.items():
        mine.register_parameter(name, None if value is None else lucid.nn.Parameter(to_lucid(value.detach())))
    for name, value in theirs._buffers.items():
        mine.register_buffer(name, to_lucid(value))
    for name, child in theirs._modules.items():
        mine.register_module(name, module_like(child))
    return mine


_OF_EVERY_MODULE = frozenset(vars(torch.nn.Module()))


# ---- samples ---------------------------------------------------------------------------------------------------------


def samples(info: Any, dtype: torch.dtype, training: bool) -> list[Any]:
    """Some of the entry's samples, always the same ones; in half precision, what float32 has."""
    torch.manual_seed(0)
    random.seed(0)
    first, drawn = CHOSEN[dtype]
    of = torch.float64 if dtype is torch.float64 else torch.float32
    found = list(info.module_inputs_func(info, device="cpu", dtype=of, requires_grad=True, training=training))
    found = [sample for sample in found if sample.forward_input is not None]
    rest = found[first:]
    return found[:first] + (random.Random(int(training)).sample(rest, drawn) if len(rest) > drawn else rest)


def differences(name: str) -> dict[str, list[str]]:
    """What differs in the class `name`: the failures by aspect."""
    info = everything()[name]
    found: dict[str, list[str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for aspect, case in _cases(info):
            try:
                case()
            except Exception as error:
                found.setdefault(aspect, []).append(f"{type(error).__name__}: {error}")
    return found


def _cases(info: Any) -> Iterator[tuple[str, Callable[[], None]]]:
    yield "signature", functools.partial(_signature, info)
    for dtype in CHOSEN:
        for training in (True, False):
            for k, sample in enumerate(samples(info, dtype, training)):
                if dtype is torch.float32 and k < STRUCTURES:
                    for aspect, check in (("attributes", _attributes), ("repr", _repr), ("state_dict", _state_dict)):
                        yield aspect, functools.partial(check, info, sample, training)
                    yield "copies", functools.partial(_copies, info, sample, training)
                yield str(dtype)[6:], functools.partial(_forward, info, sample, training, dtype)
    if info.module_error_inputs_func is not None:
        for training in (True, False):
            torch.manual_seed(0)
            for refused in info.module_error_inputs_func(
                info, device="cpu", dtype=torch.float32, requires_grad=False, training=training
            ):
                yield "errors", functools.partial(_error, info, refused.module_error_input, training)


def build(info: Any, sample: Any, training: bool) -> tuple[Any, Any]:
    """PyTorch's module and lucid's, from the same arguments, with the same random parameters and buffers."""
    given = sample.constructor_input
    (args, kwargs), (my_args, my_kwargs) = Twins()((given.args, given.kwargs))
    theirs = info.module_cls(*args, **kwargs).train(training)
    mine = counterpart(info.module_cls)(*my_args, **my_kwargs).train(training)
    if any(b.dtype is torch.float64 for b in theirs.buffers()):  # of fractional pooling, whatever dtype is asked for
        theirs, mine = theirs.float(), mine.float()
    if info.is_lazy:
        shaping = Twins()(cast(sample.forward_input.args, torch.float32))
        for module, arguments in zip((theirs, mine), shaping, strict=True):
            module(*arguments)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_((torch.randn(p.shape, generator=generator) * 0.5 + 0.1).to(p.dtype))
        for key, buffer in theirs.named_buffers():
            if "running" in key:
                buffer.copy_(torch.rand(buffer.shape, generator=generator).to(buffer.dtype) + 0.5)
    mine.load_state_dict(as_lucid(theirs.state_dict()), strict=True)
    return theirs, mine


# ---- what is compared ------------------------------------------------------------------------------------------------


def parameters_of(function: Any) -> list[tuple[str, Any, Any]]:
    """The parameters of a function: names, kinds and defaults."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def _signature(info: Any) -> None:
    mine = counterpart(info.module_cls)
    for method in ("__init__", "forward"):
        want, got = (parameters_of(getattr(kind, method)) for kind in (info.module_cls, mine))
        if not any(kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD) for _, kind, _ in want):
            assert plain(got) == plain(want), f"{method}: got {got}, expected {want}"
    want, got = (sorted(getattr(kind, "__constants__", ())) for kind in (info.module_cls, mine))
    assert got == want, f"__constants__: got {got}, expected {want}"


def plain(value: Any) -> Any:
    """`value` with functions by their names."""
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.__name__ if isinstance(value, types.FunctionType) else value


def _attributes(info: Any, sample: Any, training: bool) -> None:
    theirs, mine = build(info, sample, training)
    for (path, module), twin in zip(theirs.named_modules(), mine.modules(), strict=True):
        for name, value in vars(module).items():
            if name in _OF_EVERY_MODULE or not isinstance(value, PLAIN) or leaves(value):
                continue
            if isinstance(value, list) and any(isinstance(v, weakref.ref) for v in value):
                continue
            got, where = getattr(twin, name, "nothing"), f"{path}.{name}"
            if isinstance(value, torch.dtype):
                got, value = str(got).partition(".")[2], str(value).partition(".")[2]
            assert (type(got), got) == (type(value), value), f"{where}: got {got!r}, expected {value!r}"


def _repr(info: Any, sample: Any, training: bool) -> None:
    theirs, mine = build(info, sample, training)
    assert repr(mine) == repr(theirs)
    assert str(mine) == str(theirs)


def described(tensors: Any) -> list[tuple[str, tuple[int, ...], str, bool]]:
    """Names, shapes, dtypes and whether gradients are wanted."""
    return [(name, tuple(t.shape), str(t.dtype).partition(".")[2], t.requires_grad) for name, t in tensors]


def _state_dict(info: Any, sample: Any, training: bool) -> None:
    theirs, mine = build(info, sample, training)
    for module, (args, kwargs) in zip((theirs, mine), _call_arguments(sample), strict=True):
        module(*args, **kwargs)
    want, got = theirs.state_dict(), mine.state_dict()
    assert described(got.items()) == described(want.items())
    assert dict(got._metadata) == dict(want._metadata)
    assert described(mine.named_parameters()) == described(theirs.named_parameters())
    assert described(mine.named_buffers()) == described(theirs.named_buffers())
    assert theirs.load_state_dict(as_torch(got), strict=True)
    assert str(mine.load_state_dict(as_lucid(want), strict=True)) == "<All keys matched successfully>"
    _same_state(mine, theirs, 0.0)


def _call_arguments(sample: Any) -> tuple[Any, Any]:
    return Twins(through_copy=True)((sample.forward_input.args, sample.forward_input.kwargs))


def _same_state(mine: Any, theirs: Any, tol: float) -> None:
    """Assert that all parameters and buffers, also those that a state dict leaves out, are the same."""
    for named in ("named_parameters", "named_buffers"):
        for (key, got), (_, want) in zip(getattr(mine, named)(), getattr(theirs, named)(), strict=True):
            assert_same(got, want, tol, key)


def _copies(info: Any, sample: Any, training: bool) -> None:
    theirs, mine = build(info, sample, training)
    text = repr(mine)
    for twin in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        assert repr(twin) == text
        assert type(twin) is type(mine)
        assert twin.training == training
        assert set(vars(twin)) == set(vars(mine))
        _same_state(twin, theirs, 0.0)
        args, kwargs = _call_arguments(sample)[1]
        twin(*args, **kwargs)  # what is no longer connected fails here, or moves the original:
        _same_state(mine, theirs, 0.0)


def is_chance(theirs: Any) -> bool:
    """True if random numbers are drawn in a call."""
    for module in theirs.modules():
        p = getattr(module, "p", 0.0) if "Dropout" in type(module).__name__ else getattr(module, "dropout", 0.0)
        random_windows = "Fractional" in type(module).__name__ and module._random_samples is None
        if random_windows or (module.training and (isinstance(module, torch.nn.RReLU) or (isinstance(p, float) and p))):
            return True
    return False


def _forward(info: Any, sample: Any, training: bool, dtype: torch.dtype) -> None:
    theirs, mine = build(info, sample, training)
    for how in ("replay", "per node"):
        _call(theirs, mine, sample, dtype, how)


def cast(value: Any, dtype: torch.dtype) -> Any:
    """`value` with its floating tensors in `dtype`."""
    if isinstance(value, torch.Tensor):
        return value.detach().to(dtype).requires_grad_(value.requires_grad) if value.is_floating_point() else value
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(cast(v, dtype) for v in value)
    return {k: cast(v, dtype) for k, v in value.items()} if isinstance(value, dict) else value


def _call(theirs: Any, mine: Any, sample: Any, dtype: torch.dtype, how: str) -> None:
    """Both modules in `dtype` on the sample: results, gradients and what the buffers became."""
    given = sample.forward_input.args, sample.forward_input.kwargs
    if dtype is not torch.float32:
        theirs, mine, given = theirs.to(dtype), mine.to(to_lucid(dtype)), cast(given, dtype)
    twins = Twins(through_copy=getattr(theirs, "inplace", False))
    (args, kwargs), (my_args, my_kwargs) = twins(given)
    wide = copy.deepcopy(theirs) if dtype in ROUGH else None
    try:
        want = theirs(*args, **kwargs)
    except Exception as expected:
        if dtype in ROUGH:
            return  # PyTorch has no such kernel
        try:
            mine(*my_args, **my_kwargs)
        except class_of(expected):
            return
        raise
    got = mine(*my_args, **my_kwargs)
    outs, my_outs = leaves(want), leaves(got)
    assert described(("", t) for t in my_outs) == described(("", t) for t in outs)
    if is_chance(theirs):
        return
    generator = torch.Generator().manual_seed(1)
    seeds = [torch.randn(w.shape, generator=generator).to(w.dtype) for w in outs if w.requires_grad]
    found = _my_gradients(mine, my_outs, twins, seeds, how)
    try:
        _compare(theirs, mine, want, got, _gradients(theirs, outs, twins, seeds), found, dtype, how)
    except AssertionError:  # what PyTorch itself gets in float32, and then rounds, is as good
        if wide is None:
            raise
        twins = Twins(through_copy=twins.through_copy)
        (args, kwargs), _ = twins(cast(given, torch.float32))
        want = wide.float()(*args, **kwargs)
        expected_gradients = _gradients(wide, leaves(want), twins, [s.float() for s in seeds])
        _compare(wide.to(dtype), mine, cast(want, dtype), got, cast(expected_gradients, dtype), found, dtype, how)


def _gradients(module: Any, outs: list[Any], twins: Twins, seeds: list[Any]) -> dict[str, Any]:
    asked = {f"input {k}": theirs for k, (theirs, _) in enumerate(twins.variables())}
    asked |= {name: p for name, p in module.named_parameters() if p.requires_grad}
    outs = [t for t in outs if t.requires_grad]
    if not outs or not asked:
        return {}
    return dict(zip(asked, torch.autograd.grad(outs, list(asked.values()), seeds, allow_unused=True), strict=True))


def _my_gradients(module: Any, outs: list[Any], twins: Twins, seeds: list[Any], how: str) -> list[Any]:
    asked = [mine for _, mine in twins.variables()] + [p for p in module.parameters() if p.requires_grad]
    outs = [t for t in outs if t.requires_grad]
    if not outs or not asked:
        return []
    if how == "per node":
        _tape.evaluate(*outs)
    return list(lucid.autograd.grad(outs, asked, [to_lucid(s) for s in seeds], allow_unused=True))


def _compare(
    theirs: Any, mine: Any, want: Any, got: Any, expected: dict[str, Any], found: list[Any], dtype: Any, how: str
) -> None:
    tol = TOLERANCE[dtype]
    assert_same(got, want, tol)
    for (name, w), g in zip(expected.items(), found, strict=True):
        if w is not None:
            assert g is not None, f"no gradient of {name}"
            largest = w.abs().max().item() if w.numel() else 0.0
            assert_same(g, w, tol * (largest if largest > 1 else 1.0), f"gradient of {name} ({how})")
    _same_state(mine, theirs, tol)


def _error(info: Any, sample: Any, training: bool) -> None:
    def attempt(kind: Any, which: int) -> Exception | None:
        given, call = sample.constructor_input, sample.forward_input
        args, kwargs = Twins()((given.args, given.kwargs))[which]
        try:
            module = kind(*args, **kwargs).train(training)
            if call is not None:
                args, kwargs = Twins()((call.args, call.kwargs))[which]
                module(*args, **kwargs)
        except Exception as error:
            return error
        return None

    want, got = attempt(info.module_cls, 0), attempt(counterpart(info.module_cls), 1)
    if want is not None:
        assert isinstance(got, class_of(want)), f"{got!r}, expected {want!r}"
        assert str(got), "an error without a message"

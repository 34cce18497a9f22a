"""PyTorch's own database of operations, held against lucid: what `test_database_parity` runs.

For every entry whose operation lucid has: values, dtypes, shapes and gradients in each dtype, the errors that the
database expects, the in-place twin, and `out=`. What fails is listed in `known_differences` with its reason.
"""

from __future__ import annotations

import functools
import itertools
import random
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils._pytree import tree_map_only

import lucid
from tests.checks import assert_same, check_op, class_of, leaves, to_lucid

DTYPES = (
    torch.float32,
    torch.float64,
    torch.int64,
    torch.int32,
    torch.bool,
    torch.complex64,
    torch.float16,
    torch.bfloat16,
)
FIRST, CHOSEN, LOOKED_AT = 4, 4, 200  # samples from the front, drawn from the rest, and how far the rest goes
ROUGH = {torch.float16: 1e-2, torch.bfloat16: 6e-2}  # PyTorch rounds in between, MLX not always
NEAR = 1e-3  # for `out=` and the like, where the values themselves were compared before
WIDER = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}
NOT_OURS = (torch.complex128, torch.complex32)

# The values are chance, or whatever was in memory: only dtype and shape are compared.
ANY_VALUE = frozenset(
    "bernoulli cauchy empty empty_like empty_permuted empty_strided exponential geometric log_normal multinomial "
    "new_empty new_empty_strided normal nn.functional.alpha_dropout nn.functional.dropout nn.functional.dropout2d "
    "nn.functional.dropout3d nn.functional.feature_alpha_dropout nn.functional.fractional_max_pool2d "
    "nn.functional.fractional_max_pool3d nn.functional.rrelu rand_like randint randint_like "
    "randn randn_like resize_ resize_as_ uniform".split()
)

# Vectors that are known up to a sign or phase: compared is the database's own function of the result.
UP_TO_PHASE = frozenset("linalg.eigh linalg.svd pca_lowrank svd svd_lowrank".split())
# ... and eigenvalues without an order: compared is something that does not depend on it.
WITHOUT_ORDER: dict[str, Callable[[Any], Any]] = {
    "linalg.eig": lambda r: (r[1].abs() ** 2 * r[0][..., None, :]).sum(-1),
    "linalg.eigvals": lambda w: (w.sum(-1), (w * w).sum(-1)),
}

DOTS = frozenset("__rmatmul__ dot inner matmul tensordot vdot".split())


@functools.cache
def oracle_is_spoiled() -> bool:
    """True if a preloaded OpenBLAS returns complex dot products where PyTorch's build does not look for them."""
    ones = torch.ones(3, dtype=torch.complex64)
    return torch.vdot(ones, ones).item() != 3


@functools.cache
def entries() -> dict[str, Any]:
    """The entries of the database whose operation lucid has, by name (and variant)."""
    return {key: info for key, info in everything().items() if counterpart(info) is not None}


@functools.cache
def everything() -> dict[str, Any]:
    """All entries of the database: loading it takes some seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return {info.name + (f".{info.variant_test_name}" if info.variant_test_name else ""): info for info in op_db}


def find(root: Any, path: str) -> Any:
    """The attribute of `root` at the dotted `path`, or None."""
    for part in path.split("."):
        root = getattr(root, part, None)
    return root


def written_for_torch(op: Any) -> bool:
    """True for a function of the database's own around an operation."""
    return isinstance(op, types.FunctionType) and op.__module__.startswith("torch.testing")


def retold(op: types.FunctionType) -> types.FunctionType:
    """The same function, with lucid where it says torch."""
    scope = {**op.__globals__, "torch": lucid, "F": lucid.nn.functional}
    return types.FunctionType(op.__code__, scope, op.__name__, op.__defaults__, op.__closure__)


def is_method(variant: Any) -> bool:
    """True unless `variant` is a binding that PyTorch itself does not show as a method."""
    return written_for_torch(variant) or hasattr(torch.Tensor, getattr(variant, "__name__", ""))


def method_of(variant: Any, name: str) -> Any:
    """Lucid's form of a method of torch.Tensor."""
    return retold(variant) if written_for_torch(variant) else getattr(lucid.Tensor, getattr(variant, "__name__", name))


def counterpart(info: Any) -> Callable[..., Any] | None:
    """Lucid's form of the entry's operation, or None."""
    if written_for_torch(info.op):
        known = find(lucid, info.name), find(lucid.Tensor, info.name), find(lucid.Tensor, info.name + "_")
        return retold(info.op) if any(k is not None for k in known) else None
    for root in (lucid, lucid.Tensor):
        found = find(root, info.name)
        if isinstance(found, property):
            return found.fget
        if callable(found):
            return found
    return None


def samples(info: Any, dtype: torch.dtype, requires_grad: bool) -> list[Any]:
    """Some of the entry's samples: always the same ones."""
    torch.manual_seed(0)
    random.seed(0)
    found = list(itertools.islice(info.sample_inputs("cpu", dtype, requires_grad=requires_grad), LOOKED_AT))
    rest = found[FIRST:]
    return found[:FIRST] + (random.Random(1).sample(rest, CHOSEN) if len(rest) > CHOSEN else rest)


def representable(*values: Any) -> bool:
    """True if no tensor among `values` is of a dtype that MLX does not have."""
    return not any(t.dtype in NOT_OURS for t in leaves(values))


def differences(key: str) -> dict[str, list[str]]:
    """What differs in the entry `key`: the failures by aspect, a dtype or one of those in `known_differences`."""
    info = everything()[key]
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
    op = counterpart(info)
    assert op is not None
    supported = info.supported_dtypes("cpu")
    dtypes = [d for d in DTYPES if d in supported]
    if torch.complex64 in dtypes and info.name in DOTS and oracle_is_spoiled():
        dtypes.remove(torch.complex64)
    for dtype in dtypes:
        derive = info.supports_autograd and dtype in (torch.float32, torch.float64)
        for k, sample in enumerate(samples(info, dtype, derive)):
            second = dtype is torch.float64 and info.supports_gradgrad and k < 4
            yield str(dtype)[6:], functools.partial(_value, info, op, sample, second)
    if not dtypes:
        return
    dtype = torch.float32 if torch.float32 in dtypes else dtypes[0]
    plain = samples(info, dtype, False)
    for sample in plain:
        if info.supports_out and not sample.kwargs.get("out"):
            yield "out", functools.partial(_out, info, op, sample)
        if info.inplace_variant is not None and not sample.broadcasts_input and is_method(info.inplace_variant):
            yield "inplace", functools.partial(_in_place, info, sample)
    if info.method_variant is not None and plain:
        yield "method", functools.partial(_method, info, plain[0])
    for alias in info.aliases:
        yield "aliases", functools.partial(_alias, alias, plain)
    if info.error_inputs_func is not None:
        torch.manual_seed(0)
        for refused in info.error_inputs("cpu"):
            yield "errors", functools.partial(_error, info, op, refused)


def _arguments(sample: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (sample.input, *sample.args), sample.kwargs


def _value(info: Any, op: Callable[..., Any], sample: Any, second: bool) -> None:
    args, kwargs = _arguments(sample)
    want = info.op(*args, **kwargs)
    if not representable(args, kwargs, want):
        return
    drops = info.name == "nn.functional.multi_head_attention_forward" and kwargs.get("training", True) and args[10] > 0
    chance = info.name == "svd_lowrank" and kwargs["M"] is not None  # the rank is above q: how near is luck
    if info.name in ANY_VALUE or kwargs.get("dropout_p") or drops or chance:
        got = op(*to_lucid(args), **to_lucid(kwargs))
        for g, w in zip(leaves(got), leaves(want), strict=True):
            assert (str(g.dtype)[6:], tuple(g.shape)) == (str(w.dtype)[6:], tuple(w.shape)), f"got {g!r}"
        return
    tol = ROUGH.get(first_dtype(want))
    process = essence(info, sample)
    op, reference = then(op, process), then(info.op, process)
    try:
        check_op(op, reference, *args, second=second, tol=tol, **kwargs)
    except AssertionError:  # what PyTorch itself gets in a wider dtype, and then rounds, is as good
        narrow = first_dtype((args, kwargs))
        if narrow not in WIDER or first_dtype(want) is not narrow:
            raise
        check_op(op, in_wider(reference, narrow), *args, second=second, tol=tol, **kwargs)


def essence(info: Any, sample: Any) -> Callable[[Any], Any] | None:
    """A function of the results of which there is only one, where the results themselves are a choice."""
    return sample.output_process_fn_grad if info.name in UP_TO_PHASE else WITHOUT_ORDER.get(info.name)


def then(op: Callable[..., Any], process: Callable[[Any], Any] | None) -> Callable[..., Any]:
    """`op`, followed by `process`."""
    return op if process is None else lambda *args, **kwargs: process(op(*args, **kwargs))


def first_dtype(values: Any) -> Any:
    """The dtype of the first tensor in `values`."""
    return next((t.dtype for t in leaves(values)), None)


def in_wider(op: Callable[..., Any], narrow: torch.dtype) -> Callable[..., Any]:
    """`op`, computed in the next wider dtype and rounded at the end."""
    wide = WIDER[narrow]

    def convert(value: Any, old: torch.dtype, new: torch.dtype) -> Any:
        return tree_map_only(torch.Tensor, lambda t: t.to(new) if t.dtype is old else t, value)

    def reference(*args: Any, **kwargs: Any) -> Any:
        return convert(op(*convert(args, narrow, wide), **convert(kwargs, narrow, wide)), wide, narrow)

    return reference


def _out(info: Any, op: Callable[..., Any], sample: Any) -> None:
    args, kwargs = _arguments(sample)
    want = info.op(*args, **kwargs)
    if not representable(args, kwargs, want) or not leaves(want) or kwargs.get("as_tuple"):
        return
    place: Any = tuple(lucid.empty(0, dtype=to_lucid(w.dtype)) for w in leaves(want))
    place = place if isinstance(want, (tuple, list)) else place[0]
    got = op(*to_lucid(args), **to_lucid(kwargs), out=place)
    assert all(g is p for g, p in zip(leaves(got), leaves(place), strict=True)), "the result is not `out`"
    if info.name not in ANY_VALUE:
        process = essence(info, sample) or (lambda result: result)
        assert_same(process(got), process(want), NEAR)


def _in_place(info: Any, sample: Any) -> None:
    args, kwargs = _arguments(sample)
    variant = info.inplace_variant
    mine, theirs = to_lucid(args), tree_map_only(torch.Tensor, torch.clone, args)
    method = method_of(variant, f"{info.name}_")
    if not representable(args, kwargs):
        return
    try:
        variant(*theirs, **kwargs)
    except Exception as error:
        try:
            method(*mine, **to_lucid(kwargs))
        except type(error):
            return
        raise AssertionError(f"accepted; expected {error!r}") from None
    result = method(*mine, **to_lucid(kwargs))
    assert result is mine[0], "the result is not the tensor itself"
    if info.name not in ANY_VALUE:
        assert_same(mine[0], theirs[0], NEAR)


def _method(info: Any, sample: Any) -> None:
    args, kwargs = _arguments(sample)
    method = method_of(info.method_variant, info.name)
    want = info.method_variant(*args, **kwargs)
    if representable(args, kwargs, want) and info.name not in ANY_VALUE:
        assert_same(method(*to_lucid(args), **to_lucid(kwargs)), want, NEAR)


def _alias(alias: Any, plain: list[Any]) -> None:
    path = alias.name
    if "." in path and find(lucid, path.partition(".")[0]) is None:
        return  # a namespace that is still to come
    op = find(lucid, path) or find(lucid.Tensor, path)
    assert callable(op), f"there is no {path}"
    for sample in plain[:1]:
        args, kwargs = _arguments(sample)
        assert_same(op(*to_lucid(args), **to_lucid(kwargs)), alias.op(*args, **kwargs))


def _error(info: Any, op: Callable[..., Any], refused: Any) -> None:
    args, kwargs = _arguments(refused.sample_input)
    if not representable(args, kwargs):
        return
    try:
        mine = to_lucid(args), to_lucid(kwargs)
    except Exception:
        return  # a kind of tensor that lucid does not have
    try:
        info.op(*args, **kwargs)
    except Exception as expected:
        if "memory location" in str(expected) or "resize storage" in str(expected):
            return  # lucid's copies of the arguments share no memory
        try:
            result = op(*mine[0], **mine[1])
        except Exception as error:
            if isinstance(error, class_of(expected)):
                return
            raise AssertionError(f"{error!r}, expected {expected!r}") from None
        raise AssertionError(f"accepted, with result {result!r}; expected {expected!r}") from None

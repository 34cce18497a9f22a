"""How tensors print: PyTorch's layout, character by character, converting only the elements that are shown."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from lucid import _tape, dtypes
from lucid._device import default as default_device
from lucid._grad_mode import mode

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


@dataclass(frozen=True)
class _Options:
    """What `set_printoptions` sets; a change puts a new object in place."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {"default": _Options(), "short": _Options(precision=2, edgeitems=2), "full": _Options(threshold=math.inf)}

_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print: `profile` first, then the options given next to it. Options left out keep their value.

    As in PyTorch, `sci_mode` is the exception: each call that leaves it out makes it automatic again.

    Args:
        precision: digits after the decimal point (4).
        threshold: a tensor of more elements than this is shortened to its edges (1000).
        edgeitems: how many elements are shown at each end of a shortened dimension (3).
        linewidth: the number of characters after which a row is broken (80).
        profile: "default", "short" (precision 2, edgeitems 2) or "full" (nothing is shortened).
        sci_mode: scientific notation always (True), never (False), or where the values call for it (None).

    Raises ValueError for an unknown profile, for a precision or edgeitems that is no integer or is negative, for a
    linewidth that is no integer and for a threshold that is no number.
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"set_printoptions: expected profile 'default', 'short' or 'full', got {profile!r}")
    changes: dict[str, Any] = {"sci_mode": sci_mode}
    if precision is not None:
        changes["precision"] = _integer("precision", precision, least=0)
    if threshold is not None:
        changes["threshold"] = _real("threshold", threshold)
    if edgeitems is not None:
        changes["edgeitems"] = _integer("edgeitems", edgeitems, least=0)
    if linewidth is not None:
        changes["linewidth"] = _integer("linewidth", linewidth)
    _options = replace(_options if profile is None else _PROFILES[profile], **changes)


def _integer(name: str, value: Any, least: float = -math.inf) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        kind = "an integer" if least == -math.inf else "an integer that is not negative"
        raise ValueError(f"set_printoptions: expected {name} to be {kind}, got {value!r}")
    return number


def _real(name: str, value: Any) -> Any:
    if not isinstance(value, Real) or math.isnan(value):
        raise ValueError(f"set_printoptions: expected {name} to be a number, got {value!r}")
    return value


def get_printoptions() -> dict[str, Any]:
    """The current print options, by the names under which `set_printoptions` takes them."""
    return asdict(_options)


@contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Use other print options inside a `with` block; the arguments are those of `set_printoptions`."""
    global _options
    before = _options
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        _options = before


def format_tensor(t: Tensor, *, prefix: str = "tensor(") -> str:
    """The repr of `t`: its values, then what cannot be seen from them (dtype, device, gradient).

    Further lines are indented to where `prefix` ends.
    """
    try:
        _tape.evaluate(t)
    except _tape.NeedsValue:
        if _tape.tracing is not None:
            raise
        return f"{prefix}..., size={tuple(t.shape)}, dtype={t.dtype!r})"  # inside vmap: there are no values
    body = format_array(_shown(_tape.array(t)), shape=tuple(t.shape), indent=len(prefix))
    return _with_suffixes(prefix + body, _suffixes(t), indent=len(prefix)) + ")"


def format_spec(t: Tensor, spec: str) -> str:
    """What `format(t, spec)` returns: the number in a 0-dim tensor under that spec, any other tensor as `str(t)`.

    Raises TypeError if there is a spec and `t` has dimensions or is of a subclass such as Parameter, as in PyTorch.
    """
    if type(t) is _tape._Tensor and t.ndim == 0:
        return format(t.item(), spec)
    if not spec:
        return str(t)
    name = type(t).__name__
    raise TypeError(
        f"unsupported format string passed to {name}.__format__: {spec!r} is for a 0-dim Tensor itself, "
        f"got a {name} of shape {tuple(t.shape)}; format t.item(), or each element of t.tolist()"
    )


def format_array(values: NDArray[Any], *, shape: tuple[int, ...] | None = None, indent: int = 0) -> str:
    """The elements of an array in nested brackets, under the current print options.

    `shape` is the shape of the whole array where `values` holds no more than its edges; dimensions in which the two
    differ get an ellipsis. Lines after the first start `indent` columns in.
    """
    if shape is None:
        shape = values.shape
        if values.size > _options.threshold:
            values = _edges(values, np.concatenate)
    if 0 in shape:
        return "[]"
    write, width = _writer(values)
    per_line = max(1, (_options.linewidth - indent - len(shape) + 1) // (width + len(", ")))
    return _nest(values, shape, indent, write, per_line)


def _shown(array: mx.array) -> NDArray[Any]:
    """The elements of `array` that are printed, as numpy."""
    with mx.stream(mx.cpu):  # memory is shared, and float64 has no other place to be sliced in
        if array.size > _options.threshold:
            array = _edges(array, mx.concatenate)
        return np.array(array.astype(mx.float32) if array.dtype == mx.bfloat16 else array)


def _edges(array: Any, concatenate: Callable[[list[Any], int], Any]) -> Any:
    """`array` (numpy or MLX) without the middle of each dimension that is longer than two times `edgeitems`."""
    keep = _options.edgeitems
    for axis, size in enumerate(array.shape):
        if size > 2 * keep:
            before = (slice(None),) * axis
            ends = [array[(*before, slice(keep))], array[(*before, slice(size - keep, size))]]
            array = concatenate(ends, axis)
    return array


def _nest(values: NDArray[Any], shape: tuple[int, ...], indent: int, write: Callable[[Any], str], per_line: int) -> str:
    """Brackets around the parts of the first dimension, which are numbers or, deeper in, brackets again."""
    if not shape:
        return write(values.item())
    if len(shape) == 1:
        parts, dots = [write(value) for value in values.tolist()], " ..."
    else:
        parts, dots = [_nest(part, shape[1:], indent + 1, write, per_line) for part in values], "..."
    if len(values) < shape[0]:
        parts.insert(len(parts) // 2, dots if parts else "...")
    if len(shape) == 1:
        parts = [", ".join(parts[start : start + per_line]) for start in range(0, len(parts), per_line)]
    between = "," + "\n" * max(1, len(shape) - 1) + " " * (indent + 1)
    return "[" + between.join(parts) + "]"


def _writer(values: NDArray[Any]) -> tuple[Callable[[Any], str], int]:
    """The function that writes one element of `values`, and the width of what it returns."""
    if values.dtype.kind != "c":
        style = _style(values)
        return style.write, style.width
    real, imaginary = _style(values.real), _style(values.imag)

    def write(value: complex) -> str:
        second = imaginary.write(value.imag).lstrip() + "j"
        return real.write(value.real) + ("" if second.startswith("-") else "+") + second

    return write, real.width + imaginary.width + len("j")


@dataclass(frozen=True)
class _Style:
    """How all numbers of one tensor are written: as `spec` says, aligned to `width` columns."""

    spec: str
    width: int
    whole: bool = False  # floats without a fraction are written as "2."

    def write(self, value: Any) -> str:
        text = format(value, self.spec) if self.spec else str(value)
        return (text + "." if self.whole and math.isfinite(value) else text).rjust(self.width)


def _style(values: NDArray[Any]) -> _Style:
    """The style for real values. Zeros, nan and inf have no say in it, and may be wider than the column."""
    if values.dtype.kind != "f":
        return _Style("", max((len(str(value)) for value in values.ravel().tolist()), default=1))
    with np.errstate(invalid="ignore"):  # a signalling nan is one too
        values = values.astype(np.float64)
    values = values[np.isfinite(values) & (values != 0)]
    whole = bool((values == np.trunc(values)).all())
    if not values.size:
        return _Style(".0f", 1, whole)
    smallest, largest = float(np.abs(values).min()), float(np.abs(values).max())
    scientific = _options.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000 or largest > 1e8 or (not whole and smallest < 1e-4)
    style = _notation(scientific, whole)
    return replace(style, width=max(len(style.write(value)) for value in values.tolist()))


def _notation(scientific: bool, whole: bool) -> _Style:
    if scientific:
        return _Style(f".{_options.precision}e", 0)
    return _Style(".0f" if whole else f".{_options.precision}f", 0, whole)


def _suffixes(t: Tensor) -> list[str]:
    """What is written after the values of `t`, in PyTorch's order."""
    found, default, home = [], dtypes.get_default_dtype(), default_device()
    if (t.device.type, t.device.index or 0) != (home.type, home.index or 0):
        place = "cpu" if t.device.type == "cpu" else f"{t.device.type}:{t.device.index or 0}"
        found.append(f"device='{place}'")
    size = _tape.array(t).size  # what is printed for no elements says nothing of a shape, except for the usual one
    if t.ndim != 1 if size == 0 else _options.edgeitems == 0:
        found.append(f"size={tuple(t.shape)}")
    plain = [default]
    if size:  # an element shows whether it is an integer, a bool or complex
        plain += [dtypes.int64, dtypes.bool_]
        if default is not dtypes.float64:  # whose complex twin is complex128
            plain.append(dtypes.complex64)
    if t.dtype not in plain:
        found.append(f"dtype={t.dtype}")
    if t.grad_fn is not None:
        found.append(f"grad_fn=<{t.grad_fn.name()}>")
    elif t.requires_grad:
        found.append("requires_grad=True")
    if mode.dual is not None and (tangent := mode.dual.of(t)) is not None:
        found.append(f"tangent={tangent}")
    return found


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """`text` followed by `suffixes`, each on a line of its own where it does not fit on the last one."""
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text

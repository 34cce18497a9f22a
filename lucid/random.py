"""Random tensors, and the seeds and states they come from. The distributions are PyTorch's, the numbers are not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _views, dtypes
from lucid._from_data import as_number
from lucid._generator import (
    Generator,
    default_generator,
    draw_integers,
    draw_normal,
    draw_uniform,
    fresh_key,
)
from lucid._generator import bernoulli_mask as bernoulli_mask
from lucid._generator import draw_exponential as draw_exponential
from lucid._tape import TensorCore, array, escape
from lucid.creation._place import check_shape, finish, kind_for, options, running_on, sizes_of
from lucid.dtypes import FLOATING, OF_MX
from lucid.ops._dims import shape_of
from lucid.ops._out import give
from lucid.ops._reduce import first_true
from lucid.ops.geometry import laid_out_as
from lucid.ops.memory_formats import contiguous_format
from lucid.ops.sampling import check_range, random_top, unrelated

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "Generator",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_rng_state",
]


_dtype = dtypes.dtype


def manual_seed(seed: int) -> Generator:
    """Start the default generator over from `seed`; it is returned."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator over from a seed that the operating system gives; it is returned."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator was last started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Put the default generator back into a state that `get_rng_state` returned."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Sequence[Any] | None = None, enabled: bool = True) -> Iterator[None]:
    """Inside the `with` block the default generator may be used and seeded; afterwards it is as it was before.

    `devices` is accepted as PyTorch has it; all devices share one generator here.
    """
    if not enabled:
        yield
        return
    before = default_generator.get_state()
    try:
        yield
    finally:
        default_generator.set_state(before)


# ---- tensors of a given shape ----------------------------------------------------------------------------------------


def _floating(kind: Any, operation: str, complex_too: bool = False) -> mx.Dtype:
    found = dtypes.get_default_dtype() if kind is None else dtypes.as_dtype(kind, operation)
    if not (found.is_floating_point or (complex_too and found.is_complex)):
        raise NotImplementedError(f"{operation}: expected a floating dtype, got {found!r}")
    return found.mx


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1): `rand(2, 3)` or `rand((2, 3))`."""
    options("rand", layout)
    shape, kind = sizes_of(sizes, size, "rand"), _floating(kind_for(out, dtype), "rand", complex_too=True)
    with running_on(device, kind):
        if kind == mx.complex64:
            data = draw_uniform((*shape, 2), mx.float32, fresh_key(generator)).view(kind).reshape(shape)
        else:
            data = draw_uniform(shape, kind, fresh_key(generator))
    return give(finish(data, device, requires_grad), out, "rand")


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers of mean 0 and variance 1: `randn(2, 3)` or `randn((2, 3))`."""
    options("randn", layout)
    shape, kind = sizes_of(sizes, size, "randn"), _floating(kind_for(out, dtype), "randn", complex_too=True)
    with running_on(device, kind):
        data = draw_normal(shape, kind, fresh_key(generator))
    return give(finish(data, device, requires_grad), out, "randn")


def randint(
    *args: Any,
    low: int | None = None,
    high: int | None = None,
    size: Any = None,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Integers from 0 or `low` up to, not including, `high`: `randint(10, (2, 3))` or `randint(5, 10, (2, 3))`.

    Raises RuntimeError unless `low < high`.

    >>> import lucid
    >>> lucid.randint(3, 4, (2,))
    tensor([3, 3])
    """
    options("randint", layout)
    given = list(args)
    if size is None and given and isinstance(given[-1], (tuple, list)):
        size = given.pop()
    if len(given) == 1 and high is None:
        high = given.pop()
    elif given:
        low = given.pop(0)
        high = given.pop(0) if given else high
    if given or size is None or high is None:
        raise TypeError("randint: expected randint(high, size) or randint(low, high, size), with size a tuple of ints")
    return _integers(
        0 if low is None else low, high, shape_of((size,), "randint"), generator, out, dtype, device, requires_grad
    )


def _integers(
    low: Any,
    high: Any,
    shape: tuple[int, ...],
    generator: Generator | None,
    out: Tensor | None,
    kind: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    low, high, shape = _bound(low), _bound(high), check_shape(shape, "randint")
    kind = kind_for(out, kind)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    to = dtypes.as_dtype(dtypes.int64 if kind is None else kind, "randint")
    if to.is_complex:
        raise NotImplementedError("randint: expected an integer or floating dtype, got complex64")
    check_range("randint", to, low, high)
    with running_on(device, to.mx):
        data = draw_integers(shape, low, high, fresh_key(generator))
        data = data if to.mx == mx.int64 else data.astype(to.mx)
    return give(finish(data, device, requires_grad), out, "randint")


def _bound(value: Any) -> int:
    if value.__class__ is int:
        return value
    value = as_number(value)
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise TypeError(f"randint: expected ints as bounds, got {type(value).__name__}")
    return int(value)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The integers from 0 to `n - 1` in random order."""
    options("randperm", layout)
    if n < 0:
        raise RuntimeError(f"randperm: n must be non-negative, got {n}")
    kind = kind_for(out, dtype)
    found = dtypes.int64 if kind is None else dtypes.as_dtype(kind, "randperm")
    if found.rank in (0, 3):
        raise NotImplementedError(f"randperm: not implemented for {found!r}")
    if n > 0 and found is not dtypes.bfloat16:
        top = random_top(found)
        if n > top:
            raise RuntimeError(f"randperm: n cannot be greater than {top} for {found!r}, got {n}")
    to = found.mx
    with running_on(device, to):
        key = fresh_key(generator)
        data = mx.random.permutation(n, key=key).astype(to) if n else mx.zeros((0,), to)
    return give(finish(data, device, requires_grad), out, "randperm")


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`rand` of the shape, dtype and device of `input`."""
    size = _like(input, "rand_like", layout, memory_format)
    return _laid_out(rand(size=size, **_as(input, generator, dtype, device)), input, requires_grad, memory_format)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`randn` of the shape, dtype and device of `input`."""
    size = _like(input, "randn_like", layout, memory_format)
    return _laid_out(randn(size=size, **_as(input, generator, dtype, device)), input, requires_grad, memory_format)


def randint_like(
    input: Tensor,
    *args: Any,
    low: int | None = None,
    high: int | None = None,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`randint` of the shape, dtype and device of `input`: `randint_like(x, high)` or `randint_like(x, low, high)`."""
    size = _like(input, "randint_like", layout, memory_format)
    drawn = randint(*args, low=low, high=high, size=size, **_as(input, generator, dtype, device))
    return _laid_out(drawn, input, requires_grad, memory_format)


def _laid_out(drawn: Tensor, input: Tensor, requires_grad: bool, memory_format: Any) -> Tensor:
    found = drawn if memory_format is contiguous_format else laid_out_as(drawn, input)
    return found.requires_grad_() if requires_grad else found


def _like(input: Tensor, operation: str, layout: Any, memory_format: Any) -> tuple[int, ...]:
    options(operation, layout, memory_format)
    if not isinstance(input, TensorCore):
        raise TypeError(f"{operation}(): argument 'input' must be Tensor, not {type(input).__name__}")
    return tuple(input._data.shape)


def _as(input: Tensor, generator: Generator | None, kind: Any, device: Any) -> dict[str, Any]:
    extra = input._extra
    return {
        "dtype": OF_MX[input._data.dtype] if kind is None else kind,
        "device": _views.device_of(input)
        if device is None and extra is not None and extra.device is not None
        else device,
        "generator": generator,
    }


# ---- distributions with parameters -----------------------------------------------------------------------------------


def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise RuntimeError(
            f"normal: the shapes of mean and std must be broadcastable, got {' and '.join(map(str, shapes))}"
        ) from None


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers of the given mean and standard deviation.

    They are two tensors, a tensor and a number, or two numbers and a `size`.
    Raises RuntimeError for a negative standard deviation.

    >>> import lucid
    >>> lucid.normal(lucid.tensor([1.0, 2.0]), 0.0)
    tensor([1., 2.])
    """
    options("normal", layout)
    if not isinstance(std, TensorCore) and std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    given = [t for t in (mean, std) if isinstance(t, TensorCore)]
    if size is not None:
        if given:
            raise TypeError("normal: size goes with two numbers; tensors have a shape already")
        shape, kind = (
            check_shape(shape_of((size,), "normal"), "normal"),
            _floating(kind_for(out, dtype), "normal", complex_too=True),
        )
    elif not given:
        raise TypeError("normal: expected a tensor as mean or std, or a size")
    else:
        shape = _broadcast(*[tuple(t._data.shape) for t in given])
        kind = given[0]._data.dtype
        if kind not in FLOATING and kind != mx.complex64:
            raise NotImplementedError(f"normal: expected floating tensors, got {OF_MX[kind]!r}")
        device = _views.device_of(given[0]) if given[0]._extra is not None else device
    parameters = (mean, std)
    std, mean = (array(v).astype(kind) if isinstance(v, TensorCore) else v for v in (std, mean))
    if isinstance(std, mx.array) and first_true(negative=std < 0):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    escape(*given)
    with running_on(device, kind):
        data = draw_normal(shape, kind, fresh_key(generator))
        if isinstance(std, mx.array) or std != 1:
            data = data * std
        if isinstance(mean, mx.array) or mean != 0:
            data = data + mean
    return give(unrelated(finish(data, device, requires_grad), *parameters), out, "normal")

"""How a step is carried out: a rule, which is a pure function of arrays, applied to each parameter of a group.

Nothing here goes through the tape and nothing is evaluated, so that a step can be traced by `mx.compile`. What makes a
step cheap: the numbers of a group are arrays that are kept until a number changes, and what depends on the step count
alone is computed once for all parameters that share the array of that count (they do, unless some got their first
gradient later than others).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import mlx.core as mx

from lucid import _tape, _views, dtypes
from lucid._channels import first, last
from lucid._grad_mode import no_grad
from lucid._tape import wrap
from lucid._tensor import Tensor

Number = float | Tensor
Group = dict[str, Any]
Arrays = dict[str, mx.array]
Rule = Callable[..., tuple[mx.array, ...]]

_PLAIN = frozenset((mx.float32, mx.float64))
_HALF = frozenset((mx.float16, mx.bfloat16))

refreshed: list[Any] | None = None  # collects the optimizers that are stepped, for `lucid.compile`


class Recipe(NamedTuple):
    """What an optimizer does with a group at this moment."""

    numbers: dict[str, Number]
    """The numbers that the rule uses, read from the group."""

    rule: Rule
    """`rule(constants, parameter, gradient, *state) -> (parameter, *state)` on arrays."""

    slots: tuple[str, ...] = ()
    """The names of the state tensors that the rule takes and gives back."""

    constants: Callable[[Arrays, mx.array | None], Arrays] = lambda numbers, step: numbers
    """What the rule is given first: computed from the numbers, as arrays, and the new step count."""

    counts: bool = False
    """Whether steps are counted, in the state tensor "step"."""

    start: Callable[[mx.array], mx.array] | None = None
    """Makes the first value of a state tensor from the parameter; the rule is given None if this is None."""


class Update:
    """The update of one group, with its numbers as arrays.

    The arrays are those of tensors that live as long as the update: whoever traces a step can treat them as its input,
    and have `refresh` write the numbers of the moment into them before each run.
    """

    def __init__(self, group: Group, recipe: Callable[[Group], Recipe]) -> None:
        self.group, self._recipe = group, recipe
        self._values: dict[str, Number] = {}
        self._varying = {"lr"}  # the numbers that change, or are expected to
        self._tensors: dict[tuple[str, mx.Dtype], Tensor] = {}
        self._zero = mx.array(
            0, dtypes.get_default_dtype().mx if dtypes.get_default_dtype() is dtypes.float64 else mx.float32
        )

    def refresh(self) -> None:
        """Read the group again."""
        self.recipe = self._recipe(self.group)
        for name, value in self.recipe.numbers.items():
            held = self._values.get(name)
            if not isinstance(value, Tensor) and not isinstance(held, Tensor) and held == value:
                continue
            if held is not None:
                self._varying.add(name)
            self._values[name] = value
            for key, t in self._tensors.items():
                if key[0] == name:
                    t._data = _number(value, key[1])

    def run(self, states: dict[Any, Any]) -> None:
        """Update the parameters that have a gradient, and their `states`."""
        ready: dict[Any, Any] = {}
        for p in self.group["params"]:
            if p._grad is None:
                continue
            if p._extra is None or p._extra.device is None:
                self._one(p, p._grad, states, ready)
            else:
                with mx.stream(p._extra.device.mx):
                    self._one(p, p._grad, states, ready)

    def _one(self, p: Tensor, grad: Tensor, states: dict[Any, Any], ready: dict[Any, Any]) -> None:
        _, rule, slots, _, counts, start = self.recipe
        data = p._data if p._extra is None else _tape.array(p)
        gradient = grad._data if grad._extra is None else _tape.array(grad)
        lies = p._extra is not None and _views.lies_last(p) and gradient.shape == data.shape
        if lies:
            data, gradient = p._extra.inside, last(gradient)
        state = states[p] if slots or counts else {}
        dtype = data.dtype
        key: Any = dtype
        before = None
        if counts:
            if "step" not in state:
                state["step"] = wrap(self._zero)
            before = _tape.array(state["step"])
            key = dtype, id(before)
        if key not in ready:  # the old count is held, so that its id stays its own
            ready[key] = (*self._ready(dtype, before), before)
        constants, after, _ = ready[key]
        tensors = [state.get(name) for name in slots]
        old = [_inside(t, lies) if t is not None else start(data) if start is not None else None for t in tensors]
        new: Any
        if dtype in _PLAIN:
            new = rule(constants, data, gradient, *old)
            if new[0].dtype != dtype:  # the gradient or the state is of a wider dtype
                new = [a.astype(dtype) for a in new]
        else:
            new = _in_float32(rule, constants, data, gradient, old)
        if new[0].shape != data.shape:
            raise RuntimeError(
                f"step: a parameter of shape {data.shape} has a gradient of shape {gradient.shape} and state of shapes "
                f"{[a.shape for a in old if a is not None]}; they have to be equal"
            )
        _write(p, new[0], lies)
        for k, t in enumerate(tensors):
            if t is not None:
                _write(t, new[k + 1], lies)
            else:
                fresh = state[slots[k]] = wrap(new[k + 1])
                if lies:
                    _write(fresh, new[k + 1], lies)
                _views.pin(fresh, p.device)
        if counts:
            _write(state["step"], after)

    def _ready(self, dtype: mx.Dtype, before: mx.array | None = None) -> tuple[Arrays, mx.array | None]:
        """What the rule is given for parameters of `dtype` whose step count was `before`; and their new count."""
        to = mx.float64 if dtype == mx.float64 else mx.float32
        settled = self.settled() if _tape.tracing is not None and to == mx.float32 else {}
        numbers: Any = {name: settled.get(name) or self._array(name, to) for name in self.recipe.numbers}
        if before is None:
            return self.recipe.constants(numbers, None), None
        after = before + 1
        constants = self.recipe.constants(numbers, after.astype(to))
        return {name: a if numbers.get(name) is a else once(a) for name, a in constants.items()}, after

    def settled(self) -> dict[str, float]:
        """The numbers that have never changed.

        A traced step takes them as they are: arrays of one number make MLX's kernels slower where they are strided.
        """
        return {n: v for n, v in self._values.items() if n not in self._varying and not isinstance(v, Tensor)}

    def is_tensor(self, name: str) -> bool:
        """Whether the number of this name is a tensor, whose value may be written in place."""
        return isinstance(self._values.get(name), Tensor)

    def _array(self, name: str, dtype: mx.Dtype) -> mx.array:
        t = self._tensors.get((name, dtype))
        if t is None:
            t = self._tensors[name, dtype] = wrap(_number(self._values[name], dtype))
        return t._data


def once(number: mx.array) -> mx.array:
    """`number`, computed once where `mx.compile` would fuse its computation into the kernels that use it.

    They would do it again for each element: the bias corrections of Adam made its compiled step three times as long.
    """
    return mx.contiguous(number)


def _number(value: Number, dtype: mx.Dtype) -> mx.array:
    if isinstance(value, Tensor):
        return _tape.array(value).reshape(()).astype(dtype)
    return mx.array(value, dtype)


def _in_float32(
    rule: Rule, constants: Any, data: mx.array, gradient: mx.array, old: list[mx.array | None]
) -> list[mx.array]:
    """The rule for other dtypes: halves are computed in float32, complex numbers as pairs of reals, as PyTorch does."""
    if data.dtype in _HALF:
        wide = [None if a is None else a.astype(mx.float32) for a in (data, gradient, *old)]
        return [a.astype(data.dtype) for a in rule(constants, *wide)]
    pairs = [None if a is None else a.reshape(-1).view(mx.float32) for a in (data, gradient, *old)]
    return [a.view(mx.complex64).reshape(data.shape) for a in rule(constants, *pairs)]


def _inside(t: Tensor, lies: bool) -> mx.array:
    """The array of `t`; with `lies`, its channels last."""
    if not lies:
        return _tape.array(t)
    return t._extra.inside if _views.lies_last(t) else last(_tape.array(t))


def _write(t: Tensor, new: mx.array, lies: bool = False) -> None:
    """Give `t` the values `new`, channels last with `lies`, without the tape: no gradient goes through an update."""
    if t._extra is None or t._extra.base is None:
        _tape.writing(t)
        t._data = first(new) if lies else new
        t._writes += 1
        if lies:
            _views.lay(t, new)
    elif lies:
        _write(t, first(new))
    else:
        with no_grad():
            _views.assign(t, wrap(new))


@functools.cache
def fused(rule: Rule) -> Rule:
    """`rule` as one kernel for each parameter instead of one for each operation."""
    compiled: Rule = mx.compile(rule)
    return compiled


def settled(value: Any, param: Any, key: Any = None) -> Any:
    """A copy of `value`, part of the state of `param`, for loading: tensors get its dtype and device."""
    if isinstance(value, Tensor):
        found = _tape.array(value)
        if param is not None and param.dtype.is_floating_point and key != "step":
            found = found.astype(param._data.dtype)
        return _views.pin(wrap(found), (value if param is None else param).device)
    if isinstance(value, dict):
        return {k: settled(v, param, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(settled(v, param, key) for v in value)
    return value


def share_counts(states: Iterable[Any]) -> None:
    """Have equal step counts share one array again, after loading. Old checkpoints have them as plain numbers."""
    counted = [state for state in states if isinstance(state, dict) and "step" in state]
    _tape.evaluate(*[state["step"] for state in counted if isinstance(state["step"], Tensor)])
    shared: dict[Any, mx.array] = {}
    for state in counted:
        step = state["step"]
        kept = _tape.array(step) if isinstance(step, Tensor) else mx.array(float(step), mx.float32)
        state["step"] = wrap(shared.setdefault((kept.item(), kept.dtype), kept))

"""Calling a module with other parameters and buffers than its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lucid._tensor import Tensor

if TYPE_CHECKING:
    from lucid.nn import Module

__all__ = ["functional_call"]

_ABSENT: Any = object()  # stands for an attribute that is not there


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call `module` with the given tensors in the place of its parameters and buffers.

    Gradients go to the tensors that are given. Afterwards, also after an exception, the module has its own again. What
    it writes into its buffers in place goes into the given ones; a buffer that it replaces is replaced in the given
    dict.

    Args:
        module: the module to call.
        parameter_and_buffer_dicts: tensors by name, as `named_parameters()` and `named_buffers()` have them, in one
            dict or in several that share no name. The module keeps its own under all other names.
        args: the arguments: a tuple, or the only one.
        kwargs: the arguments by name.
        tie_weights: a tensor that the module has under several names is replaced under all of them, although only one
            of them is given.
        strict: raise for names that are missing or that the module does not have.

    Raises ValueError for names that are in several dicts and for different tensors under tied names, RuntimeError with
    `strict` for names that do not match, AttributeError for a name that leads to no module, TypeError for a value
    that is no tensor.

    >>> import lucid
    >>> from lucid.func import functional_call
    >>> module = lucid.nn.Linear(2, 1)
    >>> weight = lucid.tensor([[1.0, 2.0]], requires_grad=True)
    >>> y = functional_call(module, {"weight": weight, "bias": lucid.zeros(1)}, lucid.tensor([3.0, 4.0]))
    >>> y.backward()
    >>> y.item(), weight.grad
    (11.0, tensor([[3., 4.]]))
    """
    values = _one_dict(parameter_and_buffer_dicts)
    if not isinstance(args, tuple):
        args = () if args is None else (args,)
    with swapped(module, values, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))


def _one_dict(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(
            f"functional_call: expected a dict, or a list or tuple of dicts, got {type(dicts).__name__}; write "
            "dict(module.named_parameters())"
        )
    merged: dict[str, Any] = {}
    for part in dicts:
        if not isinstance(part, dict):
            raise ValueError(f"functional_call: expected dicts only, got {type(part).__name__} among them")
        twice = sorted(merged.keys() & part.keys())
        if twice:
            raise ValueError(f"functional_call: {twice} are in several of the dicts; give each name once")
        merged.update(part)
    return merged


@contextmanager
def swapped(module: Module, values: dict[str, Any], *, tie_weights: bool, strict: bool) -> Iterator[None]:
    """Inside the `with` block `module` has `values` as its parameters and buffers; see `functional_call`."""
    wanted = _with_tied(module, values) if tie_weights else values
    if strict:
        _check_names(module, wanted)
    places = {name: _place(module, name) for name in wanted}
    # A module that is in the tree twice has one place for two names: it is swapped once, or its own would be lost.
    given = {places[name]: value for name, value in wanted.items()}
    before: dict[tuple[Module, str], Any] = {}
    try:
        for place, value in given.items():
            before[place] = _swap(*place, value)
        yield
    finally:
        after = {place: _swap(*place, value) for place, value in before.items()}
        values.update({name: after[places[name]] for name in values if places[name] in after})


def _tensors(module: Module) -> dict[str, Tensor]:
    """All parameters and buffers, those that have several names under each of them."""
    found: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    found.update(module.named_buffers(remove_duplicate=False))
    return found


def _with_tied(module: Module, values: Mapping[str, Any]) -> dict[str, Any]:
    """`values`, and each of them under the other names that the module has for the tensor it replaces."""
    names: dict[int, list[str]] = {}
    for name, tensor in _tensors(module).items():
        names.setdefault(id(tensor), []).append(name)
    complete = dict(values)
    for tied in names.values():
        given = [name for name in tied if name in values]
        if len({id(values[name]) for name in given}) > 1:
            raise ValueError(
                f"functional_call: {sorted(tied)} are one tensor in the module but got different values; give one of "
                "them, or call with tie_weights=False"
            )
        if given:
            complete.update(dict.fromkeys(tied, values[given[0]]))
    return complete


def _check_names(module: Module, values: Mapping[str, Any]) -> None:
    own = _tensors(module)
    unexpected = [repr(name) for name in values if name not in own]
    missing = [repr(name) for name in own if name not in values]
    lines = [
        f"{kind} key(s): {', '.join(names)}."
        for kind, names in (("Unexpected", unexpected), ("Missing", missing))
        if names
    ]
    if lines:
        report = "\n\t".join(lines)
        raise RuntimeError(f"Error(s) in functional_call of {type(module).__name__}:\n\t{report}")


def _place(module: Module, path: str) -> tuple[Module, str]:
    owner, _, name = path.rpartition(".")
    if not name:
        raise KeyError(f"functional_call: {path!r} is no name of a tensor")
    for step in owner.split(".") if owner else ():
        if not hasattr(module, step):
            raise AttributeError(
                f"functional_call: {type(module).__name__} has no attribute `{step}`, asked for {path!r}"
            )
        child = getattr(module, step)
        if not hasattr(child, "named_parameters"):
            raise TypeError(f"functional_call: `{step}` in {path!r} is no module but {type(child).__name__}")
        module = child
    return module, name


def _swap(owner: Module, name: str, value: Any) -> Any:
    """Put `value` where `owner` has its tensor `name`, and return what was there."""
    if value is not None and value is not _ABSENT and not isinstance(value, Tensor):
        raise TypeError(f"functional_call: expected a tensor for {name!r}, got {type(value).__name__}")
    if value is _ABSENT:
        before = getattr(owner, name)
        delattr(owner, name)
        return before
    held: dict[str, Any]
    for held in (owner._parameters, owner._buffers):  # written directly, since the values need not be Parameters
        if name in held:
            before = held[name]
            held[name] = value
            return before
    before = getattr(owner, name, _ABSENT)
    if before is not _ABSENT and not isinstance(before, Tensor):
        raise TypeError(f"functional_call: expected {name!r} to be a tensor of the module, it is {before!r}")
    setattr(owner, name, value)
    return before

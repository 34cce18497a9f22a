"""Parameters and buffers that are computed from others whenever they are read."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from lucid._grad_mode import no_grad
from lucid._tensor import Tensor
from lucid.nn.modules.container import ModuleDict, ModuleList
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]


class _Cache:
    """The values of parametrized tensors inside `cached()`."""

    def __init__(self) -> None:
        self.depth = 0
        self.values: dict[tuple[int, str], Tensor] = {}


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Inside the `with` block each parametrized tensor is computed when it is read first, and kept until the end.

    This saves work where one is read several times in a forward pass, as the weights of a recurrent cell are.

    >>> from lucid import nn
    >>> from lucid.nn.utils import parametrize
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    _cache.depth += 1
    try:
        yield
    finally:
        _cache.depth -= 1
        if not _cache.depth:
            _cache.values = {}


def _register(module: Module, name: str, tensor: Tensor | None) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other, and the tensors that they start from.

    These are `original`, or `original0`, `original1` and so on if the `right_inverse` of the first parametrization
    returns several. `register_parametrization` makes such lists.

    Args:
        modules: the parametrizations, in the order in which they are applied.
        original: the tensor as it was.
        unsafe: do not check that the result has the shape and dtype of `original`.

    Raises ValueError for no modules, and if what they return does not fit `original`.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new: Any = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):  # what cannot be inverted starts from the tensor as it is
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            if new.dtype != dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            if new.device != original.device:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the device.\n"
                    f"original.device: {original.device}\nright_inverse(original).device: {new.device}"
                )
            _set(original, new)  # the object stays, so that an optimizer that has it need not be told
            _register(self, "original", original)
        else:
            for k, tensor in enumerate(new):
                _register(self, f"original{k}", _like(original, tensor))
        if not unsafe:
            _check_fits(self(), shape, dtype)

    def _originals(self) -> list[Tensor]:
        names = ["original"] if self.is_tensor else [f"original{k}" for k in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals to what makes the parametrized tensor `value`, as the parametrizations tell.

        Assigning to the parametrized tensor does this. Raises RuntimeError if one of them has no `right_inverse`,
        ValueError if it returns something else than before.
        """
        new: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse, which assigning to "
                        "the parametrized tensor needs"
                    )
                new = module.right_inverse(new)
        if self.is_tensor:
            new = [new]
        elif not isinstance(new, Sequence):
            raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(new).__name__}.")
        if len(new) != self.ntensors:
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of "
                f"length {len(new)}."
            )
        for k, (original, tensor) in enumerate(zip(self._originals(), new, strict=True)):
            if not isinstance(tensor, Tensor):
                raise ValueError(f"`right_inverse` should return tensors. Got {type(tensor).__name__} as number {k}.")
            if tensor.dtype != original.dtype:
                raise ValueError(
                    f"The dtype of the tensor that `right_inverse` returns may not change: number {k} was "
                    f"{original.dtype}, and is {tensor.dtype}"
                )
            _set(original, tensor)

    def forward(self) -> Any:
        """The parametrized tensor."""
        first, *others = self
        value = first(*self._originals())
        for module in others:
            value = module(value)
        return value


def _set(original: Tensor, value: Tensor) -> None:
    if value is not original:
        original.data = value


def _like(original: Tensor, tensor: Any) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise ValueError(
            "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
            f"Got {type(tensor).__name__} among them"
        )
    if isinstance(original, Parameter):
        return Parameter(tensor, original.requires_grad)
    return tensor.requires_grad_(original.requires_grad)


def _check_fits(value: Any, shape: Any, dtype: Any) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")
    for what, before, after in (("dtype", dtype, value.dtype), ("shape", shape, value.shape)):
        if before != after:
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` flag is "
                f"enabled.\nunparametrized {what}: {before}\nparametrized {what}: {after}"
            )


def _check_inverts(parametrization: Any, value: Tensor, shape: Any, dtype: Any) -> None:
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(value)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
    for what, before, after in (("dtype", dtype, back.dtype), ("shape", shape, back.shape)):
        if before != after:
            raise ValueError(
                f"The tensor that parametrization.right_inverse returns must have the same {what} as the parametrized "
                f"one, unless the `unsafe` flag is enabled.\nparametrized {what}: {before}\nreturned {what}: {after}"
            )


def _parametrized_class(base: type[Module], names: Sequence[str]) -> type[Module]:
    """A subclass of `base` in which the tensors called `names` are properties.

    Each module gets a class of its own, which is never changed afterwards: copies of the module share it.
    """
    contents: dict[str, Any] = {"__getstate__": _refuse_pickling}
    if not hasattr(base, "__deepcopy__"):
        contents["__deepcopy__"] = _deepcopy  # deepcopy would ask __getstate__
    contents.update({name: _property(name) for name in names})
    return type(f"Parametrized{base.__name__}", (base,), contents)


def _refuse_pickling(self: Module) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(): save that, and load it into a "
        "module that is parametrized alike"
    )


def _deepcopy(self: Module, memo: dict[int, Any]) -> Module:
    if id(self) in memo:
        found: Module = memo[id(self)]
        return found
    new = type(self).__new__(type(self))
    memo[id(self)] = new
    new.__dict__ = copy.deepcopy(self.__dict__, memo)
    return new


def _property(name: str) -> property:
    def get(self: Module) -> Any:
        parametrization = self.parametrizations[name]
        if not _cache.depth:
            return parametrization()
        key = id(self), name
        value = _cache.values.get(key)
        if value is None:
            value = _cache.values[key] = parametrization()
        return value

    def put(self: Module, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Have a parameter or buffer computed by `parametrization` whenever it is read. Returns `module`.

    `module.<tensor_name>` is then `parametrization(original)`, with the parameter itself at
    `module.parametrizations.<tensor_name>.original`; registering a further one applies that after the first. If the
    parametrization has a method `right_inverse`, assigning to the tensor and registering set the original to what
    that returns of the value. It may return several tensors, which are then called `original0`, `original1` and so on
    and which `forward` gets as its arguments.

    The class of the module becomes a subclass of what it was. Such modules can be copied, but not pickled.

    Args:
        module: the module that has the tensor.
        tensor_name: of a parameter, a buffer or a tensor parametrized already.
        parametrization: what computes it.
        unsafe: allow the result to have another shape or dtype, and check nothing.

    Raises ValueError if there is no such tensor, and if the parametrization changes shape or dtype.

    >>> import lucid
    >>> from lucid import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    >>> layer
    ParametrizedLinear(
      in_features=3, out_features=3, bias=True
      (parametrizations): ModuleDict(
        (weight): ParametrizationList(
          (0): Symmetric()
        )
      )
    )
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            before = getattr(module, tensor_name)
            after = parametrization(before)
            _check_fits(after, before.shape, before.dtype)
            _check_inverts(parametrization, after, before.shape, before.dtype)
        held = module.parametrizations[tensor_name]
        held.append(parametrization)
        held.unsafe = held.unsafe or unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        parametrizations = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            base = type(module)
            module.__class__ = _parametrized_class(base, [tensor_name])
            module.parametrizations = ModuleDict()
        else:
            module.__class__ = _parametrized_class(_base(module), [*module.parametrizations, tensor_name])
        module.parametrizations[tensor_name] = parametrizations
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _base(module: Module) -> type[Module]:
    return type(module).__bases__[0]


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """True if the given tensor of `module` is parametrized; without a name, if any is."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a parametrized tensor an ordinary parameter or buffer again. Returns `module`.

    Where there is one original, that object becomes it, so that an optimizer goes on with it; else it is a new one.

    Args:
        module: the module that has the tensor.
        tensor_name: of the tensor.
        leave_parametrized: whether its values are those that the parametrizations compute, or those of the original.

    Raises ValueError if the tensor is not parametrized, and for `leave_parametrized=False` if there are several
    originals.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                _set(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    base = _base(module)
    del module.parametrizations[tensor_name]
    others = list(module.parametrizations)
    if not others:
        delattr(module, "parametrizations")
    module.__class__ = _parametrized_class(base, others) if others else base
    _register(module, tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class that `module` had before anything of it was parametrized."""
    return _base(module) if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations of `from_module` and what they compute from. Returns `to_module`.

    Both share the parametrizations and the originals afterwards. A tensor that `to_module` does not have is made.

    Args:
        from_module: the module that is parametrized; if it is not, nothing happens.
        to_module: the module to parametrize alike.
        tensor_name: of the only tensor to do this for; by default all parametrized ones.
    """
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        source = from_module.parametrizations[name]
        for parametrization in source:
            register_parametrization(to_module, name, parametrization)
        target = to_module.parametrizations[name]
        if source.is_tensor:
            target.original = source.original
        else:
            for k in range(source.ntensors):
                setattr(target, f"original{k}", getattr(source, f"original{k}"))
    return to_module

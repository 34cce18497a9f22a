"""The classes that choose what to prune. `lucid.nn.utils.prune` has the functions."""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from lucid import creation, ops, random
from lucid._tensor import Tensor
from lucid.nn.modules.module import Module


class BasePruningMethod(ABC):
    """The hook that multiplies a parameter by its mask before each call; a subclass says how masks are made.

    A subclass sets `PRUNING_TYPE` and defines `compute_mask`. `PRUNING_TYPE` says what it is shown of a parameter that
    is pruned already: "unstructured" the elements that are left, as a vector; "structured" the slices along `self.dim`
    that are left; "global" all of it.
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        """Compute the pruned parameter."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for the scores `t`, on top of `default_mask`: of its shape, 0 for what is to be pruned."""

    def apply_mask(self, module: Module) -> Tensor:
        """The original parameter times its mask."""
        name = _name_of(self, module)
        mask: Tensor = getattr(module, f"{name}_mask")
        original: Tensor = getattr(module, f"{name}_orig")
        return mask.to(dtype=original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune the parameter `name` of `module`. Returns the hook, a `PruningContainer` if it was pruned before.

        Args:
            module: the module that has the parameter.
            name: of the parameter.
            args: what the constructor takes.
            importance_scores: what to compute the mask from, of the shape of the parameter; by default that itself.
            kwargs: what the constructor takes.

        If the mask cannot be made, the module stays as it was.
        """
        parameter: Tensor = getattr(module, name)
        method = cls(*args, **kwargs)
        method._tensor_name = name
        _check_scores(importance_scores, parameter, f"parameter {name} of {module}")
        scores = parameter if importance_scores is None else importance_scores
        before = list(_hooks(module, name))
        if len(before) > 1:
            raise AssertionError(
                f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a "
                "PruningContainer."
            )
        if not before:
            mask = method.compute_mask(scores, default_mask=creation.ones_like(parameter))
            module.register_parameter(f"{name}_orig", parameter)  # type: ignore[arg-type] # which checks that
            del module._parameters[name]
            hook: BasePruningMethod = method
        else:
            number, old = before[0]
            hook = PruningContainer(*old) if isinstance(old, PruningContainer) else PruningContainer(old)
            hook._tensor_name = name
            hook.add_pruning_method(method)
            mask = hook.compute_mask(scores, default_mask=getattr(module, f"{name}_mask").detach().clone())
            del module._forward_pre_hooks[number]
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, hook.apply_mask(module))
        module.register_forward_pre_hook(hook)
        return hook

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """`t` with some elements set to 0.

        Args:
            t: the tensor to prune.
            default_mask: a mask from before; by default nothing is pruned yet.
            importance_scores: what to compute the mask from, of the shape of `t`; by default `t`.
        """
        _check_scores(importance_scores, t, "tensor t")
        scores = t if importance_scores is None else importance_scores
        return t * self.compute_mask(
            scores, default_mask=creation.ones_like(t) if default_mask is None else default_mask
        )

    def remove(self, module: Module) -> None:
        """Make the parameter an ordinary one again, with zeros where it is pruned. The hook itself stays."""
        name = _name_of(self, module)
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(f"{name}_orig")
        assert original is not None
        original.data = weight.detach()
        del module._buffers[f"{name}_mask"]
        setattr(module, name, original)


def _name_of(method: BasePruningMethod, module: Module) -> str:
    name: str | None = getattr(method, "_tensor_name", None)
    if name is None:
        raise AssertionError(f"Module {module} has to be pruned before this; use {type(method).__name__}.apply")
    return name


def _hooks(module: Module, name: str | None = None) -> Iterator[tuple[int, BasePruningMethod]]:
    """The pruning methods among the hooks of `module`, those for the parameter `name` if there is one, by number."""
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and name in (None, getattr(hook, "_tensor_name", None)):
            yield number, hook


def _check_scores(scores: Tensor | None, t: Tensor, what: str) -> None:
    if scores is not None and scores.shape != t.shape:
        raise AssertionError(f"importance_scores should have the same shape as {what}: {t.shape}, got {scores.shape}")


class PruningContainer(BasePruningMethod):
    """Several methods for one parameter, each of which prunes what those before it have left.

    Args:
        args: the methods, all for the parameter of the same name.
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args and isinstance(args[0], BasePruningMethod):
            self._tensor_name = getattr(args[0], "_tensor_name", None)  # type: ignore[assignment]
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add one more method; None adds nothing.

        Raises TypeError for what is no pruning method, ValueError for one of another parameter.
        """
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        own, name = getattr(self, "_tensor_name", None), getattr(method, "_tensor_name", None)
        if own != name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{own}' to PruningContainer {self}. Found "
                f"'{name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask`, and on what it leaves of `t` the mask of the method that was added last."""
        method = self._pruning_methods[-1]
        left = _left(method, t, default_mask)
        mask = default_mask.to(dtype=t.dtype).clone()
        mask[left] = method.compute_mask(t[left], default_mask=default_mask[left]).to(dtype=t.dtype)
        return mask


def _left(method: BasePruningMethod, t: Tensor, mask: Tensor) -> Any:
    """The index of what `method` may prune of a tensor that is pruned already."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "global":
        return (slice(None),) * t.ndim
    if method.PRUNING_TYPE != "structured":
        raise ValueError(
            f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}, expected 'unstructured', 'structured' or 'global'"
        )
    dim = getattr(method, "dim", None)
    if dim is None:
        raise AttributeError('Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.')
    if not -t.ndim <= dim < t.ndim:
        raise IndexError(f"Index is out of bounds for tensor with dimensions {t.ndim}: dim is {dim}")
    others = tuple(d for d in range(t.ndim) if d != dim % t.ndim)
    keep = (mask.sum(dim=others) if others else mask) != 0
    return (slice(None),) * (dim % t.ndim) + (keep,)


class Identity(BasePruningMethod):
    """Prunes nothing."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask`."""
        return default_mask

    @classmethod
    def apply(cls, module: Module, name: str) -> BasePruningMethod:  # type: ignore[override]
        """Give the parameter `name` of `module` a mask of ones."""
        return super().apply(module, name)


class _Amount(BasePruningMethod):
    amount: Any  # of any class of numbers

    def __init__(self, amount: Any) -> None:
        if not isinstance(amount, numbers.Real):
            raise TypeError(f"Invalid type for amount: {amount!r}. Must be int or float.")
        if float(amount) < 0 or (not isinstance(amount, numbers.Integral) and float(amount) > 1):
            raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
        self.amount = amount

    def _number(self, size: int) -> int:
        """How many of `size` things to prune."""
        if not isinstance(self.amount, numbers.Integral):
            return round(float(self.amount) * size)
        number = int(self.amount)
        if number > size:
            raise ValueError(f"amount={number} should be smaller than the number of parameters to prune={size}")
        return number


class _Unstructured(_Amount):
    PRUNING_TYPE = "unstructured"

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask`, and 0 for the elements of `t` that are chosen."""
        number = self._number(t.numel())
        mask = default_mask.clone()
        if number:
            chosen = ops.topk(self._scores(t).reshape(-1), number, largest=False).indices
            mask.view(-1)[chosen] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Prunes elements at random.

    Args:
        amount: how many: a number, or a fraction between 0.0 and 1.0.
    """

    def _scores(self, t: Tensor) -> Tensor:
        return random.rand_like(t)

    @classmethod
    def apply(cls, module: Module, name: str, amount: float) -> BasePruningMethod:  # type: ignore[override]
        """Prune the parameter `name` of `module`."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(_Unstructured):
    """Prunes the elements that are nearest to 0.

    Args:
        amount: how many: a number, or a fraction between 0.0 and 1.0.
    """

    def _scores(self, t: Tensor) -> Tensor:
        return t.detach().abs()

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, importance_scores: Tensor | None = None
    ) -> BasePruningMethod:
        """Prune the parameter `name` of `module`."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class _Structured(_Amount):
    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask`, and 0 for the slices of `t` that are chosen."""
        if t.ndim <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{t.shape} with {t.ndim} dims"
            )
        if not -t.ndim <= self.dim < t.ndim:
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        size = t.shape[self.dim]
        number = self._number(size)
        if not number:
            return default_mask
        kept = creation.ones(size, dtype=t.dtype, device=t.device)
        kept[ops.topk(self._scores(t), number, largest=False).indices] = 0
        shape = [1] * t.ndim
        shape[self.dim] = size
        return kept.reshape(shape) * default_mask.to(dtype=t.dtype)


class RandomStructured(_Structured):
    """Prunes slices at random.

    Args:
        amount: how many: a number, or a fraction between 0.0 and 1.0.
        dim: the dimension whose slices are pruned.
    """

    def _scores(self, t: Tensor) -> Tensor:
        return random.rand(t.shape[self.dim], device=t.device)

    @classmethod
    def apply(cls, module: Module, name: str, amount: float, dim: int = -1) -> BasePruningMethod:  # type: ignore[override]
        """Prune the parameter `name` of `module`."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_Structured):
    """Prunes the slices with the smallest norms.

    Args:
        amount: how many: a number, or a fraction between 0.0 and 1.0.
        n: which norm, as in `lucid.norm`.
        dim: the dimension whose slices are pruned.
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Tensor) -> Tensor:
        others: Any = [d for d in range(t.ndim) if d != self.dim % t.ndim]
        return ops.norm(t.detach(), p=self.n, dim=others)

    @classmethod
    def apply(  # type: ignore[override]
        cls,
        module: Module,
        name: str,
        amount: float,
        n: Any,
        dim: int,
        importance_scores: Tensor | None = None,
    ) -> BasePruningMethod:
        """Prune the parameter `name` of `module`."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes what a given mask says.

    Args:
        mask: of the shape of the parameter, 0 for what is to be pruned.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask` times the given one."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"the mask should have the shape of the parameter, {default_mask.shape}, got {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module: Module, name: str, mask: Tensor) -> BasePruningMethod:  # type: ignore[override]
        """Prune the parameter `name` of `module`."""
        return super().apply(module, name, mask=mask)

"""Forward mode by dual tensors: tangents that travel with tensors, inside of one `dual_level`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lucid._grad_mode import _Switch, mode
from lucid._tape import TensorCore, apply
from lucid.autograd._dual import DualLevel, give, tangent_of, without

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns: the tensor without its tangent, and the tangent, or None."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Begin a level, in this thread, and return its number, 0. Raises RuntimeError if there is one already."""
    if mode.dual is not None:
        raise RuntimeError(
            "enter_dual_level: nested levels are not supported, and there is one; use lucid.func.jvp, which nests"
        )
    mode.dual = DualLevel()
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level: its tangents are gone. Raises RuntimeError if there is none, or for another `level` than 0."""
    if mode.dual is None or level not in (None, 0):
        there = "there is none" if mode.dual is None else "the one there is number 0"
        raise RuntimeError(f"exit_dual_level: expected the level that was entered last, got {level}; {there}")
    mode.dual.end()
    mode.dual = None


class dual_level(_Switch):
    """A level for a `with` block or the calls of a function: dual tensors live in it.

    >>> import lucid
    >>> import lucid.autograd.forward_ad as forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(lucid.tensor([1.0, 2.0]), lucid.ones(2))
    ...     forward_ad.unpack_dual(x * x)
    UnpackedDualTensor(primal=tensor([1., 4.]), tangent=tensor([2., 4.]))
    """

    def __enter__(self) -> int:  # type: ignore[override]
        return enter_dual_level()

    def __exit__(self, *error: object) -> None:
        exit_dual_level()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """`tensor` with `tangent`: what is computed from it has a tangent too.

    The result has memory of its own, while PyTorch's shares that of `tensor`; gradients go to `tensor`.

    Raises RuntimeError outside of a level, for a tangent of another size, and where one of both has a tangent already;
    ValueError for what is neither floating nor complex.
    """
    if mode.dual is None:
        raise RuntimeError("make_dual: there is no level; call it inside `with dual_level():`")
    if level not in (None, 0):
        raise RuntimeError(f"make_dual: expected level 0 or None, got {level}")
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not t.dtype.is_inexact:
            raise ValueError(f"make_dual: expected the {what} to be floating point or complex, got {t.dtype!r}")
        if tangent_of(t) is not None:
            raise RuntimeError(f"make_dual: the {what} has a tangent at level 0 already")
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            f"make_dual: expected a tangent of the size of the tensor, {tuple(tensor.shape)}, got "
            f"{tuple(tangent.shape)}"
        )
    return give(apply(_itself, tensor), tangent)  # type: ignore[no-any-return]


def _itself(a: Any) -> Any:
    return a


_itself.__qualname__ = "view"


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """`tensor` without its tangent, and the tangent; None for it outside of a level or if it has none.

    Raises RuntimeError for a `level` other than 0.
    """
    if not isinstance(tensor, TensorCore):
        raise TypeError(f"unpack_dual(): argument 'tensor' must be Tensor, not {type(tensor).__name__}")
    if level not in (None, 0):
        raise RuntimeError(f"unpack_dual: expected level 0 or None, got {level}")
    tangent = tangent_of(tensor)
    return UnpackedDualTensor(tensor if tangent is None else without(tensor), tangent)

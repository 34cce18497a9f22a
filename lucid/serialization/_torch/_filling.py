"""Gives the tensors that a pickle made their values, and reads each block of the file once for all that share it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import _tape, _views
from lucid._layout import Layout
from lucid._tensor import Tensor
from lucid.ops import reinterpret
from lucid.ops.pieces import as_strided
from lucid.serialization import _small_floats
from lucid.serialization._header import LARGEST_DIMENSION, CheckpointError, check_shape
from lucid.serialization._source import filled
from lucid.serialization._torch._blanks import Blank, Blanks, Block, Part
from lucid.serialization._torch._kinds import Kind
from lucid.serialization._torch._walk import Found

Place = Callable[[mx.array, str], Tensor]
Open = Callable[[str], Any]  # the block of a key, to be read from its first byte to its last
_REPEATED = 64_000_000  # bytes of a tensor that shows elements of a smaller block several times
_PIECE = 1 << 20


class Wanted:
    """A tensor that is to be filled."""

    __slots__ = ("blank", "name", "tensor")

    def __init__(self, tensor: Tensor, blank: Blank, name: str) -> None:
        self.tensor, self.blank, self.name = tensor, blank, name


def wanted(blanks: Blanks, found: Found, size: int) -> list[Wanted]:
    """The tensors of `found`, each checked against its block; `size` is that of the file."""
    listed = []
    for number, name in found.tensors.items():
        if number in blanks.tensors:
            one = Wanted(*blanks.tensors[number], name)
            _check(one, size)
            listed.append(one)
    return listed


def _check(one: Wanted, size: int) -> None:
    blank, name = one.blank, one.name
    check_shape(name, blank.size)
    count = blank.numel
    if not count:
        return
    last = blank.offset + sum((n - 1) * s for n, s in zip(blank.size, blank.stride, strict=True))
    if last >= blank.count:
        raise CheckpointError(
            f"tensor {name!r} of size {blank.size}, stride {blank.stride} and offset {blank.offset} reaches beyond its "
            f"storage of {blank.count} elements"
        )
    if count > blank.count and count * blank.kind.itemsize > max(_REPEATED, 2 * size):
        raise CheckpointError(
            f"tensor {name!r} of size {blank.size} repeats the {blank.count} elements of its storage; save a copy, "
            "t.clone(), or leave it out of the checkpoint"
        )


def fill(blanks: Blanks, found: Found, size: int, open_: Open, order: list[str], place: Place) -> None:
    """Give all tensors and storages of `found` their values.

    Args:
        blanks: what is known of them.
        found: which of them are there, and their names.
        size: of the file.
        open_: gives the block of a key.
        order: keys in the order of their blocks in the file.
        place: makes a tensor of an array; it is called once for each block, with the name of its first tensor.
    """
    groups: dict[int, tuple[Block, list[Wanted], list[tuple[Any, Part, str]]]] = {}
    for one in wanted(blanks, found, size):
        block = one.blank.part.block
        groups.setdefault(id(block), (block, [], []))[1].append(one)
    for number, name in found.storages.items():
        visible, part = blanks.parts[number]
        groups.setdefault(id(part.block), (part.block, [], []))[2].append((visible, part, name))
    places = {key: k for k, key in enumerate(order)}
    for block, tensors, visible in sorted(groups.values(), key=lambda group: places.get(group[0].key, -1)):
        _Block(block, tensors, visible, open_, place).fill()
    mx.eval([_tape.array(blanks.tensors[number][0]) for number in found.tensors if number in blanks.tensors])


class _Block:
    """One block, and those who look at it."""

    def __init__(
        self, block: Block, tensors: list[Wanted], visible: list[tuple[Any, Part, str]], open_: Open, place: Place
    ) -> None:
        self._block, self._tensors, self._visible = block, tensors, visible
        self._open, self._place = open_, place
        self._name = tensors[0].name if tensors else visible[0][2]
        kinds = [one.blank.kind for one in tensors] + [part.kind for _, part, _ in visible if not part.untyped]
        self._kind = kinds[0] if kinds else block.kind
        for one in tensors:
            if one.blank.to.dtype is None or one.blank.kind.dtype is None:
                raise CheckpointError(
                    _no_dtype(one.name, one.blank.kind if one.blank.kind.dtype is None else one.blank.to)
                )
        other = next((kind for kind in kinds if kind is not self._kind), None)
        if other is not None and (other.converted or self._kind.converted):
            raise CheckpointError(
                f"the memory of tensor {self._name!r} is used as {self._kind.name} and as {other.name}, which MLX "
                "cannot do; save a copy of one of them"
            )

    def fill(self) -> None:
        kind = self._kind
        if kind.dtype is None:
            raise CheckpointError(_no_dtype(self._name, kind))
        count = self._block.nbytes // kind.itemsize
        holder = next((one for one in self._tensors if _is_all(one.blank, kind, count)), None)
        if holder is None and count > LARGEST_DIMENSION:
            raise CheckpointError(
                f"tensor {self._name!r} is a view of {count} elements; the largest dimension that MLX has is "
                f"{LARGEST_DIMENSION}. Save a copy, t.clone()"
            )
        array = self._read(kind, (count,) if holder is None else holder.blank.size)
        base = self._place(array, self._name)
        if base.shape != array.shape:
            raise CheckpointError(
                f"the tensor that replaces {self._name!r} has shape {tuple(base.shape)}, not {array.shape}"
            )
        if base.requires_grad:
            base = base.detach()
        if holder is not None and not holder.blank.conj and not holder.blank.neg and holder.blank.to is kind:
            _become(holder.tensor, base)
            base = holder.tensor
        # Others see the memory of a parameter, not the parameter: writing to it must not make them need gradients.
        memory = base.detach() if holder is not None and holder.blank.requires_grad else base
        for one in self._tensors:
            if one is not holder or base is not one.tensor:
                _become(one.tensor, self._view(memory, one.blank))
        for visible, part, _ in self._visible:
            visible.flat = self._memory(memory, part)
        for one in self._tensors:
            if one.blank.requires_grad:
                if not one.tensor.dtype.is_inexact:
                    raise CheckpointError(f"tensor {one.name!r} requires a gradient, but is of {one.tensor.dtype!r}")
                one.tensor.requires_grad_()

    def _read(self, kind: Kind, shape: tuple[int, ...]) -> mx.array:
        values = self._block.values
        reader = self._open(self._block.key) if values is None else io.BytesIO(values.data)
        if kind.name in _small_floats.NAMES:
            return _decoded(filled(reader, shape, mx.uint8), kind)
        turned = kind.unit if values is None and getattr(reader, "turned", False) else 1
        if kind.name == "complex32":
            parts = filled(reader, (*shape, 2), mx.float16, turned)
            return parts.astype(mx.float32).view(mx.complex64).reshape(shape)
        assert kind.dtype is not None
        return filled(reader, shape, kind.dtype.mx, turned)

    def _view(self, base: Tensor, blank: Blank) -> Tensor:
        alone = len(self._tensors) == 1 and not self._visible
        flat = base if blank.kind is self._kind else self._as(base, blank.kind)
        seen = _strided(flat, blank.size, blank.stride, blank.offset + blank.part.start, owns=alone)
        if blank.conj:
            seen = seen.conj()
        if blank.neg:
            seen = -seen
        if blank.to is not blank.kind:
            assert blank.to.dtype is not None
            seen = seen.to(blank.to.dtype)
        return seen

    def _as(self, base: Tensor, kind: Kind) -> Tensor:
        """All of the memory as elements of another kind."""
        assert kind.dtype is not None
        count = self._block.nbytes // self._kind.itemsize
        ratio = max(1, kind.itemsize // self._kind.itemsize)
        flat = as_strided(base, (count // ratio * ratio,), (1,), 0)
        return reinterpret.view_dtype(flat, kind.dtype)

    def _memory(self, base: Tensor, part: Part) -> Tensor:
        size = self._kind.itemsize
        start, end = part.start * part.kind.itemsize // size, (part.start + part.count) * part.kind.itemsize // size
        flat = as_strided(base, (end - start,), (1,), start)
        return flat if part.kind is self._kind else reinterpret.view_dtype(flat, part.kind.dtype)


def _is_all(blank: Blank, kind: Kind, count: int) -> bool:
    """True if the tensor is all of its block, element by element."""
    at = Layout(blank.size, blank.stride)
    return blank.kind is kind and blank.numel == count and not blank.offset + blank.part.start and at.contiguous


def _strided(source: Tensor, size: tuple[int, ...], stride: tuple[int, ...], offset: int, *, owns: bool) -> Tensor:
    """The view of the memory of `source`; if it `owns` that, one that looks like a tensor of its own."""

    def fn(a: mx.array) -> mx.array:
        return mx.as_strided(mx.contiguous(a), size, stride, offset) if 0 not in size else mx.zeros(size, a.dtype)

    def trace(at: Layout, shape: tuple[int, ...]) -> Layout:
        return Layout(shape, stride, offset)

    fn.__qualname__ = "as_strided"
    return _views.attach(_tape.apply(fn, source), source, _views.Move(fn, trace, owns=owns))


def _become(blank: Tensor, t: Tensor) -> None:
    """Make a tensor without values what `t` is."""
    blank._data, blank._extra = _tape.array(t), t._extra
    blank._node = blank._grad = None
    blank._writes = 0


def _decoded(raw: mx.array, kind: Kind) -> mx.array:
    """Bytes as the floats that they stand for, piece by piece."""
    assert kind.dtype is not None
    found = mx.zeros(raw.shape, kind.dtype.mx, stream=mx.cpu)
    mx.eval(found)
    table = _small_floats.values(kind.name)
    given, made = np.array(raw, copy=False).reshape(-1), np.array(found, copy=False).reshape(-1)
    for start in range(0, given.size, _PIECE):
        made[start : start + _PIECE] = table[given[start : start + _PIECE]]
    return found


def _no_dtype(name: str, kind: Kind) -> str:
    instead = {"complex128": "t.to(torch.complex64)"}.get(kind.name, "a float or integer tensor")
    return f"tensor {name!r} has the dtype {kind.name}, which MLX does not have; save {instead}"

"""Weights as MLX quantises them: `weight` packed into uint32, `scales`, and `biases` unless the mode has none."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import mlx.core as mx

from lucid import _tape, dtypes
from lucid._tensor import Tensor
from lucid.serialization._header import CheckpointError

# Of modes without biases: the words of 32 bits of a group, bits, numbers of a group.
_MODES = {4: ("mxfp4", 4, 32), 2: ("nvfp4", 4, 16), 8: ("mxfp8", 8, 32)}
_BITS, _GROUPS = (2, 3, 4, 5, 6, 8), (32, 64, 128)


def dequantize(
    state: Mapping[str, Any],
    config: Any = None,
    *,
    bits: int | None = None,
    group_size: int | None = None,
    dtype: Any = None,
) -> OrderedDict[str, Any]:
    """A state dict whose quantised weights are ordinary ones: each `weight`, `scales`, `biases` of MLX one `weight`.

    Numbers are computed when they are used. All else is taken over as it is.

    Args:
        state: what was loaded from a checkpoint of MLX.
        config: what the model's `config.json` says under "quantization", or the path of that file or its folder.
        bits: of each number, where `config` does not say; needed only if the shapes leave a choice.
        group_size: how many numbers share a scale; the same.
        dtype: of the result; that of the scales if None.

    Raises CheckpointError, naming the tensor, for shapes that do not fit together or leave a choice.

    >>> import lucid, mlx.core as mx
    >>> weight, scales, biases = (lucid.tensor(a) for a in mx.quantize(mx.ones((2, 64))))
    >>> state = {"fc.weight": weight, "fc.scales": scales, "fc.biases": biases}
    >>> lucid.serialization.dequantize(state, bits=4)["fc.weight"].shape
    lucid.Size([2, 64])
    """
    about = quantization(config)
    found: OrderedDict[str, Any] = OrderedDict(state)
    for base in quantised(state):
        given = {"bits": bits, "group_size": group_size, **of_layer(about, base)}
        found[f"{base}weight"] = weight(state, base, given, None, dtype)
        del found[f"{base}scales"]
        found.pop(f"{base}biases", None)
    return found


def quantised(state: Mapping[str, Any]) -> list[str]:
    """The modules whose weights are quantised: their names with the dot at the end."""
    found = []
    for name, scales in state.items():
        if not isinstance(name, str):
            continue
        base = name.removesuffix("scales")
        if base == name or (base and not base.endswith(".")):
            continue
        w = state.get(f"{base}weight")
        if isinstance(w, Tensor) and isinstance(scales, Tensor) and w.dtype is dtypes.uint32 and w.ndim == scales.ndim:
            found.append(base)
    return found


def quantization(config: Any) -> Mapping[str, Any]:
    """What a model's configuration says of its quantisation. A file that is not there says nothing."""
    if isinstance(config, (str, bytes, os.PathLike)):
        path = os.fsdecode(config)
        path = os.path.join(path, "config.json") if os.path.isdir(path) else path
        try:
            with open(path, encoding="utf-8") as file:
                config = json.load(file)
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"dequantize: {path}: its JSON is broken: {error}") from None
    if isinstance(config, Mapping):
        config = config.get("quantization", config)
    return config if isinstance(config, Mapping) else {}


def of_layer(about: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The bits, the group size and the mode of one module."""
    own = about.get(base.removesuffix("."))
    all_of_it = {**about, **own} if isinstance(own, Mapping) else about
    return {key: all_of_it[key] for key in ("bits", "group_size", "mode") if all_of_it.get(key) is not None}


def weight(state: Mapping[str, Any], base: str, given: Mapping[str, Any], columns: int | None, dtype: Any) -> Tensor:
    """The weight of one module as ordinary numbers; `columns` is how many a row has, if that is known."""
    packed, scales, biases = (state.get(f"{base}{part}") for part in ("weight", "scales", "biases"))
    assert isinstance(packed, Tensor)
    assert isinstance(scales, Tensor)
    tensors = [packed, scales, *([biases] if isinstance(biases, Tensor) else [])]
    shapes = ", ".join(f"{tuple(t.shape)}" for t in tensors)
    groups = scales.shape[-1] if scales.ndim else 0
    if (
        packed.shape[:-1] != scales.shape[:-1]
        or not groups
        or packed.shape[-1] % groups
        or (len(tensors) == 3 and tensors[2].shape != scales.shape)
    ):
        raise CheckpointError(f"dequantize: the shapes of {base}weight, scales, biases do not fit together: {shapes}")
    words = packed.shape[-1] // groups
    if len(tensors) == 2:
        if words not in _MODES or scales.dtype is not dtypes.uint8:
            raise CheckpointError(f"dequantize: {base}weight is quantised in an unknown way: {shapes}")
        mode, bits, group = _MODES[words]
    else:
        mode = "affine"
        bits, group = _choose(base, words, groups, given, columns)
    to = None if dtype is None else dtypes.as_dtype(dtype, "dequantize").mx
    if to is None and mode != "affine":
        to = dtypes.get_default_dtype().mx

    def dequantize(w: mx.array, s: mx.array, b: mx.array | None = None) -> mx.array:
        return mx.dequantize(w, s, b, group_size=group, bits=bits, mode=mode, dtype=to)

    found: Tensor = _tape.apply(dequantize, *tensors)
    return found


def _choose(base: str, words: int, groups: int, given: Mapping[str, Any], columns: int | None) -> tuple[int, int]:
    """The bits and the group size that fit."""
    fits = [(b, g) for b in _BITS for g in _GROUPS if b * g == 32 * words]
    if columns is not None:
        fits = [(b, g) for b, g in fits if g * groups == columns]
    for k, key in enumerate(("bits", "group_size")):
        if given.get(key) is not None:
            fits = [fit for fit in fits if fit[k] == given[key]]
    if len(fits) != 1:
        choice = " or ".join(f"bits={b}, group_size={g}" for b, g in fits)
        raise CheckpointError(
            f"dequantize: {base}weight may be of {choice}; say which"
            if choice
            else f"dequantize: {base}weight has {words} words for each of {groups} groups in a row, which does not fit "
            f"bits={given.get('bits')}, group_size={given.get('group_size')}"
            + ("" if columns is None else f", {columns} columns")
        )
    return fits[0]

"""Recurrent networks. Each takes two lists of arguments: those of whole sequences, and those of packed ones.

    lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)
    lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)

`hx` is a tensor, for `lstm` a pair of them: the first states of all layers and directions. `params` holds the weights
of each, see `lucid.nn.functional.recurrence.recurrent`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lucid._tape import TensorCore
from lucid.nn.functional.recurrence import cell, packed_sizes, recurrent

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell"]

_SETTINGS = ("params", "has_biases", "num_layers", "dropout", "train", "bidirectional")
_WHOLE = ("input", "hx", *_SETTINGS, "batch_first")
_PACKED = ("data", "batch_sizes", "hx", *_SETTINGS)


def _run(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    packed = "data" in kwargs or "batch_sizes" in kwargs or (len(args) > 3 and isinstance(args[3], (tuple, list)))
    names = _PACKED if packed else _WHOLE
    given = dict(zip(names, args, strict=False))
    if len(args) > len(names) or given.keys() & kwargs.keys() or {*given, *kwargs} != set(names):
        raise TypeError(f"{kind}() expects ({', '.join(_WHOLE)}) or ({', '.join(_PACKED)})")
    given |= kwargs
    sizes = packed_sizes(kind, given["batch_sizes"]) if packed else None
    hx = given["hx"]
    if isinstance(hx, TensorCore) == (kind == "lstm") or not isinstance(hx, (TensorCore, tuple, list)):
        need = "a pair of Tensors" if kind == "lstm" else "Tensor"
        raise TypeError(f"{kind}(): argument 'hx' must be {need}, not {type(hx).__name__}")
    return recurrent(
        kind,
        given["data" if packed else "input"],
        sizes,
        [hx] if isinstance(hx, TensorCore) else list(hx),
        **{name: given[name] for name in _SETTINGS},
        batch_first=given.get("batch_first", False),
    )


def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """A recurrent network whose state is the tanh of a linear map of input and state.

    Returns the outputs of all steps and the last states. Takes the two lists of arguments above.
    """
    return _run("rnn_tanh", args, kwargs)  # type: ignore[no-any-return]


def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """`rnn_tanh` with relu in its place."""
    return _run("rnn_relu", args, kwargs)  # type: ignore[no-any-return]


def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Gated recurrent units (Cho et al. 2014). Returns the outputs of all steps and the last states."""
    return _run("gru", args, kwargs)  # type: ignore[no-any-return]


def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Long short-term memory (Hochreiter and Schmidhuber 1997). Returns the outputs and the last states h and c."""
    return _run("lstm", args, kwargs)  # type: ignore[no-any-return]


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of `rnn_tanh`: `input` (N, features), `hx` (N, hidden)."""
    return cell("rnn_tanh", input, [hx], w_ih, w_hh, b_ih, b_hh)[0]


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of `rnn_relu`."""
    return cell("rnn_relu", input, [hx], w_ih, w_hh, b_ih, b_hh)[0]


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of `gru`."""
    return cell("gru", input, [hx], w_ih, w_hh, b_ih, b_hh)[0]


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of `lstm`: from the states h and c to the next ones."""
    if isinstance(hx, TensorCore):
        raise TypeError("lstm_cell(): argument 'hx' must be a pair of Tensors, not Tensor")
    if len(hx) != 2:
        raise RuntimeError(f"lstm_cell: expected two hidden states, h and c, got {len(hx)}")
    return cell("lstm", input, hx, w_ih, w_hh, b_ih, b_hh)  # type: ignore[return-value]

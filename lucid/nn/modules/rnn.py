"""Recurrent networks: RNN, GRU and LSTM, and their cells for single steps."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence
from typing import Any

from lucid import creation
from lucid._tensor import Tensor
from lucid.nn import init
from lucid.nn.functional.recurrence import GATES, packed_sizes, recurrent
from lucid.nn.modules._rnn_cells import GRUCell, LSTMCell, RNNCell, RNNCellBase
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter
from lucid.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]


def apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    """Deprecated: use `tensor.index_select(dim, permutation)`. Raises a FutureWarning."""
    warnings.warn(
        "`apply_permutation` is deprecated, please use `tensor.index_select(dim, permutation)` instead",
        FutureWarning,
        stacklevel=2,
    )
    return tensor.index_select(dim, permutation)


class RNNBase(Module):
    """What RNN, GRU and LSTM have in common: attributes, parameters, and the checks of what comes in.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "GRU" or "LSTM".
        input_size: how many features a step of the input has.
        hidden_size: how many the state has.
        num_layers: how many layers, each with the outputs of the one before as input.
        bias: whether there are biases.
        batch_first: whether input and output have shape (N, T, features) in place of (T, N, features).
        dropout: in training, the probability of dropping an output of each layer but the last.
        bidirectional: whether each layer runs backward too, with outputs behind those of the forward direction.
        proj_size: of an LSTM, how many features the outputs are projected to; 0 for no projection.
        device: where the parameters live.
        dtype: of the parameters.

    The parameters are, of layer k: `weight_ih_l{k}` and `weight_hh_l{k}` for the input and for the state, the parts of
    all gates one below the other, `bias_ih_l{k}` and `bias_hh_l{k}`, with a projection `weight_hr_l{k}`; and the same
    with `_reverse` behind them for the backward direction.

    Raises ValueError or TypeError for sizes that make no sense.
    """

    __constants__ = [  # noqa: RUF012 - PyTorch's, for its readers
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]
    mode: str
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._check_arguments(dropout)
        directions = 2 if bidirectional else 1
        rows = GATES[mode.lower()] * hidden_size
        out = proj_size or hidden_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            features = input_size if layer == 0 else out * directions
            for direction in range(directions):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, features), "weight_hh": (rows, out)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                suffix = f"_l{layer}{'_reverse' if direction else ''}"
                for name, shape in shapes.items():
                    setattr(self, name + suffix, Parameter(creation.zeros(shape, device=device, dtype=dtype)))
                self._all_weights.append([name + suffix for name in shapes])
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self.reset_parameters()

    def _check_arguments(self, dropout: Any) -> None:
        if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= self.dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
                f"got {dropout!r}"
            )
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name, kind in (("input_size", int), ("hidden_size", int), ("bias", bool), ("batch_first", bool)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero, got {getattr(self, name)}")
        if self.proj_size < 0:
            raise ValueError(f"proj_size should be a positive integer or zero to disable projections, {self.proj_size}")
        if self.proj_size >= self.hidden_size:
            raise ValueError(f"proj_size has to be smaller than hidden_size, got {self.proj_size}, {self.hidden_size}")
        if self.mode.lower() not in GATES or self.mode != self.mode.upper():
            raise ValueError(f"Unrecognized RNN mode: {self.mode}")

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform within 1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: there is no kernel that wants all parameters in one piece of memory."""

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Any]:
        held = self._parameters  # asked directly: an attribute takes Python several times as long
        return [held[name] if name in held else getattr(self, name) for name in self._flat_weights_names]

    def extra_repr(self) -> str:
        """The sizes, and the options that are not at their defaults."""
        shown = {
            "proj_size": self.proj_size != 0,
            "num_layers": self.num_layers != 1,
            "bias": self.bias is not True,
            "batch_first": self.batch_first is not False,
            "dropout": self.dropout != 0,
            "bidirectional": self.bidirectional is not False,
        }
        options = [f"{name}={getattr(self, name)}" for name, show in shown.items() if show]
        return ", ".join([str(self.input_size), str(self.hidden_size), *options])

    # -- what comes in -------------------------------------------------------------------------------------------------

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise ValueError or RuntimeError for an input of another dtype, number of dimensions or of features."""
        dtype = self._flat_weights[0].dtype
        if input.dtype != dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype!r}) does not match weight dtype ({dtype!r}). Convert input: "
                f"input.to({dtype!r}), or convert model: model.to({input.dtype!r})"
            )
        wanted = 3 if batch_sizes is None else 2
        if input.dim() != wanted:
            raise RuntimeError(f"input must have {wanted} dimensions, got {input.dim()}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the first state h has to have."""
        return self._expected(self._batch(input, batch_sizes))[0]

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise RuntimeError, with both shapes in `msg`, for an `hx` that has not the expected shape."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise ValueError or RuntimeError for an input, or a first state, that does not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The state with its sequences in the order of `permutation`."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def _batch(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        if batch_sizes is None:
            return int(input.shape[0 if self.batch_first else 1])
        return packed_sizes(self.mode.lower(), batch_sizes)[0]

    def _expected(self, batch: int) -> list[tuple[int, int, int]]:
        """The shapes of the tensors of a state: h, of an LSTM also c."""
        layers = self.num_layers * (2 if self.bidirectional else 1)
        features = [self.proj_size or self.hidden_size, self.hidden_size]
        return [(layers, batch, n) for n in features[: 2 if self.mode == "LSTM" else 1]]

    def _run(self, input: Any, hx: Any) -> tuple[Any, Any]:
        """The outputs, in the form of the input, and the last state."""
        pair = self.mode == "LSTM"
        packed = isinstance(input, PackedSequence)
        x, batch_sizes, order, back = input if packed else (input, None, None, None)
        if hx is not None:
            hx = self.permute_hidden(hx, order)
        states = None if hx is None else [hx[0], hx[1], *hx[2:]] if pair else [hx]
        single, dim = False, 0 if self.batch_first else 1
        if not packed:
            single = self._check_dims(x.dim(), states)
            x = x.unsqueeze(dim) if single else x
        if states is None:
            shapes = self._expected(self._batch(x, batch_sizes))
            states = [creation.zeros(shape, dtype=x.dtype, device=x.device) for shape in shapes]
        elif single:
            states = [t.unsqueeze(1) for t in states]
        self.check_forward_args(x, states if pair else states[0], batch_sizes)
        y, *last = recurrent(
            self.mode.lower(),
            x,
            None if batch_sizes is None else packed_sizes(self.mode.lower(), batch_sizes),
            states,
            self._flat_weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            self.batch_first,
        )
        if single:
            y, last = y.squeeze(dim), [t.squeeze(1) for t in last]
        output = PackedSequence(y, batch_sizes, order, back) if packed else y
        return output, self.permute_hidden(tuple(last) if pair else last[0], back)

    def _check_dims(self, ndim: int, states: Sequence[Tensor] | None) -> bool:
        """Whether the input is a single sequence. Raises ValueError or RuntimeError for wrong numbers of dimensions."""
        if ndim not in (2, 3):
            raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {ndim}D instead")
        got = [t.dim() for t in states or ()]
        if any(d != ndim for d in got):
            name, plural = ("hx and cx", "tensors") if len(got) > 1 else ("hx", "tensor")
            dims = f"({', '.join(f'{d}-D' for d in got)})" if len(got) > 1 else f"{got[0]}-D"
            raise RuntimeError(
                f"For {'un' if ndim == 2 else ''}batched {ndim}-D input, {name} should also be {ndim}-D but got {dims} "
                f"{plural}"
            )
        return ndim == 2


class RNN(RNNBase):
    """A recurrent network: `h' = tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)` at each step.

    Args:
        input_size: how many features a step of the input has.
        hidden_size: how many the state has.
        num_layers: how many layers, 1 if left out.
        nonlinearity: "tanh", or "relu" in its place.
        bias, batch_first, dropout, bidirectional, device, dtype: see `RNNBase`.

    >>> from lucid import nn, ones
    >>> output, h = nn.RNN(10, 20, 2)(ones(5, 3, 10))
    >>> output.shape, h.shape
    (lucid.Size([5, 3, 20]), lucid.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        nonlinearity = args[3] if len(args) > 3 else kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity {nonlinearity!r}. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args[:3], *args[4:], **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """The outputs of all steps, and the last state of each layer and direction.

        Args:
            input: shape (T, N, features), (N, T, features) with `batch_first`, (T, features) for a single sequence, or
                a PackedSequence, for which the outputs are one too.
            hx: the first state, shape (layers * directions, N, hidden_size), without N for a single sequence; zeros if
                left out.
        """
        return self._run(input, hx)


class GRU(RNNBase):
    """Gated recurrent units (Cho et al. 2014).

    At each step, with the reset and update gates `r` and `z`, sigmoids of linear maps of x and h,
    `n = tanh(x @ w_in.T + b_in + r * (h @ w_hn.T + b_hn))` and `h' = (1 - z) * n + z * h`.

    Args:
        input_size: how many features a step of the input has.
        hidden_size: how many the state has.
        num_layers: how many layers, 1 if left out.
        bias, batch_first, dropout, bidirectional, device, dtype: see `RNNBase`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """The outputs of all steps and the last state: see `RNN.forward`."""
        return self._run(input, hx)


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber 1997).

    At each step, with the gates `i`, `f`, `o`, sigmoids of linear maps of x and h, and with `g`, the tanh of one,
    `c' = f * c + i * g` and `h' = o * tanh(c')`, projected by `weight_hr` if there is a `proj_size`.

    Args:
        input_size: how many features a step of the input has.
        hidden_size: how many the state has.
        num_layers: how many layers, 1 if left out.
        bias, batch_first, dropout, bidirectional, proj_size, device, dtype: see `RNNBase`.

    >>> from lucid import nn, ones
    >>> output, (h, c) = nn.LSTM(10, 20, 2)(ones(5, 3, 10))
    >>> output.shape, h.shape, c.shape
    (lucid.Size([5, 3, 20]), lucid.Size([2, 3, 20]), lucid.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        """The outputs of all steps and the last states h and c: see `RNN.forward`."""
        return self._run(input, hx)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the first state c has to have."""
        return self._expected(self._batch(input, batch_sizes))[1]

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise ValueError or RuntimeError for an input, or first states, that do not fit."""
        self.check_input(input, batch_sizes)
        if len(hidden) != 2:
            raise RuntimeError(f"lstm expects two hidden states, h and c, got {len(hidden)}")
        shapes = (self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes))
        for k, shape in enumerate(shapes):
            self.check_hidden_size(hidden[k], shape, f"Expected hidden[{k}] size {{}}, got {{}}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states with their sequences in the order of `permutation`."""
        return hx if permutation is None else tuple([super(LSTM, self).permute_hidden(t, permutation) for t in hx])


def _refuse_projection(options: dict[str, Any]) -> None:
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")

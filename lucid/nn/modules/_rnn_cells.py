"""Single steps of recurrent networks; `lucid.nn.modules.rnn` has them beside the networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lucid import creation
from lucid._tensor import Tensor
from lucid.nn import init
from lucid.nn.functional.recurrence import GATES, cell
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What RNNCell, GRUCell and LSTMCell have in common: sizes and parameters.

    Args:
        input_size: how many features the input has.
        hidden_size: how many the state has.
        bias: whether there are biases.
        num_chunks: how many gates there are.
        device: where the parameters live.
        dtype: of the parameters.
    """

    __constants__ = ["input_size", "hidden_size", "bias"]  # noqa: RUF012 - PyTorch's, for its readers
    input_size: int
    hidden_size: int
    bias: bool
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        for name, shape in (
            ("weight_ih", (rows, input_size)),
            ("weight_hh", (rows, hidden_size)),
            ("bias_ih", (rows,)),
            ("bias_hh", (rows,)),
        ):
            wanted = bias or name.startswith("weight")
            value = Parameter(creation.zeros(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform within 1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and the options that are not at their defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"

    def _step(self, kind: str, input: Tensor, hx: Sequence[Tensor] | None) -> tuple[Tensor, ...]:
        """The state after `input`, from the state `hx` before it."""
        ndim = input.dim()
        for what, t in (("input", input), *[("hidden", t) for t in hx or ()]):
            if t.dim() not in (1, 2):
                raise ValueError(f"{self._get_name()}: Expected {what} to be 1D or 2D, got {t.dim()}D instead")
        if kind not in GATES:
            raise RuntimeError(f"Unknown nonlinearity: {kind.removeprefix('rnn_')}; it has to be 'tanh' or 'relu'")
        if ndim == 1:
            input, hx = input.unsqueeze(0), hx and [t.unsqueeze(0) for t in hx]
        if hx is None:
            zeros = creation.zeros(input.shape[0], self.hidden_size, dtype=input.dtype, device=input.device)
            hx = [zeros] * (2 if kind == "lstm" else 1)
        last = cell(kind, input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return tuple([t.squeeze(0) for t in last]) if ndim == 1 else last


class RNNCell(RNNCellBase):
    """One step of an `RNN`.

    Args:
        input_size: how many features the input has.
        hidden_size: how many the state has.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device: where the parameters live.
        dtype: of the parameters.

    >>> from lucid import nn, ones
    >>> nn.RNNCell(10, 20)(ones(3, 10)).shape
    lucid.Size([3, 20])
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]  # noqa: RUF012
    nonlinearity: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state, shape (N, hidden_size).

        Takes the input, shape (N, input_size), and the state before, zeros if left out; both may come without N.
        """
        return self._step(f"rnn_{self.nonlinearity}", input, None if hx is None else [hx])[0]


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`.

    Args:
        input_size: how many features the input has.
        hidden_size: how many the states have.
        bias: whether there are biases.
        device: where the parameters live.
        dtype: of the parameters.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next states h and c, from the input and the states before: see `RNNCell.forward`."""
        if isinstance(hx, Tensor):
            raise TypeError("LSTMCell: expected hx to be a pair of tensors, h and c, got one Tensor")
        if hx is not None and len(states := list(hx)) != 2:
            raise RuntimeError(f"LSTMCell: expected two hidden states, h and c, got {len(states)}")
        h, c = self._step("lstm", input, hx)
        return h, c


class GRUCell(RNNCellBase):
    """One step of a `GRU`.

    Args:
        input_size: how many features the input has.
        hidden_size: how many the state has.
        bias: whether there are biases.
        device: where the parameters live.
        dtype: of the parameters.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state, from the input and the state before: see `RNNCell.forward`."""
        return self._step("gru", input, None if hx is None else [hx])[0]

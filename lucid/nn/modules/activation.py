"""Activations as modules. The softmaxes and `MultiheadAttention` live in files of their own and are found here too."""

from __future__ import annotations

import warnings
from typing import Any

from lucid import creation
from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.modules.attention import MultiheadAttention
from lucid.nn.modules.linear import NonDynamicallyQuantizableLinear as NonDynamicallyQuantizableLinear
from lucid.nn.modules.module import Module
from lucid.nn.modules.softmax import LogSoftmax, Softmax, Softmax2d, Softmin
from lucid.nn.parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "MultiheadAttention",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class _InPlace(Module):
    """An activation whose only option is to write into its input."""

    __constants__ = ["inplace"]  # noqa: RUF012 - PyTorch's, for its readers
    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Whether it works in place."""
        return "inplace=True" if self.inplace else ""


class ReLU(_InPlace):
    """`max(input, 0)`."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.relu(input, self.inplace)


class SiLU(_InPlace):
    """`input * sigmoid(input)`, also called swish."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.silu(input, self.inplace)


class Mish(_InPlace):
    """`input * tanh(softplus(input))`."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.mish(input, self.inplace)


class Hardsigmoid(_InPlace):
    """`relu6(input + 3) / 6`."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class Hardswish(_InPlace):
    """`input * relu6(input + 3) / 6`."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class SELU(_InPlace):
    """`elu` with the two constants that keep mean 0 and variance 1 through many layers."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.selu(input, self.inplace)


class Sigmoid(Module):
    """`1 / (1 + exp(-input))`."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.tanh(input)


class LogSigmoid(Module):
    """`log(sigmoid(input))`."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.logsigmoid(input)


class Softsign(Module):
    """`input / (1 + |input|)`."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.softsign(input)


class Tanhshrink(Module):
    """`input - tanh(input)`."""

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.tanhshrink(input)


class GELU(Module):
    """`input * Phi(input)`, with the Gaussian distribution function Phi; `approximate="tanh"` for an approximation."""

    __constants__ = ["approximate"]  # noqa: RUF012
    approximate: str

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """The options."""
        return f"approximate={self.approximate!r}"


class ELU(_InPlace):
    """`input` where positive, `alpha * (exp(input) - 1)` elsewhere."""

    __constants__ = ["alpha", "inplace"]  # noqa: RUF012
    alpha: float

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The options."""
        return f"alpha={self.alpha}{', inplace=True' if self.inplace else ''}"


class CELU(_InPlace):
    """`input` where positive, `alpha * (exp(input / alpha) - 1)` elsewhere."""

    __constants__ = ["alpha", "inplace"]  # noqa: RUF012
    alpha: float

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The options."""
        return f"alpha={self.alpha}{', inplace=True' if self.inplace else ''}"


class LeakyReLU(_InPlace):
    """`input` where positive, `negative_slope * input` elsewhere."""

    __constants__ = ["inplace", "negative_slope"]  # noqa: RUF012
    negative_slope: float

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """The options."""
        return f"negative_slope={self.negative_slope}{', inplace=True' if self.inplace else ''}"


class RReLU(_InPlace):
    """`LeakyReLU` with random slopes from [lower, upper) in training, and with their mean otherwise."""

    __constants__ = ["lower", "upper", "inplace"]  # noqa: RUF012
    lower: float
    upper: float

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower, self.upper = lower, upper

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The options."""
        return f"lower={self.lower}, upper={self.upper}{', inplace=True' if self.inplace else ''}"


class Threshold(_InPlace):
    """`input` where it is above `threshold`, `value` elsewhere."""

    __constants__ = ["threshold", "value", "inplace"]  # noqa: RUF012
    threshold: float
    value: float

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold, self.value = threshold, value

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """The options."""
        return f"threshold={self.threshold}, value={self.value}{', inplace=True' if self.inplace else ''}"


class Softplus(Module):
    """`log(1 + exp(beta * input)) / beta`, and `input` itself where `beta * input` is above `threshold`."""

    __constants__ = ["beta", "threshold"]  # noqa: RUF012
    beta: float
    threshold: float

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The options."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardshrink(Module):
    """`input`, and 0 where it lies in [-lambd, lambd]."""

    __constants__ = ["lambd"]  # noqa: RUF012
    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.lambd}"


class Softshrink(Module):
    """`input` moved towards 0 by `lambd`, and 0 where it is nearer."""

    __constants__ = ["lambd"]  # noqa: RUF012
    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The options."""
        return str(self.lambd)


class GLU(Module):
    """The first half of the input along `dim`, times the sigmoid of the second half."""

    __constants__ = ["dim"]  # noqa: RUF012
    dim: int

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        """The options."""
        return f"dim={self.dim}"


class Hardtanh(_InPlace):
    """`input`, cut off below `min_val` and above `max_val`. `min_value` and `max_value` are their deprecated names.

    Raises AssertionError unless `max_val` is above `min_val`.
    """

    __constants__ = ["min_val", "max_val", "inplace"]  # noqa: RUF012
    min_val: float
    max_val: float

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        if min_value is not None:
            warnings.warn(
                "keyword argument `min_value` is deprecated and rename to `min_val`", FutureWarning, stacklevel=2
            )
            min_val = min_value
        if max_value is not None:
            warnings.warn(
                "keyword argument `max_value` is deprecated and rename to `max_val`", FutureWarning, stacklevel=2
            )
            max_val = max_value
        self.min_val, self.max_val = min_val, max_val
        if max_val <= min_val:
            raise AssertionError(f"max_val must be larger than min_val, got {max_val} and {min_val}")

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """The options."""
        return f"min_val={self.min_val}, max_val={self.max_val}{', inplace=True' if self.inplace else ''}"


class ReLU6(Hardtanh):
    """`input`, cut off below 0 and above 6."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        """Whether it works in place."""
        return "inplace=True" if self.inplace else ""


class PReLU(Module):
    """`input` where positive, a learned `weight * input` elsewhere.

    Args:
        num_parameters: 1, or the number of channels (dimension 1).
        init: what the weights start as.
        device: where they live.
        dtype: theirs.
    """

    __constants__ = ["num_parameters"]  # noqa: RUF012
    num_parameters: int
    weight: Tensor

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(creation.zeros(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weights to their starting value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """The activation of `input`."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of weights."""
        return f"num_parameters={self.num_parameters}"

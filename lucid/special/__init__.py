"""Special functions: PyTorch's `torch.special`.

What PyTorch also has at its top level is the same function here.
"""

from lucid.ops import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    i0,
    log1p,
    log_softmax,
    logit,
    logsumexp,
    polygamma,
    round,
    sinc,
    softmax,
    xlogy,
)
from lucid.ops import digamma as psi
from lucid.ops import igamma as gammainc
from lucid.ops import igammac as gammaincc
from lucid.ops import lgamma as gammaln
from lucid.ops import mvlgamma as multigammaln
from lucid.ops import sigmoid as expit
from lucid.special import bessel, error_functions, polynomials, zeta_function
from lucid.special.bessel import *
from lucid.special.error_functions import *
from lucid.special.polynomials import *
from lucid.special.zeta_function import *

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlogy",
]
__all__ += bessel.__all__
__all__ += error_functions.__all__
__all__ += polynomials.__all__
__all__ += zeta_function.__all__

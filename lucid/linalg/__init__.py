"""Linear algebra: factorizations, equations, determinants. Each file's `__all__` is public as `lucid.linalg.<name>`."""

from lucid.linalg import (
    definite,
    determinants,
    eigen,
    elimination,
    indefinite,
    inverses,
    least_squares,
    norms,
    orthogonal,
    powers,
    products,
    pseudoinverse,
    singular,
    solving,
)
from lucid.linalg._errors import LinAlgError
from lucid.linalg.definite import *
from lucid.linalg.determinants import *
from lucid.linalg.eigen import *
from lucid.linalg.elimination import *
from lucid.linalg.indefinite import *
from lucid.linalg.inverses import *
from lucid.linalg.least_squares import *
from lucid.linalg.norms import *
from lucid.linalg.orthogonal import *
from lucid.linalg.powers import *
from lucid.linalg.products import *
from lucid.linalg.pseudoinverse import *
from lucid.linalg.singular import *
from lucid.linalg.solving import *

__all__: list[str] = ["LinAlgError"]
__all__ += definite.__all__
__all__ += determinants.__all__
__all__ += eigen.__all__
__all__ += elimination.__all__
__all__ += indefinite.__all__
__all__ += inverses.__all__
__all__ += least_squares.__all__
__all__ += norms.__all__
__all__ += orthogonal.__all__
__all__ += powers.__all__
__all__ += products.__all__
__all__ += pseudoinverse.__all__
__all__ += singular.__all__
__all__ += solving.__all__

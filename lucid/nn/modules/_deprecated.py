"""Classes that PyTorch keeps for old code only."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar


class Deprecated:
    """Warns where a class that has an `_advice` of its own is instantiated or subclassed."""

    _advice: ClassVar[str]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if "_advice" in vars(cls):
            warnings.warn(cls._advice, FutureWarning, stacklevel=2)
        return super().__new__(cls)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_advice" not in vars(cls):
            warnings.warn(cls._advice, FutureWarning, stacklevel=2)

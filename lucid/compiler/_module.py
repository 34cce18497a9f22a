"""A module whose calls are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid.compiler._compiled import Compiled
from lucid.nn.modules.module import Module


def _calling(module: Module) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        return module(*args, **kwargs)

    forward.__name__ = type(module).__name__
    return forward


class OptimizedModule(Module):
    """What `lucid.compile(module)` returns: it shares everything with `module`, whose calls are compiled.

    As in PyTorch, `module` is the child `_orig_mod`, whose name stands in front of the keys of the state dict.
    Attributes are found in `module`, and set there.
    """

    def __init__(self, mod: Module, fullgraph: bool = False) -> None:
        super().__init__()
        self.__dict__["_fullgraph"] = fullgraph
        self._modules["_orig_mod"] = mod
        self.__dict__["forward"] = Compiled(_calling(mod), fullgraph)
        self.__dict__["training"] = mod.training

    def __getattr__(self, name: str) -> Any:
        return self._modules["_orig_mod"] if name == "_orig_mod" else getattr(self._modules["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "training":
            self.__dict__[name] = value
        elif name != "forward":
            setattr(self._modules["_orig_mod"], name, value)
        else:
            self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        delattr(self._modules["_orig_mod"], name)

    def __reduce__(self) -> Any:
        return OptimizedModule, (self._modules["_orig_mod"], self.__dict__["_fullgraph"])

    def __deepcopy__(self, memo: dict[int, Any]) -> OptimizedModule:
        from copy import deepcopy

        return OptimizedModule(deepcopy(self._modules["_orig_mod"], memo), self.__dict__["_fullgraph"])  # type: ignore[arg-type]

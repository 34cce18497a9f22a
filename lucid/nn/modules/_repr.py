"""How modules print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module


def module_repr(self: Module) -> str:
    """The module's name with what `extra_repr` says, and its children one below the other."""
    extra = self.extra_repr()
    lines = extra.split("\n") if extra else []
    if len(lines) == 1 and not self._modules:
        return f"{self._get_name()}({extra})"
    lines += [f"({name}): {_addindent(repr(child), 2)}" for name, child in self._modules.items()]
    body = "\n  " + "\n  ".join(lines) + "\n" if lines else ""
    return f"{self._get_name()}({body})"


def extra_repr(self: Module) -> str:
    """Override to add extra repr info (e.g. Linear shows in_features, etc.)."""
    return ""


def _get_name(self: Module) -> str:
    return type(self).__name__


def module_dir(self: Module) -> list[str]:
    """Attributes, parameters, buffers and children, without the numbers that no one can write after a dot."""
    names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
    return sorted(name for name in names if not name[0].isdigit())


def _addindent(text: str, spaces: int) -> str:
    """`text` with every line but the first moved in; blank lines stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *[" " * spaces + line if line.strip() else "" for line in rest]])

"""One scenario, played with PyTorch and with lucid: what it returns must be the same."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import lucid
import lucid.nn.modules.module
from lucid.nn.modules import _global_hooks


def plain(value: Any) -> Any:
    """`value` without anything that belongs to one of the two libraries."""
    kind = type(value)
    if isinstance(value, type):
        return value.__name__
    if hasattr(value, "requires_grad") and hasattr(value, "detach"):
        dtype = str(value.dtype).rpartition(".")[2]
        name = "Tensor" if kind.__name__ == "Buffer" else kind.__name__  # PyTorch's buffers do not show their class
        return name, dtype, tuple(value.shape), value.detach().tolist(), value.requires_grad
    if isinstance(value, str):
        return value.replace("torch", "lucid")
    if isinstance(value, Mapping):
        return kind.__name__, [(plain(k), plain(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return {plain(v) for v in value}
    if isinstance(value, BaseException):
        return kind.__name__, plain(str(value))
    if callable(getattr(value, "named_modules", None)):
        return kind.__name__, repr(value)
    return value if value is None or isinstance(value, (bool, int, float)) else repr(value)


class Lib:
    """One of the two libraries, with what scenarios need to be written once."""

    def __init__(self, library: Any) -> None:
        self.library, self.nn = library, library.nn
        self.tensor, self.zeros, self.ones = library.tensor, library.zeros, library.ones
        self.no_grad, self.Tensor = library.no_grad, library.Tensor
        self.hooks = library.nn.modules.module
        self.log: list[Any] = []

    def note(self, *values: Any) -> None:
        """Write down what was seen."""
        self.log.append(plain(values))

    def raises(self, call: Callable[[], Any], message: bool = True) -> None:
        """Write down the exception that `call` must raise; its text too, unless the text is not PyTorch's to decide."""
        try:
            result = call()
        except Exception as error:
            self.note(type(error).__name__, str(error) if message else "")
        else:
            raise AssertionError(f"accepted, with {result!r}")

    def attempt(self, call: Callable[[], Any], message: bool = True) -> Any:
        """Write down what `call` returns, or the exception it raises."""
        try:
            result = call()
        except Exception as error:
            self.note(error if message else type(error))
            return None
        self.note(result)
        return result

    def kind_of(self, call: Callable[[], Any]) -> Any:
        """Write down what `call` returns, or the class of the exception it raises."""
        return self.attempt(call, message=False)

    def param(self, *values: float, requires_grad: bool = True) -> Any:
        return self.nn.Parameter(self.tensor(list(values)), requires_grad)

    def scale(self, factor: float = 2.0, size: int = 2) -> Any:
        """A module with one parameter, the factor that it multiplies by."""
        lib = self

        class Scale(lib.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.factor = lib.nn.Parameter(lib.ones(size) * factor)

            def forward(self, x: Any) -> Any:
                return x * self.factor

        return Scale()

    def stateful(self) -> Any:
        """A module with two parameters, one of them None, and with buffers of each kind."""
        lib = self

        class Stateful(lib.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weight = lib.param(1.0, 2.0)
                self.register_parameter("bias", None)
                self.register_buffer("mean", lib.tensor([0.5, 0.25]))
                self.register_buffer("count", lib.tensor(3))
                self.register_buffer("cache", lib.tensor([9.0]), persistent=False)
                self.register_buffer("nothing", None)

            def forward(self, x: Any) -> Any:
                return x * self.weight + self.mean

        return Stateful()

    def state(self, **values: Any) -> OrderedDict[str, Any]:
        """A state dict of tensors; two underscores in a name stand for a dot."""
        return OrderedDict((name.replace("__", "."), self.tensor(value)) for name, value in values.items())

    def full_state(self) -> OrderedDict[str, Any]:
        """A state dict that fits what `stateful` makes."""
        return self.state(weight=[10.0, 11.0], mean=[12.0, 13.0], count=7)

    def with_extra(self) -> Any:
        """A module with a parameter and with extra state."""
        lib = self

        class Extra(lib.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.w = lib.param(1.0)
                self.extra = {"step": 1}

            def get_extra_state(self) -> Any:
                return self.extra

            def set_extra_state(self, state: Any) -> None:
                lib.note("set", state)
                self.extra = state

        return Extra()

    def function(self, forward: Callable[..., Any]) -> Any:
        """A module with a parameter `w` that does what `forward(module, ...)` does."""
        lib = self

        class Function(lib.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.w = lib.param(2.0, 3.0)

        Function.forward = forward
        return Function()

    def net(self) -> Any:
        """A module with children, grandchildren, a child that is there twice and one that is None."""
        net = self.nn.Module()
        net.first = self.stateful()
        net.block = self.nn.Sequential(self.scale(3.0), self.nn.Identity())
        net.again = net.first
        net.register_module("missing", None)
        net.own = self.param(7.0)
        net.shared = net.first.weight
        return net


def _play(library: Any, scenario: Callable[[Lib], Any]) -> tuple[list[Any], list[Any]]:
    lib = Lib(library)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = scenario(lib)
    if result is not None:
        lib.note(result)
    return lib.log, [warning.category.__name__ for warning in caught]


@pytest.fixture
def twins() -> Callable[[Callable[[Lib], Any]], list[Any]]:
    """`twins(scenario)` plays it with both libraries and asserts that the logs and the kinds of warnings are equal."""
    torch = pytest.importorskip("torch")

    def compare(scenario: Callable[[Lib], Any]) -> list[Any]:
        want, want_warnings = _play(torch, scenario)
        got, got_warnings = _play(lucid, scenario)
        assert got == want
        assert got_warnings == want_warnings
        assert want, "the scenario noted nothing"
        return got

    return compare


@pytest.fixture
def mine() -> Lib:
    """lucid, as scenarios see it."""
    return Lib(lucid)


@pytest.fixture(autouse=True)
def no_global_hooks_left():
    """Fails a test that leaves a global hook behind."""
    yield
    left = [name for name, hooks in vars(_global_hooks).items() if isinstance(hooks, OrderedDict) and hooks]
    for name in left:
        getattr(_global_hooks, name).clear()
    assert not left

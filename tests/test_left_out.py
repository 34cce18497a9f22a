"""What is left out says so, and what is listed as left out is left out."""

from __future__ import annotations

import importlib
import importlib.util

import pytest

import lucid
from lucid._left_out import LEFT_OUT, NAMESPACES, TENSOR_LEFT_OUT

NAMED = [(module, name) for module, names in NAMESPACES.items() for name in names]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_functions_say_why(name):
    with pytest.raises(AttributeError, match=rf"module 'lucid' has no attribute '{name}': "):
        getattr(lucid, name)


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_names_of_namespaces_say_why(module, name):
    with pytest.raises(AttributeError, match=rf"module '{module}' has no attribute '{name}': "):
        getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("module", NAMESPACES)
def test_other_names_of_namespaces_are_just_missing(module):
    with pytest.raises(AttributeError, match=rf"^module '{module}' has no attribute 'bmm'$"):
        importlib.import_module(module).bmm  # noqa: B018


@pytest.mark.parametrize("name", TENSOR_LEFT_OUT)
def test_methods_say_why(name):
    x = lucid.zeros(1)
    with pytest.raises(AttributeError, match=rf"'Tensor' object has no attribute '{name}': "):
        getattr(x, name)
    with pytest.raises(AttributeError, match="'Parameter' object"):
        getattr(lucid.nn.Parameter(x), name)
    assert not hasattr(lucid.Tensor, name)


def test_other_names_are_just_missing():
    with pytest.raises(AttributeError, match=r"^module 'lucid' has no attribute 'no_such_name'$"):
        lucid.no_such_name  # noqa: B018
    with pytest.raises(AttributeError, match="no_such_name"):
        lucid.zeros(1).no_such_name  # noqa: B018
    with pytest.raises(AttributeError, match="complex64 only"):
        lucid.dtypes.complex128  # noqa: B018


def test_users_may_use_the_names_for_attributes():
    x = lucid.zeros(1)
    x.names = ["a"]
    assert x.names == ["a"]


@pytest.mark.parity
def test_the_names_are_those_of_torch():
    torch = pytest.importorskip("torch")

    def is_there(module, name):
        return hasattr(importlib.import_module(module), name) or importlib.util.find_spec(f"{module}.{name}")

    assert [n for n in LEFT_OUT if not is_there("torch", n)] == []
    assert [(m, n) for m, n in NAMED if not is_there(m.replace("lucid", "torch"), n)] == []
    assert [n for n in TENSOR_LEFT_OUT if not hasattr(torch.Tensor, n) and n not in ("names", "volatile")] == []


def test_scripts_are_what_they_are_made_of():
    layer = lucid.nn.Linear(2, 2)

    @lucid.jit.script
    def twice(x: lucid.Tensor) -> lucid.Tensor:
        return 2 * x

    assert lucid.jit.script(layer) is layer
    assert twice(lucid.ones(1)).item() == 2
    with pytest.raises(NotImplementedError, match="no TorchScript"):
        lucid.jit.trace(layer, lucid.ones(2))

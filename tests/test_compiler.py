"""`lucid.compile`: its three spellings, and the arguments that it refuses."""

from __future__ import annotations

import pytest

import lucid
from lucid import nn


def double(x):
    return x * 2


def test_a_compiled_function_computes_what_the_function_does():
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    out = lucid.compile(double, fullgraph=True, dynamic=False)(x)
    out.sum().backward()
    assert out.tolist() == [2.0, 4.0]
    assert x.grad.tolist() == [2.0, 2.0]


def test_it_is_a_decorator_with_and_without_arguments():
    plain = lucid.compile(lambda x: x + 1)
    configured = lucid.compile(mode="max-autotune", backend="inductor")(lambda x: x + 1)
    assert plain(lucid.zeros(1)).item() == configured(lucid.zeros(1)).item() == 1.0


def test_a_module_keeps_its_parameters_and_their_names():
    model = nn.Linear(2, 3)
    compiled = lucid.compile(model)
    assert list(compiled.state_dict()) == ["weight", "bias"]
    before = compiled(lucid.ones(1, 2))
    with lucid.no_grad():
        model.bias.add_(1)
    assert lucid.allclose(compiled(lucid.ones(1, 2)), before + 1)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"model": 3}, TypeError),
        ({"model": double, "mode": "fastest"}, RuntimeError),
        ({"model": double, "mode": "default", "options": {}}, RuntimeError),
        ({"model": double, "backend": lambda graph, inputs: graph}, NotImplementedError),
    ],
)
def test_bad_arguments_are_refused(arguments, error):
    with pytest.raises(error, match="compile"):
        lucid.compile(**arguments)


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError):
        lucid.compile(double, speed=11)

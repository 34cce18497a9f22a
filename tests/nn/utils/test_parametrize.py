"""Parametrized tensors, without PyTorch: what is better here than there, and what uses them."""

from __future__ import annotations

import copy

import pytest

import lucid
from lucid import nn
from lucid.nn.utils import parametrize
from lucid.nn.utils.parametrizations import weight_norm


class Double(nn.Module):
    def forward(self, x: lucid.Tensor) -> lucid.Tensor:
        return 2 * x

    def right_inverse(self, x: lucid.Tensor) -> lucid.Tensor:
        return x / 2


def doubled() -> nn.Linear:
    layer = nn.Linear(2, 1)
    with lucid.no_grad():
        layer.weight.copy_(lucid.tensor([[1.0, 2.0]]))
        layer.bias.copy_(lucid.tensor([3.0]))
    for name in ("weight", "bias"):
        parametrize.register_parametrization(layer, name, Double())
    return layer


def test_removing_from_a_copy_leaves_the_original_alone() -> None:
    layer = doubled()
    twin = copy.deepcopy(layer)
    parametrize.remove_parametrizations(twin, "weight")
    assert parametrize.is_parametrized(layer, "weight")
    assert layer.weight.tolist() == twin.weight.tolist() == [[1.0, 2.0]]
    assert twin.bias.tolist() == [3.0]
    parametrize.remove_parametrizations(twin, "bias")
    assert type(twin) is nn.Linear
    assert type(layer).__name__ == "ParametrizedLinear"


def test_another_tensor_of_a_copy() -> None:
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Double())
    twin = copy.deepcopy(layer)
    parametrize.register_parametrization(twin, "bias", Double())
    assert isinstance(layer.bias, nn.Parameter)
    assert not isinstance(twin.bias, nn.Parameter)


def test_training_moves_the_original() -> None:
    layer = doubled()
    optimizer = lucid.optim.SGD(layer.parameters(), lr=0.25)
    layer(lucid.ones(1, 2)).sum().backward()
    optimizer.step()
    assert layer.parametrizations.weight.original.tolist() == [[0.0, 0.5]]
    assert layer.weight.tolist() == [[0.0, 1.0]]


def test_an_optimizer_goes_on_after_the_removal() -> None:
    layer = doubled()
    optimizer = lucid.optim.SGD(layer.parameters(), lr=0.5)
    parametrize.remove_parametrizations(layer, "weight")
    layer(lucid.ones(1, 2)).sum().backward()
    optimizer.step()
    assert layer.weight.tolist() == [[0.5, 1.5]]


def test_nothing_is_evaluated_twice_in_the_cache() -> None:
    layer = doubled()
    with parametrize.cached():
        x = lucid.ones(1, 2)
        layer(x) + layer(x)
        first = layer.weight
        assert layer.weight is first
    assert layer.weight is not first


def test_the_cache_ends_with_an_exception() -> None:
    layer = doubled()
    with pytest.raises(AttributeError), parametrize.cached():
        layer.nothing  # noqa: B018
    assert layer.weight is not layer.weight


def test_a_part_of_a_network_that_is_moved_and_cast() -> None:
    net = nn.Sequential(doubled()).double()
    assert net[0].weight.dtype is lucid.float64
    assert weight_norm(nn.Linear(2, 2)).half().weight.dtype is lucid.float16

"""Pruning without PyTorch."""

from __future__ import annotations

import copy

import pytest

import lucid
from lucid import nn
from lucid.nn.utils import prune


def layer() -> nn.Linear:
    made = nn.Linear(4, 2)
    with lucid.no_grad():
        made.weight.copy_(lucid.tensor([[1.0, -8.0, 3.0, 4.0], [5.0, 2.0, -7.0, 6.0]]))
    return made


def test_the_smallest_go_first() -> None:
    made = prune.l1_unstructured(layer(), "weight", amount=3)
    assert made.weight.tolist() == [[0.0, -8.0, 0.0, 4.0], [5.0, 0.0, -7.0, 6.0]]
    prune.l1_unstructured(made, "weight", amount=0.4)  # of the five that are left
    assert made.weight.tolist() == [[0.0, -8.0, 0.0, 0.0], [0.0, 0.0, -7.0, 6.0]]
    assert made.weight_mask.tolist() == [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]


def test_channels() -> None:
    made = prune.ln_structured(layer(), "weight", amount=1, n=1, dim=0)
    assert made.weight.tolist() == [[0.0] * 4, [5.0, 2.0, -7.0, 6.0]]
    prune.ln_structured(made, "weight", amount=0.5, n=float("inf"), dim=1)
    assert made.weight.tolist() == [[0.0] * 4, [0.0, 0.0, -7.0, 6.0]]


def test_pruned_weights_stay_zero_in_training() -> None:
    made = prune.random_unstructured(layer(), "weight", amount=0.5)
    mask = made.weight_mask.clone()
    optimizer = lucid.optim.SGD(made.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        made(lucid.ones(3, 4)).sum().backward()
        optimizer.step()
    made(lucid.ones(1, 4))
    assert ((made.weight != 0) == (mask != 0)).all()
    prune.remove(made, "weight")
    assert ((made.weight != 0) == (mask != 0)).all()


def test_what_is_refused_leaves_the_module_as_it_was() -> None:
    made = layer()
    with pytest.raises(ValueError, match="amount=20 should be smaller"):
        prune.l1_unstructured(made, "weight", amount=20)
    assert list(made.state_dict()) == ["weight", "bias"]
    prune.identity(made, "weight")
    with pytest.raises(ValueError, match="amount=20 should be smaller"):
        prune.l1_unstructured(made, "weight", amount=20)
    with lucid.no_grad():
        made.weight_orig.zero_()
    made(lucid.ones(1, 4))
    assert made.weight.abs().sum().item() == 0  # the hook is still there


def test_nothing_is_left_of_it() -> None:
    made = prune.remove(prune.l1_unstructured(layer(), "weight", amount=3), "weight")
    twin = copy.deepcopy(made)
    assert isinstance(twin.weight, nn.Parameter)
    assert sorted(twin.state_dict()) == ["bias", "weight"]
    assert not prune.is_pruned(twin)


def test_methods_that_were_not_applied() -> None:
    with pytest.raises(AssertionError, match="has to be pruned"):
        prune.L1Unstructured(1).remove(layer())
    method = prune.L1Unstructured(1)
    method._tensor_name = "weight"
    with pytest.raises(ValueError, match="named 'None'"):
        prune.PruningContainer().add_pruning_method(method)

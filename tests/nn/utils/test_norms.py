"""`weight_norm`, `spectral_norm` and `orthogonal` without PyTorch."""

from __future__ import annotations

import pytest

import lucid
from lucid import nn
from lucid.nn import utils


def test_weight_norm_is_norms_times_directions() -> None:
    layer = nn.Linear(2, 2, bias=False)
    with lucid.no_grad():
        layer.weight.copy_(lucid.tensor([[3.0, 4.0], [0.0, 2.0]]))
    with pytest.warns(FutureWarning, match="parametrizations"):
        utils.weight_norm(layer)
    assert layer.weight_g.tolist() == [[5.0], [2.0]]
    with lucid.no_grad():
        layer.weight_g.copy_(lucid.tensor([[10.0], [1.0]]))
    layer(lucid.ones(1, 2))
    assert layer.weight.tolist() == [[6.0, 8.0], [0.0, 1.0]]
    assert utils.remove_weight_norm(layer).weight.tolist() == [[6.0, 8.0], [0.0, 1.0]]


def test_training_a_normalised_layer() -> None:
    lucid.manual_seed(0)
    for normalise in (utils.parametrizations.weight_norm, utils.parametrizations.spectral_norm, utils.spectral_norm):
        layer = normalise(nn.Linear(4, 4))
        optimizer = lucid.optim.Adam(layer.parameters(), lr=0.05)
        x, losses = lucid.randn(16, 4), []
        for _ in range(30):
            optimizer.zero_grad()
            loss = ((layer(x) - 0.5 * x) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.3 * losses[0]


def test_spectral_norm_finds_the_largest_singular_value() -> None:
    layer = utils.parametrizations.spectral_norm(nn.Linear(5, 3), n_power_iterations=30)
    weight = layer.weight
    assert lucid.linalg.matrix_norm(weight, 2).item() == pytest.approx(1.0, abs=1e-3)


def test_spectral_norm_leaves_nothing_behind() -> None:
    layer = utils.remove_spectral_norm(utils.spectral_norm(nn.Linear(3, 2)))
    assert not layer._state_dict_hooks
    assert not layer._load_state_dict_pre_hooks
    assert not layer._forward_pre_hooks
    layer.load_state_dict(nn.Linear(3, 2).state_dict())


def test_an_orthogonal_matrix_stays_one_in_training() -> None:
    for which in ("matrix_exp", "cayley", "householder"):
        layer = utils.parametrizations.orthogonal(nn.Linear(4, 4), orthogonal_map=which)
        optimizer = lucid.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(3):
            layer(lucid.ones(2, 4)).sum().backward()
            optimizer.step()
        weight = layer.weight
        assert (weight @ weight.T).allclose(lucid.eye(4), atol=1e-4)


def test_an_orthogonal_value_is_kept() -> None:
    layer = nn.Linear(2, 2)
    utils.parametrizations.orthogonal(layer)
    layer.weight = lucid.tensor([[0.0, 1.0], [-1.0, 0.0]])
    assert layer.weight.allclose(lucid.tensor([[0.0, 1.0], [-1.0, 0.0]]), atol=1e-6)

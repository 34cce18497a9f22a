"""Clipping gradients, and parameters as one vector, on literal values."""

from __future__ import annotations

import math

import pytest

import lucid
from lucid import _views
from lucid.nn import utils


def parameter(*gradient: float) -> lucid.Tensor:
    p = lucid.nn.Parameter(lucid.zeros(len(gradient)))
    p.grad = lucid.tensor(gradient)
    return p


def test_clipping() -> None:
    p, q = parameter(3.0), parameter(0.0, 4.0)
    assert utils.clip_grad_norm_([p, q, lucid.nn.Parameter(lucid.ones(1))], 0.5).item() == 5
    assert p.grad.item() == pytest.approx(0.3)
    assert q.grad.tolist() == pytest.approx([0, 0.4])
    assert utils.clip_grad_norm_(p, 100.0, "inf").item() == pytest.approx(0.3)
    assert p.grad.item() == pytest.approx(0.3)
    utils.clip_grad_value_(q, 0.25)
    assert q.grad.tolist() == [0, 0.25]
    assert utils.clip_grad_norm_([], 1.0).item() == 0


def test_norms() -> None:
    tensors = [lucid.tensor([1.0, 0.0]), lucid.tensor([[-2.0]]), lucid.zeros(0)]
    assert [utils.get_total_norm(tensors[:2], order).item() for order in (0, 1, 3, math.inf, -math.inf)] == [
        2,
        3,
        pytest.approx(9 ** (1 / 3)),
        2,
        0,
    ]
    assert utils.get_total_norm(tensors, -1.0).item() == 0
    assert utils.get_total_norm([lucid.ones(4, dtype=lucid.float16) * 200]).dtype is lucid.float16
    many = utils.get_total_norm([lucid.full((2_000_003,), 0.1)]).item()
    assert many == pytest.approx(math.sqrt(2_000_003) / 10, rel=5e-5)
    with pytest.raises(RuntimeError, match="floating point"):
        utils.get_total_norm([lucid.tensor([1])])
    with pytest.raises(RuntimeError, match="non-finite"):
        utils.get_total_norm([lucid.tensor([math.nan])], error_if_nonfinite=True)


def test_clipping_writes_into_views_and_warns() -> None:
    p, base = parameter(1.0, 1.0), lucid.full((2, 2), 4.0)
    p.grad = base[0]
    utils.clip_grad_value_(iter([p]), 1.0)
    assert base.tolist() == [[1, 1], [4, 4]]
    with pytest.warns(UserWarning, match="empty generator"):
        utils.clip_grad_norm_((t for t in ()), 1.0)
    utils.clip_grad_norm_((t for t in [lucid.ones(1)]), 1.0)  # has no gradient, but is not used up
    utils.clip_grad_value_(iter([]), 1.0)
    with pytest.warns(FutureWarning, match="deprecated"):
        utils.clip_grad_norm([p], 1.0)


def test_parameters_as_one_vector() -> None:
    params = [lucid.nn.Parameter(lucid.ones(2, 1)), lucid.nn.Parameter(lucid.tensor(3.0))]
    vector = utils.parameters_to_vector(params)
    assert vector.tolist() == [1, 1, 3]
    (vector * vector).sum().backward()
    assert params[1].grad.item() == 6
    utils.vector_to_parameters(vector * 2, params)
    assert [p.tolist() for p in params] == [[[2.0], [2.0]], 6.0]
    assert all(p.is_leaf for p in params)
    with pytest.raises(ValueError, match="at least one"):
        utils.parameters_to_vector([])
    with pytest.raises(TypeError, match="got: list"):
        utils.vector_to_parameters([1.0], params)  # type: ignore[arg-type]
    params[0]._extra = _views.elsewhere_than_default(lucid.device("cpu:0"))
    with pytest.raises(TypeError, match="different devices"):
        utils.parameters_to_vector(params)
    params[0]._extra = None
    with pytest.raises(RuntimeError, match="a vector of 3 values"):
        utils.vector_to_parameters(lucid.ones(2), params)

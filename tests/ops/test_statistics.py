"""Statistics, norms, scans and sorting without PyTorch: promises of their docstrings and what MLX would get wrong."""

from __future__ import annotations

import pytest

import lucid


def test_the_median_is_the_lower_of_two() -> None:
    assert lucid.median(lucid.tensor([4.0, 1.0, 3.0, 2.0])).item() == 2
    assert lucid.median(lucid.tensor([1.0, float("nan"), 3.0])).isnan().item()
    assert lucid.nanmedian(lucid.tensor([1.0, float("nan"), 3.0])).item() == 1


def test_equal_medians_share_the_gradient() -> None:
    x = lucid.tensor([1.0, 2.0, 2.0, 3.0], requires_grad=True)
    x.median().backward()
    assert x.grad.tolist() == [0, 0.5, 0.5, 0]


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, float("inf"), "fro"])
def test_norms_have_gradient_zero_at_zero(p: float) -> None:
    x = lucid.zeros(3, requires_grad=True)
    lucid.norm(x, p).backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_a_norm_of_integers_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"call \.float\(\)"):
        lucid.norm(lucid.tensor([3, 4]))


def test_few_degrees_of_freedom_warn() -> None:
    with pytest.warns(UserWarning, match="degrees of freedom"):
        assert lucid.tensor([1.0]).var().isnan().item()


def test_distances_of_equal_rows_have_gradient_zero() -> None:
    x = lucid.ones(30, 2, requires_grad=True)
    lucid.cdist(x, x.detach()).sum().backward()
    assert x.grad.abs().max().item() == 0


def test_sorting_is_stable_both_ways() -> None:
    x = lucid.tensor([1, 0, 1, 0])
    assert x.argsort().tolist() == [1, 3, 0, 2]
    assert x.argsort(descending=True).tolist() == [0, 2, 1, 3]
    assert x.sort().indices.dtype is lucid.int64


def test_nan_sorts_last() -> None:
    x = lucid.tensor([float("nan"), 1.0, float("inf")])
    assert x.argsort().tolist() == [1, 2, 0]
    assert x.topk(2).indices.tolist() == [0, 2]


def test_topk_of_many_takes_the_first_of_equals() -> None:
    x = lucid.zeros(5000)
    x[100] = x[50] = 1
    assert x.topk(3).indices[:2].tolist() == [50, 100]
    with pytest.raises(RuntimeError, match="out of range"):
        x.topk(5001)


def test_small_integers_scan_in_int64() -> None:
    x = lucid.full((3,), 100, dtype=lucid.int8)
    assert x.cumsum(0).tolist() == [100, 200, 300]
    assert x.cumprod(0).tolist() == [100, 10_000, 1_000_000]


def test_in_place_scans_write_through_views() -> None:
    base = lucid.ones(2, 3)
    base[0].cumsum_(0)
    assert base.tolist() == [[1, 2, 3], [1, 1, 1]]


def test_unique_rows() -> None:
    x = lucid.tensor([[2, 1], [0, 3], [2, 1]])
    found, inverse, counts = lucid.unique(x, return_inverse=True, return_counts=True, dim=0)
    assert found.tolist() == [[0, 3], [2, 1]]
    assert inverse.tolist() == [1, 0, 1]
    assert counts.tolist() == [1, 2]


def test_bfloat16_goes_through_the_host_and_back() -> None:
    x = lucid.tensor([2.0, 1.0, 2.0], dtype=lucid.bfloat16)
    assert lucid.unique(x).dtype is lucid.bfloat16
    assert lucid.unique(x).tolist() == [1, 2]
    assert lucid.histc(x, 2).tolist() == [1, 2]


def test_searching_needs_sorted_rows_of_the_same_shape() -> None:
    with pytest.raises(RuntimeError, match="match input"):
        lucid.searchsorted(lucid.zeros(2, 3), lucid.zeros(3, 1))
    with pytest.raises(RuntimeError, match="1 dimension"):
        lucid.bucketize(lucid.zeros(3), lucid.zeros(2, 2))
    with pytest.raises(TypeError, match="must be Tensor"):
        lucid.bucketize(lucid.zeros(3), [1.0])


def test_trapezoid_takes_points_or_a_step() -> None:
    y = lucid.tensor([1.0, 5.0, 10.0])
    assert lucid.trapz(y, dx=2).item() == 21
    with pytest.raises(TypeError, match="both x and dx"):
        lucid.trapezoid(y, y, dx=1.0)

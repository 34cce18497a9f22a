"""A few values that can be computed by hand."""

from __future__ import annotations

import math

import pytest

import lucid
import lucid.nn.functional as F


def test_grid_sample():
    image = lucid.arange(9.0).reshape(1, 1, 3, 3)
    grid = lucid.tensor([[[[-1.0, -1.0], [0.0, 0.0], [1.0, 0.5], [3.0, 0.0]]]])
    assert F.grid_sample(image, grid, align_corners=True).flatten().tolist() == [0, 4, 6.5, 0]
    assert F.grid_sample(image, grid, padding_mode="border", align_corners=True).flatten().tolist() == [0, 4, 6.5, 5]


def test_affine_grid_of_the_identity():
    grid = F.affine_grid(lucid.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 2, 2), align_corners=True)
    assert grid.tolist() == [[[[-1, -1], [1, -1]], [[-1, 1], [1, 1]]]]


def test_ctc_loss_counts_alignments():
    even = lucid.full((3, 1, 2), math.log(0.5))
    loss = F.ctc_loss(even, lucid.tensor([[1]]), [3], [1], reduction="none")
    assert loss.exp().item() == pytest.approx(8 / 6)  # 6 of 8 paths: 1__ _1_ __1 11_ _11 111
    assert F.ctc_loss(even, lucid.tensor([[1, 1]]), [2], [2], reduction="sum").item() == math.inf
    assert F.ctc_loss(even, lucid.tensor([[1, 1]]), [2], [2], reduction="sum", zero_infinity=True).item() == 0


def test_embedding_bag():
    table = lucid.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]])
    ids, offsets = lucid.tensor([0, 1, 2]), lucid.tensor([0, 2])
    assert F.embedding_bag(ids, table, offsets).tolist() == [[2, 3], [5, 0]]
    assert F.embedding_bag(ids, table, offsets, mode="max").tolist() == [[3, 4], [5, 0]]
    assert F.embedding_bag(lucid.tensor([[0, 2]]), table, mode="sum").tolist() == [[6, 2]]


def test_indices_still_to_be_computed():
    table = lucid.tensor([[1.0], [2.0]])
    ids = lucid.tensor([0, 1]) * 5  # clamped: MLX would read beyond the table
    assert F.embedding_bag(ids, table, lucid.tensor([0, 1]) + 0, mode="sum").tolist() == [[1], [2]]
    assert F.max_unpool1d(lucid.tensor([[7.0]]), lucid.tensor([[3]]) * 5, 2).tolist() == [[0, 7]]


def test_unpooling():
    y, where = F.max_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, return_indices=True)
    assert F.max_unpool1d(y, where, 2).tolist() == [[0, 3, 2, 0]]


def test_fractional_pooling_takes_each_window():
    x = lucid.arange(16.0).reshape(1, 4, 4)
    samples = lucid.zeros(1, 1, 2)
    assert F.fractional_max_pool2d(x, 2, 2, _random_samples=samples).tolist() == [[[5, 7], [13, 15]]]


def test_antialiased_halving_averages():
    x = lucid.tensor([[[[0.0, 8.0, 0.0, 8.0]]]])
    assert F.interpolate(x, (1, 2), mode="bilinear", antialias=True).flatten().tolist() == pytest.approx(
        [24 / 7, 32 / 7]
    )


def test_an_lstm_with_open_gates():
    big = 100.0
    w_ih, w_hh = lucid.tensor([[0.0], [0.0], [big], [0.0]]), lucid.zeros(4, 1)
    b = lucid.tensor([big, big, 0.0, big])  # input, forget and output gates open
    out, h, c = lucid.lstm(
        lucid.ones(3, 1, 1),
        (lucid.zeros(1, 1, 1), lucid.zeros(1, 1, 1)),
        [w_ih, w_hh, b, b],
        True,
        1,
        0.0,
        False,
        False,
        False,
    )
    assert c.item() == pytest.approx(3)
    assert h.item() == pytest.approx(math.tanh(3))
    assert out.flatten().tolist() == pytest.approx([math.tanh(k) for k in (1, 2, 3)])


def test_grouped_products():
    rows, experts = lucid.ones(4, 2), lucid.tensor([[[1.0], [1.0]], [[10.0], [10.0]]])
    ends = lucid.tensor([1, 3], dtype=lucid.int32)
    assert F.grouped_mm(rows, experts, offs=ends).flatten().tolist() == [2, 20, 20, 0]
    assert F.grouped_mm(lucid.ones(2, 1, 2), rows.T, offs=ends + 0).tolist() == [[2, 2, 2, 0]]
    for wrong in ([3, 1], [1, 5], [-1, 3], [1]):
        with pytest.raises(RuntimeError, match="offs"):
            F.grouped_mm(rows, experts, offs=lucid.tensor(wrong, dtype=lucid.int32))
    for a, b, options in (
        (rows.double(), experts.double(), {}),
        (rows, experts, {"bias": lucid.ones(1)}),
        (rows, experts, {"out_dtype": lucid.float16}),
        (rows[0], experts, {}),
    ):
        with pytest.raises(RuntimeError, match="grouped_mm"):
            F.grouped_mm(a, b, offs=ends, **options)


def test_nothing_overrides_functions():
    x = lucid.ones(1)
    assert not F.has_torch_function((x,))
    assert not F.has_torch_function_unary(x)
    assert not F.has_torch_function_variadic(x, x)
    assert F.handle_torch_function(F.relu, (x,), x).item() == 1
    F.assert_int_or_pair(3, "size", "{} is wrong")
    F.assert_int_or_pair((3, 4), "size", "{} is wrong")
    with pytest.raises(AssertionError, match="size is wrong"):
        F.assert_int_or_pair((3, 4, 5), "size", "{} is wrong")

"""Old methods, questions about tensors, Python callables and binomial numbers, held against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_op, check_program

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::UserWarning")]


def test_hash_tensor():
    whole = torch.arange(6).reshape(2, 3)
    tensors = [whole, whole.T, whole.float(), -whole, torch.tensor(3.0), torch.tensor([True, False]), whole.half()]
    for x in [*tensors, torch.zeros(2, dtype=torch.complex64), torch.zeros(0)]:
        check_both(lucid.hash_tensor, torch.hash_tensor, x)
        if x.numel():
            check_both(lucid.hash_tensor, torch.hash_tensor, x, dim=-1, keepdim=True)
            check_both(lucid.hash_tensor, torch.hash_tensor, x, dim=(0,))
    check_both(lucid.hash_tensor, torch.hash_tensor, torch.zeros(2, 0, 3), dim=1)
    check_both(lucid.hash_tensor, torch.hash_tensor, whole, mode=1)


@pytest.mark.parametrize("size", [(1, 3), (3,), (), (2, 3), (2, 1), (1,), (2, 4), (1, 2, 3), (0,)])
def test_sum_to_size(size):
    for dtype in (torch.float64, torch.int32):
        x = torch.arange(6, dtype=dtype).reshape(2, 3)
        x = x.requires_grad_() if dtype.is_floating_point else x
        check_both(lucid.Tensor.sum_to_size, torch.Tensor.sum_to_size, x, size)
    if size:
        check_program(lambda t: t.arange(6.0).reshape(2, 3).sum_to_size(*size))


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.arange(4.0).resize(2, 2),
        lambda t: t.arange(4.0).resize(3),
        lambda t: t.arange(4.0).resize_as(t.zeros(2, 2)),
        lambda t: t.arange(6.0).sum_to_size(),
        lambda t: t.tensor([1.0, 2]).apply_(lambda v: v + 1),
        lambda t: t.tensor([1, 2]).apply_(lambda v: v / 2),
        lambda t: t.tensor([1, 2]).apply_(lambda v: "a"),
        lambda t: t.tensor([1]).apply_(lambda v: type(v) is int),
        lambda t: t.tensor([True]).apply_(lambda v: not v),
        lambda t: t.zeros(2).apply_(3),
        lambda t: t.zeros(2, dtype=t.bfloat16).apply_(lambda v: 1),
        lambda t: t.zeros(2, requires_grad=True).apply_(abs),
        lambda t: t.tensor([1.0, 2]).map_(t.tensor([3.0, 4]), lambda a, b: a * b),
        lambda t: t.tensor([1.0, 2]).map_(t.tensor([3, 4]), lambda a, b: a * b),
        lambda t: t.zeros(2, 2).map_(t.tensor([3.0, 4]), lambda a, b: b),
        lambda t: t.zeros(2).map_(t.zeros(3), lambda a, b: b),
        lambda t: t.zeros(2).map_(t.zeros(2, 2), lambda a, b: b),
        lambda t: t.zeros(2).map_(3, lambda a, b: b),
        lambda t: t.zeros(2).map2_(t.tensor([3.0, 4]), t.tensor([1.0]), lambda a, b, c: b + c),
        lambda t: t.cond(True, lambda a: a + 1, lambda a: a - 1, (t.ones(1),)),
        lambda t: t.cond(t.tensor(False), lambda a: a + 1, lambda a: a - 1, (t.ones(1),)),
        lambda t: t.cond(t.tensor([True, False]), lambda a: a + 1, lambda a: a - 1, (t.ones(1),)),
    ],
)
def test_programs(program):
    check_program(program)


def test_loops():
    check_program(lambda t: t.while_loop(lambda a: a.sum() < 10, lambda a: (a + 1,), (t.ones(2),)))
    x = lucid.ones(2, requires_grad=True)
    (found,) = lucid.while_loop(lambda a: bool(a.sum() < 10), lambda a: (a * 2,), (x,))
    found.sum().backward()
    assert x.grad.tolist() == [8.0, 8.0]
    with pytest.raises(RuntimeError, match="boolean scalar"):
        lucid.while_loop(lambda a: a, lambda a: (a,), (x,))
    with pytest.raises(RuntimeError, match="as many values"):
        lucid.while_loop(lambda a: True, lambda a: (a, a), (x,))


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.zeros(2, 3).dim_order(),
        lambda t: t.zeros(2, 3).t().dim_order(),
        lambda t: t.zeros(2, 3, 4, 5).to(memory_format=t.channels_last).dim_order(),
        lambda t: t.zeros(1, 3).dim_order(ambiguity_check=True),
        lambda t: t.zeros(2, 3).dim_order(ambiguity_check=True),
        lambda t: t.zeros(1, 3).expand(2, 3).dim_order(),
        lambda t: t.zeros(2, 1, 1).dim_order(ambiguity_check=[t.contiguous_format, t.channels_last]),
        lambda t: t.zeros(2, 1, 4, 5).dim_order(ambiguity_check=[t.contiguous_format, t.channels_last]),
        lambda t: t.zeros(2).is_set_to(t.zeros(2)),
        lambda t: (lambda x: [x.is_set_to(x.view(2)), x.is_set_to(x[:1])])(t.zeros(2)),
        lambda t: [getattr(t.zeros(1), n) for n in "is_meta is_nested is_quantized is_sparse is_mkldnn is_xla".split()],
        lambda t: [t.zeros(2, 3).dense_dim(), t.zeros(2, 3).sparse_dim()],
        lambda t: t.zeros(2).to_dense(),
        lambda t: [f(t.zeros(1)) for f in (t.is_conj, t.is_neg, t.is_inference, t.is_distributed, t.get_device)],
        lambda t: t.is_same_size(t.zeros(1), t.zeros(2)),
        lambda t: [t.zeros(1).name, t.zeros(1).volatile],
        lambda t: t.zeros(1).grad_dtype,
        lambda t: [t.typename(v) for v in (3, None, "a", int)],
        lambda t: t.zeros(1).layout is t.strided,
        lambda t: t.zeros(1, layout=t.strided),
    ],
)
def test_questions(program):
    check_program(program)


def test_fill_with_gradients():
    check_op(lucid.fill, torch.fill, torch.ones(2, requires_grad=True), 3.0)


EDGES = [([10.0, 10.0], [0.0, 1.0]), ([-1.0, 10.0], [0.5, 1.0]), ([10.0, 3.0], [-1.0, 2.0]), ([0.0], [0.5])]


@pytest.mark.parametrize(("count", "prob"), EDGES)
def test_binomial_without_chance(count, prob):
    check_program(lambda t: t.binomial(t.tensor(count), t.tensor(prob)))


def test_binomial_shapes_dtypes_and_errors():
    check_program(lambda t: t.binomial(t.full((2, 1), 4.0), t.ones(3)))
    check_program(lambda t: t.binomial(t.full((2,), 4.0).double(), t.ones(2).double()))
    check_program(lambda t: t.binomial(t.tensor([10]), t.tensor([0.5])))
    check_program(lambda t: t.binomial(t.tensor([10.0]), t.tensor([1])))
    check_program(lambda t: t.binomial(t.tensor([10.0]), t.tensor([0.5]).double()))
    check_program(lambda t: t.binomial(t.ones(2), t.ones(3)))
    unknown = lucid.binomial(lucid.tensor([float("nan"), 3.0, 0.0]), lucid.tensor([0.5, float("nan"), float("nan")]))
    assert [v != v for v in unknown.tolist()] == [True, True, False]


def test_binomial_is_binomial():
    generator = lucid.Generator().manual_seed(3)
    drawn = lucid.binomial(lucid.full((20000,), 12.0), lucid.full((20000,), 0.3), generator)
    again = lucid.binomial(lucid.full((20000,), 12.0), lucid.full((20000,), 0.3), generator.manual_seed(3))
    assert drawn.equal(again)
    assert abs(drawn.mean().item() - 3.6) < 0.05
    assert abs(drawn.var().item() - 2.52) < 0.1

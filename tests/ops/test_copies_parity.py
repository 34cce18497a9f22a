"""Views as copies, and pieces that are no views, held against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_program

pytestmark = pytest.mark.parity

ONE = [
    ("alias_copy", ()),
    ("detach_copy", ()),
    ("view_copy", ((4, 3),)),
    ("view_copy", ((-1,),)),
    ("view_copy", ((5,),)),
    ("view_copy", (torch.int32,)),
    ("permute_copy", ((1, 0),)),
    ("permute_copy", ((0, 0),)),
    ("t_copy", ()),
    ("transpose_copy", (0, -1)),
    ("transpose_copy", (0, 2)),
    ("squeeze_copy", ()),
    ("squeeze_copy", (0,)),
    ("unsqueeze_copy", (1,)),
    ("unsqueeze_copy", (4,)),
    ("expand_copy", ((2, 3, 4),)),
    ("expand_copy", ((2, 4),)),
    ("slice_copy", ()),
    ("slice_copy", (1, 1, 3)),
    ("slice_copy", (-1, -3, None, 2)),
    ("slice_copy", (0, 0, 9, 0)),
    ("slice_copy", (2,)),
    ("select_copy", (1, -1)),
    ("select_copy", (0, 3)),
    ("diagonal_copy", (1,)),
    ("diagonal_copy", (0, 0, 0)),
    ("unfold_copy", (1, 2, 2)),
    ("as_strided_copy", ((2, 2), (1, 2), 1)),
    ("split_copy", (2,)),
    ("split_copy", (2, 1)),
    ("split_copy", ([1, 2],)),
    ("split_with_sizes_copy", ([1, 2],)),
    ("split_with_sizes_copy", ([1, 1],)),
    ("unbind_copy", ()),
    ("unbind_copy", (1,)),
    ("unsafe_chunk", (2,)),
    ("unsafe_chunk", (0,)),
    ("unsafe_split", (2, 1)),
    ("unsafe_split", ([1, 2],)),
    ("unsafe_split_with_sizes", ([1, 2],)),
]


@pytest.mark.parametrize(("name", "args"), ONE)
@pytest.mark.parametrize("dtype", [torch.float64, torch.int64])
def test_values_gradients_and_errors(name, args, dtype):
    x = torch.arange(12, dtype=dtype).reshape(3, 4)
    x = x.requires_grad_() if dtype.is_floating_point else x
    if name == "detach_copy" or args == (torch.int32,):
        x = x.detach()
    check_both(getattr(lucid, name), getattr(torch, name), x, *args)


@pytest.mark.parametrize("name", ["view_as_real_copy", "view_as_complex_copy"])
def test_complex_parts(name):
    for x in (torch.randn(3, 2, dtype=torch.complex64), torch.randn(3, 2), torch.randn(3)):
        check_both(getattr(lucid, name), getattr(torch, name), x)


@pytest.mark.parametrize("name", ["unbind_copy", "split_copy", "unsafe_split", "unsafe_chunk", "view_copy", "t_copy"])
def test_writing_into_a_copy_changes_nothing_else(name):
    more = {"split_copy": (1,), "unsafe_split": (1,), "unsafe_chunk": (2,), "view_copy": ((4,),)}.get(name, ())
    x = lucid.zeros(2, 2)
    found = getattr(lucid, name)(x, *more)
    (found[0] if isinstance(found, tuple) else found).add_(1)
    assert x.sum() == 0


def test_several_results_fill_out():
    x = lucid.arange(6.0).reshape(3, 2)
    out = [lucid.empty(0) for _ in range(3)]
    lucid.unbind_copy(x, out=out)
    assert [t.tolist() for t in out] == x.tolist()
    with pytest.raises(RuntimeError, match="size 3"):
        lucid.unbind_copy(x, out=out[:1])


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.slice_inverse(t.arange(12.0).reshape(3, 4)[1:3], t.zeros(2, 4), 0, 1, 3),
        lambda t: t.arange(12.0).unsafe_split(5),
        lambda t: t.arange(12.0).unsafe_chunk(5),
        lambda t: t.arange(4).unsafe_split_with_sizes([1, 3]),
        lambda t: t.as_strided_(t.arange(4), (2,), (2,)),
        lambda t: t.exp_(t.zeros(2)),
        lambda t: t.clamp_(t.arange(4.0), 1, 2),
        lambda t: t.detach(t.ones(2, requires_grad=True)).requires_grad,
    ],
)
def test_methods_and_functions(program):
    check_program(program)


def test_in_place_functions_are_those_of_torch():
    from lucid import _in_place

    assert [n for n in _in_place.__all__ if not hasattr(torch, n)] == []
    missing = [n for n in dir(torch) if n.endswith("_") and n[0] != "_" and hasattr(lucid.Tensor, n)]
    assert [n for n in missing if not hasattr(lucid, n)] == []

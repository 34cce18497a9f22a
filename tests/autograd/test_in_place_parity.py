"""In-place operations, views and .data: each program is run with torch and with lucid, and has to end the same."""

from __future__ import annotations

import pytest

from tests.checks import check_program
from tests.programs import Programs, leaf

pytestmark = pytest.mark.parity

program = Programs()


@program
def leaf_modified_in_place_raises(t):
    leaf(t, 3).add_(1)


@program
def view_of_leaf_modified_in_place_raises(t):
    leaf(t, 3)[0].add_(1)


@program
def leaf_modified_under_no_grad(t):
    w = leaf(t, 3)
    with t.no_grad():
        w.add_(1)
        w[0] = 5
    (w * w).sum().backward()
    return w, w.grad, w.is_leaf


@program
def leaf_stepped_between_forward_and_backward(t):
    w = leaf(t, 3)
    y = (w * 3).sum()
    with t.no_grad():
        w.add_(1)
    z = (w * 2).sum()
    (y + z).backward()
    return w.grad


@program
def in_place_on_intermediate(t):
    w = leaf(t, 3)
    h = w * 2
    h.mul_(3)
    h.add_(w)
    h += 1
    h.sum().backward()
    return h, w.grad


@program
def in_place_on_view_of_intermediate(t):
    w = leaf(t, 2, 3)
    h = w * 2
    h[0].mul_(5)
    h.T[1] += 3
    h[:, 2] = 0
    (h * h).sum().backward()
    return h, w.grad


@program
def views_follow_their_base(t):
    w = leaf(t, 2, 3)
    h = w * 2
    row, col, flat = h[0], h.t()[1], h.view(-1)
    h.mul_(2)
    (row.sum() + (col * 3).sum() + flat[5]).backward()
    return row, col, flat, w.grad


@program
def leaf_written_with_gradient(t):
    x = t.zeros(4)
    w = leaf(t, 2)
    x[1:3] = w
    x[0] = w.sum()
    (x * x).sum().backward()
    return x.is_leaf, x.requires_grad, w.grad


@program
def copy_into_view(t):
    x = t.zeros(2, 3)
    w = leaf(t, 3)
    x[1].copy_(w * 2)
    (x * t.arange(6).view(2, 3)).sum().backward()
    return x, w.grad


@program
def data_shares_memory(t):
    w = leaf(t, 3)
    w.data.mul_(2)
    w.data[0] = 7
    w.detach().add_(1)
    return w, w.requires_grad, w.is_leaf


@program
def data_assigned(t):
    w = leaf(t, 3)
    y = w * w
    w.data = t.ones(3) * 4
    y.sum().backward()
    return w, w.requires_grad


@program
def intermediate_data_written(t):
    w = leaf(t, 3)
    h = w * 2
    h.data.zero_()
    (h + w).sum().backward()
    return h, w.grad


@pytest.mark.parametrize("name", program)
@pytest.mark.filterwarnings("ignore")
def test_program(name):
    check_program(program[name])

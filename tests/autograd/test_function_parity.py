"""Functions with a backward of the user's: each program is run with torch and with lucid, and has to end the same."""

from __future__ import annotations

import pytest

from tests.checks import check_program
from tests.programs import Programs, leaf

pytestmark = pytest.mark.parity

program = Programs()


class Square:
    """Made for each library, as the base class is."""

    @staticmethod
    def of(t):
        class MySquare(t.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return g * 2 * x

        return MySquare


@program
def function_basic(t):
    w = leaf(t, 3)
    y = Square.of(t).apply(w * 2)
    name = y.grad_fn.name() if callable(y.grad_fn.name) else y.grad_fn.name
    y.sum().backward()
    return w.grad, name


@program
def function_double_backward(t):
    w = leaf(t, 3)
    (g,) = t.autograd.grad(Square.of(t).apply(w).sum(), w, create_graph=True)
    (h,) = t.autograd.grad((g * g).sum(), w)
    return g, h


@program
def function_saved_output(t):
    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    w = leaf(t, 3)
    (g,) = t.autograd.grad(Exp.apply(w).sum(), w, create_graph=True)
    (h,) = t.autograd.grad(g.sum(), w)
    return g, h


@program
def function_several(t):
    class Two(t.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, k):
            ctx.k = k
            ctx.needs = ctx.needs_input_grad
            return a * k, b + a

        @staticmethod
        def backward(ctx, ga, gb):
            assert ctx.needs == (True, False, False)
            return ga * ctx.k + gb, None, None

    a, b = leaf(t, 3), leaf(t, 3).detach()
    x, y = Two.apply(a, b, 4)
    (x * 2).sum().backward(retain_graph=True)
    first = a.grad.clone()
    (x * y).sum().backward()
    return first, a.grad


@program
def function_setup_context(t):
    class Cube(t.autograd.Function):
        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return 3 * g * ctx.saved_tensors[0] ** 2

    w = leaf(t, 3)
    Cube.apply(w).sum().backward()
    return w.grad


@program
def function_wrong_count(t):
    class Bad(t.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return g

    Bad.apply(leaf(t, 3), leaf(t, 3)).sum().backward()


@program
def function_wrong_shape(t):
    class Bad(t.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a + 1

        @staticmethod
        def backward(ctx, g):
            return g[:2]

    Bad.apply(leaf(t, 3)).sum().backward()


@program
def function_second_time(t):
    y = Square.of(t).apply(leaf(t, 3)).sum()
    y.backward()
    y.backward()


@program
def function_not_differentiable_output(t):
    class Top(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            mask = x * 2
            ctx.mark_non_differentiable(mask)
            return x + 1, mask

        @staticmethod
        def backward(ctx, g, unused):
            return g * 3

    w = leaf(t, 3)
    y, mask = Top.apply(w)
    y.sum().backward()
    return w.grad, mask.requires_grad


@program
def function_without_materialize(t):
    class F(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x + 1, x + 2

        @staticmethod
        def backward(ctx, a, b):
            assert b is None
            return a

    w = leaf(t, 3)
    F.apply(w)[0].sum().backward()
    return w.grad


@program
def function_straight_through(t):
    class Round(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g

    w = leaf(t, 3)
    (Round.apply(w) * w).sum().backward()
    return w.grad


@program
def function_in_place(t):
    class Inc(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    w = leaf(t, 3)
    h = w * 2
    y = Inc.apply(h)
    (y * h).sum().backward()
    return w.grad, h


@program
def function_under_no_grad(t):
    with t.no_grad():
        return Square.of(t).apply(leaf(t, 3)).requires_grad


@pytest.mark.parametrize("name", program)
@pytest.mark.filterwarnings("ignore")
def test_program(name):
    check_program(program[name])

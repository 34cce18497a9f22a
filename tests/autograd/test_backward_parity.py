"""Autograd against PyTorch: each program is run with torch and with lucid, and has to end the same."""

from __future__ import annotations

import pytest

from tests.checks import check_program
from tests.programs import Programs, leaf

pytestmark = pytest.mark.parity

program = Programs()


@program
def accumulates(t):
    w = leaf(t, 3)
    for k in range(3):
        (w * w * k).sum().backward()
    return w.grad


@program
def grad_object_is_kept(t):
    w = leaf(t, 3)
    w.sum().backward()
    first = w.grad
    w.sum().backward()
    return first is w.grad, first


@program
def second_backward_raises(t):
    w = leaf(t, 3)
    y = (w * w).sum()
    y.backward()
    y.backward()


@program
def second_backward_of_linear_graph(t):
    w = leaf(t, 3)
    y = (w + w).sum()
    y.backward()
    y.backward()
    return w.grad


@program
def shared_linear_part(t):
    w = leaf(t, 2, 4)
    a, b = w.chunk(2)
    (a * a).sum().backward()
    (b * b * b).sum().backward()
    (a + b).sum().backward()
    return w.grad


@program
def grad_of_outputs_that_do_not_all_depend(t):
    w, v = leaf(t, 3), leaf(t, 3)
    return t.autograd.grad([(w * w).sum(), (v * 3).sum()], [w])


@program
def grad_of_outputs_that_do_not_depend_at_all(t):
    w, v = leaf(t, 3), leaf(t, 3)
    return t.autograd.grad([(v * v).sum(), (v * 3).sum()], [w], allow_unused=True)


@program
def backward_to_some_inputs_of_some_outputs(t):
    w, v, u = leaf(t, 3), leaf(t, 3), leaf(t, 3)
    t.autograd.backward([(w * v).sum(), (v * u).sum(), u.exp().sum()], inputs=[w])
    return w.grad, v.grad, u.grad


@program
def one_output_twice(t):
    w = leaf(t, 3)
    y = (w * w).sum()
    return t.autograd.grad([y, y], [w], [t.tensor(1.0), t.tensor(2.0)])


@program
def leaves_as_outputs(t):
    w, v = leaf(t, 3), leaf(t, 3)
    t.autograd.backward([w, (w * v).sum(), v], [t.ones(3), None, t.full((3,), 2.0)])
    return w.grad, v.grad


@program
def leaf_written_between_two_uses(t):
    w = leaf(t, 3)
    first = (w + 1.0).sum()
    with t.no_grad():
        w.mul_(3.0)
    (first + (w * w).sum()).backward()
    return w.grad


@program
def leaf_that_is_an_output_written_after_its_use(t):
    w = leaf(t, 3)
    first = (w + 1.0).sum()
    with t.no_grad():
        w.mul_(3.0)
    t.autograd.backward([first, w], [None, t.ones(3)])
    return w.grad


@program
def retain_graph(t):
    w = leaf(t, 3)
    y = (w * w).exp().sum()
    y.backward(retain_graph=True)
    y.backward()
    return w.grad


@program
def item_before_backward(t):
    w = leaf(t, 3)
    y = (w * w).exp().sum()
    value = y.item()
    y.backward()
    return value, w.grad


@program
def detach_in_the_middle(t):
    w = leaf(t, 3)
    h = (w * 3).exp()
    (h * h.detach()).sum().backward()
    return w.grad


@program
def gradient_argument(t):
    w = leaf(t, 2, 3)
    (w * w).backward(t.ones(2, 3) * 2)
    return w.grad


@program
def gradient_of_wrong_shape(t):
    w = leaf(t, 2, 3)
    (w * w).backward(t.ones(3))


@program
def not_scalar(t):
    (leaf(t, 3) * 2).backward()


@program
def needs_no_grad(t):
    t.ones(3).sum().backward()


@program
def create_graph_and_third_derivative(t):
    w = leaf(t, 3)
    (first,) = t.autograd.grad((w**4).sum(), w, create_graph=True)
    (second,) = t.autograd.grad(first.sum(), w, create_graph=True)
    (third,) = t.autograd.grad(second.sum(), w)
    return first, second, third


@program
def gradient_penalty(t):
    w, x = leaf(t, 4, 4), leaf(t, 2, 4, start=2.0)
    y = t.tanh(x @ w).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    (y + (g.pow(2).sum(1).sqrt() - 1).pow(2).mean()).backward()
    return w.grad, x.grad


@program
def grad_of_intermediate(t):
    w = leaf(t, 3)
    h = w * 2
    y = (h * h).sum()
    return t.autograd.grad(y, [h, w])


@program
def unused_raises(t):
    a, b = leaf(t, 3), leaf(t, 3)
    t.autograd.grad((a * 2).sum(), [a, b])


@program
def unused_allowed(t):
    a, b = leaf(t, 3), leaf(t, 3)
    return t.autograd.grad((a * 2).sum(), [a, b], allow_unused=True)


@program
def unused_materialized(t):
    a, b = leaf(t, 3), leaf(t, 3)
    return t.autograd.grad((a * 2).sum(), [a, b], materialize_grads=True)


@program
def several_outputs(t):
    w = leaf(t, 3)
    t.autograd.backward([(w * 2).sum(), w * w], [None, t.ones(3)])
    return w.grad


@program
def only_inputs(t):
    a, b = leaf(t, 3), leaf(t, 3)
    (a * b).sum().backward(inputs=[a])
    return a.grad, b.grad is None


@program
def inputs_that_are_not_leaves(t):
    a = leaf(t, 3)
    h = a * 2
    (h * h).sum().backward(inputs=[h])
    return a.grad is None


@program
def hooks_change_gradients(t):
    w = leaf(t, 3)
    h = w * 2
    h.register_hook(lambda g: g * 10)
    w.register_hook(lambda g: g + 1)
    (h * h).sum().backward()
    return w.grad


@program
def hook_order(t):
    seen = []
    w, v = leaf(t, 3), leaf(t, 3)
    h = w * 2
    k = h * v
    for name, tensor in {"w": w, "v": v, "h": h, "k": k}.items():
        tensor.register_hook(lambda g, name=name: seen.append((name, g.detach().clone())))
    h.register_hook(lambda g: seen.append(("second", g.detach().clone())))
    k.sum().backward()
    return [n for n, _ in seen], [g for _, g in seen]


@program
def removed_hook(t):
    w = leaf(t, 3)
    handle = w.register_hook(lambda g: g * 10)
    handle.remove()
    w.sum().backward()
    return w.grad


@program
def post_accumulate_hook(t):
    seen = []
    w = leaf(t, 3)
    w.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
    (w * 3).sum().backward()
    (w * 4).sum().backward()
    return seen


@program
def retain_grad(t):
    w = leaf(t, 3)
    h = w * 2
    h.retain_grad()
    (h * h).sum().backward()
    return h.grad, w.grad, h.retains_grad


@program
def retain_grad_after_in_place(t):
    w = leaf(t, 3)
    h = w * 2
    h.retain_grad()
    h.mul_(3)
    h.sum().backward()
    return w.grad


@program
def no_grad_everywhere(t):
    w = leaf(t, 3)
    with t.no_grad():
        a = w * 2
        with t.enable_grad():
            b = w * 2
    c = w * 2

    @t.no_grad()
    def f():
        return w * 2

    @t.no_grad
    def g():
        return w * 2

    @t.inference_mode()
    def h():
        return w * 2

    with t.set_grad_enabled(False):
        d = w * 2
    return [x.requires_grad for x in (a, b, c, f(), g(), h(), d)], t.is_grad_enabled()


@program
def set_grad_enabled_as_function(t):
    w = leaf(t, 3)
    t.set_grad_enabled(False)
    a = (w * 2).requires_grad
    t.set_grad_enabled(True)
    return a, (w * 2).requires_grad


@program
def no_grad_generator(t):
    w = leaf(t, 3)

    @t.no_grad()
    def numbers():
        yield (w * 2).requires_grad
        yield (w * 2).requires_grad

    out = []
    for flag in numbers():
        out += [flag, (w * 2).requires_grad]
    return out


@program
def no_grad_leaves_on_exception(t):
    try:
        with t.no_grad():
            raise ValueError
    except ValueError:
        return t.is_grad_enabled()


@program
def requires_grad_of_integers(t):
    t.arange(3).requires_grad_()


@program
def requires_grad_off_for_intermediate(t):
    (leaf(t, 3) * 2).requires_grad_(False)


@program
def flags(t):
    w = leaf(t, 3)
    h = w * 2
    return w.is_leaf, h.is_leaf, w.grad_fn is None, h.grad_fn is None, h.detach().is_leaf, (w > 1).requires_grad


@program
def grad_setter(t):
    w = leaf(t, 3)
    w.grad = t.ones(3)
    (w * 2).sum().backward()
    before = w.grad
    w.grad = None
    return before, w.grad is None


@program
def grad_setter_wrong_shape(t):
    leaf(t, 3).grad = t.ones(4)


@program
def grad_setter_wrong_type(t):
    leaf(t, 3).grad = 3


@program
def zero_dim_and_broadcast(t):
    a, b = leaf(t), leaf(t, 3, 1)
    (a * b + t.ones(3, 4)).sum().backward()
    return a.grad, b.grad


@program
def chunk_of_intermediate_in_place(t):
    w = leaf(t, 4)
    h = w * 2
    a = h[:2]
    a.mul_(2)
    (h * h).sum().backward()
    return h, w.grad


@program
def comparison_mask(t):
    x = leaf(t, 3, 3)
    (x * (x > 0.5)).sum().backward()
    return x.grad


@program
def accuracy_then_backward(t):
    w = leaf(t, 4, 3)
    logits = t.ones(2, 4) @ w
    predicted = logits.argmax(1)
    t.log_softmax(logits, 1)[:, 0].sum().backward()
    return predicted, w.grad


@program
def sum_of_many(t):
    w = leaf(t, 3)
    total = w * 0
    for k in range(200):
        total = total + w * k
    total.sum().backward()
    return w.grad


@program
def leaf_is_root(t):
    w = leaf(t)
    w.backward()
    return w.grad


@program
def float64_and_mixed(t):
    a = leaf(t, 3)
    b = leaf(t, 3).detach().double().requires_grad_()
    (a * b).sum().backward()
    return a.grad, b.grad


@program
def clone_and_to(t):
    a = leaf(t, 3)
    (a.clone().double() * 2).half().sum().backward()
    return a.grad


@program
def detect_anomaly_raises(t):
    w = t.zeros(2).requires_grad_()
    with t.autograd.detect_anomaly():
        (w.sqrt() * 0).sum().backward()


@pytest.mark.parametrize("name", program)
@pytest.mark.filterwarnings("ignore")
def test_program(name):
    check_program(program[name])

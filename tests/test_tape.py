"""The tape itself: which way backward goes, and what it keeps."""

from __future__ import annotations

import functools
import gc
import weakref

import mlx.core as mx
import pytest

import lucid
from lucid import _backward, _tape


@pytest.fixture
def ways(monkeypatch):
    """The names of the ways that backward took."""
    taken = []
    for name in ("replay", "_per_node"):

        def spy(*args, name, walk):
            taken.append(name)
            return walk(*args)

        monkeypatch.setattr(_backward, name, functools.partial(spy, name=name, walk=getattr(_backward, name)))
    return taken


def forward():
    w = lucid.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = (w * w).exp()
    return w, h, h.sum()


def test_untouched_tape_is_replayed(ways):
    _, _, loss = forward()
    loss.backward()
    assert ways == ["replay"]


@pytest.mark.parametrize(
    "touch",
    [
        lambda w, h, loss: loss.item(),
        lambda w, h, loss: repr(h),
        lambda w, h, loss: h.detach(),
        lambda w, h, loss: h.argmax(),
        lambda w, h, loss: h > 1,
        lambda w, h, loss: h.register_hook(lambda g: None),
        lambda w, h, loss: w.register_hook(lambda g: None),
        lambda w, h, loss: h.retain_grad(),
    ],
    ids=["item", "print", "detach", "argmax", "comparison", "hook", "leaf hook", "retain_grad"],
)
def test_touched_tape_goes_node_by_node(ways, touch):
    w, h, loss = forward()
    touch(w, h, loss)
    loss.backward()
    assert ways == ["_per_node"]
    expected = [2 * v * mx.exp(mx.array(v * v)).item() for v in (1.0, 2.0, 3.0)]
    assert w.grad.tolist() == pytest.approx(expected)


def test_both_ways_give_the_same_bits():
    gradients = []
    for strategy in ("replay", "per node"):
        w, _, loss = forward()
        _backward.run_backward(
            [(loss._node, mx.ones(()))], None, retain_graph=False, create_graph=False, into_grad=True, strategy=strategy
        )
        gradients.append(w.grad.tolist())
    assert gradients[0] == gradients[1]


def test_live_tensors_share_the_replayed_graph(ways):
    _, h, loss = forward()
    before = h._data
    loss.backward()
    assert h._data is not before
    assert ways == ["replay"]
    assert h.tolist() == pytest.approx([mx.exp(mx.array(v * v)).item() for v in (1.0, 2.0, 3.0)])


def test_released_graph_lets_go_of_its_arrays():
    w, h, loss = forward()
    node = loss.grad_fn
    loss.backward()
    assert all(n.fn is None for n in node.inputs if n is not None)
    kept = weakref.ref(h)
    del h
    gc.collect()
    assert kept() is None
    assert w.grad is not None


def test_dropped_graph_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        w, h, loss = forward()
        kept = weakref.ref(h)
        del w, h, loss
        assert kept() is None
    finally:
        gc.enable()


def test_library_does_not_evaluate(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("evaluated")

    monkeypatch.setattr(mx, "eval", refuse)
    monkeypatch.setattr(mx, "async_eval", refuse)
    w, h, loss = forward()
    x = lucid.zeros(2, 3)
    x[0] = 1
    x.T[1].add_(h[0].detach())
    loss.backward()
    assert w.grad.shape == (3,)


def test_deep_graph():
    w = lucid.tensor(1.0, requires_grad=True)
    x = w
    for _ in range(5000):
        x = x + w
    x.backward()
    assert w.grad.item() == 5001.0


def test_strategies_cannot_be_misspelt_silently():
    _, _, loss = forward()
    with pytest.raises(ValueError, match="strategy"):
        _backward.run_backward(
            [(loss._node, mx.ones(()))], None, retain_graph=False, create_graph=False, into_grad=True, strategy="fast"
        )


def test_apply_with_constants_and_several_outputs():
    x = lucid.tensor([[3.0, 1.0], [2.0, 4.0]], requires_grad=True)
    top, where = _tape.apply(lambda a, axis: (mx.max(a, axis=axis), mx.argmax(a, axis=axis)), x, 1)
    assert top.requires_grad
    assert not where.requires_grad
    top.sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_leaf_may_die_before_backward():
    w = lucid.tensor([1.0], requires_grad=True)
    v = lucid.tensor([2.0], requires_grad=True)
    loss = (w * v).sum()
    del w
    loss.backward()
    assert v.grad.tolist() == [1.0]


def test_gradients_from_a_thread_are_independent_of_its_grad_mode():
    import threading

    seen = []
    with lucid.no_grad():
        thread = threading.Thread(target=lambda: seen.append(lucid.is_grad_enabled()))
        thread.start()
        thread.join()
        assert not lucid.is_grad_enabled()
    assert seen == [True]


@pytest.mark.parametrize("look", [False, True], ids=["replay", "per node"])
def test_what_is_held_of_a_graph_is_released_with_it(look):
    w = lucid.ones(3, requires_grad=True)
    inner = w.exp()
    held = inner * inner
    node = held.sum().grad_fn.next_functions[0][0]
    assert node is held.grad_fn
    if look:
        held.tolist()
    (held + 1.0).sum().backward()
    assert node.fn is None
    assert not node.primals
    assert repr(node) == "<MulBackward0>"
    assert inner.grad_fn.fn is None
    with pytest.raises(RuntimeError, match="second time"):
        held.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        inner.sum().backward()

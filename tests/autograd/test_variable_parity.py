"""Variable, as code from before PyTorch 0.4 uses it."""

from __future__ import annotations

import pickle

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_program
from tests.programs import Programs

pytestmark = pytest.mark.parity

program = Programs()


@program
def leaves_over_the_same_numbers(t):
    x = t.ones(2)
    v, w = t.autograd.Variable(x, requires_grad=True), t.autograd.Variable(x * 2)
    y = t.autograd.Variable(v * 2)
    (v * w).sum().backward()
    x.add_(1)
    return (
        v,
        v.grad,
        v.is_leaf,
        w,
        y.requires_grad,
        t.autograd.Variable(),
        type(t.autograd.Variable(t.nn.Parameter(x))).__name__,
    )


@program
def instances(t):
    from_module = t.autograd.variable.Variable
    return isinstance(t.ones(1), t.autograd.Variable), isinstance(3, from_module), from_module is t.autograd.Variable


@program
def volatile_warns(t):
    with pytest.warns(UserWarning, match="volatile was removed"):
        return t.autograd.Variable(t.ones(2), volatile=True)


@pytest.mark.parametrize(
    "arguments", [(1,), ([1, 2],), (None, True), ("ones", True), ("longs", True), ("ones", False, False, 1)], ids=repr
)
def test_arguments(arguments):
    def made(t):
        given = {"ones": lambda: t.ones(2), "longs": lambda: t.ones(2, dtype=t.long)}
        return t.autograd.Variable(*[given[a]() if isinstance(a, str) else a for a in arguments])

    check_program(made)


@pytest.mark.parametrize("name", list(program))
def test_program(name):
    check_program(program[name])


def test_annotation_and_pickle():
    kind = lucid.autograd.Variable
    assert kind | None == None | kind
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert repr(kind) == repr(torch.autograd.Variable).replace("torch", "lucid")

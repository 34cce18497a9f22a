"""`vmap`, beside PyTorch's: dimensions, structures, randomness, what is written in place, and errors."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_listed

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning"),  # PyTorch's own, for jvp
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node"),  # and for linearize
    pytest.mark.filterwarnings("ignore:There is a performance drop"),  # and for what it maps one by one
]


def x(t: Any) -> Any:
    return t.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def assigned(t: Any, a: Any) -> Any:
    b = a.clone()
    b[0] = 7.0
    b[1:] = b[:2].clone()
    return b


def assigned_at(t: Any, a: Any, i: Any) -> Any:
    b = a.clone()
    b[i] = 7.0
    return b


VALUES: dict[str, Any] = {
    "sum": lambda t: t.vmap(lambda x: x.sum())(x(t)),
    "indims tree": lambda t: t.vmap(lambda d, y: d["a"] * y[0] + y[1], in_dims=({"a": 0, "b": None}, (None, 1)))(
        {"a": x(t), "b": t.ones(1)}, (t.ones(3), x(t).T)
    ),
    "indims dict int": lambda t: t.vmap(lambda d: d["a"] + d["b"])({"a": x(t), "b": x(t)}),
    "outdims tuple": lambda t: t.vmap(lambda a: (a, a * 2), out_dims=(1, 0))(x(t)),
    "outdims none": lambda t: t.vmap(lambda a: (a, t.ones(2)), out_dims=(0, None))(x(t)),
    "outdims dict": lambda t: t.vmap(lambda a: {"k": a, "l": [a]}, out_dims={"k": 1, "l": [0]})(x(t)),
    "out const": lambda t: t.vmap(lambda a: t.ones(2))(x(t)),
    "out input": lambda t: t.vmap(lambda a: a)(x(t)),
    "float in": lambda t: t.vmap(lambda a, b: a * b, in_dims=(0, None))(x(t), 2.0),
    "kwargs": lambda t: t.vmap(lambda a, k=None: a * k)(x(t), k=t.tensor([1.0, 2.0, 3.0])),
    "kwargs same": lambda t: t.vmap(lambda a, k=1: a + k)(x(t), k=t.arange(3)),
    "neg": lambda t: t.vmap(lambda a: a * 2, in_dims=-1, out_dims=-1)(x(t)),
    "rand same": lambda t: (lambda r: (r - r[0]).abs().sum())(
        t.vmap(lambda a: t.rand(3) * 1.0 + a * 0, randomness="same")(x(t))
    ),
    "rand same shape": lambda t: t.vmap(lambda a: t.rand(3), randomness="same")(x(t)).shape,
    "rand diff": lambda t: (lambda r: (r[0] - r[1]).abs().sum() > 0)(
        t.vmap(lambda a: t.rand(3), randomness="different")(x(t))
    ),
    "dropout diff": lambda t: (lambda r: (r[0] != r[1]).any())(
        t.vmap(lambda a: t.nn.functional.dropout(a, 0.5), randomness="different")(t.ones(2, 100))
    ),
    "dropout same": lambda t: (lambda r: (r[0] != r[1]).any())(
        t.vmap(lambda a: t.nn.functional.dropout(a, 0.5), randomness="same")(t.ones(2, 100))
    ),
    "dropout eval": lambda t: t.vmap(lambda a: t.nn.functional.dropout(a, 0.5, training=False))(t.ones(2, 100)),
    "normal_ diff": lambda t: t.vmap(lambda a: t.zeros_like(a).normal_(), randomness="different")(x(t)).shape,
    "bernoulli": lambda t: t.vmap(lambda a: t.bernoulli(a / 10), randomness="different")(x(t)).shape,
    "randperm": lambda t: t.vmap(lambda a: t.randperm(3), randomness="different")(x(t)).sum(1),
    "chunk": lambda t: t.vmap(lambda a: a * 2, chunk_size=1)(x(t)),
    "chunk none": lambda t: t.vmap(lambda a: a * 2, chunk_size=100)(x(t)),
    "chunk tree": lambda t: t.vmap(lambda a: {"a": a, "b": (a, a.sum())}, chunk_size=1)(x(t)),
    "chunk rand": lambda t: t.vmap(lambda a: a * 0 + t.rand(3), chunk_size=1, randomness="same")(x(t)).std(0),
    "batch0": lambda t: t.vmap(lambda a: a * 2)(t.ones(0, 3)),
    "inplace mapped": lambda t: (lambda y: (t.vmap(lambda a: a.mul_(2))(y), y))(x(t)),
    "inplace local": lambda t: t.vmap(lambda a: t.zeros_like(a).add_(a))(x(t)),
    "new_zeros": lambda t: t.vmap(lambda a: a.new_zeros(3).add_(a))(x(t)),
    "setitem": lambda t: t.vmap(lambda a: assigned(t, a))(x(t)),
    "nested": lambda t: t.vmap(t.vmap(lambda a, b: a * b, in_dims=(0, None)), in_dims=(None, 0))(
        t.arange(3.0), t.arange(2.0)
    ),
    "nested out": lambda t: t.vmap(lambda a: t.vmap(lambda b: a * b)(t.arange(4.0)))(t.arange(3.0)),
    "vjp vmap": lambda t: t.vmap(t.func.vjp(lambda a: a**2, t.arange(3.0))[1])(t.eye(3)),
    "jvp vmap": lambda t: t.vmap(lambda v: t.func.jvp(lambda a: a**2, (t.arange(3.0),), (v,))[1])(t.eye(3)),
    "lin vmap": lambda t: t.vmap(t.func.linearize(lambda a: a**2, t.arange(3.0))[1])(t.eye(3)),
    "vmap shape": lambda t: t.vmap(lambda a: t.ones(a.shape) * a.dim() * a.numel() * a.size(0) * len(a))(x(t)),
    "vmap iter": lambda t: t.vmap(lambda a: sum(v for v in a))(x(t)),
    "vmap contig": lambda t: t.vmap(lambda a: a.contiguous().view(-1))(x(t)),
    "vmap tensor()": lambda t: t.vmap(lambda a: t.tensor([1.0, 2.0, 3.0]) * a)(x(t)),
    "vmap module": lambda t: t.vmap(t.nn.BatchNorm1d(3).eval(), in_dims=0)(t.ones(4, 2, 3)).shape,
    "vmap where": lambda t: t.vmap(lambda a: t.where(a > 2, a, 0))(x(t)),
    "vmap any": lambda t: t.vmap(lambda a: (a > 2).any())(x(t)),
    "vmap str index": lambda t: t.vmap(lambda a, i: a[i])(x(t), t.tensor([0, 2])),
    "vmap scatter": lambda t: t.vmap(lambda a, i: a.scatter(0, i, 9.0))(x(t), t.tensor([[0], [2]])),
    "vmap index_put": lambda t: t.vmap(lambda a, i: a.clone().index_put_((i,), t.tensor(9.0)))(
        x(t), t.tensor([[0], [2]])
    ),
    "vmap setitem t": lambda t: t.vmap(lambda a, i: assigned_at(t, a, i))(x(t), t.tensor([0, 2])),
    "vmap argsort": lambda t: t.vmap(lambda a: a.argsort(descending=True))(x(t)),
    "vmap unbind": lambda t: t.vmap(lambda a: a.unbind())(x(t)),
    "vmap split": lambda t: t.vmap(lambda a: a.split(2))(x(t)),
    "vmap list out": lambda t: t.vmap(lambda a: [a, a])(x(t)),
}

ERRORS: dict[str, Any] = {
    "outdims tuple1": lambda t: t.vmap(lambda a: (a, a * 2), out_dims=(1,))(x(t)),
    "int out": lambda t: t.vmap(lambda a: 3)(x(t)),
    "none out": lambda t: t.vmap(lambda a: None)(x(t)),
    "float in0": lambda t: t.vmap(lambda a, b: a * b)(x(t), 2.0),
    "bad dim": lambda t: t.vmap(lambda a: a, in_dims=2)(x(t)),
    "bad dim neg": lambda t: t.vmap(lambda a: a, in_dims=-3)(x(t)),
    "bad out": lambda t: t.vmap(lambda a: a, out_dims=2)(x(t)),
    "bad out neg": lambda t: t.vmap(lambda a: a, out_dims=-3)(x(t)),
    "sizes": lambda t: t.vmap(lambda a, b: a)(x(t), t.ones(3)),
    "no args": lambda t: t.vmap(lambda: 1)(),
    "all none": lambda t: t.vmap(lambda a: a, in_dims=None)(x(t)),
    "all none tuple": lambda t: t.vmap(lambda a: a, in_dims=(None,))(x(t)),
    "list indims": lambda t: t.vmap(lambda a: a, in_dims=[0])(x(t)),
    "float dim": lambda t: t.vmap(lambda a: a, in_dims=0.5)(x(t)),
    "str outdims": lambda t: t.vmap(lambda a: a, out_dims="a")(x(t)),
    "in struct": lambda t: t.vmap(lambda a, b: a, in_dims=(0,))(x(t), x(t)),
    "out struct": lambda t: t.vmap(lambda a: (a, a), out_dims=(0, 0, 0))(x(t)),
    "0dim": lambda t: t.vmap(lambda a: a)(t.tensor(1.0)),
    "item": lambda t: t.vmap(lambda a: a * a.sum().item())(x(t)),
    "if": lambda t: t.vmap(lambda a: a if a.sum() > 3 else -a)(x(t)),
    "nonzero": lambda t: t.vmap(lambda a: a.nonzero())(x(t)),
    "mask": lambda t: t.vmap(lambda a: a[a > 2])(x(t)),
    "rand err": lambda t: t.vmap(lambda a: a + t.rand(3))(x(t)),
    "dropout err": lambda t: t.vmap(lambda a: t.nn.functional.dropout(a, 0.5))(t.ones(2, 100)),
    "rand bad": lambda t: t.vmap(lambda a: a, randomness="foo")(x(t)),
    "randn_like err": lambda t: t.vmap(lambda a: t.randn_like(a))(x(t)),
    "chunk bad": lambda t: t.vmap(lambda a: a * 2, chunk_size=0)(x(t)),
    "inplace captured": lambda t: (lambda c: t.vmap(lambda a: c.add_(a))(x(t)))(t.zeros(3)),
    "inplace unmapped arg": lambda t: t.vmap(lambda a, c: c.add_(a), in_dims=(0, None))(x(t), t.zeros(3)),
    "vmap numpy": lambda t: t.vmap(lambda a: a.numpy())(x(t)),
    "vmap tolist": lambda t: t.vmap(lambda a: a.tolist())(x(t)),
    "vmap bn train": lambda t: t.vmap(t.nn.BatchNorm1d(3), in_dims=0)(t.ones(4, 2, 3)).shape,
    "vmap slice tensor": lambda t: t.vmap(lambda a, i: a[:i])(x(t), t.tensor([0, 2])),
    "vmap range": lambda t: t.vmap(lambda a: a + range(int(a[0])))(x(t)),
    "not callable": lambda t: t.vmap(3)(x(t)),
    "vmap float()": lambda t: t.vmap(lambda a: float(a.sum()))(x(t)),
    "vmap assert": lambda t: t.vmap(lambda a: t.allclose(a, a))(x(t)),
    "vmap equal": lambda t: t.vmap(lambda a: t.equal(a, a))(x(t)),
}


@pytest.mark.parametrize("name", [*VALUES, *ERRORS])
def test_program(name: str) -> None:
    check_listed(name, VALUES, ERRORS, tol=1e-5)

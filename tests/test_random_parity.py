"""Random tensors, held against PyTorch: shapes, dtypes and errors of every form, and the distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_program

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:.*out of bounds.*:UserWarning")]

CALLS = {
    "rand": """
        rand(2,3).shape
        rand((2,3)).shape
        rand(2,dtype=L.float64).dtype
        rand(2,dtype=L.int64)
        rand(-1)
        rand(size=(2,)).shape
        rand().shape
    """,
    "randn": """
        randn(2,3).shape
        randn(2,dtype=L.complex64).dtype
        randn(2,dtype=L.float16).dtype
        randn(2,dtype=L.int32)
        randn(2,requires_grad=True).requires_grad
        randn(()).shape
    """,
    "randint": """
        randint(10,(2,3)).shape
        randint(0,10,(2,)).dtype
        randint(5,5,(2,))
        randint(6,5,(2,))
        randint(0,1,(3,))
        randint(high=1,size=(2,))
        randint(low=3,high=4,size=(2,))
        randint(3,4,size=(2,))
        randint(0,300,(2,),dtype=L.uint8)
        randint(0,2,(2,),dtype=L.float32).dtype
        randint(0,2,(2,),dtype=L.bool).dtype
        randint(0,2)
        randint(0,1,(0,))
        randint(-5,-4,(2,))
        randint(0,1,(-1,))
        randint(2.5,(3,))
        randint(0,3,(2,),dtype=L.bool)
        randint(2**62,2**62+1,(2,))
        randint(0, L.tensor(1),(2,))
    """,
    "randperm": """
        randperm(0)
        randperm(1)
        randperm(5).sort().values
        randperm(-1)
        randperm(5,dtype=L.int32).dtype
        randperm(4,dtype=L.float32).sort().values
    """,
    "rand_like": """
        rand_like(L.ones(2,3)).shape
        rand_like(L.ones(2,dtype=L.int64))
        rand_like(3)
    """,
    "randn_like": """
        randn_like(L.ones(2,dtype=L.int64),dtype=L.float32).dtype
    """,
    "randint_like": """
        randint_like(L.ones(3),1)
        randint_like(L.ones(3,dtype=L.int64),2,3)
        randint_like(L.ones(3),low=2,high=3)
    """,
    "normal": """
        normal(0,0,(2,))
        normal(L.tensor([1.,2]),0.)
        normal(L.tensor([1.,2]),L.tensor([0.,0.]))
        normal(2.,L.tensor([0.,0.]))
        normal(0.,-1.,(2,))
        normal(L.tensor([1.,2]),-1.)
        normal(L.tensor([1.]),L.tensor([-1.]))
        normal(0.,1.)
        normal(L.tensor([1,2]),0.)
        normal(L.tensor([1.]))[0:0]
        normal(mean=0.0,std=0.0,size=(2,))
        normal(3.,0.,size=(2,),dtype=L.float64)
        normal(L.tensor([1.,2]),L.tensor([[0.],[0.]]))
        normal(L.zeros(3),L.zeros(2))
        normal(0,1,(2,),dtype=L.int64)
    """,
    "bernoulli": """
        bernoulli(L.tensor([0.,1.]))
        bernoulli(L.tensor([1.5]))
        bernoulli(L.tensor([-.5]))
        bernoulli(L.tensor([1]))
        bernoulli(L.zeros(3),1.0)
        bernoulli(L.zeros(3,dtype=L.int64),1.0)
        bernoulli(L.zeros(3),1.5)
        bernoulli(L.tensor([float("nan")]))
        bernoulli(L.zeros(3),p=1.)
    """,
    "multinomial": """
        multinomial(L.tensor([0.,1.,0.]),1)
        multinomial(L.tensor([0.,1.,0.]),3,True)
        multinomial(L.tensor([[0.,1.,0.],[1.,0,0]]),2,replacement=True)
        multinomial(L.tensor([0.,1.,1.]),4)
        multinomial(L.tensor([0.,1.,1.]),0)
        multinomial(L.tensor([0.,-1.,1.]),1)
        multinomial(L.tensor([0.,0.]),1)
        multinomial(L.tensor([1,2]),1)
        multinomial(L.ones(2,2,2),1)
        multinomial(L.tensor([float("nan"),1.]),1)
        multinomial(L.tensor([float("inf"),1.]),1)
        multinomial(L.tensor(1.),1)
        multinomial(L.tensor([0.,1.,1.]),2).sort().values
        multinomial(L.tensor([0.,1.],dtype=L.float64),1)
        multinomial(L.tensor([0.,1.],dtype=L.float16),1)
        multinomial(L.zeros(0,3),1)
        multinomial(L.tensor([[0.,0.],[1.,0]]),1)
    """,
    "poisson": """
        poisson(L.zeros(3))
        poisson(L.tensor([-1.]))
        poisson(L.tensor([1]))
        poisson(L.tensor([float("nan")]))
    """,
}
# What is drawn here is certain, so that values can be compared.
CERTAIN = """
    uniform_(3,3)
    normal_(2,0)
    exponential_(0)
    bernoulli_(1)
    bernoulli_(0.)
    random_(1)
    random_(2,3)
    geometric_(0)
    geometric_(1)
    random_(-5,-4)
    bernoulli_(L.tensor([1.,0.]))
    bernoulli_(L.tensor([1.,0.,3.]))
    random_(0)
    normal_(mean=1,std=0)
    random_(to=1)
"""
DRAWN = """
    uniform_()
    uniform_(1,0)
    normal_()
    normal_(0,-1)
    exponential_(-1)
    exponential_()
    bernoulli_(2)
    random_(3,2)
    random_()
    geometric_(0.5)
    cauchy_(0,0)
    cauchy_(0,-1)
    cauchy_()
    log_normal_(0,0)
    log_normal_(0,-1)
    log_normal_()
    random_(300)
    uniform_(0,float("inf"))
    uniform_(to=3,generator=None)
"""
DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool", "complex64"]


@pytest.mark.parametrize("name", CALLS)
def test_calls(name: str) -> None:
    for call in CALLS[name].split("\n"):
        if call.strip():
            check_program(lambda L, call=call: eval("L." + call.strip(), {"L": L, "np": np}))


@pytest.mark.parametrize("dtype", DTYPES)
def test_filling(dtype: str) -> None:
    for calls, shown in ((CERTAIN, ""), (DRAWN, ".shape")):
        for call in calls.split():
            program = f"L.zeros(2, dtype=L.{dtype}).{call}{shown}"
            check_program(lambda L, program=program: eval(program, {"L": L}))


def test_filling_leaves() -> None:
    for call in (*CERTAIN.split(), *DRAWN.split()):
        check_program(lambda L, call=call: eval(f"L.zeros(2, requires_grad=True).{call}.shape", {"L": L}))


# ---- distributions ---------------------------------------------------------------------------------------------------

N = 100_000


def distance(got: Any, want: Any) -> float:
    """The largest difference of the samples' distribution functions at some quantiles (Kolmogorov and Smirnov)."""
    a, b = (np.sort(np.asarray(v, dtype=np.float64).reshape(-1)) for v in (got, want))
    at = np.quantile(b, np.linspace(0.01, 0.99, 25))
    return float(np.abs(np.searchsorted(a, at, "right") / a.size - np.searchsorted(b, at, "right") / b.size).max())


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "draw",
    [
        "uniform_(0, 1)", "uniform_(2, 5)", "normal_(0, 1)", "normal_(1, 3)", "exponential_(2.0)", "cauchy_(1, 2)",
        "log_normal_(0, 0.5)", "geometric_(0.3)", "random_(0, 100)", "random_()", "bernoulli_(0.3)",
    ],
)  # fmt: skip
def test_distributions(draw: str, dtype: str) -> None:
    lucid.manual_seed(0), torch.manual_seed(0)
    got, want = (eval(f"L.zeros(N, dtype=L.{dtype}).{draw}.double().numpy()", {"L": L, "N": N}) for L in (lucid, torch))
    assert distance(got, want) < 0.015


@pytest.mark.parametrize(
    "bounds",
    [(0, 10), (-5, 6), (0, 2**31), (-(2**40), 2**50), (-(2**63), 2**63 - 1), (0, 2**32), (0, 2**33 + 1)],
    ids=str,
)
def test_integers_of_any_range(bounds: tuple[int, int]) -> None:
    lucid.manual_seed(0), torch.manual_seed(0)
    got, want = lucid.randint(*bounds, (N,)), torch.randint(*bounds, (N,))
    assert distance(got.numpy(), want.numpy()) < 0.015
    assert got.min().item() >= bounds[0]
    assert got.max().item() < bounds[1]


@pytest.mark.parametrize(
    "call",
    [
        "poisson(L.full((N,), 3.5))", "multinomial(L.tensor([0.1, 0.0, 0.5, 0.4]), N, True)",
        "randn(N, dtype=L.complex64).real",
        "multinomial(L.tensor([0.1, 0.0, 0.5, 0.4]).expand(N // 2, 4), 2)",
        "multinomial(L.tensor([0.1, 0.9]).expand(N, 2), 1)",
        "normal(L.arange(2.0).expand(N, 2), 0.5)", "bernoulli(L.tensor([0.2, 0.9]).expand(N, 2))",
    ],
)  # fmt: skip
def test_distributions_with_parameters(call: str) -> None:
    lucid.manual_seed(0), torch.manual_seed(0)
    got, want = (eval("L." + call, {"L": L, "N": N}).double().numpy() for L in (lucid, torch))
    if got.ndim == 2 and got.shape[1] == 2:
        got, want = got @ [10, 1], want @ [10, 1]
    assert distance(got, want) < 0.015

"""`jacrev`, `jacfwd` and `hessian`, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_listed

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning"),  # PyTorch's own, for jvp
]


VALUES: dict[str, Any] = {
    "jacrev aux": lambda t: t.func.jacrev(lambda a: (a**2, a.sum()), has_aux=True)(t.arange(3.0)),
    "jacrev argnums": lambda t: t.func.jacrev(lambda a, b: {"o": a * b}, argnums=(0, 1))(t.arange(3.0), t.ones(3)),
    "jacrev dict": lambda t: t.func.jacrev(lambda d: {"o": d["a"] * 2, "p": d["b"].sum()})(
        {"a": t.arange(2.0), "b": t.ones(3)}
    ),
    "jacrev chunk": lambda t: t.func.jacrev(lambda a: a**2, chunk_size=2)(t.arange(3.0)),
    "jacfwd aux": lambda t: t.func.jacfwd(lambda a: (a**2, a.sum()), has_aux=True)(t.arange(3.0)),
    "jacfwd argnums": lambda t: t.func.jacfwd(lambda a, b: (a * b, a.sum()), argnums=(1, 0))(t.arange(3.0), t.ones(3)),
    "jacfwd rand same": lambda t: t.func.jacfwd(lambda a: a * t.rand(3), randomness="same")(t.arange(3.0)).shape,
    "jacfwd const": lambda t: t.func.jacfwd(lambda a: t.ones(2))(t.arange(3.0)),
    "jacrev const": lambda t: t.func.jacrev(lambda a: t.ones(2))(t.arange(3.0)),
    "hessian tup": lambda t: t.func.hessian(lambda a, b: (a**2 * b).sum(), argnums=(0, 1))(t.arange(3.0), t.ones(3)),
    "hessian dict": lambda t: t.func.hessian(lambda d: (d["a"] ** 2).sum() * d["b"])(
        {"a": t.arange(3.0), "b": t.tensor(2.0)}
    ),
    "hessian vec": lambda t: t.func.hessian(lambda a: a**3)(t.arange(2.0)),
}

ERRORS: dict[str, Any] = {
    "jacrev chunk0": lambda t: t.func.jacrev(lambda a: a, chunk_size=0)(t.arange(3.0)),
    "jacrev int": lambda t: t.func.jacrev(lambda a: a)(t.arange(3)),
    "jacrev out float": lambda t: t.func.jacrev(lambda a: 2.0)(t.arange(3.0)),
    "jacrev out int tensor": lambda t: t.func.jacrev(lambda a: a.long())(t.arange(3.0)),
    "jacrev complex": lambda t: t.func.jacrev(lambda a: a * 1j)(t.arange(3.0)),
    "jacfwd rand": lambda t: t.func.jacfwd(lambda a: a * t.rand(3))(t.arange(3.0)),
    "jacfwd chunk": lambda t: t.func.jacfwd(lambda a: a**2, chunk_size=2)(t.arange(3.0)),
}


@pytest.mark.parametrize("name", [*VALUES, *ERRORS])
def test_program(name: str) -> None:
    check_listed(name, VALUES, ERRORS, tol=1e-5)

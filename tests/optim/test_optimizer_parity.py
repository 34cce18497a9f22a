"""SGD, Adam and AdamW beside PyTorch's: 50 steps of every option."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.optim.runs import close, compare, give_gradients, parameters, run

pytestmark = pytest.mark.parity


def options(**choices: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(choices, chosen, strict=True)) for chosen in itertools.product(*choices.values())]


SGD = [
    o
    for o in options(
        momentum=[0, 0.9], dampening=[0, 0.1], weight_decay=[0, 0.05], nesterov=[False, True], maximize=[False, True]
    )
    if not (o["nesterov"] and (o["dampening"] or not o["momentum"]))
]
ADAM = options(amsgrad=[False, True], weight_decay=[0, 0.05], maximize=[False, True])


@pytest.mark.parametrize("chosen", SGD, ids=str)
def test_sgd(chosen: dict[str, Any]) -> None:
    compare(lambda package, params: package.optim.SGD(params, lr=0.05, **chosen))


@pytest.mark.parametrize("chosen", ADAM, ids=str)
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_adam(name: str, chosen: dict[str, Any]) -> None:
    compare(lambda package, params: getattr(package.optim, name)(params, lr=0.01, **chosen))


@pytest.mark.parametrize(
    "chosen",
    [
        {"betas": (0.0, 0.5)},
        {"betas": (0.5, 0.9), "eps": 1e-3},
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
        {"lr": 0.0},
        {"fused": True},
        {"foreach": True},
        {"foreach": False},
    ],
    ids=str,
)
def test_more_of_adam(chosen: dict[str, Any]) -> None:
    compare(lambda package, params: package.optim.Adam(params, **{"lr": 0.02, **chosen}))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_the_rate_as_a_tensor_is_read_at_every_step(name: str) -> None:
    def make(package: Any, params: list[Any]) -> Any:
        return getattr(package.optim, name)(params, lr=package.tensor(0.02))

    results = []
    for package in (lucid, torch):
        params = parameters(package)
        optimizer = make(package, params)
        rate = optimizer.param_groups[0]["lr"]
        for step in range(10):
            give_gradients(params, step)
            optimizer.step()
            rate.fill_(0.02 / (step + 1))
        assert optimizer.param_groups[0]["lr"] is rate
        results.append((params, optimizer.state_dict(), repr(optimizer)))
    close(results[0][0], results[1][0], 2e-5)
    close(results[0][1], results[1][1], 2e-5)
    assert results[0][2] == results[1][2]


def test_betas_as_tensors() -> None:
    def make(package: Any, params: list[Any]) -> Any:
        return package.optim.Adam(params, lr=package.tensor(0.02), betas=(package.tensor(0.8), package.tensor(0.95)))

    results = [run(package, make, 10) for package in (lucid, torch)]
    close(results[0][1], results[1][1], 2e-4)  # 1 - beta of a float32 beta has lost digits


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_groups_with_their_own_options_that_change_on_the_way(name: str) -> None:
    results = []
    for package in (lucid, torch):
        params = parameters(package)
        kind = {"momentum": 0.5} if name == "SGD" else {"betas": (0.8, 0.99)}
        groups = [{"params": params[:2]}, {"params": params[2], "lr": 0.1, "weight_decay": 0.2, **kind}]
        optimizer = getattr(package.optim, name)(groups, lr=0.01)
        for step in range(12):
            give_gradients(params, step)
            optimizer.step()
            if step == 3:
                optimizer.add_param_group({"params": params[3:], "lr": 0.3})
            if step == 6:
                optimizer.param_groups[0]["weight_decay"] = 0.3
                optimizer.param_groups[1]["lr"] = 0.02
                optimizer.param_groups[2]["maximize"] = True
            if step == 8 and name == "SGD":
                optimizer.param_groups[0]["momentum"] = 0.7
        results.append((params, optimizer))
    close(results[0][0], results[1][0], 2e-5)
    close(results[0][1].state_dict(), results[1][1].state_dict(), 2e-5)
    assert repr(results[0][1]) == repr(results[1][1])


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize(
    ("dtype", "tol"), [("float64", 1e-12), ("float16", 2e-2), ("bfloat16", 1e-1), ("complex64", 2e-5)]
)
def test_other_dtypes(name: str, dtype: str, tol: float) -> None:
    half = dtype in ("float16", "bfloat16")
    extra: dict[str, Any] = {"momentum": 0.9} if name == "SGD" else {"eps": 1e-3} if half else {}
    compare(
        lambda package, params: getattr(package.optim, name)(params, lr=0.01, weight_decay=0.1, **extra),
        tol,
        dtype,
        steps=4 if half else 30,
    )

"""Every schedule beside PyTorch's: rates, momentums, state dicts, resuming, warnings and errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.optim import lr_scheduler as theirs

import lucid
import lucid.nn
import lucid.optim
from lucid.optim import lr_scheduler as ours

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")]


class Half:
    """A callable object with state, for LambdaLR."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, epoch: int) -> float:
        self.seen += 1
        return 0.5**epoch


def optimizer(package: Any, kind: str = "SGD", lr: Any = 0.1, **options: Any) -> Any:
    if kind == "SGD":
        options = {"momentum": 0.9, **options}
    groups = [
        {"params": [package.nn.Parameter(package.ones(2))]},
        {"params": [package.nn.Parameter(package.ones(3))], "lr": lr * 5},
    ]
    return getattr(package.optim, kind)(groups, lr=lr, **options)


SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "lambda": lambda L, o: L.LambdaLR(o, lambda e: 0.9**e),
    "lambdas": lambda L, o: L.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (e + 1)]),
    "multiplicative": lambda L, o: L.MultiplicativeLR(o, lambda e: 0.95),
    "step": lambda L, o: L.StepLR(o, 3),
    "step gamma": lambda L, o: L.StepLR(o, 2, gamma=0.7),
    "multi step": lambda L, o: L.MultiStepLR(o, [3, 5, 5, 9], gamma=0.5),
    "constant": lambda L, o: L.ConstantLR(o),
    "constant options": lambda L, o: L.ConstantLR(o, factor=0.25, total_iters=3),
    "linear": lambda L, o: L.LinearLR(o),
    "linear down": lambda L, o: L.LinearLR(o, 1.0, 0.1, total_iters=8),
    "linear to zero": lambda L, o: L.LinearLR(o, 0.5, 0.0, total_iters=4),
    "exponential": lambda L, o: L.ExponentialLR(o, 0.9),
    "polynomial": lambda L, o: L.PolynomialLR(o, 7),
    "polynomial power": lambda L, o: L.PolynomialLR(o, 5, power=2.5),
    "cosine": lambda L, o: L.CosineAnnealingLR(o, 5),
    "cosine minimum": lambda L, o: L.CosineAnnealingLR(o, 4, eta_min=0.01),
    "restarts": lambda L, o: L.CosineAnnealingWarmRestarts(o, 3),
    "restarts longer": lambda L, o: L.CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.001),
    "one cycle": lambda L, o: L.OneCycleLR(o, 1.0, 20),
    "one cycle lists": lambda L, o: L.OneCycleLR(o, [1.0, 2.0], 20, base_momentum=[0.8, 0.7], max_momentum=[0.9, 0.99]),
    "one cycle three": lambda L, o: L.OneCycleLR(
        o, 1.0, epochs=4, steps_per_epoch=5, anneal_strategy="linear", three_phase=True, div_factor=10.0
    ),
    "one cycle alone": lambda L, o: L.OneCycleLR(
        o, 1.0, 25, pct_start=0.1, cycle_momentum=False, final_div_factor=10.0
    ),
    "cyclic": lambda L, o: L.CyclicLR(o, 0.1, 1.0, step_size_up=4),
    "cyclic halves": lambda L, o: L.CyclicLR(o, [0.1, 0.2], [1.0, 2.0], 3, 5, mode="triangular2"),
    "cyclic range": lambda L, o: L.CyclicLR(o, 0.1, 1.0, 3, mode="exp_range", gamma=0.9, base_momentum=[0.5, 0.6]),
    "cyclic own": lambda L, o: L.CyclicLR(o, 0.1, 1.0, 3, scale_fn=lambda x: 1 / x, cycle_momentum=False),
    "cyclic own steps": lambda L, o: L.CyclicLR(o, 0.1, 1.0, 3, scale_fn=lambda x: 0.9**x, scale_mode="iterations"),
    "sequential": lambda L, o: L.SequentialLR(o, [L.ConstantLR(o, 0.1), L.ExponentialLR(o, 0.9)], [4]),
    "sequential warmup": lambda L, o: L.SequentialLR(
        o, [L.LinearLR(o, 0.1, total_iters=3), L.CosineAnnealingLR(o, 6), L.StepLR(o, 2)], [3, 9]
    ),
    "sequential restarts": lambda L, o: L.SequentialLR(
        o, [L.PolynomialLR(o, 5), L.CosineAnnealingWarmRestarts(o, 3), L.MultiplicativeLR(o, lambda e: 0.9)], [2, 8]
    ),
    # PyTorch's own first step of the inner one counts, and warns.
    "sequential nested": lambda L, o: L.SequentialLR(
        o, [L.SequentialLR(o, [L.ConstantLR(o, 0.5), L.LinearLR(o, 0.2)], [2]), L.LambdaLR(o, lambda e: 0.8**e)], [6]
    ),
    "chained": lambda L, o: L.ChainedScheduler([L.ConstantLR(o, 0.1, 4), L.ExponentialLR(o, 0.9)]),
    "chained many": lambda L, o: L.ChainedScheduler(
        [L.LinearLR(o, 0.1, total_iters=3), L.StepLR(o, 4), L.MultiStepLR(o, [2, 6]), L.CosineAnnealingLR(o, 5)], o
    ),
}


def numbers(opt: Any) -> list[tuple[float, ...]]:
    return [
        (float(g["lr"]), *((g["momentum"],) if "momentum" in g else tuple(float(b) for b in g["betas"])))
        for g in opt.param_groups
    ]


def plain(value: Any) -> Any:
    """`value` with what differs in identity only made comparable."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return pytest.approx(float(value), rel=1e-6) if hasattr(value, "item") else value


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_rates_and_state_dicts_are_equal_at_every_step(name: str, kind: str) -> None:
    pair = [(L, optimizer(p, kind)) for L, p in ((ours, lucid), (theirs, torch))]
    a, b = (SCHEDULES[name](L, o) for L, o in pair)
    first, second = pair[0][1], pair[1][1]
    for _ in range(20):
        assert numbers(first) == numbers(second)
        assert a.get_last_lr() == b.get_last_lr()
        assert a.state_dict() == b.state_dict()
        assert list(first.param_groups[0]) == list(second.param_groups[0])
        first.step(), second.step()
        a.step(), b.step()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_state_dict_continues_where_it_was_taken(name: str) -> None:
    def run(L: Any, package: Any) -> list[Any]:
        o = optimizer(package)
        s = SCHEDULES[name](L, o)
        for _ in range(5):
            o.step(), s.step()
        saved = o.state_dict(), s.state_dict()
        o = optimizer(package)
        s = SCHEDULES[name](L, o)
        o.load_state_dict(saved[0])
        s.load_state_dict(saved[1])
        found = [s.get_last_lr()]
        for _ in range(8):
            o.step(), s.step()
            found.append((numbers(o), list(s.get_last_lr())))
        return found

    assert run(ours, lucid) == run(theirs, torch)


SIMPLE = [n for n in SCHEDULES if not n.startswith(("sequential", "chained"))]


@pytest.mark.parametrize("name", SIMPLE)
@pytest.mark.parametrize("epoch", [0, 1, 4, 7, 12])
def test_jumps_to_an_epoch(name: str, epoch: int) -> None:
    found = []
    for L, p in ((ours, lucid), (theirs, torch)):
        o = optimizer(p)
        s = SCHEDULES[name](L, o)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            o.step()
            s.step()
            s.step(epoch)
            found.append((s.state_dict(), numbers(o)))
            o.step()
            s.step()
            found[-1] += (numbers(o),)
    assert found[0] == found[1]


RESUMED: dict[str, Callable[[Any, Any, int], Any]] = {
    "lambda": lambda L, o, e: L.LambdaLR(o, lambda x: 0.9**x, last_epoch=e),
    "multiplicative": lambda L, o, e: L.MultiplicativeLR(o, lambda x: 0.9, last_epoch=e),
    "step": lambda L, o, e: L.StepLR(o, 3, last_epoch=e),
    "multi step": lambda L, o, e: L.MultiStepLR(o, [3, 5], last_epoch=e),
    "constant": lambda L, o, e: L.ConstantLR(o, last_epoch=e),
    "linear": lambda L, o, e: L.LinearLR(o, last_epoch=e),
    "exponential": lambda L, o, e: L.ExponentialLR(o, 0.9, last_epoch=e),
    "polynomial": lambda L, o, e: L.PolynomialLR(o, 7, last_epoch=e),
    "cosine": lambda L, o, e: L.CosineAnnealingLR(o, 5, last_epoch=e),
    "restarts": lambda L, o, e: L.CosineAnnealingWarmRestarts(o, 3, last_epoch=e),
}


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("last", [-1, 0, 2, 5])
def test_resuming_by_last_epoch(name: str, last: int) -> None:
    found = []
    for L, p in ((ours, lucid), (theirs, torch)):
        o = optimizer(p)
        for group in o.param_groups:
            group["initial_lr"] = 0.2
        s = RESUMED[name](L, o, last)
        rates = [(s.get_last_lr(), s.last_epoch)]
        for _ in range(6):
            o.step(), s.step()
            rates.append((s.get_last_lr(), s.last_epoch))
        found.append(rates)
    assert found[0] == found[1]


def test_asking_for_the_rates_after_resuming() -> None:
    found = []
    for L, p in ((ours, lucid), (theirs, torch)):
        o = optimizer(p)
        for group in o.param_groups:
            group["initial_lr"] = 0.2
        s = L.CosineAnnealingLR(o, 5, last_epoch=2)
        with pytest.warns(UserWarning, match="get_last_lr"):
            found.append(s.get_lr())
    assert found[0] == found[1]


def test_restarts_at_fractions_of_epochs() -> None:
    for mult in (1, 2, 3):
        a, b = (L.CosineAnnealingWarmRestarts(optimizer(p), 3, mult) for L, p in ((ours, lucid), (theirs, torch)))
        for i in range(60):
            a.step(i / 2.5), b.step(i / 2.5)
            assert a.get_last_lr() == b.get_last_lr()
            assert (a.last_epoch, a.T_cur, a.T_i) == (b.last_epoch, b.T_cur, b.T_i)


PLATEAUS: list[dict[str, Any]] = [
    {"patience": 1},
    {"patience": 0, "cooldown": 2},
    {"mode": "max", "patience": 1, "factor": 0.5},
    {"threshold_mode": "abs", "threshold": 0.1, "patience": 1},
    {"mode": "max", "threshold_mode": "abs", "threshold": 0.1, "patience": 1},
    {"min_lr": [0.01, 0.3], "patience": 0},
    {"min_lr": 0.05, "patience": 0, "eps": 0.01},
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus(options: dict[str, Any]) -> None:
    o, p = optimizer(lucid), optimizer(torch)
    a, b = ours.ReduceLROnPlateau(o, **options), theirs.ReduceLROnPlateau(p, **options)
    for i, metric in enumerate([1.0, 0.9, 0.9, 0.9, 0.85, 0.95, 0.95, 1.1, 1.2, float("nan"), 0.1, 0.1, 0.1, 0.1]):
        a.step(lucid.tensor(metric) if i % 2 else metric)
        b.step(torch.tensor(metric) if i % 2 else metric)
        mine, want = a.state_dict(), b.state_dict()
        assert mine.pop("best") == pytest.approx(want.pop("best"), nan_ok=True)
        assert mine == want
        assert a.in_cooldown == b.in_cooldown
    again = ours.ReduceLROnPlateau(optimizer(lucid))
    again.load_state_dict(a.state_dict())
    assert again.state_dict() == a.state_dict()


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_that_are_tensors_stay_the_same_objects(name: str) -> None:
    found = []
    for L, p in ((ours, lucid), (theirs, torch)):
        o = optimizer(p, lr=p.tensor(0.1))
        rates = [g["lr"] for g in o.param_groups]
        s = SCHEDULES[name](L, o)
        for _ in range(6):
            o.step(), s.step()
        assert all(g["lr"] is r for g, r in zip(o.param_groups, rates, strict=True))
        found.append([float(r) for r in rates])
        if name == "exponential":  # what was returned is a copy
            before = [float(r) for r in s.get_last_lr()]
            rates[0].fill_(7.0)
            assert [float(r) for r in s.get_last_lr()] == before
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_attributes_of_callable_objects_are_saved() -> None:
    states = []
    for L, p in ((ours, lucid), (theirs, torch)):
        s = L.LambdaLR(optimizer(p), [Half(), lambda e: 1.0])
        states.append(s.state_dict())
        fresh = Half()
        L.LambdaLR(optimizer(p), [fresh, lambda e: 1.0]).load_state_dict(
            s.state_dict() | {"lr_lambdas": [{"seen": 9}, None]}
        )
        assert fresh.seen == 9
        c = L.CyclicLR(optimizer(p), 0.1, 1.0, scale_fn=Half())
        states.append(c.state_dict()["_scale_fn_custom"])
        c.load_state_dict(c.state_dict() | {"_scale_fn_custom": {"seen": 9}})
        assert c.state_dict()["_scale_fn_custom"] == {"seen": 9}
    assert states[:2] == states[2:]


def no_momentum(p: Any) -> Any:
    class Plain(p.optim.Optimizer):  # type: ignore[misc,name-defined]
        def step(self, closure: Any = None) -> None: ...

    return Plain([p.nn.Parameter(p.ones(1))], {"lr": 0.1})


WRONG: dict[str, Callable[[Any, Any, Any], Any]] = {
    "lambdas": lambda L, o, p: L.LambdaLR(o, [lambda e: 1.0]),
    "multiplicative": lambda L, o, p: L.MultiplicativeLR(o, [1, 2, 3]),
    "resume": lambda L, o, p: L.StepLR(o, 3, last_epoch=2),
    "constant": lambda L, o, p: L.ConstantLR(o, 2.0),
    "linear start": lambda L, o, p: L.LinearLR(o, 0.0),
    "linear end": lambda L, o, p: L.LinearLR(o, 0.5, 2.0),
    "T_0": lambda L, o, p: L.CosineAnnealingWarmRestarts(o, 0),
    "T_0 float": lambda L, o, p: L.CosineAnnealingWarmRestarts(o, 1.5),
    "T_mult": lambda L, o, p: L.CosineAnnealingWarmRestarts(o, 2, 0),
    "eta_min": lambda L, o, p: L.CosineAnnealingWarmRestarts(o, 2, 1, "a"),
    "epoch": lambda L, o, p: L.CosineAnnealingWarmRestarts(o, 2).step(-1),
    "no steps": lambda L, o, p: L.OneCycleLR(o, 1.0),
    "half steps": lambda L, o, p: L.OneCycleLR(o, 1.0, epochs=2),
    "negative steps": lambda L, o, p: L.OneCycleLR(o, 1.0, -1),
    "epochs": lambda L, o, p: L.OneCycleLR(o, 1.0, epochs=-1, steps_per_epoch=2),
    "per epoch": lambda L, o, p: L.OneCycleLR(o, 1.0, epochs=1, steps_per_epoch=0),
    "pct": lambda L, o, p: L.OneCycleLR(o, 1.0, 5, pct_start=1.5),
    "anneal": lambda L, o, p: L.OneCycleLR(o, 1.0, 5, anneal_strategy="x"),
    "one cycle list": lambda L, o, p: L.OneCycleLR(o, [1.0], 5),
    "one cycle momentum": lambda L, o, p: L.OneCycleLR(no_momentum(p), 1.0, 5),
    "no optimizer": lambda L, o, p: L.OneCycleLR(3, 1.0, 5),
    "cyclic mode": lambda L, o, p: L.CyclicLR(o, 0.1, 1.0, mode="x"),
    "cyclic list": lambda L, o, p: L.CyclicLR(o, [0.1], 1.0),
    "cyclic optimizer": lambda L, o, p: L.CyclicLR(3, 0.1, 1.0),
    "cyclic momentum": lambda L, o, p: L.CyclicLR(no_momentum(p), 0.1, 1.0),
    "sequential none": lambda L, o, p: L.SequentialLR(o, [], []),
    "sequential milestones": lambda L, o, p: L.SequentialLR(o, [L.ConstantLR(o)], [3]),
    "sequential others": lambda L, o, p: L.SequentialLR(o, [L.ConstantLR(o), L.ConstantLR(optimizer(p))], [3]),
    "sequential plateau": lambda L, o, p: L.SequentialLR(o, [L.ConstantLR(o), L.ReduceLROnPlateau(o)], [3]),
    "sequential int": lambda L, o, p: L.SequentialLR(o, [L.ConstantLR(o), 3], [3]),
    "chained none": lambda L, o, p: L.ChainedScheduler([]),
    "chained others": lambda L, o, p: L.ChainedScheduler([L.ConstantLR(o), L.ConstantLR(optimizer(p))]),
    "chained plateau": lambda L, o, p: L.ChainedScheduler([L.ReduceLROnPlateau(o)]),
    "chained optimizer": lambda L, o, p: L.ChainedScheduler([L.ConstantLR(o)], optimizer(p)),
    "factor": lambda L, o, p: L.ReduceLROnPlateau(o, factor=1.0),
    "plateau optimizer": lambda L, o, p: L.ReduceLROnPlateau(3),
    "plateau mode": lambda L, o, p: L.ReduceLROnPlateau(o, mode="x"),
    "plateau threshold": lambda L, o, p: L.ReduceLROnPlateau(o, threshold_mode="x"),
    "plateau min": lambda L, o, p: L.ReduceLROnPlateau(o, min_lr=[1]),
    "plateau metric": lambda L, o, p: L.ReduceLROnPlateau(o).step(),
    "base": lambda L, o, p: L.LRScheduler(o),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_pytorch_refuses_is_refused_with_the_same_exception(name: str) -> None:
    with pytest.raises(Exception) as want:  # noqa: PT011 - whatever it is
        WRONG[name](theirs, optimizer(torch), torch)
    with pytest.raises(want.type) as got:
        WRONG[name](ours, optimizer(lucid), lucid)
    assert got.type is want.type
    assert str(got.value)


def test_stepping_past_one_cycle() -> None:
    for L, p in ((ours, lucid), (theirs, torch)):
        o = optimizer(p)
        s = L.OneCycleLR(o, 1.0, 3)
        for _ in range(3):
            o.step(), s.step()
        o.step()
        with pytest.raises(ValueError, match="Tried to step 4 times"):
            s.step()


def warned(action: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        action()
    return [str(w.message)[:30] for w in seen]


WARNED: list[Callable[[Any, Any], Any]] = [
    lambda L, o: L.StepLR(o, 2).step(),
    lambda L, o: L.StepLR(o, 2).get_lr(),
    lambda L, o: L.LambdaLR(o, lambda e: 1.0).get_lr(),
    lambda L, o: (L.StepLR(o, 2), o.step()),
    lambda L, o: (o.step(), L.ReduceLROnPlateau(o).step(1.0, 3)),
    lambda L, o: L.CosineAnnealingWarmRestarts(o, 2).step(1),
]


@pytest.mark.parametrize("case", range(len(WARNED)))
def test_warnings(case: int) -> None:
    messages = [warned(lambda L=L, p=p: WARNED[case](L, optimizer(p))) for L, p in ((ours, lucid), (theirs, torch))]
    assert messages[0] == messages[1]


def test_a_step_that_was_overridden_is_noticed() -> None:
    def case(L: Any, p: Any) -> None:
        o = optimizer(p)
        s = L.StepLR(o, 2)
        o.step = lambda: None
        o.step()
        s.step()

    assert [m[:25] for m in warned(lambda: case(ours, lucid))] == [m[:25] for m in warned(lambda: case(theirs, torch))]

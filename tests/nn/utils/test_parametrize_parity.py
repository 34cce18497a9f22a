"""Parametrized tensors, beside PyTorch's."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_program
from tests.nn.utils.pairs import attempt, exchange, filled, linear, seen, step, values

pytestmark = pytest.mark.parity

FORWARDS = {
    "same": lambda x: x,
    "double": lambda x: 2 * x,
    "other dtype": lambda x: x.double(),
    "other shape": lambda x: x[0],
    "no tensor": lambda x: 3,
    "sum": lambda a, b: a + b,
    "first": lambda *x: x[0],
}
INVERSES = {
    "none": None,
    "half": lambda x: x / 2,
    "two": lambda x: (x / 3, x * 2 / 3),
    "other dtype": lambda x: x.double(),
    "other shape": lambda x: x[0],
    "no tensor": lambda x: 3,
    "among": lambda x: [x, 3],
    "not there": NotImplementedError,
}


def made(t: Any, forward: str, inverse: str = "none") -> Any:
    """A parametrization from the tables above."""

    def raises(x: Any) -> Any:
        raise NotImplementedError("no inverse")

    found = INVERSES[inverse]
    contents: dict[str, Any] = {"forward": lambda self, *x: FORWARDS[forward](*x)}
    if found is not None:
        back = raises if found is NotImplementedError else found
        contents["right_inverse"] = lambda self, x: back(x)
    return type("Made", (t.nn.Module,), contents)()


def assigned(t: Any, module: Any, value: Any) -> Any:
    def assign() -> Any:
        module.weight = value
        return module.weight, list(module.state_dict().items())

    return attempt(assign)


@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize("inverse", INVERSES)
@pytest.mark.parametrize("forward", FORWARDS)
def test_one(forward: str, inverse: str, unsafe: bool) -> None:
    def program(t: Any) -> Any:
        module = linear(t)
        weight = module.weight
        register = t.nn.utils.parametrize.register_parametrization
        result = attempt(lambda: register(module, "weight", made(t, forward, inverse), unsafe=unsafe) is module)
        if result is not True:
            return result, repr(module), list(module.state_dict())
        held = module.parametrizations.weight
        found = [seen(module), held.is_tensor, held.ntensors, held.unsafe, held.is_tensor and held.original is weight]
        found.append(attempt(lambda: module.weight))
        for value in (t.ones(2, 3), t.ones(2, 3).double(), t.ones(4, 3), t.nn.Parameter(t.ones(2, 3)), 3):
            found.append(assigned(t, module, value))
        return found

    check_program(program)


@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize("inverse", INVERSES)
@pytest.mark.parametrize("forward", ["same", "double", "other dtype", "other shape", "no tensor", "first"])
def test_a_second_one(forward: str, inverse: str, unsafe: bool) -> None:
    def program(t: Any) -> Any:
        module = linear(t)
        register = t.nn.utils.parametrize.register_parametrization
        register(module, "weight", made(t, "double", "half"))
        found = [attempt(lambda: register(module, "weight", made(t, forward, inverse), unsafe=unsafe) is module)]
        found += [seen(module), attempt(lambda: module.weight), module.parametrizations.weight.unsafe]
        return [*found, assigned(t, module, t.ones(2, 3))]

    check_program(program)


@pytest.mark.parametrize("leave", [True, False])
@pytest.mark.parametrize(
    ("forward", "inverse"),
    [("double", "half"), ("double", "none"), ("same", "none"), ("sum", "two"), ("other shape", "none")],
)
def test_removal(forward: str, inverse: str, leave: bool) -> None:
    def program(t: Any) -> Any:
        module = linear(t)
        weight = module.weight
        tools = t.nn.utils.parametrize
        tools.register_parametrization(module, "weight", made(t, forward, inverse), unsafe=True)
        result = attempt(lambda: tools.remove_parametrizations(module, "weight", leave_parametrized=leave) is module)
        return result, seen(module), module.weight is weight, type(module.weight).__name__

    check_program(program)


def test_several_tensors() -> None:
    def program(t: Any) -> Any:
        tools = t.nn.utils.parametrize
        module = linear(t)
        tools.register_parametrization(module, "weight", made(t, "double"))
        tools.register_parametrization(module, "bias", made(t, "sum", "two"))
        found = [seen(module), tools.is_parametrized(module), tools.type_before_parametrizations(module).__name__]
        found += [tools.is_parametrized(module, name) for name in ("weight", "bias", "other")]
        found.append(step(module, values(t, 4, 3)))
        tools.remove_parametrizations(module, "weight")
        found += [seen(module), step(module, values(t, 4, 3))]
        tools.remove_parametrizations(module, "bias")
        found += [seen(module), tools.is_parametrized(module), tools.type_before_parametrizations(module).__name__]
        found.append(hasattr(module, "parametrizations"))
        return found

    check_program(program)


def test_buffers_and_modes() -> None:
    def program(t: Any) -> Any:
        tools = t.nn.utils.parametrize
        module = filled(t, t.nn.BatchNorm1d(3)).eval()
        parametrization = made(t, "double")
        tools.register_parametrization(module, "running_mean", parametrization)
        found = [seen(module), parametrization.training, step(module, values(t, 4, 3))]
        module.train()
        found += [parametrization.training, type(module.running_mean).__name__ in ("Tensor", "Buffer")]
        frozen = linear(t)
        frozen.weight.requires_grad_(False)
        tools.register_parametrization(frozen, "weight", made(t, "sum", "two"))
        found += [seen(frozen), frozen.weight.requires_grad]
        tools.remove_parametrizations(frozen, "weight")
        return [*found, [name for name, _ in frozen.named_parameters()]]

    check_program(program)


def test_wrong_names() -> None:
    def program(t: Any) -> Any:
        tools = t.nn.utils.parametrize
        module = linear(t)
        module.register_parameter("nothing", None)
        return (
            attempt(lambda: tools.register_parametrization(module, "other", made(t, "same"))),
            attempt(lambda: tools.register_parametrization(module, "nothing", made(t, "same"))),
            attempt(lambda: tools.register_parametrization(module, "weight", 3)),
            attempt(lambda: tools.remove_parametrizations(module, "weight")),
            attempt(lambda: tools.ParametrizationList([], t.ones(2))),
            seen(module),
        )

    check_program(program)


def test_copies_and_pickles() -> None:
    def program(t: Any) -> Any:
        tools = t.nn.utils.parametrize
        module = linear(t)
        tools.register_parametrization(module, "weight", made(t, "double", "half"))
        twin = copy.deepcopy(module)
        twin.weight = t.ones(2, 3)
        return seen(module), seen(twin), module.weight, twin.weight, attempt(lambda: pickle.dumps(module))

    check_program(program)


def test_a_copy_of_its_own_is_kept() -> None:
    def program(t: Any) -> Any:
        class Own(t.nn.Linear):
            def __deepcopy__(self, memo: Any) -> str:
                return "own"

        module = t.nn.utils.parametrize.register_parametrization(Own(2, 2), "weight", made(t, "same"))
        return copy.deepcopy(module), type(module).__name__

    check_program(program)


def test_transfer() -> None:
    def program(t: Any) -> Any:
        tools = t.nn.utils.parametrize
        source, found = linear(t), []
        tools.register_parametrization(source, "weight", made(t, "sum", "two"))
        tools.register_parametrization(source, "bias", made(t, "double", "half"))
        transfer = tools.transfer_parametrizations_and_params
        for name in (None, "bias", "other"):
            for target in (filled(t, t.nn.Linear(3, 2), 5), t.nn.Module()):
                result = attempt(functools.partial(transfer, source, target, name))
                found.append(result if isinstance(result, str) else result is target)
                found.append(seen(target))
                if name is None:
                    held, own = target.parametrizations, source.parametrizations
                    found.append(held.bias.original is own.bias.original)
                    found.append(held.weight.original1 is own.weight.original1)
        plain = tools.transfer_parametrizations_and_params(linear(t), linear(t), "bias")
        return [*found, seen(plain)]

    check_program(program)


def test_cache() -> None:
    def program(t: Any) -> Any:
        tools, calls = t.nn.utils.parametrize, []

        class Counted(t.nn.Module):
            def forward(self, x: Any) -> Any:
                calls.append(1)
                return x + 1

        module = linear(t)
        tools.register_parametrization(module, "weight", Counted())
        found = [len(calls)]
        with tools.cached():
            first = module.weight
            with tools.cached():
                found.append(module.weight is first)
            found += [module.weight is first, len(calls)]
        with tools.cached():
            found.append(module.weight is first)
        return [*found, module.weight is module.weight, len(calls)]

    check_program(program)


@pytest.mark.parametrize("how", [("double", "half"), ("sum", "two")], ids=str)
def test_state_dicts_are_exchanged(how: tuple[str, str]) -> None:
    pairs = []
    for t in (lucid, torch):
        net = t.nn.Sequential(filled(t, t.nn.Linear(3, 2), 1 if t is lucid else 2), t.nn.ReLU())
        t.nn.utils.parametrize.register_parametrization(net[0], "weight", made(t, *how))
        pairs.append(net)
    exchange(*pairs)

    def program(t: Any) -> Any:
        net = t.nn.Sequential(linear(t), t.nn.ReLU())
        t.nn.utils.parametrize.register_parametrization(net[0], "weight", made(t, *how))
        return attempt(lambda: linear(t).load_state_dict(net[0].state_dict())), seen(net.double()), net[0].weight

    check_program(program)

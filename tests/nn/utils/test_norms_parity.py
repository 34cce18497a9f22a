"""`weight_norm`, `spectral_norm` and `orthogonal`, as hooks and as parametrizations, beside PyTorch's."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_program
from tests.nn.utils.pairs import attempt, exchange, filled, linear, seen, step, values

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")]

LAYERS = {
    "Linear": ((3, 4), (2, 3)),
    "Conv1d": ((4, 4, 2), (1, 4, 5)),
    "Conv2d": ((2, 4, 3), (1, 2, 5, 5)),
    "ConvTranspose1d": ((4, 3, 2), (1, 4, 3)),
    "ConvTranspose2d": ((2, 4, 3), (1, 2, 3, 3)),
    "ConvTranspose3d": ((2, 2, 2), (1, 2, 2, 2, 2)),
}


def layer(t: Any, name: str, seed: int = 1) -> tuple[Any, Any]:
    arguments, shape = LAYERS[name]
    return filled(t, getattr(t.nn, name)(*arguments), seed), values(t, *shape)


def weight_norms(t: Any, kind: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    utils = t.nn.utils
    if kind == "hook":
        return utils.weight_norm, utils.remove_weight_norm
    return utils.parametrizations.weight_norm, utils.parametrize.remove_parametrizations


def spectral_norms(t: Any, kind: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    utils = t.nn.utils
    if kind == "hook":
        return utils.spectral_norm, utils.remove_spectral_norm
    return utils.parametrizations.spectral_norm, utils.parametrize.remove_parametrizations


@pytest.mark.parametrize("kind", ["hook", "parametrization"])
@pytest.mark.parametrize("dim", [0, 1, -1, -2, None])
@pytest.mark.parametrize("name", LAYERS)
def test_weight_norm(name: str, dim: int | None, kind: str) -> None:
    def program(t: Any) -> Any:
        module, x = layer(t, name)
        apply, remove = weight_norms(t, kind)
        found = [apply(module, dim=dim) is module, seen(module), module.weight, step(module, x)]
        filled(t, module, 2)
        found += [step(module, x), module.weight.requires_grad, module.weight.is_leaf]
        found += [remove(module, "weight") is module, seen(module), step(module, x)]
        return found

    check_program(program, 1e-4)


@pytest.mark.parametrize("kind", ["hook", "parametrization"])
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("name", LAYERS)
def test_spectral_norm(name: str, dim: int | None, kind: str) -> None:
    def program(t: Any) -> Any:
        module, x = layer(t, name)
        apply, remove = spectral_norms(t, kind)
        found = [apply(module, n_power_iterations=2, dim=dim) is module]
        filled(t, module, 2)
        found += [seen(module), step(module, x), step(module, x), seen(module)]
        module.eval()
        found += [step(module, x), seen(module), remove(module, "weight") is module, seen(module), step(module, x)]
        return found

    check_program(program, 1e-4)


def test_spectral_norm_of_a_vector() -> None:
    def program(t: Any) -> Any:
        module = linear(t)
        t.nn.utils.parametrizations.spectral_norm(module, "bias")
        return seen(module), module.bias, step(module, values(t, 4, 3))

    check_program(program)


@pytest.mark.parametrize("kind", ["hook", "parametrization"])
@pytest.mark.parametrize("which", ["weight", "spectral"])
def test_state_dicts_are_exchanged(which: str, kind: str) -> None:
    found = []
    for t in (lucid, torch):
        apply, _ = (weight_norms if which == "weight" else spectral_norms)(t, kind)
        module, x = layer(t, "Conv2d", 1 if t is lucid else 2)
        found.append((apply(module), x))
    (mine, x), (theirs, y) = found
    exchange(mine, theirs)
    exchange(mine, theirs)  # so that each has its own again
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in mine.state_dict().items()})
    for module in (mine, theirs):
        module.eval()
    np.testing.assert_allclose(mine(x).detach().numpy(), theirs(y).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_dtypes(dtype: str) -> None:
    def program(t: Any) -> Any:
        found = []
        for apply in (weight_norms(t, "hook")[0], weight_norms(t, "new")[0]):
            found.append(apply(linear(t).to(getattr(t, dtype))).weight)
        for apply in (spectral_norms(t, "hook")[0], spectral_norms(t, "new")[0]):
            module = filled(t, apply(linear(t).to(getattr(t, dtype)))).eval()
            found.append(module(values(t, 2, 3).to(getattr(t, dtype))))
        return found

    check_program(program, {"float16": 4e-3, "bfloat16": 3e-2, "float64": 1e-12}[dtype])


def test_state_of_the_hook_is_taken_by_the_parametrization() -> None:
    def program(t: Any) -> Any:
        old = t.nn.utils.weight_norm(t.nn.utils.weight_norm(linear(t)), "bias")
        new = t.nn.utils.parametrizations.weight_norm(t.nn.utils.parametrizations.weight_norm(linear(t)), "bias")
        result = new.load_state_dict(filled(t, old, 4).state_dict())
        return repr(result), seen(old), seen(new), new.weight, new.bias, seen(copy.deepcopy(new))

    check_program(program)


@pytest.mark.parametrize("metadata", [None, {"": {"version": 1}}])
def test_spectral_norm_takes_states_of_old_versions(metadata: Any) -> None:
    def program(t: Any) -> Any:
        source = filled(t, t.nn.utils.spectral_norm(t.nn.Linear(3, 4)), 3).state_dict()
        old = OrderedDict((key, value) for key, value in source.items() if key != "weight_v")
        old["weight"] = old["weight_orig"] / 2.5
        if metadata is not None:
            old._metadata = metadata
        module = t.nn.utils.spectral_norm(t.nn.Linear(3, 4)).eval()
        found = [repr(module.load_state_dict(old)), module(values(t, 2, 3)), seen(module)]
        found.append(repr(module.load_state_dict(dict(source))))  # the metadata lost
        incomplete = {key: value for key, value in old.items() if key != "weight"}
        for state in (incomplete, linear(t).state_dict()):
            found.append(attempt(lambda state=state: module.load_state_dict(state)))
            found.append(attempt(lambda state=state: repr(module.load_state_dict(state, strict=False))))
        return found

    check_program(program, 1e-4)


def test_what_is_refused() -> None:
    def program(t: Any) -> Any:
        utils, found = t.nn.utils, []
        for call in (
            lambda: utils.weight_norm(linear(t), "other"),
            lambda: utils.weight_norm(linear(t), dim=3),
            lambda: utils.weight_norm(utils.weight_norm(linear(t))),
            lambda: utils.weight_norm(linear(t, bias=False), "bias"),
            lambda: utils.weight_norm(t.nn.LazyLinear(2)),
            lambda: utils.remove_weight_norm(linear(t)),
            lambda: utils.spectral_norm(linear(t), "other"),
            lambda: utils.spectral_norm(linear(t), n_power_iterations=0),
            lambda: utils.spectral_norm(linear(t), dim=2),
            lambda: utils.spectral_norm(linear(t), dim=-1),
            lambda: utils.spectral_norm(linear(t), "bias", dim=1),
            lambda: utils.spectral_norm(utils.spectral_norm(linear(t))),
            lambda: utils.spectral_norm(linear(t, bias=False), "bias"),
            lambda: utils.spectral_norm(t.nn.LazyLinear(2)),
            lambda: utils.remove_spectral_norm(linear(t)),
            lambda: utils.parametrizations.weight_norm(linear(t), "other"),
            lambda: utils.parametrizations.weight_norm(linear(t), dim=3),
            lambda: utils.parametrizations.spectral_norm(linear(t), "other"),
            lambda: utils.parametrizations.spectral_norm(linear(t), dim=3),
            lambda: utils.parametrizations.spectral_norm(linear(t), n_power_iterations=0),
            lambda: utils.parametrizations.orthogonal(linear(t), "other"),
            lambda: utils.parametrizations.orthogonal(linear(t), "bias"),
            lambda: utils.parametrizations.orthogonal(linear(t), orthogonal_map="other"),
            lambda: copy.deepcopy(utils.weight_norm(linear(t))),
            lambda: pickle.dumps(utils.parametrizations.weight_norm(linear(t))),
        ):
            found.append(attempt(call))
        assert all(isinstance(name, str) for name in found)
        return found

    check_program(program)


def test_a_removal_can_be_followed_by_another_use() -> None:
    def program(t: Any) -> Any:
        module = linear(t)
        t.nn.utils.remove_spectral_norm(filled(t, t.nn.utils.spectral_norm(module)).eval())
        found = [seen(module), len(module._state_dict_hooks)]
        return [*found, seen(t.nn.utils.remove_weight_norm(t.nn.utils.weight_norm(module)))]

    check_program(program)


def test_the_hook_is_deprecated() -> None:
    for t in (lucid, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            t.nn.utils.weight_norm(linear(t))
        assert [w.category for w in caught] == [FutureWarning]


MAPS = ["matrix_exp", "cayley", "householder", None]


@pytest.mark.parametrize("base", [True, False])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3), (2, 4, 3)], ids=str)
@pytest.mark.parametrize("which", MAPS)
def test_orthogonal(which: str | None, shape: tuple[int, ...], base: bool) -> None:
    def program(t: Any) -> Any:
        module = t.nn.Module()
        module.w = t.nn.Parameter(values(t, *shape))
        t.nn.utils.parametrizations.orthogonal(module, "w", which, use_trivialization=base)
        square = shape[-1] == shape[-2]
        wide = module.w.mT if shape[-2] < shape[-1] else module.w
        identity = t.eye(wide.shape[-1]).expand(*shape[:-2], -1, -1)
        found = [repr(module), [(name, tuple(value.shape)) for name, value in module.state_dict().items()]]
        found.append((wide.mT @ wide).allclose(identity, atol=1e-5))
        if square or not base:
            found.append(module.w)
        original = module.parametrizations.w.original
        with t.no_grad():
            if base:
                n = max(shape[-2:])
                module.parametrizations.w[0].base.copy_(t.linalg.qr(values(t, *shape[:-2], n, n, seed=3))[0])
            original.copy_(values(t, *shape, seed=4))
            original.diagonal(dim1=-2, dim2=-1).sign_()
        found.append(module.w)
        (module.w**3).sum().backward()
        found.append(original.grad)
        for value in (values(t, *shape, seed=5), t.eye(*shape[-2:]).expand(shape), t.ones(5, 5)):
            found.append(attempt(lambda value=value: setattr(module, "w", value)))
            if square or not base:
                found += [module.w, original]
        return found

    check_program(program, 2e-4)


@pytest.mark.parametrize("which", MAPS)
def test_unitary(which: str | None) -> None:
    def program(t: Any) -> Any:
        module = t.nn.Module()
        module.w = t.nn.Parameter(t.complex(values(t, 3, 3), values(t, 3, 3, seed=1)))
        result = attempt(lambda: t.nn.utils.parametrizations.orthogonal(module, "w", which) is module)
        return result, module.w, (module.w @ module.w.mH).real.allclose(t.eye(3), atol=1e-5)

    check_program(program, 1e-4)


@pytest.mark.parametrize("which", MAPS)
def test_orthogonal_state_dicts_are_exchanged(which: str | None) -> None:
    found = []
    for t in (lucid, torch):
        module = t.nn.utils.parametrizations.orthogonal(t.nn.Linear(4, 4), orthogonal_map=which)
        found.append(module)
    mine, theirs = found
    exchange(mine, theirs)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in mine.state_dict().items()})
    np.testing.assert_allclose(mine.weight.detach().numpy(), theirs.weight.detach().numpy(), atol=1e-5)

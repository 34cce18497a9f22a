"""The usual layers inside the transforms, beside PyTorch's: tangents, examples, gradients of each, ensembles."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_program
from tests.nn.utils.pairs import filled, values

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning"),  # PyTorch's own, for jvp
    pytest.mark.filterwarnings("ignore:There is a performance drop"),  # and for what it maps one by one
]

# The arguments of each layer, and the shape of its input. What PyTorch maps and pushes nothing through (recurrent
# layers, tangents of attention) is in test_mapping.
LAYERS: dict[str, tuple[tuple[Any, ...], tuple[int, ...]]] = {
    "Linear": ((4, 3), (5, 4)),
    "Conv1d": ((4, 4, 3, 1, 1, 1, 2), (2, 4, 6)),
    "Conv2d": ((2, 3, 3), (2, 2, 6, 6)),
    "Conv3d": ((2, 3, 2), (1, 2, 4, 4, 4)),
    "ConvTranspose1d": ((2, 3, 2), (1, 2, 5)),
    "ConvTranspose2d": ((2, 3, 3), (2, 2, 5, 5)),
    "BatchNorm2d": ((2,), (3, 2, 4, 4)),
    "InstanceNorm2d": ((2,), (3, 2, 4, 4)),
    "GroupNorm": ((2, 4), (3, 4, 5)),
    "LayerNorm": ((4,), (3, 4)),
    "RMSNorm": ((4,), (3, 4)),
    "Dropout": ((0.5,), (3, 4)),
    "MaxPool2d": ((2,), (1, 2, 6, 6)),
    "AvgPool2d": ((2,), (1, 2, 6, 6)),
    "AdaptiveAvgPool2d": ((3,), (1, 2, 7, 7)),
    "AdaptiveMaxPool1d": ((3,), (1, 2, 7)),
    "Upsample": ((None, 2, "bilinear"), (1, 2, 4, 4)),
    "Unfold": ((2,), (1, 2, 4, 4)),
    "Fold": (((4, 4), 2), (1, 8, 9)),
}


def made(t: Any, name: str) -> tuple[Any, dict[str, Any]]:
    """A function of parameters and an input, in eval mode, and parameters."""
    module = filled(t, getattr(t.nn, name)(*LAYERS[name][0]))
    with t.no_grad():
        for buffer_name, buffer in module.named_buffers():
            if buffer_name == "running_var":
                buffer.abs_()
    module.eval()
    params = {k: p.detach() for k, p in module.named_parameters()}
    return lambda p, *inputs: t.func.functional_call(module, p, inputs), params


def weighed(t: Any, fn: Any) -> Any:
    def loss(params: Any, *inputs: Any) -> Any:
        out = fn(params, *inputs)
        return (out * t.sin(t.arange(out.numel()).reshape(out.shape) * 1.0)).sum()

    return loss


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    shape = LAYERS[name][1]

    def program(t: Any) -> Any:
        fn, params = made(t, name)
        x, many = values(t, *shape, seed=5), values(t, 3, *shape, seed=6)
        tangents = {k: t.cos(p) for k, p in params.items()}, t.sin(x)
        found = [
            t.func.jvp(fn, (params, x), tangents),
            t.vmap(fn, in_dims=(None, 0))(params, many),
            t.vmap(t.func.grad(weighed(t, fn), argnums=1), in_dims=(None, 0))(params, many),
        ]
        if params:
            ensemble = {k: t.stack([p, p * 0.5]) for k, p in params.items()}
            found += [
                t.vmap(t.func.grad(weighed(t, fn)), in_dims=(None, 0))(params, many),
                t.vmap(fn, in_dims=(0, None))(ensemble, x),
                t.func.jvp(t.func.grad(weighed(t, fn)), (params, x), tangents)[1],
            ]
        return found

    check_program(program, tol=2e-3)


def test_embedding_and_loss_of_each_example() -> None:
    def program(t: Any) -> Any:
        net = filled(t, t.nn.Sequential(t.nn.Embedding(7, 3), t.nn.Flatten(0), t.nn.Linear(6, 4)))
        params = {k: p.detach() for k, p in net.named_parameters()}

        def loss(p: Any, tokens: Any, label: Any) -> Any:
            return t.nn.functional.cross_entropy(t.func.functional_call(net, p, (tokens,)), label)

        tokens, labels = t.tensor([[0, 1], [2, 2], [6, 0]]), t.tensor([3, 0, 1])
        return t.vmap(t.func.grad_and_value(loss), in_dims=(None, 0, 0))(params, tokens, labels)

    check_program(program, tol=1e-4)


def test_ensemble() -> None:
    def program(t: Any) -> Any:
        models = [
            filled(t, t.nn.Sequential(t.nn.Linear(3, 4), t.nn.BatchNorm1d(4), t.nn.Tanh(), t.nn.Linear(4, 2)), seed=k)
            for k in range(3)
        ]
        for model in models:
            model[1].running_var.abs_()
            model.eval()
        params, buffers = t.func.stack_module_state(models)
        x = values(t, 5, 3)
        out = t.vmap(lambda p, b, x: t.func.functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None))(
            params, buffers, x
        )
        out.square().sum().backward()
        return out, t.stack([model(x) for model in models]), {k: p.grad for k, p in params.items()}

    check_program(program, tol=1e-4)


def test_hessian_of_a_network() -> None:
    def program(t: Any) -> Any:
        net = filled(t, t.nn.Sequential(t.nn.Linear(2, 3), t.nn.GELU(), t.nn.Linear(3, 1)))
        params = {k: p.detach() for k, p in net.named_parameters()}
        x, y = values(t, 4, 2), values(t, 4, 1, seed=1)

        def loss(p: Any) -> Any:
            return t.nn.functional.mse_loss(t.func.functional_call(net, p, (x,)), y)

        return t.func.hessian(loss)(params), t.func.jacrev(t.func.jacrev(loss))(params)

    check_program(program, tol=1e-4)


def test_dropout_needs_to_know_which_chance() -> None:
    layer = lucid.nn.Dropout(0.5)
    with pytest.raises(RuntimeError, match="randomness"):
        lucid.vmap(layer)(lucid.ones(2, 100))
    same = lucid.vmap(layer, randomness="same")(lucid.ones(2, 100))
    assert lucid.equal(same[0], same[1])
    different = lucid.vmap(layer, randomness="different")(lucid.ones(2, 100))
    assert not lucid.equal(different[0], different[1])

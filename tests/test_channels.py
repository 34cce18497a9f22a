"""What comes out of a convolution lies channels last in memory, and stays so through a network, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import _channels, _tape, _views, nn
from lucid._channels import Last


def order(t: Any) -> str:
    """How the evaluated values of `t` (a tensor or an array) lie in memory: "last", "first" or neither."""
    a = np.array(_tape.array(t) if isinstance(t, lucid.Tensor) else t, copy=False)
    assert min(a.shape) > 1
    if np.moveaxis(a, 1, -1).flags.c_contiguous:
        return "last"
    return "first" if a.flags.c_contiguous else "neither"


class Block(nn.Module):
    def __init__(self, inner: int, outer: int, act: Callable[[Any], Any]) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer)
        self.conv2, self.bn2 = nn.Conv2d(outer, outer, 3, padding=1, groups=2), nn.GroupNorm(2, outer)
        self.skip = nn.Conv2d(inner, outer, 1)
        self.act = act

    def forward(self, x: Any) -> Any:
        out = self.act(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.skip(x)
        return self.act(out)


def network(act: Any) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.MaxPool2d(2),
        Block(4, 6, act),
        nn.Dropout(0.2),
        Block(6, 6, act),
        nn.AvgPool2d(2),
        nn.Upsample(scale_factor=2),
        nn.ConvTranspose2d(6, 4, 2),
        nn.InstanceNorm2d(4),
        nn.AdaptiveAvgPool2d(2),
    )


ACTIVATIONS = [
    nn.ReLU(), nn.ReLU(inplace=True), nn.SiLU(), nn.GELU(), nn.Hardswish(), nn.LeakyReLU(0.1, inplace=True), nn.ELU(),
    nn.Mish(), nn.Sigmoid(), nn.Tanh(), nn.ReLU6(), nn.Softplus(), nn.PReLU(),
]  # fmt: skip


@pytest.mark.parametrize("how", ["evaluation", "no_grad", "training", "per node"])
@pytest.mark.parametrize("act", ACTIVATIONS, ids=repr)
def test_intermediates_stay_channels_last(act: nn.Module, how: str) -> None:
    model = network(act).train(how in ("training", "per node"))
    seen: dict[str, Any] = {}
    for name, module in model.named_modules():
        if not isinstance(module, nn.Sequential):
            module.register_forward_hook(lambda module, args, out, name=name: seen.__setitem__(name, out))
    x = lucid.randn(2, 3, 16, 16)
    if how == "no_grad":
        with lucid.no_grad():
            model(x)
    else:
        loss = model(x).square().mean()
        if how == "per node":
            loss.item()
        loss.backward()
    assert len(seen) > 20
    _tape.evaluate(*seen.values())
    assert {name: order(t) for name, t in seen.items()} == dict.fromkeys(seen, "last")


@pytest.mark.parametrize("how", ["replay", "per node"])
def test_gradients_stay_channels_last(how: str) -> None:
    found: list[mx.array] = []

    @mx.custom_function
    def spy(x: mx.array) -> mx.array:
        return x * 1

    @spy.vjp
    def spy_vjp(x: mx.array, cotangent: mx.array, out: mx.array) -> mx.array:
        found.append(cotangent)
        return cotangent

    conv = nn.Conv2d(3, 4, 3, padding=1)
    y = _tape.apply(Last(spy), conv(lucid.randn(2, 3, 8, 8)))
    # used four times: the sum of the four gradients must not be written row by row
    z = F.conv2d(F.relu(y), lucid.randn(4, 4, 3, 3), padding=1) + y + y * 2.0 + lucid.cat([y, y], 1)[:, 4:]
    loss = F.conv2d(z, lucid.randn(2, 4, 3, 3)).sum()
    if how == "per node":
        loss.item()
    loss.backward()
    assert len(found) == 1
    mx.eval(found)
    assert np.array(found[0], copy=False).flags.c_contiguous


def test_weights_lie_as_mlx_wants_them_and_stay_so() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 2))
    optimizers = [
        lucid.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        lucid.optim.AdamW(model.parameters(), lr=0.1),
    ]
    for optimizer in optimizers * 2:
        optimizer.zero_grad()
        model(lucid.randn(2, 3, 8, 8)).square().mean().backward()
        optimizer.step()
        for layer in (model[0], model[2]):
            _tape.evaluate(layer.weight)
            assert order(layer.weight) == "last"
            for value in optimizer.state[layer.weight].values():
                assert value.ndim == 0 or order(value) == "last"
    before = model[0].weight.stride()
    assert before == (27, 9, 3, 1)  # PyTorch's logical strides, as ever
    model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()})
    model(lucid.randn(2, 3, 8, 8))
    assert order(model[0].weight) == "last"


def test_a_weight_that_is_a_view_or_a_result_is_left_alone() -> None:
    base = lucid.randn(2, 4, 3, 3, 3)
    view, result = base[0], lucid.randn(4, 3, 3, 3, requires_grad=True) * 2
    for weight in (view, result):
        F.conv2d(lucid.randn(1, 3, 8, 8), weight)
        assert not _views.lies_last(weight)
    base.zero_()
    assert not view.any()


def laid(*shape: int) -> Any:
    t = lucid.rand(shape) + 0.1
    _views.lay(t, mx.contiguous(_channels.last(t._data)))
    return t


@pytest.mark.parametrize("other", [(2, 3, 4, 5), (1, 3, 1, 1), (3, 1, 1), (5,), (1,), ()], ids=str)
def test_broadcasting(other: tuple[int, ...]) -> None:
    x, y = laid(2, 3, 4, 5), lucid.rand(other) + 0.1
    plain = lucid.tensor(x.numpy())
    for op in (lucid.add, lucid.sub, lucid.mul, lucid.div, lucid.pow, lucid.maximum, lucid.gt):
        for got, want in ((op(x, y), op(plain, y)), (op(y, x), op(y, plain))):
            assert _views.lies_last(got)
            assert lucid.equal(got, want)
    assert _views.lies_last(lucid.where(x > 0.5, x, y))
    assert lucid.equal(lucid.where(x > 0.5, x, y), lucid.where(plain > 0.5, plain, y))


def test_what_is_not_the_largest_does_not_decide() -> None:
    small, large = laid(2, 3, 1, 1), lucid.rand(2, 3, 4, 5)
    assert not _views.lies_last(small * large)
    assert not _views.lies_last(laid(3, 4, 5) * lucid.rand(2, 3, 4, 5))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_padding(mode: str) -> None:
    x = laid(2, 3, 4, 5)
    plain = lucid.tensor(x.numpy())
    for widths in ((1, 2, 2, 1), (-1, 1, 0, -2), (1, 0, 0, 2)):
        padded = F.pad(x, widths, mode)
        assert _views.lies_last(padded)
        assert lucid.equal(padded, F.pad(plain, widths, mode))
    unbatched = laid(3, 4, 5)  # (C, H, W) looks like (N, C, L)
    assert lucid.equal(F.pad(unbatched, (1, 2, 2, 1), mode), F.pad(lucid.tensor(unbatched.numpy()), (1, 2, 2, 1), mode))


def test_joined_channels() -> None:
    x, y = laid(2, 3, 4, 5), laid(2, 1, 4, 5)
    for dim in (1, -3):
        both = lucid.cat([x, y], dim)
        assert _views.lies_last(both)
        assert lucid.equal(both, lucid.cat([lucid.tensor(x.numpy()), lucid.tensor(y.numpy())], dim))
    assert lucid.cat([x, x], -1).shape == (2, 3, 4, 10)
    assert not _views.lies_last(lucid.cat([x, lucid.rand(2, 1, 4, 5)], 1))


def test_other_memory_formats_of_a_tensor_that_lies_channels_last() -> None:
    x = laid(2, 3, 4, 5)
    plain = lucid.tensor(x.numpy())
    for y in (x.contiguous(memory_format=lucid.channels_last), x.to(memory_format=lucid.channels_last), x.clone()):
        assert lucid.equal(y, plain)
    assert x.stride() == plain.stride()
    assert x.is_contiguous()


def test_written_in_place() -> None:
    x = laid(2, 3, 4, 5)
    twice = lucid.tensor(x.numpy()) * 2
    x *= 2.0
    assert _views.lies_last(x)
    assert lucid.equal(x, twice)
    x[0, 0] = 0.0  # written row by row: no longer
    assert not _views.lies_last(x)
    twice[0, 0] = 0.0
    assert lucid.equal(x, twice)
    assert lucid.equal(x + 1, twice + 1)


def test_a_graph_that_is_kept_and_used_again() -> None:
    conv, x = nn.Conv2d(2, 3, 3), lucid.randn(1, 2, 6, 6)
    y = F.relu(conv(x))
    loss = (y + y * y).sum()
    loss.backward(retain_graph=True)
    first = conv.weight.grad.clone()
    loss.backward()
    assert lucid.allclose(conv.weight.grad, first * 2)
    assert _views.lies_last(y)


def test_second_derivatives() -> None:
    conv, x = nn.Conv2d(2, 3, 3), lucid.randn(1, 2, 6, 6, requires_grad=True)
    plain = x.detach().clone().requires_grad_()
    weight = conv.weight.detach().clone()

    def second(x: Any, w: Any) -> Any:
        y = lucid.sigmoid(F.conv2d(x, w))
        (g,) = lucid.autograd.grad((y * y).sum(), x, create_graph=True)
        return lucid.autograd.grad(g.square().sum(), x)[0]

    def by_hand(x: Any, w: Any) -> Any:  # the same convolution as a product of unfolded windows
        y = lucid.sigmoid(w.flatten(1) @ F.unfold(x, 3))
        (g,) = lucid.autograd.grad((y * y).sum(), x, create_graph=True)
        return lucid.autograd.grad(g.square().sum(), x)[0]

    assert lucid.allclose(second(x, conv.weight), by_hand(plain, weight), atol=1e-5)

"""Fused layers, memory formats and `skip_init`, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_program
from tests.nn.utils.pairs import attempt, filled, seen, values

pytestmark = pytest.mark.parity

CONVOLUTIONS = {
    "Conv1d": ((4, 6, 3), (2, 4, 7)),
    "Conv2d": ((4, 6, 3), (2, 4, 5, 5)),
    "Conv3d": ((2, 3, 2), (1, 2, 3, 3, 3)),
    "ConvTranspose1d": ((4, 6, 3), (2, 4, 7)),
    "ConvTranspose2d": ((4, 6, 3), (2, 4, 3, 3)),
    "ConvTranspose3d": ((2, 3, 2), (1, 2, 3, 3, 3)),
}


def norm(t: Any, n: int, features: int, **options: Any) -> Any:
    module = filled(t, getattr(t.nn, f"BatchNorm{n}d")(features, **options), 3)
    with t.no_grad():
        for buffer in (module.running_var,):
            if buffer is not None:
                buffer.abs_()
    return module.eval()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name: str, bias: bool, affine: bool) -> None:
    def program(t: Any) -> Any:
        arguments, shape = CONVOLUTIONS[name]
        conv = filled(t, getattr(t.nn, name)(*arguments, bias=bias)).eval()
        bn = norm(t, len(shape) - 2, arguments[1], affine=affine)
        x = values(t, *shape)
        fused = t.nn.utils.fuse_conv_bn_eval(conv, bn, "Transpose" in name)
        return seen(fused), fused(x), fused(x).allclose(bn(conv(x)), atol=1e-4), seen(conv)

    check_program(program, 1e-4)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("features", [4, 1, 3])
def test_linear(features: int, bias: bool) -> None:
    def program(t: Any) -> Any:
        linear = filled(t, t.nn.Linear(3, 4, bias=bias)).eval()
        fused = attempt(lambda: t.nn.utils.fuse_linear_bn_eval(linear, norm(t, 1, features)))
        return fused if isinstance(fused, str) else (seen(fused), fused(values(t, 2, 3)))

    check_program(program, 1e-4)


def test_fusion_is_refused() -> None:
    def program(t: Any) -> Any:
        conv, bn = t.nn.Conv2d(2, 3, 1), t.nn.BatchNorm2d(3)
        linear, flat = t.nn.Linear(2, 3), t.nn.BatchNorm1d(3)
        found = []
        for call in (
            lambda: t.nn.utils.fuse_conv_bn_eval(conv, norm(t, 2, 3)),
            lambda: t.nn.utils.fuse_conv_bn_eval(conv.eval(), bn),
            lambda: t.nn.utils.fuse_conv_bn_eval(conv.eval(), norm(t, 2, 3, track_running_stats=False)),
            lambda: t.nn.utils.fuse_linear_bn_eval(linear, norm(t, 1, 3)),
            lambda: t.nn.utils.fuse_linear_bn_eval(linear.eval(), flat),
        ):
            found.append(attempt(call))
        assert all(isinstance(name, str) for name in found)
        return found

    check_program(program)


@pytest.mark.parametrize(
    "kinds", [("float16", "float32"), ("float32", "float16"), ("float64", None), ("float16", None)]
)
@pytest.mark.parametrize("trained", [True, False])
def test_dtypes_of_fused_weights(kinds: tuple[str, str | None], trained: bool) -> None:
    def program(t: Any) -> Any:
        weight = t.nn.Parameter(values(t, 4, 3, 1, 1).to(getattr(t, kinds[0])), trained)
        bias = kinds[1] and t.nn.Parameter(values(t, 4, seed=1).to(getattr(t, kinds[1])), trained)
        statistics = values(t, 4, seed=2), values(t, 4, seed=3).abs()
        fused = t.nn.utils.fuse_conv_bn_weights(weight, bias, *statistics, 1e-5, None, values(t, 4, seed=4))
        return [(type(p).__name__, p.requires_grad, p) for p in fused]

    check_program(program, 4e-3)


def test_memory_formats() -> None:
    def program(t: Any) -> Any:
        net = t.nn.Sequential(
            t.nn.Conv2d(2, 4, 3), t.nn.ConvTranspose2d(4, 2, 2), t.nn.Conv3d(2, 3, 2), t.nn.Linear(2, 2)
        )
        found = []
        for convert, layout in (
            (t.nn.utils.convert_conv2d_weight_memory_format, t.channels_last),
            (t.nn.utils.convert_conv3d_weight_memory_format, t.channels_last_3d),
        ):
            filled(t, net)
            weights = [p for p in net.parameters() if p.ndim > 2]
            found += [convert(net, layout) is net, [w.stride() for w in weights], [w.requires_grad for w in weights]]
            found += [
                [value.clone() for value in net.state_dict().values()],
                all(a is b for a, b in zip(weights, net.parameters(), strict=False)),
            ]
            filled(t, net, 5)
            found.append([value.clone() for value in net.state_dict().values()])
        net[0](values(t, 1, 2, 4, 4)).sum().backward()
        return [*found, net[0].weight.grad]

    check_program(program, 1e-4)


def test_skip_init() -> None:
    def program(t: Any) -> Any:
        t.manual_seed(3)
        before = t.rand(2)
        t.manual_seed(3)
        module = t.nn.utils.skip_init(t.nn.Linear, 3, 2, dtype=t.float64)
        found = [bool((t.rand(2) == before).all()), seen(filled(t, module))]
        for name, arguments in (
            ("Conv2d", (2, 3, 3)),
            ("GroupNorm", (1, 3)),
            ("Embedding", (3, 2)),
            ("LayerNorm", (3,)),
        ):
            found.append(seen(filled(t, t.nn.utils.skip_init(getattr(t.nn, name), *arguments))))
        for wrong in (3, t.nn.ReLU, int):
            found.append(attempt(lambda wrong=wrong: t.nn.utils.skip_init(wrong)))
        return found

    check_program(program)

"""The ways in which people write modules and what surrounds them, played with both libraries."""

from __future__ import annotations

import abc
import dataclasses
import importlib
import math
import types
import typing
import warnings

import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_program
from tests.nn.small_models import convnet, filled, images, mlp
from tests.programs import Programs, leaf

pytestmark = pytest.mark.parity

program = Programs()


@program
def abstract_generic_and_mixed_in(t):
    T = typing.TypeVar("T")

    class Base(t.nn.Module, abc.ABC):
        @abc.abstractmethod
        def width(self): ...

    class Counts:
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.calls = 0

        def __call__(self, *args, **kwargs):
            self.calls += 1
            return super().__call__(*args, **kwargs)

    class Layer(Counts, Base, typing.Generic[T]):
        def __init__(self, n: int):
            super().__init__()
            self.fc = filled(t, t.nn.Linear(n, n))

        def width(self):
            return self.fc.in_features

        def forward(self, x, *, scale: float = 1.0):
            return self.fc(x) * scale

    layer = Layer[int](3)
    try:
        Base()
    except TypeError:
        refused = True
    return layer(leaf(t, 2, 3), scale=2.0), layer.calls, layer.width(), refused, repr(layer)


@program
def dataclass_modules(t):
    @dataclasses.dataclass(eq=False)
    class Block(t.nn.Module):
        width: int
        scale: float = 2.0

        def __post_init__(self):
            super().__init__()
            self.fc = filled(t, t.nn.Linear(self.width, self.width))

        def forward(self, x):
            return self.fc(x) * self.scale

    block = Block(2)
    return block(leaf(t, 1, 2)), block.width, len({block, Block(2)})


@program
def attributes_before_the_constructor(t):
    class Early(t.nn.Module):
        def __init__(self):
            self.fc = t.nn.Linear(1, 1)
            super().__init__()

    return Early()


@program
def parameters_before_the_constructor(t):
    class Early(t.nn.Module):
        def __init__(self):
            self.w = t.nn.Parameter(t.ones(1))
            super().__init__()

    return Early()


@program
def a_property_that_fails(t):
    class Broken(t.nn.Module):
        @property
        def size(self):
            return self.nothing

    return Broken().size


@program
def modules_that_are_called_in_other_ways(t):
    class Odd(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = t.nn.Parameter(t.tensor([1.0, 2.0]))
            self.forward = types.MethodType(lambda self, x, flag=False: x * self.weight if flag else x, self)

        def encode(self, x):
            return x + self.weight

    odd = Odd()
    return odd(t.ones(2), flag=True), odd.encode(t.ones(2)), odd.__call__(t.ones(2))


@program
def buffers_in_all_forms(t):
    class Stateful(t.nn.Module):
        running: t.Tensor

        def __init__(self):
            super().__init__()
            self.register_buffer("running", t.zeros(2))
            self.register_buffer("scratch", t.ones(1), persistent=False)
            self.register_buffer("missing", None)
            self.count = t.nn.Buffer(t.tensor(0))
            self.mask: t.Tensor | None = None

        def forward(self, x):
            self.running = 0.9 * self.running + 0.1 * x.detach().mean(0)
            self.running[0] = 5.0
            self.count += 1
            self.scratch.fill_(3.0)
            self.missing = self.running.clone()
            return x - self.running

    m = Stateful()
    before = list(m.state_dict())
    out = m(leaf(t, 3, 2))
    m.double()
    return (
        before,
        list(m.state_dict()),
        out,
        m.running,
        m.count,
        m.scratch.dtype,
        m.mask,
        [n for n, _ in m.named_buffers()],
    )


@program
def types_are_checked_by_code(t):
    nn, x = t.nn, t.ones(2)
    p = nn.Parameter(x)
    modules = [nn.Conv2d(1, 1, 1), nn.ConvTranspose2d(1, 1, 1), nn.BatchNorm1d(1), nn.InstanceNorm2d(1), nn.LSTM(1, 1)]
    bases = [
        nn.modules.conv._ConvNd,
        nn.modules.batchnorm._NormBase,
        nn.modules.batchnorm._BatchNorm,
        nn.modules.instancenorm._InstanceNorm,
        nn.RNNBase,
    ]
    return (
        [[isinstance(m, b) for b in bases] for m in modules],
        isinstance(p, t.Tensor),
        isinstance(x, nn.Parameter),
        isinstance(x, t.FloatTensor),
        isinstance(x.long(), t.LongTensor),
        t.is_tensor(p),
        x.type().replace("torch", "lucid"),
        x.is_leaf,
        type(p).__name__,
        issubclass(nn.LayerNorm, nn.Module),
        isinstance(x.dtype, t.dtype),
        isinstance(x.shape, tuple),
        x.shape == (2,),
        isinstance(x.device, t.device),
        callable(nn.ReLU()),
    )


@program
def a_subclass_of_linear(t):
    class MaskedLinear(t.nn.Linear):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.register_buffer("mask", t.tril(t.ones(self.out_features, self.in_features)))

        def reset_parameters(self):
            super().reset_parameters()
            t.nn.init.constant_(self.weight, 0.5)

        def forward(self, input):
            return t.nn.functional.linear(input, self.weight * self.mask, self.bias)

        def extra_repr(self):
            return super().extra_repr() + ", masked"

    layer = MaskedLinear(3, 3, bias=False, device="cpu", dtype=t.float64)
    return layer(t.ones(2, 3, dtype=t.float64)), repr(layer), layer.mask.dtype


@program
def default_dtype_of_new_models(t):
    t.set_default_dtype(t.float64)
    try:
        model = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.BatchNorm1d(2), t.nn.LSTM(2, 2))
    finally:
        t.set_default_dtype(t.float32)
    return [str(v.dtype).split(".")[1] for v in model.state_dict().values()]


@program
def models_in_one_half(t):
    model = convnet(t).half()
    for m in model.modules():
        if isinstance(m, t.nn.BatchNorm2d):
            m.float()
    dtypes = [str(p.dtype).split(".")[1] for p in model.parameters()]
    model.to(t.bfloat16).float()
    return dtypes, [str(b.dtype).split(".")[1] for b in model.buffers()]


@program
def models_without_memory(t):
    with t.device("cpu"):
        layer = t.nn.Linear(2, 3)
    skipped = t.nn.utils.skip_init(t.nn.Linear, 3, 4)
    return layer.weight.shape, skipped.weight.shape, layer.weight.device.type


@program
def gradient_of_part_of_a_table(t):
    table = filled(t, t.nn.Embedding(6, 3, padding_idx=0))
    frozen = t.nn.Embedding.from_pretrained(table.weight.detach().clone(), freeze=True)
    index = t.tensor([[0, 2], [5, 2]])
    (table(index).pow(2).sum() + frozen(index).sum()).backward()
    return table.weight.grad, frozen.weight.requires_grad, repr(frozen)


@program
def layers_are_fused(t):
    model = convnet(t)
    model(images(t))
    model.eval()
    conv = t.nn.utils.fuse_conv_bn_eval(model.stem[0], model.stem[1])
    return conv(images(t)), model.stem[1](model.stem[0](images(t)))


@program
def weights_are_normalized_and_pruned(t):
    layer = filled(t, t.nn.Linear(3, 4))
    prune = importlib.import_module(f"{t.__name__}.nn.utils.prune")
    prune.l1_unstructured(layer, name="weight", amount=0.5)
    out = layer(t.ones(1, 3))
    names = [n for n, _ in layer.named_parameters()], [n for n, _ in layer.named_buffers()]
    prune.remove(layer, "weight")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wn = t.nn.utils.weight_norm(filled(t, t.nn.Linear(3, 2)), dim=None)
    return out, names, layer.weight, list(wn.state_dict()), wn(t.ones(1, 3))


@program
def positions_are_made_where_they_are_used(t):
    class Positional(t.nn.Module):
        def __init__(self, d_model, max_len=9):
            super().__init__()
            pe = t.zeros(max_len, d_model)
            position = t.arange(0, max_len, dtype=t.float).unsqueeze(1)
            div_term = t.exp(t.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
            pe[:, 0::2] = t.sin(position * div_term)
            pe[:, 1::2] = t.cos(position * div_term)
            self.register_buffer("pe", pe.unsqueeze(0).transpose(0, 1))

        def forward(self, x):
            x = x + self.pe[: x.size(0), :]
            causal = t.triu(t.full((x.size(0), x.size(0)), float("-inf"), device=x.device), diagonal=1)
            allowed = t.tril(t.ones_like(causal)).bool()
            return x, causal, allowed.logical_not(), (t.triu(t.ones(3, 3)) == 1).transpose(0, 1)

    return Positional(4)(leaf(t, 5, 2, 4))


@program
def beams_are_searched(t):
    net, words = mlp(t, 4, 7), 7
    beams = [([1], 0.0)]
    table = t.sin(t.arange(28).float()).view(7, 4)
    with t.no_grad():
        for _ in range(3):
            candidates = []
            for tokens, score in beams:
                log_probs = net(table[tokens[-1]].unsqueeze(0)).log_softmax(-1).squeeze(0)
                values, indices = log_probs.topk(3)
                for v, i in zip(values.tolist(), indices.tolist(), strict=True):
                    candidates.append(([*tokens, i], score + v))
            beams = sorted(candidates, key=lambda c: -c[1])[:2]
    return [b[0] for b in beams], [b[1] for b in beams], words


@program
def nucleus_of_a_distribution(t):
    logits = t.tensor([[3.0, 1.0, 2.0, 0.5, -1.0], [0.0, 0.1, 0.2, 0.3, 0.4]])
    sorted_logits, sorted_indices = t.sort(logits, descending=True)
    cumulative = t.cumsum(t.nn.functional.softmax(sorted_logits, dim=-1), dim=-1)
    remove = cumulative > 0.8
    remove[..., 1:] = remove[..., :-1].clone()
    remove[..., 0] = 0
    scattered = remove.scatter(dim=1, index=sorted_indices, src=remove)
    logits[scattered] = -float("Inf")
    for row, previous in zip(logits, ([0], [4, 3]), strict=True):
        for token in set(previous):
            row[token] /= 2.0
    return logits, (logits == -math.inf).sum(-1), t.isinf(logits).any()


@program
def models_are_compiled(t):
    model = mlp(t, 3, 4, 2)
    compiled = model if t is torch else t.compile(model)
    x = leaf(t, 5, 3)
    loss = compiled(x).pow(2).mean()
    loss.backward()
    return loss, x.grad, [p.grad for p in model.parameters()]


@pytest.mark.parametrize("name", list(program))
def test_program(name):
    check_program(program[name])

"""The 120 names of PyTorch that model code uses most, each in a few lines that run on both libraries."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both
from tests.ops.samples import DTYPES, smooth

pytestmark = pytest.mark.parity

# In the order of use: first what Python's operators reach, then by the share of files with them in public model code.
NAMES = tuple(
    """
    add sub mul div true_divide matmul neg pow __getitem__ index_put eq ne lt le gt ge __radd__ __rmul__ __rsub__
    __rdiv__ __rpow__ bitwise_and bitwise_or bitwise_not floor_divide remainder cat no_grad view randn zeros
    Tensor.backward ones tensor arange unsqueeze softmax float Tensor.detach exp stack clamp save load to mean
    contiguous permute chunk Tensor.cpu nn.functional.pad cos clone randint item sigmoid log Tensor.numel sum
    masked_fill Tensor.numpy nn.functional.relu sin Tensor.size max zeros_like Tensor.copy_ from_numpy manual_seed
    nn.functional.mse_loss empty split expand where randn_like Tensor.cuda flatten reshape full gather topk
    nn.functional.normalize fill transpose t long nn.functional.interpolate sqrt linspace norm einsum
    nn.functional.avg_pool2d abs uniform unbind multinomial compile rand bool log_softmax nn.functional.linear squeeze
    meshgrid nn.functional.cross_entropy nn.functional.scaled_dot_product_attention triu Tensor.requires_grad_ tanh
    Tensor.tolist as_tensor nn.functional.dropout int Tensor.dim Tensor.type tril half normal min argmax scatter
    """.split()
)
TO_COME = ("compile",)
Case = Callable[..., Any]


def round_trip(library: Any, x: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "weights.safetensors" if library is lucid else "weights.pt"))
        library.save({"weight": x.detach()}, path)
        return library.load(path)["weight"]


def refuses_without_recording(library: Any, x: Any) -> Any:
    with library.no_grad():
        y = x * 2
    return [y.requires_grad, (x * 2).requires_grad == x.requires_grad, y]


def written_into(library: Any, x: Any, y: Any) -> Any:
    z = library.zeros_like(x)
    z.copy_(y)
    return z


def gradient(library: Any, x: Any) -> Any:
    leaf = x.detach().clone().requires_grad_()
    (leaf * leaf).sum().backward()
    return leaf.grad


def seeded(library: Any, draw: Case) -> Any:
    library.manual_seed(3)
    first = draw(library)
    library.manual_seed(3)
    return [bool((first == draw(library)).all()), first.dtype, tuple(first.shape)]


# A case takes the library and as many tensors as it names: see `arguments`.
CASES: dict[str, list[Case]] = {
    "add": [
        lambda L, a, b: L.add(a, b),
        lambda L, a, b: a + b,
        lambda L, a, b: L.add(a, b, alpha=2),
        lambda L, a: a + 1.5,
    ],
    "sub": [lambda L, a, b: L.sub(a, b), lambda L, a, b: a - b, lambda L, a: a - 2, lambda L, a, b: a.sub(b, alpha=2)],
    "mul": [lambda L, a, b: L.mul(a, b), lambda L, a, b: a * b, lambda L, a: a * 2.5],
    "div": [
        lambda L, a, b: L.div(a, b),
        lambda L, a: a / 2,
        lambda L, a: L.div(a, 2, rounding_mode="floor"),
        lambda L, a: L.div(a, 2, rounding_mode="trunc"),
    ],
    "true_divide": [lambda L, a, b: L.true_divide(a, b), lambda L, a: a.true_divide(3)],
    "matmul": [lambda L, a, b: L.matmul(a, b.mT), lambda L, a, b: a @ b.mT, lambda L, a: L.matmul(a, a[0])],
    "neg": [lambda L, a: L.neg(a), lambda L, a: -a],
    "pow": [lambda L, a: L.pow(a, 2), lambda L, a: a**3, lambda L, a: a.pow(0.5), lambda L, a, b: L.pow(a.abs(), b)],
    "__getitem__": [
        lambda L, a: a[0],
        lambda L, a: a[:, 1:],
        lambda L, a: a[..., ::2, None],
        lambda L, a: a[L.tensor([1, 0])],
        lambda L, a: a[a != 0],
        lambda L, a: a[5],
        lambda L, a: a[-1, L.tensor([0, 2])],
    ],
    "index_put": [
        lambda L, a: L.index_put(a, (L.tensor([0, 1]), L.tensor([1, 2])), a[0, :2]),
        lambda L, a: a.index_put((L.tensor([0, 0]),), a[:1], accumulate=True),
    ],
    **{
        name: [lambda L, a, b, n=name: getattr(L, n)(a, b), lambda L, a, n=name: getattr(a, n)(1)]
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
    },
    "__radd__": [lambda L, a: 2 + a, lambda L, a: 1.5 + a],
    "__rmul__": [lambda L, a: 2 * a, lambda L, a: True * a],
    "__rsub__": [lambda L, a: 2 - a, lambda L, a: 0.5 - a],
    "__rdiv__": [lambda L, a: 2 / a, lambda L, a: 0.5 / a],
    "__rpow__": [lambda L, a: 2**a, lambda L, a: 1.5**a],
    "bitwise_and": [lambda L, a, b: L.bitwise_and(a, b), lambda L, a, b: a & b],
    "bitwise_or": [lambda L, a, b: L.bitwise_or(a, b), lambda L, a, b: a | b],
    "bitwise_not": [lambda L, a: L.bitwise_not(a), lambda L, a: ~a],
    "floor_divide": [lambda L, a: L.floor_divide(a.detach(), 2), lambda L, a: a.detach() // 1.5],
    "remainder": [lambda L, a: L.remainder(a, 2), lambda L, a: a % -1.5],
    "cat": [lambda L, a, b: L.cat([a, b]), lambda L, a: L.cat((a, a), dim=-1), lambda L, a: L.cat([a, a.long()], 1)],
    "no_grad": [refuses_without_recording],
    "view": [lambda L, a: a.contiguous().view(-1), lambda L, a: a.contiguous().view(3, 2), lambda L, a: a.view(7)],
    "randn": [lambda L: L.randn(2, 3).shape, lambda L: L.randn((2,), dtype=L.float64).dtype, lambda L: L.randn(-1)],
    "zeros": [lambda L: L.zeros(2, 3), lambda L: L.zeros((2,), dtype=L.int64), lambda L: L.zeros(0)],
    "Tensor.backward": [
        gradient,
        lambda L, a: a.detach().clone().requires_grad_().backward(),
        lambda L, a: (a.detach() * 2).sum().backward(),
    ],
    "ones": [lambda L: L.ones(2, 3), lambda L: L.ones([2], dtype=L.bool), lambda L: L.ones(())],
    "tensor": [
        lambda L: L.tensor([[1, 2], [3, 4]]),
        lambda L: L.tensor([1.5, 2]),
        lambda L: L.tensor([True]),
        lambda L: L.tensor(3, dtype=L.float16),
        lambda L: L.tensor([[1], [2, 3]]),
        lambda L: L.tensor([1j]),
    ],
    "arange": [
        lambda L: L.arange(5),
        lambda L: L.arange(1, 2, 0.25),
        lambda L: L.arange(5, 0, -2),
        lambda L: L.arange(0, 1, 0),
    ],
    "unsqueeze": [lambda L, a: L.unsqueeze(a, 0), lambda L, a: a.unsqueeze(-1), lambda L, a: a.unsqueeze(9)],
    "softmax": [lambda L, a: L.softmax(a, -1), lambda L, a: a.softmax(0, dtype=L.float64)],
    "float": [lambda L, a: a.float()],
    "Tensor.detach": [lambda L, a: [a.detach(), a.detach().requires_grad]],
    "exp": [lambda L, a: L.exp(a), lambda L, a: a.exp()],
    "stack": [lambda L, a, b: L.stack([a, a]), lambda L, a: L.stack((a, a), dim=-1), lambda L, a, b: L.stack([a, b])],
    "clamp": [lambda L, a: L.clamp(a, -1, 1), lambda L, a: a.clamp(min=0.5), lambda L, a, b: L.clamp(a, max=b)],
    "save": [round_trip],
    "load": [round_trip],
    "to": [lambda L, a: a.to(L.float64), lambda L, a: a.to("cpu", L.int64), lambda L, a, b: a.to(b)],
    "mean": [
        lambda L, a: L.mean(a),
        lambda L, a: a.mean(0, keepdim=True),
        lambda L, a: a.mean((0, 1)),
        lambda L, a: a.mean(5),
    ],
    "contiguous": [lambda L, a: a.mT.contiguous(), lambda L, a: a.contiguous().stride()],
    "permute": [lambda L, a: L.permute(a, (1, 0)), lambda L, a: a.permute(-1, 0), lambda L, a: a.permute(0, 0)],
    "chunk": [lambda L, a: L.chunk(a, 2, 1), lambda L, a: a.chunk(2)],
    "Tensor.cpu": [lambda L, a: a.cpu()],
    "nn.functional.pad": [
        lambda L, a: L.nn.functional.pad(a, (1, 2)),
        lambda L, a: L.nn.functional.pad(a, (0, 1, 1, 0), value=3),
        lambda L, a: L.nn.functional.pad(a, (1, 1), mode="reflect"),
    ],
    "cos": [lambda L, a: L.cos(a), lambda L, a: a.cos()],
    "clone": [lambda L, a: L.clone(a), lambda L, a: a.clone()],
    "randint": [
        lambda L: L.randint(3, (2, 3)).shape,
        lambda L: L.randint(1, 3, (2,)).dtype,
        lambda L: L.randint(3, 1, (2,)),
    ],
    "item": [lambda L, a: a.sum().item() == a.sum().tolist(), lambda L, a: a.item()],
    "sigmoid": [lambda L, a: L.sigmoid(a), lambda L, a: a.sigmoid()],
    "log": [lambda L, a: L.log(a), lambda L, a: a.abs().log()],
    "Tensor.numel": [lambda L, a: a.numel()],
    "sum": [
        lambda L, a: L.sum(a),
        lambda L, a: a.sum(-1),
        lambda L, a: a.sum((0, 1), keepdim=True),
        lambda L, a: a.sum(dtype=L.float64),
    ],
    "masked_fill": [lambda L, a: L.masked_fill(a, a > 0, 2), lambda L, a: a.masked_fill(a == a, float("-inf"))],
    "Tensor.numpy": [lambda L, a: a.detach().numpy().tolist() if a.dtype != L.bfloat16 else 0],
    "nn.functional.relu": [lambda L, a: L.nn.functional.relu(a)],
    "sin": [lambda L, a: L.sin(a), lambda L, a: a.sin()],
    "Tensor.size": [lambda L, a: a.size(), lambda L, a: a.size(-1), lambda L, a: a.size(4)],
    "max": [
        lambda L, a: L.max(a),
        lambda L, a: tuple(a.max(1)),
        lambda L, a, b: L.max(a, b),
        lambda L, a: a.max(0, True)[0],
    ],
    "zeros_like": [lambda L, a: L.zeros_like(a), lambda L, a: L.zeros_like(a, dtype=L.int64)],
    "Tensor.copy_": [written_into],
    "from_numpy": [lambda L: L.from_numpy(__import__("numpy").arange(6.0).reshape(2, 3)), lambda L: L.from_numpy([1])],
    "manual_seed": [lambda L: seeded(L, lambda L: L.rand(4))],
    "nn.functional.mse_loss": [
        lambda L, a: L.nn.functional.mse_loss(a, a * 2),
        lambda L, a: L.nn.functional.mse_loss(a, a + 1, reduction="none"),
    ],
    "empty": [lambda L: L.empty(2, 3).shape, lambda L: L.empty((2,), dtype=L.int32).dtype],
    "split": [lambda L, a: L.split(a, 2, 1), lambda L, a: a.split([1, 2], -1), lambda L, a: a.split([1, 1], 1)],
    "expand": [lambda L, a: a[:1].expand(4, 3), lambda L, a: a[None].expand(2, -1, -1), lambda L, a: a.expand(5, 7)],
    "where": [lambda L, a, b: L.where(a > 0, a, b), lambda L, a: a.where(a > 0, 0), lambda L, a: L.where(a > 0)],
    "randn_like": [lambda L, a: L.randn_like(a).shape, lambda L, a: L.randn_like(a, dtype=L.float64).dtype],
    "flatten": [lambda L, a: L.flatten(a), lambda L, a: a[None].flatten(1)],
    "reshape": [lambda L, a: L.reshape(a, (3, 2)), lambda L, a: a.mT.reshape(-1), lambda L, a: a.reshape(4)],
    "full": [lambda L: L.full((2, 3), 1.5), lambda L: L.full((2,), 3), lambda L: L.full((1,), True)],
    "gather": [lambda L, a: L.gather(a, 1, L.tensor([[0, 2], [1, 1]])), lambda L, a: a.gather(0, L.tensor([[5]]))],
    "topk": [lambda L, a: L.topk(a, 2).values, lambda L, a: a.topk(1, 0, largest=False)[0], lambda L, a: a.topk(9)],
    "nn.functional.normalize": [
        lambda L, a: L.nn.functional.normalize(a),
        lambda L, a: L.nn.functional.normalize(a, 1, 0),
    ],
    "fill": [lambda L, a: L.fill(a, 2), lambda L, a: a.detach().clone().fill_(3)],
    "transpose": [lambda L, a: L.transpose(a, 0, 1), lambda L, a: a.transpose(-1, 0), lambda L, a: a.transpose(0, 3)],
    "t": [lambda L, a: L.t(a), lambda L, a: a.t()],
    "long": [lambda L, a: a.long()],
    "nn.functional.interpolate": [
        lambda L, a: L.nn.functional.interpolate(a[None, None].double(), scale_factor=2),
        lambda L, a: L.nn.functional.interpolate(a[None, None].float(), (3, 5), mode="bilinear"),
    ],
    "sqrt": [lambda L, a: L.sqrt(a), lambda L, a: a.abs().sqrt()],
    "linspace": [lambda L: L.linspace(0, 1, 5), lambda L: L.linspace(-3, 3, 1), lambda L: L.linspace(0, 1, -1)],
    "norm": [lambda L, a: L.norm(a), lambda L, a: a.norm(dim=1), lambda L, a: a.norm(1, 0, True)],
    "einsum": [
        lambda L, a, b: L.einsum("ij,kj->ik", a, b),
        lambda L, a: L.einsum("ij->j", a),
        lambda L, a: L.einsum("ii", a),
    ],
    "nn.functional.avg_pool2d": [
        lambda L, a: L.nn.functional.avg_pool2d(a.reshape(1, 1, -1, 1), (2, 1)),
        lambda L, a: L.nn.functional.avg_pool2d(a.double().reshape(1, 1, -1), (1, 2), 1, (0, 1)),
    ],
    "abs": [lambda L, a: L.abs(a), lambda L, a: a.abs()],
    "uniform": [
        lambda L: seeded(L, lambda L: L.zeros(5).uniform_(2, 3)),
        lambda L: bool((L.zeros(9).uniform_(2, 3) >= 2).all()),
    ],
    "unbind": [lambda L, a: L.unbind(a), lambda L, a: a.unbind(-1)],
    "multinomial": [lambda L: L.multinomial(L.tensor([0.0, 1.0]), 1), lambda L: L.multinomial(L.ones(3), 4)],
    "rand": [lambda L: L.rand(2, 3).shape, lambda L: seeded(L, lambda L: L.rand(3))],
    "bool": [lambda L, a: a.bool()],
    "log_softmax": [lambda L, a: L.log_softmax(a, 0), lambda L, a: a.log_softmax(-1)],
    "nn.functional.linear": [
        lambda L, a, b: L.nn.functional.linear(a, b),
        lambda L, a, b: L.nn.functional.linear(a, b, b[0, :1]),
    ],
    "squeeze": [lambda L, a: L.squeeze(a[None]), lambda L, a: a[None].squeeze(0), lambda L, a: a.squeeze(1)],
    "meshgrid": [
        lambda L, a: L.meshgrid(a[0], a[1], indexing="ij"),
        lambda L, a: L.meshgrid(a[0], a[1], indexing="xy"),
    ],
    "nn.functional.cross_entropy": [
        lambda L, a: L.nn.functional.cross_entropy(a, L.tensor([2, 0])),
        lambda L, a: L.nn.functional.cross_entropy(a, L.tensor([1, -100]), label_smoothing=0.1),
        lambda L, a: L.nn.functional.cross_entropy(a, L.tensor([1, 7])),
    ],
    "nn.functional.scaled_dot_product_attention": [
        lambda L, a, b: L.nn.functional.scaled_dot_product_attention(a[None], b[None], b[None]),
        lambda L, a: L.nn.functional.scaled_dot_product_attention(a[None], a[None], a[None], is_causal=True),
    ],
    "triu": [lambda L, a: L.triu(a), lambda L, a: a.triu(1)],
    "Tensor.requires_grad_": [lambda L, a: a.detach().clone().requires_grad_().requires_grad],
    "tanh": [lambda L, a: L.tanh(a), lambda L, a: a.tanh()],
    "Tensor.tolist": [lambda L, a: a.tolist()],
    "as_tensor": [lambda L: L.as_tensor([1, 2]), lambda L, a: L.as_tensor(a, dtype=L.float64)],
    "nn.functional.dropout": [
        lambda L, a: L.nn.functional.dropout(a, 0.5, training=False),
        lambda L, a: L.nn.functional.dropout(a.double(), 1.0),
    ],
    "int": [lambda L, a: a.int()],
    "Tensor.dim": [lambda L, a: a.dim()],
    "Tensor.type": [lambda L, a: a.type(L.float64)],
    "tril": [lambda L, a: L.tril(a), lambda L, a: a.tril(-1)],
    "half": [lambda L, a: a.half()],
    "normal": [
        lambda L: seeded(L, lambda L: L.normal(0.0, 1.0, (4,))),
        lambda L: seeded(L, lambda L: L.zeros(4).normal_(2, 3)),
    ],
    "min": [lambda L, a: L.min(a), lambda L, a: a.min(1).values, lambda L, a, b: L.min(a, b)],
    "argmax": [lambda L, a: L.argmax(a), lambda L, a: a.argmax(1), lambda L, a: a.argmax(0, keepdim=True)],
    "scatter": [
        lambda L, a: L.scatter(a, 1, L.tensor([[0], [2]]), 5),
        lambda L, a: a.scatter(0, L.tensor([[1, 0, 1]]), a[:1]),
    ],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(CASES))
def test_name(name: str) -> None:
    for k, case in enumerate(CASES[name]):
        plain = [p for p in inspect.signature(case).parameters.values() if p.default is inspect.Parameter.empty]
        count = len(plain) - 1
        for inputs in arguments(count):
            try:
                check_both(
                    lambda *t, c=case: c(lucid, *t), lambda *t, c=case: c(torch, *t), *inputs, tol=tolerance(inputs)
                )
            except AssertionError as error:
                told = ", ".join(f"{t.dtype}{tuple(t.shape)}" for t in inputs)
                raise AssertionError(f"{name}, case {k}, of {told}: {error}") from error


def arguments(count: int) -> list[tuple[torch.Tensor, ...]]:
    """Sets of `count` tensors: every dtype in one shape, float32 and int64 in several."""
    if not count:
        return [()]
    found = [(smooth((2, 3), d), smooth((2, 3), d, seed=1)) for d in DTYPES]
    shapes: list[tuple[int, ...]] = [(), (3,), (1, 3), (2, 1, 3), (0, 3)]
    found += [(smooth(s, torch.float32), smooth((2, 3), torch.float32, seed=1)) for s in shapes]
    found += [(smooth(s, torch.int64), smooth((2, 3), torch.int64, seed=1)) for s in shapes[1:-1]]
    found.append((smooth((3, 2), torch.float32).mT, smooth((2, 3), torch.int32)))
    return [pair[:count] for pair in found]


def tolerance(inputs: tuple[torch.Tensor, ...]) -> float | None:
    return {torch.float16: 1e-2, torch.bfloat16: 6e-2}.get(inputs[0].dtype) if inputs else None


def test_cuda_is_refused_in_words() -> None:
    if lucid.tensor(1.0).device.type == "cuda":
        pytest.skip("this is MLX's CUDA build")
    with pytest.raises(RuntimeError, match="cuda"):
        lucid.tensor(1.0).cuda()


def test_the_table_covers_all_names() -> None:
    assert len(NAMES) == len(set(NAMES)) == 120
    assert set(NAMES) == {*CASES, "Tensor.cuda", *TO_COME}

"""Attention against PyTorch's, drawn from all options: masks of every kind, hints, extra keys, heads, inference."""

from __future__ import annotations

import random
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.nn.functional import _canonical_mask, _mha_shape_check, _none_or_dtype
from tests.checks import assert_same, check_both, check_error, class_of, to_lucid
from tests.nn.layer_checks import build, check_forward

pytestmark = pytest.mark.parity

TF = torch.nn.functional
OTHER = {torch.float64: 1e-6, torch.float16: 1e-2, torch.bfloat16: 1e-1}
KINDS = (None, None, "bool", "-inf", "numbers", "learned", "int64", "float64", "float32")


@pytest.fixture(autouse=True)
def _one_seed():
    torch.manual_seed(0)


def mask(kind: str | None, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor | None:
    if kind is None:
        return None
    out = torch.rand(shape) < 0.4
    if kind == "bool":
        return out
    if kind == "-inf":
        return torch.where(out, -torch.inf, 0.0).to(dtype)
    if kind in ("numbers", "learned"):
        return torch.randn(shape).to(dtype).requires_grad_(kind == "learned")
    return out.to(getattr(torch, kind))


def tensor(*shape: int, dtype: torch.dtype = torch.float32, grad: bool = True) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64).to(dtype).requires_grad_(grad)


@pytest.mark.parametrize("seed", range(60))
def test_scaled_dot_product_attention(seed):
    draw = random.Random(seed)
    torch.manual_seed(seed)
    dtype = torch.float32 if seed % 3 else draw.choice(list(OTHER))
    lead = [draw.choice([1, 2, 3]) for _ in range(draw.choice([0, 1, 2, 2, 3]))]
    length, source, size = draw.choice([1, 3, 5]), draw.choice([1, 3, 4, 0]), draw.choice([1, 2, 4])
    groups = draw.choice([1, 1, 2]) if lead else 1
    heads = [*lead[:-1], lead[-1] * groups] if lead else lead
    grad = draw.random() < 0.6
    q = tensor(*heads, length, size, dtype=dtype, grad=grad)
    k = tensor(*lead, source, size, dtype=dtype, grad=grad)
    v = tensor(*lead, source, draw.choice([size, 3]), dtype=dtype, grad=grad)
    shapes = [(length, source), (*heads, length, source), (1, source), (length, 1), (length + 1, source), (2,) * 6]
    options = {
        "attn_mask": mask(draw.choice(KINDS), draw.choice(shapes), dtype),
        "is_causal": draw.random() < 0.3,
        "scale": draw.choice([None, 0.3]),
        "enable_gqa": groups > 1 or (bool(lead) and draw.random() < 0.2),
    }
    check_both(F.scaled_dot_product_attention, TF.scaled_dot_product_attention, q, k, v, tol=OTHER.get(dtype, 1e-4),
               **options)  # fmt: skip


def test_what_scaled_dot_product_attention_refuses():
    q, dead = tensor(2, 2, 3, 4), torch.zeros(3, 3, dtype=torch.bool)
    mine, theirs = F.scaled_dot_product_attention, TF.scaled_dot_product_attention
    for given, options in (
        ((q, q, q), {"dropout_p": 1.5}),
        ((q, q, q), {"attn_mask": dead[0]}),
        ((q, q, q), {"attn_mask": dead[:2]}),
        ((q, q, q), {"attn_mask": dead[None], "is_causal": True}),
        ((q[0], q[0], q[0]), {"attn_mask": dead, "is_causal": True}),
        ((q, q, q[..., :2]), {"attn_mask": dead, "is_causal": True}),
        ((q[0, 0], q[0, 0], q[0, 0]), {"enable_gqa": True}),
        ((q, q[:, :0], q[:, :0]), {"attn_mask": dead.int()}),
    ):
        check_error(mine, theirs, *given, **options)
    check_both(mine, theirs, q, q, q, attn_mask=dead, is_causal=True)
    check_both(mine, theirs, q, q[:1, :, :0], q[:1, :, :0])  # nothing to attend to


@pytest.mark.parametrize("seed", range(90))
def test_multihead_attention(seed):
    """Values, gradients, errors and the warning about masks of two dtypes, in training, evaluation and inference."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    dtype = torch.float32 if seed % 4 else draw.choice(list(OTHER))
    heads, head, batch, length = draw.choice([1, 2, 4]), draw.choice([1, 3]), draw.choice([1, 3]), draw.choice([1, 4])
    size, alone = heads * head, draw.random() < 0.2
    shared = draw.random() < 0.5
    kdim, vdim = (None, None) if shared else (draw.choice([None, 5]), draw.choice([None, 3]))
    source = length if shared else draw.choice([length, 1, 5])
    made = {name: draw.random() < 0.4 for name in ("add_bias_kv", "add_zero_attn", "batch_first")}
    made |= {"bias": draw.random() < 0.7, "kdim": kdim, "vdim": vdim, "dtype": dtype}

    def given(n: int, features: int) -> torch.Tensor:
        lead = (n,) if alone else (batch, n) if made["batch_first"] else (n, batch)
        return tensor(*lead, features, dtype=dtype, grad=draw.random() < 0.7)

    q = given(length, size)
    k, v = (q, q) if shared else (given(source, kdim or size), given(source, vdim or size))
    lead = (1 if alone else batch) * heads
    hint = draw.random() < 0.3
    attn_mask = mask(draw.choice(KINDS), draw.choice([(length, source), (lead, length, source)]), dtype)
    if hint:
        attn_mask = torch.ones(length, source, dtype=torch.bool).triu(1)
    padding = mask(draw.choice(KINDS), (source,) if alone else (batch, source), dtype)
    options = [padding, draw.random() < 0.5, attn_mask, draw.random() < 0.5, hint]
    mine, theirs = build("MultiheadAttention", size, heads, **made)
    mode = ("training", "evaluation", "inference")[seed % 3]
    mine.train(mode == "training"), theirs.train(mode == "training")
    inference = mode == "inference"
    with torch.set_grad_enabled(not inference), lucid.set_grad_enabled(not inference):
        want, said = _outcome(theirs, (q, k, v, *options))
        once: dict[int, Any] = {}
        again = [once.setdefault(id(t), to_lucid(t, requires_grad=True)) for t in (q, k, v)]
        got, say = _outcome(mine, (*again, *to_lucid(options)))
    if isinstance(want, Exception):
        assert isinstance(got, class_of(want)), f"{got!r}, expected {want!r}"
        return
    assert_same(got, want, OTHER.get(dtype, 1e-4))
    assert set(say) == set(said)
    if not inference and dtype in (torch.float32, torch.float64):
        check_forward(mine, theirs, [q, k, v, *options], "per node" if seed % 2 else "replay", 1e-3)


def _outcome(module: Any, args: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = module(*args)
        except Exception as error:
            return error, []
    return result, [str(w.message) for w in caught if "mismatched" in str(w.message)]


def test_inference_of_attention_to_nothing():
    """PyTorch's kernel for inference gives NaN and ignores the hint; it is used for itself only, batch first."""
    given, dead = tensor(4, 4, 4, grad=False), torch.zeros(4, 4, dtype=torch.bool)
    dead[1] = True
    once, found = to_lucid(given), set()
    for made in ({}, {"bias": False}, {"batch_first": False}, {"num_heads": 1}):
        mine, theirs = build("MultiheadAttention", **{"embed_dim": 4, "num_heads": 2, "batch_first": True, **made})
        for training, grad in ((False, False), (False, True), (True, False)):
            mine.train(training), theirs.train(training)
            for padding, attn_mask, hint in ((dead, None, False), (None, dead, False), (None, dead, True)):
                options = (padding, False, attn_mask, True, hint)
                with torch.set_grad_enabled(grad), lucid.set_grad_enabled(grad):
                    want = theirs(given, given, given, *options)
                    assert_same(mine(once, once, once, *to_lucid(options)), want, 1e-4)
                    found.add(bool(want[0].isnan().any()))
                    # two tensors with the same values are not attention to itself
                    want = theirs(given, given.clone(), given, *options)
                    assert_same(mine(once, to_lucid(given), once, *to_lucid(options)), want, 1e-4)
    assert found == {True, False}


def test_merged_masks():
    mine, theirs = build("MultiheadAttention", 4, 2, batch_first=True)
    given, flat, each = tensor(3, 5, 4), torch.randn(5, 5), torch.randn(6, 5, 5)
    for attn_mask in (None, flat, each):
        for padding in (None, torch.randn(3, 5)):
            want = theirs.merge_masks(attn_mask, padding, given)
            got = mine.merge_masks(*to_lucid((attn_mask, padding, given)))
            assert got[1] == want[1]
            assert_same(got[0], want[0])


def test_private_names():
    numbers, out = torch.randn(3, 3), torch.eye(3) > 0
    for kind in (numbers, out, None):
        want = TF._canonical_mask(kind, "mask", None, "", torch.float64)
        assert_same(_canonical_mask(to_lucid(kind), "mask", None, "", lucid.float64), want)
    with pytest.raises(AssertionError, match="only bool and floating types of mask"):
        _canonical_mask(lucid.ones(2).int(), "mask", None, "", lucid.float32)
    with pytest.warns(UserWarning, match="mismatched a and b"):
        _canonical_mask(lucid.ones(2), "a", lucid.bool, "b", lucid.float32)
    assert _none_or_dtype(None) is None
    assert _none_or_dtype(lucid.ones(2).half()) is lucid.float16
    with pytest.raises(RuntimeError, match="_none_or_dtype"):
        _none_or_dtype(1.0)
    a = lucid.ones(2, 3, 4)
    assert _mha_shape_check(a, a, a, None, None, 2)
    assert not _mha_shape_check(a[0], a[0], a[0], None, None, 2)
    with pytest.raises(AssertionError, match="4-D query"):
        _mha_shape_check(a[None], a, a, None, None, 2)


def test_attention_of_a_parametrized_module():
    layer = nn.MultiheadAttention(4, 2)
    nn.utils.parametrizations.weight_norm(layer, "in_proj_weight")
    a = lucid.ones(3, 1, 4)
    layer(a, a, a)[0].sum().backward()
    assert layer.parametrizations.in_proj_weight.original0.grad is not None

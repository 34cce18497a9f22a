"""The Transformer family against PyTorch's: layers, stacks, masks, hints, hooks, copies, warnings, errors, names."""

from __future__ import annotations

import copy
import itertools
import pickle
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from lucid.nn.modules import transformer as ours
from tests.checks import assert_same, class_of, to_lucid
from tests.nn.layer_checks import build, check_forward, check_layer, check_modules
from tests.nn.transformer_checks import (
    BETWEEN,
    HEADS,
    LAYERS,
    MADE,
    E,
    N,
    S,
    T,
    causal,
    encoder,
    ends,
    inputs_of,
    mask,
    pair,
    shaped,
    x,
)

pytestmark = pytest.mark.parity

HALF = {torch.float16: 2e-2, torch.bfloat16: 2e-1}


# ---- layers and stacks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_layers(name, batch_first, norm_first, bias):
    activation = "gelu" if norm_first == bias else "relu"
    made = {**MADE, "batch_first": batch_first, "norm_first": norm_first, "bias": bias, "activation": activation}
    check_layer(name, (E, HEADS), made, inputs_of(name, batch_first), 2e-4)
    check_layer(name, (E, HEADS), {**made, "layer_norm_eps": 0.1}, inputs_of(name, batch_first, ()), 2e-4)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float64, *HALF])
def test_dtypes(name, dtype):
    given = inputs_of(name, True, dtype=dtype)
    mine, theirs = build(name, E, HEADS, **MADE, batch_first=True, dtype=dtype)
    for training in (False, True):
        mine.train(training), theirs.train(training)
        if dtype is torch.float64:
            check_forward(mine, theirs, given, "replay", 1e-6)
        else:  # PyTorch rounds in between: what counts is the value
            assert_same(mine(*to_lucid(given)), theirs(*given), HALF[dtype])


@pytest.mark.parametrize("name", LAYERS)
def test_any_function_is_an_activation(name):
    for theirs, mine in (
        (torch.nn.functional.silu, nn.functional.silu),
        (torch.tanh, lucid.tanh),
        (torch.nn.functional.gelu, nn.functional.gelu),
        (torch.nn.GELU(approximate="tanh"), nn.GELU(approximate="tanh")),
        (torch.nn.ReLU(inplace=True), nn.ReLU(inplace=True)),
        (torch.nn.PReLU(), nn.PReLU()),  # with a parameter of its own
    ):
        twins = pair(lambda of, m=mine, t=theirs: getattr(of, name)(E, HEADS, **MADE, activation=m if of is nn else t))
        assert all(
            t.__dict__.get("activation_relu_or_gelu") == twins[1].__dict__.get("activation_relu_or_gelu") for t in twins
        )
        check_modules(*twins, inputs_of(name, False), 2e-4)


@pytest.mark.parametrize("norm_first", [False, True])
def test_stacks(norm_first):
    for made, norm in itertools.product(({}, {"batch_first": True, "bias": False}), (False, True)):
        made = {**MADE, **made, "norm_first": norm_first}
        batch_first = made.get("batch_first", False)
        for layer, stack in zip(LAYERS, ("TransformerEncoder", "TransformerDecoder"), strict=True):

            def make(of: Any, layer: str = layer, stack: str = stack, made: Any = made, norm: bool = norm) -> Any:
                return getattr(of, stack)(getattr(of, layer)(E, HEADS, **made), 2, of.LayerNorm(E) if norm else None)

            check_modules(*pair(make), inputs_of(layer, batch_first), 5e-4)
        if norm:
            twins = pair(lambda of, m=made: of.Transformer(E, HEADS, 2, 1, activation="gelu", **m))
            check_modules(*twins, inputs_of("Transformer", batch_first)[::-1], 1e-3)


def test_own_encoders_and_decoders():
    def make(of: Any) -> Any:
        class Plain(of.Module):
            def __init__(self) -> None:
                super().__init__()
                self.map = of.Linear(E, E)

            def forward(self, a: Any, *others: Any, **kwargs: Any) -> Any:
                return self.map(a)

        return of.Transformer(E, HEADS, custom_encoder=Plain(), custom_decoder=Plain())

    mine, theirs = pair(make)
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    check_forward(mine, theirs, inputs_of("Transformer", False)[::-1], "replay", 1e-4)


def test_layers_of_other_classes_are_copied_and_called_alike():
    seen = {}

    def make(of: Any) -> Any:
        class Layer(of.TransformerEncoderLayer):
            def forward(self, src: Any, **kwargs: Any) -> Any:
                seen[of] = {k: v is None if k != "is_causal" else v for k, v in kwargs.items()}
                return super().forward(src, **kwargs) * 2

        return of.TransformerEncoder(Layer(E, HEADS, **MADE), 2)

    mine, theirs = pair(make)
    assert mine.layers[0] is not mine.layers[1]
    check_forward(mine, theirs, [x(S, N, E), causal(S), None, True], "replay", 1e-4)
    assert seen[nn] == seen[torch.nn]


# ---- masks and hints -------------------------------------------------------------------------------------------------

KINDS = (None, "bool", "-inf", "numbers")


def _cases(count: int) -> list[tuple[Any, ...]]:
    """Kinds of masks, options, and modes, drawn from all that there are."""
    drawn = random.Random(1)
    modes = ("training", "recorded", "inference")
    return [
        (*[drawn.choice(KINDS) for _ in range(6)], *[drawn.random() < 0.5 for _ in range(4)], modes[k % 3], k)
        for k in range(count)
    ]


@pytest.mark.parametrize("case", _cases(30), ids=str)
@pytest.mark.parametrize("name", ["TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer"])
@pytest.mark.filterwarnings("ignore:Support for mismatched")
def test_masks(name, case):
    *kinds, batch_first, unbatched, three, norm_first, mode, seed = case
    if mode == "inference":  # there PyTorch takes numbers for True
        kinds = [kind if kind != "numbers" else None for kind in kinds]
    batch = () if unbatched else (N,)
    twins = build(name, E, HEADS, *((1, 1) if name == "Transformer" else ()), **MADE, batch_first=batch_first,
                  norm_first=norm_first)  # fmt: skip
    source, target = shaped(batch_first, batch, S), shaped(batch_first, batch, T, seed=3)
    lead = ((1 if unbatched else N) * HEADS,) if three else ()
    of_source = [mask(kinds[0], *lead, S, S, seed=seed), mask(kinds[1], *batch, S, seed=seed)]
    of_target = [mask(kinds[2], *lead, T, T, seed=seed), mask(kinds[3], *lead, T, S, seed=seed)]
    padding = [mask(kinds[4], *batch, T, seed=seed), mask(kinds[5], *batch, S, seed=seed)]
    if name == "TransformerEncoderLayer":
        given = [source, *of_source]
    elif name == "TransformerDecoderLayer":
        given = [target, source, *of_target, *padding]
    else:
        given = [source, target, of_source[0], *of_target, of_source[1], *padding]
    _compare(*twins, given, mode, seed)


def _compare(mine: Any, theirs: Any, given: list[Any], mode: str, seed: int) -> None:
    mine.train(mode == "training"), theirs.train(mode == "training")
    if mode != "inference":
        check_forward(mine, theirs, given, "per node" if seed % 2 else "replay", 1e-3)
        return
    with torch.no_grad(), lucid.no_grad():
        assert_same(mine(*to_lucid(given)), theirs(*given), 1e-4)


@pytest.mark.parametrize("mode", ["training", "recorded", "inference"])
@pytest.mark.parametrize("hint", [None, False, True])
def test_causal_hints(mode, hint):
    for masks in ((causal(S), causal(T)), (causal(S) < 0, causal(T) < 0)):
        mine, theirs = pair(lambda of: of.Transformer(E, HEADS, 1, 1, **MADE, batch_first=True))
        given = [x(N, S, E), x(N, T, E), *masks, None, None, None, None, hint, hint, False]
        _compare(mine, theirs, given, mode, 0)
        given[5] = ends(5, 2)  # with padding, hints are not used
        if isinstance(given[2], torch.Tensor) and given[2].dtype is torch.bool:
            _compare(mine, theirs, given, mode, 1)
    if mode != "inference" and hint:  # a wrong hint counts for more than the mask
        layer = build("TransformerEncoderLayer", E, HEADS, **MADE, batch_first=True)
        _compare(*layer, [x(N, S, E), mask("numbers", S, S), None, True], mode, 0)


def test_a_hint_needs_the_mask():
    """In evaluation without gradients PyTorch 2.13 attends to everything then, in all other cases it raises."""
    layer = nn.TransformerEncoderLayer(E, HEADS, **MADE, batch_first=True)
    for training, grad in itertools.product((False, True), (False, True)):
        layer.train(training)
        with lucid.set_grad_enabled(grad), pytest.raises(RuntimeError, match="Need attn_mask"):
            layer(lucid.ones(N, S, E), is_causal=True)


def test_learned_masks_get_gradients():
    bias = x(S, S)
    check_forward(*build(LAYERS[0], E, HEADS, **MADE), [x(S, N, E), bias], "replay", 1e-3)
    check_forward(*build(LAYERS[1], E, HEADS, **MADE), [x(S, N, E), x(S, N, E, seed=3), bias, bias], "per node", 1e-3)


# ---- dropout, hooks, copies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_drops_everywhere_in_training(name):
    layer = getattr(nn, name)(E, HEADS, BETWEEN, dropout=1.0, norm_first=True)
    given = to_lucid(inputs_of(name, False))
    assert_same(layer(*given), inputs_of(name, False)[0], 0.0)  # the residuals alone are left
    layer = getattr(nn, name)(E, HEADS, BETWEEN, dropout=0.5).train()
    assert not lucid.equal(layer(*given), layer(*given))
    assert lucid.equal(layer.eval()(*given), layer(*given))


def test_hooks_see_the_same_calls():
    seen: dict[Any, list[Any]] = {}
    for of, library in ((nn, lucid), (torch.nn, torch)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = of.Transformer(E, HEADS, 2, 1, **MADE)
        calls = seen.setdefault(of, [])
        for name, module in model.named_modules():

            def note(m: Any, args: Any, kwargs: Any, out: Any, name: str = name, calls: Any = calls) -> None:
                out = out[0] if isinstance(out, tuple) else out
                calls.append((name, len(args), sorted(kwargs), tuple(out.shape)))

            module.register_forward_hook(note, with_kwargs=True)
            module.register_full_backward_hook(lambda m, i, o, n=name, c=calls: c.append(("back", n)))
        model(library.ones(S, N, E, requires_grad=True), library.ones(T, N, E, requires_grad=True)).sum().backward()
    assert seen[nn] == seen[torch.nn]


def test_states_of_early_versions():
    for of in (nn, torch.nn):
        for name in LAYERS:
            layer = getattr(of, name)(E, HEADS, BETWEEN, activation="gelu")
            state = {k: v for k, v in layer.__dict__.items() if k != "activation"}
            again = getattr(of, name).__new__(getattr(of, name))
            again.__setstate__(state)
            assert again.activation is of.functional.relu
        attention = of.MultiheadAttention(E, HEADS)
        state = {k: v for k, v in attention.__dict__.items() if k != "_qkv_same_embed_dim"}
        attention.__setstate__(state)
        assert attention._qkv_same_embed_dim


def test_copies_have_parameters_of_their_own():
    model = encoder(nn)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.layers[0].activation is nn.functional.relu
        assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
        assert_same(twin(lucid.ones(1, S, E)), torch.tensor(model(lucid.ones(1, S, E)).tolist()), 1e-6)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_initial_parameters():
    for library in (lucid, torch):
        library.manual_seed(0)
        model = library.nn.Transformer(32, 4, 1, 1, 64)
        for name, p in model.named_parameters():
            bound = (6 / sum(p.shape)) ** 0.5 if p.ndim > 1 else None
            values = np.abs(p.detach().numpy())
            if bound:
                assert 0.8 * bound < values.max() <= bound, name
            elif "attn" in name:
                assert values.max() == 0, name


# ---- warnings, errors, names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made", [{}, {"norm_first": True}, {"batch_first": False}, {"bias": False}, {"nhead": 1}, {"activation": "tanh"}]
)
def test_layers_that_rule_out_nested_tensors(made):
    found = []
    for of, library in ((nn, lucid), (torch.nn, torch)):
        options = {"nhead": HEADS, "batch_first": True, **MADE, **made}
        if "activation" in options:
            options["activation"] = getattr(library, options["activation"])
        layers = [of.TransformerEncoderLayer(E, **options), of.Linear(E, E)]
        layers.append(of.TransformerEncoderLayer(E, **options))
        layers[2].norm1.eps = 0.5
        for layer, enabled in itertools.product(layers, (True, False)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                stack = of.TransformerEncoder(layer, 1, enable_nested_tensor=enabled)
            found.append((of, [str(w.message) for w in caught], stack.use_nested_tensor, stack.enable_nested_tensor))
            assert {w.category for w in caught} <= {UserWarning}
    assert [f[1:] for f in found if f[0] is nn] == [f[1:] for f in found if f[0] is not nn]


def test_masks_of_two_kinds_warn():
    for of, library in ((nn, lucid), (torch.nn, torch)):
        numbers, padding = library.zeros(S, S), library.zeros(N, S) > 0
        layer = of.TransformerEncoderLayer(E, HEADS, **MADE, batch_first=True)
        source = library.ones(N, S, E)
        for call, message in (
            (lambda o=of, y=layer, s=source, n=numbers, p=padding: o.TransformerEncoder(y, 1)(s, n, p), "and mask is"),
            (lambda y=layer, s=source, n=numbers, p=padding: y(s, n, p), "and src_mask is"),
            (lambda y=layer, s=source, n=numbers, p=padding: y.self_attn(s, s, s, p, False, n), "and attn_mask is"),
        ):
            with pytest.warns(UserWarning, match=f"Support for mismatched .*key_padding_mask {message} deprecated"):
                call()


BAD: list[Callable[[Any], Any]] = [
    lambda L: L.nn.TransformerEncoderLayer(E, 3),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS, activation="swish"),
    lambda L: L.nn.TransformerDecoderLayer(E, HEADS, activation="swish"),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS, dropout=2.0),
    lambda L: L.nn.TransformerEncoderLayer(0, HEADS),
    lambda L: L.nn.Transformer(E, HEADS, 1, 1, BETWEEN)(L.ones(S, N, E), L.ones(T, N + 1, E)),
    lambda L: L.nn.Transformer(E, HEADS, 1, 1, BETWEEN, batch_first=True)(L.ones(S, N, E), L.ones(T, N, E)),
    lambda L: L.nn.Transformer(E, HEADS, 1, 1, BETWEEN)(L.ones(S, N, E + 1), L.ones(T, N, E + 1)),
    lambda L: L.nn.Transformer(E, HEADS, 1, 1, BETWEEN)(L.ones(S, N, E), L.ones(T, N, E - 1)),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS)(L.ones(1, S, N, E)),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS)(L.ones(S, N, E + 2)),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS)(L.ones(S, N, E), L.ones(S, S).int()),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS)(L.ones(S, N, E), None, L.ones(N, S).int()),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS)(L.ones(S, N, E), L.zeros(S, S + 1)),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS)(L.ones(S, N, E), L.zeros(HEADS, S, S)),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS)(L.ones(S, N, E), None, L.zeros(N, S + 1)),
    lambda L: L.nn.TransformerEncoderLayer(E, HEADS)(L.ones(S, N, E), None, L.zeros(S)),
    lambda L: (
        L.nn.TransformerEncoderLayer(E, HEADS, batch_first=True)
        .eval()
        .requires_grad_(False)(L.ones(N, S, E), None, L.zeros(N, S + 1))
    ),
    lambda L: L.nn.TransformerEncoder(L.nn.TransformerEncoderLayer(E, HEADS, batch_first=True), 1).eval()(
        L.ones(N, S, E), None, L.zeros(N + 1, S)
    ),
    lambda L: L.nn.TransformerDecoderLayer(E, HEADS)(L.ones(T, N, E), L.ones(S, N + 1, E)),
    lambda L: L.nn.TransformerDecoderLayer(E, HEADS)(L.ones(T, N, E), L.ones(S, N, E), memory_mask=L.zeros(T, T)),
    lambda L: L.nn.TransformerDecoderLayer(E, HEADS)(L.ones(T, N, E), L.ones(S, N, E), memory_is_causal=True),
    lambda L: L.nn.TransformerDecoderLayer(E, HEADS)(L.ones(T, N, E), L.ones(S, E)),
]


@pytest.mark.parametrize("number", range(len(BAD)))
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_errors(number):
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever PyTorch raises
        BAD[number](torch)
    with pytest.raises(class_of(expected.value), match=r"."):
        BAD[number](lucid)


def test_the_causal_mask():
    for dtype in (None, torch.float64, torch.float16, torch.bool):
        for size in (1, 4):
            want = torch.nn.Transformer.generate_square_subsequent_mask(size, dtype=dtype)
            assert_same(nn.Transformer.generate_square_subsequent_mask(size, dtype=to_lucid(dtype)), want)
            assert_same(ours._generate_square_subsequent_mask(size, None, to_lucid(dtype)), want)


def test_private_names():
    theirs = torch.nn.modules.transformer
    masks = [None, causal(3), causal(3) < 0, torch.zeros(3, 3), causal(3)[None], causal(3)[:2]]
    for given, hint, size in itertools.product(masks, (None, True, False), (None, 3, 2)):
        want = theirs._detect_is_causal_mask(given, hint, size)
        assert ours._detect_is_causal_mask(to_lucid(given), hint, size) is want
    for shape, first in itertools.product(((3, 4), (2, 3, 4)), (True, False)):
        assert ours._get_seq_len(lucid.ones(shape), first) == theirs._get_seq_len(torch.ones(shape), first)
    assert ours._get_activation_fn("relu") is nn.functional.relu
    assert ours._get_activation_fn("gelu") is nn.functional.gelu
    with pytest.raises(RuntimeError, match="relu/gelu, not tanh"):
        ours._get_activation_fn("tanh")
    clones = ours._get_clones(nn.Linear(2, 2), 3)
    assert repr(clones) == repr(theirs._get_clones(torch.nn.Linear(2, 2), 3))
    assert lucid.equal(clones[0].weight, clones[2].weight)
    assert nn.TransformerEncoderLayer is ours.TransformerEncoderLayer
    assert sorted(ours.__all__) == sorted(theirs.__all__)

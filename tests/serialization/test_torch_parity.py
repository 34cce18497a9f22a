"""Files go both ways between lucid and PyTorch's safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors import torch as reference

import lucid
import lucid.nn
from lucid.serialization import load, save
from tests.checks import assert_same, to_lucid

pytestmark = pytest.mark.parity

INTEGERS = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
DTYPES = [getattr(torch, d) for d in [*INTEGERS, "float16", "bfloat16", "float32", "float64", "complex64"]]


def tensors() -> dict[str, Any]:
    numbers = torch.arange(6).reshape(2, 3) - 1
    state = {str(d): numbers.abs().to(d) if "uint" in str(d) else numbers.to(d) for d in DTYPES}
    return state | {"scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3)}


def test_what_lucid_saves_pytorch_reads(tmp_path: Path) -> None:
    state = tensors()
    save({name: to_lucid(t) for name, t in state.items()}, tmp_path / "x.safetensors")
    found = reference.load_file(tmp_path / "x.safetensors")
    assert set(found) == set(state)
    for name, t in state.items():
        assert found[name].dtype is t.dtype
        assert torch.equal(found[name], t)


def test_what_pytorch_saves_lucid_reads(tmp_path: Path) -> None:
    state = tensors()
    reference.save_file(state, tmp_path / "x.safetensors")
    found = load(tmp_path / "x.safetensors")
    assert set(found) == set(state)
    for name, t in state.items():
        assert_same(found[name], t, 0)


def test_eight_bit_floats_have_pytorchs_values(tmp_path: Path) -> None:
    byte = torch.arange(256).to(torch.uint8)
    kinds = (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e8m0fnu)
    for lazily in (False, True):
        state = {str(k): byte.clone().view(k) for k in kinds[: 1 if lazily else 3]}
        reference.save_file(state, tmp_path / "x.safetensors")
        for name, t in load(tmp_path / "x.safetensors").items():
            want = state[name].float().numpy()
            np.testing.assert_array_equal(t.float().numpy(), want)


def test_tied_weights_go_both_ways(tmp_path: Path) -> None:
    def make(package: Any) -> Any:
        class Tied(package.nn.Module):  # type: ignore[misc,name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.embed = package.nn.Parameter(package.ones(2, 3))
                self.head = self.embed

        return Tied()

    path = tmp_path / "x.safetensors"
    mine, theirs = make(lucid), make(torch)
    with torch.no_grad():
        theirs.embed.fill_(3.0)
    reference.save_model(theirs, str(path))
    assert str(mine.load_state_dict(load(path))) == "<All keys matched successfully>"
    assert mine.head.tolist() == [[3.0] * 3] * 2
    with lucid.no_grad():
        mine.embed.fill_(4.0)
    save(mine.state_dict(), path)
    assert reference.load_model(theirs, str(path)) == (set(), [])
    assert theirs.head.tolist() == [[4.0] * 3] * 2

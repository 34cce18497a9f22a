"""A writer that is killed at any moment leaves what was there, or what it wrote."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lucid
from lucid.serialization import _replacing, load, save
from tests.serialization.killing import WRITERS

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.parametrize("kind", WRITERS)
def test_writers_killed_at_random_moments(kind: str) -> None:
    # In a process of its own: this one has threads, which a fork would not take along.
    count = 200 if kind in ("safetensors", "sharded") else 60
    done = subprocess.run(
        [sys.executable, "-m", "tests.serialization.killing", kind, str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(kind)


def test_drafts_of_killed_writers_are_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    left = [f".x.safetensors.{'0' * 12}.tmp", f".x.{'1' * 12}.tmp"]
    others = [f".y.safetensors.{'0' * 12}.tmp", ".x.safetensors.notes", f".x.safetensors.{'0' * 12}.tmp.txt"]
    for name in left + others:
        (tmp_path / name).touch()
    with open(tmp_path / left[0], "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # somebody is writing it
        save({"a": lucid.ones(1)}, path)
        assert sorted(os.listdir(tmp_path)) == sorted([*left, *others, path.name])
    save({"a": lucid.ones(1)}, path)
    save({"a": lucid.ones(1000), "b": lucid.ones(1000)}, path, max_shard_size=4000)
    assert {name for name in os.listdir(tmp_path) if name.startswith(".")} == set(others)
    assert load(path)["b"].sum().item() == 1000


def test_a_draft_that_was_removed_before_it_was_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, drafts = _replacing._lock, []

    def late(descriptor: int) -> bool | None:
        if not drafts:
            drafts.extend(tmp_path.glob(".x*"))
            drafts[0].unlink()
        return lock(descriptor)

    monkeypatch.setattr(_replacing, "_lock", late)
    save({"a": lucid.ones(1)}, tmp_path / "x")
    assert load(tmp_path / "x")["a"].item() == 1
    assert os.listdir(tmp_path) == ["x"]


def test_what_is_sent_to_the_disk_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_replacing, "_EARLY", 1000)
    state = {f"w{k}": lucid.full((500,), float(k)) for k in range(20)}
    save(state, tmp_path / "x")
    assert all(lucid.equal(t, state[name]) for name, t in load(tmp_path / "x").items())

    def full(descriptor: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fdatasync", full)
    with pytest.raises(OSError, match="the disk is full"):
        save({"w": lucid.zeros(1000)}, tmp_path / "x")
    assert os.listdir(tmp_path) == ["x"]
    assert load(tmp_path / "x")["w19"].mean().item() == 19


def test_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: int) -> None:
        raise OSError("this file system has no locks")

    monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / f".x.{'0' * 12}.tmp").touch()
    save({"a": lucid.ones(1)}, tmp_path / "x")
    assert len(os.listdir(tmp_path)) == 2
    monkeypatch.setattr(_replacing, "fcntl", None)
    save({"a": lucid.zeros(1)}, tmp_path / "x")
    assert load(tmp_path / "x")["a"].item() == 0

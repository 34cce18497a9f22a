"""`inspect`, and the command line tool, run as a user runs it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from safetensors import numpy as reference

import lucid
from lucid import nn
from lucid.serialization import CheckpointError, _command, _progress, inspect, load, save
from lucid.serialization._inspecting import amount


def run(*arguments: Any) -> int:
    """The exit code of the command, run in this process."""
    try:
        return _command.main([str(a) for a in arguments])
    except SystemExit as error:
        return int(error.code or 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save(nn.Linear(3, 2).state_dict(), tmp_path / "fc.safetensors")
    return tmp_path / "fc.safetensors"


# ---- inspect ---------------------------------------------------------------------------------------------------------


def test_inspect_reads_no_values(tmp_path: Path) -> None:
    save({"w": lucid.ones(2_000_000), "b": lucid.ones(3).half()}, tmp_path / "x")
    before = mx.get_active_memory()
    found = inspect(tmp_path / "x")
    assert mx.get_active_memory() == before
    assert found.tensors["w"] == ("w", (2_000_000,), "float32", 8_000_000, "x")
    assert (found.format, found.numel, found.nbytes) == ("safetensors", 2_000_003, 8_000_006)
    assert found.size == (tmp_path / "x").stat().st_size
    assert found.metadata["format"] == "pt"


def test_what_inspect_prints(path: Path) -> None:
    found = inspect(path)
    size = path.stat().st_size
    assert repr(found).splitlines() == [
        f"{path}: safetensors, 2 tensors, 8 elements, {size} B",
        "  format = pt",
        '  _metadata = {"":{"version":1}}',
        "name    dtype    shape   size",
        "weight  float32  (2, 3)  24 B",
        "bias    float32  (2,)     8 B",
    ]
    save({f"w{k}": lucid.ones(1) for k in range(100)} | {"log": ["x" * 100]}, path)
    lines = repr(inspect(path)).splitlines()
    assert len(lines) == 65
    assert "... 40 more ..." in lines[-21]
    assert len(lines[2]) < 80
    assert len(inspect(path).table().splitlines()) == 104


@pytest.mark.parametrize("format", ["safetensors", "npz", "torch"])
def test_inspect_says_what_load_gives(tmp_path: Path, format: Any) -> None:
    state = {"a": lucid.ones(2, 3), "b": lucid.ones(4, dtype=lucid.int8), "c": lucid.tensor(True)}
    save(state, tmp_path / "x", format=format)
    for where in (tmp_path / "x", str(tmp_path / "x"), io.BytesIO((tmp_path / "x").read_bytes())):
        found = inspect(where).tensors
        assert {n: (t.shape, t.dtype, t.nbytes) for n, t in found.items()} == {
            n: (t.shape, repr(t.dtype).removeprefix("lucid."), t.nbytes) for n, t in state.items()
        }


def test_dtypes_that_cannot_be_loaded_are_shown(tmp_path: Path) -> None:
    from tests.serialization.test_damaged_files import raw

    header = {"x": {"dtype": "F4", "shape": [3, 4], "data_offsets": [0, 6]}}
    (tmp_path / "x").write_bytes(raw(header, bytes(6)))
    assert inspect(tmp_path / "x").tensors["x"].dtype == "F4"
    with pytest.raises(CheckpointError, match="tensor 'x' has the dtype F4"):
        load(tmp_path / "x")


def test_inspect_refuses_what_load_refuses(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nothing that is known")
    with pytest.raises(CheckpointError, match=rf"inspect: {tmp_path}/x: it is no safetensors file"):
        inspect(tmp_path / "x")
    with pytest.raises(CheckpointError, match="inspect: the stream"):
        inspect(io.BytesIO(b"123"))
    with pytest.raises(FileNotFoundError):
        inspect(tmp_path / "y")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_900, "99.9 kB"),
        (123_456, "123 kB"),
        (10**9, "1.0 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_amounts(count: int, text: str) -> None:
    assert amount(count) == text


# ---- the command -----------------------------------------------------------------------------------------------------


def test_it_runs_as_a_module(path: Path) -> None:
    def output(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lucid.serialization", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))

    done = output("inspect", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "weight  float32  (2, 3)" in done.stdout
    done = output("verify", str(path), str(path) + "x")
    assert done.returncode == 1
    assert f"{path}: ok, 2 tensors" in done.stdout
    assert done.stderr == f"error: {path}x: No such file or directory\n"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ((), ("inspect",), ("convert",), ("verify",)):
        assert run(*command, "--help") == 0
        text = capsys.readouterr().out
        assert "usage: python -m lucid.serialization" in text
        assert all(len(line) <= 120 for line in text.splitlines())
    assert run() == 2
    assert run("explode") == 2


def test_inspect_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", "--json", path, path) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 2
    assert found[0]["tensors"][1] == {
        "name": "bias",
        "shape": [2],
        "dtype": "float32",
        "nbytes": 8,
        "file": "fc.safetensors",
    }


def test_verify(tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save({"a": lucid.tensor([1.0, float("nan")]), "b": lucid.ones(3_000_000), "c": lucid.tensor([1])}, tmp_path / "x")
    assert run("verify", path, tmp_path / "x") == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [f"{path}: ok, 2 tensors, {path.stat().st_size} B", f"{tmp_path}/x: ok, 3 tensors, 12.0 MB; " + NAN]
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-1])
    (tmp_path / "y").write_bytes(b"\x80\x02cos\nsystem\n(S'true'\ntR.")
    assert run("verify", tmp_path / "x", path, tmp_path / "y") == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{path}: ok")
    errors = captured.err.splitlines()
    assert errors[0].startswith(f"error: inspect: {tmp_path}/x: it should have")
    assert f"{tmp_path}/y" in errors[1]


NAN = "NaN or infinity in a"


@pytest.mark.parametrize(
    ("target", "kind"),
    [("x.safetensors", "safetensors"), ("x.npz", "npz"), ("x.pt", "torch"), ("x.bin", "torch"), ("x", "safetensors")],
)
def test_convert_between_formats(path: Path, tmp_path: Path, target: str, kind: str) -> None:
    want = load(path)
    assert run("convert", path, tmp_path / target) == 0
    assert inspect(tmp_path / target).format == kind
    found = load(tmp_path / target)
    assert list(found) == list(want)
    assert found._metadata == want._metadata
    assert all(lucid.equal(found[name], want[name]) for name in want)
    assert run("convert", tmp_path / target, path, "--force") == 0
    assert all(lucid.equal(load(path)[name], want[name]) for name in want)


def test_convert_with_options(tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save({"epoch": 1, "model": {"module.w": lucid.ones(100), "n": lucid.tensor([1])}}, path)
    target = tmp_path / "out.safetensors"
    options = ["--key", "model", "--rename", "module.=", "--rename", "n=count", "--dtype", "bfloat16"]
    assert run("convert", path, target, *options) == 0
    found = load(target)
    assert {name: t.dtype for name, t in found.items()} == {"w": lucid.bfloat16, "count": lucid.int64}
    assert run("convert", path, target, *options, "--force", "--max-shard-size", "150") == 0
    assert len(list(tmp_path.glob("out-*.safetensors"))) == 2
    assert not target.exists()
    assert run("convert", path, target) == 2
    assert f"{target} is there; --force replaces it" in capsys.readouterr().err
    assert run("convert", target, tmp_path / "y.npz", "--format", "npz") == 0
    assert set(np.load(tmp_path / "y.npz").files) == {"w", "count"}


def test_convert_says_what_it_leaves_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save({"epoch": 3, "model": {"w": lucid.ones(2)}, "optimizer": {}}, tmp_path / "x")
    assert run("convert", tmp_path / "x", tmp_path / "all") == 0
    assert capsys.readouterr().err == ""
    assert load(tmp_path / "all")["epoch"] == 3
    assert run("convert", tmp_path / "x", tmp_path / "part", "--dtype", "float16") == 0
    assert "note: 'model' is written, but not epoch, optimizer; --key says which" in capsys.readouterr().err
    assert list(load(tmp_path / "part")) == ["w"]


def test_convert_dequantizes(tmp_path: Path, path: Path) -> None:
    weight, scales, biases = mx.quantize(mx.ones((4, 64)), bits=8)
    arrays = {"fc.weight": weight, "fc.scales": scales, "fc.biases": biases}
    (tmp_path / "mlx").mkdir()
    mx.save_safetensors(str(tmp_path / "mlx" / "model.safetensors"), arrays)
    (tmp_path / "mlx" / "config.json").write_text('{"quantization": {"bits": 8, "group_size": 64}}')
    assert run("convert", tmp_path / "mlx", path, "--force", "--dequantize", "--dtype", "float16") == 0
    found = reference.load_file(path)
    assert list(found) == ["fc.weight"]
    np.testing.assert_allclose(found["fc.weight"], np.ones((4, 64)), rtol=1e-2)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--rename", "a"], 2, "expected OLD=NEW, got 'a'"),
        (["--dtype", "float3"], 2, "expected a lucid.dtype"),
        (["--max-shard-size", "large"], 2, "max_shard_size"),
        (["--max-shard-size", "5", "--format", "npz"], 2, "--max-shard-size is for safetensors files"),
        (["--format", "gguf"], 2, "invalid choice"),
        (["--key", "model"], 1, "it has no state under 'model'"),
        (["--rename", "weight=x", "--rename", "bias=x"], 1, "makes 'x' of both"),
    ],
)
def test_convert_says_what_is_wrong(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, message: str
) -> None:
    assert run("convert", path, tmp_path / "x", *options) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_convert_writes_no_other_format_than_the_name_says(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("x.gguf", "x.npy"):
        assert run("convert", path, tmp_path / name) == 2
        assert f"{name}: that format is read, not written" in capsys.readouterr().err
        assert not (tmp_path / name).exists()
    assert run("convert", path, tmp_path / "x.gguf", "--format", "safetensors") == 0


def test_convert_holds_one_tensor_at_a_time(tmp_path: Path) -> None:
    tensors = {f"w{k}": lucid.full((1_000_000,), float(k)) for k in range(12)}
    save(tensors, tmp_path / "x.safetensors")
    del tensors
    for target in ("y.safetensors", "y.npz", "y.pt"):
        mx.synchronize()
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        assert run("convert", tmp_path / "x.safetensors", tmp_path / target, "--dtype", "float16") == 0
        assert mx.get_peak_memory() - before < (80_000_000 if target == "y.pt" else 13_000_000)
        assert load(tmp_path / target)["w11"].dtype is lucid.float16


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("target", ["y.safetensors", "y.npz", "y.pt"])
@pytest.mark.parametrize("options", [[], ["--dtype", "bfloat16"], ["--dtype", "float64"]], ids=" ".join)
def test_convert_casts_tied_weights_once_and_counts_what_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, options: list[str]
) -> None:
    class Counted(_progress.Bar):
        def __init__(self, what: str, total: int) -> None:
            super().__init__(what, total)
            bars.append(self)

    bars: list[Any] = []
    monkeypatch.setattr(_command, "Bar", Counted)
    w = lucid.ones(100, 100)
    save({"a": w, "tied": w, "b": lucid.ones(10, dtype=lucid.int32)}, tmp_path / "x")
    assert run("convert", tmp_path / "x", tmp_path / target, *options) == 0
    found = load(tmp_path / target)
    assert (
        found["a"].dtype
        is found["tied"].dtype
        is {"b": lucid.bfloat16, "f": lucid.float64}.get("".join(options)[7:8], lucid.float32)
    )
    found["a"].zero_()
    assert found["tied"].sum() == 0  # they are still one
    (bar,) = bars
    around = 2000 if target == "y.pt" else 0  # the archive itself
    assert bar._total <= bar._done <= bar._total + around


def test_progress_shows_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        with _progress.Bar("convert x", 2_000_000, stream) as bar:
            bar(1_000_000)
            bar(1_000_000)
        assert ("[===============               ]  50%  1.0 MB of 2.0 MB" in stream.getvalue()) == shown
        assert stream.getvalue().endswith("\r\x1b[K") == shown
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with _progress.Bar("nothing", 0) as bar:
        bar(0)
    assert "100%" in terminal.getvalue()

"""What `python -m lucid.serialization` does."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import mlx.core as mx

from lucid import dtypes
from lucid._tensor import Tensor
from lucid.ops.queries import root
from lucid.serialization import _index, _models, _quantised, _saving
from lucid.serialization._header import CheckpointError
from lucid.serialization._inspecting import Inspection, amount, inspect
from lucid.serialization._loading import read
from lucid.serialization._placing import placer
from lucid.serialization._progress import Bar
from lucid.serialization._writing import parse_size

_EPILOG = """\
examples:
  python -m lucid.serialization inspect model.safetensors
  python -m lucid.serialization convert pytorch_model.bin model.safetensors
  python -m lucid.serialization convert model.gguf out/model.safetensors --dtype bfloat16 --max-shard-size 5GB
  python -m lucid.serialization verify checkpoints/*.safetensors

exit codes: 0 if all is well, 1 if a checkpoint is damaged or cannot be written, 2 if the command is wrong"""
_ENDINGS = {".npz": "npz", ".pt": "torch", ".pth": "torch", ".bin": "torch"}

_NOT_WRITTEN = (".gguf", ".npy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        code: int = given.run(given, parser)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lucid.serialization",
        description="Look into checkpoints, convert them, check them: safetensors, PyTorch, npz, GGUF. Runs no pickle.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    what = "a checkpoint of any format, or a folder with one"

    one = commands.add_parser("inspect", help="list the tensors", description="List the tensors; reads no values.")
    one.add_argument("files", nargs="+", metavar="FILE", help=what)
    one.add_argument("--json", action="store_true", help="print JSON: a list with one object for each file")
    one.set_defaults(run=_inspect)

    one = commands.add_parser("verify", help="read all of it", description="Read every value and say what is wrong.")
    one.add_argument("files", nargs="+", metavar="FILE", help=what)
    one.set_defaults(run=_verify)

    one = commands.add_parser(
        "convert",
        help="write it in another format",
        description="Write a checkpoint in another format, tensor by tensor. The target is complete or not there.",
    )
    one.add_argument("source", metavar="SOURCE", help=what)
    one.add_argument("target", metavar="TARGET", help="the file to write")
    one.add_argument(
        "--format",
        choices=("safetensors", "npz", "torch"),
        help="default: by the ending of TARGET: .npz; .pt, .pth and .bin as PyTorch's; else safetensors",
    )
    one.add_argument("--dtype", metavar="DTYPE", help="convert floating-point tensors, to bfloat16 for example")
    one.add_argument("--key", help='where the tensors are in a checkpoint that holds more, such as "state_dict"')
    one.add_argument(
        "--rename",
        metavar="OLD=NEW",
        action="append",
        default=[],
        help="replace the beginning OLD of names by NEW; may be given several times",
    )
    one.add_argument("--dequantize", action="store_true", help="make weights that MLX quantised ordinary ones")
    one.add_argument("--max-shard-size", metavar="SIZE", help="write several files of at most SIZE, such as 5GB")
    one.add_argument("--force", action="store_true", help="replace TARGET if it is there")
    one.set_defaults(run=_convert)
    return parser


def _failed(error: Exception) -> int:
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    print(f"error: {text}", file=sys.stderr)
    return 1


# ---- inspect ---------------------------------------------------------------------------------------------------------


def _inspect(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    code, found = 0, []
    for path in given.files:
        try:
            found.append(inspect(path))
        except (CheckpointError, OSError) as error:
            code = _failed(error)
            continue
        if not given.json:
            print(found[-1].table())
    if given.json:
        print(json.dumps([_as_json(one) for one in found], indent=2))
    return code


def _as_json(found: Inspection) -> dict[str, Any]:
    return {
        "path": found.path,
        "format": found.format,
        "size": found.size,
        "metadata": found.metadata,
        "tensors": [t._asdict() for t in found.tensors.values()],
    }


# ---- verify ----------------------------------------------------------------------------------------------------------


def _verify(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    code = 0
    for path in given.files:
        try:
            about = inspect(path)
            count, strange = _read_all(path, about.nbytes)
        except (CheckpointError, OSError, TypeError) as error:
            code = _failed(error)
            continue
        more = f"; NaN or infinity in {', '.join(strange[:5])}{', ...' if len(strange) > 5 else ''}" if strange else ""
        print(f"{path}: ok, {count:,} tensors, {amount(about.size)}{more}")
    return code


def _read_all(path: str, total: int) -> tuple[int, list[str]]:
    """Read every value. Returns the number of tensors, and the names of those with values that are not finite."""
    waiting: list[tuple[str, mx.array]] = []
    place = placer("cpu")

    def noted(array: mx.array, name: str) -> Tensor:
        waiting.append((name, array))
        return place(array, name)

    with Bar(f"verify {os.path.basename(path)}", total) as bar:
        read(path, noted)
        count, strange = len(waiting), []
        while waiting:
            name, array = waiting.pop()
            try:
                fine = not _is_inexact(array) or mx.all(mx.isfinite(array), stream=mx.cpu).item()
                mx.eval(array)
            except RuntimeError as error:
                raise CheckpointError(f"verify: {path}: tensor {name!r}: {error}") from None
            if not fine:
                strange.append(name)
            bar(array.nbytes)
    return count, strange[::-1]


def _is_inexact(array: mx.array) -> bool:
    return array.size > 0 and array.dtype in dtypes.INEXACT


# ---- convert ---------------------------------------------------------------------------------------------------------


def _convert(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    format = given.format or _ENDINGS.get(os.path.splitext(given.target)[1], "safetensors")
    if given.format is None and os.path.splitext(given.target)[1] in _NOT_WRITTEN:
        parser.error(f"{given.target}: that format is read, not written; name a file of another, or say --format")
    rename = {}
    for rule in given.rename:
        old, equals, new = rule.partition("=")
        if not equals:
            parser.error(f"--rename: expected OLD=NEW, got {rule!r}")
        rename[old] = new
    try:
        to = None if given.dtype is None else dtypes.as_dtype(given.dtype, "--dtype")
        if given.max_shard_size is not None:
            parse_size(given.max_shard_size)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    if given.max_shard_size is not None and format != "safetensors":
        parser.error("--max-shard-size is for safetensors files")
    if (os.path.exists(given.target) or _index.of_set(given.target)) and not given.force:
        parser.error(f"{given.target} is there; --force replaces it")
    try:
        state = _selected(read(given.source, placer("cpu")), given, rename, to)
        total = _amount_of(state, format)
        total = inspect(given.source).nbytes if total is None else total
        with Bar(f"convert {os.path.basename(given.source)}", total) as bar:
            _saving.write(state, given.target, format, given.max_shard_size, bar, last=True)
    except (CheckpointError, OSError, TypeError, ValueError) as error:
        return _failed(error)
    return 0


def _selected(found: Any, given: argparse.Namespace, rename: dict[str, str], to: dtypes.dtype | None) -> Any:
    if given.key is None and not rename and not given.dequantize and to is None:
        return found
    if given.key is not None or not isinstance(found, Mapping) or not any(map(_is_tensor, found.values())):
        whole = found
        found, key = _models.state_of(found, given.source, given.key)
        if given.key is None and key is not None:
            rest = [str(name) for name in whole if name != key]
            print(f"note: {key!r} is written, but not {', '.join(rest)}; --key says which", file=sys.stderr)
    found = _models.renamed(found, rename or None)
    if given.dequantize:
        folder = given.source if os.path.isdir(given.source) else os.path.dirname(os.path.abspath(given.source))
        found = _quantised.dequantize(found, folder)
    if to is not None:
        found = _models.cast(found, to)
    return found


def _amount_of(state: Any, format: str) -> int | None:
    """How many bytes the tensors of a state dict take in a file; None for anything else."""
    if not isinstance(state, Mapping) or not all(map(_is_tensor, state.values())):
        return None
    once = {id(root(t)): t for t in state.values()}.values()  # what is shared is written once
    return sum(int(t.nbytes) * (2 if format == "npz" and t.dtype is dtypes.bfloat16 else 1) for t in once)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)

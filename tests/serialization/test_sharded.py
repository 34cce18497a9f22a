"""Checkpoints of several files with an index, and folders that hold one."""

from __future__ import annotations

import io
import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as reference

import lucid
import lucid.nn
from lucid.serialization import CheckpointError, _writing, inspect, load, save


def state(value: float = 1.0, count: int = 10) -> dict[str, Any]:
    return {f"w{k}": lucid.full((100,), value + k) for k in range(count)}


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def whole(found: Any, value: float = 1.0, count: int = 10) -> bool:
    return [float(t[0]) for t in found.values()] == [value + k for k in range(count)]


def test_files_and_index_are_named_as_others_name_them(tmp_path: Path) -> None:
    save(state(), tmp_path / "model.safetensors", max_shard_size=1000)
    shards = [f"model-0000{k}-of-00005.safetensors" for k in range(1, 6)]
    assert names(tmp_path) == [*shards, "model.safetensors.index.json"]
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 4000
    assert index["weight_map"] == {f"w{k}": shards[k // 2] for k in range(10)}
    for file in shards:
        found = reference.load_file(tmp_path / file)
        assert len(found) == 2
        for name, a in found.items():
            assert index["weight_map"][name] == file
            np.testing.assert_array_equal(a, np.full(100, 1.0 + int(name[1:]), np.float32))
    for path in ("model.safetensors", "model.safetensors.index.json", "."):
        found = load(tmp_path / path)
        assert type(found) is dict
        assert whole(found)
    assert inspect(tmp_path).tensors["w3"].file == shards[1]


def test_saving_again_leaves_nothing_of_the_set_before(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    (tmp_path / "model-notes.txt").touch()
    (tmp_path / "model-00001-of-00009.safetensors").touch()  # of another set, as far as anybody knows
    for round_, size, count in ((0.0, 1000, 5), (1.0, 1000, 5), (2.0, 2000, 2), (3.0, 1000, 5)):
        late = load(path) if round_ else None
        save(state(round_), path, max_shard_size=size)
        assert whole(load(path), round_)
        assert late is None or whole(late, round_ - 1)
        assert len(names(tmp_path)) == 3 + count
    save(state(7.0), path, max_shard_size="1MB")
    assert names(tmp_path) == ["model-00001-of-00009.safetensors", "model-notes.txt", "model.safetensors"]
    assert whole(load(path), 7.0)
    save(state(8.0), path, max_shard_size=1000)
    assert "model.safetensors" not in names(tmp_path)
    assert whole(load(path), 8.0)


def test_an_index_cannot_have_other_files_removed(tmp_path: Path) -> None:
    (tmp_path / "precious.safetensors").touch()
    outside = tmp_path.parent / "outside-00001-of-00001.safetensors"
    outside.touch()
    for file in ("precious.safetensors", f"../{outside.name}"):
        index = tmp_path / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": {"w": file}}))
        save(state(), tmp_path / "model.safetensors", max_shard_size=1000)
        assert (tmp_path / "precious.safetensors").exists()
        assert outside.exists()
        assert whole(load(index))


def test_a_set_that_cannot_be_completed_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save(state(), path, max_shard_size=1000)
    before = names(tmp_path)
    left: list[int] = []

    def full(descriptor: int) -> None:
        if not left.pop():
            raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    for count in range(6):  # five files and the index
        left[:] = [0] + [1] * count
        with pytest.raises(OSError, match="no space left"):
            save(state(2.0), path, max_shard_size=1000)
        assert names(tmp_path) == before
        assert whole(load(path))


def test_without_links_the_files_get_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: Any) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", link)
    save(state(), tmp_path / "model.safetensors", max_shard_size=2000)
    assert len(names(tmp_path)) == 3
    assert whole(load(tmp_path))


def test_nested_states_and_metadata(tmp_path: Path) -> None:
    model = lucid.nn.Sequential(lucid.nn.Linear(10, 10), lucid.nn.Linear(10, 10))
    model[1].weight = model[0].weight
    path = tmp_path / "model.safetensors"
    save(model.state_dict(), path, max_shard_size=450)
    found = load(path)
    assert isinstance(found, OrderedDict)
    assert found._metadata == model.state_dict()._metadata
    assert list(found) == list(model.state_dict())
    found["0.weight"].zero_()
    assert found["1.weight"].sum().item() == 0
    save({"model": model.state_dict(), "epoch": 3, "rng": np.arange(300)}, path, max_shard_size="0.5 kb")
    found = load(path)
    assert found["epoch"] == 3
    assert found["rng"].tolist() == list(range(300))


def test_a_large_tensor_is_alone_in_its_file(tmp_path: Path) -> None:
    tensors = {"a": lucid.ones(2), "large": lucid.ones(1000), "b": lucid.ones(2), "c": lucid.ones(2)}
    save(tensors, tmp_path / "x.safetensors", max_shard_size=100)
    shards = json.loads((tmp_path / "x.safetensors.index.json").read_text())["weight_map"]
    assert shards["a"] != shards["large"] != shards["b"] == shards["c"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("5GB", 5 * 10**9), ("1.5 mb", 1_500_000), ("2KiB", 2048), ("1GiB", 2**30), ("7", 7), ("100 B", 100), (12, 12)],
)
def test_sizes(text: Any, size: int) -> None:
    assert _writing.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "5 lbs", "-1", "0MB", 0, -3])
def test_sizes_that_are_none(text: Any) -> None:
    with pytest.raises(ValueError, match="max_shard_size"):
        _writing.parse_size(text)
    for value in (1.5, True, None):
        with pytest.raises(TypeError, match="max_shard_size"):
            _writing.parse_size(value)


# ---- files of others -------------------------------------------------------------------------------------------------


def test_sets_of_other_programs(tmp_path: Path) -> None:
    reference.save_file({"a": np.ones(2)}, tmp_path / "one.safetensors")
    (tmp_path / "part").mkdir()
    lucid.save({"b": lucid.ones(3)}, tmp_path / "part" / "two.bin", format="torch")
    np.savez(tmp_path / "three.npz", c=np.ones(4))
    files = {"c": "three.npz", "a": "one.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert {name: t.shape[0] for name, t in load(tmp_path).items()} == {"c": 4, "a": 2}
    assert list(load(tmp_path)) == ["c", "a"]
    (tmp_path / "model.safetensors.index.json").unlink()
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"b": "part/two.bin"}}))
    assert load(tmp_path)["b"].tolist() == [1, 1, 1]
    assert inspect(tmp_path).tensors["b"].dtype == "float32"


def test_the_shards_of_a_cache_may_be_links(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    save(state(), tmp_path / "blobs" / "model.safetensors", max_shard_size=1000)
    for k, name in enumerate(names(tmp_path / "blobs")):
        os.rename(tmp_path / "blobs" / name, tmp_path / "blobs" / str(k))
        os.symlink(f"../blobs/{k}", tmp_path / "snapshot" / name)
    assert whole(load(tmp_path / "snapshot"))
    assert whole(load(tmp_path / "snapshot" / "model.safetensors.index.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "it is no index: its JSON is broken"),
        ("{}", "no index of a checkpoint: it has no weight_map"),
        ('{"weight_map": []}', "it has no weight_map"),
        ('{"weight_map": {"a": 3}}', "no file beside it"),
        ('{"weight_map": {"a": "../secret"}}', "'../secret' for 'a', which is no file beside it"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "no file beside it"),
        ('{"weight_map": {"a": "x\\\\..\\\\y"}}', "no file beside it"),
        ('{"weight_map": {"a": "C:x"}}', "no file beside it"),
        ('{"weight_map": {"a": ""}}', "no file beside it"),
        ('{"weight_map": {"a": "x", "b": "y"}}', "names 2 files, of which 2 are not there: x, y"),
        ('{"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}', "one.safetensors does not have .* 'b'"),
        ('{"weight_map": {"a": "index.json"}}', "its file index.json: it holds no named tensors"),
        ('{"weight_map": {"a": "broken"}}', "its file broken: it has 3 bytes"),
        ('{"weight_map": {"a": "list.pt"}}', "its file list.pt: it holds a list and no dict of tensors"),
    ],
)
def test_an_index_that_is_wrong(tmp_path: Path, content: str, message: str) -> None:
    reference.save_file({"a": np.ones(2)}, tmp_path / "one.safetensors")
    (tmp_path / "broken").write_bytes(b"123")
    save([1, 2], tmp_path / "list.pt", format="torch")
    path = tmp_path / "index.json"
    path.write_text(content)
    with pytest.raises(CheckpointError, match=message) as error:
        load(path)
    assert str(path) in str(error.value)
    if "list.pt" not in content:
        with pytest.raises(CheckpointError, match=r"index\.json"):
            inspect(path)
    with open(path, "rb") as file, pytest.raises(CheckpointError):
        load(file)


def test_an_index_without_a_place(tmp_path: Path) -> None:
    save(state(), tmp_path / "x.safetensors", max_shard_size=1000)
    content = (tmp_path / "x.safetensors.index.json").read_bytes()
    with pytest.raises(CheckpointError, match="several files; give its path"):
        load(io.BytesIO(content))


def test_a_set_that_is_replaced_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lucid.serialization import _loading

    path = tmp_path / "model.safetensors"
    save(state(), path, max_shard_size=1000)
    shard, replaced = _loading._shard, []

    def slow(*arguments: Any) -> Any:
        if len(replaced) < 2:
            replaced.append(1)
            save(state(2.0), path, max_shard_size=1000)
        return shard(*arguments)

    monkeypatch.setattr(_loading, "_shard", slow)
    assert whole(load(path), 2.0)


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a folder without a checkpoint"):
        load(tmp_path)
    save({"a": lucid.ones(1)}, tmp_path / "weights.npz", format="npz")
    assert load(tmp_path)["a"].tolist() == [1]
    save({"a": lucid.ones(2)}, tmp_path / "adapter.safetensors")
    assert load(tmp_path)["a"].tolist() == [1, 1]
    save({"a": lucid.ones(3)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=r"a folder with 2 files \*.safetensors and no index; name one: adapter"):
        load(tmp_path)
    save({"a": lucid.ones(4)}, tmp_path / "model.safetensors")
    assert len(load(tmp_path)["a"]) == 4
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        save({"a": lucid.ones(3)}, tmp_path, max_shard_size=5)


def test_one_file_that_was_saved_after_a_set_is_what_the_folder_holds(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save({f"w{k}": lucid.zeros(1000) for k in range(4)}, path, max_shard_size=5000)
    save({"w0": lucid.ones(3)}, path)
    for place in (path, tmp_path):
        assert load(place)["w0"].tolist() == [1, 1, 1]
    assert len(load(tmp_path / "net.safetensors.index.json")) == 4

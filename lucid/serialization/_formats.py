"""What a file is, told by its content: its name says nothing."""

from __future__ import annotations

from lucid.serialization import _numpy_files
from lucid.serialization._header import CheckpointError
from lucid.serialization._source import Source

SAFETENSORS, INDEX, TORCH, NPZ, NPY, GGUF = "safetensors", "index", "torch", "npz", "npy", "gguf"

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "it is a Git LFS pointer, not the file itself: run `git lfs pull` where it came from"),
    (b"<", "it is a web page or XML, not a checkpoint: the download went wrong"),
    (b"\x89HDF\r\n", "it is an HDF5 file, as Keras writes it; read it with h5py and save its arrays with lucid.save"),
    (b"\x1f\x8b", "it is compressed with gzip; open it with gzip.open and load that"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd; decompress it first"),
    (b"7z\xbc\xaf", "it is a 7z archive; unpack it first"),
    (b"ONNX", "it is an ONNX model, which is a program and not a checkpoint"),
)


def kind_of(source: Source) -> str:
    """The name of the format. Raises CheckpointError for a file that is of none of them."""
    head = source.head
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _kind_of_zip(source)
    if head[:6] == b"\x93NUMPY":
        return NPY
    if head[:4] in (b"GGUF", b"FUGG"):
        return GGUF
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= max(source.size, 10**12):
        return SAFETENSORS
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return TORCH
    if head.lstrip()[:1] == b"{":
        return INDEX
    if head[257:262] == b"ustar":
        raise CheckpointError("it is a tar archive; unpack it first (PyTorch before 0.1.10 wrote such checkpoints)")
    for start, reason in _OTHERS:
        if head.lstrip().startswith(start):
            raise CheckpointError(reason)
    return SAFETENSORS  # whose reader says what is wrong


def _kind_of_zip(source: Source) -> str:
    names = list(_numpy_files.archive(source).records)
    if any(name.endswith("/data.pkl") for name in names):
        return TORCH
    if all(name.endswith(".npy") or name == "lucid.json" for name in names):
        return NPZ
    raise CheckpointError(
        f"it is a zip file, but neither PyTorch's nor numpy's: it holds {', '.join(map(repr, names[:3]))}; unpack it"
    )

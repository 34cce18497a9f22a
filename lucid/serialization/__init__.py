"""Saving and loading: tensors in safetensors files, what is around them in the files' metadata.

Every format that is published for weights is read, and no file is ever run: see `load`.
"""

from lucid.serialization._header import CheckpointError
from lucid.serialization._inspecting import Inspection, TensorInfo, inspect
from lucid.serialization._loading import load
from lucid.serialization._models import load_model
from lucid.serialization._quantised import dequantize
from lucid.serialization._report import LoadReport
from lucid.serialization._saving import save

__all__ = [
    "CheckpointError",
    "Inspection",
    "LoadReport",
    "TensorInfo",
    "dequantize",
    "inspect",
    "load",
    "load_model",
    "save",
]

"""The types of elements in PyTorch's files, and what they become here."""

from __future__ import annotations

from lucid import dtypes
from lucid.dtypes import dtype
from lucid.serialization import _small_floats


class Kind:
    """A type of elements.

    Attributes:
        name: PyTorch's name of the dtype, such as "float32".
        itemsize: bytes of one element in the file.
        unit: bytes of what is turned around if the file is big-endian.
        dtype: what elements become; None if MLX has nothing for them.
    """

    __slots__ = ("dtype", "itemsize", "name", "unit")

    def __init__(self, name: str, itemsize: int, to: dtype | None, unit: int | None = None) -> None:
        self.name, self.itemsize, self.dtype = name, itemsize, to
        self.unit = itemsize if unit is None else unit

    @property
    def converted(self) -> bool:
        """True if the elements do not stay the bytes that they are in the file."""
        return self.dtype is None or self.dtype.name != self.name


_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}
_NOT_HERE = {"complex128": 16, "qint8": 1, "quint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1}
_NOT_HERE |= {"bits1x8": 1, "bits2x4": 1, "bits4x2": 1, "bits8": 1, "bits16": 2, "float4_e2m1fn_x2": 1}
_NOT_HERE |= {f"{sign}int{bits}": 1 for sign in ("u", "") for bits in range(1, 8)}

KINDS: dict[str, Kind] = {
    **{d.name: Kind(d.name, d.itemsize, d, 4 if d.is_complex else None) for d in dtypes.ALL},
    **{name: Kind(name, size, None) for name, size in _NOT_HERE.items()},
    **{name: Kind(name, 1, dtypes.float16) for name in _small_floats.NAMES},
    "float8_e8m0fnu": Kind("float8_e8m0fnu", 1, dtypes.float32),
    "complex32": Kind("complex32", 4, dtypes.complex64, 2),
}
OF_STORAGE: dict[str, Kind] = {storage: KINDS[name] for storage, name in _STORAGES.items()}
STORAGE_OF: dict[str, str] = {name: storage for storage, name in _STORAGES.items() if KINDS[name].dtype is not None}

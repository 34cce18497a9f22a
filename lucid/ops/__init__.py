"""The operations, one family to a file. Each file's `__all__` is public as `lucid.<name>`."""

from lucid.ops.arithmetic import *

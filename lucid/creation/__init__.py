"""Making tensors: from data, filled, and as ranges."""

from typing import TYPE_CHECKING

from lucid import _later

if TYPE_CHECKING:
    from lucid.creation import data as data
    from lucid.creation import legacy as legacy
    from lucid.creation.closed_range import *
    from lucid.creation.data import *
    from lucid.creation.filled import *
    from lucid.creation.from_parts import *
    from lucid.creation.legacy import *
    from lucid.creation.ranges import *
    from lucid.creation.windows import *
else:
    __getattr__, __dir__, __all__ = _later.names(__name__)

"""Several devices: `DataParallel`, which is a wrapper here, as one device computes; and what belongs to it."""

import typing as _typing

from lucid import _left_out
from lucid.nn.parallel.data_parallel import DataParallel as DataParallel
from lucid.nn.parallel.data_parallel import data_parallel as data_parallel
from lucid.nn.parallel.distributed import DistributedDataParallel as DistributedDataParallel
from lucid.nn.parallel.parallel_apply import parallel_apply as parallel_apply
from lucid.nn.parallel.replicate import replicate as replicate
from lucid.nn.parallel.scatter_gather import gather as gather
from lucid.nn.parallel.scatter_gather import scatter as scatter

if not _typing.TYPE_CHECKING:  # what type checkers see is what is there

    def __getattr__(name: str) -> _typing.Any:
        raise AttributeError(_left_out.explain(__name__, name))

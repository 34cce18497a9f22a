"""Neural networks: modules, their parameters, and the functions that layers are made of."""

import typing as _typing

from lucid import _left_out
from lucid.nn._factory import factory_kwargs as factory_kwargs
from lucid.nn.modules import *
from lucid.nn.parallel import DataParallel as DataParallel
from lucid.nn.parameter import Buffer as Buffer
from lucid.nn.parameter import Parameter as Parameter
from lucid.nn.parameter import UninitializedBuffer as UninitializedBuffer
from lucid.nn.parameter import UninitializedParameter as UninitializedParameter

from lucid.nn import common_types as common_types, functional as functional, grad as grad, init as init  # isort: skip
from lucid.nn import modules as modules, parallel as parallel, utils as utils  # isort: skip
import lucid.nn.attention as attention  # isort: skip # noqa: F401 # over the file of `modules` that has this name

if not _typing.TYPE_CHECKING:  # what type checkers see is what is there

    def __getattr__(name: str) -> _typing.Any:
        raise AttributeError(_left_out.explain(__name__, name))

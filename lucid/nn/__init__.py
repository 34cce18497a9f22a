"""Neural networks: modules, their parameters, and the functions that layers are made of."""

from lucid.nn.modules import *
from lucid.nn.parameter import Buffer as Buffer
from lucid.nn.parameter import Parameter as Parameter
from lucid.nn.parameter import UninitializedBuffer as UninitializedBuffer
from lucid.nn.parameter import UninitializedParameter as UninitializedParameter

from lucid.nn import functional as functional, init as init, modules as modules, utils as utils  # isort: skip
import lucid.nn.attention as attention  # isort: skip # noqa: F401 # over the file of `modules` that has this name

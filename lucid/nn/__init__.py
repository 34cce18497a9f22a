"""Neural networks: modules, their parameters, and the functions that layers are made of."""

from lucid.nn.modules import *
from lucid.nn.parameter import Buffer, Parameter

from lucid.nn import functional, init, modules, utils  # isort: skip

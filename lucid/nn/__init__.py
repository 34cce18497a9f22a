"""Neural networks: modules, their parameters, and the functions that layers are made of."""

from lucid.nn.modules import *
from lucid.nn.parameter import Buffer as Buffer
from lucid.nn.parameter import Parameter as Parameter

from lucid.nn import attention as attention, functional as functional, init as init, modules as modules, utils as utils  # isort: skip

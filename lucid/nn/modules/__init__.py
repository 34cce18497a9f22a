"""The modules, one family per file; `lucid.nn` exports them."""

from lucid.nn.modules.activation import *
from lucid.nn.modules.adaptive import *
from lucid.nn.modules.batchnorm import *
from lucid.nn.modules.container import *
from lucid.nn.modules.conv import *
from lucid.nn.modules.distance import *
from lucid.nn.modules.dropout import *
from lucid.nn.modules.flatten import *
from lucid.nn.modules.fold import *
from lucid.nn.modules.instancenorm import *
from lucid.nn.modules.linear import *
from lucid.nn.modules.linear_cross_entropy_options import *
from lucid.nn.modules.loss import *
from lucid.nn.modules.module import Module as Module
from lucid.nn.modules.normalization import *
from lucid.nn.modules.padding import *
from lucid.nn.modules.pixelshuffle import *
from lucid.nn.modules.pooling import *
from lucid.nn.modules.rnn import *
from lucid.nn.modules.sparse import *
from lucid.nn.modules.transformer import *
from lucid.nn.modules.upsampling import *

from lucid.nn.modules import (  # isort: skip # for what they list; without a list of its own, `utils` would go to lucid.nn
    activation,
    adaptive,
    batchnorm,
    container,
    conv,
    distance,
    dropout,
    flatten,
    fold,
    instancenorm,
    linear,
    linear_cross_entropy_options,
    loss,
    normalization,
    padding,
    pixelshuffle,
    pooling,
    rnn,
    sparse,
    transformer,
    upsampling,
)

__all__ = ["Module"]
__all__ += activation.__all__ + adaptive.__all__ + batchnorm.__all__ + container.__all__ + conv.__all__
__all__ += distance.__all__ + dropout.__all__ + flatten.__all__ + fold.__all__ + instancenorm.__all__
__all__ += linear.__all__ + linear_cross_entropy_options.__all__ + loss.__all__ + normalization.__all__
__all__ += padding.__all__ + pixelshuffle.__all__ + pooling.__all__ + rnn.__all__ + sparse.__all__
__all__ += transformer.__all__ + upsampling.__all__

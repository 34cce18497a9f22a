"""The modules, one family per file; `lucid.nn` exports them."""

from lucid.nn.modules.activation import *
from lucid.nn.modules.batchnorm import *
from lucid.nn.modules.container import *
from lucid.nn.modules.conv import *
from lucid.nn.modules.distance import *
from lucid.nn.modules.dropout import *
from lucid.nn.modules.flatten import *
from lucid.nn.modules.fold import *
from lucid.nn.modules.instancenorm import *
from lucid.nn.modules.linear import *
from lucid.nn.modules.loss import *
from lucid.nn.modules.module import Module as Module
from lucid.nn.modules.normalization import *
from lucid.nn.modules.padding import *
from lucid.nn.modules.pixelshuffle import *
from lucid.nn.modules.pooling import *
from lucid.nn.modules.rnn import *
from lucid.nn.modules.sparse import *
from lucid.nn.modules.upsampling import *

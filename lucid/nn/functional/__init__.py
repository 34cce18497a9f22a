"""The layers as functions: `lucid.nn.functional`, usually imported as `F`."""

import typing as _typing

from lucid import _left_out
from lucid.nn.functional._attention_masks import _canonical_mask as _canonical_mask
from lucid.nn.functional._attention_masks import _mha_shape_check as _mha_shape_check
from lucid.nn.functional._attention_masks import _none_or_dtype as _none_or_dtype
from lucid.nn.functional._projections import _in_projection as _in_projection
from lucid.nn.functional._projections import _in_projection_packed as _in_projection_packed
from lucid.nn.functional.activation import *
from lucid.nn.functional.adaptive_pooling import *
from lucid.nn.functional.attention import *
from lucid.nn.functional.batchnorm import *
from lucid.nn.functional.classification import *
from lucid.nn.functional.conv import *
from lucid.nn.functional.ctc import *
from lucid.nn.functional.distance import *
from lucid.nn.functional.dropout import *
from lucid.nn.functional.embedding import *
from lucid.nn.functional.embedding_bag import *
from lucid.nn.functional.folding import *
from lucid.nn.functional.fractional_pooling import *
from lucid.nn.functional.grid import *
from lucid.nn.functional.grouped import *
from lucid.nn.functional.linear import *
from lucid.nn.functional.linear_cross_entropy import *
from lucid.nn.functional.loss import *
from lucid.nn.functional.margin_loss import *
from lucid.nn.functional.multi_head_attention import *
from lucid.nn.functional.normalization import *
from lucid.nn.functional.overrides import *
from lucid.nn.functional.padding import *
from lucid.nn.functional.pooling import *
from lucid.nn.functional.softmax import *
from lucid.nn.functional.unpooling import *
from lucid.nn.functional.vision import *

from lucid.nn import _reduction as _Reduction, grad as grad  # isort: skip # noqa: F401 # made of the functions above

if not _typing.TYPE_CHECKING:  # what type checkers see is what is there

    def __getattr__(name: str) -> _typing.Any:
        raise AttributeError(_left_out.explain(__name__, name))

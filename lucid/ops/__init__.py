"""The operations, one family to a file. Each file's `__all__` is public as `lucid.<name>`."""

from lucid.ops._promotion import can_cast as can_cast
from lucid.ops._promotion import promote_types as promote_types
from lucid.ops._promotion import result_type as result_type
from lucid.ops.activation import *
from lucid.ops.arithmetic import *
from lucid.ops.bitwise import *
from lucid.ops.blend import *
from lucid.ops.comparison import *
from lucid.ops.complex_parts import *
from lucid.ops.conversion import *
from lucid.ops.counting import *
from lucid.ops.einsum import *
from lucid.ops.exponential import *
from lucid.ops.export import *
from lucid.ops.extrema import *
from lucid.ops.gathering import *
from lucid.ops.geometry import *
from lucid.ops.indexing import *
from lucid.ops.joining import *
from lucid.ops.masking import *
from lucid.ops.matmul import *
from lucid.ops.memory_format import *
from lucid.ops.norms import *
from lucid.ops.pieces import *
from lucid.ops.powers import *
from lucid.ops.quantiles import *
from lucid.ops.reduced_extrema import *
from lucid.ops.reduction import *
from lucid.ops.reinterpret import *
from lucid.ops.rounding import *
from lucid.ops.sampling import *
from lucid.ops.scans import *
from lucid.ops.shape import *
from lucid.ops.sign import *
from lucid.ops.sorting import *
from lucid.ops.statistics import *
from lucid.ops.trigonometric import *
from lucid.ops.special_functions import *
from lucid.ops.combining import *
from lucid.ops.index_ops import *
from lucid.ops.repeating import *
from lucid.ops.scattering import *
from lucid.ops.triangular import *
from lucid.ops.reseating import *

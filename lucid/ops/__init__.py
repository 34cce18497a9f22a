"""The operations, one family to a file. Each file's `__all__` is public as `lucid.<name>`."""

from lucid.ops import (
    activation,
    arithmetic,
    bitwise,
    blend,
    callables,
    combining,
    comparison,
    complex_parts,
    contractions,
    conversion,
    copies,
    counting,
    differences,
    divisors,
    expansion,
    exponential,
    export,
    extrema,
    float_parts,
    former,
    gathering,
    geometry,
    histograms,
    incomplete_gamma,
    index_ops,
    indexing,
    joining,
    masking,
    membership,
    memory_formats,
    norms,
    pieces,
    powers,
    products,
    quantiles,
    queries,
    reduced_extrema,
    reduction,
    reinterpret,
    repeating,
    reseating,
    rounding,
    sampling,
    scans,
    scattering,
    segments,
    shape,
    signs,
    sorting,
    special_functions,
    spectra,
    statistics,
    triangular,
    trigonometric,
)
from lucid.ops._promotion import can_cast, promote_types, result_type
from lucid.ops.activation import *
from lucid.ops.arithmetic import *
from lucid.ops.bitwise import *
from lucid.ops.blend import *
from lucid.ops.callables import *
from lucid.ops.combining import *
from lucid.ops.comparison import *
from lucid.ops.complex_parts import *
from lucid.ops.contractions import *
from lucid.ops.conversion import *
from lucid.ops.copies import *
from lucid.ops.counting import *
from lucid.ops.differences import *
from lucid.ops.divisors import *
from lucid.ops.expansion import *
from lucid.ops.exponential import *
from lucid.ops.export import *
from lucid.ops.extrema import *
from lucid.ops.float_parts import *
from lucid.ops.former import *
from lucid.ops.gathering import *
from lucid.ops.geometry import *
from lucid.ops.histograms import *
from lucid.ops.incomplete_gamma import *
from lucid.ops.index_ops import *
from lucid.ops.indexing import *
from lucid.ops.joining import *
from lucid.ops.masking import *
from lucid.ops.membership import *
from lucid.ops.memory_formats import *
from lucid.ops.norms import *
from lucid.ops.pieces import *
from lucid.ops.powers import *
from lucid.ops.products import *
from lucid.ops.quantiles import *
from lucid.ops.queries import *
from lucid.ops.reduced_extrema import *
from lucid.ops.reduction import *
from lucid.ops.reinterpret import *
from lucid.ops.repeating import *
from lucid.ops.reseating import *
from lucid.ops.rounding import *
from lucid.ops.sampling import *
from lucid.ops.scans import *
from lucid.ops.scattering import *
from lucid.ops.segments import *
from lucid.ops.shape import *
from lucid.ops.signs import *
from lucid.ops.sorting import *
from lucid.ops.special_functions import *
from lucid.ops.spectra import *
from lucid.ops.statistics import *
from lucid.ops.triangular import *
from lucid.ops.trigonometric import *

__all__: list[str] = []
__all__ += activation.__all__
__all__ += arithmetic.__all__
__all__ += bitwise.__all__
__all__ += blend.__all__
__all__ += callables.__all__
__all__ += combining.__all__
__all__ += comparison.__all__
__all__ += complex_parts.__all__
__all__ += contractions.__all__
__all__ += conversion.__all__
__all__ += copies.__all__
__all__ += counting.__all__
__all__ += differences.__all__
__all__ += divisors.__all__
__all__ += expansion.__all__
__all__ += exponential.__all__
__all__ += export.__all__
__all__ += extrema.__all__
__all__ += float_parts.__all__
__all__ += former.__all__
__all__ += gathering.__all__
__all__ += geometry.__all__
__all__ += histograms.__all__
__all__ += incomplete_gamma.__all__
__all__ += index_ops.__all__
__all__ += indexing.__all__
__all__ += joining.__all__
__all__ += masking.__all__
__all__ += membership.__all__
__all__ += memory_formats.__all__
__all__ += norms.__all__
__all__ += pieces.__all__
__all__ += powers.__all__
__all__ += products.__all__
__all__ += quantiles.__all__
__all__ += queries.__all__
__all__ += reduced_extrema.__all__
__all__ += reduction.__all__
__all__ += reinterpret.__all__
__all__ += repeating.__all__
__all__ += reseating.__all__
__all__ += rounding.__all__
__all__ += sampling.__all__
__all__ += scans.__all__
__all__ += scattering.__all__
__all__ += segments.__all__
__all__ += shape.__all__
__all__ += signs.__all__
__all__ += sorting.__all__
__all__ += special_functions.__all__
__all__ += spectra.__all__
__all__ += statistics.__all__
__all__ += triangular.__all__
__all__ += trigonometric.__all__
__all__ += ["can_cast", "promote_types", "result_type"]

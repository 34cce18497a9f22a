"""The operations, one family to a file. Each file's `__all__` is public as `lucid.<name>`."""

from typing import TYPE_CHECKING

from lucid import _later

if TYPE_CHECKING:
    from lucid.ops import (
        activation as activation,
    )
    from lucid.ops import (
        arithmetic as arithmetic,
    )
    from lucid.ops import (
        bitwise as bitwise,
    )
    from lucid.ops import (
        blend as blend,
    )
    from lucid.ops import (
        callables as callables,
    )
    from lucid.ops import (
        combining as combining,
    )
    from lucid.ops import (
        comparison as comparison,
    )
    from lucid.ops import (
        complex_parts as complex_parts,
    )
    from lucid.ops import (
        contractions as contractions,
    )
    from lucid.ops import (
        conversion as conversion,
    )
    from lucid.ops import (
        copies as copies,
    )
    from lucid.ops import (
        counting as counting,
    )
    from lucid.ops import (
        differences as differences,
    )
    from lucid.ops import (
        divisors as divisors,
    )
    from lucid.ops import (
        expansion as expansion,
    )
    from lucid.ops import (
        exponential as exponential,
    )
    from lucid.ops import (
        export as export,
    )
    from lucid.ops import (
        extrema as extrema,
    )
    from lucid.ops import (
        float_parts as float_parts,
    )
    from lucid.ops import (
        former as former,
    )
    from lucid.ops import (
        gathering as gathering,
    )
    from lucid.ops import (
        geometry as geometry,
    )
    from lucid.ops import (
        histograms as histograms,
    )
    from lucid.ops import (
        incomplete_gamma as incomplete_gamma,
    )
    from lucid.ops import (
        index_ops as index_ops,
    )
    from lucid.ops import (
        indexing as indexing,
    )
    from lucid.ops import (
        joining as joining,
    )
    from lucid.ops import (
        masking as masking,
    )
    from lucid.ops import (
        membership as membership,
    )
    from lucid.ops import (
        memory_formats as memory_formats,
    )
    from lucid.ops import (
        norms as norms,
    )
    from lucid.ops import (
        pieces as pieces,
    )
    from lucid.ops import (
        powers as powers,
    )
    from lucid.ops import (
        products as products,
    )
    from lucid.ops import (
        quantiles as quantiles,
    )
    from lucid.ops import (
        queries as queries,
    )
    from lucid.ops import (
        reduced_extrema as reduced_extrema,
    )
    from lucid.ops import (
        reduction as reduction,
    )
    from lucid.ops import (
        reinterpret as reinterpret,
    )
    from lucid.ops import (
        repeating as repeating,
    )
    from lucid.ops import (
        reseating as reseating,
    )
    from lucid.ops import (
        rounding as rounding,
    )
    from lucid.ops import (
        sampling as sampling,
    )
    from lucid.ops import (
        scans as scans,
    )
    from lucid.ops import (
        scattering as scattering,
    )
    from lucid.ops import (
        segments as segments,
    )
    from lucid.ops import (
        shape as shape,
    )
    from lucid.ops import (
        signs as signs,
    )
    from lucid.ops import (
        sorting as sorting,
    )
    from lucid.ops import (
        special_functions as special_functions,
    )
    from lucid.ops import (
        spectra as spectra,
    )
    from lucid.ops import (
        statistics as statistics,
    )
    from lucid.ops import (
        triangular as triangular,
    )
    from lucid.ops import (
        trigonometric as trigonometric,
    )
    from lucid.ops._promotion import can_cast as can_cast
    from lucid.ops._promotion import promote_types as promote_types
    from lucid.ops._promotion import result_type as result_type
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

else:
    __getattr__, __dir__, __all__ = _later.names(__name__)

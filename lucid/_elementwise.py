"""Tensor's methods, first half: the operators and the ops that go element by element, bound by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lucid import _later
from lucid._tape import Core

if TYPE_CHECKING:
    from lucid import _operators as operators
    from lucid import ops
    from lucid.ops import powers, special_functions
    from lucid.ops._out import in_place

    later_property = property
else:
    operators, ops = _later.Later("lucid._operators"), _later.Later("lucid.ops")
    powers, special_functions = ops.powers, ops.special_functions
    in_place, later_property = _later.in_place, _later.LaterProperty


class Elementwise(Core):
    """The methods of `lucid.Tensor` that go element by element."""

    __slots__ = ()

    # -- _operators.py -------------------------------------------------------------------------------------------------
    __array_priority__ = 1000  # numpy leaves `ndarray + tensor` to us
    __hash__ = object.__hash__
    __add__ = operators.add
    __radd__ = operators.radd
    __mul__ = operators.mul
    __rmul__ = operators.rmul
    __sub__ = operators.sub
    __rsub__ = operators.rsub
    __truediv__ = operators.truediv
    __rtruediv__ = operators.rtruediv
    __div__ = operators.div
    __rdiv__ = operators.rdiv
    __floordiv__ = operators.floordiv
    __rfloordiv__ = operators.rfloordiv
    __mod__ = operators.mod
    __rmod__ = operators.rmod
    __pow__ = operators.pow
    __rpow__ = operators.rpow
    __matmul__ = operators.matmul
    __rmatmul__ = operators.rmatmul
    __and__ = operators.and_
    __rand__ = operators.rand
    __or__ = operators.or_
    __ror__ = operators.ror
    __xor__ = operators.xor
    __rxor__ = operators.rxor
    __lshift__ = operators.lshift
    __rlshift__ = operators.rlshift
    __rshift__ = operators.rshift
    __rrshift__ = operators.rrshift
    __eq__ = operators.eq  # type: ignore[assignment]
    __ne__ = operators.ne  # type: ignore[assignment]
    __lt__ = operators.lt
    __le__ = operators.le
    __gt__ = operators.gt
    __ge__ = operators.ge
    __iadd__ = operators.iadd
    __isub__ = operators.isub
    __imul__ = operators.imul
    __itruediv__ = operators.itruediv
    __idiv__ = operators.idiv
    __ifloordiv__ = operators.ifloordiv
    __imod__ = operators.imod
    __ipow__ = operators.ipow
    __iand__ = operators.iand
    __ior__ = operators.ior
    __ixor__ = operators.ixor
    __ilshift__ = operators.ilshift
    __irshift__ = operators.irshift
    __neg__ = operators.neg
    __pos__ = operators.pos
    __abs__ = operators.abs
    __invert__ = operators.invert
    __contains__ = operators.contains

    # -- ops/arithmetic.py ---------------------------------------------------------------------------------------------
    add = ops.add
    add_ = in_place(ops.add)
    div = ops.div
    div_ = in_place(ops.div)
    divide = ops.div
    divide_ = in_place(ops.div)
    floor_divide = ops.floor_divide
    floor_divide_ = in_place(ops.floor_divide)
    fmod = ops.fmod
    fmod_ = in_place(ops.fmod)
    mul = ops.mul
    mul_ = in_place(ops.mul)
    multiply = ops.mul
    multiply_ = in_place(ops.mul)
    neg = ops.neg
    neg_ = in_place(ops.neg)
    negative = ops.neg
    negative_ = in_place(ops.neg)
    positive = ops.positive
    remainder = ops.remainder
    remainder_ = in_place(ops.remainder)
    sub = ops.sub
    sub_ = in_place(ops.sub)
    subtract = ops.sub
    subtract_ = in_place(ops.sub)
    true_divide = ops.true_divide
    true_divide_ = in_place(ops.true_divide)

    # -- ops/powers.py -------------------------------------------------------------------------------------------------
    float_power = ops.float_power
    float_power_ = powers.float_power_
    pow = ops.pow
    pow_ = in_place(ops.pow)
    reciprocal = ops.reciprocal
    reciprocal_ = in_place(ops.reciprocal)
    rsqrt = ops.rsqrt
    rsqrt_ = in_place(ops.rsqrt)
    sqrt = ops.sqrt
    sqrt_ = in_place(ops.sqrt)
    square = ops.square
    square_ = in_place(ops.square)

    # -- ops/exponential.py --------------------------------------------------------------------------------------------
    exp = ops.exp
    exp_ = in_place(ops.exp)
    exp2 = ops.exp2
    exp2_ = in_place(ops.exp2)
    expm1 = ops.expm1
    expm1_ = in_place(ops.expm1)
    log = ops.log
    log_ = in_place(ops.log)
    log1p = ops.log1p
    log1p_ = in_place(ops.log1p)
    log2 = ops.log2
    log2_ = in_place(ops.log2)
    log10 = ops.log10
    log10_ = in_place(ops.log10)
    logaddexp = ops.logaddexp
    logaddexp2 = ops.logaddexp2
    logit = ops.logit
    logit_ = in_place(ops.logit)
    sigmoid = ops.sigmoid
    sigmoid_ = in_place(ops.sigmoid)
    xlogy = ops.xlogy
    xlogy_ = in_place(ops.xlogy)

    # -- ops/trigonometric.py ------------------------------------------------------------------------------------------
    acos = ops.acos
    acos_ = in_place(ops.acos)
    acosh = ops.acosh
    acosh_ = in_place(ops.acosh)
    arccos = ops.acos
    arccos_ = in_place(ops.acos)
    arccosh = ops.acosh
    arccosh_ = in_place(ops.acosh)
    arcsin = ops.asin
    arcsin_ = in_place(ops.asin)
    arcsinh = ops.asinh
    arcsinh_ = in_place(ops.asinh)
    arctan = ops.atan
    arctan_ = in_place(ops.atan)
    arctan2 = ops.atan2
    arctan2_ = in_place(ops.atan2)
    arctanh = ops.atanh
    arctanh_ = in_place(ops.atanh)
    asin = ops.asin
    asin_ = in_place(ops.asin)
    asinh = ops.asinh
    asinh_ = in_place(ops.asinh)
    atan = ops.atan
    atan_ = in_place(ops.atan)
    atan2 = ops.atan2
    atan2_ = in_place(ops.atan2)
    atanh = ops.atanh
    atanh_ = in_place(ops.atanh)
    cos = ops.cos
    cos_ = in_place(ops.cos)
    cosh = ops.cosh
    cosh_ = in_place(ops.cosh)
    deg2rad = ops.deg2rad
    deg2rad_ = in_place(ops.deg2rad)
    hypot = ops.hypot
    hypot_ = in_place(ops.hypot)
    rad2deg = ops.rad2deg
    rad2deg_ = in_place(ops.rad2deg)
    sin = ops.sin
    sin_ = in_place(ops.sin)
    sinc = ops.sinc
    sinc_ = in_place(ops.sinc)
    sinh = ops.sinh
    sinh_ = in_place(ops.sinh)
    tan = ops.tan
    tan_ = in_place(ops.tan)
    tanh = ops.tanh
    tanh_ = in_place(ops.tanh)

    # -- ops/signs.py --------------------------------------------------------------------------------------------------
    abs = ops.abs
    abs_ = in_place(ops.abs)
    absolute = ops.abs
    absolute_ = in_place(ops.abs)
    copysign = ops.copysign
    copysign_ = in_place(ops.copysign)
    heaviside = ops.heaviside
    heaviside_ = in_place(ops.heaviside)
    sgn = ops.sgn
    sgn_ = in_place(ops.sgn)
    sign = ops.sign
    sign_ = in_place(ops.sign)

    # -- ops/complex_parts.py ------------------------------------------------------------------------------------------
    angle = ops.angle
    conj = ops.conj
    conj_physical = ops.conj_physical
    conj_physical_ = in_place(ops.conj_physical)
    resolve_conj = ops.resolve_conj
    resolve_neg = ops.resolve_neg

    # (the parts of complex numbers)
    real = later_property(ops.real)
    imag = later_property(ops.imag)

    # -- ops/rounding.py -----------------------------------------------------------------------------------------------
    ceil = ops.ceil
    ceil_ = in_place(ops.ceil)
    fix = ops.trunc
    fix_ = in_place(ops.trunc)
    floor = ops.floor
    floor_ = in_place(ops.floor)
    frac = ops.frac
    frac_ = in_place(ops.frac)
    nan_to_num = ops.nan_to_num
    nan_to_num_ = in_place(ops.nan_to_num)
    round = ops.round
    round_ = in_place(ops.round)
    trunc = ops.trunc
    trunc_ = in_place(ops.trunc)

    # -- ops/extrema.py ------------------------------------------------------------------------------------------------
    clamp = ops.clamp
    clamp_ = in_place(ops.clamp)
    clamp_max = ops.clamp_max
    clamp_max_ = in_place(ops.clamp_max)
    clamp_min = ops.clamp_min
    clamp_min_ = in_place(ops.clamp_min)
    clip = ops.clamp
    clip_ = in_place(ops.clamp)
    fmax = ops.fmax
    fmin = ops.fmin
    maximum = ops.maximum
    minimum = ops.minimum

    # -- ops/blend.py --------------------------------------------------------------------------------------------------
    addcdiv = ops.addcdiv
    addcdiv_ = in_place(ops.addcdiv)
    addcmul = ops.addcmul
    addcmul_ = in_place(ops.addcmul)
    lerp = ops.lerp
    lerp_ = in_place(ops.lerp)

    # -- ops/activation.py ---------------------------------------------------------------------------------------------
    log_softmax = ops.log_softmax
    hardshrink = ops.hardshrink
    prelu = ops.prelu
    relu = ops.relu
    relu_ = in_place(ops.relu)
    softmax = ops.softmax

    # -- ops/special_functions.py --------------------------------------------------------------------------------------
    digamma = ops.digamma
    digamma_ = in_place(ops.digamma)
    erf = ops.erf
    erf_ = in_place(ops.erf)
    erfc = ops.erfc
    erfc_ = in_place(ops.erfc)
    erfinv = ops.erfinv
    erfinv_ = in_place(ops.erfinv)
    i0 = ops.i0
    i0_ = in_place(ops.i0)
    lgamma = ops.lgamma
    lgamma_ = in_place(ops.lgamma)
    mvlgamma = ops.mvlgamma
    mvlgamma_ = in_place(ops.mvlgamma)
    polygamma = special_functions.polygamma_method
    polygamma_ = in_place(special_functions.polygamma_method)

    # -- ops/divisors.py -----------------------------------------------------------------------------------------------
    gcd = ops.gcd
    gcd_ = in_place(ops.gcd)
    lcm = ops.lcm
    lcm_ = in_place(ops.lcm)

    # -- ops/float_parts.py --------------------------------------------------------------------------------------------
    frexp = ops.frexp
    ldexp = ops.ldexp
    ldexp_ = in_place(ops.ldexp)
    nextafter = ops.nextafter
    nextafter_ = in_place(ops.nextafter)

    # -- ops/incomplete_gamma.py ---------------------------------------------------------------------------------------
    igamma = ops.igamma
    igamma_ = in_place(ops.igamma)
    igammac = ops.igammac
    igammac_ = in_place(ops.igammac)

    # -- ops/comparison.py ---------------------------------------------------------------------------------------------
    allclose = ops.allclose
    eq = ops.eq
    eq_ = in_place(ops.eq)
    equal = ops.equal
    ge = ops.ge
    ge_ = in_place(ops.ge)
    greater = ops.gt
    greater_ = in_place(ops.gt)
    greater_equal = ops.ge
    greater_equal_ = in_place(ops.ge)
    gt = ops.gt
    gt_ = in_place(ops.gt)
    isclose = ops.isclose
    isfinite = ops.isfinite
    isinf = ops.isinf
    isnan = ops.isnan
    isneginf = ops.isneginf
    isposinf = ops.isposinf
    isreal = ops.isreal
    le = ops.le
    le_ = in_place(ops.le)
    less = ops.lt
    less_ = in_place(ops.lt)
    less_equal = ops.le
    less_equal_ = in_place(ops.le)
    lt = ops.lt
    lt_ = in_place(ops.lt)
    ne = ops.ne
    ne_ = in_place(ops.ne)
    not_equal = ops.ne
    not_equal_ = in_place(ops.ne)
    signbit = ops.signbit

    # -- ops/bitwise.py ------------------------------------------------------------------------------------------------
    bitwise_and = ops.bitwise_and
    bitwise_and_ = in_place(ops.bitwise_and)
    bitwise_left_shift = ops.bitwise_left_shift
    bitwise_left_shift_ = in_place(ops.bitwise_left_shift)
    bitwise_not = ops.bitwise_not
    bitwise_not_ = in_place(ops.bitwise_not)
    bitwise_or = ops.bitwise_or
    bitwise_or_ = in_place(ops.bitwise_or)
    bitwise_right_shift = ops.bitwise_right_shift
    bitwise_right_shift_ = in_place(ops.bitwise_right_shift)
    bitwise_xor = ops.bitwise_xor
    bitwise_xor_ = in_place(ops.bitwise_xor)
    logical_and = ops.logical_and
    logical_and_ = in_place(ops.logical_and)
    logical_not = ops.logical_not
    logical_not_ = in_place(ops.logical_not)
    logical_or = ops.logical_or
    logical_or_ = in_place(ops.logical_or)
    logical_xor = ops.logical_xor
    logical_xor_ = in_place(ops.logical_xor)

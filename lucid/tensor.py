"""`lucid.Tensor`: one `mx.array`, PyTorch's methods.

The methods are the functions of `lucid.ops`, bound here by name: one definition, one docstring, full types.
"""

from __future__ import annotations

import weakref
from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import _backward, _new, _printing, _tape, _views, creation, dtypes, ops
from lucid import device as _device
from lucid._handles import Hooks, RemovableHandle
from lucid._operators import Operators
from lucid._size import Size
from lucid._tape import Core, Leaf, Node
from lucid.ops import powers
from lucid.ops._out import in_place

__all__ = ["Tensor"]

_dtype = dtypes.dtype


class Tensor(Operators):
    """An n-dimensional array with gradients, stored and computed by MLX.

    `lucid.tensor(data)` makes one from numbers. The constructor is PyTorch's old one: `Tensor(2, 3)` has that shape, and
    `Tensor([1, 2])` those values, in the default dtype.
    """

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Tensor:
        return creation.legacy(cls, *args, **kwargs)

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return Size(_tape.array(self).shape)

    @property
    def ndim(self) -> _int:
        """The number of dimensions."""
        return self._data.ndim

    @property
    def dtype(self) -> _dtype:
        """The type of the elements, such as `lucid.float32`."""
        return dtypes.OF_MX[self._data.dtype]

    @property
    def device(self) -> _device.device:
        """Where the next operation on this tensor runs."""
        return _views.device_of(self)

    @property
    def itemsize(self) -> _int:
        """The size of one element in bytes."""
        return self._data.itemsize

    @property
    def nbytes(self) -> _int:
        """The size of all elements in bytes."""
        return self._data.nbytes

    @property
    def is_cuda(self) -> _bool:
        """True if operations on this tensor run on a CUDA GPU."""
        return self.device.type == "cuda"

    @property
    def is_mps(self) -> _bool:
        """True if operations on this tensor run on Metal."""
        return self.device.type == "metal"

    is_metal = is_mps

    @property
    def is_cpu(self) -> _bool:
        """True if operations on this tensor run on the CPU."""
        return self.device.type == "cpu"

    def __len__(self) -> _int:
        if self._data.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._data.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self._data.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(ops.unbind(self, 0))

    def __repr__(self) -> str:
        return _printing.format_tensor(self)

    def __format__(self, spec: str) -> str:
        return _printing.format_spec(self, spec)

    # -- gradients -----------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> _bool:
        """True if operations on this tensor are recorded for gradients."""
        if self._extra is not None:
            self._extra.refresh(self)
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: _bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: _bool = True) -> Tensor:
        """Have operations on this tensor recorded from here on, or no more.

        Raises RuntimeError for a dtype that is neither floating nor complex, and for switching off what was computed from others.
        """
        if requires_grad and self._data.dtype not in dtypes.INEXACT:
            raise RuntimeError(f"only Tensors of floating point and complex dtype can require gradients, got {self.dtype!r}")
        if not self.is_leaf and not requires_grad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
                "that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if requires_grad and self._node is None:
            self._node = Leaf(self)
        elif not requires_grad:
            self._node = None
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed this tensor; None for a leaf."""
        if not self.requires_grad or isinstance(self._node, Leaf):
            return None
        node = self._node
        return node.inputs[0] if isinstance(node, _tape.Pick) and node.inputs else node

    @property
    def is_leaf(self) -> _bool:
        """True for a tensor that was not computed from one that requires a gradient."""
        return not self.requires_grad or isinstance(self._node, Leaf)

    @property
    def output_nr(self) -> _int:
        """Which output of its `grad_fn` this tensor is."""
        return self._node.index if isinstance(self._node, _tape.Pick) else 0

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward()` added up for this leaf, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value.dtype is not self.dtype:
                raise RuntimeError(f"assigned grad has data of a different type: expected {self.dtype!r}, got {value.dtype!r}")
            if value.shape != self.shape:
                raise RuntimeError(f"assigned grad has data of a different size: expected {self.shape}, got {value.shape}")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradients of this tensor to the `.grad` of the leaves it was computed from.

        Args:
            gradient: the cotangent, of this tensor's shape; may be left out for a tensor of one element.
            retain_graph: keep the graph for another backward; default `create_graph`.
            create_graph: record the backward itself, for higher derivatives.
            inputs: a tensor or tensors; only these receive gradients.

        Raises RuntimeError if nothing was recorded, or if the graph was released by an earlier backward.
        """
        _backward.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self) -> None:
        """Have `backward` keep this tensor's gradient in `.grad`, though it is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        assert self._node is not None
        self._node.retains = not isinstance(self._node, Leaf)

    @property
    def retains_grad(self) -> _bool:
        """True if `retain_grad` was called on this tensor and it is not a leaf."""
        return self._node is not None and self._node.retains

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(grad)` when this tensor's gradient is computed; what it returns, unless None, replaces the gradient."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        assert self._node is not None
        if self._node.hooks is None:
            self._node.hooks = Hooks()
        return RemovableHandle.add(self._node.hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(tensor)` after this leaf's `.grad` was updated."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not isinstance(self._node, Leaf):
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._node.after is None:
            self._node.after = Hooks()
        return RemovableHandle.add(self._node.after, hook)

    def detach(self) -> Tensor:
        """A tensor over the same memory that requires no gradient: writing to one changes the other."""
        return _views.alias(self)

    def detach_(self) -> Tensor:
        """Cut this tensor off from what it was computed from. Raises RuntimeError for a view."""
        if _views.is_view(self):
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        _tape.escape(self)
        self._node = None
        return self

    @property
    def data(self) -> Tensor:
        """This tensor's values without its history, over the same memory. Assigning replaces the values, whatever their shape."""
        return _views.alias(self)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data: Variable data has to be a tensor, but got {type(value).__name__}")
        if self._node is not None and not value.dtype.is_inexact:
            raise RuntimeError(f"data set to a tensor that requires gradients must be floating point or complex dtype, got {value.dtype!r}")
        _tape.escape(self)
        self._extra = None
        self._data = _tape.array(value)
        self._version += _views.OTHER_MEMORY
        _views.pin(self, value.device)

    @property
    def _base(self) -> Tensor | None:
        return self._extra.base if _views.is_view(self) else None

    def is_inference(self) -> _bool:
        """False: tensors made in `inference_mode` are ordinary ones here."""
        return False

    # -- values --------------------------------------------------------------------------------------------------------

    def __bool__(self) -> _bool:
        return _bool(self.item())

    def __int__(self) -> _int:
        return _int(self.item())

    def __float__(self) -> _float:
        return _float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> _int:
        if self.dtype.is_inexact or self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return _int(self.item())

    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> np.ndarray[Any, Any]:
        values = self.numpy()
        return values if dtype is None else values.astype(dtype, copy=False)

    def __deepcopy__(self, memo: dict[_int, Any]) -> Tensor:
        if id(self) in memo:
            copied: Tensor = memo[id(self)]
            return copied
        if not self.is_leaf:
            raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment")
        new = creation.like_copy(self, _tape.array(self))
        memo[id(self)] = new
        if self._grad is not None:
            new._grad = self._grad.__deepcopy__(memo)
        return new

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self.is_leaf:
            raise RuntimeError("cannot pickle a tensor that was computed from others and requires grad; call detach() first")
        return creation.rebuild, (type(self), self.numpy(force=True), self.dtype, self.requires_grad, self.__dict__ or None)

    # -- ops/arithmetic.py ---------------------------------------------------------------------------------------------
    add = ops.add
    add_ = in_place(ops.add)
    div = ops.div
    div_ = in_place(ops.div)
    divide = ops.divide
    divide_ = in_place(ops.divide)
    floor_divide = ops.floor_divide
    floor_divide_ = in_place(ops.floor_divide)
    fmod = ops.fmod
    fmod_ = in_place(ops.fmod)
    mul = ops.mul
    mul_ = in_place(ops.mul)
    multiply = ops.multiply
    multiply_ = in_place(ops.multiply)
    neg = ops.neg
    neg_ = in_place(ops.neg)
    negative = ops.negative
    negative_ = in_place(ops.negative)
    positive = ops.positive
    remainder = ops.remainder
    remainder_ = in_place(ops.remainder)
    sub = ops.sub
    sub_ = in_place(ops.sub)
    subtract = ops.subtract
    subtract_ = in_place(ops.subtract)
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
    arccos = ops.arccos
    arccos_ = in_place(ops.arccos)
    arccosh = ops.arccosh
    arccosh_ = in_place(ops.arccosh)
    arcsin = ops.arcsin
    arcsin_ = in_place(ops.arcsin)
    arcsinh = ops.arcsinh
    arcsinh_ = in_place(ops.arcsinh)
    arctan = ops.arctan
    arctan_ = in_place(ops.arctan)
    arctan2 = ops.arctan2
    arctan2_ = in_place(ops.arctan2)
    arctanh = ops.arctanh
    arctanh_ = in_place(ops.arctanh)
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

    # -- ops/sign.py ---------------------------------------------------------------------------------------------------
    abs = ops.abs
    abs_ = in_place(ops.abs)
    absolute = ops.absolute
    absolute_ = in_place(ops.absolute)
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
    real = property(ops.real)
    imag = property(ops.imag)

    # -- ops/rounding.py -----------------------------------------------------------------------------------------------
    ceil = ops.ceil
    ceil_ = in_place(ops.ceil)
    fix = ops.fix
    fix_ = in_place(ops.fix)
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
    clip = ops.clip
    clip_ = in_place(ops.clip)
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
    lgamma = ops.lgamma
    lgamma_ = in_place(ops.lgamma)
    mvlgamma = ops.mvlgamma
    mvlgamma_ = in_place(ops.mvlgamma)
    polygamma = ops.polygamma
    polygamma_ = in_place(ops.polygamma)

    # -- ops/comparison.py ---------------------------------------------------------------------------------------------
    allclose = ops.allclose
    eq = ops.eq
    eq_ = in_place(ops.eq)
    equal = ops.equal
    ge = ops.ge
    ge_ = in_place(ops.ge)
    greater = ops.greater
    greater_ = in_place(ops.greater)
    greater_equal = ops.greater_equal
    greater_equal_ = in_place(ops.greater_equal)
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
    less = ops.less
    less_ = in_place(ops.less)
    less_equal = ops.less_equal
    less_equal_ = in_place(ops.less_equal)
    lt = ops.lt
    lt_ = in_place(ops.lt)
    ne = ops.ne
    ne_ = in_place(ops.ne)
    not_equal = ops.not_equal
    not_equal_ = in_place(ops.not_equal)
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

    # -- ops/matmul.py -------------------------------------------------------------------------------------------------
    addbmm = ops.addbmm
    addbmm_ = in_place(ops.addbmm)
    addmm = ops.addmm
    addmm_ = in_place(ops.addmm)
    addmv = ops.addmv
    addmv_ = in_place(ops.addmv)
    addr = ops.addr
    addr_ = in_place(ops.addr)
    baddbmm = ops.baddbmm
    baddbmm_ = in_place(ops.baddbmm)
    bmm = ops.bmm
    dot = ops.dot
    ger = ops.ger
    inner = ops.inner
    kron = ops.kron
    matmul = ops.matmul
    mm = ops.mm
    mv = ops.mv
    outer = ops.outer
    vdot = ops.vdot

    # -- ops/reduction.py ----------------------------------------------------------------------------------------------
    sum = ops.sum
    nansum = ops.nansum
    mean = ops.mean
    nanmean = ops.nanmean
    prod = ops.prod
    all = ops.all
    any = ops.any
    count_nonzero = ops.count_nonzero
    logsumexp = ops.logsumexp

    # -- ops/reduced_extrema.py ----------------------------------------------------------------------------------------
    amax = ops.amax
    amin = ops.amin
    aminmax = ops.aminmax
    max = ops.max
    min = ops.min
    argmax = ops.argmax
    argmin = ops.argmin

    # -- ops/statistics.py ---------------------------------------------------------------------------------------------
    var = ops.var
    std = ops.std
    cov = ops.cov
    corrcoef = ops.corrcoef

    # -- ops/scans.py --------------------------------------------------------------------------------------------------
    cumsum = ops.cumsum
    cumprod = ops.cumprod
    cummax = ops.cummax
    cummin = ops.cummin
    logcumsumexp = ops.logcumsumexp
    diff = ops.diff
    cumsum_ = in_place(ops.cumsum)
    cumprod_ = in_place(ops.cumprod)

    # -- ops/sorting.py ------------------------------------------------------------------------------------------------
    sort = ops.sort
    argsort = ops.argsort
    msort = ops.msort
    topk = ops.topk
    kthvalue = ops.kthvalue

    # -- ops/norms.py --------------------------------------------------------------------------------------------------
    norm = ops.norm
    dist = ops.dist
    renorm = ops.renorm
    trace = ops.trace
    renorm_ = in_place(ops.renorm)

    # -- ops/sampling.py -----------------------------------------------------------------------------------------------
    bernoulli = ops.bernoulli
    multinomial = ops.multinomial
    uniform_ = ops.sampling.uniform_
    normal_ = ops.sampling.normal_
    log_normal_ = ops.sampling.log_normal_
    exponential_ = ops.sampling.exponential_
    cauchy_ = ops.sampling.cauchy_
    geometric_ = ops.sampling.geometric_
    bernoulli_ = ops.sampling.bernoulli_
    random_ = ops.sampling.random_

    # -- ops/shape.py --------------------------------------------------------------------------------------------------
    view = ops.shape.view
    view_as = ops.shape.view_as
    reshape = ops.reshape
    reshape_as = ops.shape.reshape_as
    ravel = ops.ravel
    flatten = ops.flatten
    unflatten = ops.unflatten
    permute = ops.permute
    transpose = ops.transpose
    swapaxes = ops.swapaxes
    swapdims = ops.swapdims
    movedim = ops.movedim
    moveaxis = ops.moveaxis
    t = ops.t
    adjoint = ops.adjoint
    T = property(ops.shape.reversed_dims)
    mT = property(ops.shape.matrix_transpose)
    H = property(ops.shape.conjugate_transpose)
    mH = property(ops.adjoint)
    unsqueeze = ops.unsqueeze
    squeeze = ops.squeeze
    expand = ops.shape.expand
    expand_as = ops.shape.expand_as
    broadcast_to = ops.broadcast_to

    # -- ops/geometry.py -----------------------------------------------------------------------------------------------
    size = ops.geometry.size
    dim = ndimension = ops.geometry.dim
    numel = nelement = ops.numel
    stride = ops.geometry.stride
    storage_offset = ops.geometry.storage_offset
    is_contiguous = ops.geometry.is_contiguous
    contiguous = ops.geometry.contiguous
    is_nonzero = ops.is_nonzero

    # -- ops/pieces.py -------------------------------------------------------------------------------------------------
    narrow = ops.narrow
    narrow_copy = ops.narrow_copy
    select = ops.select
    split = ops.pieces.method_split
    split_with_sizes = ops.split_with_sizes
    chunk = ops.chunk
    tensor_split = ops.tensor_split
    hsplit = ops.hsplit
    vsplit = ops.vsplit
    dsplit = ops.dsplit
    unbind = ops.unbind
    diagonal = ops.diagonal
    unfold = ops.pieces.unfold
    as_strided = ops.as_strided

    # -- ops/repeating.py ----------------------------------------------------------------------------------------------
    repeat = ops.repeating.repeat
    tile = ops.tile
    repeat_interleave = ops.repeat_interleave
    flip = ops.flip
    fliplr = ops.fliplr
    flipud = ops.flipud
    roll = ops.roll
    rot90 = ops.rot90

    # -- ops/triangular.py ---------------------------------------------------------------------------------------------
    tril = ops.tril
    tril_ = in_place(ops.tril)
    triu = ops.triu
    triu_ = in_place(ops.triu)
    diag = ops.diag
    diagflat = ops.diagflat
    diag_embed = ops.diag_embed

    # -- ops/reseating.py ----------------------------------------------------------------------------------------------
    squeeze_ = ops.reseating.squeeze_
    unsqueeze_ = ops.reseating.unsqueeze_
    transpose_ = swapdims_ = swapaxes_ = ops.reseating.transpose_
    t_ = ops.reseating.t_
    as_strided_ = ops.reseating.as_strided_
    resize_ = ops.reseating.resize_
    resize_as_ = ops.reseating.resize_as_
    data_ptr = ops.reseating.data_ptr
    pin_memory = ops.reseating.pin_memory
    is_pinned = ops.reseating.is_pinned
    share_memory_ = ops.reseating.share_memory_
    is_shared = ops.reseating.is_shared
    get_device = ops.reseating.get_device
    is_same_size = ops.reseating.is_same_size

    # -- _new.py -------------------------------------------------------------------------------------------------------
    new_tensor = _new.new_tensor
    new_zeros = _new.new_zeros
    new_ones = _new.new_ones
    new_full = _new.new_full
    new_empty = _new.new_empty

    # -- ops/reinterpret.py --------------------------------------------------------------------------------------------
    view_as_real = ops.view_as_real
    view_as_complex = ops.view_as_complex

    # -- ops/indexing.py -----------------------------------------------------------------------------------------------
    __getitem__ = ops.indexing.getitem
    __setitem__ = ops.indexing.setitem
    index_put = ops.index_put
    index_put_ = ops.indexing.index_put_

    # -- ops/index_ops.py ----------------------------------------------------------------------------------------------
    index_add = ops.index_add
    index_add_ = in_place(ops.index_add)
    index_copy = ops.index_copy
    index_copy_ = in_place(ops.index_copy)
    index_fill = ops.index_fill
    index_fill_ = in_place(ops.index_fill)
    index_reduce = ops.index_reduce
    index_reduce_ = in_place(ops.index_reduce)
    put = ops.put
    put_ = in_place(ops.put)
    select_scatter = ops.select_scatter
    slice_scatter = ops.slice_scatter
    diagonal_scatter = ops.diagonal_scatter
    as_strided_scatter = ops.as_strided_scatter

    # -- ops/scattering.py ---------------------------------------------------------------------------------------------
    scatter = ops.scatter
    scatter_ = in_place(ops.scatter)
    scatter_add = ops.scatter_add
    scatter_add_ = in_place(ops.scatter_add)
    scatter_reduce = ops.scatter_reduce
    scatter_reduce_ = in_place(ops.scatter_reduce)

    # -- ops/gathering.py ----------------------------------------------------------------------------------------------
    gather = ops.gather
    index_select = ops.index_select
    take = ops.take
    take_along_dim = ops.take_along_dim

    # -- ops/masking.py ------------------------------------------------------------------------------------------------
    where = ops.masking.method_where
    masked_fill = ops.masked_fill
    masked_fill_ = in_place(ops.masked_fill)
    masked_select = ops.masked_select
    masked_scatter = ops.masked_scatter
    masked_scatter_ = in_place(ops.masked_scatter)
    nonzero = ops.nonzero
    argwhere = ops.argwhere

    # -- ops/conversion.py ---------------------------------------------------------------------------------------------
    clone = ops.clone
    copy_ = ops.conversion.copy_
    fill = ops.fill
    fill_ = ops.conversion.fill_
    zero_ = ops.conversion.zero_
    to = ops.conversion.to
    type = ops.conversion.type_
    type_as = ops.conversion.type_as
    float = ops.conversion.float_
    double = ops.conversion.double
    half = ops.conversion.half
    bfloat16 = ops.conversion.bfloat16
    cfloat = ops.conversion.cfloat
    int = ops.conversion.int_
    long = ops.conversion.long
    short = ops.conversion.short
    byte = ops.conversion.byte
    char = ops.conversion.char
    bool = ops.conversion.bool_
    cpu = ops.conversion.cpu
    metal = ops.conversion.metal
    mps = ops.conversion.mps
    cuda = ops.conversion.cuda
    is_floating_point = ops.is_floating_point
    is_complex = ops.is_complex
    is_signed = ops.is_signed
    element_size = ops.conversion.element_size

    # -- ops/export.py -------------------------------------------------------------------------------------------------
    item = ops.export.item
    tolist = ops.export.tolist
    numpy = ops.export.numpy
    __dlpack__ = ops.export.dlpack
    __dlpack_device__ = ops.export.dlpack_device

    # -- ops/quantiles.py ----------------------------------------------------------------------------------------------
    median = ops.median
    nanmedian = ops.nanmedian
    mode = ops.mode
    quantile = ops.quantile
    nanquantile = ops.nanquantile

    # -- ops/counting.py -----------------------------------------------------------------------------------------------
    unique = ops.unique
    unique_consecutive = ops.unique_consecutive
    bincount = ops.bincount
    histc = ops.histc


_tape._Tensor = Tensor

"""Tensor's methods, second half: the ops on whole tensors, bound by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lucid import _later
from lucid._elementwise import Elementwise

if TYPE_CHECKING:
    from lucid import _new, ops
    from lucid import storage as _storage
    from lucid.linalg import flat, flat_spectral, orthogonal
    from lucid.ops._out import in_place

    later_property = property
else:
    _new, ops, _storage = _later.Later("lucid._new"), _later.Later("lucid.ops"), _later.Later("lucid.storage")
    flat, flat_spectral = _later.Later("lucid.linalg.flat"), _later.Later("lucid.linalg.flat_spectral")
    orthogonal = _later.Later("lucid.linalg.orthogonal")
    in_place, later_property = _later.in_place, _later.LaterProperty


class Methods(Elementwise):
    """The methods of `lucid.Tensor` that are ops."""

    __slots__ = ()

    # -- ops/products.py -----------------------------------------------------------------------------------------------
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
    ger = ops.outer
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
    T = later_property(ops.shape.reversed_dims)
    mT = later_property(ops.shape.matrix_transpose)
    H = later_property(ops.shape.conjugate_transpose)
    mH = later_property(ops.adjoint)

    # -- ops/expansion.py ----------------------------------------------------------------------------------------------
    unsqueeze = ops.unsqueeze
    squeeze = ops.squeeze
    expand = ops.expansion.expand
    expand_as = ops.expansion.expand_as
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
    as_subclass = ops.reseating.as_subclass
    data_ptr = ops.reseating.data_ptr
    pin_memory = ops.reseating.pin_memory
    is_pinned = ops.reseating.is_pinned
    share_memory_ = ops.reseating.share_memory_
    is_shared = ops.reseating.is_shared
    get_device = ops.reseating.get_device
    is_same_size = ops.reseating.is_same_size

    # -- _new.py -------------------------------------------------------------------------------------------------------
    new = _new.new
    new_tensor = _new.new_tensor
    new_zeros = _new.new_zeros
    new_ones = _new.new_ones
    new_full = _new.new_full
    new_empty = _new.new_empty
    new_empty_strided = _new.new_empty_strided

    # -- ops/reinterpret.py --------------------------------------------------------------------------------------------
    view_as_real = ops.view_as_real
    view_as_complex = ops.view_as_complex

    # -- ops/indexing.py -----------------------------------------------------------------------------------------------
    __getitem__ = ops.indexing.getitem
    __setitem__ = ops.indexing.setitem
    index_put = ops.index_put
    index_put_ = ops.indexing.index_put_
    fill_diagonal_ = ops.index_ops.fill_diagonal_

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

    # -- ops/spectra.py ------------------------------------------------------------------------------------------------
    stft = ops.stft
    istft = ops.istft

    # -- ops/copies.py, ops/former.py ----------------------------------------------------------------------------------
    unsafe_chunk = ops.unsafe_chunk
    unsafe_split = ops.unsafe_split
    unsafe_split_with_sizes = ops.unsafe_split_with_sizes
    slice_inverse = ops.slice_inverse
    hash_tensor = ops.hash_tensor
    sum_to_size = ops.former.sum_to_size
    resize = ops.former.resize
    resize_as = ops.former.resize_as

    # -- ops/queries.py ------------------------------------------------------------------------------------------------
    is_conj = ops.is_conj
    is_distributed = ops.is_distributed
    is_inference = ops.is_inference
    is_neg = ops.is_neg
    is_set_to = ops.queries.is_set_to
    is_meta = is_nested = is_quantized = is_sparse = is_sparse_csr = is_mkldnn = later_property(ops.queries.no)
    is_xla = is_xpu = is_ipu = is_vulkan = is_mtia = is_maia = later_property(ops.queries.no)
    layout = later_property(ops.queries.the_layout)
    name = later_property(ops.queries.name)
    volatile = later_property(ops.queries.volatile)
    grad_dtype = later_property(ops.queries.grad_dtype)
    to_dense = ops.queries.to_dense
    dense_dim = ops.queries.dense_dim
    sparse_dim = ops.queries.sparse_dim
    dim_order = ops.queries.dim_order

    # -- ops/callables.py ----------------------------------------------------------------------------------------------
    apply_ = ops.callables.apply_
    map_ = ops.callables.map_
    map2_ = ops.callables.map2_

    # -- storage.py ----------------------------------------------------------------------------------------------------
    storage = _storage.storage
    storage_type = _storage.storage_type
    untyped_storage = _storage.untyped_storage
    set_ = _storage.set_

    # -- ops/histograms.py, ops/membership.py --------------------------------------------------------------------------
    histogram = ops.histogram
    nonzero_static = ops.nonzero_static

    # -- linalg/flat_spectral.py ---------------------------------------------------------------------------------------
    cross = flat_spectral.cross
    matrix_exp = flat_spectral.matrix_exp
    matrix_power = flat_spectral.matrix_power
    pinverse = flat_spectral.pinverse
    svd = flat_spectral.svd

    # -- linalg/flat.py ------------------------------------------------------------------------------------------------
    cholesky = flat.cholesky
    cholesky_inverse = flat.cholesky_inverse
    cholesky_solve = flat.cholesky_solve
    det = flat.det
    inverse = flat.inverse
    logdet = flat.logdet
    lu = flat.lu
    lu_solve = flat.lu_solve
    slogdet = flat.slogdet
    triangular_solve = flat.triangular_solve
    geqrf = flat.geqrf
    orgqr = orthogonal.householder_product
    ormqr = flat.ormqr
    qr = flat.qr

"""Where the public functions are: written by `python -m tests.index`, and held to be complete by a test.

With this index a name of `lucid` is found without loading the modules of all the others: see `lucid._later`.
"""

from __future__ import annotations

NAMES = {
    "_in_place": """
        abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_ asinh_ atan_
        atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ detach detach_ erf_ erfc_
        exp2_ exp_ expm1_ fix_ floor_ frac_ gcd_ i0_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_
        negative_ rad2deg_ reciprocal_ relu_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_ trunc_
        xlogy_
    """,
    "_limits": """
        e finfo iinfo inf nan newaxis pi
    """,
    "_printing": """
        get_printoptions printoptions set_printoptions
    """,
    "_settings": """
        are_deterministic_algorithms_enabled get_default_device get_deterministic_debug_mode
        get_float32_matmul_precision get_num_interop_threads get_num_threads is_anomaly_check_nan_enabled
        is_anomaly_enabled is_deterministic_algorithms_warn_only_enabled is_warn_always_enabled set_anomaly_enabled
        set_default_device set_default_tensor_type set_deterministic_debug_mode set_float32_matmul_precision
        set_flush_denormal set_num_interop_threads set_num_threads set_warn_always use_deterministic_algorithms
    """,
    "amp": """
        GradScaler
    """,
    "amp.autocast_mode": """
        autocast autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache custom_bwd custom_fwd
        get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype is_autocast_available
        is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled set_autocast_enabled
    """,
    "compiler": """
        compile
    """,
    "creation.closed_range": """
        range
    """,
    "creation.data": """
        as_tensor asarray from_file from_numpy frombuffer tensor
    """,
    "creation.filled": """
        empty empty_like empty_permuted empty_strided eye full full_like ones ones_like scalar_tensor zeros zeros_like
    """,
    "creation.from_parts": """
        complex polar
    """,
    "creation.legacy": """
        BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor
        ShortTensor
    """,
    "creation.ranges": """
        arange linspace logspace
    """,
    "creation.windows": """
        bartlett_window blackman_window hamming_window hann_window kaiser_window
    """,
    "func": """
        vmap
    """,
    "jit": """
        _assert
    """,
    "linalg.flat": """
        cholesky cholesky_inverse cholesky_solve det geqrf inverse logdet lu lu_solve lu_unpack orgqr ormqr qr slogdet
        triangular_solve
    """,
    "linalg.flat_spectral": """
        cross matrix_exp matrix_power pinverse svd vander
    """,
    "linalg.low_rank": """
        lobpcg pca_lowrank svd_lowrank
    """,
    "nn._top_level": """
        adaptive_avg_pool1d avg_pool1d bilinear celu celu_ channel_shuffle conv1d conv2d conv3d conv_tbc
        conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity max_pool1d max_pool1d_with_indices
        max_pool2d max_pool3d native_channel_shuffle pairwise_distance pdist pixel_shuffle pixel_unshuffle rms_norm
        selu selu_ threshold threshold_
    """,
    "nn._top_level.layers": """
        adaptive_max_pool1d affine_grid_generator alpha_dropout alpha_dropout_ constant_pad_nd convolution dropout
        dropout_ embedding embedding_bag embedding_renorm_ feature_alpha_dropout feature_alpha_dropout_ feature_dropout
        feature_dropout_ grid_sampler grid_sampler_2d grid_sampler_3d native_dropout rrelu rrelu_
    """,
    "nn._top_level.losses": """
        binary_cross_entropy_with_logits cosine_embedding_loss ctc_loss hinge_embedding_loss kl_div margin_ranking_loss
        poisson_nll_loss triplet_margin_loss
    """,
    "nn._top_level.normalisation": """
        batch_norm group_norm instance_norm layer_norm native_batch_norm native_group_norm native_layer_norm
        norm_except_dim
    """,
    "nn._top_level.recurrent": """
        gru gru_cell lstm lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell
    """,
    "ops._promotion": """
        can_cast promote_types result_type
    """,
    "ops.activation": """
        hardshrink log_softmax prelu relu softmax
    """,
    "ops.arithmetic": """
        add div divide floor_divide fmod mul multiply neg negative positive remainder rsub sub subtract true_divide
    """,
    "ops.bitwise": """
        bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor logical_and logical_not
        logical_or logical_xor
    """,
    "ops.blend": """
        addcdiv addcmul lerp
    """,
    "ops.callables": """
        cond while_loop
    """,
    "ops.combining": """
        atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod combinations
        meshgrid
    """,
    "ops.comparison": """
        allclose eq equal ge greater greater_equal gt isclose isfinite isinf isnan isneginf isposinf isreal le less
        less_equal lt ne not_equal signbit
    """,
    "ops.complex_parts": """
        angle conj conj_physical imag real resolve_conj resolve_neg
    """,
    "ops.contractions": """
        einsum tensordot
    """,
    "ops.conversion": """
        clone fill fill_ is_complex is_floating_point is_signed zero_
    """,
    "ops.copies": """
        alias_copy as_strided_copy detach_copy diagonal_copy expand_copy permute_copy select_copy slice_copy
        slice_inverse split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy
        unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze_copy view_as_complex_copy view_as_real_copy
        view_copy
    """,
    "ops.counting": """
        bincount histc unique unique_consecutive
    """,
    "ops.differences": """
        gradient
    """,
    "ops.divisors": """
        gcd lcm
    """,
    "ops.expansion": """
        broadcast_to squeeze unsqueeze
    """,
    "ops.exponential": """
        exp exp2 expm1 log log10 log1p log2 logaddexp logaddexp2 logit sigmoid xlogy
    """,
    "ops.export": """
        from_dlpack
    """,
    "ops.extrema": """
        clamp clamp_max clamp_min clip fmax fmin maximum minimum
    """,
    "ops.float_parts": """
        frexp ldexp nextafter
    """,
    "ops.former": """
        hash_tensor
    """,
    "ops.gathering": """
        gather index_select take take_along_dim
    """,
    "ops.geometry": """
        is_nonzero is_tensor numel
    """,
    "ops.histograms": """
        histogram histogramdd
    """,
    "ops.incomplete_gamma": """
        igamma igammac
    """,
    "ops.index_ops": """
        as_strided_scatter diagonal_scatter index_add index_copy index_fill index_reduce put select_scatter
        slice_scatter unravel_index
    """,
    "ops.indexing": """
        index_put index_put_
    """,
    "ops.joining": """
        cat column_stack concat concatenate dstack hstack row_stack stack vstack
    """,
    "ops.masking": """
        argwhere masked_fill masked_scatter masked_select nonzero where
    """,
    "ops.membership": """
        isin nonzero_static
    """,
    "ops.memory_formats": """
        channels_last channels_last_3d contiguous_format layout legacy_contiguous_format memory_format preserve_format
        strided
    """,
    "ops.norms": """
        cdist dist frobenius_norm norm nuclear_norm renorm trace
    """,
    "ops.pieces": """
        as_strided chunk diagonal dsplit hsplit narrow narrow_copy select split split_with_sizes tensor_split unbind
        vsplit
    """,
    "ops.powers": """
        float_power pow reciprocal rsqrt sqrt square
    """,
    "ops.products": """
        addbmm addmm addmv addr baddbmm bmm chain_matmul dot ger inner kron matmul mm mv outer vdot
    """,
    "ops.quantiles": """
        median mode nanmedian nanquantile quantile
    """,
    "ops.queries": """
        get_device is_conj is_distributed is_inference is_neg is_same_size typename
    """,
    "ops.reduced_extrema": """
        amax amin aminmax argmax argmin max min
    """,
    "ops.reduction": """
        all any count_nonzero logsumexp mean nanmean nansum prod sum
    """,
    "ops.reinterpret": """
        view_as_complex view_as_real
    """,
    "ops.repeating": """
        flip fliplr flipud repeat_interleave roll rot90 tile
    """,
    "ops.reseating": """
        resize_as_
    """,
    "ops.rounding": """
        ceil fix floor frac nan_to_num round trunc
    """,
    "ops.sampling": """
        bernoulli binomial multinomial poisson
    """,
    "ops.scans": """
        cummax cummin cumprod cumsum cumulative_trapezoid diff logcumsumexp trapezoid trapz
    """,
    "ops.scattering": """
        scatter scatter_add scatter_reduce
    """,
    "ops.segments": """
        segment_reduce
    """,
    "ops.shape": """
        adjoint flatten moveaxis movedim permute ravel reshape swapaxes swapdims t transpose unflatten
    """,
    "ops.signs": """
        abs absolute copysign heaviside sgn sign
    """,
    "ops.sorting": """
        argsort bucketize kthvalue msort searchsorted sort topk
    """,
    "ops.special_functions": """
        digamma erf erfc erfinv i0 lgamma mvlgamma polygamma
    """,
    "ops.spectra": """
        istft stft
    """,
    "ops.statistics": """
        corrcoef cov std std_mean var var_mean
    """,
    "ops.triangular": """
        diag diag_embed diagflat tril tril_indices triu triu_indices
    """,
    "ops.trigonometric": """
        acos acosh arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh cos cosh deg2rad
        hypot rad2deg sin sinc sinh tan tanh
    """,
    "random": """
        Generator default_generator get_rng_state initial_seed manual_seed normal rand rand_like randint randint_like
        randn randn_like randperm seed set_rng_state
    """,
    "serialization": """
        load save
    """,
    "storage": """
        BFloat16Storage BoolStorage ByteStorage CharStorage ComplexFloatStorage DoubleStorage FloatStorage HalfStorage
        IntStorage LongStorage ShortStorage Storage TypedStorage UntypedStorage is_storage
    """,
}


def of(package: str) -> dict[str, str]:
    """The module of each name that `package` makes public."""
    inside = package.removeprefix("lucid").removeprefix(".")
    return {n: f"lucid.{m}" for m, names in NAMES.items() if m.startswith(inside) for n in names.split()}

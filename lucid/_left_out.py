"""The public names of PyTorch that are left out, in families, each with the reason and with what to use instead.

Asking for one of them raises an AttributeError that says so. A name that is in neither of the two libraries is none of
these, and neither is one that exists here: tests hold both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

_SPARSE = "MLX has dense arrays only; keep the tensor dense, or hold indices and values as two tensors"
_QUANTISED = "quantised tensors do not exist here; MLX quantises with mx.quantize and mx.quantized_matmul"
_COMPLEX = "MLX stores complex64 only; use lucid.complex64"
_BITS = "MLX has no such dtype; the narrowest are lucid.bool, lucid.int8, lucid.uint8, lucid.float16 and lucid.bfloat16"
_SCRIPT = "there is no TorchScript; functions and modules run as they are"
_SYMBOLS = "shapes are Python's ints here: use int(), float(), max(), min(), math.sqrt() and `if` on them"
_STREAMS = "MLX orders work by itself; wait for results with .item() or lucid.accelerator.synchronize()"
_DISPATCH = "it steers how PyTorch dispatches calls; lucid has one way, described in lucid/_tape.py"
_KERNELS = "it is PyTorch's binding to one vendor's kernels; use the function of lucid.nn.functional that it belongs to"
_MEASURES = "it is part of PyTorch's benchmark and profiler; use timeit and MLX's tools"
_FILES = "it reads and writes PyTorch's own files; use lucid.save and lucid.load"
_BUILD = "it asks how PyTorch was built; lucid.__version__ and lucid.backends say what is here"
_AUTOCAST = "casting by operation is not supported (see lucid.autocast); convert the model with .to(dtype)"
_DEVICES = "MLX computes on the CPU, on Metal and on CUDA only"
_NORMALISATION = "it is a step of batch normalisation over several GPUs; use lucid.nn.functional.batch_norm"
_MEMORY = "MLX reports a lack of memory as a RuntimeError: catch that"
_REMOVED = "PyTorch has removed it; use lucid.linalg.{}"

_FAMILIES: tuple[tuple[str, str], ...] = (
    (
        _SPARSE,
        """ccol_indices_copy col_indices_copy crow_indices_copy dsmm hsmm hspmm indices_copy jagged resize_as_sparse_
        row_indices_copy saddmm smm sparse sparse_bsc sparse_bsc_tensor sparse_bsr sparse_bsr_tensor
        sparse_compressed_tensor sparse_coo sparse_coo_tensor sparse_csc sparse_csc_tensor sparse_csr
        sparse_csr_tensor spmm sspaddmm values_copy nested""",
    ),
    (
        _QUANTISED,
        """QInt32Storage QInt8Storage QUInt2x4Storage QUInt4x2Storage QUInt8Storage ao choose_qparams_optimized
        dequantize empty_quantized fake_quantize_per_channel_affine fake_quantize_per_tensor_affine
        fused_moving_avg_obs_fake_quant int_repr per_channel_affine per_channel_affine_float_qparams
        per_channel_symmetric per_tensor_affine per_tensor_symmetric q_per_channel_axis q_per_channel_scales
        q_per_channel_zero_points q_scale q_zero_point qint32 qint8 qscheme quantization quantize_per_channel
        quantize_per_tensor quantize_per_tensor_dynamic quantized_batch_norm quantized_gru quantized_gru_cell
        quantized_lstm quantized_lstm_cell quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d
        quantized_rnn_relu_cell quantized_rnn_tanh_cell quint2x4 quint4x2 quint8""",
    ),
    (_COMPLEX, "ComplexDoubleStorage cdouble chalf complex128 complex32"),
    (
        _BITS,
        """bit bits16 bits1x8 bits2x4 bits4x2 bits8 float4_e2m1fn_x2 float8_e4m3fn float8_e4m3fnuz float8_e5m2
        float8_e5m2fnuz float8_e8m0fnu int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7""",
    ),
    (
        _SCRIPT,
        """AliasDb AnyType Argument ArgumentSpec AwaitType Block BoolType BufferDict CallStack Capsule ClassType Code
        CompilationUnit CompleteArgumentSpec ComplexType ConcreteModuleType ConcreteModuleTypeBuilder
        DeepCopyMemoTable DeviceObjType DictType EnumType ErrorReport ExecutionPlan FileCheck FloatType
        FunctionSchema FutureType Gradient Graph GraphExecutorState IODescriptor InferredType IntType InterfaceType
        JITException ListType LiteScriptModule LockingLogger LoggerBase ModuleDict Node NoneType NoopLogger
        NumberType OperatorInfo OptionalType ParameterDict PyObjectType RRefType ScriptClass ScriptClassFunction
        ScriptDict ScriptDictIterator ScriptDictKeyIterator ScriptFunction ScriptList ScriptListIterator
        ScriptMethod ScriptModule ScriptModuleSerializer ScriptObject ScriptObjectProperty StaticModule
        StreamObjType StringType SymBoolType SymIntType TensorType TracingState TupleType Type UnionType Use Value
        export fork fx import_ir_module import_ir_module_from_buffer merge_type_from_type_comment onnx package
        parse_ir parse_schema parse_type_comment unify_type_list wait""",
    ),
    (
        _SYMBOLS,
        """SymBool SymFloat SymInt sym_constrain_range sym_constrain_range_for_size sym_float sym_fresh_size sym_int
        sym_ite sym_max sym_min sym_not sym_sqrt sym_sum""",
    ),
    (_STREAMS, "Event Stream"),
    (
        _DISPATCH,
        """DisableTorchFunction DisableTorchFunctionSubclass DispatchKey DispatchKeySet ExcludeDispatchKeyGuard Tag
        classes library overrides""",
    ),
    (
        _KERNELS,
        """cudnn_affine_grid_generator cudnn_batch_norm cudnn_convolution cudnn_convolution_add_relu
        cudnn_convolution_relu cudnn_convolution_transpose cudnn_grid_sampler cudnn_is_acceptable
        fbgemm_linear_fp16_weight fbgemm_linear_fp16_weight_fp32_activation fbgemm_linear_int8_weight
        fbgemm_linear_int8_weight_fp32_activation fbgemm_linear_quantize_weight fbgemm_pack_gemm_matrix_fp16
        fbgemm_pack_quantized_matrix miopen_batch_norm miopen_convolution miopen_convolution_add_relu
        miopen_convolution_relu miopen_convolution_transpose miopen_ctc_loss miopen_depthwise_convolution miopen_rnn
        mkldnn_adaptive_avg_pool2d mkldnn_convolution mkldnn_linear_backward_weights mkldnn_max_pool2d
        mkldnn_max_pool3d mkldnn_rnn_layer""",
    ),
    (
        _MEASURES,
        """AVG AggregationType BenchmarkConfig BenchmarkExecutionStats SUM ThroughputBenchmark profiler
        profiler_allow_cudagraph_cupti_lazy_reinit_cuda12""",
    ),
    (
        _FILES,
        "DeserializationStorageContext PyTorchFileReader PyTorchFileWriter SerializationStorageContext hub",
    ),
    (
        _BUILD,
        """PRIVATE_OPS TYPE_CHECKING USE_GLOBAL_DEPS USE_RTLD_GLOBAL_WITH_LIBTORCH classproperty
        compiled_with_cxx11_abi get_file_path has_lapack has_mkl has_openmp has_spectral init_num_threads
        is_vulkan_available prepare_multiprocessing_environment""",
    ),
    (
        _AUTOCAST,
        """get_autocast_ipu_dtype get_autocast_xla_dtype is_autocast_ipu_enabled is_autocast_xla_enabled
        set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype
        set_autocast_gpu_dtype set_autocast_ipu_dtype set_autocast_ipu_enabled set_autocast_xla_dtype
        set_autocast_xla_enabled""",
    ),
    (_DEVICES, "mtia xpu"),
    (
        _NORMALISATION,
        """batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt batch_norm_gather_stats
        batch_norm_gather_stats_with_counts batch_norm_stats batch_norm_update_stats""",
    ),
    (_MEMORY, "AcceleratorError FatalError OutOfMemoryError"),
    ("it is the base of PyTorch's storage classes; use lucid.UntypedStorage and lucid.TypedStorage", "StorageBase"),
    ("it lives in lucid.futures", "Future"),
    ("it is a step of PyTorch's norm of sparse tensors; use lucid.linalg.vector_norm", "native_norm"),
    ("use lucid.cuda, lucid.mps or lucid.cpu", "get_device_module"),
    ("use tensor.__dlpack__(), or hand the tensor itself to from_dlpack of the other library", "to_dlpack"),
    ("use lucid.Generator(), which every thread may use", "thread_safe_generator"),
    (_REMOVED.format("eig"), "eig"),
    (_REMOVED.format("eigh"), "symeig"),
    (_REMOVED.format("lstsq"), "lstsq"),
    (_REMOVED.format("matrix_rank"), "matrix_rank"),
    (_REMOVED.format("solve"), "solve"),
)

_TENSOR_FAMILIES: tuple[tuple[str, str], ...] = (
    (
        _SPARSE,
        """ccol_indices coalesce col_indices crow_indices indices is_coalesced resize_as_sparse_ row_indices smm
        sparse_mask sparse_resize_ sparse_resize_and_clear_ sspaddmm to_mkldnn to_padded_tensor to_sparse
        to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr values""",
    ),
    (
        _QUANTISED,
        """dequantize int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point
        qscheme""",
    ),
    (_COMPLEX, "cdouble chalf"),
    (
        "tensors have no names here; name dimensions in einsum",
        "index names",
    ),
    (_STREAMS, "record_stream"),
    (_DEVICES, "ipu mtia xpu"),
    ("a tensor has no fixed address; compare tensors with `is`, untyped_storage() with `==`", "const_data_ptr"),
    ("use copy_(), which load_state_dict does", "module_load"),
    ("PyTorch has removed it; weigh the log probability with the reward and call backward()", "reinforce"),
    (_REMOVED.format("eig"), "eig"),
    (_REMOVED.format("eigh"), "symeig"),
    (_REMOVED.format("lstsq"), "lstsq"),
    (_REMOVED.format("solve"), "solve"),
)

_NN_FAMILIES: tuple[tuple[str, str], ...] = ((_QUANTISED, "intrinsic qat quantizable quantized"),)

_FUNCTIONAL_FAMILIES: tuple[tuple[str, str], ...] = (
    (
        "it multiplies 8-bit numbers with scales on some GPUs; use linear or grouped_mm in bfloat16, or MLX's own "
        "mx.quantized_matmul",
        "ScalingType SwizzleType scaled_grouped_mm scaled_mm",
    ),
    ("it is a helper of TorchScript; call the function that it chooses", "boolean_dispatch"),
)

_PARALLEL_FAMILIES: tuple[tuple[str, str], ...] = (
    ("it copies between GPUs; memory is shared here: use chunk, cat and sum", "comm"),
    ("PyTorch has deprecated it; there is one process, see DistributedDataParallel", "DistributedDataParallelCPU"),
)

_AUTOGRAD_FAMILIES: tuple[tuple[str, str], ...] = ((_MEASURES, "profiler profiler_legacy profiler_util"),)

_FUNC_FAMILIES: tuple[tuple[str, str], ...] = (
    ("inside transforms tensors are ordinary ones: look at x.detach(); in vmap there are no values", "debug_unwrap"),
)


def _by_name(families: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: reason for reason, names in families for name in names.split()}


LEFT_OUT = _by_name(_FAMILIES)
TENSOR_LEFT_OUT = _by_name(_TENSOR_FAMILIES)
NAMESPACES = {  # the modules that have lists of their own
    "lucid.autograd": _by_name(_AUTOGRAD_FAMILIES),
    "lucid.func": _by_name(_FUNC_FAMILIES),
    "lucid.nn": _by_name(_NN_FAMILIES),
    "lucid.nn.functional": _by_name(_FUNCTIONAL_FAMILIES),
    "lucid.nn.parallel": _by_name(_PARALLEL_FAMILIES),
}


def explain(module: str, name: str) -> str:
    """The message of the AttributeError for a name that `module` does not have."""
    reason = NAMESPACES.get(module, LEFT_OUT).get(name)
    return f"module {module!r} has no attribute {name!r}" + (f": {reason}" if reason else "")


class _Absence:
    """Stands for a method that tensors do not have: looking it up fails, and says why."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self.name!r}: {TENSOR_LEFT_OUT[self.name]}")


if TYPE_CHECKING:  # what type checkers see is what is there

    class Absent:
        """The methods that tensors do not have."""
else:
    # A `__getattr__` of the tensor's class would make every lookup of an attribute four times as slow (Python 3.11).
    Absent = type("Absent", (), {"__slots__": (), **{name: _Absence(name) for name in TENSOR_LEFT_OUT}})

"""Where operations differ from PyTorch on its own database's samples, with the reason.

The keys are `name:aspect`: the aspect is a dtype (values and gradients in it), "errors", "inplace", "method",
"aliases" or "out". `test_database_parity` fails for a line that is no longer true.
"""

from __future__ import annotations

_OUT = "PyTorch's binding takes an `out=` that its documentation does not have"
_TIES = "which of equal elements comes first is unspecified without `stable`; lucid takes the first"
_NO_COMPLEX = "not computed for complex numbers: MLX has no complex kernel for it; take .abs(), .real or .imag"
_NO_INTEGERS = "a mean of integers that PyTorch truncates in between: convert with .float()"
_STRIDES = "reads the memory around a view by its strides: the samples are parts of larger tensors"
_WRAPPED = "a Python number as `self` of a reflected operator, which Python itself never calls like that"
_SPARSE = "sparse gradients: MLX has no sparse arrays"
_FLOAT64_COMPLEX = "complex128 is not among MLX's dtypes, so a float64 operand has no complex counterpart"

_AT_ZERO = "the second gradient of a norm at 0 is NaN in PyTorch, and 0 here, as the first one is in both"

_DTYPES = ("float32", "float64", "int64", "int32", "bool", "complex64", "float16", "bfloat16")

KNOWN: dict[str, str] = {
    key: reason
    for keys, reason in (
        ("nn.functional.avg_pool2d:out nn.functional.avg_pool3d:out nn.functional.gelu:out", _OUT),
        ("nn.functional.linear:out nn.functional.logsigmoid:out", _OUT),
        ("nn.functional.softplus:out nn.functional.softshrink:out", _OUT),
        ("argsort:bool argsort:float16 argsort:bfloat16 sort:bool sort:float16 sort:bfloat16", _TIES),
        ("kthvalue:int64 kthvalue:int32 topk:int64 topk:int32 topk:bfloat16", _TIES),
        ("mode:int64 mode:int32 mode:bool mode:float16 mode:bfloat16", _TIES),
        ("nn.functional.rms_norm:complex64", _NO_COMPLEX),
        ("nn.functional.local_response_norm:int64", _NO_INTEGERS),
        (
            "nn.functional.bilinear:int64 nn.functional.bilinear:int32",
            "integer weights: convert with .float()",
        ),
        ("__radd__:errors __rand__:errors __rdiv__:errors __rmul__:errors __ror__:errors __rxor__:errors", _WRAPPED),
        ("nn.functional.embedding:float16 nn.functional.embedding:bfloat16", _SPARSE),
        ("nn.functional.embedding_bag:float16 nn.functional.embedding_bag:bfloat16", _SPARSE),
        ("nn.functional.ctc_loss:float64 native_layer_norm:float64", "PyTorch has no second gradient of it"),
        ("complex:errors nn.functional.l1_loss:complex64", _FLOAT64_COMPLEX),
        (
            "nn.functional.batch_norm:float32 nn.functional.batch_norm:float64",
            "an input of shape (0,) has no channels",
        ),
        (
            "nn.functional.batch_norm:float16 nn.functional.batch_norm:bfloat16",
            "an input of shape (0,) has no channels",
        ),
        (
            "nn.functional.conv_transpose3d:float32",
            "MLX sums 1e4 terms of a bias gradient in float32",
        ),
        (
            "logcumsumexp:float32",
            "the gradient at values of 1e4: both are off in the third digit",
        ),
        ("linalg.norm.subgradients_at_zero:float64", _AT_ZERO),
        ("logcumsumexp:complex64", "an imaginary part by a multiple of 2 pi"),
        ("addbmm:float16", "PyTorch rounds to float16 in between, lucid does not"),
        (
            "as_strided_scatter:float32 as_strided_scatter:float64",
            "PyTorch gives the gradient of what was written over",
        ),
        (
            "masked.logaddexp:float64",
            "PyTorch's second gradient is NaN where one of the two is left out; lucid's is 0",
        ),
        ("histogramdd:out", "PyTorch's documentation has no `out=` for it"),
        (" ".join(f"as_strided.partial_views:{d}" for d in _DTYPES), _STRIDES),
    )
    for key in keys.split()
}

"""Why a name in a pickle is refused, and what to do about it."""

from __future__ import annotations

from lucid.serialization._header import CheckpointError

_CONVERT = (
    "Where PyTorch is installed, put the tensors alone into a file: "
    "safetensors.torch.save_file(torch.load(path, weights_only=True), 'model.safetensors')"
)
_SPECIAL = {
    "torch._utils._rebuild_qtensor": (
        "a quantized tensor, which MLX has no counterpart for; save t.dequantize() where PyTorch is installed"
    ),
    "torch._utils._rebuild_sparse_tensor": (
        "a sparse tensor, which MLX does not have; save t.to_dense() where PyTorch is installed"
    ),
    "torch._utils._rebuild_nested_tensor": (
        "a nested tensor, which MLX does not have; save list(t.unbind()) where PyTorch is installed"
    ),
    "torch._utils._rebuild_meta_tensor_no_storage": (
        "a tensor on the meta device, which has no values; save the model after its weights were made"
    ),
}
for _lazy in ("UninitializedParameter", "UninitializedBuffer"):
    _SPECIAL[f"torch.nn.parameter.{_lazy}"] = (
        "a lazy parameter or buffer, which has no values yet; call the module once before it is saved"
    )
_SPECIAL["torch._utils._rebuild_sparse_csr_tensor"] = _SPECIAL["torch._utils._rebuild_sparse_tensor"]


def refusal(name: str) -> CheckpointError:
    """The error for a pickle that uses `name`, such as "os.system"."""
    shown = name if name.isprintable() else ascii(name)
    if name in _SPECIAL:
        return CheckpointError(f"it contains {_SPECIAL[name]} ({shown})")
    if name.startswith("__torch__."):
        return CheckpointError(
            f"it is a TorchScript program ({shown}); save torch.jit.load(path).state_dict() where PyTorch is installed"
        )
    if name.startswith("torch.optim."):
        return CheckpointError(
            f"it contains {shown}: a whole optimizer or scheduler was saved, not its state_dict(). Where PyTorch is "
            "installed, write torch.save(optimizer.state_dict(), path)"
        )
    if name.startswith("__main__."):
        return CheckpointError(
            f"it contains {shown}, a part of a program. If a whole module was saved, write "
            "torch.save(model.state_dict(), path) where PyTorch and that program are; in place of any other object "
            "save a dict, list or tuple of what is in it"
        )
    if name.startswith("torch.nn.modules."):
        return CheckpointError(
            f"it contains {shown}, a part of a program: a whole module was saved, not its state_dict(). Where PyTorch "
            "and that program are, write torch.save(model.state_dict(), path)"
        )
    return CheckpointError(
        f"it contains {shown}, which is not on the list of what is read: tensors, numbers, text and plain containers "
        f"of them. Nothing was run. {_CONVERT}; if that does not load it either, leave this part out of the checkpoint"
    )

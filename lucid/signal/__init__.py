"""Signal processing: PyTorch's `torch.signal`."""

from lucid.signal import windows

__all__ = ["windows"]

"""What PyTorch keeps in `torch.utils`."""

from lucid.utils import hooks

__all__ = ["hooks"]

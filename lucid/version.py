"""Which version this is."""

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "xpu"]

__version__ = "0.1.0"
cuda = hip = xpu = None  # MLX's backends are not PyTorch's: ask lucid.cuda.is_available()
git_version = None
debug = False

"""lucid side by side with raw MLX and PyTorch, in one run: `make bench`."""

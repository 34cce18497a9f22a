"""lucid side by side with raw MLX, in one run: `make bench`."""

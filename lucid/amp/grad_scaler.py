"""Scaling the loss, so that small gradients survive in float16."""

from __future__ import annotations

import warnings
from typing import Any

import mlx.core as mx

from lucid import _tape
from lucid._device import gpu_name
from lucid._tensor import Tensor
from lucid.amp.autocast_mode import check_device

__all__ = ["GradScaler"]


class GradScaler:
    """Scales losses up, gradients back down, and skips a step whose gradients are infinite or NaN.

    The scale shrinks after such a step and grows after many good ones.

    Args:
        device: "cuda", "metal" (or "mps") or "cpu". For one that is not there, a warning says that nothing is scaled,
            as in PyTorch.
        init_scale: the first scale.
        growth_factor: what it is multiplied by after `growth_interval` good steps in a row; more than 1.
        backoff_factor: what it is multiplied by after a bad step; less than 1.
        growth_interval: how many good steps make it grow.
        enabled: False makes `scale` and `unscale_` do nothing and `step` call `optimizer.step()`.

    >>> import lucid
    >>> w = lucid.nn.Parameter(lucid.tensor([1.0]))
    >>> optimizer = lucid.optim.SGD([w], lr=0.5)
    >>> scaler = lucid.amp.GradScaler("cpu", init_scale=8.0)
    >>> scaler.scale((w * 2).sum()).backward()
    >>> w.grad
    tensor([16.])
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w.detach()
    tensor([0.])
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        check_device("GradScaler", device)
        if enabled and device != "cpu" and {"mps": "metal"}.get(device, device) != gpu_name():
            warnings.warn(
                f"GradScaler: device {device!r} is not available here, so nothing is scaled", UserWarning, stacklevel=2
            )
            enabled = False
        if enabled and not (growth_factor > 1 and backoff_factor < 1):
            raise AssertionError(
                "GradScaler: expected a growth factor above 1 and a backoff factor below 1, got "
                f"{growth_factor} and {backoff_factor}"
            )
        self._enabled, self._scale = enabled, float(init_scale)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._good_steps = growth_interval, 0
        self._stage: dict[int, str] = {}  # of each optimizer since the last `update`: unscaled or stepped
        self._found_inf: dict[int, bool] = {}

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def scale(self, outputs: Any) -> Any:
        """`outputs`, a tensor or a list or tuple of them, multiplied by the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(value) for value in outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of the optimizer's parameters by the scale, to clip them for example.

        `step` does it otherwise. Raises RuntimeError the second time before `update`, and after `step`.
        """
        if not self._enabled:
            return
        stage = self._stage.get(id(optimizer))
        if stage == "unscaled":
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if stage == "stepped":
            raise RuntimeError("unscale_() is being called after step().")
        factor, checks = 1.0 / self._scale, []
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                grad = parameter.grad
                if grad is not None:
                    data = _tape.array(grad)
                    scaled = (
                        (data.astype(mx.float32) * factor).astype(data.dtype) if data.itemsize < 4 else data * factor
                    )
                    checks.append(mx.all(mx.isfinite(scaled)))
                    grad.detach().copy_(_tape.wrap(scaled))
        self._found_inf[id(optimizer)] = bool(checks) and not mx.all(mx.stack(checks)).item()
        self._stage[id(optimizer)] = "unscaled"

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(*args, **kwargs)`, with gradients scaled back, unless one of them is infinite or NaN.

        Evaluates the gradients. Raises RuntimeError the second time before `update`, and for a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        if self._stage.get(id(optimizer)) == "stepped":
            raise RuntimeError("step() has already been called since the last update().")
        if self._stage.get(id(optimizer)) is None:
            self.unscale_(optimizer)
        self._stage[id(optimizer)] = "stepped"
        return None if self._found_inf[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Change the scale as the steps since the last time ask for, or set it to `new_scale`.

        Raises AssertionError if there were none.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found_inf:
            raise AssertionError("No inf checks were recorded prior to update.")
        elif any(self._found_inf.values()):
            self._scale *= self._backoff_factor
            self._good_steps = 0
        else:
            self._good_steps += 1
            if self._good_steps == self._growth_interval:
                self._scale *= self._growth_factor
                self._good_steps = 0
        self._stage.clear()
        self._found_inf.clear()

    def get_scale(self) -> float:
        """The scale, 1 if nothing is scaled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale grows by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale shrinks by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale shrinks by."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many good steps make the scale grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many good steps make the scale grow."""
        self._growth_interval = new_interval

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on as now; empty if nothing is scaled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._good_steps,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on as the scaler that gave `state_dict`. Raises RuntimeError if that one scaled nothing."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._good_steps = state_dict["_growth_tracker"]

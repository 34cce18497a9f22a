"""`Optimizer`: parameters in groups, the state kept for each, and how both are saved and restored.

An optimizer of ours says four things (see `_update`): which numbers of a group it uses, which state it keeps for a
parameter, what is the same for all parameters that took equally many steps, and the rule itself, a pure function of
arrays. An optimizer of a user's own may as well override `step` and write it in tensors.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any, TypeVar

import mlx.core as mx

from lucid import _tape, _views
from lucid._grad_mode import enable_grad, no_grad
from lucid._handles import Hooks, RemovableHandle
from lucid._tensor import Tensor
from lucid.optim import _update
from lucid.optim._update import Update, settled

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

F = TypeVar("F", bound=Callable[..., Any])
Group = dict[str, Any]

_before_any_step = Hooks()
_after_any_step = Hooks()


def _observed(step: F) -> F:
    """`step` with the hooks around it, and the evaluation of what it computed started behind it."""

    @functools.wraps(step)
    def observed(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if type(self).step is not observed:  # called by the step of a subclass, which has all this around it already
            return step(self, *args, **kwargs)
        args = (self, *args)
        for hook in [*_before_any_step.values(), *self._optimizer_step_pre_hooks.values()]:
            result = hook(self, args, kwargs)
            if isinstance(result, tuple) and len(result) == 2:
                args, kwargs = result
            elif result is not None:
                raise RuntimeError(
                    f"step pre-hook {hook!r} must return None or a tuple of (new_args, new_kwargs), but got {result!r}"
                )
        out = step(*args, **kwargs)
        for hook in [*self._optimizer_step_post_hooks.values(), *_after_any_step.values()]:
            hook(self, args, kwargs)
        self._opt_called = True  # a scheduler warns if it is stepped before its optimizer
        _tape.start_evaluation(self._tensors())
        return out

    return observed  # type: ignore[return-value]


class Optimizer:
    """The base of all optimizers.

    Args:
        params: what to optimize: an iterable of tensors, of `(name, tensor)` pairs, or of dicts, each with such an
            iterable under "params" and the options in which this group differs.
        defaults: the options of groups that do not name their own.

    Raises TypeError or ValueError if `params` is empty or holds anything but leaf tensors, each in one group.

    >>> import lucid
    >>> w = lucid.nn.Parameter(lucid.tensor([1.0, 2.0]))
    >>> optimizer = lucid.optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0., 0.])
    """

    defaults: dict[str, Any]
    state: defaultdict[Any, Any]  # by Parameter
    param_groups: list[Group]
    _opt_called = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _observed(cls.__dict__["step"])  # type: ignore[method-assign]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}; put it in a list"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        self._updates: list[Update] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _make_hooks(self) -> None:
        self._optimizer_step_pre_hooks = Hooks()
        self._optimizer_step_post_hooks = Hooks()
        self._optimizer_state_dict_pre_hooks = Hooks()
        self._optimizer_state_dict_post_hooks = Hooks()
        self._optimizer_load_state_dict_pre_hooks = Hooks()
        self._optimizer_load_state_dict_post_hooks = Hooks()

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters, such as those of a layer that is fine-tuned from now on.

        Args:
            param_group: a dict with the parameters under "params", and the options in which the group differs.

        Raises TypeError or ValueError if it does not hold leaf tensors that are in no other group, with names if the
        others have names.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params, names = _named(param_group["params"])
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        if len(params) != len({id(p) for p in params}):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; each occurrence is updated in every "
                "step",
                UserWarning,
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in group) != ("param_names" in param_group):
                missing = "without" if "param_names" in group else "with"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {missing} names to the optimizer"
                )
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in seen for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            options = sorted(key for key in group if key != "params")
            lines += ["", f"Parameter Group {i}", *(f"    {key}: {group[key]}" for key in options)]
        return f"{type(self).__name__} (" + "\n".join(lines) + "\n)"

    # -- steps ---------------------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters: remove them, or with `set_to_none=False` fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    grad = p._grad
                    if not _views.is_view(grad):
                        grad._node = None
                    with no_grad():
                        _views.assign(grad, _tape.wrap(mx.zeros_like(_tape.array(grad))))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        The computation is started, and goes on while Python does: a loop that never looks at a value does not pile up
        its graph.

        Args:
            closure: computes the loss and its gradients again; called before the update.

        Returns what `closure` returned, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for update in self._refreshed():
            update.run(self.state)
        return loss

    def _tensors(self) -> Iterator[Tensor]:
        """All parameters, and the tensors of their state."""
        for group in self.param_groups:
            yield from group["params"]
        for state in self.state.values():
            if isinstance(state, dict):
                for value in state.values():
                    if isinstance(value, Tensor):
                        yield value

    def _refreshed(self) -> list[Update]:
        """One update for each group, with the group's numbers of this moment in the arrays that the rule reads."""
        if _update.refreshed is not None:
            _update.refreshed.append(self)
        for i, group in enumerate(self.param_groups):
            if i == len(self._updates):
                self._updates.append(self._update(group))
            elif self._updates[i].group is not group:
                self._updates[i] = self._update(group)
            self._updates[i].refresh()
        del self._updates[len(self.param_groups) :]
        return self._updates

    def _update(self, group: Group) -> Update:
        """How the parameters of `group` are updated."""
        raise NotImplementedError(f"{type(self).__name__}.step: an optimizer overrides step(closure=None)")

    # -- state dicts ---------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state as a dict: "state" by the parameters' numbers, "param_groups" with those numbers under "params".

        Its tensors are the optimizer's own: copy them (`copy.deepcopy`) to keep what they hold now.
        """
        for hook in list(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        number: dict[int, int] = {}
        groups, start = [], 0
        for group in self.param_groups:
            params = group["params"]
            number.update((id(p), i) for i, p in enumerate(params, start) if id(p) not in number)
            packed = {key: value for key, value in group.items() if key != "params"}
            groups.append({**packed, "params": [number[id(p)] for p in params]})
            start += len(params)
        state = {number[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()}
        found: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in list(self._optimizer_state_dict_post_hooks.values()):
            result = hook(self, found)
            found = found if result is None else result
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state and the options in `state_dict`, which `state_dict()` of such an optimizer returned.

        The n-th parameter there belongs to the n-th here; names are not compared. Values are copied, in the dtype and
        on the device of their parameter. If anything raises, the optimizer is left as it was.

        Raises TypeError if it is no dict, KeyError if it lacks a part, ValueError if its groups are not of the same
        sizes.
        """
        if not isinstance(state_dict, dict):
            raise TypeError(f"load_state_dict: expected a dict from state_dict(), got {type(state_dict).__name__}")
        state_dict = state_dict.copy()
        for hook in list(self._optimizer_load_state_dict_pre_hooks.values()):
            result = hook(self, state_dict)
            state_dict = state_dict if result is None else result
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"expected {len(self.param_groups)}, got {len(saved)}"
            )
        for i, (group, other) in enumerate(zip(self.param_groups, saved, strict=True)):
            if len(group["params"]) != len(other["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"expected {len(group['params'])} parameters in group {i}, got {len(other['params'])}"
                )
        params = itertools.chain.from_iterable(group["params"] for group in self.param_groups)
        of_number = dict(zip(itertools.chain.from_iterable(group["params"] for group in saved), params, strict=True))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            state[of_number.get(key, key)] = settled(value, of_number.get(key))
        for group, other in zip(self.param_groups, saved, strict=True):
            other["params"] = group["params"]
            if "param_names" in group:
                other.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in list(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._updates = []
        if "_optimizer_step_pre_hooks" not in self.__dict__:  # after unpickling: hooks are not pickled
            self._make_hooks()

    # -- hooks ---------------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step. `args` starts with the optimizer.

        It may return new `(args, kwargs)`.
        """
        return RemovableHandle.add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return RemovableHandle.add(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict` is taken; first of all hooks with `prepend`."""
        return RemovableHandle.add(self._optimizer_state_dict_pre_hooks, hook, prepend=prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` on what `state_dict()` is to return. It may return another dict."""
        return RemovableHandle.add(self._optimizer_state_dict_post_hooks, hook, prepend=prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)`, on a shallow copy, before it is loaded. It may return another dict."""
        return RemovableHandle.add(self._optimizer_load_state_dict_pre_hooks, hook, prepend=prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after a state was loaded."""
        return RemovableHandle.add(self._optimizer_load_state_dict_post_hooks, hook, prepend=prepend)


Optimizer.step = _observed(Optimizer.step)  # type: ignore[method-assign]


def _named(params: Any) -> tuple[list[Tensor], list[str]]:
    """The tensors among `params`, checked, and their names if they have names."""
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but a set has another order in each "
            "run. Use a list."
        )
    items = [params] if isinstance(params, Tensor) else list(params)
    names = [item[0] for item in items if isinstance(item, tuple)]
    tensors = [item[1] if isinstance(item, tuple) else item for item in items]
    if names and len(names) != len(items):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(t).__name__}")
        if not (t.is_leaf or t.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor; pass the tensor it was computed from")
    return tensors, names


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of every optimizer."""
    return RemovableHandle.add(_before_any_step, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of every optimizer."""
    return RemovableHandle.add(_after_any_step, hook)

"""Saving state, and the hooks around saving and loading it."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest


@pytest.mark.parity
class TestSaving:
    def test_keys_and_values(self, twins):
        def scenario(lib):
            net = lib.net()
            lib.note(net.state_dict(), net.state_dict(prefix="model."), lib.nn.Module().state_dict())

        twins(scenario)

    def test_metadata(self, twins):
        def scenario(lib):
            class Versioned(lib.nn.Module):
                _version = 5

            net = lib.net()
            net.versioned = Versioned()
            lib.note(net.state_dict()._metadata, net.state_dict(prefix="a.b.")._metadata, type(net.state_dict()))

        twins(scenario)

    def test_destination(self, twins):
        def scenario(lib):
            net, destination = lib.net(), {"there": 1}
            assert net.state_dict(destination=destination, prefix="x.") is destination
            lib.note(destination, hasattr(destination, "_metadata"))
            ordered = OrderedDict()
            ordered._metadata = OrderedDict()
            lib.note(net.state_dict(destination=ordered), ordered._metadata)

        twins(scenario)

    def test_keep_vars(self, twins):
        def scenario(lib):
            net = lib.stateful()
            kept, plain = net.state_dict(keep_vars=True), net.state_dict()
            lib.note(kept["weight"] is net.weight, kept["mean"] is net.mean, type(kept["weight"]))
            lib.note(type(plain["weight"]), plain["weight"] is net.weight, plain["weight"].requires_grad)

        twins(scenario)

    def test_values_are_shared(self, twins):
        def scenario(lib):
            net = lib.stateful()
            saved = net.state_dict()
            with lib.no_grad():
                net.weight.add_(1.0)
                net.mean.add_(1.0)
            lib.note(saved)
            saved["weight"].mul_(2.0)
            saved["mean"].copy_(lib.tensor([0.0, 1.0]))
            lib.note(net.weight, net.mean)

        twins(scenario)

    def test_extra_state(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.with_extra(), lib.scale())
            lib.note(net.state_dict())
            lib.raises(lib.nn.Module().get_extra_state, message=False)
            lib.raises(lambda: lib.nn.Module().set_extra_state(1), message=False)

        twins(scenario)

    def test_overridden_saving(self, twins):
        def scenario(lib):
            class Custom(lib.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.w = lib.param(1.0)

                def _save_to_state_dict(self, destination, prefix, keep_vars):
                    super()._save_to_state_dict(destination, prefix, keep_vars)
                    destination[prefix + "more"] = lib.tensor(1)

            class Renaming(lib.nn.Module):
                def state_dict(self, *args, **kwargs):
                    lib.note(len(args), sorted(kwargs))
                    return super().state_dict(*args, **kwargs)

            net = lib.nn.Sequential(Custom(), Renaming())
            lib.note(net.state_dict())

        twins(scenario)

    def test_hooks(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.scale(), lib.scale())

            def post(tag):
                return lambda m, sd, prefix, meta: lib.note(tag, type(m), list(sd), prefix, meta)

            for name, module in net.named_modules():
                module.register_state_dict_pre_hook(
                    lambda m, prefix, keep, name=name: lib.note("pre", name, prefix, keep)
                )
                module.register_state_dict_post_hook(post(f"post {name}"))
                module._register_state_dict_hook(post(f"old {name}"))
            net.state_dict(keep_vars=True)
            net.state_dict(prefix="p.")

        twins(scenario)

    def test_hooks_that_return(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.scale())
            net._register_state_dict_hook(lambda m, sd, prefix, meta: {"replaced": len(sd)})
            lib.note(net.state_dict())
            outer = lib.nn.Sequential(net)
            lib.note(outer.state_dict())
            net.register_state_dict_post_hook(lambda m, sd, prefix, meta: sd)
            lib.raises(net.state_dict, message=False)

        twins(scenario)

    def test_changing_in_place(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.scale())
            handle = net[0].register_state_dict_post_hook(lambda m, sd, prefix, meta: sd.__delitem__(prefix + "factor"))
            lib.note(net.state_dict())
            handle.remove()
            lib.note(net.state_dict())

        twins(scenario)


@pytest.mark.parity
class TestHooks:
    def test_order_and_arguments(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.scale(), lib.nn.Sequential(lib.scale()))
            for name, module in net.named_modules():
                module.register_load_state_dict_pre_hook(
                    lambda m, sd, *rest, name=name: lib.note("pre", name, type(m), list(sd), *rest)
                )
                module._register_load_state_dict_pre_hook(
                    lambda sd, *rest, name=name: lib.note("old", name, list(sd), *rest)
                )
                module._register_load_state_dict_pre_hook(
                    lambda *a, name=name: lib.note(name, len(a)), with_module=True
                )
                module.register_load_state_dict_post_hook(
                    lambda m, keys, name=name: lib.note("post", name, type(m), keys)
                )
            net.load_state_dict(net.state_dict())
            net.load_state_dict({"x": 1}, strict=False)

        twins(scenario)

    def test_pre_hook_renames(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.scale())

            def rename(module, sd, prefix, *rest):
                sd[prefix + "factor"] = sd.pop(prefix + "old")

            net[0].register_load_state_dict_pre_hook(rename)
            lib.attempt(lambda: net.load_state_dict({"0.old": lib.tensor([4.0, 5.0])}))
            lib.note(net.state_dict())

        twins(scenario)

    def test_pre_hook_reports(self, twins):
        def scenario(lib):
            def report(module, sd, prefix, meta, strict, missing, unexpected, errors):
                missing.append("m")
                unexpected.append("u")
                errors.append("something is wrong")

            net = lib.scale()
            net.register_load_state_dict_pre_hook(report)
            lib.attempt(lambda: net.load_state_dict(net.state_dict()))
            lib.attempt(lambda: net.load_state_dict(net.state_dict(), strict=False))

        twins(scenario)

    def test_post_hook_decides(self, twins):
        def scenario(lib):
            net = lib.scale()
            net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
            lib.attempt(lambda: net.load_state_dict({}))
            net.register_load_state_dict_post_hook(lambda m, keys: keys.unexpected_keys.append("made up"))
            lib.attempt(lambda: net.load_state_dict(net.state_dict()))
            net.register_load_state_dict_post_hook(lambda m, keys: keys)
            lib.attempt(lambda: net.load_state_dict(net.state_dict(), strict=False))

        twins(scenario)

    def test_extra_state(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.with_extra())
            saved = net.state_dict()
            saved["0._extra_state"] = {"step": 5}
            lib.note(net.load_state_dict(saved), net[0].extra)
            del saved["0._extra_state"]
            lib.attempt(lambda: net.load_state_dict(saved))
            lib.attempt(lambda: net.load_state_dict(saved, strict=False))

        twins(scenario)

    def test_overridden_loading(self, twins):
        def scenario(lib):
            class Old(lib.nn.Module):
                _version = 2

                def __init__(self):
                    super().__init__()
                    self.w = lib.param(1.0)

                def _load_from_state_dict(self, sd, prefix, local_metadata, strict, missing, unexpected, errors):
                    lib.note(list(sd), prefix, local_metadata, strict, missing, unexpected, errors)
                    if local_metadata.get("version", 1) < 2:
                        sd[prefix + "w"] = sd.pop(prefix + "old")
                    super()._load_from_state_dict(sd, prefix, local_metadata, strict, missing, unexpected, errors)

            net = lib.nn.Sequential(Old(), lib.scale())
            lib.note(net.load_state_dict(net.state_dict()))
            lib.attempt(lambda: net.load_state_dict({"0.old": lib.tensor([9.0]), "1.factor": lib.ones(2)}))
            lib.note(net.state_dict())

        twins(scenario)

    def test_module_is_gone(self, mine):
        module, other = mine.scale(), mine.scale()
        module.register_load_state_dict_pre_hook(lambda m, *rest: None)
        other._load_state_dict_pre_hooks.update(module._load_state_dict_pre_hooks)
        hook = next(iter(other._load_state_dict_pre_hooks.values()))
        del module
        with pytest.raises(RuntimeError, match="dead Module"):
            copy.copy(hook)
        with pytest.raises(RuntimeError, match="dead Module"):
            other.load_state_dict(other.state_dict())

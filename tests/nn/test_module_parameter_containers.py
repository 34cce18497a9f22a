"""ParameterList and ParameterDict."""

from __future__ import annotations

from collections import OrderedDict, UserDict

import pytest

import lucid
from lucid import nn

INDICES = [0, 1, 2, -1, -3, 3, -4, 100, 1.0, "0", None, True]
SLICES = [
    slice(None),
    slice(1, None),
    slice(None, -1),
    slice(None, None, 2),
    slice(None, None, -1),
    slice(5, 9),
    slice(2, 0),
]


@pytest.mark.parity
class TestParameterList:
    def test_reading_and_writing(self, twins):
        def scenario(lib):
            values = lib.nn.ParameterList([lib.param(1.0), lib.tensor([2.0]), "text", 5, None])
            lib.note(
                len(values), list(values), [type(v) for v in values], list(values.parameters()), values.state_dict()
            )
            lib.note(values[0], values[-1], values[1].requires_grad, getattr(values, "1") is values[1])
            values[0] = lib.tensor([9.0, 9.0])
            values[2] = lib.param(3.0)
            lib.note(list(values), list(values.named_parameters()))
            assert values.append(lib.param(4.0)) is values
            assert values.extend([lib.tensor([5.0]), 6]) is values
            values += [lib.param(7.0)]
            lib.note(len(values), list(values.named_parameters()), [n for n in dir(values) if n.isdigit()])

        twins(scenario)

    @pytest.mark.parametrize("index", [*INDICES, *SLICES], ids=str)
    def test_getting(self, twins, index):
        def scenario(lib):
            lib.kind_of(lambda: list_of(lib.nn.ParameterList([lib.param(k) for k in (1.0, 2.0, 3.0)])[index]))

        twins(scenario)

    def test_repr(self, twins):
        def scenario(lib):
            half = lib.param(1.0).half()
            values = [
                lib.param(1.0),
                lib.zeros(2, 3),
                half,
                lib.nn.Parameter(lib.tensor(1.0)),
                "text",
                lib.nn.Identity(),
            ]
            for values in (values, [], [lib.param(1.0)]):  # noqa: B020
                lib.note(repr(lib.nn.ParameterList(values)))
            lib.note(repr(lib.nn.Sequential(lib.nn.ParameterList(values))))

        twins(scenario)

    def test_refused(self, twins):
        def scenario(lib):
            values = lib.nn.ParameterList([lib.param(1.0)])
            for call in (
                lambda: values(1),
                lambda: values.extend(5),
                lambda: values.extend(lib.zeros(2)),
                lambda: lib.nn.ParameterList(lib.zeros(2)),
                lambda: values.__setitem__(5, lib.param(1.0)),
                lambda: values.__setitem__(0, "text"),
                lambda: values.append(lib.tensor([1])),
            ):
                lib.kind_of(call)

        twins(scenario)


def list_of(value):
    return list(value) if hasattr(value, "append") else value


@pytest.mark.parity
class TestParameterDict:
    def test_reading_and_writing(self, twins):
        def scenario(lib):
            table = lib.nn.ParameterDict({"b": lib.param(1.0), "a": lib.tensor([2.0]), "text": "x"})
            lib.note(len(table), list(table), list(table.keys()), list(table.values()), list(table.items()), table.a)
            lib.note(
                list(reversed(table)), "a" in table, "z" in table, table.get("a"), table.get("z"), table.get("z", 5)
            )
            lib.note(
                list(table.named_parameters()), table.state_dict(), table.setdefault("a", 1), table.setdefault("n")
            )
            lib.note(table.setdefault("m", lib.tensor([3.0])), table.pop("b"), table.popitem(), list(table))
            table["new"] = lib.tensor([4.0])
            table["a"] = lib.param(5.0)
            lib.note(list(table.items()))
            del table["a"]
            lib.note(list(table), list(table.named_parameters()), hasattr(table, "a"))
            table.clear()
            lib.note(len(table), list(table.named_parameters()))

        twins(scenario)

    def test_refused(self, twins):
        def scenario(lib):
            table = lib.nn.ParameterDict({"a": lib.param(1.0)})
            for call in (
                lambda: table(1),
                lambda: table[5],
                lambda: table.__setitem__(5, lib.param(1.0)),
                lambda: table["z"],
                lambda: table.pop("z"),
                lambda: table.__delitem__("z"),
                lambda: lib.nn.ParameterDict().popitem(),
                lambda: table.update(5),
                lambda: table.update([5]),
                lambda: table.update([("a",)]),
                lambda: table.__setitem__("a", "text"),
                lambda: table.__setitem__("a.b", lib.param(1.0)),
            ):
                lib.kind_of(call)
            lib.note(list(table.named_parameters()))

        twins(scenario)

    def test_updating(self, twins):
        def scenario(lib):
            a, b, c = lib.param(1.0), lib.param(2.0), lib.tensor([3.0])
            for source in (
                {"c": c, "a": a},
                OrderedDict([("c", c), ("a", a)]),
                [("c", c), ["a", a]],
                lib.nn.ParameterDict([("c", c), ("a", a)]),
                UserDict({"c": c, "a": a}),
            ):
                table = lib.nn.ParameterDict({"b": b})
                table.update(source)
                lib.note(list(table.items()), table["a"] is a)

        twins(scenario)

    def test_copying_and_merging(self, twins):
        def scenario(lib):
            left = lib.nn.ParameterDict([("b", lib.param(1.0)), ("a", lib.param(2.0))])
            right = lib.nn.ParameterDict([("c", lib.param(3.0)), ("a", lib.param(4.0))])
            both, twin = left | right, left.copy()
            lib.note(list(both.items()), list((right | left).items()), list(twin.items()), twin["a"] is left["a"])
            same = left
            left |= right
            lib.note(left is same, list(left.items()))
            merged = {"d": 1} | left
            lib.note(type(merged), list(merged))
            lib.note(list(left.fromkeys(["x", "y"], 3).items()), list(left.fromkeys("ab").items()))

        twins(scenario)

    def test_repr(self, twins):
        def scenario(lib):
            half = lib.param(1.0).half()
            table = lib.nn.ParameterDict([("w", lib.zeros(2, 3)), ("h", half), ("text", "x"), ("none", None)])
            lib.note(repr(table), repr(lib.nn.ParameterDict()), repr(lib.nn.ModuleDict({"p": table})))

        twins(scenario)


def test_attributes_beside_the_list_are_not_in_it():
    values = nn.ParameterList([lucid.zeros(1)])
    values.note = nn.Parameter(lucid.zeros(2))
    assert len(values) == 1
    assert len(list(values.parameters())) == 2

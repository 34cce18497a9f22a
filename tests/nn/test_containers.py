"""Sequential, ModuleList and ModuleDict."""

from __future__ import annotations

import copy
from collections import OrderedDict, UserDict

import pytest

from lucid import nn


def tagged(lib):
    """A class of modules that print and add their tag."""

    class Tag(lib.nn.Module):
        def __init__(self, tag):
            super().__init__()
            self.tag = tag

        def extra_repr(self):
            return str(self.tag)

        def forward(self, x):
            return f"{x}{self.tag}"

    return Tag


def three(lib, kind):
    Tag = tagged(lib)
    tags = [Tag("a"), Tag("b"), Tag("c")]
    return lib.nn.Sequential(*tags) if kind == "Sequential" else lib.nn.ModuleList(tags)


def content(container):
    return [(name, repr(child)) for name, child in container._modules.items()], len(container)


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
@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
class TestSequences:
    @pytest.mark.parametrize("index", [*INDICES, *SLICES], ids=str)
    def test_getting(self, twins, kind, index):
        twins(lambda lib: lib.kind_of(lambda: three(lib, kind)[index]))

    @pytest.mark.parametrize("index", [*INDICES, *SLICES], ids=str)
    def test_deleting(self, twins, kind, index):
        def scenario(lib):
            container = three(lib, kind)
            lib.kind_of(lambda: container.__delitem__(index))
            lib.note(content(container))

        twins(scenario)

    @pytest.mark.parametrize("index", [*INDICES, slice(0, 1)], ids=str)
    def test_popping(self, twins, kind, index):
        def scenario(lib):
            container = three(lib, kind)
            lib.kind_of(lambda: container.pop(index))
            lib.note(content(container))

        twins(scenario)

    @pytest.mark.parametrize("index", [0, 2, -1, 3, -4, "0"], ids=str)
    def test_setting(self, twins, kind, index):
        def scenario(lib):
            container = three(lib, kind)
            lib.kind_of(lambda: container.__setitem__(index, tagged(lib)("new")))
            lib.note(content(container))
            lib.kind_of(lambda: container.__setitem__(0, 5))
            lib.kind_of(lambda: container.__setitem__(0, None))
            lib.note(content(container))

        twins(scenario)

    @pytest.mark.parametrize("index", [0, 1, 3])
    def test_inserting(self, twins, kind, index):
        def scenario(lib):
            container = three(lib, kind)
            result = container.insert(index, tagged(lib)("new"))
            lib.note(content(container), result is container)

        twins(scenario)

    def test_appending_and_extending(self, twins, kind):
        def scenario(lib):
            container, Tag = three(lib, kind), tagged(lib)
            assert container.append(Tag("d")) is container
            assert container.extend([Tag("e"), Tag("f")]) is container
            container.extend(iter([Tag("g")]))
            container.extend(three(lib, kind))
            lib.note(content(container))
            for bad in (5, None, [1], "ab"):
                lib.kind_of(lambda bad=bad: container.extend(bad))
            lib.kind_of(lambda: container.append(1))
            lib.kind_of(lambda: container.append(None))

        twins(scenario)

    def test_adding(self, twins, kind):
        def scenario(lib):
            container = three(lib, kind)
            other = three(lib, kind)
            both = container + other
            lib.note(type(both), content(both), len(container), both[0] is container[0])
            same = container
            container += other
            lib.note(container is same, content(container))
            for bad in (5, None):
                lib.kind_of(lambda bad=bad: container + bad)

        twins(scenario)

    def test_reading(self, twins, kind):
        def scenario(lib):
            container = three(lib, kind)
            lib.note(len(container), [m.tag for m in container], [m.tag for m in reversed(container)], bool(container))
            lib.note(
                container[1] in container, tagged(lib)("b") in container, [n for n in dir(container) if n.isdigit()]
            )
            lib.note(getattr(container, "1"), container.get_submodule("2"), repr(container), container.state_dict())
            lib.note(len(getattr(lib.nn, kind)()), repr(getattr(lib.nn, kind)()), bool(getattr(lib.nn, kind)()))

        twins(scenario)

    def test_subclass_slices(self, twins, kind):
        def scenario(lib):
            class Mine(getattr(lib.nn, kind)):
                pass

            tags = [tagged(lib)(tag) for tag in "abc"]
            container = Mine(*tags) if kind == "Sequential" else Mine(tags)
            lib.note(type(container[:2]), type(container + container), repr(container[1:]))

        twins(scenario)

    def test_shared_modules(self, twins, kind):
        def scenario(lib):
            module = lib.scale()
            container = lib.nn.Sequential(module, module) if kind == "Sequential" else lib.nn.ModuleList([module] * 2)
            lib.note(
                len(list(container.parameters())),
                container.state_dict(),
                repr(container),
                len(list(container.modules())),
            )

        twins(scenario)

    def test_deepcopy(self, twins, kind):
        def scenario(lib):
            container = three(lib, kind)
            twin = copy.deepcopy(container)
            del twin[0]
            lib.note(content(container), content(twin))

        twins(scenario)


@pytest.mark.parity
class TestSequential:
    def test_forward(self, twins):
        def scenario(lib):
            lib.note(three(lib, "Sequential")("x"), lib.nn.Sequential()(5))
            lib.kind_of(lambda: three(lib, "Sequential")("x", "y"))

        twins(scenario)

    def test_named(self, twins):
        def scenario(lib):
            Tag = tagged(lib)
            container = lib.nn.Sequential(OrderedDict([("one", Tag("a")), ("two", Tag("b")), ("three", Tag("c"))]))
            lib.note(repr(container), container("x"), container.two, repr(container[1:]), repr(container[-1]))
            container[0] = Tag("new")
            lib.note(content(container))
            container.append(Tag("d"))
            lib.note(content(container))
            del container[1]
            lib.note(content(container))

        twins(scenario)

    def test_what_it_is_made_of(self, twins):
        def scenario(lib):
            Tag = tagged(lib)
            for values in ([{"a": Tag("a")}], [[Tag("a")]], [1], [Tag], [OrderedDict(), Tag("a")], [OrderedDict(a=1)]):
                lib.kind_of(lambda values=values: lib.nn.Sequential(*values))
            lib.note(repr(lib.nn.Sequential(OrderedDict())), repr(lib.nn.Sequential(None)))
            lib.kind_of(lambda: lib.nn.Sequential(OrderedDict([("a.b", Tag("a"))])))
            lib.kind_of(lambda: lib.nn.Sequential(OrderedDict([("forward", Tag("a"))])))

        twins(scenario)

    @pytest.mark.parametrize("factor", [1, 2, 3, 0, -1, 2.0, "2", None, True])
    def test_multiplying(self, twins, factor):
        def scenario(lib):
            container = three(lib, "Sequential")
            for call in (lambda: container * factor, lambda: factor * container):
                product = lib.kind_of(call)
                if product is not None:
                    lib.note(content(product), product[0] is container[0], product is container)
            same = container
            try:
                container *= factor
            except Exception as error:
                lib.note(type(error))
            lib.note(content(container), same is container)

        twins(scenario)

    def test_adding_other_things(self, twins):
        def scenario(lib):
            container = three(lib, "Sequential")
            for bad in ([tagged(lib)("a")], three(lib, "ModuleList"), tagged(lib)("a")):
                lib.kind_of(lambda bad=bad: container + bad)
                lib.kind_of(lambda bad=bad: container.__iadd__(bad))
            lib.note(content(container))

        twins(scenario)

    def test_inserting_bounds(self, twins):
        def scenario(lib):
            for index in (-1, -3, -4, 4, 10):
                container = three(lib, "Sequential")
                lib.kind_of(lambda index=index, c=container: content(c.insert(index, tagged(lib)("new"))))
            lib.kind_of(lambda: three(lib, "Sequential").insert(0, 5))

        twins(scenario)

    def test_hooks_inside(self, twins):
        def scenario(lib):
            container = three(lib, "Sequential")
            container[1].register_forward_hook(lambda m, args, out: out.upper())
            lib.note(container("x"))

        twins(scenario)

    def test_inserting_into_a_named_one_renumbers(self, mine):
        container = nn.Sequential(OrderedDict([("one", nn.Identity()), ("two", nn.Identity())]))
        container.insert(1, mine.scale())
        assert list(container._modules) == ["0", "1", "2"]
        assert type(container[1]).__name__ == "Scale"


@pytest.mark.parity
class TestModuleList:
    def test_making(self, twins):
        def scenario(lib):
            Tag = tagged(lib)
            for values in ((Tag(k) for k in range(2)), [], (), {"a": Tag(1)}.values(), lib.nn.Sequential(Tag(1))):
                lib.note(repr(lib.nn.ModuleList(values)))
            for bad in (5, [1], [Tag], Tag(1)):
                lib.kind_of(lambda bad=bad: lib.nn.ModuleList(bad))

        twins(scenario)

    def test_adding_any_iterable(self, twins):
        def scenario(lib):
            container, Tag = three(lib, "ModuleList"), tagged(lib)
            lib.note(content(container + [Tag("x")]), content(container + (Tag(k) for k in range(2))))  # noqa: RUF005
            container += [Tag("y")]
            lib.note(content(container))

        twins(scenario)

    @pytest.mark.parametrize("tags", ["aab", "abb", "aaa", "aba", "a", "", "aabbccca"])
    def test_repr(self, twins, tags):
        twins(lambda lib: repr(lib.nn.ModuleList([tagged(lib)(tag) for tag in tags])))

    def test_nested_repr(self, twins):
        def scenario(lib):
            blocks = [lib.nn.Sequential(tagged(lib)("a"), tagged(lib)("b")) for _ in range(3)]
            lib.note(repr(lib.nn.ModuleList([*blocks, lib.nn.ModuleList(blocks)])))

        twins(scenario)

    def test_inserting_counts_as_in_a_list(self, mine):
        Tag = tagged(mine)
        for index in (-1, -3, -100, 0, 3, 100):
            container, want = three(mine, "ModuleList"), list("abc")
            container.insert(index, Tag("new"))
            want.insert(index, "new")
            assert [m.tag for m in container] == want
            assert list(container._modules) == ["0", "1", "2", "3"]
        with pytest.raises(TypeError, match="int is not a Module subclass"):
            container.insert(0, 5)


@pytest.mark.parity
class TestModuleDict:
    def test_reading_and_writing(self, twins):
        def scenario(lib):
            Tag = tagged(lib)
            table = lib.nn.ModuleDict({"b": Tag("b"), "a": Tag("a")})
            lib.note(len(table), list(table), list(table.keys()), list(table.values()), list(table.items()))
            lib.note(
                "a" in table, "c" in table, 5 in table, table["a"], table.a, repr(table), bool(lib.nn.ModuleDict())
            )
            table["c"] = Tag("c")
            table["a"] = Tag("new")
            lib.note(content(table), table.pop("b"), content(table))
            for call in (lambda: table["x"], lambda: table.pop("x"), lambda: table.__delitem__("x")):
                lib.kind_of(call)
            for key in ("", "x.y", 5, "keys", "forward", "training"):
                lib.kind_of(lambda key=key: table.__setitem__(key, Tag("z")))
            lib.kind_of(lambda: table.__setitem__("z", 5))
            lib.kind_of(lambda: table.__setitem__("none", None))
            lib.note(content(table))
            del table["a"]
            lib.note(content(table))
            table.clear()
            lib.note(content(table), repr(table))

        twins(scenario)

    def test_updating(self, twins):
        def scenario(lib):
            Tag = tagged(lib)
            sources = [
                {"b": Tag(1), "a": Tag(2)},
                OrderedDict([("b", Tag(1)), ("a", Tag(2))]),
                lib.nn.ModuleDict({"z": Tag(3)}),
                UserDict({"u": Tag(4), "t": Tag(5)}),
                [("p", Tag(6)), ["q", Tag(7)]],
                (pair for pair in [("g", Tag(8))]),
                {"b": Tag("new")}.items(),
            ]
            table = lib.nn.ModuleDict()
            for source in sources:
                lib.note(table.update(source), content(table))
            for bad in (5, None, [5], [("a",)], [("a", Tag(1), 2)], ["abc"], [("a", 5)]):
                lib.kind_of(lambda bad=bad: table.update(bad))
            for bad in (5, [5], [("a", 5)]):
                lib.kind_of(lambda bad=bad: lib.nn.ModuleDict(bad))

        twins(scenario)


def test_index_errors_say_how_long_it_is():
    with pytest.raises(IndexError, match="index 3 is out of range for Sequential of length 0"):
        nn.Sequential()[3]

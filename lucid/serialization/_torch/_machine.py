"""A machine for pickles that knows the instructions PyTorch's files are made of, and calls nothing but what is listed.

Python's own unpickler is not used: it would make room for four thousand million entries if a file says so, and it calls
whatever a file names. Here a name is looked up in `lucid.serialization._torch._allowed`, and what is not listed there
is refused before anything is done with it. Every instruction takes time and memory in proportion to its length, and the
memory is counted.
"""

from __future__ import annotations

import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from lucid.serialization._header import CheckpointError
from lucid.serialization._torch import _allowed
from lucid.serialization._torch._blanks import Blanks
from lucid.serialization._torch._budget import Budget
from lucid.serialization._torch._keys import Keys
from lucid.serialization._torch._stream import Stream

_LONGEST_NAME = 1000
_LONGEST_INT = 1024  # bytes; longer ones take quadratic time to print


class Machine:
    """Runs one pickle.

    Args:
        stream: what to read from; it is left behind the pickle.
        blanks: makes the tensors and storages.
        budget: what may be built.
    """

    def __init__(self, stream: Stream, blanks: Blanks, budget: Budget) -> None:
        self._byte, self._read, self._line = stream.byte, stream.read, stream.line
        self._blanks, self._charge = blanks, budget.charge
        self._keys = Keys(budget)
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._bottom = 0  # the last mark: what lies below belongs to somebody else
        self._memo: list[Any] = []

    def run(self) -> Any:
        """What the pickle describes. Raises CheckpointError with the reason alone."""
        byte, operations = self._byte, _OPERATIONS
        while True:
            code = byte()
            if code == _STOP:
                return self._pop()
            operation = operations.get(code)
            if operation is None:
                raise CheckpointError(_unknown(code))
            operation(self)

    # ---- numbers and the stack ---------------------------------------------------------------------------------------

    def _number(self, form: str) -> int:
        (found,) = struct.unpack(form, self._read(struct.calcsize(form)))
        return int(found)

    def _push(self, value: Any, cost: int = 0) -> None:
        self._charge(cost + 8)
        self._stack.append(value)

    def _pop(self) -> Any:
        if len(self._stack) <= self._bottom:
            raise CheckpointError("its pickle takes more from the stack than is there")
        return self._stack.pop()

    def _top(self, kind: type | tuple[type, ...], doing: str) -> Any:
        if len(self._stack) <= self._bottom:
            raise CheckpointError("its pickle takes more from the stack than is there")
        found = self._stack[-1]
        if not isinstance(found, kind):
            raise CheckpointError(f"its pickle {doing} an object of type {type(found).__name__}")
        return found

    def _above_mark(self) -> list[Any]:
        if not self._marks:
            raise CheckpointError("its pickle has no mark where one is needed")
        start = self._marks.pop()
        found = self._stack[start:]
        del self._stack[start:]
        self._bottom = self._marks[-1] if self._marks else 0
        return found

    # ---- instructions ------------------------------------------------------------------------------------------------

    def _proto(self) -> None:
        version = self._byte()
        if version > 5:
            raise CheckpointError(f"its pickle is of protocol {version}; protocols 2 to 5 are read")

    def _frame(self) -> None:
        self._read(8)

    def _mark(self) -> None:
        self._charge(40)
        self._bottom = len(self._stack)
        self._marks.append(self._bottom)

    def _drop(self) -> None:
        if len(self._stack) > self._bottom:
            self._stack.pop()
        else:
            self._above_mark()

    def _pop_mark(self) -> None:
        self._above_mark()

    def _dup(self) -> None:
        self._push(self._top(object, "copies"))

    def _none(self) -> None:
        self._push(None)

    def _true(self) -> None:
        self._push(True)

    def _false(self) -> None:
        self._push(False)

    def _binint(self) -> None:
        self._push(self._number("<i"), 32)

    def _binint1(self) -> None:
        self._push(self._byte())

    def _binint2(self) -> None:
        self._push(self._number("<H"), 32)

    def _long(self, length: int) -> None:
        if not 0 <= length <= _LONGEST_INT:
            raise CheckpointError(f"its pickle has an integer of {length} bytes; {_LONGEST_INT} are the most")
        self._push(int.from_bytes(self._read(length), "little", signed=True), 32 + length)

    def _long1(self) -> None:
        self._long(self._byte())

    def _long4(self) -> None:
        self._long(self._number("<i"))

    def _binfloat(self) -> None:
        self._push(struct.unpack(">d", self._read(8))[0], 24)

    def _text(self, length: int) -> None:
        found = self._read(length).decode("utf-8", "surrogatepass")
        self._push(found, sys.getsizeof(found))

    def _short_text(self) -> None:
        self._text(self._byte())

    def _text4(self) -> None:
        self._text(self._number("<I"))

    def _text8(self) -> None:
        self._text(self._number("<Q"))

    def _old_text(self, length: int) -> None:
        found = self._read(length)  # of Python 2, which did not say if it is text
        try:
            text = found.decode()
        except UnicodeDecodeError:
            text = found.decode("latin-1")
        self._push(text, sys.getsizeof(text))

    def _old_text1(self) -> None:
        self._old_text(self._byte())

    def _old_text4(self) -> None:
        self._old_text(self._number("<I"))

    def _bytes(self, length: int) -> None:
        self._push(self._read(length), 40 + length)

    def _short_bytes(self) -> None:
        self._bytes(self._byte())

    def _bytes4(self) -> None:
        self._bytes(self._number("<I"))

    def _bytes8(self) -> None:
        self._bytes(self._number("<Q"))

    def _bytearray8(self) -> None:
        length = self._number("<Q")
        self._push(bytearray(self._read(length)), 80 + 2 * length)

    def _empty_list(self) -> None:
        self._push([], 160)

    def _list(self) -> None:
        found = self._above_mark()
        self._push(found, 160 + 8 * len(found))

    def _append(self) -> None:
        value = self._pop()
        self._top(list, "appends to").append(value)
        self._charge(8)

    def _appends(self) -> None:
        values = self._above_mark()
        self._top(list, "appends to").extend(values)
        self._charge(8 * len(values))

    def _empty_tuple(self) -> None:
        self._push(())

    def _tuple(self) -> None:
        found = tuple(self._above_mark())
        self._push(found, 150 + 8 * len(found))

    def _tuple_of(self, count: int) -> None:
        found = tuple([self._pop() for _ in range(count)][::-1])
        self._push(found, 150 + 8 * count)

    def _tuple1(self) -> None:
        self._tuple_of(1)

    def _tuple2(self) -> None:
        self._tuple_of(2)

    def _tuple3(self) -> None:
        self._tuple_of(3)

    def _empty_dict(self) -> None:
        self._push({}, 170)

    def _dict(self) -> None:
        items = self._above_mark()
        found: dict[Any, Any] = {}
        self._push(found, 170)
        self._set(found, items)

    def _setitem(self) -> None:
        value, key = self._pop(), self._pop()
        self._set(self._top(dict, "puts a key into"), [key, value])

    def _setitems(self) -> None:
        items = self._above_mark()
        self._set(self._top(dict, "puts keys into"), items)

    def _set(self, target: dict[Any, Any], items: list[Any]) -> None:
        if len(items) % 2:
            raise CheckpointError("its pickle has a key without a value")
        self._charge((100 if type(target) is not OrderedDict else 200) * (len(items) // 2))
        for k in range(0, len(items), 2):
            self._keys.admit(target, items[k])
            target[items[k]] = items[k + 1]

    def _empty_set(self) -> None:
        self._push(set(), 320)

    def _additems(self) -> None:
        items = self._above_mark()
        target = self._top(set, "adds to")
        for item in items:
            self._keys.admit(target, item)
            self._charge(64)
            target.add(item)

    def _frozenset(self) -> None:
        items = self._above_mark()
        self._push(self._allowed().unique(frozenset, items))

    def _put(self, index: int) -> None:
        value = self._top(object, "keeps")
        if index == len(self._memo):
            self._charge(8)
            self._memo.append(value)
        elif index < len(self._memo):
            self._memo[index] = value
        else:
            raise CheckpointError(f"its pickle numbers its objects wrongly: {index} after {len(self._memo)}")

    def _binput(self) -> None:
        self._put(self._byte())

    def _long_binput(self) -> None:
        self._put(self._number("<I"))

    def _memoize(self) -> None:
        self._put(len(self._memo))

    def _get(self, index: int) -> None:
        if index >= len(self._memo):
            raise CheckpointError(f"its pickle names object {index}, of {len(self._memo)}")
        self._push(self._memo[index])

    def _binget(self) -> None:
        self._get(self._byte())

    def _long_binget(self) -> None:
        self._get(self._number("<I"))

    def _persistent(self) -> None:
        self._push(self._blanks.stored(self._pop()))

    # ---- names -------------------------------------------------------------------------------------------------------

    def _allowed(self) -> _allowed.Calls:
        return _allowed.Calls(self._blanks, self._keys, self._charge)

    def _global(self) -> None:
        module, name = self._line(_LONGEST_NAME), self._line(_LONGEST_NAME)
        self._push(_allowed.find(module, name, self._blanks))

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise CheckpointError("its pickle has a name that is no text")
        self._push(_allowed.find(module, name, self._blanks))

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, _allowed.Known) or not isinstance(arguments, tuple):
            raise CheckpointError(f"its pickle calls an object of type {type(function).__name__}")
        self._push(self._allowed().call(function, arguments))

    def _newobj_ex(self) -> None:
        if self._pop() != {}:
            raise CheckpointError("its pickle makes an object with arguments by name, which none that is read needs")
        self._reduce()

    def _build(self) -> None:
        state = self._pop()
        self._allowed().build(self._top(object, "fills"), state)


def _unknown(code: int) -> str:
    import pickletools  # late: few files need it

    known = next((o for o in pickletools.opcodes if o.code == chr(code)), None)
    if known is None:
        return f"its pickle is broken: there is no instruction {code}"
    return (
        f"its pickle has the instruction {known.name}, which torch.save does not write; save it again with torch.save "
        "and its usual pickle_protocol"
    )


_STOP = ord(".")
_NAMED: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": Machine._proto,
    b"\x95": Machine._frame,
    b"(": Machine._mark,
    b"0": Machine._drop,
    b"1": Machine._pop_mark,
    b"2": Machine._dup,
    b"N": Machine._none,
    b"\x88": Machine._true,
    b"\x89": Machine._false,
    b"J": Machine._binint,
    b"K": Machine._binint1,
    b"M": Machine._binint2,
    b"\x8a": Machine._long1,
    b"\x8b": Machine._long4,
    b"G": Machine._binfloat,
    b"\x8c": Machine._short_text,
    b"X": Machine._text4,
    b"\x8d": Machine._text8,
    b"U": Machine._old_text1,
    b"T": Machine._old_text4,
    b"C": Machine._short_bytes,
    b"B": Machine._bytes4,
    b"\x8e": Machine._bytes8,
    b"\x96": Machine._bytearray8,
    b"]": Machine._empty_list,
    b"l": Machine._list,
    b"a": Machine._append,
    b"e": Machine._appends,
    b")": Machine._empty_tuple,
    b"t": Machine._tuple,
    b"\x85": Machine._tuple1,
    b"\x86": Machine._tuple2,
    b"\x87": Machine._tuple3,
    b"}": Machine._empty_dict,
    b"d": Machine._dict,
    b"s": Machine._setitem,
    b"u": Machine._setitems,
    b"\x8f": Machine._empty_set,
    b"\x90": Machine._additems,
    b"\x91": Machine._frozenset,
    b"q": Machine._binput,
    b"r": Machine._long_binput,
    b"\x94": Machine._memoize,
    b"h": Machine._binget,
    b"j": Machine._long_binget,
    b"Q": Machine._persistent,
    b"c": Machine._global,
    b"\x93": Machine._stack_global,
    b"R": Machine._reduce,
    b"\x81": Machine._reduce,
    b"\x92": Machine._newobj_ex,
    b"b": Machine._build,
}
_OPERATIONS = {ord(code): operation for code, operation in _NAMED.items()}

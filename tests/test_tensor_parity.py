"""The tensor's own attributes and protocols: each program is run with torch and with lucid, and has to end the same."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from tests.checks import check_program
from tests.programs import Programs, leaf

pytestmark = pytest.mark.parity

program = Programs()


@program
def sizes_in_bytes(t):
    x = t.ones(2, 3)
    return x.itemsize, x.nbytes, x.double().nbytes, x.element_size(), t.ones(2).bool().itemsize


@program
def length(t):
    return len(t.ones(4, 2)), len(t.ones(0))


@program
def length_of_a_number(t):
    len(t.tensor(1.0))


@program
def iteration(t):
    return [row.sum() for row in t.ones(3, 2)], [k.item() for k in t.arange(3)], list(t.ones(0))


@program
def iteration_over_a_number(t):
    iter(t.tensor(1.0))


@program
def several_values_as_bool(t):
    bool(t.ones(2))


@program
def no_value_as_bool(t):
    bool(t.ones(0))


@program
def as_python_numbers(t):
    x = t.tensor(2.5)
    return int(x), float(x), complex(x), bool(x), int(t.tensor([[3]])), [10, 20, 30][t.tensor(1)], round(float(x), 1)


@program
def float_as_index(t):
    [1, 2][t.tensor(1.0)]


@program
def several_as_index(t):
    [1, 2][t.tensor([1, 0])]


@program
def several_as_float(t):
    float(t.ones(2))


@program
def to_numpy(t):
    x = t.arange(6).reshape(2, 3)
    return np.asarray(x).tolist(), np.array(x, dtype=np.float64).dtype.name, np.sin(x.float().numpy()).shape


@program
def numpy_of_what_requires_grad(t):
    leaf(t, 2).numpy()


@program
def output_numbers(t):
    a, b = leaf(t, 4).chunk(2)
    return a.output_nr, b.output_nr, leaf(t, 2).output_nr


@program
def grad_deleted(t):
    w = leaf(t, 2)
    w.sum().backward()
    del w.grad
    return w.grad is None


@program
def grad_of_wrong_dtype(t):
    leaf(t, 2).grad = t.ones(2).double()


@program
def grad_is_itself(t):
    w = leaf(t, 2)
    w.grad = w


@program
def retain_grad_without_grad(t):
    t.ones(2).retain_grad()


@program
def retain_grad_of_a_leaf(t):
    w = leaf(t, 2)
    w.retain_grad()
    return w.retains_grad


@program
def hook_without_grad(t):
    t.ones(2).register_hook(print)


@program
def post_accumulate_hook_without_grad(t):
    t.ones(2).register_post_accumulate_grad_hook(print)


@program
def post_accumulate_hook_of_no_leaf(t):
    (leaf(t, 2) * 2).register_post_accumulate_grad_hook(print)


@program
def detach_in_place(t):
    w = leaf(t, 2)
    h = w * 2
    h.detach_()
    return h.requires_grad, h.grad_fn is None, h


@program
def detach_a_view_in_place(t):
    (leaf(t, 2, 2) * 2)[0].detach_()


@program
def data_of_wrong_type(t):
    leaf(t, 2).data = 3


@program
def integer_data_for_what_requires_grad(t):
    leaf(t, 2).data = t.arange(2)


@program
def views_stay_with_the_old_data(t):
    x = t.zeros(3)
    row, alias = x[1:], x.detach()
    x.data = t.ones(4)
    x.add_(1)
    return row, alias, x


@program
def deepcopy(t):
    w = leaf(t, 2)
    w.sum().backward()
    w.note = "kept"
    shared = [w, w]
    a, b = copy.deepcopy(shared)
    a.data.add_(1)
    return a is b, a, a.grad, a.requires_grad, a.note, w


@program
def deepcopy_of_no_leaf(t):
    copy.deepcopy(leaf(t, 2) * 2)


@program
def pickling(t):
    w = leaf(t, 2)
    again = pickle.loads(pickle.dumps(w))
    return again, again.requires_grad, pickle.loads(pickle.dumps(t.tensor([1, 2], dtype=t.int16)))


@program
def hashing(t):
    a, b = t.ones(2), t.ones(2)
    return len({a, b, a}), {a: 1}[a]


@program
def legacy_constructor(t):
    return t.Tensor([1, 2]), t.Tensor(2, 3).shape, t.Tensor().shape, t.Tensor((3, 4))


@program
def devices(t):
    x = t.ones(2)
    return x.is_cpu, x.is_cuda, x.is_mps, str(x.device), x.is_inference()


@program
def next_functions(t):
    h = leaf(t, 2) * 2
    names = [n if n is None else n.name() for n, _ in (h + 1).grad_fn.next_functions]
    return names[0], h.grad_fn.next_functions[0][0].name().split("::")[-1]


@program
def printed(t):
    w = leaf(t, 2)
    texts = [repr(x) for x in (t.tensor([1.0, 2.0]), w, w * 2, w.sum(), t.arange(3), t.ones(0), t.arange(2000))]
    return [text.replace("torch.", "lucid.") for text in texts]


@pytest.mark.parametrize("name", program)
@pytest.mark.filterwarnings("ignore")
def test_program(name):
    check_program(program[name])

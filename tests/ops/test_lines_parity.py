"""One line a property: every line below runs with torch and with lucid as `L`, and `r` has to be the same.

An error counts as a result: its class is compared. `x` is a float matrix, `m` a mask, `i` an index, `c` complex.
"""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_program

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

LINES = {
    "strides": """
        r=x.t()[:1].stride(),x.t()[:1].storage_offset()
        r=x.expand(1,2,3).stride(),x.expand(2,2,3).stride(),x[0,0].expand(1).stride()
        r=L.ones(0,3).unsqueeze(0).stride(),L.ones(3,0).t().stride(),L.ones(0,3)[0:].stride()
        r=x[1:,:0].stride(),x[1:,:0].storage_offset(),x[2:].storage_offset()
        r=x.unsqueeze(-1).stride(),x.t().unsqueeze(-1).stride(),x[None,:,None].stride()
        r=L.ones(1,3,1).squeeze(0).stride(),L.ones(4,3)[::2].squeeze().stride()
        r=x.diagonal().stride(),x.diagonal(1).storage_offset(),x.diagonal(-1).storage_offset(),x.diagonal(9).stride()
        r=x.unfold(1,2,1).stride(),x.unfold(0,0,1).stride(),x.t().unfold(0,2,2).stride()
        r=c.real.stride(),c.imag.storage_offset(),L.view_as_real(c)[1:].storage_offset()
        r=L.ones(2,4).view(L.float64).stride(),L.ones(2,4)[:,2:].view(L.float64).storage_offset()
        r=[p.stride() for p in x.split(1,1)],[p.storage_offset() for p in x.unbind(1)]
        r=L.atleast_2d(x[0]).stride(),L.atleast_3d(x[0,::2]).stride()
        r=x.t().flip(0).stride(),x.rot90().stride(),x.rot90(2).stride(),x.t().clone().stride(),x.t().double().stride()
        r=[f(x.t()).stride() for f in (L.zeros_like,L.ones_like,L.empty_like)],L.full_like(x.t(),2.).stride()
        r=L.zeros_like(x.t(),memory_format=L.contiguous_format).stride()
        r=copy.deepcopy(x.t()).stride(),copy.copy(x.t()).stride()
        r=x.t()[0].ravel().stride(),x.t().ravel().stride(),x.ravel().stride()
        r=L.rand_like(x.t()).stride(),L.ones(0,3)[:,::2].clone().stride(),L.ones(4)[::4].clone().stride()
        r=x.t().view(-1)
        r=x.t().reshape(3,2,1).stride(),x[:,::2].reshape(2,1,2).stride()
        r=x.reshape(-2,-3)
        r=L.ones(0,2).reshape(0,0,-2)
        r=x.reshape()
    """,
    "writing to what shares memory": """
        y=x[:1].expand(2,3);y.zero_();r=x
        y=x[:1].expand(2,3);y.fill_(2.);r=x,y
        y=x[:1].expand(2,3);y.add_(1)
        y=x.expand(2,2,3)[:1];y.add_(1);r=x
        y=L.ones(1).expand(2,0);y.add_(1);r=y
        y=c.conj();c.add_(1);r=y.resolve_conj()
        y=c.conj();y.mul_(2);r=c
        y=c.conj().resolve_conj();y.mul_(2);r=c
        y=x.t().clone();y.add_(1);r=x,y,y.t().is_contiguous()
        y=x.t().clone().detach_();r=y
        y=x[0].requires_grad_();y.add_(1)
        y=x.t().clone().requires_grad_();y.add_(1)
        y=copy.copy(x);y.add_(1);r=x
        v=x[0];v.add_(1);r=x._version,v._version,x[1]._version
        v=x.detach();x.add_(1);r=x._version,v._version
        r=L.cat([x,x],out=x)
    """,
    "numbers that do not fit": "\n".join(
        f"r={op.format(dtype=dtype, value=value)}"
        for op, dtype, value in itertools.product(
            (
                "L.ones(2,dtype=L.{dtype}).fill_({value})",
                "L.ones(2,dtype=L.{dtype}).masked_fill(L.tensor([True,False]),{value})",
                "L.ones(2,dtype=L.{dtype}).index_fill(0,L.tensor([0]),{value})",
                "L.ones(2,dtype=L.{dtype}).scatter(0,L.tensor([0]),{value})",
                "L.ones(2,dtype=L.{dtype}).__setitem__(0,{value})",
                "L.full_like(L.ones(2,dtype=L.{dtype}),{value})",
                "L.scalar_tensor({value},dtype=L.{dtype})",
                "L.tensor([{value}],dtype=L.{dtype})",
                "L.ones(1,2,dtype=L.{dtype}).fill_diagonal_({value})",
            ),
            ("int8", "uint8", "int64", "bool", "float16", "float32", "complex64"),
            ("300", "-1", "2**40", "2**64", "-1.5", "float('nan')", "1e40", "1j", "1+0j"),
        )
    ),
    "indices": """
        r=x[np.array([1,0],np.uint8)]
        r=x[np.array([1,0,0],np.uint8)]
        r=x[np.array(1,np.uint8)]
        r=x[[1.5,0]],x[np.array([1.])],x[np.array([])]
        r=x['a']
        r=x[0,b'a']
        r=x[[1j]]
        r=x[2**70]
        r=x[[2**70]]
        r=x[np.True_]
        x[0]=2**70
        r=x.index_put((None,L.tensor([0])),L.tensor(1.))
        r=x.index_add(1,L.tensor([7]),L.ones(2,1))
        r=x[0].index_add(0,L.tensor([7]),L.ones(1))
        r=L.ones(0,3).index_add(1,L.tensor([7]),L.ones(0,1))
        r=x.index_add(7,L.tensor([0.]),x)
        r=L.tensor(1.).index_add(0,L.tensor([0,0]),L.tensor(1.))
        r=L.ones(2,0).index_copy(1,L.tensor([0]),L.ones(2,1))
        r=L.ones(0,2).index_fill(1,L.tensor([7]),1.)
        r=x.index_select(0,L.tensor([7]))
        r=x.index_select(1,L.tensor([7]))
        r=L.ones(2,0).index_select(1,L.tensor([0]))
        r=x.index_copy(0,L.tensor([0,1]),L.ones(2,3,1))
        r=x.gather(9,L.tensor([0.]))
        r=x.scatter(1,L.tensor([[0]]),L.tensor(5.))
        r=c.scatter_reduce(0,L.tensor([0]),c,'amax')
        r=m.scatter_reduce(0,L.tensor([[0,0,0]]),m,'mean')
        r=m.index_reduce(0,L.tensor([0]),m[:1],'amax',include_self=False)
        r=L.take_along_dim(x.t(),L.tensor([0]))
        r=L.take_along_dim(x,L.tensor([[0]],dtype=L.int32))
        r=L.tensor([1,2]).where(L.tensor([True,False]),2**70)
    """,
    "out": """
        r=L.sort(x,out=(L.empty(0,dtype=L.float64),L.empty(0,dtype=L.int64)))
        r=L.topk(x,1,out=(L.empty(0),L.empty(0)))
        r=L.kthvalue(x,1,out=(L.empty(0,dtype=L.float64),L.empty(0,dtype=L.int64)))
        r=L.argsort(x,stable=True,out=L.empty(0,dtype=L.int64))
        r=L.triu(x,out=L.empty(0,dtype=L.float64))
        r=L.diag(x,out=L.empty(0,dtype=L.float64))
        r=L.scatter_add(x,0,i,x,out=L.empty(0,dtype=L.float64))
        r=L.index_add(x,0,L.tensor([0]),x[:1],out=L.empty(0,dtype=L.float64))
        r=L.take_along_dim(x,i,0,out=L.empty(0,dtype=L.float64))
        r=L.nonzero(x,out=L.empty(0))
        r=L.searchsorted(x[0],x,out=L.empty(0,dtype=L.int32))
        r=L.narrow_copy(x,0,0,1,out=L.empty(0,dtype=L.float64))
        r=L.complex(x,x,out=L.empty(0))
        r=L.cat([x,x],out=L.empty(0,dtype=L.float64)),L.stack([x],out=L.empty(0,dtype=L.float64))
        r=L.cat([x,x],out=L.empty(0,dtype=L.int64))
        r=L.zeros(2,out=L.empty(0,dtype=L.int8)),L.full((2,),1,out=L.empty(0,dtype=L.float16))
        r=L.eye(2,out=L.empty(0,dtype=L.int64)),L.linspace(0,4,3,out=L.empty(0,dtype=L.int64))
        r=L.zeros(2,dtype=L.float32,out=L.empty(0,dtype=L.float64))
        r=L.arange(3,dtype=L.float32,out=L.empty(0,dtype=L.float64))
        r=L.randperm(3,dtype=L.int32,out=L.empty(0,dtype=L.int64))
        r=L.rand(2,out=L.empty(0,dtype=L.float64)).dtype
    """,
    "spellings": """
        r=L.cat([x,x],axis=1),L.hsplit(x,sections=3),x.vsplit(indices=(1,)),L.dsplit(x[None],indices=[1])
        r=L.hsplit(x)
        r=L.tensor_split(x,tensor_indices_or_sections=L.tensor([1]))
        r=L.tensor_split(x)
        r=L.repeat_interleave(repeats=L.tensor([1,2])),L.repeat_interleave(L.tensor([0,2]))
        r=L.repeat_interleave(x,L.tensor([1.]))
        r=L.repeat_interleave(x,[1])
        r=L.repeat_interleave(L.tensor(1.),-1,0)
        r=x.squeeze(axis=0),x.unsqueeze(axis=0),L.gather(x,axis=1,index=i),L.chunk(x,3,axis=1),x.select(axis=0,index=1)
        r=x.unsqueeze()
        r=L.select(x,0,1.5)
        r=L.bernoulli('a')
        r=L.eye(x)
        r=L.Tensor(np.array([1.,2.])),L.tensor(np.float32(1.5))
        r=L.tensor(np.array(['a']),dtype=L.int16)
        r=L.logspace(-4,0.5,3,base=0)
        r=L.narrow_copy(x,2,0,1)
        r=L.narrow_copy(x,-3,0,1)
        r=L.permute(L.tensor(1.),None)
        r=x.scatter(0,L.zeros(0,3,dtype=L.uint8),1.)
        r=x.squeeze([]),L.ones(1,2,1).squeeze(dim=()),L.ones(1,2,1).squeeze([0,-1])
        r=L.tril_indices(2,3,layout=L.strided,pin_memory=False)
        r=L.tril_indices(2,2,dtype=L.int8)
        r=L.triu_indices(2,1.5)
        r=L.triu(x,1.5)
        r=L.diag_embed(L.tensor(1.),0,0,0)
        r=x.copy_(3),x.copy_(other=x+1)
        r=x.to(tensor=c).dtype,x.type('FloatTensor')
        r=L.zeros_like(x,pin_memory=False),L.full_like(x,1,pin_memory=False)
        r=L.full((2,),L.tensor([1]))
        r=L.full((2,),L.tensor(1))
        r=L.linspace(L.tensor([1.]),2,3)
        r=L.linspace(-2.25,0,5,dtype=L.uint8)
        r=L.linspace(1j,2,3,dtype=L.float32)
        r=L.arange(1.5,3,0.5,dtype=L.int8)
        r=L.tensor([L.tensor(1.,dtype=L.float64),1.]).dtype,L.tensor([L.tensor(1),1.]).dtype
        r=L.tensor(None,dtype=L.bool)
        r=L.tensor({},dtype=L.float32)
        r=L.tensor([L.tensor([1,2])])
        r=L.tensor([2**64],dtype=L.float32),L.tensor([1j],dtype=L.bool)
        r=L.frombuffer(bytearray(4),dtype=L.uint8,offset=-1)
        r=L.frombuffer(1,dtype=L.uint8)
        r=int(c[0]+1j)
        r=int(L.tensor(2+0j)),float(L.tensor(2+0j))
        r=L.tensor([True,False]).kthvalue(1)
        r=L.rand((2,),dtype=L.complex64).dtype,L.poisson(L.tensor(0.))
        r=L.randperm(300,dtype=L.int8)
        r=L.randperm(4,dtype=L.bool)
        r=L.empty(2,dtype=L.float16).uniform_(0,1e5)
        r=L.empty(2,dtype=L.float16).random_(2**40)
        r=L.empty(2).random_(1.5)
        r=L.multinomial(x[0],1.5)
        r=L.Generator().manual_seed(2**64)
        r=L.ones(2,dtype=L.uint8).view(L.bool),x.view(L.int32)
    """,
    "promotion": "\n".join(
        f"r=L.promote_types(L.{a},L.{b})\nr=L.result_type(L.zeros(1,dtype=L.{a}),L.zeros((),dtype=L.{b}))"
        for a, b in itertools.product(
            ("bool", "uint8", "int8", "int64", "uint16", "uint64", "float16", "bfloat16"), repeat=2
        )
    )
    + """
        r=L.result_type(L.zeros(1,dtype=L.uint16),1j),L.can_cast(L.float32,L.int64)
        r=L.promote_types(L.uint16,L.complex64)
    """,
    "gradients": """
        x.requires_grad_();z=x*2;z.sum().backward(inputs=[z]);r=z.grad,x.grad
        x.requires_grad_();y=L.complex(x,x);y.backward(L.ones(2,3))
        x.requires_grad_();y=x*2;y.register_hook(lambda g:L.ones(5));y.sum().backward()
        x.requires_grad_();y=x.clone().uniform_();y.sum().backward();r=x.grad
        x.requires_grad_();r=x.clone().random_().requires_grad,x.clone().bernoulli_(.5).requires_grad
        x.requires_grad_();y=L.normal(x,1.)+L.poisson(x.abs())+L.bernoulli(x.sigmoid());y.sum().backward();r=x.grad
        x.requires_grad_();r=x.view(L.int32).requires_grad,x.view(L.float32).requires_grad
        x.requires_grad_();y=copy.copy(x*2);r=y.is_leaf,y.requires_grad
        x.requires_grad_();y=pickle.loads(pickle.dumps(x*2));r=y,y.is_leaf,y.requires_grad
        x.requires_grad_();(x.t().clone()*x.t()).sum().backward();r=x.grad
        x.requires_grad_();x.t().double().flip(0).rot90().sum().backward();r=x.grad
    """,
}


def _run(line: str, library: Any) -> Any:
    scope = {
        "L": library,
        "np": np,
        "copy": copy,
        "pickle": pickle,
        "x": library.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]),
        "m": library.tensor([[True, False, True], [False, True, True]]),
        "i": library.tensor([[0, 1, 0]]),
        "c": library.tensor([1 + 2j, 3 - 1j]),
    }
    exec(line, scope)
    return scope["r"]


@pytest.mark.parametrize("topic", LINES)
def test_lines(topic: str) -> None:
    wrong = []
    for line in LINES[topic].split("\n"):
        if line.strip():
            try:
                check_program(lambda L, line=line: _run(line.strip(), L))
            except AssertionError as error:
                wrong.append(f"{line.strip()}\n    {str(error)[:300]}")
    assert not wrong, "\n".join(wrong)

"""`nn.attention`: the choice of kernels is a permission."""

from __future__ import annotations

import pytest

import lucid
from lucid.nn.attention import SDPBackend, sdpa_kernel


def test_any_choice_gives_the_same_result():
    q = lucid.randn(1, 2, 5, 4)
    want = lucid.nn.functional.scaled_dot_product_attention(q, q, q)
    for backends in (SDPBackend.MATH, [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH], []):
        with sdpa_kernel(backends, set_priority=True):
            assert lucid.equal(lucid.nn.functional.scaled_dot_product_attention(q, q, q), want)


def test_what_is_no_kernel_is_refused():
    for wrong in ("math", ["math"], [1]):
        with pytest.raises(AssertionError, match="SDPBackend"), sdpa_kernel(wrong):
            pass


def test_the_namespace_is_found_by_attribute():
    assert lucid.nn.attention.sdpa_kernel is sdpa_kernel
    assert lucid.nn.attention.SDPBackend is SDPBackend

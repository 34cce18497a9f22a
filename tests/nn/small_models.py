"""Small models with the same numbers in both libraries, and what they hold."""

from __future__ import annotations

import collections
import itertools

from tests.programs import leaf


def filled(t, module):
    """The module with the same numbers in both libraries."""
    with t.no_grad():
        for k, p in enumerate(module.parameters()):
            p.copy_(t.sin(t.arange(p.numel()).float() * 1.7 + k).reshape(p.shape) * 0.4)
    return module


def mlp(t, *widths):
    layers = []
    for a, b in itertools.pairwise(widths):
        layers += [t.nn.Linear(a, b), t.nn.ReLU()]
    return filled(t, t.nn.Sequential(*layers[:-1]))


def convnet(t):
    nn = t.nn
    return filled(
        t,
        nn.Sequential(
            collections.OrderedDict(
                stem=nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
                body=nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.SiLU(), nn.MaxPool2d(2)),
                head=nn.Sequential(nn.Flatten(), nn.Linear(4 * 9, 3)),
            )
        ),
    )


def images(t, n=2):
    return leaf(t, n, 2, 6, 6)


def numbers(module):
    return [p.detach().clone() for p in module.parameters()], [b.detach().clone() for b in module.buffers()]

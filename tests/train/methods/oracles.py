"""Optimizers as their papers have them, in numpy, and a small module with gradients that they are tried on.

Each is ``rule(config, decay, memory) -> step``, with ``step(w, g, t) -> w`` and ``t`` from 1.
"""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from striate.train.config import OptimizerConfig

STEPS = 7
LR = 0.05


def small(dtype=torch.float64):
    """Return a module with a filter bank, a norm and two linear layers, float64."""
    torch.manual_seed(0)
    layers = {
        "conv": nn.Conv2d(2, 3, 2),
        "norm": nn.BatchNorm2d(3),
        "flat": nn.Flatten(),
        "fc": nn.Linear(12, 5),
        "out": nn.Linear(5, 4),
    }
    module = nn.Sequential()
    for name, layer in layers.items():
        module.add_module(name, layer)
    return module.to(dtype)


def gradients(module, steps=STEPS, seed=1):
    """Return for each step a gradient of every parameter, by name."""
    random = np.random.default_rng(seed)
    return [
        {n: random.normal(size=tuple(p.shape)) for n, p in module.named_parameters()} for _ in range(steps)
    ]


def give(module, by_name):
    for name, parameter in module.named_parameters():
        gradient = torch.from_numpy(by_name[name]).to(parameter.dtype)
        parameter.grad = torch.empty_like(parameter).copy_(gradient)


def options(**given):
    return OptimizerConfig(**{"lr": LR, "weight_decay": 0.1} | given)


def sgd(c, decay, m):
    def step(w, g, t):
        g = g + decay * w
        m.v = c.momentum * m.v + g if t > 1 else g
        return w - c.lr * (g + c.momentum * m.v if c.nesterov else m.v)

    return step


def adagrad(c, decay, m):
    def step(w, g, t):
        g = g + decay * w
        m.v = m.v + g**2
        return w - c.lr * g / (np.sqrt(m.v) + c.eps)

    return step


def adadelta(c, decay, m):
    m.moves = 0.0

    def step(w, g, t):
        g = g + decay * w
        m.v = c.smoothing * m.v + (1 - c.smoothing) * g**2
        move = np.sqrt(m.moves + c.eps) / np.sqrt(m.v + c.eps) * g
        m.moves = c.smoothing * m.moves + (1 - c.smoothing) * move**2
        return w - c.lr * move

    return step


def rmsprop(c, decay, m):
    m.speed = 0.0

    def step(w, g, t):
        g = g + decay * w
        m.v = c.smoothing * m.v + (1 - c.smoothing) * g**2
        m.speed = c.momentum * m.speed + g / (np.sqrt(m.v) + c.eps)
        return w - c.lr * m.speed

    return step


def _moments(c, m, g):
    m.first = c.betas[0] * m.first + (1 - c.betas[0]) * g
    m.second = c.betas[1] * m.second + (1 - c.betas[1]) * g**2


def adam(c, decay, m):
    def step(w, g, t):
        _moments(c, m, g + decay * w)
        first, second = m.first / (1 - c.betas[0] ** t), m.second / (1 - c.betas[1] ** t)
        return w - c.lr * first / (np.sqrt(second) + c.eps)

    return step


def adamw(c, decay, m):
    plain = adam(c, 0.0, m)
    return lambda w, g, t: plain(w, g, t) - c.lr * decay * w


def nadam(c, decay, m):
    def weight(t):
        return c.betas[0] * (1 - 0.5 * 0.96 ** (t * 0.004))

    def step(w, g, t):
        _moments(c, m, g)
        so_far = np.prod([weight(i) for i in range(1, t + 1)])
        first = weight(t + 1) * m.first / (1 - so_far * weight(t + 1)) + (1 - weight(t)) * g / (1 - so_far)
        second = m.second / (1 - c.betas[1] ** t)
        return w * (1 - c.lr * decay) - c.lr * first / (np.sqrt(second) + c.eps)

    return step


def radam(c, decay, m):
    longest = 2 / (1 - c.betas[1]) - 1

    def step(w, g, t):
        _moments(c, m, g)
        first = m.first / (1 - c.betas[0] ** t)
        length = longest - 2 * t * c.betas[1] ** t / (1 - c.betas[1] ** t)
        w = w * (1 - c.lr * decay)
        if length <= 5:  # torch's bound; the paper has 4
            return w - c.lr * first
        right = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        spread = np.sqrt(1 - c.betas[1] ** t) / (np.sqrt(m.second) + c.eps)
        return w - c.lr * first * np.sqrt(right) * spread

    return step


def lars(c, decay, m):
    def step(w, g, t):
        trust = 1.0
        if w.ndim > 1:
            size, slope = np.sqrt((w**2).sum()), np.sqrt((g**2).sum())
            trust = 0.001 * size / (slope + decay * size)
        m.v = c.momentum * m.v + c.lr * trust * (g + decay * w)
        return w - m.v

    return step


RULES = {rule.__name__: rule for rule in (sgd, adagrad, adadelta, rmsprop, adam, adamw, nadam, radam, lars)}


def after(rule, config, module, by_step):
    """Return the parameters that ``rule`` makes of those of ``module``, by name."""
    made = {}
    for name, parameter in module.named_parameters():
        memory = SimpleNamespace(v=0.0, first=0.0, second=0.0)
        step = rule(config, config.weight_decay if parameter.ndim > 1 else 0.0, memory)
        weight = parameter.detach().double().numpy().copy()
        for t, by_name in enumerate(by_step, 1):
            weight = step(weight, by_name[name], t)
        made[name] = weight
    return made

"""Whether an optimized network computes what the original does: both built, in float64, with mapped weights."""

import copy

import torch
from made import drawn
from torch import nn

from striate.nn import WeightMapping, aux_losses, build, optimize
from striate.spec import Network, Sequential

TOLERANCE = 1e-9
"""Largest difference, relative to the largest number of those compared."""


def net(*layers, shape=(4, 9, 8)):
    """Return a network of ``layers``."""
    return Network("n", shape, Sequential(*layers))


def order(network):
    """Return the paths of the layers in the order they run."""
    return [path for path, _ in network.walk()]


def unchanged(network, for_):
    """Tell whether there is nothing to optimize."""
    fast = optimize(network, for_)
    return fast.network is network and fast.changes == () and fast.weights == WeightMapping()


def filled(network, *, settled=False):
    """Return the module of ``network`` in float64, its biases and norms random, or its norms ``settled`` on a batch.

    Of hundreds of layers with random statistics each multiplies what it gets, until rounding is all that is left.
    """
    module = build(network, seed=0).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
                tensor.uniform_(0.4, 1.2, generator=generator)
            elif name.endswith(("running_mean", "bias")):
                tensor.normal_(0, 0.3, generator=generator)
        if settled:
            for part in module.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.momentum = 1.0  # the running statistics are those of the last batch
            module(drawn(8, *network.input, seed=2))
    return module


def assert_same_outputs(network, *, settled=False):
    """Assert that the network optimized for inference gives the same, in evaluation, from the mapped weights."""
    fast, original, faster = _both(network, "inference", settled=settled)
    x = drawn(2, *network.input)
    with torch.no_grad():
        expected, got = original.eval()(x), faster.eval()(x)
    _assert_close({"output": got}, {"output": expected})
    return fast


def assert_same_training(network):
    """Assert that a training step of the network optimized for it is one of the original, mapped there and back.

    Compared are outputs, the gradients of the images and of every parameter, and the statistics of norms.
    """
    fast, original, faster = _both(network, "training", settled=False)
    state = original.state_dict()
    back = fast.weights.backward(fast.weights.forward(state))
    assert set(back) == set(state)
    assert all(torch.equal(back[name], state[name]) for name in state)

    expected, got = _step(original, network), _step(faster, network)
    for kind in expected:
        if kind in ("gradients", "buffers"):
            got[kind] = fast.weights.backward(got[kind])
        _assert_close(got[kind], expected[kind])
    return fast


def _both(network, for_, *, settled):
    described = network.to_json()
    fast = optimize(network, for_)
    assert network.to_json() == described
    again = optimize(fast.network, for_)
    assert (again.network, again.changes, again.weights.steps) == (fast.network, (), ())
    original, faster = filled(network, settled=settled), build(fast.network, seed=1).double()
    state = original.state_dict()
    kept = copy.deepcopy(state)
    faster.load_state_dict(
        fast.weights.forward(state)
    )  # strict: every name and shape is that of the description
    assert list(kept) == list(state)
    assert all(torch.equal(kept[name], state[name]) for name in state)
    return (
        fast,
        original,
        copy.deepcopy(faster),
    )  # what is passed on by the mapping is shared with the original


def _step(module, network):
    x = drawn(4, *network.input).requires_grad_()
    with torch.random.fork_rng():
        torch.manual_seed(0)  # noise and dropout draw alike in both
        output = module.train()(x)
    loss = _weighed(output) + sum(aux_losses(module, _weighed))
    loss.backward()
    return {
        "outputs": {"output": output.detach(), "loss": loss.detach()},
        "images": {"x": x.grad},
        "gradients": {name: p.grad for name, p in module.named_parameters()},
        "buffers": dict(module.named_buffers()),
    }


def _weighed(output):
    return (output * drawn(*output.shape, seed=1)).sum()


def _assert_close(got, expected):
    assert set(got) == set(expected)
    scale = max((tensor.abs().max().item() for tensor in expected.values()), default=0.0)
    for name, tensor in expected.items():
        assert got[name].shape == tensor.shape, name
        assert torch.isfinite(tensor).all(), name
        apart = (got[name] - tensor).abs().max().item()
        assert apart <= TOLERANCE * scale, (name, apart, scale)

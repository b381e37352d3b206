"""LSUV: variances are measured here with hooks of the test's own, and its weights held against orthonormal ones."""

import pytest
import torch
from toys import quick, tiny, toy_source

from striate.data import Batches
from striate.errors import ConfigError
from striate.nn import build, unit_variance
from striate.spec import (
    AuxHead,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Flatten,
    Linear,
    LocallyConnected,
    MaxPool,
    Network,
    ReLU,
    Residual,
    SeparableConv,
    Sequential,
    Tanh,
)
from striate.train.prepare import prepare

NETWORK = Network(
    "mixed",
    (3, 12, 12),
    Sequential(
        Conv(8, 3, padding=1),
        ReLU(),
        Residual([Conv(8, 3, padding=1), Tanh(), Conv(8, 1)]),
        Concat(Conv(4, 3), SeparableConv(6, 3)),
        AuxHead([Flatten(), Linear(5)]),
        MaxPool(2),
        LocallyConnected(6, 3),
        Dropout(0.5),
        Flatten(),
        Linear(20),
        ReLU(),
        Linear(5),
    ),
)


def images(*shape, seed=0, scale=3.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def variances(module, batch):
    """Return the variance of what each layer with weights of its own gives, dropout off, heads on."""
    found, handles = {}, []
    module.eval()
    for path, part in module.named_modules():
        if list(part.parameters(recurse=False)):
            handles.append(
                part.register_forward_hook(
                    lambda part, inputs, output, path=path: found.update(
                        {path: output.var(correction=0).item()}
                    )
                )
            )
        if type(part).__name__ == "AuxHead":
            part.training = True
    with torch.no_grad():
        module(batch)
    for handle in handles:
        handle.remove()
    return found


def test_every_layer_gives_unit_variance():
    module, batch = build(NETWORK, 0, "lsuv"), images(16, 3, 12, 12)
    before = variances(module, batch)
    unit_variance(module, batch)
    after = variances(module, batch)
    assert len(after) == 9
    assert any(abs(variance - 1) > 0.5 for variance in before.values())
    assert all(abs(variance - 1) < 0.1 for variance in after.values()), after


def test_each_weight_is_an_orthonormal_one_times_a_number():
    module = build(NETWORK, 0, "lsuv")
    start = {name: value.clone() for name, value in module.state_dict().items()}
    unit_variance(module, images(16, 3, 12, 12))
    for name, value in module.state_dict().items():
        if name.endswith(("weight", "pointwise")):
            factors = value / start[name]
            assert factors.min().item() > 0
            assert factors.std().item() < 1e-5 * factors.mean().item()
        else:  # biases, and the first half of a separable convolution
            assert torch.equal(value, start[name])


def test_a_bias_takes_several_scalings_and_they_are_bounded():
    part = torch.nn.Linear(4, 4)
    torch.nn.init.eye_(part.weight)
    torch.nn.init.constant_(part.bias, 0.0)
    part.bias.data[0] = 10.0  # variance that no scaling of weights removes
    unit_variance(part, images(64, 4), most=3)
    assert part.weight.isfinite().all()
    assert part.weight.abs().max() > 0


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")], ids=str)
def test_a_constant_output_leaves_the_weights_as_they_are(value):
    module = build(Network("n", (3, 8, 8), Sequential(Conv(4, 3), ReLU(), Flatten(), Linear(3))), 0, "lsuv")
    start = {name: value.clone() for name, value in module.state_dict().items()}
    unit_variance(module, torch.full((4, 3, 8, 8), value))
    assert all(torch.equal(value, start[name]) for name, value in module.state_dict().items())


def test_modes_and_buffers_are_as_before():
    module = build(
        Network("n", (3, 8, 8), Sequential(Conv(4, 3), BatchNorm(), Dropout(), Conv(2, 3))), 0, "lsuv"
    )
    module[2].eval()
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    unit_variance(module, images(8, 3, 8, 8))
    assert [part.training for part in module] == [True, True, False, True]
    assert all(torch.equal(value, buffers[name]) for name, value in module.named_buffers())
    assert not any(part._forward_hooks for part in module.modules())


def test_training_begins_with_unit_variance_on_its_first_batch():
    prepared = prepare(tiny(), toy_source(), quick(init="lsuv", seed=4))
    batch, _ = prepared.inputs(Batches(prepared.train, 16, 4)[0])
    assert all(abs(variance - 1) < 0.1 for variance in variances(prepared.module, batch).values())


def test_training_begins_with_the_weights_of_the_name():
    for init in ("default", "orthogonal"):
        module = prepare(tiny(), toy_source(), quick(init=init, seed=4)).module
        expected = build(tiny(), 4, init).state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in module.state_dict().items())


def test_a_module_of_ones_own_keeps_its_weights():
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    with pytest.raises(ConfigError) as caught:
        prepare(module, toy_source(), quick(init="he-normal"))
    assert str(caught.value) == (
        "init='he-normal': must be 'default' for a module of your own, whose weights begin as they are. Describe the "
        "network as a striate.Network to choose."
    )


def test_an_unknown_name_in_a_configuration():
    with pytest.raises(
        ConfigError, match=r"^training: init='kaiming' must be an init.*Did you mean 'he-normal'"
    ):
        quick(init="kaiming")

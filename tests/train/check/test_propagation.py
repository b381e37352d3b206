"""Variance through depth: the factors of He et al. (2015) as oracle, and values against hooks of the test's own."""

import json
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image
from planted import config, net
from toys import message_of, tiny, toy_source

from striate.data import Batches
from striate.errors import ConfigError, DataError, DescriptionError
from striate.nn import SCHEMES, build
from striate.spec import (
    BatchNorm,
    Conv,
    Dropout,
    Embedding,
    Flatten,
    Linear,
    Network,
    ReLU,
    Residual,
    Tanh,
)
from striate.train.check import Passage, Point, Propagation, Trace, propagate
from striate.train.prepare import prepare

WIDTH, DEPTH = 300, 20


def plain(activation=None, depth=DEPTH, norm=False):
    """Return dense layers of one width, each with an activation behind, the last without."""
    parts = [Linear(WIDTH), *([BatchNorm()] if norm else []), activation or ReLU()]
    return net(*(part for _ in range(depth - 1) for part in parts), Linear(WIDTH), input=(WIDTH,))


def trace_of(network, init, **options):
    return propagate(network, [init], config=config(batch_size=64, **options)).traces[0]


# Behind a ReLU half of the mean square is left, so a layer multiplies the variance by fan · Var(w) / 2.
@pytest.mark.parametrize(
    ("init", "factor", "outcome"),
    [
        ("he-normal", 1.0, "healthy"),
        ("he-uniform-out", 1.0, "healthy"),
        ("xavier-normal", 0.5, "vanishing"),
        ("lecun-uniform", 0.5, "vanishing"),
        ("xavier-normal-relu", 1.0, "healthy"),
        ("xavier-normal-tanh", 8.0, "exploding"),  # 16 times the variance that a ReLU takes half of
    ],
)
def test_the_factor_of_each_layer_of_a_plain_network(init, factor, outcome):
    trace = trace_of(plain(), init)
    for passage in (trace.activations, trace.gradients):
        # One draw of finite width strays from the mean over all: by about √(5 / width) a layer.
        assert passage.per_layer == pytest.approx(factor, rel=0.06)
        assert passage.steps == DEPTH - 1
        assert passage.outcome == outcome


def test_the_known_factor_of_the_whole_network():
    logs = [math.log2(trace_of(plain(), "xavier-normal", seed=seed).activations.total) for seed in range(5)]
    # One draw strays by √(19 · 5 / 300) = 0.56 nats, the mean of five by a third of a bit.
    assert np.mean(logs) == pytest.approx(-(DEPTH - 1), abs=1)


def test_orthogonal_weights_without_activations_keep_the_variance_to_rounding():
    layers = [Linear(WIDTH) for _ in range(DEPTH)]
    trace = trace_of(net(*layers, input=(WIDTH,)), "orthogonal")
    assert trace.activations.total == pytest.approx(1, rel=1e-2)  # but for the mean, which is not quite 0
    assert trace.gradients.total == pytest.approx(1, rel=1e-4)


def test_tanh_between_four_times_xavier_saturates_and_gradients_explode():
    trace = trace_of(plain(Tanh()), "table-normal")
    assert trace.activations.outcome == "healthy"
    assert trace.gradients.outcome == "exploding"
    assert trace_of(plain(Tanh()), "xavier-normal").gradients.outcome == "healthy"


def test_lsuv_gives_every_layer_unit_variance():
    for point in trace_of(plain(), "lsuv").points:
        assert abs(point.activation - 1) < 0.1


def test_norms_mend_what_xavier_lacks():
    trace = trace_of(plain(norm=True), "xavier-normal")
    assert trace.activations.outcome == trace.gradients.outcome == "healthy"
    norms = [point for point in trace.points if point.place == "norm"]
    assert len(norms) == DEPTH - 1
    assert all(point.activation == pytest.approx(1, rel=1e-3) for point in norms)
    # Behind a norm and a ReLU the mean square is 1/2, and Xavier's layer adds as much: 1/2 less the mean's share of it.
    weighted = [point.activation for point in trace.points if point.place == "weights"][1:]
    assert np.mean(weighted) == pytest.approx(0.5, rel=0.1)


def test_sums_double_without_norms():
    # He's weights keep the mean square that a body sees, so body and shortcut together have twice of it.
    block = Residual([ReLU(), Linear(WIDTH)])
    trace = trace_of(net(Linear(WIDTH), *[block] * 12, input=(WIDTH,)), "he-normal")
    sums = [point.activation for point in trace.points if point.place == "sum"]
    assert len(sums) == 12
    assert (sums[-1] / sums[0]) ** (1 / 11) == pytest.approx(2, rel=0.05)


def test_values_against_hooks(tmp_path):
    network = net(
        Conv(4, 3), BatchNorm(), ReLU(), Dropout(0.9), Residual(Conv(4, 3, padding=1)), Flatten(), Linear(3)
    )
    found = propagate(network, ["he-normal"], toy_source(), config(seed=5))
    assert (found.network, found.data, found.images) == ("net", "toy", 16)
    prepared = prepare(network, toy_source(), config(seed=5, init="he-normal"))
    module = prepared.module
    images, _ = prepared.inputs(Batches(prepared.train, 16, 5)[0])
    module.train()
    module.dropout1.eval()
    outputs = {}
    for path in ("conv1", "norm1", "residual1.conv1", "residual1", "linear1"):
        part = module.get_submodule(path)
        part.register_forward_hook(lambda part, inputs, output, path=path: outputs.update({path: output}))
    logits = module(images)
    for output in outputs.values():
        output.retain_grad()
    logits.backward(torch.randn(logits.shape, generator=torch.Generator().manual_seed(5)))
    assert [(point.path, point.place) for point in found.traces[0].points] == [
        ("conv1", "weights"),
        ("norm1", "norm"),
        ("residual1.conv1", "weights"),
        ("residual1", "sum"),
        ("linear1", "weights"),
    ]
    for point in found.traces[0].points:
        output = outputs[point.path]
        assert point.activation == pytest.approx(output.var(correction=0).item(), rel=1e-5)
        assert point.gradient == pytest.approx(output.grad.square().mean().item(), rel=1e-5)
        assert point.values == output[0].numel()
        assert point.gradient_power == pytest.approx(output.grad.square().sum().item() / 16, rel=1e-5)


def test_a_module_of_ones_own_is_followed_as_it_is():
    module = build(tiny(), 7)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    own = propagate(module, data=toy_source(), config=config(seed=7)).traces[0]
    assert own.points == propagate(tiny(), data=toy_source(), config=config(seed=7)).traces[0].points
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not any(part._forward_hooks for part in module.modules())


def test_the_random_state_stays():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    propagate(tiny(), ["lsuv", "default"])
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("total", "outcome"),
    [
        (1.0, "healthy"),
        (1e-4, "healthy"),
        (0.99e-4, "vanishing"),
        (0.0, "vanishing"),
        (1e4, "healthy"),
        (1.01e4, "exploding"),
        (math.inf, "exploding"),
    ],
)
def test_the_rule(total, outcome):
    assert Passage(total=total, steps=3).outcome == outcome


def points(*values):
    return tuple(
        Point(path=f"p{i}", kind="Linear", place="weights", activation=value, gradient=value, values=2)
        for i, value in enumerate(values)
    )


@pytest.mark.parametrize(
    ("values", "forward", "back"),
    [
        ((4.0, 2.0, 1.0), 0.25, 4.0),
        ((0.0, 0.0), 0.0, 0.0),
        ((1.0, math.nan, 1.0), math.inf, math.inf),
        ((1.0, math.inf), math.inf, math.inf),
        ((3.0,), 1.0, 1.0),
    ],
    ids=["falls", "nothing", "no-number", "infinite", "one-layer"],
)
def test_passages_by_hand(values, forward, back):
    trace = Trace(init="x", points=points(*values))
    assert (trace.activations.total, trace.gradients.total) == (forward, back)
    assert trace.activations.per_layer == pytest.approx(forward ** (1 / max(1, len(values) - 1)))


def test_weights_far_too_large_overflow_and_are_called_exploding():
    network = plain(depth=60)
    found = propagate(network, ["xavier-normal-tanh"], config=config(batch_size=4))
    assert found.traces[0].activations.total > 8**50
    assert found.traces[0].activations.outcome == "exploding"
    json.dumps(found.to_data(), allow_nan=False)


def both():
    return propagate(
        net(Conv(4, 3), BatchNorm(), ReLU(), Residual(Conv(4, 3, padding=1))), ["he-normal", "default"]
    )


def test_the_table():
    found = both()
    lines = str(found).splitlines()
    assert lines[0] == "net on N(0, 1), 64 at once, before the first step"
    assert lines[2].split() == ["he-normal", "default"]
    assert lines[3].split() == ["layer", "activation", "gradient", "activation", "gradient"]
    assert [re.split("  +", line.strip())[0] for line in lines[4:8]] == [
        "conv1",
        "behind the norm norm1",
        "residual1.conv1",
        "behind the sum residual1",
    ]
    cells = lines[4].split()[1:]
    first = found.traces[0].points[0]
    assert [float(cell) for cell in cells[:2]] == pytest.approx(
        [first.activation, first.gradient_power], rel=0.05
    )
    assert lines[11].split() == ["healthy"] * 4
    assert "1/10,000" in lines[13]
    assert found._repr_html_().count("<td") == 4 * 5


def test_a_long_table_is_cut():
    found = propagate(plain(depth=60), config=config(batch_size=2))
    short, whole = str(found).splitlines(), found.text(everything=True).splitlines()
    assert "… 20 more lines" in short
    assert len(short) == len(whole) - 19
    assert short[4].split()[0] == "linear1"
    assert short[44].split()[0] == "linear60"


def test_the_data():
    data = both().to_data()
    assert json.loads(json.dumps(data)) == data
    assert [trace["init"] for trace in data["traces"]] == ["he-normal", "default"]
    assert set(data["traces"][0]["activations"]) == {"outcome", "total", "per_layer"}
    assert [point["place"] for point in data["traces"][0]["points"]] == ["weights", "norm", "weights", "sum"]


def test_the_picture(tmp_path):
    found = both()
    for name in ("one.svg", "two.svg", "three.png"):
        found.plot(tmp_path / name)
    svg = (tmp_path / "one.svg").read_text()
    assert svg == (tmp_path / "two.svg").read_text()
    for words in (
        "he-normal",
        "healthy",
        "behind a norm",
        "behind an addition",
        "residual1.conv1",
        "net on N(0, 1)",
    ):
        assert words in svg
    image = Image.open(tmp_path / "three.png")
    assert image.width > 1000
    assert len(image.convert("RGB").getcolors(2**20)) > 20


def test_what_no_logarithm_shows_is_left_out(tmp_path):
    trace = Trace(init="x", points=points(1.0, 0.0, math.inf))
    Propagation(network="n", data="d", images=1, traces=(trace,)).plot(tmp_path / "gaps.svg")
    assert "exploding" in (tmp_path / "gaps.svg").read_text()


@pytest.mark.parametrize("name", ["plot.pdf", "plot"])
def test_another_kind_of_picture(tmp_path, name):
    message = message_of(ConfigError, both().plot, tmp_path / name)
    assert message == f"{tmp_path / name}: must end with .svg or .png, which say how it is drawn."


def test_no_folder_for_the_picture(tmp_path):
    assert "cannot be written" in message_of(DescriptionError, both().plot, tmp_path / "no" / "plot.svg")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((tiny(), ["he-norma"]), ConfigError, "unknown initialization 'he-norma'. Did you mean 'he-normal'"),
        ((tiny(), []), ConfigError, "inits=[]: must be names of initializations, such as"),
        ((tiny(), "he-normal"), ConfigError, "inits='he-normal': must be names of initializations, such as"),
        (
            (build(tiny(), 0), ["he-normal"]),
            ConfigError,
            "inits: a module of your own is followed with the weights",
        ),
        (
            (build(tiny(), 0),),
            ConfigError,
            "data=None: a module does not say which images it takes; name a source",
        ),
        (
            (Network("codes", (9,), [Embedding(5, 4), Flatten(), Linear(2)]),),
            ConfigError,
            "'codes' takes codes, not numbers; only networks of images or signals are followed.",
        ),
        (
            (net(ReLU()),),
            ConfigError,
            "the network has no layer with weights to follow; add a Conv or Linear layer.",
        ),
        (
            (plain(), ["default"], toy_source()),
            DataError,
            "toy: its images do not fit a network whose input is (300,).",
        ),
        (("lenet55",), DescriptionError, "unknown network 'lenet55'. Did you mean 'lenet5'"),
    ],
    ids=["name", "none", "text", "module-init", "module-data", "codes", "no-weights", "signal", "network"],
)
def test_what_cannot_be_followed(arguments, error, message):
    assert message_of(error, propagate, *arguments).startswith(message)


def test_the_default_of_every_layer_is_what_its_scheme_says():
    # The variance behind the first layer by hand: fan in · Var(w) · 1.
    trace = trace_of(plain(depth=2), "he-normal")
    assert trace.points[0].activation == pytest.approx(SCHEMES["he-normal"].gain, rel=0.05)

"""Every layer kind has samples, arithmetic and a builder, and the three agree on a real forward."""

import pytest
from counted import count_forward
from samples import SAMPLES, UNCHANGED

from striate.analyze import analyze, arithmetic
from striate.nn import build
from striate.nn.build import _composed, layer_module
from striate.spec import KINDS, Layer, Network
from striate.spec.place import _chains

CASES = [
    pytest.param(kind, *case, id=f"{kind}-{i}") for kind in SAMPLES for i, case in enumerate(SAMPLES[kind])
]


def gaps(kinds):
    """List what the kinds lack, each gap with the name of its kind."""
    found = []
    for name, kind in kinds.items():
        layer = issubclass(kind, Layer)
        if not any(name in _kinds_within(body) for _, body in SAMPLES.get(name, [])):
            found.append(f"{name}: no sample in tests/contract/samples.py")
        if layer and kind not in arithmetic.registry and name not in UNCHANGED:
            found.append(f"{name}: no arithmetic in analyze/rules, and not listed as UNCHANGED")
        if not layer and kind not in _chains.registry:
            found.append(f"{name}: no rule in spec/place.py")
        if kind not in (layer_module if layer else _composed).registry:
            found.append(f"{name}: no builder in nn/builders")
    return found


def _kinds_within(body):
    return {part.node.kind for top in Network("sample", (1,), body).placed for part in top.walk()} | {
        body.kind
    }


def test_every_kind_is_complete():
    assert gaps(KINDS) == []
    assert set(SAMPLES) == set(KINDS)


def test_a_kind_added_by_halves_is_named():
    class Fancy(Layer):
        pass

    assert gaps({**KINDS, "Fancy": Fancy}) == [
        "Fancy: no sample in tests/contract/samples.py",
        "Fancy: no arithmetic in analyze/rules, and not listed as UNCHANGED",
        "Fancy: no builder in nn/builders",
    ]


@pytest.mark.parametrize(("kind", "shape", "body"), CASES)
def test_analysis_equals_a_real_forward(kind, shape, body):
    network = Network("sample", shape, body)
    analysis = analyze(network)
    module = build(network, seed=0)
    counted = count_forward(module, shape)

    for row in analysis.layers:
        measured = counted[row.path]  # a path of the table is a path of the module
        assert row.output_shape == measured.output_shape, row.path
        assert (row.weights, row.biases) == (measured.weights, measured.biases), row.path
        assert row.macs == measured.macs, row.path
    assert analysis.output == counted[""].output_shape
    assert analysis.totals.params == sum(p.numel() for p in module.parameters())
    assert analysis.totals.macs == sum(layer.macs for layer in counted.values())


@pytest.mark.parametrize(("kind", "shape", "body"), CASES)
def test_walk_names_the_leaves_of_the_module(kind, shape, body):
    network = Network("sample", shape, body)
    paths = [path for path, _ in network.walk()]
    modules = dict(build(network, seed=0).named_modules())
    assert len(paths) == len(set(paths))
    assert [path for path in paths if path not in modules] == []
    # Average pooling with uneven padding wraps torch's own; nothing else has a module of its own inside.
    inside = [path for path in modules if any(path.startswith(f"{leaf}.") for leaf in paths)]
    assert all(path.endswith(".pool") for path in inside)


@pytest.mark.parametrize("kind", sorted(UNCHANGED))
def test_a_kind_listed_as_unchanged_costs_nothing(kind):
    for shape, body in SAMPLES[kind]:
        (row,) = analyze(Network("sample", shape, body)).layers
        assert row.output_shape == shape
        assert (row.params, row.macs, row.neurons) == (0, 0, 0)

"""Scaling on paper, against messages sent one by one and steps drawn out second by second."""

import math

import pytest
from toys import message_of

from striate import zoo
from striate.analyze import Cluster, analyze, predict_scaling, ring_seconds, tree_seconds
from striate.errors import ConfigError

FAST = Cluster(flops=1e14, inside=4e11, between=2e11, latency=1e-6, far_latency=1e-5)


def ring_of_messages(chunks, processes, bandwidth, latency):
    """Send every chunk around a ring until all have the sum of all; return the seconds, and check the sums."""
    held = [[{(rank, c)} for c in range(processes)] for rank in range(processes)]
    seconds = 0.0
    for turn in range(2 * (processes - 1)):
        gathers = turn >= processes - 1
        sent = []
        for rank in range(processes):
            chunk = (
                (rank - turn + gathers) % processes
                if not gathers
                else (rank + 1 - (turn - processes + 1)) % processes
            )
            sent.append((rank, chunk, held[rank][chunk]))
        for rank, chunk, values in sent:
            there = held[(rank + 1) % processes]
            there[chunk] = set(values) if gathers else there[chunk] | values
        seconds += chunks / bandwidth + latency
    everything = [{(rank, c) for rank in range(processes)} for c in range(processes)]
    assert all(own == everything for own in held)
    return seconds


@pytest.mark.parametrize("processes", [2, 3, 4, 7, 16])
def test_a_ring_takes_what_its_messages_take(processes):
    size, bandwidth, latency = 1e6, 3e8, 2e-5
    sent = ring_of_messages(size / processes, processes, bandwidth, latency)
    assert ring_seconds(size, processes, bandwidth, latency) == pytest.approx(sent, rel=1e-12)


def test_trees_have_fewer_turns():
    assert [tree_seconds(0, n, 1, 1) for n in (1, 2, 3, 4, 5, 8, 1024)] == [0, 2, 4, 4, 6, 6, 20]
    assert tree_seconds(1e6, 4, 1e9) == 2e-3
    assert ring_seconds(1e6, 1, 1e9, 1) == tree_seconds(1e6, 1, 1e9, 1) == 0


def step_drawn_out(network, batch, cluster, gpus, gradient_bytes):
    """Walk through the backward pass layer by layer; return when it ends and when the last gradient has arrived."""
    analysis = analyze(network, batch_size=batch)
    each = 2 * batch / cluster.flops
    clock = each * sum(row.macs for row in analysis.layers)
    wire, waiting = 0.0, 0
    layers = list(reversed(analysis.layers))
    for number, row in enumerate(layers):
        clock += 2 * each * row.macs
        waiting += gradient_bytes * (row.weights + row.biases)
        if waiting >= 25 * 1024 * 1024 or (number == len(layers) - 1 and waiting):
            near = gpus <= cluster.gpus_per_node
            bandwidth = cluster.inside if near else min(cluster.inside, cluster.between)
            latency = cluster.latency if near else cluster.far_latency
            ring = 2 * (gpus - 1) / gpus * waiting / bandwidth + 2 * (gpus - 1) * latency
            trees = 2 * waiting / bandwidth + 2 * math.ceil(math.log2(gpus)) * latency
            wire = max(wire, clock) + min(ring, trees)
            waiting = 0
    return clock, max(clock, wire)


@pytest.mark.parametrize("gpus", [2, 8, 16, 1024])
@pytest.mark.parametrize("gradient_bytes", [2, 4])
@pytest.mark.parametrize(("name", "batch"), [("resnet50", 64), ("vgg16", 32), ("lenet5", 128)])
def test_a_step_ends_when_the_last_gradient_is_there(name, batch, gpus, gradient_bytes):
    network = zoo.find(name)
    (scaled,) = predict_scaling(
        analyze(network, batch_size=batch), FAST, [gpus], gradient_bytes=gradient_bytes
    )
    computed, ended = step_drawn_out(network, batch, FAST, gpus, gradient_bytes)
    assert scaled.compute == pytest.approx(computed)
    assert scaled.exposed == pytest.approx(ended - computed)
    assert scaled.images_per_second == pytest.approx(gpus * batch / ended)
    assert scaled.efficiency == pytest.approx(computed / ended)
    assert 0 < scaled.exposed <= scaled.communicate * (1 + 1e-9)


def test_one_gpu_waits_for_nobody():
    analysis = analyze(zoo.resnet50(), batch_size=256)
    one = predict_scaling(analysis, FAST)[0]
    # 4,089,184,256 multiply-accumulates (He et al. 2016 tell 3.8e9 without the last of them), 6 FLOPs of each.
    assert one.compute == pytest.approx(6 * 4_089_184_256 * 256 / 1e14)
    assert (one.gpus, one.communicate, one.exposed, one.efficiency) == (1, 0, 0, 1)
    assert one.images_per_second == pytest.approx(256 / one.compute)


def test_more_gpus_do_more_and_each_does_less():
    scaled = predict_scaling(analyze(zoo.vgg16(), batch_size=64), FAST)
    assert [s.gpus for s in scaled] == [2**k for k in range(11)]
    rates = [s.images_per_second for s in scaled]
    assert rates == sorted(rates)
    shares = [s.efficiency for s in scaled]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: predict_scaling(a, FAST, [0]), "gpus=0: must be whole numbers of at least 1."),
        (lambda a: predict_scaling(a, FAST, gradient_bytes=3), "gradient_bytes=3: must be 2 or 4."),
        (lambda a: Cluster(flops=0, inside=1, between=1), "flops=0: must be above 0."),
        (lambda a: Cluster(flops=1, inside=1, between=1, latency=-1), "latency=-1: must be 0 or more."),
    ],
    ids=["gpus", "bytes", "flops", "latency"],
)
def test_what_is_refused(call, message):
    assert message_of(ConfigError, call, analyze(zoo.lenet5())) == message

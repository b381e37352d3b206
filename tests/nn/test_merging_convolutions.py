"""Neighboring branches that begin with 1×1 convolutions share one; the channels keep their order."""

import pytest
import torch
from rewritten import assert_same_outputs, assert_same_training, net, order, unchanged

from striate.errors import DescriptionError
from striate.nn import build
from striate.spec import (
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Identity,
    MaxPool,
    MaxUnpool,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)


def test_parallel_convolutions_are_one_and_the_filters_stand_in_the_order_of_the_branches():
    network = net(
        Concat(
            Sequential(Conv(2, 1, name="c"), ReLU(), name="a"),
            Sequential(Conv(3, 1, name="c"), ReLU(), Conv(2, 3, padding=1), name="b"),
            Sequential(MaxPool(3, 1, 1), Conv(1, 1), name="d"),
            name="join",
        )
    )
    fast = assert_same_training(network)
    assert order(fast.network) == [
        *("join.shared.conv", "join.shared.relu"),
        *("join.shared.branches.a", "join.shared.branches.b.slice", "join.shared.branches.b.conv1"),
        *("join.d.pool1", "join.d.conv1"),
    ]
    state = build(network, seed=0).state_dict()
    mapped = fast.weights.forward(state)
    assert list(mapped["join.shared.conv.weight"].shape) == [5, 4, 1, 1]
    assert torch.equal(mapped["join.shared.conv.weight"][:2], state["join.a.c.weight"])
    assert torch.equal(mapped["join.shared.conv.weight"][2:], state["join.b.c.weight"])
    assert torch.equal(mapped["join.shared.branches.b.conv1.bias"], state["join.b.conv1.bias"])


def test_norms_that_are_alike_go_along_with_their_statistics():
    branch = [Conv(2, 1, bias=False), BatchNorm(eps=1e-3), Tanh()]
    network = net(Concat(branch, [*branch, Conv(2, 3, padding=1)], [Conv(3, 1, bias=False), BatchNorm()]))
    fast = assert_same_training(network)
    assert order(fast.network) == [
        *("concat1.conv",),  # the third branch has another eps: the norms stay with their branches
        *(f"concat1.branches.branch1.{name}" for name in ("slice", "norm1", "tanh1")),
        *(f"concat1.branches.branch2.{name}" for name in ("slice", "norm1", "tanh1", "conv2")),
        *(f"concat1.branches.branch3.{name}" for name in ("slice", "norm1")),
    ]
    alike = assert_same_training(net(Concat(branch, [*branch, Conv(2, 3, padding=1)], AvgPool(3, 1, 1))))
    assert order(alike.network)[:4] == [
        *(f"concat1.shared.{name}" for name in ("conv", "norm", "tanh")),
        "concat1.shared.branches.branch1",
    ]
    assert "concat1.shared.norm.num_batches_tracked" in build(alike.network).state_dict()


def test_branches_that_are_alike_to_their_ends_need_no_slices():
    network = net(Concat(Conv(2, 1), Conv(3, 1), name="join"), ReLU())
    fast = assert_same_training(network)
    assert order(fast.network) == ["join.conv", "relu1"]
    assert next(fast.network.walk())[1].out_channels == 5


def test_only_neighbors_are_merged_each_run_by_itself():
    two = (Conv(1, 1), [Conv(2, 1), ReLU()])
    fast = assert_same_training(net(Concat(*two, Identity(), *two, MaxPool(3, 1, 1), Conv(1, 1))))
    assert [path for path in order(fast.network) if path.endswith("conv")] == [
        "concat1.shared.conv",
        "concat1.shared2.conv",
    ]
    assert len(fast.changes) == 2


def test_a_name_that_a_later_branch_has_is_passed_over():
    two = (Conv(1, 1), Conv(2, 1))
    named = [Sequential(AvgPool(3, 1, 1), Conv(1, 1), name=f"shared{number}") for number in ("", "2")]
    fast = assert_same_training(net(Concat(*two, named[0], *two, named[1])))
    assert [path for path in order(fast.network) if path.endswith("conv")] == [
        "concat1.shared3.conv",
        "concat1.shared4.conv",
    ]


def test_a_module_within_a_branch_is_merged_after_the_module_around_it():
    inner = Concat([Conv(1, 1), Tanh()], [Conv(2, 1), ReLU()], name="inner")
    network = net(Concat([Conv(2, 1), ReLU(), inner], [Conv(3, 1), ReLU()], AvgPool(3, 1, 1), name="outer"))
    fast = assert_same_training(network)
    assert "outer.shared.branches.branch1.inner.conv" in order(fast.network)
    assert_same_outputs(network)


def test_names_that_are_taken_are_passed_over():
    branches = [Sequential(Conv(1, 1), ReLU(), name=name) for name in ("conv", "branches", "shared")]
    last = Sequential(Conv(1, 1), ReLU(), Conv(1, 1, name="slice"), name="relu")
    fast = assert_same_training(net(Concat(*branches, last)))
    assert order(fast.network)[:2] == ["concat1.conv2", "concat1.relu2"]
    assert order(fast.network)[-2:] == [
        "concat1.branches2.relu.slice2",
        "concat1.branches2.relu.slice",
    ]
    around = assert_same_training(net(Concat(*branches, last, AvgPool(3, 1, 1))))
    assert order(around.network)[0] == "concat1.shared2.conv2"


@pytest.mark.parametrize("axes", [1, 2, 3], ids=["signal", "image", "volume"])
def test_strides_and_paddings_that_say_nothing_do_not_matter(axes):
    branches = [Conv(2, 1, stride=2), Conv(3, (1,) * axes, stride=(2,) * axes, padding="same", dilation=2)]
    fast = assert_same_training(net(Concat(*branches), shape=(4, 6, 5, 7)[: axes + 1]))
    assert fast.changes == ("concat1.branch1, concat1.branch2 as concat1.conv",)


@pytest.mark.parametrize(
    "branches",
    [
        [Conv(2, 1), Conv(2, 3, padding=1)],
        [Conv(2, 1), Conv(2, 1, bias=False)],
        [Conv(2, 1), Conv(2, 1, groups=2)],
        [Conv(2, 1, groups=2), Conv(2, 1, groups=2)],
        [Conv(2, 1, stride=2), [Conv(2, 1), MaxPool(1, stride=2)]],
        [Conv(2, 1, padding=1), Conv(2, 3, padding=2)],
        [Conv(2, 1), [AvgPool(3, 1, 1), Conv(2, 1)], Conv(2, 1)],
        [Conv(2, 1), [ReLU(), Conv(2, 1)]],
        [Conv(2, 1), [Sequential(Conv(2, 1), name="block"), ReLU()]],
        [Conv(2, 1), Residual(Conv(4, 1))],
        [Conv(2, 1), [Conv(2, 1), MaxPool(3, 1, 1, name="p"), MaxUnpool("concat1.branch2.p")]],
    ],
    ids=repr,
)
def test_no_other_branches_are_merged(branches):
    assert unchanged(net(Concat(*branches)), "training")


def test_a_description_that_would_nest_too_deep_stays():
    def nested(times):
        body = Concat(Conv(1, 1), [Conv(2, 1), Conv(2, 3, padding=1)], [AvgPool(3, 1, 1), Conv(1, 1)])
        for _ in range(times):
            body = Residual(body)
        return net(body)

    assert not unchanged(nested(35), "training")
    assert unchanged(nested(36), "training")  # a slice would lie on the 41st level
    with pytest.raises(DescriptionError, match="nests more than 40"):
        nested(37)

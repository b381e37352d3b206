"""What a plan computes is compared with float32, layer by layer; and trying a plan leaves nothing behind."""

import dataclasses

import pytest
import torch
from plan_toys import CPU, HALF, LAST, batch, bench, measured_and_checked, problem, tiny_module
from torch import nn
from torch.nn import functional as F

import striate as st
from striate.nn import build, fused
from striate.spec import AuxHead, Conv, Dropout, Flatten, Linear, Network, ReLU, Sequential, StochasticPool
from striate.train.plan import Plan
from striate.train.plan.checking import Deviation

BOTH = Plan(precision="bf16", memory_format="channels_last")
EAGER = {"bf16": HALF, "channels last": LAST, "both": BOTH}


def eager(test):
    return pytest.mark.parametrize("plan", EAGER.values(), ids=EAGER)(test)


def chain(*layers, channels=4, side=6, pool=True):
    """Return those layers between a convolution and what answers, of images ``(1, 8, 8)``."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3), *layers, nn.Flatten(), nn.Linear(channels * side * side, 3)
    )


@eager
def test_a_small_network_is_computed_alike(plan):
    assert problem(tiny_module(), plan) == ""


@pytest.fixture(scope="module")
def residual():
    """A normalized residual network whose first gradients are far off whatever is rounded."""
    return build(st.zoo.resnet20(), seed=0)


@eager
def test_a_network_that_is_ill_conditioned_is_accepted(residual, plan):
    shape = st.zoo.resnet20().input
    measured = measured_and_checked(bench(residual, 8, shape, 10), plan)
    assert measured.refused == ""
    if plan.precision == "bf16":
        assert measured.deviation.gradients > 0.02  # of which no fixed bound could be made
        assert 2**-12 < measured.deviation.layer < 2**-6


class Faulty(torch.autograd.Function):
    """The identity, or wrong in its value or its slope by a share of it."""

    @staticmethod
    def forward(ctx, x, value, slope):
        ctx.slope = slope
        return x * (1 + value)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (1 + ctx.slope), None, None


class Wrong(nn.Module):
    """A convolution that is off where ``when`` says of its images, in ``where``."""

    def __init__(self, when, where, off=0.1):
        super().__init__()
        self.conv = nn.Parameter(nn.Conv2d(4, 4, 1).weight.detach().clone())
        self.when, self.where, self.off = when, where, off

    def forward(self, x):
        weight = self.conv
        off = {self.where: self.off} if self.when(x) else {}
        x = Faulty.apply(x, 0.0, off.get("slope of the input", 0.0))
        weight = Faulty.apply(weight, 0.0, off.get("slope of the weight", 0.0))
        return Faulty.apply(F.conv2d(x, weight), off.get("output", 0.0), 0.0)


def in_bf16(_):
    return torch.is_autocast_enabled("cpu")


def channels_last(x):
    return not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


WHERE = ["output", "slope of the input", "slope of the weight"]


@pytest.mark.parametrize("where", WHERE)
def test_a_layer_that_is_wrong_in_bf16_alone(where):
    torch.manual_seed(0)
    module = chain(nn.ReLU(), Wrong(in_bf16, where), nn.ReLU())
    for plan in (HALF, BOTH):
        assert problem(module, plan).startswith("off by 0.1 of the layer 2, and 0.016 is accepted")
    assert problem(module, LAST) == ""


@pytest.mark.parametrize("where", WHERE)
def test_a_layer_that_is_wrong_in_channels_last_alone(where):
    torch.manual_seed(0)
    module = chain(Wrong(channels_last, where, 0.01), nn.ReLU())
    text = problem(module, LAST)
    assert text.startswith("off by 0.01 of the layer 1, and 0.0001 is accepted")
    assert problem(module, HALF) == ""


@pytest.mark.parametrize("off", [float("nan"), float("inf")], ids=["nan", "inf"])
def test_a_layer_that_gives_no_numbers(off):
    module = chain(Wrong(in_bf16, "output", off))
    text = problem(module, HALF)
    assert text.startswith("off by inf of the layer 1, and 0.016 is accepted")
    assert problem(module, LAST) == ""


@pytest.mark.parametrize("dropped", [0.0, 0.5], ids=["plain", "with dropout that is no layer"])
def test_a_fault_beside_the_layers_is_seen_in_the_whole(dropped):
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = tiny_module()

        def forward(self, x):
            return self.body(F.dropout(x, dropped)) * (1.5 if in_bf16(x) else 1.0)

    assert problem(Beside(), HALF).startswith("off by 0.5 of the logits")
    assert problem(Beside(), LAST) == ""


def test_the_largest_fault_is_the_one_that_is_named():
    torch.manual_seed(0)
    module = chain(Wrong(in_bf16, "output", 0.05), Wrong(in_bf16, "slope of the weight", 0.4))
    assert problem(module, HALF).startswith("off by 0.4 of the layer 2,")


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        ((0.1, 0.1, 0.1), ""),
        ((0.3, 0.1, 0.1), "off by 0.3 of the layer conv, and 0.2 is accepted"),
        ((0.1, 0.3, 0.1), "off by 0.3 of the logits, and 0.2 is accepted"),
        ((0.1, 0.1, 0.3), "off by 0.3 of the gradients, and 0.2 is accepted"),
        ((float("nan"), 0.1, 0.1), "off by nan of the layer conv, and 0.2 is accepted"),
        ((0.1, float("inf"), 0.1), "off by inf of the logits, and 0.2 is accepted"),
    ],
    ids=["none", "layer", "logits", "gradients", "nan", "inf"],
)
def test_a_deviation_and_its_problem(measured, told):
    layer, outputs, gradients = measured
    most = dict.fromkeys(("most_layer", "most_outputs", "most_gradients"), 0.2)
    far = Deviation(layer=layer, path="conv", outputs=outputs, gradients=gradients, **most)
    assert far.problem == told


def test_products_rounded_to_bf16_are_compared_with_float32(monkeypatch):
    """A layer that is wrong only while products of float32 are rounded is seen, though it is no autocast."""
    torch.manual_seed(0)
    module = chain(
        nn.ReLU(),
        Wrong(lambda _: torch.backends.mkldnn.conv.fp32_precision == "bf16", "slope of the weight"),
    )
    text = problem(module, Plan(precision="bf16-math"))
    assert text.startswith("off by 0.1 of the layer 2")


@pytest.mark.parametrize("factor", [1.0, 1.1, float("nan")], ids=["right", "off", "nan"])
def test_fused_layers_are_compared_with_those_one_by_one(monkeypatch, factor):
    module, (images, _) = tiny_module(), batch()
    if not fused.fuse_for_training(module, images):
        pytest.skip("the code of fused layers cannot be had here")
    fused.unfuse(module)
    inner = fused.chain.conv_pool
    monkeypatch.setattr(fused.chain, "conv_pool", lambda *given, **named: inner(*given, **named) * factor)
    text = problem(module, Plan(fused=1))
    assert text == "" if factor == 1 else text.startswith("off by ")
    assert not any(isinstance(part, fused.FusedSequential) for part in module.modules())


NETWORKS = {
    "dropout": Network(
        "n", (1, 8, 8), Sequential(Conv(4, 3), ReLU(), Dropout(0.5), Flatten(), Dropout(0.5), Linear(3))
    ),
    "stochastic pooling": Network(
        "n", (1, 8, 8), Sequential(Conv(4, 3), ReLU(), StochasticPool(2), Flatten(), Linear(3))
    ),
    "an auxiliary head": Network(
        "n",
        (1, 8, 8),
        Sequential(Conv(4, 3), AuxHead([Flatten(), Linear(3)], weight=0.5), ReLU(), Flatten(), Linear(3)),
    ),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@eager
def test_networks_that_draw_or_add(network, plan):
    assert problem(build(network, seed=0), plan) == ""


class Twice(nn.Module):
    """Calls a layer twice, one that gives two tensors, one with a name, and one that takes numbers of rows."""

    class Halves(nn.Module):
        def forward(self, x):
            return x.chunk(2, 1)

    class Scaled(nn.Module):
        def forward(self, x, *, by):
            return x * by

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3)
        self.again = nn.Conv2d(4, 4, 3, padding=1)
        self.halves = self.Halves()
        self.scaled = self.Scaled()
        self.rows = nn.Embedding(5, 3)
        self.head = nn.Linear(2 * 36, 3)

    def forward(self, x):
        x = self.first(x)
        x = self.again(self.again(x).relu())
        left, right = self.halves(x)
        out = self.head(self.scaled(left + right, by=0.5).flatten(1))
        return out + self.rows(torch.zeros(len(x), dtype=torch.int64))


MODULES = {
    "uncommon calls": Twice,
    "activations in place": lambda: chain(nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1), nn.ReLU6(inplace=True)),
    "in place at first": lambda: nn.Sequential(nn.ReLU(inplace=True), *chain(nn.ReLU(inplace=True))),
    "random slopes": lambda: chain(nn.RReLU()),
    "dropout": lambda: chain(nn.ReLU(), nn.Dropout2d(0.5), nn.AlphaDropout(0.2)),
    "an unused layer": lambda: nn.ModuleDict({"used": tiny_module(), "not": nn.Linear(1, 1)})["used"],
    "frozen": lambda: chain(nn.Conv2d(4, 4, 1).requires_grad_(False)),
    "no layers with weights but one": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3)),
    "identities": lambda: nn.Sequential(nn.Identity(), *chain(nn.Identity())),
}


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
@eager
def test_modules_of_all_kinds_are_no_obstacle(make, plan):
    torch.manual_seed(0)
    assert problem(make(), plan) == ""


class Fussy(nn.Module):
    def __init__(self, when):
        super().__init__()
        self.body = tiny_module()
        self.when = when

    def forward(self, x):
        if self.when(x):
            raise ValueError("this kernel has no half\nand more lines")
        return self.body(x)


def test_a_module_that_raises_is_refused_with_its_reason():
    measured = measured_and_checked(bench(Fussy(in_bf16)), HALF)
    assert measured.refused == measured.failure == "ValueError: this kernel has no half"
    assert measured.seconds is None
    assert problem(Fussy(in_bf16), LAST) == ""
    assert problem(Fussy(lambda x: True), Plan()) == "ValueError: this kernel has no half"


class Counting(nn.Module):
    """Puts another tensor in the place of a buffer at each call."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls = self.calls + 1
        return x


def whole_state(module):
    """Return everything of ``module``, and of torch, that trying a plan might change."""
    weights = [
        (name, id(p), p.data_ptr(), p.detach().clone(), p.stride(), None if p.grad is None else id(p.grad))
        for name, p in module.named_parameters()
    ]
    return {
        "weights": [(name, i, at, stride, grad) for name, i, at, _, stride, grad in weights],
        "values": [value for *_, value, _, _ in weights],
        "gradients": [p.grad.clone() for p in module.parameters() if p.grad is not None],
        "buffers": [(name, id(buffer)) for name, buffer in module.named_buffers()],
        "held": [buffer.clone() for buffer in module.buffers()],
        "training": [part.training for part in module.modules()],
        "strengths": [part.p for part in module.modules() if isinstance(part, nn.Dropout)],
        "hooks": [len(part._forward_pre_hooks) for part in module.modules()],
        "random": [torch.get_rng_state()],
        "threads": torch.get_num_threads(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "products": torch.backends.mkldnn.conv.fp32_precision,
    }


def same(before, after):
    """Return whether two states are, to the bit."""
    assert before.keys() == after.keys()
    for name, was in before.items():
        now = after[name]
        if isinstance(was, list) and was and isinstance(was[0], torch.Tensor):
            assert len(was) == len(now), name
            assert all(torch.equal(a, b) for a, b in zip(was, now, strict=True)), name
        else:
            assert was == now, name


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failing"])
@pytest.mark.parametrize("lies", [torch.contiguous_format, torch.channels_last], ids=["NCHW", "NHWC"])
def test_trying_leaves_everything_as_before(fails, lies):
    torch.manual_seed(0)
    calls = []

    def too_often(_):
        calls.append(1)
        return fails and len(calls) > 5

    body = chain(nn.BatchNorm2d(4), nn.Dropout(0.3), Counting(), nn.Conv2d(4, 4, 3, padding=1))
    module = nn.Sequential(Fussy(too_often), body)
    module[0].body = nn.Identity()
    module = module.to(memory_format=lies)
    body[2].eval()  # some of it does not train
    body[4].weight.grad = torch.ones_like(body[4].weight)
    before = whole_state(module)
    tried = bench(module)
    for plan in (Plan(), HALF, LAST, BOTH, Plan(precision="bf16-math", threads=2)):
        measured = measured_and_checked(tried, plan, 2)
        same(before, whole_state(module))
        assert not measured.failure or fails or plan.precision == "bf16-math"
    assert bool(measured.failure) or not fails


def test_an_interrupt_leaves_everything_as_before():
    module = tiny_module().eval()
    before = whole_state(module)

    def press(_):
        raise KeyboardInterrupt

    fussy = Fussy(press)
    fussy.body = module
    with pytest.raises(KeyboardInterrupt):
        bench(fussy.eval()).measure(HALF, 1)
    same(before, whole_state(module))
    assert not fussy.training


def test_the_least_of_the_times_counts(monkeypatch):
    tried = bench(tiny_module())
    times = iter([9.0, 5.0, 3.0, 4.0])
    monkeypatch.setattr(type(tried), "_timed", lambda *_: next(times))
    measured = tried.measure(Plan(), 3)
    assert (measured.seconds, measured.repeats, measured.deviation, measured.refused) == (3.0, 3, None, "")
    assert measured.preparation == 9.0


def test_a_part_of_a_batch_tells_what_the_whole_would_take(monkeypatch):
    tried = bench(tiny_module()).of(2)
    assert (tried.images.shape[0], tried.size) == (2, 8)
    torch.testing.assert_close(tried.images, batch()[0][:2], rtol=0, atol=0)
    times = iter([9.0, 0.5, 0.25])
    monkeypatch.setattr(type(tried), "_timed", lambda *_: next(times))
    assert tried.measure(Plan(), 3).seconds == 1.0


def test_what_is_of_no_use_is_not_timed_again(monkeypatch):
    tried = bench(tiny_module())
    monkeypatch.setattr(type(tried), "_timed", lambda *_: 2.0)
    measured = tried.measure(HALF, 5, slowest=2.0)
    assert (measured.repeats, measured.deviation) == (2, None)  # as the first time may prepare something
    assert tried.measure(HALF, 1).repeats == 1
    assert measured.refused == "another is faster, so its numbers were not checked"
    assert tried.measure(HALF, 5, slowest=2.1).repeats == 5


def test_a_check_adds_how_far_a_plan_is_off_and_changes_no_time():
    tried = bench(tiny_module())
    measured = tried.measure(HALF, 2)
    checked = tried.checked(measured)
    assert checked.deviation is not None
    assert checked == dataclasses.replace(measured, unchecked=False, deviation=checked.deviation)
    assert tried.checked(checked) is checked
    described = tried.measure(Plan(), 1)
    assert tried.checked(described) is described


def test_no_more_is_timed_than_there_is_time_for():
    measured = bench(tiny_module()).measure(HALF, 50, until=0.0)
    assert measured.repeats == 2
    assert measured.seconds > 0
    assert measured.preparation > 0


def test_a_micro_batch_is_no_matter_of_the_bench():
    plan = Plan(precision="bf16", micro_batch=2)
    measured = measured_and_checked(bench(tiny_module()), plan)
    assert (measured.plan, measured.refused) == (plan, "")
    images, _ = batch()
    assert images.device == CPU

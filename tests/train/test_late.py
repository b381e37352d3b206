"""Steps that are told of later: the same events, the same files, and no step that waits for its numbers."""

import dataclasses
import math
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cut_runs import OPTIONS, STEPS, begun, files, last, rows
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from toys import NAMES, message_of, quick, stripes, tiny, toy_source, trained

from striate.data import ArraySource, Batches
from striate.errors import DataError, TrainingError
from striate.nn import build
from striate.train import Checkpointed, Diverged, Finished, StepDone, feeding, late, resume, train
from striate.train.distributed import ALONE, World
from striate.train.distributed.world import Alone
from striate.train.diverge import NotFinite
from striate.train.feeding import made_ready
from striate.train.keeping.checkpoint import model_tensors, read_progress
from striate.train.late import Doubt, Later, Moment, latency
from striate.train.methods import make_optimizer
from striate.train.plan import Plan
from striate.train.prepare import prepare
from striate.train.ranging import find_lr
from striate.train.stepping import Stepper

CPU = torch.device("cpu")


@pytest.fixture
def behind(monkeypatch):
    """Return a function that has the CPU be so many steps behind, as if it computed beside."""
    return lambda steps: monkeypatch.setattr(late, "_LATENCIES", {"cpu": steps})


def told(events):
    """Return events without what differs from run to run."""
    named = {"images_per_second": 1.0, "seconds": 0.0, "run": "", "path": ""}
    return [
        dataclasses.replace(
            e, **{n: v for n, v in named.items() if n in {f.name for f in dataclasses.fields(e)}}
        )
        for e in events
    ]


def assert_alike(run, other):
    assert files(run) == files(other)
    kinds = ("StepDone", "Validated", "Inspected", "Replanned", "Diverged", "Checkpointed", "Finished")
    assert rows(run, *kinds) == rows(other, *kinds)


RUNS = {
    "adamw": {},
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "schedule": "one-cycle"},
    "adam": {"optimizer": "adam", "clip_norm": 0.1, "clip_value": 0.05, "l1": 1e-4},
    "adagrad": {"optimizer": "adagrad", "patience": 1, "max_norm": 1.0},
    "swa": {"ema": None, "swa": 0.5, "gradient_noise": 0.1},
    "bf16": {"precision": "bf16", "keep_best": 3},
    "parts": {"micro_batch": 5, "class_weights": (1.0, 2.0, 0.5)},
    "plateau": {"schedule": "plateau", "plateau": 1, "sampling": "balanced"},
    "looked at often": {"health_every": 2, "every_steps": 5},
    "never looked at": {"health_every": None, "every_steps": None, "augment": "none"},
}


@pytest.mark.parametrize("steps", [1, 3, 8])
@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_a_run_is_told_alike_and_kept_alike(tmp_path, behind, options, steps):
    at_once = trained(tmp_path / "now", **OPTIONS | options)
    behind(steps)
    later = trained(tmp_path / "later", **OPTIONS | options)
    assert told(later) == told(at_once)
    assert all(e.images_per_second > 0 for e in later if isinstance(e, StepDone))
    assert_alike(tmp_path / "later", tmp_path / "now")


class Counting(nn.Module):
    """Counts its passes in training."""

    def __init__(self):
        super().__init__()
        self.inner, self.passes = build(tiny(), seed=0), 0

    def forward(self, x):
        self.passes += self.training and torch.is_grad_enabled()
        return self.inner(x)


@pytest.mark.parametrize(("steps", "ahead"), [(0, [0] * 6), (2, [2, 1, 0, 2, 1, 0]), (8, [2, 1, 0, 2, 1, 0])])
def test_so_many_steps_are_begun_before_the_first_is_told_of(tmp_path, behind, steps, ahead):
    behind(steps)
    module = Counting()
    events = train(module, toy_source(), quick(), tmp_path / "run")
    before = module.passes
    next(events)
    found = [module.passes - before - e.step for e in events if isinstance(e, StepDone)]
    assert found == ahead  # of two epochs of three steps, each of which ends with all told


class Waiting(Exception):
    """The device is waited for."""


class NoWaiting(TorchDispatchMode):
    """Has nothing of what would wait for a device: numbers of a tensor, or shapes that depend on them."""

    WAITS = ("_local_scalar_dense", "nonzero", "equal", "masked_select", "is_nonzero")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function._schema.name.removeprefix("aten::") in self.WAITS:
            raise Waiting(function._schema.name)
        return function(*args, **kwargs or {})


STEPPED = {
    "adamw": {},
    "sgd": {"optimizer": "sgd", "momentum": 0.9},
    "adagrad": {"optimizer": "adagrad"},
    "bounded": {"clip_norm": 1.0, "clip_value": 0.1, "max_norm": 1.0, "l1": 1e-4, "l2": 1e-4},
    "noisy": {"gradient_noise": 0.1, "label_smoothing": 0.1},
    "averaged": {"ema": 0.9},
    "parts": {"micro_batch": 5},
    "weighed": {"class_weights": (1.0, 2.0, 0.5)},
    "bf16": {"precision": "bf16"},
}


@pytest.mark.parametrize("options", STEPPED.values(), ids=STEPPED)
def test_no_step_waits(behind, options):
    for steps in (4, 0):
        behind(steps)
        prepared = prepare(tiny(), toy_source(), quick(**options))
        stepper, batches = Stepper(prepared, 10), Batches(prepared.train, 16, 0)
        inputs = [made_ready(prepared, batches[step]) for step in range(3)]
        stepper.begin(inputs[0])  # where optimizers make their state
        if steps:
            with NoWaiting():
                some = [stepper.begin(each) for each in inputs[1:]]
            assert all(math.isfinite(stepper.loss_of(each, None)) for each in some)
        else:
            with pytest.raises(Waiting), NoWaiting():
                stepper.begin(inputs[1])


OTHERS = {
    "lars": {"optimizer": "lars"},
    "muon": {"optimizer": "muon"},
    "rmsprop": {"optimizer": "rmsprop"},
    "lookahead": {"lookahead": 2},
}


@pytest.mark.parametrize("options", OTHERS.values(), ids=OTHERS)
def test_optimizers_that_cannot_leave_out_a_step_are_waited_for(behind, options):
    behind(4)
    assert Stepper(prepare(tiny(), toy_source(), quick(**options)), 10).latency == 0


def test_where_steps_are_waited_for(behind):
    module = build(tiny(), seed=0)
    optimizer = make_optimizer(module, quick().optimizer)
    cuda = torch.device("cuda", 1)
    assert latency(cuda, Plan(precision="bf16"), optimizer, ALONE) == 8
    assert latency(cuda, Plan(precision="fp16"), optimizer, ALONE) == 0
    assert latency(cuda, Plan(), optimizer, Alone(World(size=2))) == 0
    assert (
        latency(CPU, Plan(), optimizer, ALONE) == latency(torch.device("mps"), Plan(), optimizer, ALONE) == 0
    )


@pytest.mark.parametrize("how", ["interrupt", "close", "abandon", "kill"])
@pytest.mark.parametrize("at", range(1, 11))
def test_a_run_that_was_cut_short_ends_as_one_that_was_not(tmp_path, behind, how, at):
    options = OPTIONS | {"health_every": 7, "every_steps": 5}
    whole = begun(tmp_path / "whole", STEPS + 1, **options)
    behind(3)
    path = tmp_path / "cut"
    events = train(tiny(), toy_source(), quick(**options), path)
    seen = [next(e for e in events if isinstance(e, StepDone) and e.step == at)]
    if how == "kill":
        path = shutil.copytree(path, tmp_path / "killed")
    if how == "interrupt":
        seen += [events.throw(KeyboardInterrupt()), *events]
        steps = [e.step for e in seen if isinstance(e, StepDone)]
        assert steps == list(range(at, at + len(steps)))
        assert isinstance(seen[-2], Checkpointed)
        assert seen[-2].step == seen[-1].step == steps[-1]
        assert seen[-1].reason == "interrupted"
    elif how == "abandon":
        events.throw(KeyboardInterrupt())
    events.close()
    if how != "kill":
        assert at <= read_progress(last(path)).step <= at + 3
        assert [row["step"] for row in rows(path, "StepDone")] == list(
            range(1, read_progress(last(path)).step + 1)
        )
    list(resume(path, toy_source()))
    assert files(path) == files(whole)
    for kind in ("StepDone", "Validated", "Inspected"):
        assert rows(path, kind) == rows(whole, kind)


class NoNumbersBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bad):
        ctx.bad = bad
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return torch.where(ctx.bad, math.nan, gradient), None


class Allergic(nn.Module):
    """Gives no numbers for a batch with an image that is all white, forward or backward."""

    def __init__(self, backward):
        super().__init__()
        self.backward_too, self.inner = backward, build(tiny(), seed=0)
        self.norm = nn.BatchNorm2d(1)
        self.part = Part(backward)

    def forward(self, x):
        white = (x.flatten(1).amin(1) > 1).any()
        return self.inner(self.part(self.norm(x), white))


class Part(nn.Module):
    def __init__(self, backward):
        super().__init__()
        self.backward_too = backward
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x, bad):
        x = x * self.weight
        return NoNumbersBack.apply(x, bad) if self.backward_too else torch.where(bad, math.nan, x)


def source_with_a_white_image(place):
    parts = {split: stripes(n, seed) for seed, (split, n) in enumerate({"train": 96, "val": 24}.items())}
    images = {split: found.copy() for split, (found, _) in parts.items()}
    images["train"][place] = 255
    return ArraySource("toy", images, {split: targets for split, (_, targets) in parts.items()}, NAMES)


def until_divergence(path, place, backward, **options):
    """Return events, the message, and the weights at the end of a run that diverges at some step."""
    module = Allergic(backward)
    events, seen = train(module, source_with_a_white_image(place), quick(epochs=4.0, **options), path), []
    with pytest.raises(TrainingError) as caught:
        seen.extend(events)
    seen = []
    return str(caught.value), torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize(
    "options",
    [{}, {"micro_batch": 6, "every_steps": 2}, {"ema": 0.9, "optimizer": "sgd"}],
    ids=["whole", "parts", "averaged"],
)
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("place", [0, 40, 95])
def test_what_is_no_number_is_told_as_at_once(tmp_path, behind, place, backward, options):
    message, weights = until_divergence(tmp_path / "now", place, backward, **options)
    assert ("the gradient at" if backward else "the loss at") in message
    assert "'part'" in message
    behind(4)
    later, kept = until_divergence(tmp_path / "later", place, backward, **options)
    assert later.replace("later", "now") == message
    assert torch.equal(kept, weights)
    assert_alike(tmp_path / "later", tmp_path / "now")
    (row,) = rows(tmp_path / "later", "Diverged")
    assert [r["step"] for r in rows(tmp_path / "later", "StepDone")] == list(range(1, row["step"]))


@pytest.mark.parametrize("epochs", [1.0, 4.0])
def test_an_absurd_learning_rate(tmp_path, behind, epochs):
    options = {"optimizer": "sgd", "lr": 1e30, "warmup": 0.0, "epochs": epochs}
    now = message_of(TrainingError, trained, tmp_path / "now", **options)
    behind(8)
    assert message_of(TrainingError, trained, tmp_path / "later", **options).replace("later", "now") == now
    assert_alike(tmp_path / "later", tmp_path / "now")


@pytest.mark.parametrize("how", ["interrupt", "close"])
def test_an_interrupt_before_it_is_known_keeps_nothing_bad(tmp_path, behind, how):
    until_divergence(tmp_path / "now", 40, False)
    (row,) = rows(tmp_path / "now", "Diverged")
    behind(8)
    module, path = Allergic(False), tmp_path / "run"
    events = train(module, source_with_a_white_image(40), quick(epochs=4.0), path)
    before = next(e for e in events if isinstance(e, StepDone))
    assert before.step < row["step"]
    if how == "interrupt":
        rest = [events.throw(KeyboardInterrupt()), *events]
        assert [e.step for e in rest if isinstance(e, StepDone)] == list(range(2, row["step"]))
        assert isinstance(rest[-2], Diverged)
        assert rest[-2].step == row["step"]
        assert isinstance(rest[-1], Finished)
        assert rest[-1].step == row["step"] - 1
    else:
        events.close()
    assert not list(path.rglob("*.safetensors"))
    assert rows(path, "Diverged") == [row]


def test_what_was_no_number_once(behind):
    behind(4)
    prepared = prepare(tiny(), toy_source(), quick())
    stepper, batches = Stepper(prepared, 10), Batches(prepared.train, 16, 0)
    inputs = made_ready(prepared, batches[0])
    bad = stepper.begin(inputs._replace(images=inputs.images * math.nan))
    with pytest.raises(NotFinite) as caught:
        stepper.loss_of(bad, lambda step: inputs)
    assert caught.value.message().startswith(
        "the loss at step 1 is not a finite number: once, and not again when the step was repeated. "
    )


class Exhausted(nn.Module):
    """Has memory for so many images, after four passes in training."""

    def __init__(self, most):
        super().__init__()
        self.inner, self.most, self.passes = build(tiny(), seed=0), most, 0

    def forward(self, x):
        if torch.is_grad_enabled():
            self.passes += 1
            if self.passes > 4 and len(x) > self.most:
                raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9")
        return self.inner(x)


def test_memory_that_runs_out(tmp_path, behind):
    options = {"optimizer": "sgd", "lr": 0.02, "epochs": 4.0}
    now = trained(tmp_path / "now", Exhausted(3), **options)
    behind(2)
    later = trained(tmp_path / "later", Exhausted(3), **options)
    assert told(later) == told(now)
    assert_alike(tmp_path / "later", tmp_path / "now")


def test_memory_that_is_too_little(tmp_path, behind):
    now = message_of(TrainingError, trained, tmp_path / "now", Exhausted(0))
    behind(2)
    assert message_of(TrainingError, trained, tmp_path / "later", Exhausted(0)) == now
    assert_alike(tmp_path / "later", tmp_path / "now")


@pytest.mark.parametrize("at", [1, 2, 5])
def test_images_that_can_be_read_no_more(tmp_path, monkeypatch, behind, at):
    inner = Batches._batch

    def failing(self, step, *arguments):
        if step == at:
            raise DataError("shard 3 is gone.")
        return inner(self, step, *arguments)

    monkeypatch.setattr(Batches, "_batch", failing)
    monkeypatch.setattr(feeding, "_BYTES", 0)  # each batch is made ready alone
    options = {"epochs": 3.0}
    now = message_of(DataError, trained, tmp_path / "now", **options)
    behind(4)
    assert message_of(DataError, trained, tmp_path / "later", **options).replace("later", "now") == now
    assert_alike(tmp_path / "later", tmp_path / "now")


def test_searches_are_as_without(behind):
    now = find_lr(tiny(), toy_source(), quick(), steps=20)
    behind(4)
    assert find_lr(tiny(), toy_source(), quick(), steps=20) == now


class Double(nn.Module):
    """Has a parameter in float64 among those in float32."""

    def __init__(self):
        super().__init__()
        self.inner = build(tiny(), seed=0)
        self.scale = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, x):
        return self.inner(x * self.scale.float())


def test_parameters_of_several_types(tmp_path, behind):
    trained(tmp_path / "now", Double())
    behind(4)
    trained(tmp_path / "later", Double())
    assert_alike(tmp_path / "later", tmp_path / "now")


class Event:
    """What a device has come to, by a clock of the test's."""

    clock = 0.0

    def __init__(self):
        self.at, self.waited = Event.clock, 0

    def synchronize(self):
        self.waited += 1

    def elapsed_time(self, other):
        assert other.waited
        return 1000 * (other.at - self.at)


def test_only_what_is_asked_for_is_waited_for(monkeypatch):
    made = []
    monkeypatch.setattr(late, "_event", lambda device: made.append(Event()) or made[-1])
    first = Moment(torch.device("cuda"))
    figures = [Later(torch.tensor([float(n), 0.0])) for n in range(3)]
    Event.clock = 2.5
    second = Moment(torch.device("cuda"))
    assert [event.waited for event in made] == [0, 0, 0, 0, 0]
    assert figures[1].numbers() == [1.0, 0.0]
    assert [event.waited for event in made] == [0, 0, 1, 0, 0]
    assert second.seconds_since(first) == 2.5


def test_what_is_asked_of_a_device(monkeypatch):
    """An event goes into the stream of the device that computes, whichever is the current one."""
    recorded = []
    kind = SimpleNamespace(
        Event=lambda enable_timing: SimpleNamespace(
            record=lambda stream: recorded.append((enable_timing, stream))
        ),
        current_stream=lambda device: f"stream of {device}",
    )
    monkeypatch.setattr(torch, "get_device_module", lambda device: kind)
    Moment(torch.device("cuda", 1))
    assert recorded == [(True, "stream of cuda:1")]
    Moment(CPU)
    Moment(None)
    assert len(recorded) == 1


@pytest.mark.parametrize(
    ("values", "doubtful"),
    [
        ([[1.0, -2.0]], False),
        ([[3e38, -3e38], [0.0]], False),  # whose squares are no float32
        ([[1.0], [math.nan, 2.0]], True),
        ([[math.inf, 1.0]], True),
        ([[0.0, -math.inf]], True),
    ],
    ids=["numbers", "large ones", "nan", "inf", "-inf"],
)
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "adagrad"])
def test_a_doubt(name, values, doubtful):
    weight = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = make_optimizer(nn.ParameterList([weight]), quick(optimizer=name, lr=0.1, groups=()).optimizer)
    doubt = Doubt(CPU)
    doubt.look_at(torch.zeros(3))
    doubt.look_at(*map(torch.tensor, values))
    doubt.look_at(torch.zeros(3))
    weight.grad = torch.ones(2)
    doubt.step(optimizer)
    assert torch.equal(weight.detach(), torch.tensor([1.0, 2.0])) is doubtful
    assert doubt.figures(torch.tensor(0.25, dtype=torch.float64)).numbers() == [0.25, float(doubtful)]
    assert not hasattr(optimizer, "found_inf")
    assert not np.isnan(weight.detach().numpy()).any()


def test_the_weights_before_are_those_that_stay(behind):
    behind(4)
    prepared = prepare(tiny(), toy_source(), quick(optimizer="sgd", lr=1e30, warmup=0.0, schedule="constant"))
    stepper, batches = Stepper(prepared, 10), Batches(prepared.train, 16, 0)

    def again(step):
        return made_ready(prepared, batches[step])

    some = [stepper.begin(again(step)) for step in range(4)]
    assert math.isfinite(stepper.loss_of(some[0], again))
    with pytest.raises(NotFinite) as caught:
        stepper.loss_of(some[1], again)
    assert caught.value.step == 2
    assert all(p.isfinite().all() for p in stepper.module.parameters())


def test_a_checkpoint_holds_what_was_told(tmp_path, behind):
    behind(8)
    path = tmp_path / "run"
    for event in train(tiny(), toy_source(), quick(epochs=4.0, every_steps=2), path):
        if isinstance(event, Checkpointed) and event.which == "last":
            assert read_progress(last(path)).step == event.step
            assert all(tensor.isfinite().all() for tensor in model_tensors(last(path)).values())
            assert [row["step"] for row in rows(path, "StepDone")] == list(range(1, event.step + 1))

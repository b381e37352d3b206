"""Memory that runs out: fewer images at a time, and the same weights."""

import json
import shutil

import pytest
import torch
from plan_toys import tiny_module
from toys import message_of, quick, toy_source, trained

from striate.errors import TrainingError
from striate.nn import read_tensors
from striate.spec import BatchNorm, Conv, Flatten, Linear, Network, Sequential
from striate.train import Finished, Replanned, Resumed, StepDone, Validated, overfit_batch, resume, train
from striate.train.health import Inspection
from striate.train.keeping.checkpoint import Checkpoint, read_progress
from striate.train.plan.execution import Execution
from striate.train.ranging import find_lr

TEXT = "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9"


class Exhausted(torch.nn.Module):
    """Has memory for so many images, from one of its calls in training on.

    Attributes:
        sizes: Of the batches that it was trained on.
    """

    def __init__(self, most, since=0, error=None, backward=False, really=False):
        super().__init__()
        self.inner = tiny_module()
        self.most, self.since, self.backward, self.really = most, since, backward, really
        self.error = error or RuntimeError(f"{TEXT}\nand where that was")
        self.sizes = []

    def forward(self, x):
        if not torch.is_grad_enabled():  # nothing is kept
            return self.inner(x)
        self.sizes.append(len(x))
        lacking = len(x) > self.most and len(self.sizes) > self.since
        if lacking and self.really:
            torch.empty(10**15)
        if lacking and not self.backward:
            raise self.error
        logits = self.inner(x)
        return Failing.apply(logits, self.error) if lacking else logits


class Failing(torch.autograd.Function):
    """The identity, without the memory for a backward pass."""

    @staticmethod
    def forward(ctx, x, error):
        ctx.error = error
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise ctx.error


def of_type(events, kind):
    return [event for event in events if isinstance(event, kind)]


def weights(run):
    return read_tensors(run / "model.safetensors")


def assert_same(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def assert_close(first, second):
    """Assert that they agree within the rounding of float32 over a few steps."""
    for name in first:
        assert (first[name] - second[name]).norm() <= 1e-5 * first[name].norm(), name


ERRORS = {
    "forward": lambda: Exhausted(3),
    "backward": lambda: Exhausted(3, backward=True),
    "MemoryError": lambda: Exhausted(3, error=MemoryError(TEXT)),
    "OutOfMemoryError": lambda: Exhausted(3, error=torch.OutOfMemoryError(TEXT)),
}


def test_what_the_allocator_says_is_understood(tmp_path):
    """It has other words on other systems."""
    events = trained(tmp_path / "less", Exhausted(3, really=True))
    assert [event.micro_batch for event in of_type(events, Replanned)] == [8, 4, 2]
    assert events[-1].reason == "completed"


@pytest.mark.parametrize("make", ERRORS.values(), ids=ERRORS)
def test_a_run_goes_on_with_fewer_images_at_a_time(tmp_path, make):
    module = make()
    options = {"optimizer": "sgd", "lr": 0.02}
    events = trained(tmp_path / "less", module, **options)
    assert [type(event).__name__ for event in events[:5]] == [
        "Started", "Replanned", "Replanned", "Replanned", "StepDone",
    ]  # fmt: skip
    threads = torch.get_num_threads()
    plural = "" if threads == 1 else "s"
    assert of_type(events, Replanned) == [
        Replanned(
            step=0,
            plan=f"fp32, contiguous, {threads} thread{plural}, {size} images at a time",
            micro_batch=size,
            reason=TEXT,
        )
        for size in (8, 4, 2)
    ]
    assert module.sizes == [16, 8, 4, *[2] * (6 * 8)]
    assert [event.step for event in of_type(events, StepDone)] == [1, 2, 3, 4, 5, 6]
    assert events[-1].reason == "completed"

    asked = trained(tmp_path / "asked", Exhausted(3), micro_batch=2, **options)
    whole = trained(tmp_path / "whole", Exhausted(16), **options)
    assert not of_type([*asked, *whole], Replanned)
    assert_same(weights(tmp_path / "less"), weights(tmp_path / "asked"))
    assert_close(weights(tmp_path / "whole"), weights(tmp_path / "less"))
    for ours, theirs in zip(of_type(events, StepDone), of_type(whole, StepDone), strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)


def test_it_stands_in_the_log(tmp_path):
    trained(tmp_path / "run", Exhausted(8))
    lines = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    (told,) = [line for line in lines if line["event"] == "Replanned"]
    assert (told["step"], told["micro_batch"], told["reason"]) == (0, 8, TEXT)


def test_memory_that_runs_out_amid_a_batch(tmp_path):
    """What a part had added to the gradients is forgotten when the batch begins anew."""
    module = Exhausted(3, since=9)
    events = trained(tmp_path / "less", module, micro_batch=4, optimizer="sgd", lr=0.02)
    (told,) = of_type(events, Replanned)
    assert (told.step, told.micro_batch) == (2, 2)
    assert module.sizes == [4] * 10 + [2] * 8 * 4
    trained(tmp_path / "whole", Exhausted(16), optimizer="sgd", lr=0.02)
    assert_close(weights(tmp_path / "whole"), weights(tmp_path / "less"))


def test_sizes_that_are_odd_are_halved_up(tmp_path):
    module = Exhausted(2)
    events = trained(tmp_path / "run", module, batch_size=11, epochs=0.2)
    assert [event.micro_batch for event in of_type(events, Replanned)] == [6, 3, 2]
    assert module.sizes == [11, 6, 3, 2, 2, 2, 2, 2, 1]


def stopped(events, step):
    """Take events until a step is done, and interrupt."""
    taken = []
    for event in events:
        taken.append(event)
        if isinstance(event, StepDone) and event.step == step:
            taken += [events.throw(KeyboardInterrupt()), *events]
    return taken


@pytest.mark.parametrize("step", [1, 4])
def test_a_run_that_is_resumed_goes_on_so(tmp_path, step):
    whole = trained(tmp_path / "whole", Exhausted(3))
    first = stopped(train(Exhausted(3), toy_source(), quick(), tmp_path / "run"), step)
    assert len(of_type(first, Replanned)) == 3
    last = tmp_path / "run" / "checkpoints" / "last" / "checkpoint.safetensors"
    assert read_progress(last).micro_batch == 2
    module = Exhausted(3)
    rest = list(resume(tmp_path / "run", toy_source(), module=module))
    assert isinstance(rest[0], Resumed)
    assert not of_type(rest, Replanned)
    assert set(module.sizes) == {2}
    assert_same(weights(tmp_path / "run"), weights(tmp_path / "whole"))
    losses = [e.loss for e in of_type([*first, *rest], StepDone)]
    assert losses == [e.loss for e in of_type(whole, StepDone)]


def test_a_checkpoint_of_a_run_with_memory_enough_says_none(tmp_path):
    trained(tmp_path / "run", micro_batch=4)
    assert (
        read_progress(tmp_path / "run" / "checkpoints" / "last" / "checkpoint.safetensors").micro_batch
        is None
    )


@pytest.mark.parametrize(
    ("options", "sizes"),
    [({}, [16, 8, 4, 2, 1]), ({"micro_batch": 1}, [1]), ({"batch_size": 1}, [1])],
    ids=["halved", "asked for", "a batch of one"],
)
def test_no_memory_for_a_single_image(tmp_path, options, sizes):
    module = Exhausted(0)
    events = train(module, toy_source(), quick(**options), tmp_path / "run")
    assert type(next(events)).__name__ == "Started"
    assert message_of(TrainingError, next, events) == (
        f"not enough memory for one image at a time: {TEXT}. Use a smaller network or input."
    )
    assert module.sizes == sizes
    assert next(events, None) is None


class Large(Exhausted):
    """Has memory to answer two images."""

    def __init__(self, most_answered=2):
        super().__init__(16)
        self.most_answered = most_answered
        self.answered = []

    def forward(self, x):
        if not self.training and torch.is_inference_mode_enabled():
            self.answered.append(len(x))
            if len(x) > self.most_answered:
                raise self.error
        return super().forward(x)


def test_fewer_images_are_measured_at_a_time(tmp_path):
    module = Large()
    events = trained(tmp_path / "less", module)
    assert module.answered == [24, 12, 6, 3, *[2] * 12] * 2  # of each validation
    whole = trained(tmp_path / "whole", Exhausted(16))
    for ours, theirs in zip(of_type(events, Validated), of_type(whole, Validated), strict=True):
        assert ours.accuracy == theirs.accuracy
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-6)


def test_no_memory_for_a_validation(tmp_path):
    text = message_of(TrainingError, trained, tmp_path / "run", Large(0))
    assert text == f"not enough memory to answer one image: {TEXT}. Use a smaller network or input."


def failing_once(call, number, error):
    """Return ``call``, but that its ``number``-th call ends with ``error`` once it has done its work."""
    calls = []

    def wrapper(*arguments, **options):
        calls.append(None)
        result = call(*arguments, **options)
        if len(calls) == number:
            raise error
        return result

    return wrapper


def test_a_step_that_begins_anew_counts_once_for_batch_norm(tmp_path, monkeypatch):
    lack = RuntimeError(TEXT)
    monkeypatch.setattr(Execution, "losses", failing_once(Execution.losses, 3, lack))
    norm = Sequential(Conv(4, 3), BatchNorm(name="norm"), Flatten(), Linear(3))
    events = trained(tmp_path / "less", Network("normed", (1, 8, 8), norm))
    assert [(event.step, event.micro_batch) for event in of_type(events, Replanned)] == [(2, 8)]
    last = tmp_path / "less" / "checkpoints" / "last" / "checkpoint.safetensors"
    assert Checkpoint.read(last).tensors["model/norm.num_batches_tracked"] == 2 + 4 * 2


def test_memory_that_runs_out_as_weights_are_changed(tmp_path, monkeypatch):
    """A step that was begun so far is not done again."""
    monkeypatch.setattr(
        torch.optim.AdamW, "step", failing_once(torch.optim.AdamW.step, 5, RuntimeError(TEXT))
    )
    text = message_of(TrainingError, trained, tmp_path / "run", every_steps=2)
    fix = "Use a smaller network, or an optimizer that keeps less, such as sgd."
    assert text == f"not enough memory to change the weights: {TEXT}. {fix}"
    log = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if row["event"] == "StepDone"] == [1, 2, 3, 4]
    whole = trained(tmp_path / "whole")
    monkeypatch.undo()
    list(resume(tmp_path / "run", toy_source()))
    assert len(of_type(whole, StepDone)) == 6
    assert_same(weights(tmp_path / "run"), weights(tmp_path / "whole"))


def test_memory_that_runs_out_behind_the_change(tmp_path, monkeypatch):
    """What looks at the layers comes last: the weights are as they are after the step, and it is not done again."""
    monkeypatch.setattr(Inspection, "layers", failing_once(Inspection.layers, 3, RuntimeError(TEXT)))
    text = message_of(TrainingError, trained, tmp_path / "run", health_every=1, every_steps=1)
    assert text.startswith("not enough memory to change the weights: ")
    log = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if row["event"] == "StepDone"] == [1, 2]
    assert not [row for row in log if row["event"] == "Replanned"]


class Growing(torch.nn.Module):
    """Has a buffer of another shape after each step."""

    def __init__(self):
        super().__init__()
        self.inner = tiny_module()
        self.register_buffer("seen", torch.zeros(1), persistent=False)

    def forward(self, x):
        if self.training:
            self.seen.resize_(len(self.seen) + 1)
        return self.inner(x)


def test_a_buffer_that_grows(tmp_path):
    assert trained(tmp_path / "run", Growing(), epochs=1.0)[-1].reason == "completed"


@pytest.mark.parametrize("call", [find_lr, overfit_batch])
def test_trials_without_memory(call):
    text = message_of(TrainingError, call, Exhausted(3), toy_source(), quick())
    size = "not enough memory for batch_size=16"
    assert text == f"{size}: {TEXT}. Lower it with --batch-size (batch_size=…)."


def test_parts_that_a_norm_cannot_do_with(tmp_path):
    """Nine images are halved to 5 and 4, 3 and 3 and 3, and then one would be alone."""

    class Normed(Exhausted):
        def __init__(self):
            super().__init__(2)
            self.norm = torch.nn.BatchNorm1d(3)

        def forward(self, x):
            return self.norm(super().forward(x))

    module = Normed()
    events = train(module, toy_source(), quick(batch_size=9), tmp_path / "run")
    assert type(next(events)).__name__ == "Started"
    text = message_of(TrainingError, list, events)
    assert text == f"not enough memory for batch_size=9: {TEXT}. Lower it with --batch-size (batch_size=…)."
    assert module.sizes[:4] == [9, 5, 3, 2]


def test_a_lack_that_is_met_again_after_a_checkpoint_stands_in_the_log_once(tmp_path, monkeypatch):
    whole = trained(tmp_path / "whole", Exhausted(8, since=4), every_steps=4)
    assert [(event.step, event.micro_batch) for event in of_type(whole, Replanned)] == [(4, 8)]
    cut = tmp_path / "cut"
    events = train(Exhausted(8, since=4), toy_source(), quick(every_steps=4), cut)
    for event in events:
        if isinstance(event, Replanned):
            shutil.copytree(
                cut, tmp_path / "killed"
            )  # with the checkpoint of step 4, that does not know of it
    list(resume(tmp_path / "killed", toy_source(), module=Exhausted(8)))
    lines = [json.loads(line) for line in (tmp_path / "killed" / "events.jsonl").read_text().splitlines()]
    told = [(line["step"], line["micro_batch"]) for line in lines if line["event"] == "Replanned"]
    assert told == [(4, 8)]
    assert_same(weights(tmp_path / "killed"), weights(cut))


def test_another_error_is_no_lack_of_memory(tmp_path):
    module = Exhausted(3, error=RuntimeError("shapes do not fit"))
    text = message_of(RuntimeError, trained, tmp_path / "run", module)
    assert text == "shapes do not fit"
    assert module.sizes == [16]


def test_the_first_layers_that_are_looked_at(tmp_path):
    """A batch that begins anew leaves no hooks behind, and is looked at once."""
    module = Exhausted(3)
    events = trained(tmp_path / "run", module, health_every=1, epochs=1.0)
    inspected = [event.step for event in events if type(event).__name__ == "Inspected"]
    assert inspected == [1, 2, 3]
    assert all(not part._forward_hooks for part in module.modules())
    assert isinstance(events[-1], Finished)

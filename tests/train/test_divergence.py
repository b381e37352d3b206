"""When the loss is no longer a number the error says where that began, and what was good stays good."""

import math

import pytest
import torch
from torch import nn
from toys import files_below, message_of, quick, tiny, toy_source, trained

from striate import Run
from striate.errors import TrainingError
from striate.train import Checkpointed, Diverged, Finished, train
from striate.train.keeping.checkpoint import model_tensors, read_progress

CAUSES = (
    "The usual causes are too high a learning rate (here {}), "
    "and weight decay or penalties that are too strong for it"
)
LESS = ", longer warmup, or less --weight-decay, --l1 and --l2."


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.second = nn.Conv2d(4, 4, 3)
        self.flat = nn.Flatten()
        self.last = nn.Linear(64, 3)

    def forward(self, x):
        return self.last(self.flat(self.second(self.relu(self.norm(self.first(x))))))


class Explode(nn.Module):
    def forward(self, x):
        return x / 0.0


def spoil(module, name, value):
    with torch.no_grad():
        part = module.get_parameter(name)
        part[(0,) * part.ndim] = value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("parameter", "layer"),
    [
        ("first.bias", "first"),
        ("norm.weight", "norm"),
        ("second.weight", "second"),
        ("last.bias", "last"),
    ],
)
def test_a_spoiled_weight_is_found(tmp_path, parameter, layer, value):
    module = Net()
    spoil(module, parameter, value)
    events = train(module, toy_source(), quick(), tmp_path / "run")
    next(events)
    assert next(events) == Diverged(step=1, layer=layer, what="weights")
    assert message_of(TrainingError, next, events) == (
        f"the loss at step 1 is not a finite number: first in the weights of {layer!r}. {CAUSES.format('0.002')}; "
        f"try --lr 0.0002{LESS} Nothing of its weights was kept: there was no checkpoint yet in {tmp_path / 'run'}."
    )
    assert not [name for name in files_below(tmp_path) if name.endswith("safetensors")]


def test_a_layer_that_gives_no_number_is_found(tmp_path):
    module = Net()
    module.relu = Explode()
    text = message_of(TrainingError, list, train(module, toy_source(), quick(), tmp_path / "run"))
    assert "at step 1 is not a finite number: first in the output of 'relu'." in text


def test_the_search_leaves_the_module_as_it_was(tmp_path):
    module = Net()
    spoil(module, "last.weight", math.nan)
    hooks = {name: len(part._forward_hooks) for name, part in module.named_modules()}
    message_of(TrainingError, list, train(module, toy_source(), quick(), tmp_path / "run"))
    assert {name: len(part._forward_hooks) for name, part in module.named_modules()} == hooks
    assert int(module.norm.num_batches_tracked) == 1  # of the step itself


def test_the_checkpoint_before_stays_good(tmp_path):
    module, path = Net(), tmp_path / "run"
    events = train(module, toy_source(), quick(epochs=3.0), path)
    for event in events:
        if isinstance(event, Checkpointed) and event.which == "last":
            good = {name: value.clone() for name, value in module.state_dict().items()}
            spoil(module, "second.weight", math.inf)
            break
    assert next(events) == Diverged(step=4, layer="second", what="weights")
    last = path / "checkpoints" / "last" / "checkpoint.safetensors"
    text = message_of(TrainingError, next, events)
    assert "the loss at step 4 is not a finite number" in text
    assert text.endswith(f" The last checkpoint stays good: {last}.")
    assert read_progress(last).step == 3
    kept = model_tensors(last)
    assert all(torch.equal(kept[name], good[name]) for name in good)
    # And the run is usable.
    assert torch.equal(Run(path, Net()).module().second.weight, good["second.weight"])


@pytest.mark.parametrize("end", ["close", "interrupt"])
def test_a_reader_that_stops_at_the_news_saves_nothing_bad(tmp_path, end):
    module, path = Net(), tmp_path / "run"
    events = train(module, toy_source(), quick(epochs=3.0), path)
    for event in events:
        if isinstance(event, Checkpointed) and event.which == "last":
            spoil(module, "last.weight", math.nan)
        if isinstance(event, Diverged):
            break
    if end == "close":
        events.close()
    else:
        assert isinstance(events.throw(KeyboardInterrupt()), Finished)
    for file in path.rglob("checkpoint.safetensors"):
        assert read_progress(file).step == 3
        assert all(value.isfinite().all() for value in model_tensors(file).values())


@pytest.mark.parametrize(("epochs", "steps"), [(1.0, 1), (4.0, 4)])
def test_an_absurd_learning_rate(tmp_path, epochs, steps):
    # One step an epoch: the weights are spoiled by the first, and the validation after it tells.
    options = {"epochs": epochs, "batch_size": 48, "optimizer": "sgd", "lr": 1e25, "warmup": 0.0}
    path = tmp_path / "run"
    text = message_of(TrainingError, trained, path, **options)
    assert text.startswith(
        "the validation loss at step 1 is not a finite number: first in the output of 'head'."
    )
    assert text.endswith(
        f"{CAUSES.format('1e+25')}; try --lr 0.1{LESS} Nothing of its weights was kept: there was no checkpoint yet in "
        f"{path}."
    )
    assert not [name for name in files_below(path) if name.endswith("safetensors")]
    assert (path / "events.jsonl").read_text().count("NaN") == 0


def test_a_later_validation_that_fails_leaves_the_checkpoints_before(tmp_path):
    module, path = Net(), tmp_path / "run"
    events = train(module, toy_source(), quick(epochs=3.0), path)
    for event in events:
        if getattr(event, "step", None) == 4:  # training goes on with the statistics of the batch
            module.norm.momentum = 0.0
            module.norm.running_var.fill_(-1.0)
        if isinstance(event, Diverged):
            break
    assert event == Diverged(step=6, layer="norm", what="output")
    text = message_of(TrainingError, next, events)
    assert text.startswith(
        "the validation loss at step 6 is not a finite number: first in the output of 'norm'."
    )
    for which in ("best", "last"):
        file = path / "checkpoints" / which / "checkpoint.safetensors"
        assert read_progress(file).step == 3
        assert model_tensors(file)["norm.running_var"].min() > 0


def test_described_networks_give_the_paths_of_their_table(tmp_path):
    events = train(tiny(), toy_source(), quick(optimizer="sgd", lr=1e18, warmup=0.0), tmp_path / "run")
    told = next(event for event in events if isinstance(event, Diverged))
    assert told.layer in {path for path, _ in tiny().walk()}
    assert f"first in the {told.what} of {told.layer!r}" in message_of(TrainingError, next, events)

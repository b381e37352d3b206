"""What is measured and computed, against training itself and arithmetic by hand; and what is left as it was."""

import copy
import math
import signal

import numpy as np
import pytest
import torch
from planted import config, dense, net, skewed
from torch import nn
from toys import NAMES, files_below, tiny, toy_source, write_split_folder

from striate.data import ArraySource, batch_indices
from striate.spec import Conv, Dropout, Flatten, Linear, ReLU
from striate.train import StepDone, check_network, train
from striate.train.check import sample, trial
from striate.train.check.sample import draw


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_first_loss_is_that_of_training(tmp_path, smoothing):
    options = config(epochs=1.0, seed=3, label_smoothing=smoothing)
    events = train(tiny(), toy_source(), options, tmp_path / "run")
    first = next(event.loss for event in events if isinstance(event, StepDone))
    found = check_network(tiny(), toy_source(), options).figures.loss
    assert found.first == pytest.approx(first, rel=1e-6)
    assert found.uniform == math.log(3)


def test_the_first_loss_is_that_of_training_on_files(tmp_path):
    root = write_split_folder(tmp_path / "set", each=10)
    events = train(tiny(2), root, config(epochs=1.0), tmp_path / "run")
    first = next(event.loss for event in events if isinstance(event, StepDone))
    assert check_network(tiny(2), root, config()).figures.loss.first == pytest.approx(first, rel=1e-6)


def test_what_the_frequencies_of_the_classes_are_worth():
    loss = check_network(tiny(), skewed(), config()).figures.loss
    assert loss.prior == pytest.approx(-0.9 * math.log(0.9) - 2 * 0.05 * math.log(0.05))
    smoothed = check_network(tiny(), skewed(), config(label_smoothing=0.3)).figures.loss
    shares = [0.7 * share + 0.1 for share in (0.9, 0.05, 0.05)]
    # The loss of constant logits ln q, by torch.
    logits = torch.tensor([shares]).log().expand(60, 3)
    targets = torch.tensor([0] * 54 + [1] * 3 + [2] * 3)
    by_torch = nn.functional.cross_entropy(logits, targets, label_smoothing=0.3)
    assert smoothed.prior == pytest.approx(by_torch.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("options", "kept"), [({}, 2), ({"optimizer": "sgd"}, 1), ({"optimizer": "sgd", "momentum": 0.0}, 0)]
)
def test_memory_by_hand(options, kept):
    # conv 4×(1·3·3) + 4 over 6×6, ReLU, MaxPool to 3×3, Linear 36·3 + 3; 4 bytes each.
    memory = check_network(tiny(), toy_source(), config(**options)).figures.memory
    params = 4 * (36 + 4 + 108 + 3)
    assert (memory.weights, memory.gradients, memory.optimizer) == (params, params, kept * params)
    assert memory.images == 16 * 4 * 64
    assert memory.activations == 16 * 4 * (144 + 144 + 36 + 36 + 3)
    assert memory.step == (2 + kept) * params + memory.images + memory.activations
    assert memory.peak is None
    assert memory.largest_batch > 16


def test_dead_units_by_hand():
    module = dense(1, 1)
    with torch.no_grad():
        module[1].bias[:14] = -1000.0
        module[1].bias[14:] = 1000.0
    report = check_network(module, toy_source(), config())
    (signal_,) = (s for s in report.figures.signals if s.kind == "ReLU")
    assert signal_.dead == 14 / 16
    assert report.find("dead-units").verdict == "warning"


def test_maps_are_dead_by_channel():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    with torch.no_grad():
        module[0].bias[0] = -1000.0
        module[0].bias[1:] = 10.0
    (signal_,) = (
        s for s in check_network(module, toy_source(), config()).figures.signals if s.kind == "ReLU"
    )
    assert signal_.dead == 1 / 4


def test_values_and_gradients_by_hand():
    source, options = toy_source(), config(batch_size=8)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.Tanh(), nn.Linear(5, 3))
    report = check_network(module, source, options)
    assert draw(source, (1, 8, 8), 8, 0).whole
    images = source.array("train").astype(np.float64) / 255
    chosen = batch_indices(48, 8, 0, 0)
    x = torch.tensor((images[chosen] - images.mean()) / images.std())
    own = copy.deepcopy(module).double()
    outputs = [x]
    for layer in own:
        outputs.append(layer(outputs[-1]))
    nn.functional.cross_entropy(outputs[-1], torch.tensor(source.targets["train"][chosen])).backward()
    for found, output, layer in zip(report.figures.signals, outputs[1:], own, strict=True):
        assert found.std == pytest.approx(output.std(correction=0).item(), rel=1e-3)
        assert found.spread == pytest.approx(output.var(0, correction=0).mean().sqrt().item(), rel=1e-3)
        if isinstance(layer, nn.Linear):
            expected = (layer.weight.grad.norm() / layer.weight.norm()).item()
            assert found.gradient == pytest.approx(expected, rel=1e-3)


def test_time_is_that_of_the_steps():
    report = check_network(tiny(), toy_source(train=160, val=30), config(epochs=5.0))
    time = report.figures.time
    assert time.measured_batch == 16
    assert time.repeats >= 2
    assert time.images_per_second == pytest.approx(16 / time.step)
    assert time.epoch == pytest.approx(time.step / 16 * (160 + 30 / 3))
    assert time.total == pytest.approx(5 * time.epoch)
    assert report.figures.steps_per_epoch == 10


def test_a_batch_too_large_for_the_time_is_scaled(monkeypatch):
    monkeypatch.setattr(trial, "BUDGET", 0.0)
    report = check_network(tiny(), toy_source(), config())
    assert report.figures.time.measured_batch == 2
    assert "Measured with 2 images at a time, and scaled to 16" in report.remarks[0]


def test_decoding_is_timed_where_images_are_files(tmp_path):
    root = write_split_folder(tmp_path / "set", each=6)
    assert check_network(tiny(2), root, config()).figures.time.decoding > 0
    assert check_network(tiny(), toy_source(), config()).figures.time.decoding == 0


def test_everything_is_as_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(), nn.Linear(144, 3)
    )
    module.eval()
    before = copy.deepcopy(module.state_dict())
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    check_network(module, toy_source(), config())
    check_network(net(Conv(4, 3), ReLU(), Dropout(), Flatten(), Linear(3)), toy_source(), config())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not module.training
    assert all(p.grad is None for p in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert files_below(tmp_path) == []


class Interrupts(nn.Module):
    """Is interrupted by the user in its first batch of training."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 3)

    def forward(self, x):
        if len(x) > 4:
            signal.raise_signal(signal.SIGINT)
        return self.layer(x.flatten(1))


def test_an_interrupt_ends_it_and_leaves_all_as_before():
    module = Interrupts()
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        check_network(module, toy_source(), config())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


class Rescaled(nn.Module):
    """Ends with a scale that begins at 0, as bodies of residual networks may."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 3)
        self.inner = nn.Linear(64, 3)
        self.scale = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return self.layer(x.flatten(1)) + self.scale * self.inner(x.flatten(1))


def test_a_scale_that_begins_at_zero_is_no_fault():
    assert check_network(Rescaled(), toy_source(), config()).find("no-gradient") is None


def test_one_image_at_a_time():
    report = check_network(tiny(), toy_source(), config(batch_size=1))
    assert report.figures.time.measured_batch == 1
    assert report.find("constant-output") is None


def test_bad_images_are_passed_over_by_the_sample(tmp_path):
    root = write_split_folder(tmp_path / "set", each=6)
    (root / "train" / "cat" / "bad.png").write_text("x")
    report = check_network(tiny(2), root, config())
    assert report.find("not-an-image").verdict == "error"
    assert report.figures.loss.first is not None


def test_a_large_set_is_sampled(monkeypatch):
    monkeypatch.setattr(sample, "_WHOLE", 0)
    images = np.zeros((500, 1, 8, 8), np.uint8)
    source = ArraySource("x", {"train": images}, {"train": np.arange(500) % 3}, NAMES)
    drawn = draw(source, (1, 8, 8), 16, 0)
    assert (len(drawn.source.targets["train"]), drawn.whole) == (64, False)
    report = check_network(tiny(), toy_source(train=240), config())
    assert "Mean and standard deviation are those of 64 images." in report.remarks

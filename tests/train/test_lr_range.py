"""`st.find_lr`: nothing is changed or written, and the rates that work are where they are known to be."""

import numpy as np
import pytest
import torch
from torch import nn
from toys import files_below, message_of, quick, tiny, toy_source

import striate as st
from striate.data import ArraySource
from striate.errors import ConfigError, DataError, TrainingError
from striate.train import StepDone

SGD = quick(optimizer="sgd", momentum=0.0, weight_decay=0.0, batch_size=48, loss="squared", preprocess="unit")


def bowl():
    """Return a module and data whose loss is a quadratic of known curvature.

    Every image is white or black, 1 or 0 in every pixel, and some belong to the other class. A linear layer without
    bias, beginning at 0, has the loss Σ over classes of (w·x − t)², so that gradient descent without momentum diverges
    beyond the rate 2 / λ, of the largest eigenvalue λ of the Hessian, 2·mean(x xᵀ).
    """
    targets = np.arange(48) % 2
    white = np.where(np.arange(48) < 6, 1 - targets, targets)
    images = np.repeat(white * 255, 4).reshape(48, 1, 2, 2).astype(np.uint8)
    source = ArraySource(
        "bowl", dict.fromkeys(("train", "val"), images), dict.fromkeys(("train", "val"), targets), ("a", "b")
    )
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    nn.init.zeros_(module[1].weight)
    flat = images.reshape(48, 4) / 255
    return module, source, float(np.linalg.eigvalsh(2 * flat.T @ flat / 48).max())


def test_it_brackets_the_rates_that_are_known_to_work():
    module, source, curvature = bowl()
    found = st.find_lr(module, source, config=SGD, low=1e-4, high=100.0, steps=120)
    limit = 2 / curvature  # beyond it every step makes the loss larger
    assert found.diverged
    assert 0.02 * limit < found.steepest < limit
    assert found.steepest < found.lrs[int(np.argmin(found.smoothed))] < 2 * limit
    assert found.lrs[-1] > limit
    assert found.losses[0] == pytest.approx(1.0)  # of logits 0: the mean of Σ t²
    # Gradient descent by hand, in float64.
    flat, wanted = source.array("train").reshape(48, 4) / 255, np.eye(2)[source.targets["train"]]
    weights = np.zeros((4, 2))
    for rate, loss in list(zip(found.lrs, found.losses, strict=True))[:60]:
        errors = flat @ weights - wanted
        assert loss == pytest.approx(np.square(errors).sum(1).mean(), rel=1e-4)
        weights -= rate * 2 * flat.T @ errors / 48


def test_a_module_and_the_random_state_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Dropout(), nn.Linear(64, 3)).eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    found = st.find_lr(module, toy_source(), config=quick(), steps=12)
    assert len(found.lrs) == 12
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert [part.training for part in module.modules()] == [False] * 5
    assert all(p.grad is None for p in module.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert files_below(tmp_path) == []


def test_the_first_losses_are_those_of_training(tmp_path):
    """At rates of nothing the losses are those of the batches of a run, before any step."""
    found = st.find_lr(tiny(), toy_source(), config=quick(seed=5), low=1e-12, high=1.1e-12, steps=10)
    losses = []
    st.fit(
        tiny(),
        toy_source(),
        out=tmp_path / "run",
        config=quick(seed=5, lr=1e-12, warmup=0.0, epochs=4.0),
        on_event=lambda e: losses.append(e.loss) if isinstance(e, StepDone) else None,
    )
    assert found.losses == pytest.approx(losses[:10])


def test_what_it_says():
    found = st.find_lr(tiny(), toy_source(), config=quick(), steps=40)
    assert found.suggestion == float(f"{found.steepest:.1e}")
    lines = str(found).splitlines()
    assert lines[0].split() == ["lr", "loss", "smoothed"]
    assert float(lines[1].split()[0]) == pytest.approx(1e-6)
    assert lines[-2] == (
        f"suggested: --lr {found.suggestion:g} (lr={found.suggestion:g}), where the loss falls fastest"
    )
    data = found.to_data()
    assert data["suggestion"] == found.suggestion
    assert data["losses"] == found.losses
    assert found._repr_html_().count("<svg") == 1
    assert repr(found) == str(found)


def test_a_range_in_which_nothing_is_learned():
    found = st.find_lr(tiny(), toy_source(), config=quick(optimizer="sgd"), low=1e5, high=1e9, steps=20)
    assert found.suggestion is None
    assert str(found).endswith("no rate of this range lowers the loss; try lower ones, or check the network")


def test_what_cannot_be():
    given = (tiny(), toy_source())
    assert message_of(ConfigError, st.find_lr, *given, low=2.0, high=1.0).startswith("low=2, high=1: must be")
    assert (
        message_of(ConfigError, st.find_lr, *given, steps=3) == "steps=3: must be a whole number, 10 or more."
    )
    text = message_of(ConfigError, st.find_lr, *given, steps="x")
    assert text == "steps='x': must be a whole number, 10 or more."
    assert message_of(ConfigError, st.find_lr, *given, low="x") == "low='x': must be a rate above 0."
    assert "give config or options" in message_of(ConfigError, st.find_lr, *given, config=quick(), lr=1.0)
    assert message_of(DataError, st.find_lr, "lenet5", "digit").startswith("no data called 'digit'")
    with pytest.raises(
        TrainingError, match="the loss is no finite number at learning rates as low as 1e\\+25"
    ):
        st.find_lr(*given, config=quick(optimizer="sgd"), low=1e25, high=1e29)

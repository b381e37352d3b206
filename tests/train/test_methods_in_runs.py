"""What methods do to whole runs: rates that fall, means that answer, bounded weights, states kept amid epochs."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toys import message_of, quick, tiny, toy_source, trained

from striate.errors import ConfigError
from striate.train import Checkpointed, StepDone, Validated, train
from striate.train.keeping.checkpoint import CHECKPOINT


def weights(run, prefix="model/"):
    tensors = load_file(run / "checkpoints" / "last" / CHECKPOINT)
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def test_the_rate_falls_where_validation_gets_no_better(tmp_path):
    options = {"schedule": "plateau", "plateau": 1, "factor": 0.5, "warmup": 0.0, "epochs": 8, "lr": 0.2}
    events = trained(tmp_path / "run", **options)
    best, falls = float("inf"), 0
    for event in events:
        if isinstance(event, StepDone):
            assert event.lr == pytest.approx(0.2 * 0.5**falls)
        if isinstance(event, Validated):
            falls += event.loss >= best
            best = min(best, event.loss)
    assert falls > 0


def test_the_mean_of_the_weights_answers(tmp_path):
    trained(tmp_path / "run", ema=0.9, epochs=1)
    mean, last = weights(tmp_path / "run", "average/mean/"), weights(tmp_path / "run")
    kept = load_file(tmp_path / "run" / "model.safetensors")
    for name, tensor in kept.items():
        assert torch.equal(tensor, mean[name])
        assert not torch.equal(tensor, last[name])


def test_swa_is_the_mean_of_late_epochs(tmp_path):
    events = train(tiny(), toy_source(), quick(swa=0.5, epochs=4, warmup=0.0), tmp_path / "run")
    taken = [
        weights(tmp_path / "run")  # as they are at that moment
        for event in events
        if isinstance(event, Checkpointed) and event.which == "last" and event.step >= 6
    ]
    mean = weights(tmp_path / "run", "average/mean/")
    assert len(taken) == 3
    for name, tensor in mean.items():
        expected = np.mean([each[name].double().numpy() for each in taken], 0)
        np.testing.assert_allclose(tensor.double().numpy(), expected, atol=1e-6)


def test_neurons_are_bounded(tmp_path):
    trained(tmp_path / "run", max_norm=0.3, epochs=1)
    after = weights(tmp_path / "run")
    for name in ("conv.weight", "head.weight"):
        assert after[name].flatten(1).norm(dim=1).max() <= 0.3 * (1 + 1e-5)


def test_states_are_kept_amid_an_epoch(tmp_path):
    events = trained(tmp_path / "run", every_steps=2)
    saved = [e.step for e in events if isinstance(e, Checkpointed) and e.which == "last"]
    assert saved == [2, 3, 4, 6]
    events = trained(tmp_path / "quick", every_minutes=1e-9)
    assert len([e for e in events if isinstance(e, Checkpointed) and e.which == "last"]) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ema": 0.9, "swa": 0.5}, "ema=0.9 and swa=0.5: one mean answers; leave one of them out."),
        ({"schedule": "multi-step"}, "at="),
        ({"groups": [{"paths": "cnv.*"}]}, "cnv.*"),
        ({"class_weights": [1.0, 2.0]}, "class_weights="),
    ],
    ids=["two means", "no milestones", "no such weights", "weights of classes"],
)
def test_what_does_not_go_together_is_told(tmp_path, options, message):
    told = message_of(
        ConfigError, lambda: list(train(tiny(), toy_source(), quick(**options), tmp_path / "run"))
    )
    assert message in told

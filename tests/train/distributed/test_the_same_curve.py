"""Two processes train what one does: the same losses, the same weights, one run folder."""

import json

import pytest
import torch
from together_cases import CASES, PLAIN, SAME, config, start_two, uneven
from torch import nn

from striate.nn import build, read_tensors
from striate.train import StepDone, Validated, train
from striate.train.keeping.checkpoint import Checkpoint

FAR = 2e-6
"""How far a loss, or a weight, may be: of float32 sums in another order; 2.4e-7 was seen."""


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes told, and where they worked."""
    root = tmp_path_factory.mktemp("two")
    folders = [root / "first", root / "second"]
    for folder in folders:
        folder.mkdir()
    begun = train(PLAIN, uneven(), config({"epochs": 4.0}), root / "runs" / "begun by one")
    for event in begun:
        if isinstance(event, StepDone) and event.step == 5:
            begun.throw(KeyboardInterrupt())
    script = __file__.replace("test_the_same_curve", "train_together")
    processes = start_two(script, root / "runs", folders=folders, STRIATE_DIST_TIMEOUT="0.5")
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert [err for _, err in told] == ["", ""]
    seen = [json.loads((folder / f"seen-{rank}.json").read_text()) for rank, folder in enumerate(folders)]
    return root, seen


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """What one process tells of the same."""
    root = tmp_path_factory.mktemp("one")

    def told(name):
        network, options = CASES[name]
        module = build(network, 0)
        events = list(train(module, uneven(), config(options), root / name))
        losses = [event.loss for event in events if isinstance(event, StepDone)]
        validated = [[e.step, e.loss, e.accuracy] for e in events if isinstance(e, Validated)]
        return losses, validated, module.state_dict()

    return told


@pytest.mark.parametrize("name", SAME)
def test_the_losses_are_those_of_one_process(two, one, name):
    root, (first, _) = two
    losses, validated, weights = one(name)
    assert [step for step, *_ in first[name]["steps"]] == list(range(1, len(losses) + 1))
    assert [loss for _, loss, _ in first[name]["steps"]] == pytest.approx(losses, abs=FAR)
    assert [row[:2] for row in first[name]["validated"]] == [
        pytest.approx(row[:2], abs=FAR) for row in validated
    ]
    kept = read_tensors(root / "runs" / name / "model.safetensors")
    assert kept.keys() == weights.keys()
    for path, value in weights.items():
        # Where a gradient is next to nothing, Adam divides it by next to nothing.
        torch.testing.assert_close(kept[path], value, atol=2e-4, rtol=0)


@pytest.mark.parametrize("name", [*CASES, "interrupted"])
def test_both_agree(two, name):
    _, (first, second) = two
    assert first[name] == second[name]
    assert len(first[name]["steps"]) >= 5


def test_dropout_is_another_one(two, one):
    _, (first, _) = two
    losses, _, _ = one("dropped")
    assert abs(first["dropped"]["steps"][0][1] - losses[0]) > 1e-3


def test_statistics_apart_are_those_of_the_first(two, one):
    _, (first, _) = two
    losses, *_ = one("normed apart")
    assert abs(first["normed apart"]["steps"][0][1] - losses[0]) > 1e-4


def test_an_interrupt_of_one_stops_both_after_one_more_step(two):
    root, (first, _) = two
    assert first["interrupted"]["reason"] == "interrupted"
    assert [step for step, *_ in first["interrupted"]["steps"]] == [1, 2, 3, 4, 5]
    last = root / "runs" / "interrupted" / "checkpoints" / "last" / "checkpoint.safetensors"
    assert Checkpoint.read(last).progress.step == 5


def test_what_one_process_began_two_go_on_with(two):
    root, (first, second) = two
    assert first["resumed"] == second["resumed"]
    whole = first["plain"]["steps"]
    assert [step for step, *_ in first["resumed"]["steps"]] == list(range(6, len(whole) + 1))
    assert [loss for _, loss, _ in first["resumed"]["steps"]] == pytest.approx(
        [s[1] for s in whole[5:]], abs=FAR
    )
    rows = [
        json.loads(line)
        for line in (root / "runs" / "begun by one" / "events.jsonl").read_text().splitlines()
    ]
    assert [row["step"] for row in rows if row["event"] == "StepDone"] == [step for step, *_ in whole]


def test_only_the_first_writes(two):
    root, _ = two
    assert [path.name for path in (root / "first").iterdir()] == ["seen-0.json"]
    assert [path.name for path in (root / "second").iterdir()] == ["seen-1.json"]
    for name in CASES:
        run = root / "runs" / name
        assert {path.name for path in run.iterdir()} == {
            *("checkpoints", "events.jsonl", "lock", "model.safetensors", "run.yaml", "tensorboard")
        }
        assert len(list((run / "tensorboard").iterdir())) == 1
        rows = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        steps = [row["step"] for row in rows if row["event"] == "StepDone"]
        assert steps == list(range(1, len(steps) + 1))
        assert "2 processes, each with 8 of the 16 images of a batch" in rows[0]["notes"][-1]


def test_what_is_refused_is_told_in_one_sentence_by_each(two):
    root, seen = two
    for told in seen:
        assert told["odd batch"] == (
            "ConfigError: batch_size=15: must be a multiple of the 2 processes that share it, such as 16."
        )
        assert told["taken"].startswith(f"RunError: {root / 'runs' / 'plain'}: a run is there already")
        assert "the loss at step 2 is not a finite number: first in the " in told["diverged"]
        assert told["lazy"].startswith("a weight of the module takes no part in its output")


@pytest.mark.parametrize(
    ("momentum", "affine"), [(0.1, True), (None, True), (0.3, False)], ids=["0.1", "mean", "bare"]
)
def test_a_synced_norm_is_a_batch_norm_of_the_joined_batch(two, momentum, affine):
    _, seen = two
    halves = [told["norms"][f"{momentum}/{affine}"] for told in seen]
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3, momentum=momentum, affine=affine).double()
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = 5 + 2 * torch.randn(4, 3, 5, 5, dtype=torch.float64)
    wanted = torch.randn(4, 3, 5, 5, dtype=torch.float64)

    def joined(*parts):
        return torch.tensor(parts, dtype=torch.float64).flatten(0, 1)

    for number in range(2):
        whole = x.clone().requires_grad_()
        outputs = norm(whole)
        (outputs * wanted).sum().backward()
        torch.testing.assert_close(joined(*(half["passes"][number][0] for half in halves)), outputs)
        torch.testing.assert_close(joined(*(half["passes"][number][1] for half in halves)), whole.grad)
    for name, value in norm.named_buffers():
        for half in halves:
            torch.testing.assert_close(torch.tensor(half["buffers"][f"0.{name}"], dtype=value.dtype), value)
    for mine, other, parameter in zip(
        *(half["gradients"] for half in halves), norm.parameters(), strict=True
    ):
        both = torch.tensor(mine, dtype=torch.float64) + torch.tensor(other, dtype=torch.float64)
        torch.testing.assert_close(both, parameter.grad)
    torch.testing.assert_close(joined(*(half["answers"] for half in halves)), norm.eval()(x))

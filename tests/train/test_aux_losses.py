"""The loss of a step is that of the network plus the weighted ones of its auxiliary heads."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toys import toy_source, trained

from striate.data import batch_indices
from striate.nn import build
from striate.spec import AuxHead, Conv, Flatten, Linear, Network, ReLU, Sequential
from striate.train import StepDone, Validated


def network(weight):
    head = Sequential(Flatten(), Linear(3, name="early"))
    return Network(
        "aux",
        (1, 8, 8),
        Sequential(
            Conv(4, 3, name="conv"), ReLU(), AuxHead(head, weight=weight), Flatten(), Linear(3, name="late")
        ),
    )


def cross_entropy(logits, targets):
    logits = logits - logits.max(1, keepdims=True)
    rows = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(targets)), targets]
    return rows.mean()


def losses(tensors, x, targets):
    """Return the losses of the network's own output and of the head, float64 loops unrolled by numpy."""
    state = {n: v.double().numpy() for n, v in tensors.items()}
    (early,) = {n.removesuffix(".weight") for n in state if n.endswith("early.weight")}
    windows = np.lib.stride_tricks.sliding_window_view(x[:, 0], (3, 3), axis=(1, 2))
    maps = np.einsum("nhwij,cij->nchw", windows, state["conv.weight"][:, 0])
    maps = np.maximum(maps + state["conv.bias"][:, None, None], 0).reshape(len(x), -1)
    return [
        cross_entropy(maps @ state[f"{name}.weight"].T + state[f"{name}.bias"], targets)
        for name in ("late", early)
    ]


@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_training_counts_the_head_and_validation_does_not(tmp_path, weight):
    events = trained(tmp_path / "run", network(weight), seed=4, epochs=1.0)
    source = toy_source()
    pixels = {split: source.array(split) / 255 for split in ("train", "val")}
    x = {split: (p - pixels["train"].mean()) / pixels["train"].std() for split, p in pixels.items()}
    chosen = batch_indices(48, 16, 4, 0)
    late, early = losses(
        build(network(weight), seed=4).state_dict(), x["train"][chosen], source.targets["train"][chosen]
    )
    first = next(e for e in events if isinstance(e, StepDone))
    assert first.loss == pytest.approx(late + weight * early, rel=1e-5)
    late, _ = losses(load_file(tmp_path / "run" / "model.safetensors"), x["val"], source.targets["val"])
    assert next(e for e in events if isinstance(e, Validated)).loss == pytest.approx(late, rel=1e-5)


def test_the_head_learns_too(tmp_path):
    trained(tmp_path / "run", network(0.5))
    before = build(network(0.5), seed=0).state_dict()
    after = load_file(tmp_path / "run" / "model.safetensors")
    moved = {n: (after[n] - before[n]).abs().max() > 1e-4 for n in after}
    assert set(moved) == set(before)
    assert torch.tensor(list(moved.values())).all()

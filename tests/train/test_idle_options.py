"""Options that change nothing are told of: those that one method takes and another does not."""

import pytest
import torch
from toys import quick, tiny, toy_source, trained

from striate.spec import BatchNorm, Conv, Flatten, Linear, Network, Sequential
from striate.train import Started, TrainConfig
from striate.train.config import idle_options
from striate.train.methods import learning_rate, make_average, make_optimizer

AWAY = {
    "momentum": 0.5,
    "betas": (0.5, 0.6),
    "eps": 0.5,
    "smoothing": 0.5,
    "lookahead_share": 0.1,
}
"""Another value than the default of each option of an optimizer that some do not take."""

SHAPES = {"floor": 0.5, "factor": 0.5, "every": 2.0, "growth": 5.0, "plateau": 1}


def optimizer_steps(**options):
    """Return the weights of a convolution and of what follows after twelve steps on fixed gradients."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.Conv2d(3, 4, 3), torch.nn.Linear(2, 2))
    optimizer = make_optimizer(module, TrainConfig(lr=0.1, **options).optimizer)
    for step in range(12):  # RAdam takes no eps in the first five
        for number, weight in enumerate(module.parameters()):
            generator = torch.Generator().manual_seed(100 * step + number)
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
    return torch.cat([weight.detach().flatten() for weight in module.parameters()])


def test_an_option_of_an_optimizer_is_told_of_if_and_only_if_it_changes_nothing():
    names = ("sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "radam", "lars", "muon")
    seen = set()
    for name in names:
        plain = optimizer_steps(optimizer=name)
        for option, value in AWAY.items():
            told = list(idle_options(TrainConfig(optimizer=name, **{option: value})))
            changes = not torch.equal(optimizer_steps(optimizer=name, **{option: value}), plain)
            assert len(told) == (not changes), (name, option)
            seen.add((changes, option))
    assert {(False, option) for option in AWAY} <= seen  # each is idle somewhere
    with_lookahead = TrainConfig(optimizer="sgd", lookahead=2, lookahead_share=0.1)
    assert list(idle_options(with_lookahead)) == []
    assert not torch.equal(
        optimizer_steps(optimizer="sgd", lookahead=2),
        optimizer_steps(optimizer="sgd", lookahead=2, lookahead_share=0.1),
    )


def test_an_option_of_a_schedule_is_told_of_if_and_only_if_it_changes_nothing():
    names = (
        "constant",
        "step",
        "multi-step",
        "exponential",
        "cosine",
        "one-cycle",
        "warm-restarts",
        "plateau",
    )
    for name in names:
        at = {"at": (3.0, 6.0)} if name == "multi-step" else {}

        def rates(config):
            return [learning_rate(config.schedule, 1.0, step, 250, 10.0, step // 40) for step in range(250)]

        plain = rates(TrainConfig(schedule=name, **at))
        for option, value in SHAPES.items():
            config = TrainConfig(schedule=name, **at, **{option: value})
            counts_falls = option == name == "plateau"  # which the rate does not know of
            changes = counts_falls or rates(config) != plain
            assert len(list(idle_options(config))) == (not changes), (name, option)


def test_the_sentences():
    assert list(
        idle_options(TrainConfig(optimizer="sgd", betas=(0.5, 0.9), focus=1.0, loss="cross-entropy"))
    ) == [
        "betas=[0.5, 0.9] has no effect with optimizer=sgd: it is an option of adam, adamw, nadam, radam, muon",
        "focus=1.0 has no effect with loss=cross-entropy: it is an option of focal",
    ]
    assert list(
        idle_options(TrainConfig(patience=10, decay_all=True, weight_decay=0.0, lookahead=19), 115)
    ) == [
        "patience=10 has no effect in 10 epochs",
        "decay_all=True has no effect with weight_decay=0",
        "lookahead=19 has no effect in 17 steps",
    ]
    group = {"paths": "*.bias", "weight_decay": 0.1}
    some = TrainConfig(patience=9, decay_all=True, weight_decay=0.0, groups=[group], lookahead=17)
    assert list(idle_options(some, 115)) == []
    assert list(idle_options(TrainConfig(swa_every=2, micro_batch=64))) == [
        "swa_every=2 has no effect without swa",
        "micro_batch=64 has no effect on batches of 64: it is to be smaller",
    ]
    assert list(idle_options(TrainConfig())) == []
    assert (
        list(idle_options(TrainConfig(loss="focal", focus=1.0, swa=0.5, swa_every=2, micro_batch=63))) == []
    )


@pytest.mark.parametrize(
    ("epochs", "swa", "every", "taken"),
    [(2, 0.5, 100, 1), (2, 0.5, 1, 2), (10, 0.75, 1, 3), (10, 0.9, 2, 1), (10, 0.0, 4, 2), (3.5, 0.5, 1, 2)],
)
def test_a_mean_of_one(epochs, swa, every, taken):
    module = torch.nn.Linear(2, 2)
    config = TrainConfig(epochs=epochs, swa=swa, swa_every=every)
    steps = int(10 * epochs)
    average = make_average(module, config.averaging, steps, 10.0)
    assert sum(average.update(module, step) for step in range(1, steps + 1)) == taken
    told = (
        f"swa={swa:g} has no effect in {epochs:g} epochs with swa_every={every}: it takes the weights of one epoch "
        "alone"
    )
    assert list(idle_options(config)) == ([told] if taken == 1 else [])


def test_classes_that_are_balanced_twice(tmp_path):
    told = "sampling=balanced and class_weights=balanced: rare classes count twice over; one of them balances"
    assert told in trained(tmp_path / "both", sampling="balanced", class_weights="balanced")[0].notes
    assert told not in trained(tmp_path / "one", sampling="balanced")[0].notes


def test_a_run_tells(tmp_path):
    notes = next(
        e for e in trained(tmp_path / "run", optimizer="adamw", momentum=0.5) if isinstance(e, Started)
    ).notes
    assert (
        "momentum=0.5 has no effect with optimizer=adamw: it is an option of sgd, rmsprop, lars, muon"
        in notes
    )


def test_synchronized_batch_norm_of_a_network_without(tmp_path):
    told = "sync_batchnorm=True has no effect: the network has no BatchNorm"
    normed = Network("normed", (1, 8, 8), Sequential(Conv(2, 3), BatchNorm(), Flatten(), Linear(3)))
    for network, expected in ((tiny(), True), (normed, False)):
        started = trained(tmp_path / network.name, network, toy_source(), sync_batchnorm=True)[0]
        assert (told in started.notes) == expected
    assert quick().execution.sync_batchnorm is False

"""Learning rates against torch's schedulers stepped on an optimizer, and against closed forms."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as theirs
from toys import message_of

from striate.errors import ConfigError
from striate.train.config import ScheduleConfig
from striate.train.methods import check_schedule, learning_rate, plateau_falls

LR, PER_EPOCH, STEPS = 0.3, 7, 140


def options(name, **given):
    return ScheduleConfig(**{"name": name, "warmup": 0.0} | given)


def rates(schedule, steps=STEPS, per_epoch=PER_EPOCH, **given):
    return [learning_rate(schedule, LR, step, steps, per_epoch, **given) for step in range(steps)]


def stepped(make, steps=STEPS):
    """Return the rates of one of torch's schedulers."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


CASES = {
    "constant": (options("constant"), lambda o: theirs.ConstantLR(o, factor=1.0)),
    "step": (options("step", every=3.0, factor=0.5), lambda o: theirs.StepLR(o, 21, 0.5)),
    "multi-step": (
        options("multi-step", at=(2.0, 5.0, 11.0), factor=0.3),
        lambda o: theirs.MultiStepLR(o, [14, 35, 77], 0.3),
    ),
    "exponential": (
        options("exponential", every=2.0, factor=0.6),
        lambda o: theirs.ExponentialLR(o, 0.6 ** (1 / 14)),
    ),
    "cosine": (options("cosine"), lambda o: theirs.CosineAnnealingLR(o, STEPS)),
    "cosine with a floor": (
        options("cosine", floor=0.1),
        lambda o: theirs.CosineAnnealingLR(o, STEPS, eta_min=0.03),
    ),
    "warm restarts": (
        options("warm-restarts", every=2.0, growth=2.0),
        lambda o: theirs.CosineAnnealingWarmRestarts(o, 14, 2),
    ),
    "warm restarts of one length": (
        options("warm-restarts", every=3.0, growth=1.0, floor=0.2),
        lambda o: theirs.CosineAnnealingWarmRestarts(o, 21, 1, eta_min=0.06),
    ),
    "warm restarts thrice as long": (
        options("warm-restarts", every=1.0, growth=3.0),
        lambda o: theirs.CosineAnnealingWarmRestarts(o, 7, 3),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_as_torch_has_it(case):
    schedule, make = CASES[case]
    assert rates(schedule) == pytest.approx(stepped(make), rel=1e-9, abs=1e-12)


def test_by_default_a_third_is_taken():
    cases = {
        "step": (0.5, lambda o: theirs.StepLR(o, 47, 0.5)),
        "exponential": (0.6, lambda o: theirs.ExponentialLR(o, 0.6 ** (1 / 47))),
        "warm-restarts": (0.1, lambda o: theirs.CosineAnnealingWarmRestarts(o, 47, 2)),
    }
    for name, (factor, make) in cases.items():
        schedule = options(name, factor=factor)
        assert rates(schedule, 141) == pytest.approx(stepped(make, 141), rel=1e-9, abs=1e-12)
    for name in cases:
        for epochs in (0.5, 2.0, 10.0):
            check_schedule(ScheduleConfig(name=name), epochs)  # with nothing else said
    warm = ScheduleConfig(name="warm-restarts", warmup=0.1)
    found = rates(warm, 300)  # 30 of warmup, then 90 and 180
    assert found[30] == found[120] == LR
    assert found[119] < 0.001 * LR
    assert found[299] < 0.001 * LR


def test_one_cycle_as_torch_has_it():
    # torch reaches the end at its last step, we one step later; its rise ends at pct_start * steps - 1.
    found = stepped(
        lambda o: theirs.OneCycleLR(
            o,
            LR,
            total_steps=STEPS + 1,
            pct_start=(0.3 * STEPS + 1) / (STEPS + 1),
            anneal_strategy="linear",
            cycle_momentum=False,
            final_div_factor=1e30,
        )
    )
    assert rates(options("one-cycle")) == pytest.approx(found, rel=1e-9, abs=1e-12)


def test_one_cycle_with_a_floor():
    found = rates(options("one-cycle", floor=0.1), 10)
    assert found[0] == pytest.approx(0.1 * LR)
    assert found[3] == pytest.approx(LR)
    assert found[9] == pytest.approx(LR * (0.1 + 0.9 / 7))


@pytest.mark.parametrize("name", ["constant", "cosine", "one-cycle", "exponential"])
def test_warmup_is_linear_and_then_all_is_as_without_it(name):
    warm = rates(options(name, warmup=0.1))
    plain = rates(options(name), STEPS - 14)
    assert warm[14:] == pytest.approx(plain)
    assert warm[:14] == pytest.approx([plain[0] * (step + 1) / 14 for step in range(14)])


def test_warmup_leaves_the_epochs_of_falls_where_they_are():
    found = rates(options("multi-step", at=[3.0], warmup=0.1))
    assert [step for step in range(14, STEPS) if found[step] != found[step - 1]] == [21]


@pytest.mark.parametrize("per_epoch", [10 / 3, 7.5, 48 / 16, 1437 / 64], ids=str)
def test_falls_come_at_the_first_step_of_an_epoch(per_epoch):
    found = rates(options("step", every=1.0, factor=0.5), 60, per_epoch)
    falls = [step for step in range(1, 60) if found[step] < found[step - 1]]
    assert falls == [
        math.ceil(epoch * per_epoch - 1e-6) for epoch in range(1, 60) if epoch * per_epoch < 59.5
    ]


def test_restarts_of_fractions():
    # Lengths 10, 15, 22.5, 33.75 steps: a loop in the place of the closed form.
    found = rates(options("warm-restarts", every=2.0, growth=1.5), 90, 5)
    begin, length = 0.0, 10.0
    for step, rate in enumerate(found):
        if step >= begin + length:
            begin, length = begin + length, 1.5 * length
        assert rate == pytest.approx(LR * 0.5 * (1 + math.cos(math.pi * (step - begin) / length)), abs=1e-12)


def test_the_floor_holds_after_the_warmup():
    for name in ("step", "exponential", "plateau"):
        found = rates(options(name, floor=0.25, every=1.0), falls=4)
        assert min(found) == pytest.approx(0.25 * LR)


def test_plateau_multiplies():
    schedule = options("plateau", factor=0.5)
    assert rates(schedule, falls=3) == [LR / 8] * STEPS


LOSSES = {
    "falling": [5, 4, 3, 2, 1],
    "flat": [1.0] * 12,
    "up and down": [3, 2, 2, 2, 1, 1.5, 1.2, 1.1, 0.9, 0.95, 1, 1, 1, 1, 0.1, 0.2, 0.3],
    "none": [],
}


@pytest.mark.parametrize("patience", [1, 2, 3])
@pytest.mark.parametrize("losses", LOSSES)
def test_plateau_as_torch_has_it(losses, patience):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = theirs.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience - 1, threshold=0, eps=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for loss in LOSSES[losses]:
            scheduler.step(loss)
    assert 0.5 ** plateau_falls(LOSSES[losses], patience) == optimizer.param_groups[0]["lr"]


@given(
    st.sampled_from(
        ["constant", "step", "multi-step", "exponential", "cosine", "one-cycle", "warm-restarts", "plateau"]
    ),
    st.fixed_dictionaries(
        {
            "warmup": st.floats(0, 0.99),
            "floor": st.floats(0, 1),
            "factor": st.floats(0.01, 0.99),
            "every": st.floats(1e-3, 100),
            "growth": st.floats(1, 100),
            "at": st.lists(st.floats(0.01, 50), max_size=3).map(tuple),
        }
    ),
    st.integers(1, 300),
    st.floats(0.5, 50),
)
@settings(max_examples=300)
def test_no_rate_is_above_the_peak_or_below_the_floor(name, others, steps, per_epoch):
    schedule = options(name, **others)
    warm = round(schedule.warmup * steps)
    for step, rate in enumerate(rates(schedule, steps, per_epoch, falls=2)):
        least = schedule.floor * LR if step >= warm else 0.0
        assert least - 1e-12 <= rate <= LR + 1e-12


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        (options("multi-step"), "at=[]: must be epochs at which the rate falls"),
        (options("multi-step", at=[2.0, 2.0]), "at=[2.0, 2.0]: must be epochs in rising order"),
        (options("multi-step", at=[3.0, 2.0]), "at=[3.0, 2.0]: must be epochs in rising order"),
        (options("multi-step", at=[3.0, 10.0]), "at=[3.0, 10.0]: must be epochs below epochs=10."),
        (options("cosine", at=[3.0]), "at=[3.0]: must be empty for cosine."),
        (options("step", every=10.0), "every=10.0: must be below epochs=10, or the rate would never fall."),
        (
            options("warm-restarts", every=9.0, warmup=0.1),
            "every=9.0: must be below the 9 epochs after the warmup",
        ),
        (
            options("plateau", plateau=9),
            "plateau=9: must be below 9 for epochs=10, or the rate could never fall.",
        ),
    ],
    ids=["empty", "twice", "falling", "beyond", "other", "step", "restarts", "plateau"],
)
def test_schedules_that_cannot_work(schedule, says):
    assert message_of(ConfigError, check_schedule, schedule, 10.0).startswith(says)


@pytest.mark.parametrize(
    "schedule",
    [
        options("constant"),
        options("step", every=9.9),
        options("multi-step", at=(1.0, 9.5)),
        options("warm-restarts", every=4.0),
        options("plateau", plateau=8),
        options("exponential", every=99.0),
    ],
    ids=lambda schedule: schedule.name,
)
def test_schedules_that_work(schedule):
    check_schedule(schedule, 10.0)

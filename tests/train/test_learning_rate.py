"""The learning rate against its closed form."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import quick

from striate.train import learning_rate


@given(st.integers(1, 400), st.floats(0, 0.99), st.sampled_from(["cosine", "constant"]))
@settings(deadline=None, max_examples=200)
def test_closed_form(steps, warmup, schedule):
    config = quick(lr=0.3, warmup=warmup, schedule=schedule)
    rates = [learning_rate(config, step, steps) for step in range(steps)]
    warm = round(warmup * steps)
    for step, rate in enumerate(rates):
        if step < warm:
            expected = 0.3 * (step + 1) / warm
        elif schedule == "constant":
            expected = 0.3
        else:  # half a cosine: 1 at its begin, 0 where the run ends
            expected = 0.3 * math.cos(math.pi / 2 * (step - warm) / (steps - warm)) ** 2
        assert rate == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.025), (3, 0.1), (4, 0.1), (12, 0.05), (8, 0.1 * (2 + math.sqrt(2)) / 4), (20, 0.0)],
)
def test_cosine_at_its_corners(step, rate):
    # 20 steps, 4 of them warm: up in four, half way down at 12, to nothing at the end.
    config = quick(lr=0.1, warmup=0.2)
    assert learning_rate(config, step, 20) == pytest.approx(rate, abs=1e-12)


def test_without_warmup_the_first_step_is_at_the_peak():
    assert learning_rate(quick(lr=0.1, warmup=0.0), 0, 50) == 0.1

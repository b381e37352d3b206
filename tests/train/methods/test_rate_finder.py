"""The learning-rate range on losses whose best rate is known."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from toys import message_of

from striate.errors import ConfigError, TrainingError
from striate.train.methods import find_rates


def valley(best=0.1, width=1.0):
    """Return a loss that falls around ``best / e`` and explodes behind 10 times ``best``."""
    return lambda lr: (
        2.3 - 2 / (1 + math.exp(-2 * math.log(lr * math.e / best) / width)) + (lr / best / 4) ** 3
    )


def test_rates_rise_by_a_constant_factor():
    seen = []
    found = find_rates(lambda lr: seen.append(lr) or 1.0, 1e-4, 1.0, 41)
    assert seen == pytest.approx(np.geomspace(1e-4, 1.0, 41).tolist())
    assert found.lrs == tuple(seen)
    assert found.losses == (1.0,) * 41
    assert found.smoothed == pytest.approx((1.0,) * 41)
    assert not found.diverged


@pytest.mark.parametrize("best", [1e-3, 0.1, 1.0])
def test_suggestions(best):
    loss = valley(best)
    found = find_rates(loss, 1e-6, 100.0, 161)
    grid = np.geomspace(1e-6, 100.0, 20001)
    exact = np.array([loss(lr) for lr in grid])
    lowest = grid[exact.argmin()]
    assert found.tenth_of_minimum == pytest.approx(lowest / 10, rel=0.6)
    slopes = np.gradient(exact, np.log(grid))
    assert found.steepest == pytest.approx(grid[slopes.argmin()], rel=0.6)
    assert found.diverged
    assert found.lrs[-1] < 100


def test_noise_does_not_move_suggestions_far():
    random = np.random.default_rng(0)
    loss = valley(0.1)
    for _ in range(20):
        found = find_rates(lambda lr: loss(lr) + 0.05 * random.normal(), 1e-6, 100.0, 161)
        assert 0.01 < found.steepest < 0.15
        assert 0.004 < found.tenth_of_minimum < 0.04


def test_an_explosion_does_not_hide_a_shallow_valley():
    """A loss that falls by a tenth, from 0.001 on, and is 50 times as large behind 1."""
    found = find_rates(lambda lr: 2.3 - 0.23 * min(1, lr / 0.01) + 50 * lr**3, 1e-6, 100.0, 161)
    assert found.diverged
    assert 0.001 < found.steepest < 0.03
    assert 0.0005 < found.tenth_of_minimum < 0.02


def test_smoothing_is_a_mean_of_neighbors():
    random = np.random.default_rng(1).uniform(1, 2, 30)
    losses = iter(random)
    found = find_rates(lambda _: float(next(losses)), 1e-3, 1.0, 30)
    wanted = [np.average(random, weights=[0.9 ** abs(i - j) for j in range(30)]) for i in range(30)]
    assert found.smoothed == pytest.approx(wanted)


def test_a_loss_that_is_no_number_ends_it():
    found = find_rates(lambda lr: math.nan if lr > 0.1 else 1.0, 1e-3, 1.0, 31)
    assert max(found.lrs) <= 0.1 < found.lrs[-1] * 10**0.11
    assert found.diverged


def test_a_loss_that_never_falls_has_no_suggestion():
    found = find_rates(lambda lr: 1 + lr, 1e-3, 1.0, 31)
    assert found.steepest is None
    assert found.tenth_of_minimum is None
    assert "steepest" not in found.plot()


def test_picture():
    found = find_rates(valley(), 1e-6, 100.0, 161)
    picture = found.plot()
    ElementTree.fromstring(picture)
    assert f"the rate of the steepest fall: {found.steepest:.2g}" in picture
    assert f"a tenth of the rate of the least loss: {found.tenth_of_minimum:.2g}" in picture
    assert "learning rate" in picture
    assert picture == found.plot()  # no date, no random names
    assert not re.search("<dc:date>", picture)


def test_a_picture_says_of_what_it_is():
    found = find_rates(valley(), 1e-6, 100.0, 161, "net_$1 on digits, sgd")
    picture = found.plot()
    assert ">net_$1 on digits, sgd<" in picture
    assert "<dc:title>Learning-rate range: net_$1 on digits, sgd</dc:title>" in picture


def test_a_picture_as_a_file(tmp_path):
    found = find_rates(valley(), 1e-6, 100.0, 161)
    found.save(tmp_path / "rates.svg")
    assert (tmp_path / "rates.svg").read_text(encoding="utf-8") == found.plot()
    found.save(str(tmp_path / "rates.PNG"))
    with Image.open(tmp_path / "rates.PNG") as picture:
        assert (picture.format, picture.size) == ("PNG", (921, 547))  # 6.4 by 3.8 inches, 144 pixels each
    text = message_of(ConfigError, found.save, tmp_path / "rates.pdf")
    assert text == f"{tmp_path / 'rates.pdf'}: must end with .svg or .png, which say how it is drawn."


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"low": 0.0}, "low=0, high=10: must be rates above 0, low the smaller one."),
        ({"low": 1.0, "high": 0.1}, "low=1, high=0.1: must be"),
        ({"high": math.inf}, "low=1e-06, high=inf: must be"),
        ({"low": math.nan}, "low=nan, high=10: must be"),
        ({"steps": 9}, "steps=9: must be a whole number, 10 or more."),
    ],
    ids=["zero", "order", "infinite", "nan", "steps"],
)
def test_bad_ranges(given, says):
    assert message_of(ConfigError, find_rates, lambda _: 1.0, **given).startswith(says)


def test_a_network_that_diverges_at_once():
    message = message_of(TrainingError, find_rates, lambda _: math.nan, 1e-6)
    assert message.startswith("the loss is no finite number at learning rates as low as 1e-06;")

"""What effects draw: the ranges and means that their options promise, and the choices of policies."""

import numpy as np
import pytest
import torch
from every_effect import augment, effect
from scipy import stats

from striate.data.augment import Augment, Recipe
from striate.data.augment.draws import image_keys
from striate.data.augment.effects import EFFECTS, Rotate

COUNT = 20_000
LEAST = 1e-4  # of a p-value


def uniform(low, high):
    return stats.uniform(low, high - low).cdf


def even_logarithm(low, high):
    return stats.loguniform(low, high).cdf


def window(of_side):
    """Return widths of 100,000 windows, or heights, by NumPy's generator."""
    rng = np.random.default_rng(77)
    area, ratio = rng.uniform(0.08, 1, 100_000), np.exp(rng.uniform(*np.log((3 / 4, 4 / 3)), 100_000))
    return np.minimum(np.sqrt(area * ratio**of_side), 1)


UNIT = uniform(0, 1)
COLORS = ("red", "green", "blue")
# What an effect's defaults promise of the values by name: the distribution function, draws of it, or bounds
# of whole numbers.
DRAWN = {
    "AugMix": {},
    "Aspect": {"ratio": even_logarithm(0.9, 1.1)},
    "AutoContrast": {},
    "Blur": {"sigma": uniform(0, 1.5)},
    "Brightness": {"factor": uniform(0.6, 1.4)},
    "ChannelShift": {name: uniform(-0.1, 0.1) for name in COLORS},
    "ChannelShuffle": {},
    "Contrast": {"factor": uniform(0.6, 1.4)},
    "CutMix": {"share": UNIT, "center": UNIT},
    "Cutout": {"at": UNIT},
    "Elastic": {"alpha": uniform(0, 2)},
    "Equalize": {},
    "Erase": {"area": uniform(0.02, 0.33), "ratio": even_logarithm(0.3, 3.3), "at": UNIT},
    "Gain": {"decibels": uniform(-6, 6)},
    "Gamma": {"exponent": even_logarithm(0.7, 1.5)},
    "Grayscale": {},
    "HorizontalFlip": {},
    "Hue": {"degrees": uniform(-18, 18)},
    "Invert": {},
    "JPEG": {"quality": (30, 95)},
    "Mixup": {"share": stats.beta(0.2, 0.2).cdf},
    "Noise": {"std": uniform(0, 0.05)},
    "PCAColor": {
        name: stats.norm(0, 0.1 * np.hypot.reduce(np.array(vector) * (0.2175, 0.0188, 0.0045))).cdf
        for name, vector in zip(
            COLORS, ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203)), strict=True
        )
    },
    "Perspective": {"distortion": uniform(0, 0.3)},
    "Polarity": {},
    "Posterize": {"bits": (4, 8)},
    "RandAugment": {"chosen": (0, 13)},
    "RandomCrop": {"x": UNIT, "y": UNIT},
    "RandomResizedCrop": {"width": window(1), "height": window(-1), "x": UNIT, "y": UNIT},
    "Rotate": {"degrees": uniform(-15, 15)},
    "SaltAndPepper": {"share": uniform(0, 0.02)},
    "Saturation": {"factor": uniform(0.6, 1.4)},
    "Sharpen": {"amount": uniform(0, 1)},
    "Shear": {"x": uniform(-10, 10)},
    "Shift": {"x": uniform(-0.1, 0.1), "y": uniform(-0.1, 0.1)},
    "SignalNoise": {"std": uniform(0, 0.1)},
    "Solarize": {"threshold": uniform(0.5, 1)},
    "Speckle": {"std": uniform(0, 0.1)},
    "TimeMask": {"share": uniform(0, 0.1), "at": UNIT},
    "TimeShift": {"amount": uniform(-0.1, 0.1)},
    "TimeStretch": {"factor": even_logarithm(0.9, 1.1)},
    "TrivialAugment": {"chosen": (0, 13)},
    "VerticalFlip": {},
    "Zoom": {"factor": even_logarithm(0.9, 1.1)},
}  # fmt: skip


def values(made, count=COUNT, seed=0):
    """Return what is drawn for an effect that stands second, by name, with the angles of the one before it."""
    signals = made.stage == "signal"
    first = EFFECTS["Gain"]() if signals else Rotate()
    images = torch.zeros(count, 1, 6) if signals else torch.zeros(count, 1, 2, 3, dtype=torch.uint8)
    plan = augment(first, made).plan(images, None, image_keys(seed, 0, np.arange(count)))
    return plan.entries[1].values, next(iter(plan.entries[0].values.values()))


def test_the_table_has_every_effect():
    assert set(DRAWN) == set(EFFECTS)


@pytest.mark.parametrize("kind", [kind for kind in EFFECTS if kind != "AugMix"])
def test_values_have_their_distribution(kind):
    drawn, before = values(effect(kind))
    for name, expected in DRAWN[kind].items():
        numbers = np.asarray(drawn[name])
        for column in numbers.reshape(COUNT, -1).T:
            if isinstance(expected, tuple):
                counts = np.bincount(column, minlength=expected[1] + 1)
                assert column.min() >= expected[0], name
                assert stats.chisquare(counts[expected[0] :]).pvalue > LEAST, name
            else:
                test = stats.kstest if callable(expected) else stats.ks_2samp
                assert test(column, expected).pvalue > LEAST, name
            bound = 4.5 / np.sqrt(COUNT)  # of images among each other, and of effects
            assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < bound, name
            assert abs(np.corrcoef(column, before)[0, 1]) < bound, name


def test_windows_stand_everywhere_equally_often():
    drawn, _ = values(effect("RandomCrop", margin=2))
    plan_of = effect("RandomCrop", margin=2).windows(drawn, (8, 9), (8, 8))
    starts = (plan_of[:, 1, 2] + 2) * 6 + plan_of[:, 0, 2] + 2
    assert np.array_equal(starts, np.floor(starts))
    assert stats.chisquare(np.bincount(starts.astype(int), minlength=30)).pvalue > LEAST


def test_whole_pixels_are_drawn_with_both_ends():
    drawn, _ = values(effect("Shift", x=(-2.5, 3), y=(1, 1), unit="pixels"))
    assert np.unique(drawn["x"]).tolist() == [-2, -1, 0, 1, 2, 3]
    assert stats.chisquare(np.bincount(drawn["x"] + 2)).pvalue > LEAST
    assert (drawn["y"] == 1).all()


def entries(made, count=COUNT):
    plan = Augment(Recipe((made,))).plan(
        torch.zeros(count, 3, 2, 3, dtype=torch.uint8), None, image_keys(3, 0, np.arange(count))
    )
    return plan, plan.entries[1:]


def test_rand_augment_does_as_many_effects_of_one_magnitude():
    _, chosen = entries(effect("RandAugment", count=3, magnitude=15))
    assert sum(len(entry.rows) for entry in chosen) == pytest.approx(3 * COUNT * 13 / 14, rel=0.01)
    most = {"Rotate": 15, "Shear": np.rad2deg(np.arctan(0.15)), "Shift": 75 / 331, "Brightness": 0.45}
    for entry in chosen:
        if (kind := entry.effect.kind) in most:
            drawn = next(iter(entry.values.values())) - (kind == "Brightness")
            if (drawn == 0).all():
                drawn = entry.values["y"]
            assert np.allclose(np.abs(drawn), most[kind])
            assert abs((drawn > 0).mean() - 0.5) < 4.5 * 0.5 / np.sqrt(len(drawn))


def test_trivial_augment_does_one_effect_at_31_magnitudes():
    _, chosen = entries(effect("TrivialAugment"))
    assert len(np.unique(np.concatenate([entry.rows for entry in chosen]))) == sum(
        len(e.rows) for e in chosen
    )
    turned = next(entry.values["degrees"] for entry in chosen if entry.effect.kind == "Rotate")
    steps = np.abs(turned) / 135 * 30
    assert np.allclose(steps, np.rint(steps))
    assert stats.chisquare(np.bincount(np.rint(steps).astype(int), minlength=31)).pvalue > LEAST


@pytest.mark.parametrize(
    "made", [effect("RandAugment", magnitude=0), effect("RandAugment", count=0)], ids=str
)
def test_rand_augment_of_no_magnitude_does_nothing(made):
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (300, 3, 16, 18), dtype=np.uint8))
    assert torch.equal(augment(made)(images)[0], images * np.float32(1 / 255))


def test_aug_mix_weighs_chains_by_dirichlet_and_the_image_by_beta():
    plan, _ = entries(effect("AugMix", chains=3))
    weights, chains = plan.mixture
    assert weights.shape == (COUNT, 3)
    assert len(chains) == 3
    assert weights.min() >= 0
    total = weights.sum(1)
    assert stats.kstest(total, "uniform").pvalue > LEAST  # Beta(1, 1)
    for share in (weights / total[:, None]).T:
        assert stats.kstest(share, stats.beta(1, 2).cdf).pvalue > LEAST  # what one of Dirichlet(1, 1, 1) is

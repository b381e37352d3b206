"""Mixup and CutMix by what is seen in their pixels, whose images are made to tell.

In a batch of N images, image n is black but for pixel n: a mixture shows of which images it is, and their shares.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch
from every_effect import CLASSES, augment, effect
from scipy import stats

from striate.data.augment.draws import image_keys


def telling(count, level=255):
    return torch.diag(torch.full((count,), level, dtype=torch.uint8)).view(count, 1, 1, count)


def partners(shown):
    """Return which other image is seen most in each mixture ``(N, N)``."""
    return shown.clone().fill_diagonal_(0).argmax(1)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_mixes_pixels_and_targets_alike(alpha):
    count = 600
    classes = torch.arange(count) % CLASSES
    out, targets = augment(effect("Mixup", alpha=alpha))(telling(count), classes, seed=1)
    shown = out.view(count, count)
    assert torch.allclose(shown.sum(1), torch.ones(count), atol=1e-5)
    assert (shown > 0).sum(1).max() == 2
    assert torch.allclose(targets, shown @ torch.nn.functional.one_hot(classes, CLASSES).float(), atol=1e-5)
    assert torch.allclose(targets.sum(1), torch.ones(count), atol=1e-6)
    assert stats.kstest(shown.diagonal().numpy(), stats.beta(alpha, alpha).cdf).pvalue > 1e-4


def test_every_image_is_the_partner_of_one_and_pairs_change_from_step_to_step():
    count, mix = 300, augment(effect("Mixup", alpha=100.0))
    steps = [partners(mix(telling(count), step=step)[0].view(count, count)) for step in range(4)]
    for chosen in steps:
        assert torch.equal(chosen.sort().values, torch.arange(count))
        assert (chosen != torch.arange(count)).all()
        assert abs(np.corrcoef(chosen, np.arange(count))[0, 1]) < 4.5 / np.sqrt(count)
    assert max((a == b).sum() for a, b in pairwise(steps)) < 8


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_partners_are_chosen_regardless_of_what_is_done_to_them(before):
    """Else an image would be mixed with one that is turned, or lit, just as it is."""
    count, lit = 1000, [effect("Brightness")] * before or [effect("Brightness")]
    mix = augment(*[effect("Brightness")] * before, effect("Mixup", alpha=100.0), *lit[before:])
    chosen = partners(mix(telling(count, 100))[0].view(count, count)).numpy()
    plan = mix.plan(telling(count), None, image_keys(0, 0, np.arange(count)))
    for entry in plan.entries:
        if entry.effect.kind == "Brightness":
            factors = entry.values["factor"]
            assert abs(np.corrcoef(factors, factors[chosen])[0, 1]) < 4.5 / np.sqrt(count)


def test_at_p_below_1_partners_are_any_images():
    """Those that are mixed are mixed with all others, not with each other alone."""
    count, p = 1000, 0.4
    shown = augment(effect("Mixup", alpha=100.0, p=p))(telling(count))[0].view(count, count)
    mixed = shown.diagonal() < 0.999
    with_mixed = mixed[partners(shown)][mixed].float().mean().item()
    assert abs(with_mixed - p) < 4.5 * np.sqrt(p * (1 - p) / (p * count))


def test_cutmix_takes_one_rectangle_and_targets_tell_its_share():
    count, size = 250, (32, 48)
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 1, *size)
    classes = torch.arange(count) % CLASSES
    out, targets = augment(effect("CutMix"))(images, classes, seed=1)
    levels = (out[:, 0] * 255).round().long().numpy()
    expected = np.zeros((count, CLASSES))
    for n, shown in enumerate(levels):
        cut = shown != n
        (other,) = np.unique(shown[cut]) if cut.any() else [n]
        if cut.any():
            rows, columns = np.flatnonzero(cut.any(1)), np.flatnonzero(cut.any(0))
            assert cut[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        expected[n, n % CLASSES] += 1 - cut.mean()
        expected[n, other % CLASSES] += cut.mean()
    assert np.allclose(targets.numpy(), expected, atol=1e-6)
    cut = (levels != np.arange(count)[:, None, None]).mean(0)
    assert (
        cut[8:-8, 12:-12].mean() > 1.5 * cut[[0, -1]].mean()
    )  # a box about any pixel is cut off at the border


def test_a_chain_of_mixtures_is_shared_as_its_pixels():
    count = 200
    classes = torch.arange(count) % CLASSES
    twice = augment(effect("Mixup", alpha=1.0), effect("Mixup", alpha=1.0))
    out, targets = twice(telling(count), classes)
    shown = out.view(count, count)
    assert (shown > 0).sum(1).max() == 4
    assert torch.allclose(targets, shown @ torch.nn.functional.one_hot(classes, CLASSES).float(), atol=1e-5)
    for share in (slice(0, 50), slice(50, 51), slice(199, 200)):
        part, of_part = twice(telling(count), classes, share=share)
        assert torch.equal(part, out[share])
        assert torch.equal(of_part, targets[share])


def test_mixing_probabilities_equals_mixing_numbers():
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (40, 3, 8, 8), dtype=np.uint8))
    classes = torch.arange(40) % CLASSES
    one_hot = torch.nn.functional.one_hot(classes, CLASSES).float()
    mix = augment(effect("Mixup"), effect("CutMix"))
    by_number, by_share = mix(images, classes), mix(images, one_hot)
    assert torch.equal(by_number[0], by_share[0])
    assert torch.equal(by_number[1], by_share[1])


def test_signals_are_mixed_as_images_are():
    signals = torch.eye(50).view(50, 1, 50)
    classes = torch.arange(50) % CLASSES
    out, targets = augment(effect("Mixup"))(signals, classes)
    one_hot = torch.nn.functional.one_hot(classes, CLASSES).float()
    assert torch.allclose(targets, out[:, 0] @ one_hot, atol=1e-6)


def test_an_image_alone_stays_as_it_is():
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 8, 8), dtype=np.uint8))
    out, targets = augment(effect("Mixup", alpha=1.0), effect("CutMix"))(image, torch.tensor([2]))
    assert torch.allclose(out, image / 255)
    assert torch.allclose(targets, torch.tensor([[0.0, 0, 1, 0, 0]]))

"""What every effect keeps to: a function of seed, step and index, done to the right share, nothing at strength 0."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from every_effect import CLASSES, augment, batch, effect, often, untouched

from striate.data.augment.draws import image_keys
from striate.data.augment.effects import EFFECTS

EACH = pytest.mark.parametrize("kind", EFFECTS)
COUNT = 24


def done(made, images, targets, **options):
    """Return images and targets; those of classes as probabilities."""
    out, targets = augment(made)(images, targets, **options)
    if not targets.is_floating_point():
        targets = torch.nn.functional.one_hot(targets, CLASSES).float()
    return out, targets


def changed(before, after):
    """Return which images are not the same."""
    return (before != after).flatten(1).any(1)


@EACH
def test_an_effect_is_described_and_can_be_drawn(kind):
    made = EFFECTS[kind]()
    assert made.kind == kind
    assert EFFECTS[kind](**made.options()) == made
    assert 0 <= made.p <= 1
    words = EFFECTS[kind].words
    assert words or made.stage == "policy"
    images, targets = batch(kind, 3)
    (entry, *_) = augment(effect(kind)).plan(images, targets, image_keys(0, 0, np.arange(3))).entries
    assert all(len(drawn) == 3 for drawn in entry.values.values())
    numbers = {name: drawn[0] for name, drawn in entry.values.items()}
    assert "{" not in words.format(**numbers)


@EACH
def test_what_is_done_to_an_image_is_a_function_of_seed_step_and_index(kind):
    images, targets = batch(kind, COUNT)
    given = {"seed": 5, "step": 8, "indices": torch.arange(100, 100 + COUNT)}
    first, first_targets = done(often(kind), images, targets, **given)
    again, again_targets = done(often(kind), images, targets, **given)
    assert torch.equal(first, again)
    assert torch.equal(first_targets, again_targets)
    assert torch.isfinite(first).all()
    for other in ({"seed": 6}, {"step": 9}, {"indices": torch.arange(COUNT)}):
        assert changed(first, done(often(kind), images, targets, **(given | other))[0]).sum() > COUNT / 6


@pytest.mark.parametrize("kind", [kind for kind in EFFECTS if EFFECTS[kind].stage != "mixing"])
def test_images_are_changed_each_in_its_own_way(kind):
    images, targets = batch(kind, 1)
    images = images.expand(COUNT, *images.shape[1:])
    out, _ = done(often(kind), images, targets.expand(COUNT))
    least = 2 if kind in ("HorizontalFlip", "VerticalFlip") or not EFFECTS[kind].draws else 4
    assert len(torch.unique(out, dim=0)) >= least


@EACH
@pytest.mark.parametrize("parts", [(0, 24), (0, 1, 24), (0, 8, 16, 24)], ids=str)
def test_shares_of_a_batch_are_what_the_whole_is(kind, parts):
    images, targets = batch(kind, COUNT)
    indices = torch.from_numpy(np.random.default_rng(2).permutation(COUNT) + 1000)
    whole, whole_targets = done(often(kind), images, targets, seed=3, indices=indices)
    shares = [slice(a, b) for a, b in pairwise(parts)]
    for share in shares:
        out, of_share = done(often(kind), images, targets, seed=3, indices=indices, share=share)
        assert torch.equal(out, whole[share])
        assert torch.equal(of_share, whole_targets[share])
        if EFFECTS[kind].stage != "mixing":
            out, _ = done(often(kind), images[share], targets[share], seed=3, indices=indices[share])
            assert torch.equal(out, whole[share])


@EACH
def test_the_order_of_a_batch_does_not_matter(kind):
    images, targets = batch(kind, COUNT)
    order = torch.from_numpy(np.random.default_rng(4).permutation(COUNT))
    whole, whole_targets = done(often(kind), images, targets, indices=torch.arange(COUNT))
    out, of_order = done(often(kind), images[order], targets[order], indices=order)
    assert torch.equal(out, whole[order])
    assert torch.equal(of_order, whole_targets[order])


@EACH
def test_bits_do_not_depend_on_threads(kind):
    images, targets = batch(kind, COUNT, side=32)
    assert images.numel() > 2**16 or images.ndim == 3
    before = torch.get_num_threads()
    try:
        several = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            several.append(done(often(kind), images, targets)[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*several)


@EACH
def test_at_strength_0_nothing_is_done_and_at_1_all(kind):
    images, targets = batch(kind, COUNT)
    out, of_out = done(often(kind).scaled(0.0), images, targets)
    assert torch.equal(out, untouched(images))
    assert torch.equal(of_out, torch.nn.functional.one_hot(targets, CLASSES).float())
    none = augment(*augment(often(kind)).recipe.scaled(0.0).effects)
    assert torch.equal(none(images, targets)[0], untouched(images))
    full = done(often(kind), images, targets)[0]
    assert torch.allclose(done(often(kind).scaled(1.0), images, targets)[0], full, atol=1e-3)


@EACH
def test_p_is_the_share_of_images(kind):
    count = 4000
    images, targets = batch(kind, count, side=4)
    for p in (0.0, 0.3, 1.0):
        plan = augment(effect(kind, p=p)).plan(images, targets, image_keys(1, 1, np.arange(count)))
        rows = [entry.rows for entry in plan.entries if entry.effect.kind == kind]
        hits = len(np.arange(count)[rows[0]]) if rows else 0
        assert abs(hits - p * count) <= 4.5 * np.sqrt(count * p * (1 - p))


@EACH
def test_with_p_0_nothing_is_done(kind):
    images, targets = batch(kind, COUNT)
    assert torch.equal(done(effect(kind, p=0.0), images, targets)[0], untouched(images))


@EACH
@pytest.mark.parametrize("classes", [(1, 3), ("bee", "dog"), (1, "dog")], ids=str)
def test_only_images_of_its_classes_are_changed(kind, classes):
    images, targets = batch(kind, 60)
    chosen = (targets == 1) | (targets == 3)
    names = ("ant", "bee", "cat", "dog", "eel")
    augmenting = augment(effect(kind, classes=classes), class_names=names)
    out, _ = augmenting(images, targets)
    touched = changed(untouched(images), out)
    assert not touched[~chosen].any()
    assert touched[chosen].sum() > 0.3 * chosen.sum()
    probabilities = torch.nn.functional.one_hot(targets, CLASSES).float() * 0.9 + 0.02
    assert torch.equal(augmenting(images, probabilities)[0], out)


@EACH
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_of_one_pixel_and_of_one_row(kind, channels):
    for shape in ((1, 1), (1, 7), (5, 1)):
        images = torch.full((2, channels, *shape), 9, dtype=torch.uint8)
        if EFFECTS[kind].stage == "signal":
            images = torch.full((2, channels, shape[1]), 9.0)
        out, _ = done(effect(kind), images, torch.tensor([0, 1]))
        assert out.shape == images.shape
        assert torch.isfinite(out).all()


@EACH
def test_an_empty_batch_stays_empty(kind):
    images, targets = batch(kind, 2)
    for p, given, share in ((0.5, 0, None), (1.0, 0, None), (1.0, 2, slice(0, 0)), (1.0, 2, slice(2, 4))):
        out, of_out = augment(effect(kind, p=p))(images[:given], targets[:given], share=share)
        assert out.shape == images[:0].shape
        assert out.dtype == torch.float32
        assert len(of_out) == 0


@EACH
def test_images_given_are_not_written_to(kind):
    images, targets = batch(kind, COUNT)
    before, before_targets = images.clone(), targets.clone()
    augment(effect(kind))(images, targets)
    assert torch.equal(images, before)
    assert torch.equal(targets, before_targets)

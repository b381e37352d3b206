"""Recipes as files: there and back, and everything that can be wrong with one is told in one sentence."""

import random

import pytest
import yaml
from every_effect import effect

from striate.data.augment import RECIPES, Recipe, recipe
from striate.data.augment.effects import EFFECTS, Gain, HorizontalFlip, Rotate, Zoom
from striate.errors import ConfigError

HEAD = "kind: striate augmentation\nschema: 1\n"

# Of each effect, options that all differ from the defaults.
OPTIONS = {
    "AugMix": {"chains": 2, "severity": 1.5},
    "CutMix": {"alpha": 0.5},
    "Cutout": {"side": (0.1, 0.2), "fill": "noise"},
    "Elastic": {"alpha": (1.0, 3.0), "sigma": 6.0},
    "Erase": {"area": (0.1, 0.2), "ratio": (0.5, 2.0), "fill": "mean"},
    "JPEG": {"quality": (40, 50)},
    "Mixup": {"alpha": 0.4},
    "PCAColor": {
        "std": 0.3,
        "eigenvalues": (0.3, 0.2, 0.1),
        "eigenvectors": ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
    },
    "Posterize": {"bits": (2, 5)},
    "RandAugment": {"count": 3, "magnitude": 12.5},
    "RandomCrop": {"margin": 2},
    "Shift": {"x": (-7.0, 7.0), "y": (0.0, 3.0), "unit": "pixels"},
    "TimeMask": {"share": (0.1, 0.3), "fill": "mean"},
}


@pytest.mark.parametrize("kind", EFFECTS)
def test_an_effect_is_read_as_it_was_written(kind, tmp_path):
    made = effect(kind, p=0.25, classes=(3, "größe: [", 0), **OPTIONS.get(kind, {}))
    assert set(made.options()) >= {"p", "classes", *OPTIONS.get(kind, {})}
    for written in (Recipe((made,), "reflect"), Recipe([EFFECTS[kind]()], fill=0.5)):
        written.save(tmp_path / "r.yaml")
        assert Recipe.load(tmp_path / "r.yaml") == written == Recipe.from_yaml(written.to_yaml())
        assert recipe(str(tmp_path / "r.yaml")) == written
        assert eval(repr(made), dict(EFFECTS)) == made


@pytest.mark.parametrize("name", RECIPES)
def test_a_named_recipe_is_read_as_it_was_written(name, tmp_path):
    RECIPES[name].save(tmp_path / "r.yaml")
    assert Recipe.load(tmp_path / "r.yaml") == RECIPES[name] == recipe(name)


def test_a_file_as_it_is_written_by_hand():
    text = HEAD + "padding: reflect\neffects:\n- HorizontalFlip\n- Rotate: {degrees: 15}\n- Zoom:\n"
    assert Recipe.from_yaml(text) == Recipe(
        (HorizontalFlip(), Rotate(degrees=(-15, 15)), Zoom()), padding="reflect"
    )
    assert recipe(text) == Recipe.from_yaml(text)


WRONG_VALUES = {
    "Rotat": "effect 1: unknown effect 'Rotat'. Did you mean 'Rotate'",
    "Rotate: {degree: 3}": "Rotate has no option 'degree'. Did you mean 'degrees'? It takes: ",
    "Rotate: {degrees: [20, -20]}": "must be two numbers in order, within -180 to 180, or a number a, ",
    "Rotate: {degrees: [-10, 200]}": "must be two numbers in order, within -180 to 180, or",
    "Rotate: {degrees: 400}": "within -180 to 180, or a number a, which means -a to +a.",
    "Rotate: {self: 3}": "Rotate has no option 'self'. It takes: ",
    "Rotate: {__dataclass_self__: 3}": "Rotate has no option '__dataclass_self__'. It takes: ",
    "Rotate: {degrees: .inf}": "within -180 to 180",
    "Rotate: {degrees: [.nan, 3]}": "must be two numbers in order, within -180 to 180, or",
    "Rotate: {degrees: .nan}": "Rotate: degrees=nan must be ",
    "Rotate: {degrees: [-.inf, .inf]}": "within -180 to 180",
    "Rotate: {degrees: '15'}": "Rotate: degrees='15' must be ",
    "Rotate: {degrees: [1, two]}": "must be two numbers in order, within -180 to 180, or",
    "Rotate: {degrees: [1, 2, 3]}": "must be two numbers in order, within -180 to 180, or",
    "Rotate: {degrees: {a: 1}}": "Rotate: degrees={'a': 1} must be ",
    "Rotate: {degrees: yes}": "Rotate: degrees=True must be ",
    "Rotate: {p: 1.5}": "Rotate: p=1.5 must be less than or equal to 1.",
    "Rotate: {p: .nan}": "Rotate: p=nan must be ",
    "Rotate: {p: often}": "Rotate: p='often' must be ",
    "Rotate: {classes: cat}": "Rotate: classes='cat' must be ",
    "Rotate: {classes: [1.5]}": "Rotate: classes=1.5 must be ",
    "Rotate: 15": "effect 1: Rotate: must be followed by its options, as {option: value}.",
    "Rotate: {1: 2}": "effect 1: Rotate: must be followed by its options, as {option: value}.",
    "Zoom: {factor: 2}": "Zoom: factor=2 must be ",
    "Zoom: {factor: 0}\n  Rotate:": "effect 1: must be the name of an effect, or a name with its options",
    "Brightness: {factor: [0, 11]}": "within 0 to 10, or a number a, which means 1 - a to 1 + a.",
    "Shift: {x: 5}": "x: shares of the image lie within -1 to 1; for pixels add unit: pixels",
    "Shift: {x: [0.2, 0.7], unit: pixels}": "Shift",
    "Shift: {unit: pixel}": "Shift: unit='pixel' must be 'fraction' or 'pixels'. Did you mean 'pixels'?",
    "Posterize: {bits: [4.5, 8]}": "Posterize: bits=4.5 must be a whole number.",
    "PCAColor: {std: .inf}": "PCAColor: std=inf must be ",
    "PCAColor: {eigenvalues: [.nan, 1, 1]}": "PCAColor: eigenvalues=",
    "PCAColor: {eigenvalues: [1, 2]}": "PCAColor: eigenvalues=",
    "PCAColor: {eigenvalues: [1.0e+300, 1, 1]}": "must be less than or equal to 100.",
    "PCAColor: {eigenvalues: [0.1, -0.1, 0]}": "must be greater than or equal to 0.",
    "PCAColor: {eigenvectors: [[1, 0, 0], [0, 1, 0], [0, 0, 1.02]]}": "must be less than or equal to 1.01.",
    "PCAColor: {eigenvectors: [[1, 0, 0], [0, -2, 0], [0, 0, 1]]}": "must be greater than or equal to -1.01.",
    "PCAColor: {eigenvectors: [[1, 0, 0], [0, 1, 0], [0, 0, .inf]]}": "PCAColor: eigenvectors=",
    "Elastic: {sigma: 0}": "Elastic: sigma=0 must be greater than or equal to 0.5.",
    "Mixup: {alpha: 0}": "Mixup: alpha=0 must be greater than 0.",
    "RandAugment: {count: 2.0}": "RandAugment: count=2.0 must be a whole number.",
    "RandAugment: {magnitude: 31}": "RandAugment: magnitude=31 must be less than or equal to 30.",
    "Erase: {fill: blck}": "Erase: fill='blck' must be 'black', 'mean' or 'noise'. Did you mean 'black'?",
    "[Rotate]": "effect 1: must be the name of an effect, or a name with its options",
    "3": "effect 1: must be the name of an effect, or a name with its options, such as Rotate: {degrees: 15}; got 3.",
    "Gain\n- Rotate": "Gain is for signals and Rotate for images; a recipe is for either.",
    "AugMix\n- Rotate": "Rotate stands after AugMix; put it before.",
    "AugMix\n- AugMix": "a recipe can have AugMix once.",
    "Gain\n- CutMix": "CutMix",
}


@pytest.mark.parametrize("text", WRONG_VALUES)
def test_a_wrong_effect_is_told_in_one_sentence(text, tmp_path):
    (tmp_path / "r.yaml").write_text(f"{HEAD}effects:\n- {text}\n")
    message = one_sentence(lambda: Recipe.load(tmp_path / "r.yaml"))
    assert WRONG_VALUES[text] in message
    assert message.startswith(f"{tmp_path / 'r.yaml'}: ")
    assert "tuple" not in message.lower()
    assert "ArgsKwargs" not in message


WRONG_FILES = {
    "": "a recipe is a mapping that begins with 'kind: striate augmentation' and has a list of effects.",
    "[1, 2]": "a recipe is a mapping that begins with 'kind: striate augmentation'",
    "kind: striate run\neffects: []": "a recipe is a mapping that begins with 'kind: striate augmentation'",
    HEAD: "effects: must be a list",
    HEAD + "effects: Rotate": "effects: must be a list, such as [HorizontalFlip, {Rotate: {degrees: 15}}].",
    HEAD + "effect: []": "unknown key 'effect'. Did you mean 'effects'? A recipe has kind, schema, ",
    HEAD + "effects: []\n3: 4": "unknown key 3.",
    "kind: striate augmentation\nschema: 2\neffects: []": "schema: must be 1; got 2. Newer ones need a newer striate.",
    "kind: striate augmentation\nschema: yes\neffects: []": "schema: must be 1; got True.",
    HEAD + "padding: reflct\neffects: []": "padding='reflct': must be one of zeros, replicate, reflect. Did you",
    HEAD + "padding: [zeros]\neffects: []": "padding=['zeros']: must be one of zeros, replicate, reflect.",
    HEAD + "padding:\neffects: []": "padding=None: must be one of zeros, replicate, reflect.",
    HEAD + "fill: 2\neffects: []": "fill=2: must be a share of white, from 0 to 1.",
    HEAD + "fill: .nan\neffects: []": "fill=nan: must be a share of white, from 0 to 1.",
    HEAD + "fill: white\neffects: []": "fill='white': must be a share of white, from 0 to 1.",
    HEAD + "effects: [" + "Rotate, " * 101 + "]": "a recipe of 101 effects; 100 are allowed.",
    HEAD + "effects: &a [*a]": "an alias that contains itself",
    HEAD + "effects: []\neffects: []": "the key 'effects' stands twice in one mapping.",
    HEAD + "effects: [": "not YAML: ",
    HEAD + "effects: [!!python/object/apply:os.system [ls]]": "not YAML: ",
    HEAD + "effects: " + "[" * 20_000: "",
    HEAD + "#" * 2**20: "is larger than a recipe can be",
    "\0\0\0": "not YAML: ",
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG_FILES)))
def test_a_wrong_file_is_told_in_one_sentence(number, tmp_path):
    text, expected = [*WRONG_FILES.items()][number]
    (tmp_path / "r.yaml").write_text(text)
    message = one_sentence(lambda: Recipe.load(tmp_path / "r.yaml"))
    assert expected in message
    assert message.startswith(f"{tmp_path / 'r.yaml'}: ")


def one_sentence(call):
    with pytest.raises(ConfigError) as raised:
        call()
    message = str(raised.value)
    assert message.isprintable()
    assert len(message) < 900
    assert "  " not in message
    assert message.endswith((".", "?"))
    return message


def test_what_is_no_file_of_text(tmp_path):
    (tmp_path / "r.yaml").write_bytes(bytes(range(128, 256)))
    assert "r.yaml: is not a text file." in one_sentence(lambda: recipe(tmp_path / "r.yaml"))
    assert "Is a directory" in one_sentence(lambda: recipe(tmp_path))
    assert "No such file" in one_sentence(lambda: recipe("missing.yaml"))
    assert "missing" in one_sentence(lambda: recipe("missing\0.yaml"))
    assert "cannot be written" in one_sentence(lambda: Recipe().save(tmp_path))
    assert "Did you mean 'cifar'?" in one_sentence(lambda: recipe("cifr"))
    assert "recipe=3: must be a Recipe, the name of one, or" in one_sentence(lambda: recipe(3))


@pytest.mark.parametrize("strength", [2, -0.1, float("nan"), True, "1", None], ids=str)
def test_strength_lies_within_0_to_1(strength):
    assert f"strength={strength!r}: must be a number from 0 to 1." in one_sentence(
        lambda: Recipe((Rotate(),)).scaled(strength)
    )


ENDS = {  # of all that is allowed, where the last bit could be beyond
    "Brightness": {"factor": (0, 10)},
    "Gamma": {"exponent": (0.05, 20)},
    "JPEG": {"quality": (1, 100)},
    "Perspective": {"distortion": (0, 0.9)},
    "Posterize": {"bits": (1, 8)},
    "RandomResizedCrop": {"scale": (0.001, 1), "ratio": (0.1, 10)},
    "Rotate": {"degrees": (-180, 180)},
    "Sharpen": {"amount": (-1, 20)},
    "Solarize": {"threshold": (0, 1.01)},
    "TimeStretch": {"factor": (0.1, 10)},
    "Zoom": {"factor": (0.01, 100)},
}


@pytest.mark.parametrize("kind", EFFECTS)
def test_full_strength_changes_nothing_and_any_is_allowed(kind):
    for made in (effect(kind), effect(kind, **ENDS.get(kind, {}))):
        assert made.scaled(1.0) == made
        for strength in (0.999999, 0.5, 1e-9, 0.0):
            assert made.scaled(strength).kind == kind


def test_effects_that_are_no_effects():
    assert "effects='Rotate': must be a list of effects" in one_sentence(lambda: Recipe("Rotate"))
    assert "must be a list of effects" in one_sentence(lambda: Recipe((Rotate,)))
    assert "must be a list of effects" in one_sentence(lambda: Recipe(Gain()))


def test_damaged_files_raise_nothing_else(tmp_path):
    """A recipe's text with bytes changed, cut, doubled and put elsewhere is read, or refused in one sentence."""
    everything = [
        effect(kind, **OPTIONS.get(kind, {})) for kind in EFFECTS if EFFECTS[kind].stage != "signal"
    ]
    whole = Recipe([e for e in everything if e.kind != "AugMix"]).to_yaml().encode()
    rng, path, read, refusals = random.Random(6), tmp_path / "r.yaml", 0, []
    for _ in range(400):
        text = bytearray(whole[: rng.randrange(200, len(whole))] if rng.random() < 0.2 else whole)
        for _ in range(rng.randrange(1, 3)):
            at, other = rng.randrange(len(text)), rng.randrange(len(text))
            if rng.random() < 0.8:
                text[at] = rng.choice(b"0011223344.-{}[]:,&*!\n \x00\xff'\"en")
            else:
                text[at : at + rng.randrange(9)] = text[other : other + rng.randrange(9)]
        path.write_bytes(text)
        try:
            again = Recipe.load(path)
        except ConfigError as error:
            refusals.append(str(error))
        else:
            read += 1
            assert Recipe.from_yaml(again.to_yaml()) == again
    assert all(message.isprintable() and message.startswith(f"{path}: ") for message in refusals)
    assert 5 < read < 395


def test_the_text_is_that_of_a_person():
    written = Recipe((HorizontalFlip(), Rotate(degrees=10, p=0.5)), padding="reflect").to_yaml()
    assert (
        written
        == HEAD
        + "padding: reflect\neffects:\n- HorizontalFlip\n- Rotate:\n    degrees: [-10.0, 10.0]\n    p: 0.5\n"
    )
    assert yaml.safe_load(written)["schema"] == 1

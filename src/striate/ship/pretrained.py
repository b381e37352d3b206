"""`pretrained`: a network of the zoo with weights from outside, and the preprocessing that they were trained with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from striate import zoo
from striate.analyze import analyze
from striate.data import Preprocess, Standardize
from striate.errors import WeightsError, listed
from striate.nn import NAMINGS, build, read_tensors, recognized, set_weights
from striate.ship.predict import Classifier
from striate.spec import Network

__all__ = ["CONVENTIONS", "Convention", "pretrained", "read_class_names"]

MAX_BYTES = 2**20  # of a file of class names
_WORDNET = re.compile(r"n\d{8}\s+")


@dataclass(frozen=True, slots=True)
class Convention:
    """How images were prepared for weights from outside.

    Attributes:
        resize: Images are stretched to this many rows and columns.
        crop: Rows and columns that are cut out of the middle.
        mean: Per channel in RGB, on the scale of ``0..255``; subtracted. Nothing is divided by.
    """

    resize: int
    crop: int
    mean: tuple[float, float, float]

    def preprocess(self) -> Preprocess:
        """Return it as a run keeps it: means and deviations of pixels scaled to 0..1."""
        mean = tuple(value / 255 for value in self.mean)
        steps = (Standardize(mean, (1 / 255,) * 3),)
        return Preprocess((3, self.crop, self.crop), steps, stored=(self.resize, self.resize))


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        "caffe googlenet": Convention(resize=256, crop=224, mean=(123.0, 117.0, 104.0)),
        "caffe squeezenet 1.1": Convention(resize=256, crop=227, mean=(123.0, 117.0, 104.0)),
    }
)
"""For every naming of `striate.nn.foreign`."""


def pretrained(network: Network | str, weights: str | Path, classes: str | Path | None = None) -> Classifier:
    """Return ``network`` with weights from outside, ready to predict.

    Args:
        network: A description, or what the command line takes: a zoo name, a file, module:function.
        weights: A safetensors file of a program whose names are known: Caffe's of GoogLeNet and SqueezeNet 1.1.
        classes: A text file with the name of a class per line, in the order of the outputs; a WordNet id at the
            beginning of a line is left out. None numbers the classes.

    Raises:
        WeightsError: if the file is missing, is not of a known naming, does not fit the network, or the class names
            are not as many as its outputs.

    Examples:
        ``pretrained("googlenet", "googlenet_bvlc.safetensors", "imagenet_classes.txt").predict(["pizza.jpg"])``
    """
    described = zoo.find(network) if isinstance(network, str) else network
    tensors = read_tensors(weights)
    naming = recognized(tensors)
    if naming is None:
        raise WeightsError(
            f"{weights}: whose weights these are is not known, and so not how images are prepared for them. Known: "
            f"{', '.join(NAMINGS)}. Weights that striate trained are used through their run folder."
        )
    preprocess = CONVENTIONS[naming.name].preprocess()
    if len(described.input) != 3:
        raise WeightsError(
            f"{weights}: {naming.name} reads images; {described.name!r} reads {described.input}."
        )
    described = described.with_input(preprocess.shape)
    module = build(described, seed=0)
    set_weights(module, tensors, where=str(weights))
    outputs = analyze(described).output
    if len(outputs) != 1:
        raise WeightsError(f"{described.name!r} gives {outputs}; a classifier gives a vector.")
    names = read_class_names(classes) if classes is not None else tuple(map(str, range(outputs[0])))
    if len(names) != outputs[0]:
        raise WeightsError(
            f"{classes}: {len(names)} names for the {outputs[0]} outputs of {described.name!r}."
        )
    return Classifier(described.name, module.eval(), preprocess, names)


def read_class_names(path: str | Path) -> tuple[str, ...]:
    """Read a text file of class names, one per line.

    Two classes may have one name: ImageNet has two cranes.

    Raises:
        WeightsError: if it is missing, too large or not text, or a line is empty.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WeightsError(f"{path}: not a text file in UTF-8.") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}.") from None
    if len(raw) > MAX_BYTES:
        raise WeightsError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; no list of classes is.")
    lines = [line.strip() for line in text.rstrip().splitlines()]
    empty = [number for number, line in enumerate(lines, 1) if not line]
    if not lines or empty:
        raise WeightsError(f"{path}: a name per line; empty: line {listed(empty) or 1}.")
    strange = [number for number, line in enumerate(lines, 1) if not line.isprintable()]
    if strange:
        raise WeightsError(f"{path}: names are printable text; not so: line {listed(strange)}.")
    return tuple(_WORDNET.sub("", line, count=1) for line in lines)

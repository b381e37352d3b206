"""The data sets that can be fetched, as data: where each lies, how big it is, its digest, licence and form.

It knows nothing of downloading. Every size and SHA-256 is as TensorFlow Datasets publishes it (`url_checksums/*.txt`
and `datasets/*/checksums.tsv` of github.com/tensorflow/datasets); a second publisher is named beside a set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from striate.errors import DataError, unknown_name

__all__ = ["CATALOG", "Arrangement", "DataSet", "RemoteFile", "Unpacking", "find_set"]

Unpacking = Literal["tar", "zip", "gz"]
Arrangement = Literal["imagenette", "pets"]


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file to download.

    Attributes:
        name: What it is called where it is kept, one plain name.
        size: Its bytes, exactly; never more are taken.
        sha256: Of the file as it is downloaded.
        places: URLs of the folders it is in, the official one first unless it is known to fail.
        unpack: What is to be done with it; None: it is used as it is.
    """

    name: str
    size: int
    sha256: str
    places: tuple[str, ...]
    unpack: Unpacking | None = None

    def urls(self, mirror: str | None = None) -> tuple[str, ...]:
        """Return where to look for it, in order: only at ``mirror`` if that is given."""
        places = self.places if mirror is None else (mirror,)
        return tuple(f"{place.rstrip('/')}/{self.name}" for place in places)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set of the catalog.

    Attributes:
        name: What it is fetched by, and the name of its folder.
        title: What it is.
        licence: Its terms, in a line.
        homepage: Where its authors describe it.
        files: What is downloaded.
        kind: The kind of source that opens its folder, as in ``idx:DIR``; ``folder`` for an image folder.
        inside: Where in its folder the source is; empty for the folder itself.
        arrange: How files and folders are moved or named after unpacking; None: as they come.
    """

    name: str
    title: str
    licence: str
    homepage: str
    files: tuple[RemoteFile, ...]
    kind: str
    inside: str = ""
    arrange: Arrangement | None = None

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)

    def source(self, folder: Path) -> str:
        """Return what ``--data`` takes once it is in ``folder``."""
        where = folder / self.inside if self.inside else folder
        return str(where) if self.kind == "folder" else f"{self.kind}:{where}"


def find_set(name: str) -> DataSet:
    """Return the data set called ``name``.

    Raises:
        DataError: if there is none; the message suggests the nearest.
    """
    if name not in CATALOG:
        raise DataError(f"{unknown_name('data set', name, CATALOG)} striate data fetch lists them.")
    return CATALOG[name]


def _mnist_like(places: tuple[str, ...], rows: str) -> tuple[RemoteFile, ...]:
    """Return the four files of MNIST's form from rows of name, size and SHA-256."""
    return tuple(
        RemoteFile(name=name, size=int(size), sha256=digest, places=places)
        for name, size, digest in (row.split() for row in rows.strip().splitlines())
    )


_MNIST = """
    train-images-idx3-ubyte.gz 9912422 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
    train-labels-idx1-ubyte.gz   28881 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
    t10k-images-idx3-ubyte.gz  1648877 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
    t10k-labels-idx1-ubyte.gz     4542 f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
"""
_FASHION = """
    train-images-idx3-ubyte.gz 26421880 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
    train-labels-idx1-ubyte.gz    29515 a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
    t10k-images-idx3-ubyte.gz   4422102 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
    t10k-labels-idx1-ubyte.gz      5148 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
"""
_TORONTO = ("https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz")
_OXFORD = ("https://www.robots.ox.ac.uk/~vgg/data/pets/data", "https://thor.robots.ox.ac.uk/~vgg/data/pets")
_CIFAR_LICENCE = "none stated; the authors ask to cite Krizhevsky, 2009"

_SETS = (
    DataSet(
        name="mnist",
        title="MNIST: 70,000 handwritten digits, 28×28 grey, 10 classes",
        licence="CC BY-SA 3.0 (LeCun and Cortes)",
        homepage="http://yann.lecun.com/exdb/mnist/",
        # The official place has refused strangers since 2021 and is asked last; the first mirror is PyTorch's.
        files=_mnist_like(
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist",
                "https://storage.googleapis.com/cvdf-datasets/mnist",
                "http://yann.lecun.com/exdb/mnist",
            ),
            _MNIST,
        ),
        kind="idx",
    ),
    DataSet(
        name="fashion-mnist",
        title="Fashion-MNIST: 70,000 pieces of clothing, 28×28 grey, 10 classes",
        licence="MIT (Zalando)",
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        files=_mnist_like(
            (
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            ),
            _FASHION,
        ),
        kind="idx",
    ),
    DataSet(
        name="cifar10",
        title="CIFAR-10: 60,000 photographs, 32×32, 10 classes",
        licence=_CIFAR_LICENCE,
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        files=(  # the binary version: nothing in it is pickled
            RemoteFile(
                name="cifar-10-binary.tar.gz",
                size=170_052_171,
                sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                places=_TORONTO,
                unpack="tar",
            ),
        ),
        kind="cifar10",
    ),
    DataSet(
        name="cifar100",
        title="CIFAR-100: 60,000 photographs, 32×32, 100 classes",
        licence=_CIFAR_LICENCE,
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        files=(
            RemoteFile(
                name="cifar-100-binary.tar.gz",
                size=168_513_733,
                sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                places=_TORONTO,
                unpack="tar",
            ),
        ),
        kind="cifar100",
    ),
    DataSet(
        name="svhn",
        title="Street View House Numbers: 99,289 digits, 32×32, 10 classes (train and test, without extra)",
        licence="for non-commercial use only",
        homepage="http://ufldl.stanford.edu/housenumbers/",
        files=(
            RemoteFile(
                name="train_32x32.mat",
                size=182_040_794,
                sha256="435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
                places=("http://ufldl.stanford.edu/housenumbers",),
            ),
            RemoteFile(
                name="test_32x32.mat",
                size=64_275_384,
                sha256="cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
                places=("http://ufldl.stanford.edu/housenumbers",),
            ),
        ),
        kind="svhn",
    ),
    DataSet(
        name="stl10",
        title="STL-10: 13,000 labeled and 100,000 unlabeled photographs, 96×96, 10 classes",
        licence="none stated; images from ImageNet; the authors ask to cite Coates, Lee and Ng, 2011",
        homepage="https://cs.stanford.edu/~acoates/stl10/",
        files=(
            RemoteFile(
                name="stl10_binary.tar.gz",
                size=2_640_397_119,
                sha256="f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
                places=("http://ai.stanford.edu/~acoates/stl10", "https://cs.stanford.edu/~acoates/stl10"),
                unpack="tar",
            ),
        ),
        kind="stl10",
    ),
    DataSet(
        name="flowers",
        title="TensorFlow's flower photographs: 3,670 of daisy, dandelion, roses, sunflowers, tulips",
        licence="CC BY 2.0; the photographers are named in LICENSE.txt",
        homepage="https://www.tensorflow.org/datasets/catalog/tf_flowers",
        files=(  # the same SHA-256 is in Yocto's meta-tensorflow recipe
            RemoteFile(
                name="flower_photos.tgz",
                size=228_813_984,
                sha256="4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
                places=(
                    "https://storage.googleapis.com/download.tensorflow.org/example_images",
                    "http://download.tensorflow.org/example_images",
                ),
                unpack="tar",
            ),
        ),
        kind="folder",
        inside="flower_photos",
    ),
    DataSet(
        name="imagenette",
        title="Imagenette 2, 160 px: 13,394 photographs of ten easy classes of ImageNet",
        licence="Apache-2.0 (fast.ai); the images are ImageNet's, for non-commercial research",
        homepage="https://github.com/fastai/imagenette",
        files=(  # replaced once under its name: this is the later one, of the size in fastai's checks.txt
            RemoteFile(
                name="imagenette2-160.tgz",
                size=99_003_388,
                sha256="64d0c4859f35a461889e0147755a999a48b49bf38a7e0f9bd27003f10db02fe5",
                places=("https://s3.amazonaws.com/fast-ai-imageclas",),
                unpack="tar",
            ),
        ),
        kind="folder",
        inside="imagenette2-160",
        arrange="imagenette",
    ),
    DataSet(
        name="pets",
        title="Oxford-IIIT Pets: 7,349 photographs of 37 breeds of cats and dogs",
        licence="CC BY-SA 4.0; copyright of the images remains with their owners",
        homepage="https://www.robots.ox.ac.uk/~vgg/data/pets/",
        files=(
            RemoteFile(
                name="images.tar.gz",
                size=791_918_971,
                sha256="67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
                places=_OXFORD,
                unpack="tar",
            ),
            RemoteFile(
                name="annotations.tar.gz",
                size=19_173_078,
                sha256="52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
                places=_OXFORD,
                unpack="tar",
            ),
        ),
        kind="folder",
        arrange="pets",
    ),
)

CATALOG: Mapping[str, DataSet] = MappingProxyType({dataset.name: dataset for dataset in _SETS})
"""Every data set by its name."""

"""Imagenette's class folders, numbered as in WordNet, get the names of their classes."""

from archives import tar
from loopback import contents, entry
from toys import message_of

from striate.data.fetch import CATALOG
from striate.errors import DataError

IMAGENETTE = {  # of https://github.com/fastai/imagenette, in its order
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


def imagenette(numbers):
    return tar(
        *(
            (f"imagenette2-160/{split}/{number}/{number}_{split}.JPEG", f"{number} {split}".encode())
            for split in ("train", "val")
            for number in numbers
        )
    )


def test_the_classes_of_imagenette_have_names(server, bring):
    archive = imagenette(IMAGENETTE)
    server.files["a.tgz"] = archive
    folder = bring(entry("imagenette", {"a.tgz": archive}, server.url, unpack="tar", arrange="imagenette"))
    found = contents(folder)
    found.pop("striate-fetch.json")
    assert found == {
        f"imagenette2-160/{split}/{name}/{number}_{split}.JPEG": f"{number} {split}".encode()
        for split in ("train", "val")
        for number, name in IMAGENETTE.items()
    }
    assert CATALOG["imagenette"].arrange == "imagenette"


def test_an_archive_that_is_not_imagenette(server, bring):
    archive = imagenette(list(IMAGENETTE)[1:])
    server.files["a.tgz"] = archive
    dataset = entry("imagenette", {"a.tgz": archive}, server.url, unpack="tar", arrange="imagenette")
    assert message_of(DataError, bring, dataset) == (
        "imagenette2-160/train: has no folder n01440764; the archive is not Imagenette's."
    )

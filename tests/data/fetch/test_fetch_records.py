"""What is there already: read and compared with the record that its fetch left."""

import json

import pytest
from archives import tar
from loopback import entry

from striate.errors import DataError

ARCHIVE = tar(("toy/cat/1.png", b"one" * 1000), ("toy/dog/2.png", b"two"))


@pytest.fixture
def packed(server):
    server.files["toy.tar.gz"] = ARCHIVE
    return entry("toy", {"toy.tar.gz": ARCHIVE}, server.url, unpack="tar")


@pytest.mark.parametrize("file", ["toy/cat/1.png", "toy/dog/2.png"])
@pytest.mark.parametrize("damage", ["remove", "change", "shorten"])
def test_damage_is_found(server, packed, bring, file, damage):
    folder = bring(packed)
    path = folder / file
    data = path.read_bytes()
    path.unlink()
    if damage != "remove":
        path.write_bytes(data[:-1] + (b"?" if damage == "change" else b""))
    with pytest.raises(DataError) as error:
        bring(packed)
    what = "missing" if damage == "remove" else "changed"
    assert str(error.value) == (
        f"{folder}: {file} {what} since it was fetched. Move the folder away and fetch again."
    )
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no json", "is damaged"),
        ("[]", "is damaged"),
        ('{"schema": 1, "name": "toy", "files": {"a": 1}}', "is damaged"),
        ('{"schema": 1, "name": "other", "fetched": {}, "files": {}}', "is of 'other', not of toy"),
        ('{"schema": 1, "name": "toy", "fetched": {}, "files": {}}', "holds another version of toy"),
    ],
)
def test_a_record_that_is_damaged_or_anothers(packed, bring, text, why):
    folder = bring(packed)
    (folder / "striate-fetch.json").write_text(text)
    with pytest.raises(DataError, match=why):
        bring(packed)


def test_the_record(packed, bring):
    folder = bring(packed)
    record = json.loads((folder / "striate-fetch.json").read_text())
    assert record["licence"] == "CC0"
    assert list(record["files"]) == ["toy/cat/1.png", "toy/dog/2.png"]
    assert record["files"]["toy/dog/2.png"] == [
        3,
        "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3",  # sha256sum of "two"
    ]

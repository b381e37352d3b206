"""Archives that would write elsewhere or without bound: each is refused in one message and nothing of it stays."""

import gzip
import io
import os
import stat
import tarfile
import zipfile

import pytest
from archives import BOMB, special, tar, zip_member, zip_with_name, zipped
from loopback import contents, entry

from striate.data.fetch.unpack import Bounds, unpack
from striate.errors import DataError

GOOD = (("toy/cat/1.png", b"one"), ("toy/dog/2.png", b"two"))
FILES = {"toy/cat/1.png": b"one", "toy/dog/2.png": b"two"}


def without_record(folder):
    return {name: data for name, data in contents(folder).items() if name != "striate-fetch.json"}


@pytest.mark.parametrize(
    ("name", "how", "archive", "held"),
    [
        ("toy.tar.gz", "tar", tar(*GOOD), FILES),
        ("toy.tar", "tar", tar(*GOOD, packed=""), FILES),
        ("toy.tar.xz", "tar", tar(*GOOD, packed="xz"), FILES),
        (
            "toy.tar",
            "tar",
            tar(special("./toy/", tarfile.DIRTYPE), *GOOD, special("toy", tarfile.DIRTYPE)),
            FILES,
        ),
        ("toy.zip", "zip", zipped(*GOOD), FILES),
        ("toy.zip", "zip", zipped(("toy/", b""), *GOOD), FILES),
        ("toy.bin.gz", "gz", gzip.compress(b"one"), {"toy.bin": b"one"}),
    ],
    ids=["tar.gz", "tar", "tar.xz", "tar-of-folders", "zip", "zip-of-folders", "gz"],
)
def test_good_archives(server, bring, name, how, archive, held):
    server.files[name] = archive
    folder = bring(entry("toy", {name: archive}, server.url, unpack=how))
    assert without_record(folder) == held
    assert [p.name for p in folder.parent.iterdir()] == ["toy"]  # the archive is gone


def test_permissions_are_ours(tmp_path):
    info = tarfile.TarInfo("toy")
    info.mode = 0o7777
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar(info))
    unpack(archive, "tar", tmp_path / "out", Bounds(total=10**6))
    assert stat.S_IMODE((tmp_path / "out" / "toy").stat().st_mode) & 0o7111 == 0


OUTSIDE = [
    ("/etc/evil", "is an absolute path"),
    ("../evil", "leads out of its folder"),
    ("toy/../../evil", "leads out of its folder"),
    ("toy/..", "leads out of its folder"),
    ("C:\\evil", "has a character that is not allowed in a name"),
    ("..\\evil", "has a character that is not allowed in a name"),
    ("toy:stream", "has a character that is not allowed in a name"),
    ("a\nb", "has characters that do not print"),
    ("a\x1b[2Jb", "has characters that do not print"),
    ("a\u202egnp.exe", "has characters that do not print"),
    ("x" * 201, "has a name that is too long"),
    ("x/" * 30 + "y", "has a name that is too long"),
]


def refused(server, bring, tmp_path, archive, how):
    """Return the message with which an archive is refused, after making sure that nothing of it stays."""
    name = {"tar": "a.tar.gz", "zip": "a.zip", "gz": "a.bin.gz"}[how]
    server.files[name] = archive
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(DataError) as error:
        bring(entry("toy", {name: archive}, server.url, unpack=how))
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "data") == before
    assert list(contents(tmp_path / "data")) == [f"toy.part/{name}"]
    assert not (tmp_path / "data" / "toy").exists()
    message = str(error.value)
    assert message.isprintable()
    return message.removeprefix(f"{name}: ")


@pytest.mark.parametrize(("name", "why"), OUTSIDE)
def test_names_in_a_tar(server, bring, tmp_path, name, why):
    message = refused(server, bring, tmp_path, tar(*GOOD, (name, b"evil")), "tar")
    assert message == f"its member {name!r} {why}; nothing of it is kept."


@pytest.mark.parametrize(("name", "why"), OUTSIDE)
def test_names_in_a_zip(server, bring, tmp_path, name, why):
    message = refused(server, bring, tmp_path, zipped((zip_member(name), b"data")), "zip")
    assert message == f"its member {name!r} {why}; nothing of it is kept."


def test_a_null_character_in_a_zip(server, bring, tmp_path):
    message = refused(server, bring, tmp_path, zip_with_name("a\0b"), "zip")
    assert "has characters that do not print" in message


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.CHRTYPE, "is a device"),
        (tarfile.BLKTYPE, "is a device"),
        (tarfile.FIFOTYPE, "is a pipe"),
    ],
)
@pytest.mark.parametrize("target", ["/etc/passwd", "../..", "toy/cat/1.png"])
def test_links_and_devices_in_a_tar(server, bring, tmp_path, kind, why, target):
    archive = tar(*GOOD, special("toy/link", kind, target), ("toy/link/evil", b"evil"))
    message = refused(server, bring, tmp_path, archive, "tar")
    assert message == f"its member 'toy/link' {why}; nothing of it is kept."


@pytest.mark.parametrize(
    ("mode", "why"),
    [(stat.S_IFLNK, "is a link"), (stat.S_IFIFO, "is no plain file"), (stat.S_IFCHR, "is no plain")],
)
def test_links_and_devices_in_a_zip(server, bring, tmp_path, mode, why):
    message = refused(server, bring, tmp_path, zipped((zip_member("link", mode), "/etc/passwd")), "zip")
    assert message.startswith(f"its member 'link' {why}")


def test_holes_in_a_tar(server, bring, tmp_path):
    info = tarfile.TarInfo("hole")
    info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(10**15), "GNU.sparse.major": "0"}
    message = refused(server, bring, tmp_path, tar(info, format=tarfile.PAX_FORMAT), "tar")
    assert message == "its member 'hole' is no plain file; nothing of it is kept."


@pytest.mark.parametrize("make", [tar, zipped])
@pytest.mark.parametrize("second", ["toy/cat/1.png", "TOY/cat/1.PNG", "./toy//cat/1.png"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_file_twice(server, bring, tmp_path, make, second):
    archive = make(*GOOD, (second, b"other"))
    message = refused(server, bring, tmp_path, archive, "tar" if make is tar else "zip")
    assert message == f"its member {second!r} is there twice; nothing of it is kept."


@pytest.mark.parametrize(
    ("how", "archive"),
    [
        ("gz", BOMB),
        ("tar", tar(("zeros", bytes(20_000_000)))),
        ("tar", tar(("zeros", bytes(20_000_000)), packed="xz")),
        ("zip", zipped(("zeros", bytes(20_000_000)))),
        ("tar", tar(("x" * 20_000_000, b""), format=tarfile.PAX_FORMAT)),
    ],
    ids=["gz", "tar.gz", "tar.xz", "zip", "a name of 20 MB"],
)
def test_a_bomb(server, bring, tmp_path, how, archive):
    bound = 10 * len(archive) + 2**20
    assert bound < 20_000_000
    message = refused(server, bring, tmp_path, archive, how)
    assert message == f"unpacks to more than {bound:,} bytes; nothing of it is kept."


def test_a_zip_that_lies_about_its_sizes(tmp_path):
    honest = zipped(("zeros", bytes(5_000_000)))
    archive = tmp_path / "a.zip"
    archive.write_bytes(honest.replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(DataError, match=r"a\.zip: the archive is damaged"):
        unpack(archive, "zip", tmp_path / "out", Bounds(total=1000))
    assert (tmp_path / "out" / "zeros").stat().st_size <= 10


@pytest.mark.parametrize(("how", "make"), [("tar", tar), ("zip", zipped)])
def test_too_many_members(tmp_path, how, make):
    archive = tmp_path / "a"
    archive.write_bytes(make(*((str(i), b"") for i in range(12))))
    with pytest.raises(DataError, match="a: has more than 11 members"):
        unpack(archive, how, tmp_path / "out", Bounds(total=10**6, members=11))


def test_an_encrypted_zip(server, bring, tmp_path):
    archive = bytearray(zipped(("secret", b"data")))
    archive[6] |= 1
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    message = refused(server, bring, tmp_path, bytes(archive), "zip")
    assert message == "its member 'secret' is encrypted; nothing of it is kept."


@pytest.mark.parametrize(
    ("how", "archive"),
    [
        ("tar", tar(*GOOD)[:-40]),
        ("tar", b"no archive at all" * 100),
        ("tar", tar(("a", bytes(5000)), packed="")[:3000]),
        ("tar", tar(*GOOD)[:60] + b"\xff" * 10 + tar(*GOOD)[70:]),
        ("zip", zipped(*GOOD)[:-10]),
        ("zip", zipped(("a", os.urandom(100))).replace(b"PK\x01\x02", b"PK\x01\x03")),
        ("gz", BOMB[:1000]),
        ("gz", b"no gzip"),
    ],
    ids=["cut-tar", "no-tar", "cut-member", "damaged-tar", "cut-zip", "damaged-zip", "cut-gzip", "no-gzip"],
)
def test_a_damaged_archive(server, bring, tmp_path, how, archive):
    message = refused(server, bring, tmp_path, archive, how)
    assert message.startswith("the archive is damaged (")


def test_a_compression_that_is_not_known(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as written:
        written.writestr("a", b"data")
    data = bytearray(out.getvalue())
    data[8] = data[data.index(b"PK\x01\x02") + 10] = 99
    archive = tmp_path / "a.zip"
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.zip: the archive cannot be unpacked"):
        unpack(archive, "zip", tmp_path / "out", Bounds(total=1000))


def test_pets_are_put_into_folders_of_their_breeds(server, bring):
    images = ["Abyssinian_1", "Abyssinian_2", "shiba_inu_7", "shiba_inu_8"]
    archives = {
        "images.tar.gz": tar(*((f"images/{name}.jpg", name.encode()) for name in images)),
        "annotations.tar.gz": tar(
            ("annotations/trainval.txt", b"Abyssinian_1 1 1 1\nshiba_inu_8 2 2 1\n"),
            ("annotations/test.txt", b"shiba_inu_7 2 2 1\n"),
        ),
    }
    server.files |= archives
    folder = bring(entry("pets", archives, server.url, unpack="tar", arrange="pets"))
    assert sorted(p for p in without_record(folder) if p.endswith(".jpg")) == [
        "images/Abyssinian_2.jpg",
        "test/shiba_inu/shiba_inu_7.jpg",
        "train/Abyssinian/Abyssinian_1.jpg",
        "train/shiba_inu/shiba_inu_8.jpg",
    ]


@pytest.mark.parametrize("line", ["../../evil_1 1 1 1", "none 1 1 1"])
def test_pets_of_no_breed(server, bring, tmp_path, line):
    archive = tar(("annotations/trainval.txt", f"{line}\n".encode()), ("annotations/test.txt", b""))
    server.files["a.tar.gz"] = archive
    with pytest.raises(DataError) as error:
        bring(entry("pets", {"a.tar.gz": archive}, server.url, unpack="tar", arrange="pets"))
    assert str(error.value) == f"annotations/trainval.txt: {line!r} does not begin with an image of a breed."
    assert list(contents(tmp_path / "data")) == ["pets.part/a.tar.gz"]

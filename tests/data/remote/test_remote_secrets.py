"""Passwords and signatures in addresses are used, and stand in no message, no name and no file."""

import base64
import dataclasses
import os
from pathlib import Path

import pytest
from toys import message_of

from remote.mirroring import serve, write_npz, write_table
from striate.data import open_source
from striate.data.remote import Place
from striate.errors import DataError


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("https://user:secret@host/a/b.csv", "https://host/a/b.csv"),
        ("https://secret@host/a.csv", "https://host/a.csv"),
        ("https://host/a.csv?sig=secret&secret", "https://host/a.csv?sig=***&***"),
        ("https://user:se@cret@host:80/a.csv?x=secret#secret", "https://host:80/a.csv?x=***"),
        ("sftp://anna:secret@host/a", "sftp://host/a"),
        ("sftp://anna@host/a", "sftp://anna@host/a"),
        ("abfs://photos@account.dfs.core.windows.net/a", "abfs://photos@account.dfs.core.windows.net/a"),
        ("s3://bucket/a.csv?versionId=3", "s3://bucket/a.csv?versionId=3"),
    ],
    ids=["password", "token", "query", "all", "sftp", "user", "container", "version"],
)
def test_secrets_stand_in_no_name(location, name):
    place = Place(location)
    assert place.name == name
    assert "secret" not in repr(place)
    assert "cret" not in place.scrubbed(f"Cannot connect to '{location}' now")
    assert name in place.scrubbed(f"Cannot connect to '{location}' now")


def test_a_name_whose_secrets_were_hidden_says_so():
    assert message_of(DataError, open_source, "csv:https://host/a.csv?sig=***") == (
        "https://host/a.csv?sig=***: what stood after the '?' was not kept, for it may be secret; give the whole "
        "address again (--data ADDRESS)."
    )


def test_a_place_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Place("s3://bucket/a").name = "b"


def test_secrets_are_used_and_not_told(tmp_path, server):
    write_npz(tmp_path / "set")
    serve(server, tmp_path / "set")
    server.authorized = "Basic " + base64.b64encode(b"anna:secret").decode()
    location = f"http://anna:secret@{server.host}/a.npz?sig=hidden"
    source = open_source(location)
    assert source.name == f"npz:http://{server.host}/a.npz?sig=***"
    assert source.record("train", 0).name == f"npz:http://{server.host}/a.npz train[{0}]"
    stored = b"".join(p.read_bytes() for p in Path(os.environ["STRIATE_CACHE"]).rglob("*") if p.is_file())
    assert b"secret" not in stored
    assert b"hidden" not in stored
    text = message_of(DataError, open_source, location.replace("secret@", "wrong@"))
    assert text.startswith(
        f"http://{server.host}/a.npz?sig=***: it answers 401 Unauthorized; permission is denied; keep the host's"
    )
    assert "wrong" not in text
    assert "hidden" not in text


def test_a_table_behind_a_signature(tmp_path, server):
    write_table(tmp_path / "t", each=15)
    serve(server, tmp_path / "t", "/t")
    source = open_source(f"csv:http://{server.host}/t/list.csv?sig=a/b/c?path=path")
    assert source.name == f"csv:http://{server.host}/t/list.csv?sig=***?path=path"
    assert source.fingerprint == open_source(tmp_path / "t/list.csv").fingerprint
    assert source.record("train", 0).name.startswith(f"http://{server.host}/t/images/")

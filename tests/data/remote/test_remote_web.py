"""Sources on a server of the web, one that misbehaves as it is told."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from toys import message_of, write_split_folder

from remote.mirroring import same, serve, write_npz, write_table
from striate.data import open_source
from striate.data.remote import list_mirrors
from striate.errors import DataError


def test_a_file_of_the_web(tmp_path, server):
    write_npz(tmp_path / "set")
    serve(server, tmp_path / "set")
    source = open_source(f"http://{server.host}/a.npz")
    same(source, open_source(tmp_path / "set/a.npz"))
    assert source.name == f"npz:http://{server.host}/a.npz"
    open_source(source.name)
    assert server.got() == ["/a.npz"]
    server.files["/a.npz"] = server.files["/a.npz"] + b"x"
    open_source(source.name)
    assert server.got() == ["/a.npz", "/a.npz"]


def test_without_a_version_it_is_fetched_each_time(tmp_path, server):
    write_npz(tmp_path / "set")
    serve(server, tmp_path / "set")
    server.tagged = False
    for _ in range(2):
        open_source(f"http://{server.host}/a.npz")
    assert server.got() == ["/a.npz", "/a.npz"]


def test_a_folder_of_the_web(tmp_path, server):
    write_split_folder(tmp_path / "f", classes=("French horn", "dog#1?"))
    serve(server, tmp_path / "f", "/sets/f")
    source = open_source(f"http://{server.host}/sets/f")
    same(source, open_source(tmp_path / "f"))
    assert source.record("val", 0).name == f"http://{server.host}/sets/f/val/French horn/0.png"
    assert source.record("val", 4).name == f"http://{server.host}/sets/f/val/dog#1?/0.png"
    assert sum(path.endswith(".png") for path in server.got()) == 24


def test_a_table_of_the_web(tmp_path, server):
    write_table(tmp_path / "t", each=15)
    (tmp_path / "t/images/cat").rename(tmp_path / "t/images/grey cat")
    text = (tmp_path / "t/list.csv").read_text().replace("images/cat", "images/grey cat")
    (tmp_path / "t/list.csv").write_text(text + "images/dog/lost.png,dog\n")
    serve(server, tmp_path / "t", "/t")
    source = open_source(f"csv:http://{server.host}/t/list.csv")
    same_files = [p for p in server.got() if p.endswith(".png")]
    assert len(set(same_files)) == 31  # the lost one is asked for, too
    assert source.fingerprint == open_source(tmp_path / "t/list.csv").fingerprint


def test_a_cut_connection_is_tried_again(tmp_path, server):
    write_npz(tmp_path / "set")
    serve(server, tmp_path / "set")
    server.faults["GET", "/a.npz"] = ["cut", 503, "cut"]
    source = open_source(f"http://{server.host}/a.npz")
    same(source, open_source(tmp_path / "set/a.npz"))
    assert server.got() == ["/a.npz"] * 4


def test_a_connection_that_is_always_cut(tmp_path, server):
    write_npz(tmp_path / "set")
    serve(server, tmp_path / "set")
    server.faults["GET", "/a.npz"] = ["cut"] * 9
    text = message_of(DataError, open_source, f"http://{server.host}/a.npz")
    assert text.startswith(f"http://{server.host}/a.npz: 'a.npz' cannot be fetched: it cannot be reached (")
    assert text.endswith("What has come is kept; do the same again.")
    assert list_mirrors() == []


def test_what_came_before_a_cut_is_kept(tmp_path, server):
    write_split_folder(tmp_path / "f")
    serve(server, tmp_path / "f", "/f")
    last = "/f/val/dog/3.png"
    server.faults["GET", last] = ["cut"] * 4
    text = message_of(DataError, open_source, f"http://{server.host}/f")
    assert text.startswith(
        f"http://{server.host}/f: 'val/dog/3.png' cannot be fetched: it cannot be reached ("
    )
    came = {path for path in server.got() if path.endswith(".png") and path != last}
    server.asked.clear()
    same(open_source(f"http://{server.host}/f"), open_source(tmp_path / "f"))
    again = {path for path in server.got() if path.endswith(".png")}
    assert last in again
    assert len(again & came) < len(came)


def test_a_file_without_end_is_stopped(tmp_path, server, monkeypatch):
    write_npz(tmp_path / "set")
    serve(server, tmp_path / "set")
    server.sized = False
    server.faults["GET", "/a.npz"] = ["endless"] * 2
    monkeypatch.setenv("STRIATE_REMOTE_LIMIT", "3MB")
    text = message_of(DataError, open_source, f"http://{server.host}/a.npz")
    assert text == (
        f"http://{server.host}/a.npz: holds more than 3.0 MB; to fetch as much, set the environment variable "
        "STRIATE_REMOTE_LIMIT, such as STRIATE_REMOTE_LIMIT=200GB."
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            403,
            "it answers 403 Forbidden; permission is denied; keep the host's name and password in ~/.netrc",
        ),
        (404, "there is nothing there (404); check the address."),
        (500, "it answers 500 Internal Server Error."),
    ],
)
def test_what_a_server_answers(tmp_path, server, code, said):
    write_npz(tmp_path / "set")
    serve(server, tmp_path / "set")
    server.faults = {(method, "/a.npz"): [code] * 9 for method in ("HEAD", "GET")}
    text = message_of(DataError, open_source, f"http://{server.host}/a.npz")
    assert text.startswith(f"http://{server.host}/a.npz: {said}")


def test_without_the_remote_the_copy_is_named_and_not_used(tmp_path, server):
    write_npz(tmp_path / "set")
    serve(server, tmp_path / "set")
    name = f"http://{server.host}/a.npz"
    open_source(name)
    server.faults = {(method, "/a.npz"): [503] * 9 for method in ("HEAD", "GET")}
    text = message_of(DataError, open_source, name)
    said, _, copy = text.rstrip(".").partition(" Its copy of before is whole; to use that, name it: ")
    assert said == f"{name}: it answers 503 Service Unavailable."
    same(open_source(copy), open_source(tmp_path / "set/a.npz"))


def test_a_copy_that_has_lost_files_is_not_called_whole(tmp_path, server, monkeypatch):
    write_split_folder(tmp_path / "f")
    serve(server, tmp_path / "f", "/f")
    name = f"http://{server.host}/f"
    open_source(name)
    del server.files["/f/train/cat/0.png"]
    monkeypatch.setenv("STRIATE_REMOTE_LIMIT", "1KB")
    assert "23 files of 0.0 MB are wanted" in message_of(DataError, open_source, name)
    server.faults = {(method, path): [503] * 9 for method in ("HEAD", "GET") for path in ("/f", "/f/")}
    text = message_of(DataError, open_source, name)
    assert text == f"{name}: it answers 503 Service Unavailable."


def test_a_copy_whose_table_is_of_now_is_not_called_whole(tmp_path, server):
    write_table(tmp_path / "set")
    serve(server, tmp_path / "set")
    name = f"csv:http://{server.host}/list.csv"
    open_source(name)
    server.files["/list.csv"] += b"images/cat/new.png,cat\n"
    server.faults = {(method, "/images/cat/new.png"): [503] * 9 for method in ("HEAD", "GET")}
    text = message_of(DataError, open_source, name)
    assert "503 Service Unavailable" in text
    assert "whole" not in text


def test_two_at_once_fetch_once(tmp_path, server):
    write_split_folder(tmp_path / "f")
    serve(server, tmp_path / "f", "/f")
    with ThreadPoolExecutor(2) as pool:  # a lock is of a file opened, so that threads are as processes to it
        sources = list(pool.map(open_source, [f"http://{server.host}/f"] * 2))
    same(*sources)
    assert sum(path.endswith(".png") for path in server.got()) == 24


def test_a_link_to_nothing_is_named(tmp_path, server):
    write_split_folder(tmp_path / "f")
    serve(server, tmp_path / "f", "/f")
    server.faults = {(method, "/f/val/dog/3.png"): [404] * 9 for method in ("HEAD", "GET")}
    assert message_of(DataError, open_source, f"http://{server.host}/f") == (
        f"http://{server.host}/f: 'val/dog/3.png': there is nothing there (404); check the address."
    )

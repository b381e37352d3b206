"""Tables that are wrong as a whole: files that are elsewhere, labels that are none, no header; and what mends them."""

import pytest
from toys import message_of, write_image

from striate.data import open_source
from striate.errors import DataError

COUNT = 100


def write(root, cells, header="path,label", folder="images"):
    """Write a table of 100 images that lie in a folder beside it, ``cells`` being a line of each."""
    for seed in range(COUNT):
        write_image(root / folder / f"{seed:04}.png", seed)
    path = root / "t.csv"
    path.write_text("\n".join([header, *(cells(i) for i in range(COUNT)), ""]))
    return path


def refused(path, options=""):
    text = message_of(DataError, open_source, f"{path}{options}")
    assert text.startswith(str(path))
    return text.removeprefix(str(path)).lstrip(": ")


def plain(number):
    return f"images/{number:04}.png,{'ab'[number % 2]}"


def test_options_after_a_file_that_needs_no_kind(tmp_path, monkeypatch):
    path = write(tmp_path, lambda i: f"{plain(i)},x", "where,kind,a:b")
    source = open_source(f"{path}?path=where&label=kind")
    assert source.name == f"csv:{path}?path=where&label=kind"
    assert source.class_names == ("a", "b")
    monkeypatch.chdir(tmp_path)
    assert "the split 'x'" in message_of(DataError, open_source, "t.csv?path=where&label=kind&split=a:b")
    assert "has no column 'no'" in message_of(DataError, open_source, "t.csv?path=no")
    assert "unknown option 'lable'" in message_of(DataError, open_source, "t.csv?lable=kind")
    (tmp_path / "t.csv?path=where").write_text("")
    assert "its name does not end as" in message_of(DataError, open_source, "t.csv?path=where")


@pytest.mark.parametrize(
    ("cell", "folder", "options"),
    [
        ("{:04}.png", "images", "?folder=images"),
        ("{:04}", "images", "?folder=images&suffix=.png"),
        ("{:04}", "a b/c", "?folder=a%20b%2Fc&suffix=.png"),
        ("c/{:04}", "a/c", "?folder=a&suffix=.png"),
        ("images/{:04}", "images", "?suffix=.png"),
    ],
    ids=["bare", "ids", "deep", "part", "ending"],
)
def test_files_that_are_elsewhere_are_found_and_the_options_advised_do(tmp_path, cell, folder, options):
    path = write(tmp_path, lambda i: cell.format(i) + "," + "ab"[i % 2], folder=folder)
    said = refused(path)
    tried = tmp_path / cell.format(0)
    begin = "100 of the 100 files it lists are not there; paths count from its folder, and the first tried is"
    named = f"csv:{path}{options}"
    assert (
        said == f'{begin} {tried}. There is {folder}/0000.png: write paths so, or name the table "{named}".'
    )
    source = open_source(f"{path}{options}")
    assert open_source(source.name).fingerprint == source.fingerprint
    path.write_text("path,label\n" + "".join(f"{folder}/{i:04}.png,{'ab'[i % 2]}\n" for i in range(COUNT)))
    assert open_source(path).fingerprint == source.fingerprint


def test_the_options_advised_go_with_those_given(tmp_path):
    path = write(tmp_path, lambda i: f"{i:04},{'ab'[i % 2]}", "id,kind", folder="a/b")
    said = refused(path, "?path=id&label=kind&folder=b&suffix=.p")
    assert said.endswith("Correct the paths, or move the table.")
    said = refused(path, "?path=id&label=kind&folder=b")
    named = f"csv:{path}?path=id&label=kind&folder=a%2Fb&suffix=.png"
    assert said.endswith(f'There is a/b/0000.png: write paths so, or name the table "{named}".')
    assert open_source(named).name == named


def test_files_that_are_nowhere(tmp_path):
    path = write(tmp_path, lambda i: f"photos/{i}.jpg,a")
    assert refused(path).endswith(f"tried is {tmp_path}/photos/0.jpg. Correct the paths, or move the table.")


def test_files_of_like_name_that_no_option_leads_to(tmp_path):
    path = write(tmp_path, lambda i: f"photos/{i:04}.png,a")
    assert refused(path).endswith("There is images/0000.png: write paths so.")


def test_a_tenth_of_the_files_is_enough_to_go_on(tmp_path):
    path = write(tmp_path, plain)
    for number in range(COUNT):
        if number % 10 != 3:
            (tmp_path / "images" / f"{number:04}.png").unlink()
    open_source(path)
    (tmp_path / "images" / "0003.png").unlink()
    assert refused(path).startswith("91 of the 100 files it lists are not there;")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("?folder=..", "the folder '..' leads out of the table's folder"),
        ("?folder=/etc", "the folder '/etc' leads out of the table's folder"),
        ("?folder=images/../..", "the folder 'images/../..' leads out of the table's folder"),
        (
            "?suffix=/../../../x",
            "line 2: the path 'images/0000.png/../../../x' leads out of the table's folder",
        ),
        ("?folder=im%00ages", "its folder, 'im\\x00ages', has characters that cannot be printed."),
        ("?suffix=%1b", "line 2: its path, 'images/0000.png\\x1b', has characters that cannot be printed."),
    ],
    ids=["up", "absolute", "around", "suffix", "zero", "escape"],
)
def test_no_option_leads_out_of_the_folder(tmp_path, options, reason):
    assert refused(write(tmp_path, plain), options).startswith(reason)


@pytest.mark.parametrize(
    ("first", "data"),
    [
        ("images/0000.png,a", "'images/0000.png'"),
        ("b,nowhere/1.JPEG", "'nowhere/1.JPEG'"),
        ("images/plain,a", "'images/plain'"),
    ],
    ids=["there", "ending", "no ending"],
)
def test_a_table_without_header(tmp_path, first, data):
    path = write(tmp_path, plain, first)
    (tmp_path / "images" / "plain").write_bytes((tmp_path / "images" / "0000.png").read_bytes())
    assert refused(path) == f"has no header line, for the first holds {data}; add one: path,label."


def test_a_column_may_be_called_as_a_file_is(tmp_path):
    (tmp_path / "image").write_text("not an image")
    assert open_source(write(tmp_path, plain, "image,label")).class_names == ("a", "b")


@pytest.mark.parametrize("digits", [".5", ".50", "e-1"])
def test_labels_with_fractions(tmp_path, digits):
    path = write(tmp_path, lambda i: f"images/{i:04}.png,{i % 3}{digits}")
    shown = {"e-1": "1e-1"}.get(digits, f"0{digits}")
    assert refused(path) == (
        f"the labels in its column 'label' are numbers with fractions, such as {shown}; they must be names or whole "
        "numbers. Write those, or name another column by ?label=COLUMN after the name."
    )


@pytest.mark.parametrize("labels", [("1.0", "2.0"), ("v1.5", "2.5"), ("1", "2"), ("nan", "0.5")], ids=str)
def test_labels_that_are_names_or_whole(tmp_path, labels):
    path = write(tmp_path, lambda i: f"images/{i:04}.png,{labels[i % 2]}")
    assert open_source(path).class_names == tuple(sorted(labels))


def test_more_classes_than_half_the_images(tmp_path):
    path = write(tmp_path, lambda i: f"images/{i:04}.png,{min(i, 50)}", "path,target")
    assert refused(path) == (
        "51 classes for 100 images; is 'target' the label? Name another column by ?label=COLUMN after the name, or "
        "give each class more images."
    )


@pytest.mark.parametrize(
    ("wrong", "more"), [(1, ""), (2, " In all, 2 lines are wrong."), (34, " In all, 34 lines are wr")]
)
def test_how_many_lines_are_wrong(tmp_path, wrong, more):
    path = write(tmp_path, lambda i: f"images/{i:04}.png,{'a|a' if i < wrong else 'b'}")
    assert refused(path).startswith(f"line 2: the label 'a|a' says one class twice.{more}")


def test_how_many_labels_are_empty(tmp_path):
    path = write(tmp_path, lambda i: f"images/{i:04}.png,{'' if i % 3 == 1 else 'b'}")
    assert refused(path) == "line 3: its label is empty, as are 32 more; fill them in, or remove the rows."

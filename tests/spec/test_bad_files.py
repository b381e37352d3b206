"""Descriptions that are wrong or hostile are refused in one message that says where and how to mend it."""

import json

import pytest

from striate.errors import DescriptionError
from striate.spec import SCHEMA_VERSION, Network
from striate.spec.files import MAX_BYTES, _unique


def yaml_of(body, head="schema: 1\nname: n\ninput: [1, 8, 8]\n"):
    return f"{head}body: {body}\n"


def message_of(call, *arguments):
    with pytest.raises(DescriptionError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "Convv",
            "body: unknown layer 'Convv'. Did you mean 'Conv'? "
            "Known: AdaptiveAvgPool, AdaptiveMaxPool, AuxHead, ",
        ),
        ("[ReLU, {Relu7: {}}]", "body[1]: unknown layer 'Relu7'. Did you mean 'ReLU' or 'RReLU'"),
        (
            "{Conv: {out_channels: 8, kernel: 3}}",
            "body: Conv has no option 'kernel'. Did you mean 'kernel_size'?",
        ),
        (
            "{Conv: {out_channels: 8}}",
            "body: Conv needs 'kernel_size'. It takes: out_channels, kernel_size, ",
        ),
        ("{ReLU: {1: 2}}", "body: ReLU has no option '1'. It takes: name."),
        (
            "{Conv: {out_channels: 8, kernel_size: big}}",
            "body: Conv: kernel_size='big' must be a whole number of ",
        ),
        ("{Linear: {out_features: 2.5}}", "body: Linear: out_features=2.5 must be a whole number."),
        ("{Linear: {out_features: yes}}", "body: Linear: out_features=True must be a whole number."),
        ("{Linear: 10}", "body.Linear: must be a mapping of out_features, bias, per_step, name; got 10."),
        ("{Dropout: {p: .nan}}", "body: Dropout: p=nan must be a number from 0 up to, not including, 1."),
        ("7", "body: a layer is written as Kind, as Kind: {option: value}, or as a list; got 7."),
        (
            "{ReLU: {}, Tanh: {}}",
            "body: a layer is written as Kind, as Kind: {option: value}, or as a list; got {",
        ),
        ("{Concat: {branches: ReLU}}", "body.Concat.branches: must be a list of layers; got 'ReLU'."),
        ("[]", "body: Sequential needs 'layers'. It takes: layers, name."),
        ("{Concat: []}", "body: Concat: branches=() must hold at least one layer."),
        (
            "[ReLU, {Residual: {body: [ReLU, {Repeat: {body: Foo, n: 2}}]}}]",
            "body[1].Residual.body[1].Repeat.body: unknown layer 'Foo'.",
        ),
        (
            "[{Residual: {body: ReLU, shortcut: {Conv: {out_channels: 0, kernel_size: 1}}}}]",
            "body[0].Residual.shortcut: Conv: out_channels=0 must be at least 1.",
        ),
        (
            "[{ReLU: {name: a}}, {ReLU: {name: a}}]",
            "two layers at the top of the network are named 'a'; give one of them another name.",
        ),
        (
            "{Repeat: {body: ReLU, n: 2000000}}",
            "the network has 2,000,000 layers once its repetitions are written",
        ),
        ("{Repeat: {body: ReLU, n: 99999999999}}", "body: Repeat: n=99999999999 must be below 2³¹."),
    ],
)
def test_a_wrong_body_is_refused_with_its_place(body, message):
    assert message_of(Network.from_yaml, yaml_of(body)).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2 is newer than this version of striate reads (1); upgrade striate."),
        ({"schema": "1"}, "schema: must be a whole number such as 1; got '1'."),
        ({"schema": True}, "schema: must be a whole number such as 1; got True."),
        ({"schema": 0}, "schema: must be a whole number such as 1; got 0."),
        ({"name": 5}, "name: must be a text; got 5. Put it in quotes."),
        ({"name": ""}, "name='': must be a text of 1 to 100 characters."),
        ({"input": "28x28"}, "input: must be (channels,), (channels, length), "),
        ({"input": [1, -8]}, "input: must be (channels,), (channels, length), "),
        ({"boddy": []}, "unknown key 'boddy'. Did you mean 'body'? Allowed: schema, name, input, body."),
        ({3: 4}, "unknown key 3. Allowed: schema, name, input, body."),
    ],
)
def test_a_wrong_head_is_refused(change, message):
    data = {"schema": SCHEMA_VERSION, "name": "n", "input": [1, 8, 8], "body": "ReLU", **change}
    assert message_of(Network.from_data, data).startswith(message)


@pytest.mark.parametrize("key", ["schema", "name", "input", "body"])
def test_a_missing_key_is_named(key):
    data = {"schema": 1, "name": "n", "input": [1, 8, 8], "body": "ReLU"}
    del data[key]
    assert (
        message_of(Network.from_data, data) == f"missing {key}; a description has schema, name, input, body."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a description is a mapping with schema, name, input, body; got None."),
        ("- a\n- b", "a description is a mapping with schema, name, input, body; got ['a', 'b']."),
        ("a: [1", "not YAML: "),
        ("a: 1\n\tb: 2", "not YAML: "),
        ("a: 1\n---\nb: 2", "not YAML: "),
        ("a\0b: 1", "not YAML: line 1, column 2: the character U+0000 is not allowed."),
        ("a: 2001-99-99", "not YAML: month must be in 1..12."),
        ("{[a]: 1}", "not YAML: line 1, column 2: found unhashable key."),
        ("schema: 1\nname: a\nname: b", "lines 2 and 3: the key 'name' stands twice in one mapping."),
        (
            yaml_of("{Linear: {out_features: 3, bias: true, bias: false}}"),
            "line 4: the key 'bias' stands twice",
        ),
        (yaml_of("&a [ReLU, *a]"), "line 4: an alias that contains itself; write the layers out."),
        (
            yaml_of("&a {Residual: {body: *a}}"),
            "line 4: an alias that contains itself; write the layers out.",
        ),
        (yaml_of("*nowhere"), "not YAML: line 4, column 7: found undefined alias 'nowhere'"),
        (
            yaml_of("{Linear: {out_features: 0x" + "f" * 2000 + "}}"),
            "line 4: a value longer than 1,000 characters.",
        ),
        (yaml_of("[" * 5000 + "ReLU" + "]" * 5000), "nested too deeply."),
        (yaml_of("[" * 90 + "ReLU" + "]" * 90), "body" + "[0]" * 81 + ": nested too deeply; flatten it."),
        (yaml_of("[" * 50 + "ReLU" + "]" * 50), "the network nests more than 40 compositions; flatten it."),
    ],
)
def test_bad_yaml_is_refused(text, message):
    assert message_of(Network.from_yaml, text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)."),
        ("{'a': 1}", "not JSON: Expecting property name enclosed in double quotes"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice in one mapping."),
        ("[" * 200_000 + "]" * 200_000, "nested too deeply."),
        ('{"schema": ' + "1" * 5000 + "}", "not JSON: "),
        ("null", "a description is a mapping with schema, name, input, body; got None."),
    ],
)
def test_bad_json_is_refused(text, message):
    assert message_of(Network.from_json, text).startswith(message)


def test_a_number_beyond_every_float_is_refused_with_its_place():
    body = f"[ReLU, {{LeakyReLU: {{negative_slope: 1{'0' * 400}}}}}]"
    message = message_of(Network.from_yaml, yaml_of(body))
    assert message.startswith("body[1]: LeakyReLU: negative_slope=1000")
    assert message.endswith("000 must be a number above 0.")


def test_of_very_many_keys_the_first_that_stands_twice_is_named():
    keys = [f"k{i}" for i in range(50_000)]
    text = ", ".join(f'"{key}": 0' for key in [*keys, keys[49_000], keys[40_000]])
    assert message_of(Network.from_json, f"{{{text}}}") == "the key 'k40000' stands twice in one mapping."
    lines = "\n".join(f"{key}: 0" for key in [*keys[:5000], keys[4900], keys[4000]])
    assert (
        message_of(Network.from_yaml, lines)
        == "lines 4001 and 5002: the key 'k4000' stands twice in one mapping."
    )


def test_keys_are_compared_about_once_each():
    class Key(str):
        __slots__ = ()
        compared = 0

        def __eq__(self, other):
            Key.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    keys = [Key(f"k{i}") for i in range(50_000)]
    with pytest.raises(DescriptionError):
        _unique([(key, 0) for key in [*keys, Key("k49999")]])
    assert Key.compared < 5 * len(keys)


def test_aliases_that_explode_are_refused_before_they_do():
    lines = ["a0: &a0 [ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    assert (
        message_of(Network.from_yaml, "\n".join(lines))
        == "more than 500,000 values once aliases are written out."
    )


def test_an_alias_used_twice_is_fine():
    network = Network.from_yaml(yaml_of("[&c {Conv: {out_channels: 1, kernel_size: 3}}, ReLU, *c]"))
    assert [path for path, _ in network.walk()] == ["conv1", "relu1", "conv2"]


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {path}']",
        "!!python/object/new:os.system ['touch {path}']",
        "!!python/name:os.system",
        "!!python/module:os",
    ],
)
def test_python_tags_are_not_executed(tag, tmp_path):
    touched = tmp_path / "touched"
    text = yaml_of(tag.format(path=touched))
    assert message_of(Network.from_yaml, text).startswith(
        "not YAML: line 4, column 7: could not determine a constructor for the tag"
    )
    assert not touched.exists()


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("a.yaml", b"\xff\xfe\x00", "not a text file in UTF-8."),
        ("a.json", b'{"name": "\xe9"}', "not a text file in UTF-8."),
        ("a.yaml", b" " * (MAX_BYTES + 1), "larger than 4 MiB; no description is."),
        ("a.json", b"", "not JSON: Expecting value: line 1 column 1 (char 0)."),
        ("a.yaml", b"body: Foo", "missing schema, name, input; a description has schema, name, input, body."),
    ],
)
def test_a_bad_file_is_refused_with_its_path(name, raw, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(raw)
    assert message_of(Network.load, path) == f"{path}: {message}"


def test_a_file_that_cannot_be_read_is_refused_with_its_path(tmp_path):
    missing = tmp_path / "none.yaml"
    assert message_of(Network.load, missing) == f"{missing}: cannot be read: No such file or directory."
    assert message_of(Network.load, str(tmp_path)) == f"{tmp_path}: cannot be read: Is a directory."


def test_a_file_of_the_greatest_size_is_read(tmp_path):
    path = tmp_path / "long.json"
    text = json.dumps({"schema": 1, "name": "n", "input": [1, 8, 8], "body": "ReLU"})
    path.write_text(text + " " * (MAX_BYTES - len(text)))
    assert Network.load(path).input == (1, 8, 8)

"""The description file format, YAML or JSON: reading what may be wrong or hostile, writing what reads well.

A node is written as its kind alone (``ReLU``), as ``Kind: {option: value}``, or as a list, which means
`Sequential`. Only options that differ from their defaults are written. Files are never executed:
YAML is read with the safe loader, its aliases are bounded, and recursive ones refused.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from striate.errors import DescriptionError, did_you_mean, listed, unknown_name
from striate.spec.compose import NODE_SCHEMA, Concat, Sequential
from striate.spec.node import KINDS, Node, fields_of
from striate.spec.place import MAX_DEPTH
from striate.spec.values import check_shape

__all__ = ["SCHEMA_VERSION", "json_schema", "read", "sync_folder"]

SCHEMA_VERSION = 1
MAX_BYTES = 4 * 2**20
MAX_VALUES = 500_000
MAX_SCALAR = 1000
_KEYS = ("schema", "name", "input", "body")


def network_to_data(name: str, shape: tuple[int, ...], body: Node) -> dict[str, Any]:
    """Return a network as plain lists, dicts and numbers."""
    return {"schema": SCHEMA_VERSION, "name": name, "input": list(shape), "body": _to_data(body)}


def _to_data(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_data(v) for v in value]
    if not isinstance(value, Node):
        return value
    options = {k: _to_data(v) for k, v in value.options().items()}
    if "name" in options:  # first, where a reader looks for it
        options = {"name": options.pop("name"), **options}
    if isinstance(value, Sequential) and value.name is None:
        return options["layers"]
    if isinstance(value, Concat) and value.name is None:
        return {value.kind: options["branches"]}
    return {value.kind: options} if options else value.kind


def network_from_data(data: Any) -> tuple[str, tuple[int, ...], Node]:
    """Read plain data as ``(name, input, body)``.

    Raises:
        DescriptionError: naming the place, what stands there and what is allowed.
    """
    if not isinstance(data, dict):
        raise DescriptionError(f"a description is a mapping with {', '.join(_KEYS)}; got {_shown(data)}.")
    for key in data:
        if key not in _KEYS:
            raise DescriptionError(
                f"unknown key {key!r}.{did_you_mean(str(key), _KEYS)} Allowed: {', '.join(_KEYS)}."
            )
    if missing := [key for key in _KEYS if key not in data]:
        raise DescriptionError(f"missing {listed(missing)}; a description has {', '.join(_KEYS)}.")
    version = data["schema"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DescriptionError(f"schema: must be a whole number such as {SCHEMA_VERSION}; got {version!r}.")
    if version > SCHEMA_VERSION:
        raise DescriptionError(
            f"schema {version} is newer than this version of striate reads ({SCHEMA_VERSION}); upgrade striate."
        )
    if not isinstance(data["name"], str):
        raise DescriptionError(f"name: must be a text; got {data['name']!r}. Put it in quotes.")
    try:
        shape = check_shape(data["input"])
    except ValueError as error:
        raise DescriptionError(f"input: {error}; got {_shown(data['input'])}.") from None
    return data["name"], shape, _node_from(data["body"], "body", 0)


def _node_from(data: Any, where: str, depth: int) -> Node:
    if depth > 2 * MAX_DEPTH:
        raise DescriptionError(f"{where}: nested too deeply; flatten it.")
    if isinstance(data, list):
        return Sequential(*_nodes_from(data, where, depth)) if data else _made(Sequential, {}, where, depth)
    if isinstance(data, str):
        return _made(_kind(data, where), {}, where, depth)
    if not isinstance(data, dict) or len(data) != 1:
        raise DescriptionError(
            f"{where}: a layer is written as Kind, as Kind: {{option: value}}, or as a list; got {_shown(data)}."
        )
    ((name, options),) = data.items()
    kind = _kind(name, where)
    where = f"{where}.{name}"
    if options is None:
        options = {}
    if isinstance(options, list) and len(kind.holds) == 1:
        options = {kind.holds[0]: options}
    if not isinstance(options, dict):
        takes = ", ".join(f.name for f in fields_of(kind))
        raise DescriptionError(f"{where}: must be a mapping of {takes}; got {_shown(options)}.")
    return _made(kind, options, where, depth)


def _kind(name: Any, where: str) -> type[Node]:
    if name not in KINDS:
        raise DescriptionError(f"{where}: {unknown_name('layer', str(name), KINDS)}")
    return KINDS[name]


def _made(kind: type[Node], options: dict[Any, Any], where: str, depth: int) -> Node:
    arguments: dict[str, Any] = {}
    for key, value in options.items():
        place = f"{where}.{key}"
        if key not in kind.holds or value is None:
            arguments[str(key)] = value
        elif key in ("layers", "branches"):
            if not isinstance(value, list):
                raise DescriptionError(f"{place}: must be a list of layers; got {_shown(value)}.")
            arguments[key] = _nodes_from(value, place, depth)
        else:
            arguments[key] = _node_from(value, place, depth + 1)
    try:
        return kind(**arguments)
    except DescriptionError as error:
        raise DescriptionError(f"{where.removesuffix(kind.__name__).rstrip('.')}: {error}") from None


def _nodes_from(items: list[Any], where: str, depth: int) -> tuple[Node, ...]:
    return tuple(_node_from(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(items))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def is_json(path: Path) -> bool:
    """Tell a JSON file from a YAML file by its name."""
    return path.suffix.lower() == ".json"


def read(path: Path) -> Any:
    """Read a YAML or JSON file as plain data.

    Raises:
        DescriptionError: if it is missing, unreadable, too large or malformed.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DescriptionError("not a text file in UTF-8.") from None
    except OSError as error:
        raise DescriptionError(f"cannot be read: {error.strerror}.") from None
    if len(raw) > MAX_BYTES:
        raise DescriptionError(f"larger than {MAX_BYTES // 2**20} MiB; no description is.")
    return parse_json(text) if is_json(path) else parse_yaml(text)


def write(path: Path, data: str | bytes) -> None:
    """Write ``data`` whole under a temporary name, then rename it to ``path``.

    Raises:
        DescriptionError: if that fails, or a device stands there; what stood there before is kept.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DescriptionError(f"{path}: cannot be written: not a regular file.")
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise DescriptionError(f"{path}: cannot be written: {error.strerror or error}.") from None


def parse_json(text: str) -> Any:
    """Parse JSON; a key that stands twice is an error."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise DescriptionError("nested too deeply.") from None
    except ValueError as error:  # malformed, or a number of thousands of digits
        if isinstance(error, DescriptionError):
            raise
        raise DescriptionError(f"not JSON: {error}.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        twice = _first_twice(key for key, _ in pairs)
        raise DescriptionError(f"the key {twice!r} stands twice in one mapping.")
    return data


def _first_twice(keys: Iterable[str]) -> str:
    """Return the first of ``keys`` that stands there more than once."""
    return next(key for key, count in Counter(keys).items() if count > 1)


def parse_yaml(text: str) -> Any:
    """Parse YAML with the safe loader; recursive or exploding aliases and double keys are errors."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return None
        _Bounds().check(root)
        return loader.construct_document(root)
    except RecursionError:
        raise DescriptionError("nested too deeply.") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, DescriptionError):
            raise
        raise DescriptionError(f"not YAML: {_trouble(error, text)}.") from None


def _trouble(error: Exception, text: str) -> str:
    """Return what YAML's parser found wrong, behind the line and the column where it did."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        mark, problem = error.problem_mark, error.problem
        line, column = mark.line + 1, mark.column + 1
    elif isinstance(error, yaml.reader.ReaderError):  # of a text its position is that of a character
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        problem = f"the character U+{error.character:04X} is not allowed"
    else:
        return " ".join(str(error).split())
    return f"line {line}, column {column}: {' '.join(problem.split())}"


class _Bounds:
    """Walks a YAML graph as if its aliases were written out, and refuses what would not end."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._values = 0

    def check(self, node: yaml.Node) -> None:
        line = node.start_mark.line + 1
        if id(node) in self._open:
            raise DescriptionError(f"line {line}: an alias that contains itself; write the layers out.")
        self._values += 1
        if self._values > MAX_VALUES:
            raise DescriptionError(f"more than {MAX_VALUES:,} values once aliases are written out.")
        if isinstance(node, yaml.ScalarNode) and len(node.value) > MAX_SCALAR:
            raise DescriptionError(f"line {line}: a value longer than {MAX_SCALAR:,} characters.")
        self._open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.check(item)
        elif isinstance(node, yaml.MappingNode):
            keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if len({key.value for key in keys}) < len(keys):
                twice = _first_twice(key.value for key in keys)
                lines = sorted({key.start_mark.line + 1 for key in keys if key.value == twice})[:2]
                places = f"line{'s' if len(lines) > 1 else ''} {' and '.join(map(str, lines))}"
                raise DescriptionError(f"{places}: the key {twice!r} stands twice in one mapping.")
            for key, value in node.value:
                self.check(key)
                self.check(value)
        self._open.discard(id(node))


def to_yaml(data: Any) -> str:
    """Write plain data as YAML, innermost mappings on one line."""
    return yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a description file, with one definition per kind."""
    definitions = {name: _kind_schema(kind) for name, kind in KINDS.items()}
    forms: list[dict[str, Any]] = [{"type": "array", "items": {"$ref": "#/$defs/node"}, "minItems": 1}]
    for name, schema in definitions.items():
        if not schema.get("required"):
            forms.append({"const": name})
        held = KINDS[name].holds
        options: dict[str, Any] = {"$ref": f"#/$defs/{name}"}
        if held in (("layers",), ("branches",)):
            options = {"anyOf": [options, schema["properties"][held[0]]]}
        elif not schema.get("required"):
            options = {"anyOf": [options, {"type": "null"}]}
        forms.append(
            {
                "type": "object",
                "properties": {name: options},
                "required": [name],
                "additionalProperties": False,
            }
        )
    whole = {"type": "integer", "minimum": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A network described for Striate",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA_VERSION},
            "name": {"type": "string", "minLength": 1, "maxLength": 100},
            "input": {"type": "array", "items": whole, "minItems": 1, "maxItems": 4},
            "body": {"$ref": "#/$defs/node"},
        },
        "required": list(_KEYS),
        "additionalProperties": False,
        "$defs": {"node": {"anyOf": forms}, **definitions},
    }


def _kind_schema(kind: type[Node]) -> dict[str, Any]:
    schema: dict[str, Any] = _with_references(TypeAdapter(kind).json_schema())
    schema["additionalProperties"] = False
    return schema


def _with_references(schema: Any) -> Any:
    if schema == NODE_SCHEMA:
        return {"$ref": "#/$defs/node"}
    if isinstance(schema, dict):
        return {key: _with_references(value) for key, value in schema.items()}
    return [_with_references(value) for value in schema] if isinstance(schema, list) else schema


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` last through a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

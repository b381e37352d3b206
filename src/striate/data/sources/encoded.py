"""Image files that lie as bytes in the rows of something larger, fetched one by one."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from striate.data.decode import Record
from striate.data.file_content import file_digests
from striate.data.labels import check_class_names, numbered, several, single
from striate.data.source import ByteArray, Source
from striate.data.sources.dividing import completed
from striate.errors import DataError

__all__ = ["EncodedSource", "content_fingerprint", "optional", "taken_labels"]

Fetch = Callable[[int], bytes | Path]


class EncodedSource(Source):
    """Image files that ``fetch`` fetches. One that cannot be decoded is refused when its image is asked for.

    Without splits the rows are divided by the hash of their content, as files are; without ``val`` those of ``train``.

    Args:
        name: What `open_source` finds it by.
        where: What messages begin with.
        fetch: Returns the image file of a row, or where it lies.
        labels: For each row its classes.
        many: Whether there may be several.
        parts: For each split the numbers of its rows; ``""`` is the split of rows that name none.
        class_names: The classes.

    Raises:
        DataError: as `dividing.completed`.
    """

    def __init__(
        self,
        name: str,
        where: str,
        fetch: Fetch,
        labels: Sequence[Sequence[int]],
        many: bool,
        parts: Mapping[str, list[int]],
        class_names: tuple[str, ...],
    ) -> None:
        if not labels:
            raise DataError(f"{where}: holds no images.")
        self.name = name
        self.class_names = class_names
        self._digests = digests = [_digest(fetch(i)) for i in range(len(labels))]
        fix = "name splits train, val and test"
        self._rows = completed(where, parts, digests, labels, class_names, fix=fix)
        self._fetch = fetch
        chosen = {split: [labels[i] for i in part] for split, part in self._rows.items()}
        self.targets = {
            s: several(part, len(class_names)) if many else single(part) for s, part in chosen.items()
        }
        self.fingerprint = content_fingerprint(class_names, self._rows, digests, labels)

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """None: images may be of any size."""
        return None

    def record(self, split: str, index: int) -> Record:
        """Return the bytes of one image."""
        place = self.checked_index(split, index)
        row = self._rows[split][place]
        return Record(f"{self.name} {split}[{index}]", self._fetch(row), digest=self._digests[row])

    def array(self, split: str) -> ByteArray | None:
        """None: images are decoded one by one."""
        return None


def _digest(image: bytes | Path) -> bytes:
    return file_digests([image])[image] if isinstance(image, Path) else hashlib.sha256(image).digest()


def content_fingerprint(
    class_names: tuple[str, ...],
    rows: Mapping[str, Sequence[int]],
    digests: Sequence[bytes],
    labels: Sequence[Sequence[int]],
) -> str:
    """Return the fingerprint of splits of rows: of classes, images and labels, whatever their order."""
    total = hashlib.sha256(repr(class_names).encode())
    for split in sorted(rows):
        lines = sorted(f"{digests[i].hex()}{sorted(labels[i])}" for i in rows[split])
        total.update(split.encode() + "".join(lines).encode())
    return total.hexdigest()


def taken_labels(
    where: str, said: Sequence[Any], names: Sequence[str] | None
) -> tuple[list[list[int]], bool, tuple[str, ...]]:
    """Return the classes of each row, whether there may be several, and the names of all.

    Args:
        where: What messages begin with.
        said: For each row a whole number, a text, or a list of such.
        names: The classes that whole numbers count; None for the numbers themselves.

    Raises:
        DataError: naming the row whose label is missing, of another type or out of range.
    """
    many = any(isinstance(label, list) for label in said)
    lists = [label if isinstance(label, list) else [label] for label in said]
    values = {value for each in lists for value in each if isinstance(value, str | int)}
    texts = any(isinstance(value, str) for value in values)
    kind = str if texts else int
    for row, each in enumerate(lists):
        for value in each:
            if not isinstance(value, kind) or isinstance(value, bool):
                problem = "is missing" if value is None else f"is {str(value)[:80]!r}"
                raise DataError(
                    f"{where} row {row}: its label {problem}; labels must be whole numbers, or all texts."
                )
        if len(set(each)) < len(each):
            raise DataError(f"{where} row {row}: its labels say one class twice.")
    if texts:
        known = check_class_names(where, sorted(str(value) for value in values))
        index = {name: i for i, name in enumerate(known)}
        return [[index[value] for value in each] for each in lists], many, known
    numbers = [int(value) for value in values]
    known = (
        check_class_names(where, names) if names is not None else numbered(where, max(numbers, default=-1))
    )
    if numbers and not 0 <= min(numbers) <= max(numbers) < len(known):
        hint = " (-1 often marks images without one; remove them)" if min(numbers) == -1 else ""
        raise DataError(
            f"{where}: labels from {min(numbers)} to {max(numbers)} for {len(known)} classes; they must be 0 to "
            f"{len(known) - 1}{hint}."
        )
    return lists, many, known


def optional(module: str, extra: str, what: str) -> Any:
    """Return a module that an extra of Striate installs.

    Raises:
        DataError: naming the extra, if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise DataError(
            f"{what} needs the package {package}, which cannot be imported ({error}); "
            f"install it: pip install 'striate[{extra}]'."
        ) from None

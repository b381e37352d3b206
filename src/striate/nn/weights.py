"""Weights files: safetensors, written atomically, read with every mismatch named at once."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from striate.errors import WeightsError, listed
from striate.nn.foreign import NAMINGS, Naming, recognized
from striate.spec.files import sync_folder

__all__ = ["load_weights", "read_tensors", "save_weights", "set_weights", "write_tensors"]


def save_weights(module: nn.Module, path: str | Path) -> None:
    """Write the parameters and buffers of ``module`` to a safetensors file.

    Raises:
        WeightsError: if the file cannot be written; what stood there before is kept.
    """
    write_tensors(module.state_dict(), path)


def load_weights(module: nn.Module, path: str | Path) -> None:
    """Fill ``module`` from a safetensors file, of our names or of a naming in `striate.nn.foreign`.

    Raises:
        WeightsError: if the file is missing or not safetensors, or if entries are missing, unexpected
            or of another shape (all are listed; nothing is loaded).
    """
    set_weights(module, read_tensors(path), where=str(path))


def set_weights(module: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Fill ``module`` with ``tensors``; ``where`` names their origin in messages.

    Raises:
        WeightsError: as `load_weights`.
    """
    own = module.state_dict()
    naming = recognized(tensors)
    if naming is not None:
        tensors = naming.renamed(tensors) or tensors
    misshaped = [
        f"{name} {tuple(tensors[name].shape)} where the module has {tuple(own[name].shape)}"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    problems = [
        f"{what}: {listed(names)}"
        for what, names in (
            ("missing", [name for name in own if name not in tensors]),
            ("unexpected", [name for name in tensors if name not in own]),
            ("of another shape", misshaped),
        )
        if names
    ]
    if problems:
        heads = all(name.startswith("aux") for name in tensors if name not in own)
        hint = _hint(tensors, naming, heads=heads and tensors.keys() > own.keys())
        raise WeightsError(f"{where} does not fit the module. {'; '.join(problems)}.{hint}")
    module.load_state_dict(tensors)


def _hint(tensors: dict[str, Tensor], naming: Naming | None, *, heads: bool) -> str:
    with_heads = " It holds auxiliary heads too: load it into the network that has them." if heads else ""
    if naming is not None:
        return f" Its names are those of {naming.name}.{with_heads}"
    if any("/" in name for name in tensors):
        return f" Names from outside are understood of: {', '.join(NAMINGS)}."
    return with_heads


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Read every tensor of a safetensors file.

    Raises:
        WeightsError: if the file is missing, unreadable or not safetensors.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder; name the safetensors file in it" if path.is_dir() else "no such file"
        raise WeightsError(f"{path}: {what}.")
    try:
        return load_file(path)
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error}).") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}.") from None


def write_tensors(
    tensors: dict[str, Tensor], path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write tensors to a safetensors file: whole under a temporary name, synced, then renamed.

    Raises:
        WeightsError: if that fails; what stood there before is kept, and nothing half-written is left.
    """
    path = Path(path)
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        plain = {name: t.detach().to("cpu", copy=False).contiguous() for name, t in tensors.items()}
        temporary.touch()  # safetensors alone would let nobody else read the file
        mode = temporary.stat().st_mode
        save_file(_unshared(plain), temporary, metadata)
        temporary.chmod(mode)
        with temporary.open("r+b") as file:  # as Windows flushes only what can be written
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):  # what stopped the writing may stop this too
            temporary.unlink()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise WeightsError(f"{path}: cannot be written: {reason}.") from None


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that share storage, which safetensors refuses."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        result[name] = tensor.clone() if storage in seen and tensor.numel() else tensor
        seen.add(storage)
    return result

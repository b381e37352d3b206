"""Finds the principal components of images, piece by piece, in bounded memory and in float64.

N images, D values of each, K components. Of up to 4,096 values their covariance is added up and taken apart, which is
exact. Of more only some components can be found, by singular values of one part of the images after another (Ross et
al. 2008, as scikit-learn's IncrementalPCA): the first of them nearly exactly, the last less so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from striate.errors import DataError

__all__ = ["Components", "check_components", "fit_components"]

MOST_VALUES = 4096  # whose covariance takes 134 MB, and a minute to take apart
MOST_AT_ONCE = 2**25  # values of components in memory: 268 MB, and some times as much while they are found

Rows = Callable[[int], Iterator[Tensor]]
"""Gives all images as float64 ``(n, D)``, so many at a time, which are written over."""


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components.

    Attributes:
        mean: ``(D,)``.
        components: ``(K, D)``, orthonormal, by falling variance; of each the entry that is largest in size is positive.
        variances: ``(K,)``, unbiased: of N images the sum of squares divided by N - 1.
    """

    mean: Tensor
    components: Tensor
    variances: Tensor


def check_components(count: int, values: int, wanted: int | None) -> None:
    """Check that ``wanted`` components of ``count`` images of ``values`` values can be found; None means all.

    Raises:
        DataError: if there are not as many, or they do not fit into memory.
    """
    if wanted is not None and wanted > min(count, values):
        raise DataError(
            f"components: {wanted:,} of {count:,} images of {values:,} values; there are at most "
            f"{min(count, values):,}. Take fewer, as in zca:{min(count, values)}."
        )
    if values <= MOST_VALUES:
        return
    most = min(MOST_AT_ONCE // values, count)
    if wanted is None or wanted > most:
        told = "all" if wanted is None else f"{wanted:,}"
        raise DataError(
            f"components: {told} of images of {values:,} values do not fit into memory (at most {MOST_VALUES:,} values "
            f"for all); take up to {most:,}, as in zca:{min(most, 256)}, or a network of smaller images."
        )


def fit_components(rows: Rows, count: int, values: int, wanted: int | None) -> Components:
    """Return ``wanted`` principal components of ``count`` images; None means all.

    Raises:
        DataError: as `check_components`.
    """
    check_components(count, values, wanted)
    found = _exact(rows, values, wanted) if values <= MOST_VALUES else _incremental(rows, values, wanted or 1)
    largest = found.components.gather(1, found.components.abs().argmax(1, keepdim=True))
    return Components(found.mean, found.components * largest.sign(), found.variances.clamp(min=0))


def _exact(rows: Rows, values: int, wanted: int | None) -> Components:
    """By the covariance, whose parts are put together as Chan et al. 1983 do."""
    count = 0
    mean = torch.zeros(values, dtype=torch.float64)
    products = torch.zeros(values, values, dtype=torch.float64)
    for part in rows(max(1, MOST_AT_ONCE // 8 // values)):
        own = part.mean(0)
        centered = part - own
        apart = own - mean
        total = count + len(part)
        products.addmm_(centered.T, centered)
        products.addr_(apart, apart, alpha=count * len(part) / total)
        mean += apart * (len(part) / total)
        count = total
    variances, vectors = torch.linalg.eigh(products / max(count - 1, 1))  # rising, in columns
    kept = values if wanted is None else wanted
    return Components(mean, vectors.T.flip(0)[:kept].contiguous(), variances.flip(0)[:kept].contiguous())


def _incremental(rows: Rows, values: int, wanted: int) -> Components:
    from sklearn.decomposition import IncrementalPCA

    model = IncrementalPCA(n_components=wanted)
    held: Tensor | None = None  # so that the last part is not of fewer images than there are components
    for part in rows(max(wanted, min(5 * wanted, MOST_AT_ONCE // values))):
        if held is not None and len(part) < wanted:
            part = torch.cat([held, part])
        elif held is not None:
            model.partial_fit(held.numpy(), check_input=False)
        held = part
    assert held is not None  # no split is empty
    model.partial_fit(held.numpy(), check_input=False)
    return Components(*map(torch.from_numpy, (model.mean_, model.components_, model.explained_variance_)))

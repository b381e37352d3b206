"""Images: sources, preprocessing, batches."""

from striate.data.batches import Batch, Batches, Dataset, batch_indices, load_split
from striate.data.check import check
from striate.data.decode import Record, open_image
from striate.data.fetch import fetch
from striate.data.pack.format import Settings as PackSettings
from striate.data.pack.packing import pack_source
from striate.data.pack.reader import PackSource
from striate.data.preprocess import Preprocess, fit_preprocess
from striate.data.source import Source, stratified
from striate.data.sources import KINDS, ArraySource, FolderSource, digits, idx, open_source, read_idx

__all__ = [
    "KINDS",
    "ArraySource",
    "Batch",
    "Batches",
    "Dataset",
    "FolderSource",
    "PackSettings",
    "PackSource",
    "Preprocess",
    "Record",
    "Source",
    "batch_indices",
    "check",
    "digits",
    "fetch",
    "fit_preprocess",
    "idx",
    "load_split",
    "open_image",
    "open_source",
    "pack_source",
    "read_idx",
    "stratified",
]

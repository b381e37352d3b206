"""Images: sources, preprocessing, batches."""

from striate.data.batches import Batch, Batches, Dataset, batch_indices, load_split
from striate.data.decode import Record, open_image
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
    "Preprocess",
    "Record",
    "Source",
    "batch_indices",
    "digits",
    "fit_preprocess",
    "idx",
    "load_split",
    "open_image",
    "open_source",
    "read_idx",
    "stratified",
]

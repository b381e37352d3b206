"""Images: sources, preprocessing, batches."""

from striate.data.batches import Batch, Batches, Dataset, batch_indices, load_split
from striate.data.digits import digits
from striate.data.folder import FolderSource, open_image
from striate.data.idx import idx, read_idx
from striate.data.preprocess import Preprocess, fit_preprocess
from striate.data.source import ArraySource, Source, open_source, stratified

__all__ = [
    "ArraySource",
    "Batch",
    "Batches",
    "Dataset",
    "FolderSource",
    "Preprocess",
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

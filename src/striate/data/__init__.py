"""Images: sources, preprocessing, batches."""

from striate.data.augment import RECIPES, Augment, Recipe
from striate.data.batches import AnyDataset, Batch, Batches, Dataset, batch_indices, load_split
from striate.data.check import check
from striate.data.decode import Record, open_image
from striate.data.fetch import fetch
from striate.data.pack.format import Settings as PackSettings
from striate.data.pack.packing import pack_source
from striate.data.pack.reader import PackSource
from striate.data.preprocess import (
    GlobalContrast,
    LocalContrast,
    Preprocess,
    Quantize,
    Standardize,
    StandardizePixels,
    Step,
    Whiten,
    center,
    check_fit,
    fit_preprocess,
    parsed_steps,
    views,
)
from striate.data.resize import Resize
from striate.data.show import Sheet, show
from striate.data.source import Source, stratified
from striate.data.sources import (
    KINDS,
    ArraySource,
    BagSource,
    FolderSource,
    FoldSource,
    digits,
    folds,
    idx,
    open_source,
    read_idx,
)
from striate.data.streaming import StreamedDataset, open_split

__all__ = [
    "KINDS",
    "RECIPES",
    "AnyDataset",
    "ArraySource",
    "Augment",
    "BagSource",
    "Batch",
    "Batches",
    "Dataset",
    "FoldSource",
    "FolderSource",
    "GlobalContrast",
    "LocalContrast",
    "PackSettings",
    "PackSource",
    "Preprocess",
    "Quantize",
    "Recipe",
    "Record",
    "Resize",
    "Sheet",
    "Source",
    "Standardize",
    "StandardizePixels",
    "Step",
    "StreamedDataset",
    "Whiten",
    "batch_indices",
    "center",
    "check",
    "check_fit",
    "digits",
    "fetch",
    "fit_preprocess",
    "folds",
    "idx",
    "load_split",
    "open_image",
    "open_source",
    "open_split",
    "pack_source",
    "parsed_steps",
    "read_idx",
    "show",
    "stratified",
    "views",
]

"""Every kind of source, a file each."""

from striate.data.sources.arrays import ArraySource
from striate.data.sources.bagging import BagSource, bag
from striate.data.sources.cifar import cifar10, cifar100
from striate.data.sources.digits import digits
from striate.data.sources.encoded import EncodedSource
from striate.data.sources.folder import FolderSource
from striate.data.sources.folding import FoldSource, fold, folds
from striate.data.sources.hub import hub
from striate.data.sources.idx import idx, read_idx
from striate.data.sources.mirrored import MirroredSource
from striate.data.sources.npz import StoredArrays, npy, npz
from striate.data.sources.opening import KINDS, Kind, open_source
from striate.data.sources.parquet import parquet
from striate.data.sources.shards import ShardSource, wds
from striate.data.sources.stl10 import stl10
from striate.data.sources.svhn import svhn
from striate.data.sources.table import TableSource, csv_table, jsonl_table

__all__ = [
    "KINDS",
    "ArraySource",
    "BagSource",
    "EncodedSource",
    "FoldSource",
    "FolderSource",
    "Kind",
    "MirroredSource",
    "ShardSource",
    "StoredArrays",
    "TableSource",
    "bag",
    "cifar10",
    "cifar100",
    "csv_table",
    "digits",
    "fold",
    "folds",
    "hub",
    "idx",
    "jsonl_table",
    "npy",
    "npz",
    "open_source",
    "parquet",
    "read_idx",
    "stl10",
    "svhn",
    "wds",
]

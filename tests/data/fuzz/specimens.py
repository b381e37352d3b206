"""A valid set of every format, small, each a function of nothing: the files that are damaged afterwards."""

import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.io import savemat
from toys import toy_source

from striate.data import pack_source

NAMES = ("cat", "dog")
RANDOM = np.random.default_rng(11)


def pixels(*shape):
    return RANDOM.integers(0, 256, shape, np.uint8)


def encoded(kind, image=None, **options):
    """Return the bytes of an image file."""
    out = io.BytesIO()
    (image or Image.fromarray(pixels(9, 12, 3))).save(out, kind, **options)
    return out.getvalue()


@dataclass(frozen=True)
class Set:
    """A data set.

    Attributes:
        name: What opens it, ``{}`` for its folder.
        files: Its files by name.
        damaged: Those worth damaging; all, if none are named.
    """

    name: str
    files: dict[str, bytes] = field(repr=False)
    damaged: tuple[str, ...] = ()

    def write(self, folder: Path) -> str:
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return self.name.format(folder)


def _idx(*shape):
    values = pixels(*shape) if len(shape) > 1 else np.arange(shape[0]) % 2
    axes = b"".join(struct.pack(">I", n) for n in shape)
    return bytes([0, 0, 8, len(shape)]) + axes + np.asarray(values, np.uint8).tobytes()


def idx(pack=lambda data: data, ending=""):
    files = {}
    for prefix, count in (("train", 20), ("t10k", 6)):
        files[f"{prefix}-images-idx3-ubyte{ending}"] = pack(_idx(count, 4, 5))
        files[f"{prefix}-labels-idx1-ubyte{ending}"] = pack(_idx(count))
    return Set("idx:{}", files)


def idx_gzipped():
    return idx(lambda data: gzip.compress(data, mtime=0), ".gz")


def cifar10_binary():
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    files = {name: b"".join(bytes([i % 2]) + pixels(3072).tobytes() for i in range(4)) for name in names}
    return Set("cifar10:{}", files | {"batches.meta.txt": b"cat\ndog\n"}, ("batches.meta.txt", names[0]))


def cifar100_binary():
    files = {
        f"{name}.bin": b"".join(bytes([0, i % 2]) + pixels(3072).tobytes() for i in range(20))
        for name in ("train", "test")
    }
    return Set("cifar100:{}", files | {"fine_label_names.txt": b"cat\ndog\n"})


def cifar10_python(protocol=4):
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    files = {
        name: pickle.dumps({"labels": [0, 1, 0, 1], "data": pixels(4, 3072)}, protocol) for name in names
    }
    meta = pickle.dumps({"label_names": list(NAMES)}, protocol)
    return Set("cifar10:{}", files | {"batches.meta": meta}, ("batches.meta", names[0]))


def cifar100_python():
    files = {
        name: pickle.dumps({"fine_labels": [0, 1] * 10, "data": pixels(20, 3072)}, 2)
        for name in ("train", "test")
    }
    return Set("cifar100:{}", files | {"meta": pickle.dumps({"fine_label_names": list(NAMES)}, 2)})


ROWS = [(f"{split}/{i}.png", NAMES[i % 2], split) for split in ("train", "val", "test") for i in range(4)]
PICTURES = {path: encoded("PNG", Image.fromarray(pixels(6, 7, 3))) for path, _, _ in ROWS}


def csv():
    lines = [f"{path},{label},{split},1,1,4,4" for path, label, split in ROWS]
    text = "\n".join(["path,label,split,x,y,width,height", *lines, ""])
    return Set("csv:{}/a table.csv", PICTURES | {"a table.csv": text.encode()}, ("a table.csv",))


def tsv():
    lines = [f'{path}\t"{label}|old"\t{split}' for path, label, split in ROWS]
    text = "\r\n".join(["file\tclass\tset", *lines, ""])
    return Set("{}/a table.tsv", PICTURES | {"a table.tsv": text.encode()}, ("a table.tsv",))


def jsonl():
    lines = [
        json.dumps({"path": p, "label": [label], "split": s, "x": 0, "y": 0, "w": 3, "h": 2})
        for p, label, s in ROWS
    ]
    return Set(
        "jsonl:{}/a table.jsonl", PICTURES | {"a table.jsonl": "\n".join(lines).encode()}, ("a table.jsonl",)
    )


def _arrays():
    return {
        "x_train": pixels(20, 5, 4, 3),
        "y_train": np.arange(20) % 2,
        "x_test": pixels(6, 5, 4, 3),
        "y_test": np.array([NAMES.index("dog")] * 6),
        "class_names": np.array(NAMES),
    }


def npz(save=np.savez):
    out = io.BytesIO()
    save(out, **_arrays())
    return Set("npz:{}/arrays.npz", {"arrays.npz": out.getvalue()})


def npz_compressed():
    return npz(np.savez_compressed)


def npy():
    files = {}
    for name, array in _arrays().items():
        out = io.BytesIO()
        np.save(out, array)
        files[f"{name}.npy"] = out.getvalue()
    return Set("npy:{}", files)


def parquet(compression="snappy"):
    images = [{"bytes": encoded("PNG", Image.fromarray(pixels(6, 7, 3))), "path": None} for _ in range(8)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    feature = {"info": {"features": {"label": {"names": NAMES, "_type": "ClassLabel"}}}}
    table = pa.table([pa.array(images, kind), pa.array([0, 1] * 4)], ["image", "label"])
    table = table.replace_schema_metadata({"huggingface": json.dumps(feature)})
    files = {}
    for split in ("train", "val"):
        out = io.BytesIO()
        pq.write_table(table, out, row_group_size=3, compression=compression)
        files[f"{split}-00000-of-00001.parquet"] = out.getvalue()
    return Set("parquet:{}", files)


def parquet_gzipped():
    return parquet("gzip")


def folder():
    return Set(
        "{}",
        {f"{s}/{c}/{p.replace('/', ' ')}": d for (p, c, s), d in zip(ROWS, PICTURES.values(), strict=True)},
    )


def svhn():
    files = {}
    for name, count in (("train", 20), ("test", 6)):
        out = io.BytesIO()
        arrays = {"X": pixels(32, 32, 3, count), "y": (np.arange(count, dtype=np.uint8) % 10 + 1)[:, None]}
        savemat(out, arrays, do_compression=name == "train")
        content = bytearray(out.getvalue())
        content[:116] = b"MATLAB 5.0 MAT-file".ljust(116)  # scipy writes the time there
        files[f"{name}_32x32.mat"] = bytes(content)
    return Set("svhn:{}", files)


def stl10():
    files = {"class_names.txt": b"cat\ndog\n"}
    for split, count in (("train", 4), ("test", 2)):
        files[f"{split}_X.bin"] = pixels(count, 3, 96, 96).tobytes()
        files[f"{split}_y.bin"] = bytes(i % 2 + 1 for i in range(count))
    return Set("stl10:{}", files)


def wds():
    files = {}
    for split in ("train", "val", "test"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, content in [
                (f"{i}.{kind}", data)
                for i in range(4)
                for kind, data in (("png", PICTURES[f"{split}/{i}.png"]), ("cls", str(i % 2).encode()))
            ]:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        files[f"{split}-000.tar"] = out.getvalue()
    return Set("wds:{}", files | {"classes.txt": b"cat\ndog\n"})


SETS: dict[str, Callable[[], Set]] = {
    made.__name__: made
    for made in (
        idx, idx_gzipped, cifar10_binary, cifar100_binary, cifar10_python, cifar100_python, csv, tsv, jsonl, npz,
        npz_compressed, npy, parquet, parquet_gzipped, folder, svhn, stl10, wds,
    )
}  # fmt: skip


def pack(folder: Path) -> bytes:
    """Return a pack of three splits."""
    path = folder / "whole.pack"
    pack_source(toy_source(train=24, val=6, test=6), path, (1, 8, 8))
    content = path.read_bytes()
    path.unlink()
    return content


def _exif():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a picture"
    return exif


def _frames():
    return [Image.fromarray(pixels(9, 12, 3)) for _ in range(2)]


def _several(kind, **options):
    return encoded(kind, save_all=True, append_images=_frames(), **options)


IMAGES: dict[str, bytes] = {
    "JPEG": encoded("JPEG", exif=_exif(), icc_profile=b"profile" * 9),
    "JPEG progressive": encoded("JPEG", progressive=True, comment=b"a comment"),
    "JPEG in print": encoded("JPEG", Image.fromarray(pixels(9, 12, 4), "CMYK")),
    "JPEG of two": _several("MPO"),
    "PNG": encoded("PNG", exif=_exif(), compress_level=1),
    "PNG of a palette": encoded("PNG", Image.fromarray(pixels(9, 12, 3)).quantize(16), transparency=3),
    "PNG of 16 bits": encoded("PNG", Image.fromarray(pixels(9, 12).astype(np.uint16) * 256)),
    "PNG moving": _several("PNG", duration=5),
    "GIF": encoded("GIF", transparency=0),
    "GIF moving": _several("GIF", duration=5, loop=0, disposal=2),
    "WebP": encoded("WEBP", exif=_exif()),
    "WebP lossless": encoded("WEBP", Image.fromarray(pixels(9, 12, 4), "RGBA"), lossless=True),
    "WebP moving": _several("WEBP", duration=5),
    "TIFF": encoded("TIFF", exif=_exif()),
    "TIFF deflated": encoded("TIFF", compression="tiff_adobe_deflate"),
    "TIFF by LZW": encoded("TIFF", Image.fromarray(pixels(9, 12).astype(np.float32)), compression="tiff_lzw"),
    "TIFF of JPEG": encoded("TIFF", compression="jpeg"),
    "BMP": encoded("BMP"),
    "BMP of a palette": encoded("BMP", Image.fromarray(pixels(9, 12, 3)).quantize(16)),
    "PPM": encoded("PPM"),
    "TGA": encoded("TGA", compression="tga_rle"),
    "ICO": encoded("ICO", Image.fromarray(pixels(32, 32, 3)), sizes=[(16, 16), (32, 32)]),
    "JPEG 2000": encoded("JPEG2000"),
    "AVIF": encoded("AVIF"),
    "DDS": encoded("DDS"),
    "PCX": encoded("PCX"),
    "SGI": encoded("SGI"),
}  # fmt: skip


def tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("set"))
        for name, content in (
            ("set/cat/1.png", PICTURES["train/0.png"]),
            ("set/dög/" + "n" * 120, b"two" * 300),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped():
    members = ("set/", b""), ("set/cat/1.png", PICTURES["train/0.png"]), ("set/dög/2.txt", b"two" * 300)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for packing, (name, content) in enumerate(members, -1):
            kind = zipfile.ZIP_DEFLATED if packing > 0 else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), content, kind)  # of 1980, not of now
    return out.getvalue()


ARCHIVES: dict[str, tuple[str, bytes]] = {
    "a.tar": ("tar", tar()),
    "a.tar.gz": ("tar", gzip.compress(tar(), mtime=0)),
    "a.tar.xz": ("tar", lzma.compress(tar())),
    "a.zip": ("zip", zipped()),
    "a.gz": ("gz", gzip.compress(b"content" * 200, mtime=0)),
}

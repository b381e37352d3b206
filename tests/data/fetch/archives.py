"""Archives, good ones and such as nobody should unpack."""

import gzip
import io
import stat
import tarfile
import zipfile


def tar(*members, packed="gz", **more):
    """Return a tar of members: ``(name, content)``, or a `TarInfo`, which has no content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{packed}", **more) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                name, content = member
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def special(name, kind, target=""):
    """Return a tar's member that is no plain file."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def zipped(*members):
    """Return a zip of ``(name, content)``, where a name may be a `ZipInfo`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def zip_member(name, mode=stat.S_IFREG):
    """Return a zip's member of a mode."""
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.external_attr = (mode | 0o777) << 16
    return info


def zip_with_name(name):
    """Return a zip whose one member has a name that zipfile would not write, of as many letters as bytes."""
    plain = "x" * len(name.encode())
    return zipped((plain, b"data")).replace(plain.encode(), name.encode())


BOMB = gzip.compress(bytes(20_000_000))
"""Twenty million bytes in twenty thousand."""

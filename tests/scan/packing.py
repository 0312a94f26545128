"""Pack things."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["PACKERS", "tarred", "zipped"]


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """Return a tar file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


PACKERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "zip": lambda data: zipped({"in/side.txt": data}),
    "stored": lambda data: zipped({"in/side.txt": data}, zipfile.ZIP_STORED),
    "tar": lambda data: tarred({"in/side.txt": data}),
    "tar.gz": lambda data: tarred({"in/side.txt": data}, "w:gz"),
    "tar.bz2": lambda data: tarred({"in/side.txt": data}, "w:bz2"),
    "tar.xz": lambda data: tarred({"in/side.txt": data}, "w:xz"),
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}

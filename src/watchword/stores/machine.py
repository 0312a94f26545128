"""Find a private place for what the processes of one machine share besides a database elsewhere."""

from __future__ import annotations

import os
import stat
import tempfile
from hashlib import sha256
from pathlib import Path

from watchword.model.ports import Unavailable

__all__ = ["shared_stem"]


def shared_stem(url: str) -> Path:
    """Return the stem of the files that this user's processes share for the database of ``url``.

    They lie in a folder that only this user can enter. Raise Unavailable when somebody else holds its name: in a
    temporary folder that everybody may write to, a stranger could have made it first.
    """
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"watchword-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise Unavailable(f"no folder for what processes share: {type(error).__name__}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Unavailable(f"{folder} must be a folder of this user alone (mode 0700)")
    place = url.rpartition("@")[2]  # and so neither user nor password
    return folder / sha256(place.encode("utf-8", "replace")).hexdigest()[:16]

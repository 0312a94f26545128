"""Keep tokens between processes: in a file that only its owner may read, or in the system's keyring."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from watchword.client.transport import AuthenticationFailed

__all__ = ["Keep", "KeyringKeep", "TokenFile"]

_LONGEST = 65_536  # bytes


class Keep(Protocol):
    """Keep one grant as text. Whoever changes it takes the lock first: a refresh token is good for one use."""

    def take(self) -> bool:
        """Take the lock, over all processes; return False while another holds it."""
        ...

    def give_back(self) -> None:
        """Give the lock back."""
        ...

    def load(self) -> str | None:
        """Return what is kept. Raises AuthenticationFailed when it cannot be read safely."""
        ...

    def save(self, text: str) -> None:
        """Keep this instead. Raises AuthenticationFailed when it cannot be kept."""
        ...

    def forget(self) -> bool:
        """Delete what is kept; return whether there was something."""
        ...


class _Lock:
    """Hold a lock file of the operating system, which a process that dies lets go."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def take(self) -> bool:
        """Take it, if nobody holds it. Raises AuthenticationFailed where there can be none."""
        _folder(self._path.parent)
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            if not _locked(handle):
                os.close(handle)
                return False
        except OSError as error:
            raise AuthenticationFailed(f"{self._path} cannot be locked: {error.strerror}") from None
        self._held = handle
        return True

    def give_back(self) -> None:
        """Let it go."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _locked(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        lock: Any = msvcrt
        try:
            lock.locking(handle, lock.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _folder(path: Path) -> None:
    """Make the folder for its owner alone; one that others may enter is refused."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise AuthenticationFailed(f"{path} cannot be used to keep tokens in: {error.strerror}") from None
    if os.name == "posix" and (found.st_mode & 0o077 or found.st_uid != os.getuid()):
        raise AuthenticationFailed(f"{path} is not yours alone: tokens are not kept there (chmod 700 {path})")


class TokenFile:
    """Keep a grant in ``path``, mode 0600, in a folder of mode 0700, which is made if it is not there."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        lock = _Lock(self._path.with_name(self._path.name + ".lock"))
        self.take: Callable[[], bool] = lock.take
        self.give_back: Callable[[], None] = lock.give_back

    def __repr__(self) -> str:
        return f"TokenFile({str(self._path)!r})"

    def load(self) -> str | None:
        """Return what the file holds. Raises AuthenticationFailed for one that others may read."""
        try:
            handle = os.open(self._path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AuthenticationFailed(f"{self._path} cannot be read: {error.strerror}") from None
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if os.name == "posix" and (stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.getuid()):
                raise AuthenticationFailed(f"{self._path} may be read by others: delete it and log in anew")
            return file.read(_LONGEST).decode("utf-8", "replace")

    def save(self, text: str) -> None:
        """Write a new file and put it in the place of the old one, so that none is ever half written."""
        _folder(self._path.parent)
        fresh = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(handle)
            fresh.replace(self._path)
        except OSError as error:
            raise AuthenticationFailed(f"tokens cannot be kept in {self._path}: {error.strerror}") from None
        finally:  # also when the person loses patience
            fresh.unlink(missing_ok=True)

    def forget(self) -> bool:
        """Delete the file."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise AuthenticationFailed(f"{self._path} cannot be deleted: {error.strerror}") from None
        return True


class KeyringKeep:
    """Keep a grant in the system's keyring (the package ``keyring``), and its lock in ``folder``.

    Raises ImportError without the package. ``usable`` says whether there is a keyring that keeps secrets.
    """

    def __init__(self, name: str, folder: str | Path, service: str = "watchword") -> None:
        import keyring

        self._keyring: Any = keyring
        self._name, self._service = name, service
        lock = _Lock(Path(folder) / f"{name}.lock")
        self.take: Callable[[], bool] = lock.take
        self.give_back: Callable[[], None] = lock.give_back

    def __repr__(self) -> str:
        return f"KeyringKeep({self._name!r})"

    @staticmethod
    def usable() -> bool:
        """Return whether the system has a keyring that is worth its name."""
        try:
            import keyring

            return float(keyring.get_keyring().priority) >= 1
        except Exception:  # whatever is wrong with a backend, it is not used
            return False

    def load(self) -> str | None:
        """Return what the keyring holds."""
        found = self._asked("read", lambda: self._keyring.get_password(self._service, self._name))
        return found if isinstance(found, str) else None

    def save(self, text: str) -> None:
        """Put it into the keyring."""
        self._asked("used", lambda: self._keyring.set_password(self._service, self._name, text))

    def forget(self) -> bool:
        """Take it out."""
        if self.load() is None:
            return False
        with contextlib.suppress(self._keyring.errors.PasswordDeleteError):
            self._asked("used", lambda: self._keyring.delete_password(self._service, self._name))
        return True

    def _asked(self, word: str, ask: Any) -> Any:
        try:
            return ask()
        except self._keyring.errors.PasswordDeleteError:
            raise
        except Exception as error:  # backends raise what they like; its text might quote what was kept
            what = f"the keyring cannot be {word} ({type(error).__name__}): unlock it, or keep tokens in a file"
            raise AuthenticationFailed(what) from None

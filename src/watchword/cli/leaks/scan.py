"""``scan``: our own secrets in files, archives and git histories; offline, unless it is asked whose they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchword.cli.plumbing.output import clean, note, print_rows, warn
from watchword.cli.plumbing.shell import BROKEN, REFUSED, Asked, Stop, VerbCommand, asked

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.operations.leaks import LeakReport, Traced
    from watchword.scan.finding import Finding
    from watchword.scan.run import Report, Wish

__all__ = ["register"]

_UNREAD_SHOWN: Final = 20
_COMMIT: Final = 12  # characters of a commit's name that are shown

Owners = Mapping[str, dict[str, Any]]
"""What the store says of each secret that was found, by its fingerprint."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("scan", cls=VerbCommand, epilog="""
    $ watchword scan
    $ watchword scan backup.tar.gz logs/ --no-history
    $ watchword scan --revoke --sarif scan.sarif
    $ watchword scan --install-hook
    """)(scan)  # fmt: skip


def scan(
    ctx: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]…", help="Files, folders, - for standard input; default: here.")
    ] = None,
    staged: Annotated[bool, typer.Option("--staged", help="Only what is about to be committed.")] = False,
    no_history: Annotated[bool, typer.Option("--no-history", help="Files alone, no git histories.")] = False,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Paths to leave out (repeat it).")
    ] = None,
    no_ignore: Annotated[bool, typer.Option("--no-ignore", help="Do not read .watchwordignore.")] = False,
    store: Annotated[bool, typer.Option("--store", help="Say whose each is: asks the store.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke each that is in the store, as leaked.")] = False,
    sarif: Annotated[
        str | None, typer.Option("--sarif", metavar="FILE", help="Write SARIF 2.1.0; - for stdout.")
    ] = None,
    install_hook: Annotated[bool, typer.Option("--install-hook", help="Have git scan before each commit.")] = False,
) -> None:
    """Find our own secrets where they do not belong: exit 1 when there are any.

    Known by prefix and checksum, so nothing else is found, and nothing is sent anywhere. Looked into are archives, too,
    and everything that git repositories ever held. A secret is never shown whole.
    """
    from watchword.scan.run import Wish

    if install_hook:
        _install(Path((paths or ["."])[0]))
        return
    wish = Wish(tuple(paths or ["."]), not no_history, staged, tuple(exclude or ()), not no_ignore)
    report = _scanned(wish)
    owners = _owners(asked(ctx), report, revoke=revoke) if (store or revoke) and report.findings else {}
    if sarif is not None:
        _write(sarif, report)
    if sarif != "-" and report.findings:
        _print(asked(ctx), report.findings, owners)
    for unread in report.unread[:_UNREAD_SHOWN]:
        warn(f"{unread.path}: not looked into: {unread.why}")
    if len(report.unread) > _UNREAD_SHOWN:
        warn(f"and {len(report.unread) - _UNREAD_SHOWN} more were not looked into")
    note(report.summary())
    if not report.clean:
        raise typer.Exit(REFUSED)


def _scanned(wish: Wish) -> Report:
    from watchword.scan import run as running
    from watchword.scan.history import NoGit

    try:
        return running.scan(wish, _progress if sys.stderr.isatty() else lambda report: None)
    except NoGit as error:
        raise Stop(str(error), "--no-history scans the files alone") from None
    except UnicodeDecodeError:
        raise Stop(".watchwordignore is not UTF-8") from None
    except OSError as error:
        raise Stop(f"{error.filename}: {error.strerror}") from None
    finally:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _progress(report: Report) -> None:
    said = f"{report.size / 1e6:,.0f} MB, {len(report.findings)} found"
    print(f"\r\x1b[K{said}", end="", file=sys.stderr, flush=True)


def _install(folder: Path) -> None:
    from watchword.scan.history import NoGit
    from watchword.scan.hook import HookExists, install_hook

    try:
        path = install_hook(folder, sys.executable)
    except HookExists as error:
        hint = "add this line to it: python -P -m watchword.scan --staged"
        raise Stop(f"{error} is there already, and somebody else's", hint, REFUSED) from None
    except NoGit as error:
        raise Stop(str(error), "name a folder of a git repository") from None
    except OSError as error:
        raise Stop(f"{error.filename}: {error.strerror}") from None
    note(f"{path}: from now on git refuses commits that hold a secret of ours")


def _write(target: str, report: Report) -> None:
    from watchword import __version__

    text = json.dumps(report.sarif(__version__), ensure_ascii=False, indent=2)
    if target == "-":
        print(text)
        return
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Stop(f"--sarif: {target}: {error.strerror}", code=BROKEN) from None


def _owners(asked: Asked, report: Report, *, revoke: bool) -> Owners:
    from watchword.cli.plumbing.house import actor, run

    texts = {finding.text: finding for finding in reversed(report.findings)}

    async def work(house: Watchword) -> dict[str, dict[str, Any]]:
        leaks = house.operations.leaks
        traced = await leaks.trace(list(texts))
        owners = {
            finding.fingerprint: _of_traced(found, house.clock())
            for finding, found in zip(texts.values(), traced, strict=True)
        }
        for text, finding in texts.items() if revoke else ():
            if owners[finding.fingerprint]["state"] is not None:
                done = await leaks.report(text, by=actor(), where=_place(finding))
                owners[finding.fingerprint] |= _of_report(done)
        return owners

    return run(asked, work)


def _of_traced(found: Traced | None, now: float) -> dict[str, Any]:
    if found is None:
        return {"credential": None, "subject": None, "state": None}
    if found.root_key:
        return {"credential": "root-key", "subject": None, "state": "active"}
    if found.jti:
        return {
            "credential": found.jti,
            "subject": found.subject,
            "state": "active" if found.until > now else "expired",
        }
    record = found.credential
    assert record is not None  # noqa: S101 - it is one of the three
    return {"credential": record.id, "subject": record.subject, "state": record.state(now).value}


def _of_report(done: LeakReport | None) -> dict[str, Any]:
    if done is None or done.kind == "root-key":
        return {"revoked": False} | ({} if done is None else {"note": done.note})
    return {"revoked": True, **({} if done.jti else {"state": "leaked"}), **({"note": done.note} if done.note else {})}


def _place(finding: Finding) -> str:
    commit = f" commit {finding.commit[:_COMMIT]}" if finding.commit else ""
    return f"{finding.path}:{finding.line}{commit}"


def _print(asked: Asked, findings: Sequence[Finding], owners: Owners) -> None:
    from watchword.codec.shapes import shown

    values = [finding.value() | owners.get(finding.fingerprint, {}) for finding in findings]
    columns = {
        "SECRET": [shown(finding.text) for finding in findings],
        "PLACE": [clean(f"{finding.path}:{finding.line}") for finding in findings],
        **({"COMMIT": [each.commit[:_COMMIT] for each in findings]} if any(each.commit for each in findings) else {}),
        **({"WHOSE": [_whose(each) for each in values], "STATE": [each["state"] or "-" for each in values]}
           if owners else {}),
        "WHAT": [finding.shape.what + (f", in {finding.form}" if finding.form else "") for finding in findings],
        "FINGERPRINT": [finding.fingerprint for finding in findings],
    }  # fmt: skip
    print_rows(asked, values, columns)
    said = list(dict.fromkeys(str(each["note"]) for each in owners.values() if "note" in each))
    if not asked.json:
        for each in said:
            note(each)


def _whose(value: Mapping[str, Any]) -> str:
    if value["credential"] is None:
        return "nobody's here"
    return f"{value['credential']} of {value['subject']}" if value["subject"] else str(value["credential"])

"""The command line. One file, one group of verbs; each imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, ClassVar

import typer

from watchword.cli import audit, call, clients, credentials, demo, init, issue, lint, serve, subjects, usage
from watchword.cli.advising import verb as advise
from watchword.cli.alerts import verbs as alert
from watchword.cli.explaining import verb as explain
from watchword.cli.leaks import leaked, scan
from watchword.cli.plumbing.faults import stop_for
from watchword.cli.plumbing.shell import INTERRUPTED, WRONG_USAGE, Asked, Stop, VerbGroup, report
from watchword.cli.rotation import verb as rotate

__all__ = ["app", "main"]


class _Root(VerbGroup):
    chapters: ClassVar[Mapping[str, Sequence[str]]] = {
        "Set up and run": ("advise", "init", "serve", "demo", "migrate"),
        "Who may call": ("user", "service", "client"),
        "Credentials, all kinds alike": ("issue", "list", "show", "rotate", "revoke", "leaked"),
        "Look": ("lint", "scan", "explain", "usage", "audit", "alerts"),
        "Call": ("call",),
    }


app: typer.Typer = typer.Typer(
    cls=_Root,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80},
    epilog="""
    $ watchword init
    $ watchword service add billing
    $ watchword issue api-key --for service:billing --scope orders:read
    $ watchword serve
    """,
)


def _version(value: bool) -> None:
    if value:
        from watchword import __version__

        print(f"watchword {__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Answer one question for every API: who is calling?

    `watchword VERB --help` tells more about a verb.
    """
    if ctx.invoked_subcommand is None:
        print(ctx.get_help(), file=sys.stderr)
        raise typer.Exit(WRONG_USAGE)


init.register(app)
serve.register(app)
demo.register(app)
subjects.register(app)
clients.register(app)
issue.register(app)
credentials.register(app)
rotate.register(app)
advise.register(app)
explain.register(app)
lint.register(app)
usage.register(app)
audit.register(app)
leaked.register(app)
scan.register(app)
alert.register(app)
call.register(app)


_command = cache(typer.main.get_command)  # reads every verb's signature, which takes a while


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; never a traceback."""
    command = _command(app)
    try:
        code = command.main(
            list(sys.argv[1:] if arguments is None else arguments),
            prog_name="watchword",
            standalone_mode=False,
            obj=Asked(),
        )
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except Stop as stop:
        return report(stop)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # `watchword list | head -1`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # whatever went wrong is said, not shown as a traceback
        return report(stop_for(error))

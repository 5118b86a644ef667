"""The verb review: the page, and the comment of a pull request."""

import argparse
from pathlib import Path

from pybase.cli import _terminal as terminal
from pybase.cli._common import relative, wrote
from pybase.cli._verbs import Command, Commands
from pybase.core.errors import UsageError
from pybase.core.files import write_file
from pybase.core.settings import Settings
from pybase.migrate.review import as_html, as_markdown, gather


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "range",
        nargs="?",
        metavar="A:B",
        help="the revisions after A up to B, as in base:head; else those not in the main branch",
    )
    parser.add_argument(
        "--format", choices=("html", "markdown"), default="html", help="a page, or a comment"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="default: .pybase/review.html, or standard output"
    )


def _review(args: argparse.Namespace, settings: Settings) -> None:
    review = gather(settings, args.range)
    text = as_html(review) if args.format == "html" else as_markdown(review)
    if args.format == "markdown" and not args.output:
        terminal.data(text)
        return
    path = Path(args.output).absolute() if args.output else settings.prepare_state() / "review.html"
    try:
        write_file(path, text)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.",
            "Name another --output.",
            code="unwritable-file",
        ) from error
    terminal.result(review.headline)
    terminal.result(f"{wrote(relative(path, settings))}\nOpen it: {path.as_uri()}")


COMMANDS: Commands = {"review": Command(_arguments, _review)}

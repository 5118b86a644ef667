"""The verb review: the page, and the comment of a pull request."""

import argparse
from pathlib import Path

from pybase.cli import _terminal as terminal
from pybase.cli._common import relative, wrote
from pybase.cli._verbs import Command, Commands
from pybase.core.errors import UsageError
from pybase.core.files import write_file
from pybase.core.settings import Settings
from pybase.migrate.review import _markdown as markdown
from pybase.migrate.review import _page as page
from pybase.migrate.review import _review as review
from pybase.migrate.review import _severity as severity


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
    gathered = review.gather(settings, args.range)
    is_page = args.format == "html"
    text = page.render(gathered) if is_page else markdown.render(gathered)
    if not is_page and not args.output:
        terminal.data(text)
        return
    default = settings.prepare_state() / "review.html"
    path = Path(args.output).absolute() if args.output else default
    try:
        write_file(path, text)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.",
            "Name another --output.",
            code="unwritable-file",
        ) from error
    terminal.result(severity.verdict(gathered.cards))
    terminal.result(f"{wrote(relative(path, settings))}\nOpen it: {path.as_uri()}")


COMMANDS: Commands = {"review": Command(_arguments, _review)}

"""The verb review: the page, and the comment of a pull request."""

import argparse
from pathlib import Path

from pybase.cli._verb import Verb, relative
from pybase.core import terminal as present
from pybase.core.errors import UsageError
from pybase.core.settings import Settings


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "range",
        nargs="?",
        metavar="A:B",
        help="the revisions after A up to B, as in base:head; else what the main branch has not",
    )
    parser.add_argument(
        "--format", choices=("html", "markdown"), default="html", help="a page, or a comment"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="where to write it: .pybase/review.html, or it is printed"
    )


def _review(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate.review import _review as review
    from pybase.migrate.review import _severity as verdict

    found = review.gather(settings, args.range)
    if args.format == "markdown":
        from pybase.migrate.review import _markdown as markdown

        written = markdown.render(found)
    else:
        from pybase.migrate.review import _page as page

        written = page.render(found)
    if args.format == "markdown" and not args.output:
        present.data(written)
        return
    default = settings.prepare_state() / "review.html"
    path = Path(args.output).absolute() if args.output else default
    _write(path, written)
    present.say(verdict.verdict(found.cards))
    present.say(f"wrote  {relative(path, settings)}\nOpen it: {path.as_uri()}")


def _write(path: Path, text: str) -> None:
    from pybase.core.files import write_file

    try:
        write_file(path, text)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", "Name another --output."
        ) from error


REVIEW = Verb("Show what revisions do, as a page.", _arguments, _review)

"""sqlfluff over `sql/`: in process, only files that changed, and no file left unread.

It finds layout, case and grammar. Its settings are the project's own, and ours where it has none.
A statement that it cannot read, and PostgreSQL's grammar, or PostgreSQL 19, can, is left out, and
noted.
"""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import pglast
import sqlfluff
from sqlfluff.core import FluffConfig, Linter

from pybase.core import cache
from pybase.core.files import digest
from pybase.core.settings import Settings
from pybase.migrate.record import ERROR
from pybase.migrate.sql.grammar import is_inside_token, newer_form, parsed
from pybase.migrate.sqlfiles._files import SqlFile
from pybase.migrate.sqlfiles._lint_result import NOTE, LintFinding

_Violation: TypeAlias = tuple[int, int, str, str]
"""Line and column, from 1, code, message."""

_PARALLEL_FROM = 16
"""Files from which a second process is worth its start."""

_OVERRIDES: dict[str, Any] = {
    "disable_noqa": True,  # a `noqa` in a revision's comment would hide what follows it
    "templater": "raw",  # `{{` in a literal is no template
    "large_file_skip_byte_limit": 0,  # by default a long file is skipped, with a mere warning
}


OURS: Mapping[str, Any] = {
    "dialect": "postgres",
    "max_line_length": 100,
    "rules": "core,layout",
    "exclude_rules": "CP03,CP05",  # Alembic writes types in upper case and PostgreSQL in lower
}
"""The settings for a project that names no dialect; those that it has are kept."""


Configured: TypeAlias = tuple[dict[str, Any], FluffConfig]
"""Those of our settings that a project is linted with, and all that it is linted with."""


def configured(settings: Settings) -> Configured:
    """Read the settings of a project; none of ours are added where it has a dialect."""
    own = _config(settings.root, require_dialect=False)
    if own.get("dialect") is not None:
        return {}, own
    assumed = {n: value for n, value in OURS.items() if own.get(n) == _defaults().get(n)}
    return assumed, _config(settings.root, assumed)


@functools.cache
def _defaults() -> FluffConfig:
    return FluffConfig(overrides=_OVERRIDES, require_dialect=False)


_UNPARSABLE, _SPACING = "PRS", "LT01"
_UNREAD = "unread-by-sqlfluff"


def lint_layout(
    settings: Settings,
    files: Mapping[str, SqlFile],
    configured: Configured,
    skipped: Collection[str],
) -> Iterator[LintFinding]:
    """Yield what sqlfluff reports of the SQL files of revisions, by path below `sql/`.

    Those whose stem is in `skipped` are not linted: that takes 20 ms a file.
    """
    linted = {path: file for path, file in files.items() if Path(path).stem not in skipped}
    others = [file for path, file in files.items() if path not in linted]
    return _findings(settings, linted, _lint_cached(settings, linted.values(), others, *configured))


def lint_draft(settings: Settings, files: Mapping[str, SqlFile]) -> Iterator[LintFinding]:
    """Yield the same of files that are not in place yet: the cache keeps what it has."""
    return _findings(settings, files, _run(settings.root, *configured(settings), files.values()))


def _findings(
    settings: Settings, files: Mapping[str, SqlFile], results: Iterable[list[_Violation]]
) -> Iterator[LintFinding]:
    for (path, file), violations in zip(files.items(), results, strict=True):
        lines = file.text.split("\n")
        for line, code, message in dict.fromkeys((v[0], *v[2:]) for v in violations):
            if code == "LT05" and _is_ours(lines[line - 1]):
                continue
            is_note = code == _UNREAD
            yield LintFinding(
                file=f"{settings.options.sql}/{path}",
                line=line,
                code=code,
                level=NOTE if is_note else ERROR,
                message=message,
                fix=_NOTHING if is_note else _DIFFERENTLY,
                statement=lines[line - 1] if is_note else "",
            )


_DIFFERENTLY = "Write that statement differently in its revision, then run `nox -s sql`."
_NOTHING = "Nothing has to be changed."


def _is_ours(line: str) -> bool:
    """Whether no author can shorten a line, since none of it is a revision's statement."""
    return line.startswith(("-- ", *_OURS))


_OURS = ("DO $$ BEGIN RAISE '", "    present := ", "    IF NOT present", "        RAISE '")
"""The beginnings of lines of a refusal, and of the check of a version."""


def _lint_cached(
    settings: Settings,
    files: Iterable[SqlFile],
    others: Iterable[SqlFile],
    assumed: Mapping[str, Any],
    config: FluffConfig,
) -> list[list[_Violation]]:
    """Return the violations of each file; what is known of `others` stays known."""
    files = [*files]
    config_text = _config_text(config)

    def key(file: SqlFile) -> str:
        return digest(f"{config_text}\0{file.statements}\0{file.text}".encode())

    def make(missing: list[int], _known: object) -> list[list[_Violation]]:
        return _run(settings.root, assumed, config, [files[place] for place in missing])

    return cache.cached(
        *(settings, "sqlfluff", [*map(key, files)], make, list[_Violation]),
        others=map(key, others),
    )


def _config(
    root: Path, assumed: Mapping[str, Any] = MappingProxyType({}), *, require_dialect: bool = True
) -> FluffConfig:
    overrides = {**assumed, **_OVERRIDES}
    return FluffConfig.from_path(str(root), overrides=overrides, require_dialect=require_dialect)


def _config_text(config: FluffConfig) -> str:
    """All settings, and the versions of both grammars, as text."""
    tool = f"{sqlfluff.__version__} {pglast.__version__} {digest(Path(__file__).read_bytes())}"
    return f"{tool} {sorted(map(str, config.iter_vals()))}"


def _run(
    root: Path, assumed: Mapping[str, Any], config: FluffConfig, files: Collection[SqlFile]
) -> list[list[_Violation]]:
    """Lint files, on two cores where there are many; a pickled FluffConfig loses its templater."""
    if len(files) < _PARALLEL_FROM:
        return _lint_all(config, files)
    results: list[list[_Violation]] = [[] for _ in files]
    with ProcessPoolExecutor(2) as pool:
        runs = [pool.submit(_lint_apart, root, assumed, [*files][start::2]) for start in (0, 1)]
        for start, run in enumerate(runs):
            results[start::2] = run.result()
    return results


def _lint_apart(
    root: Path, assumed: Mapping[str, Any], files: list[SqlFile]
) -> list[list[_Violation]]:
    return _lint_all(_config(root, assumed), files)


def _lint_all(config: FluffConfig, files: Iterable[SqlFile]) -> list[list[_Violation]]:
    """Return the violations of each file."""
    linter = Linter(config=config)
    return [_lint_file(linter, file) for file in files]


def _lint_file(linter: Linter, file: SqlFile) -> list[_Violation]:
    """Lint a file; where a statement is misread, which hides what follows it, without that one."""
    violations = _violations(linter, file.text)
    if not _is_misread(file.text, violations):
        return violations
    lines = file.text.split("\n")
    notes = []
    for first, last in file.statements:
        statement = "\n".join(lines[first - 1 : last])
        note = _NOTE if parsed(statement) else _NEWER if newer_form(statement) else ""
        if note and _is_misread(statement, _violations(linter, statement)):
            lines[first - 1 : last] = ["--"] * (last - first + 1)
            notes.append((first, 1, _UNREAD, note))
    return sorted((*notes, *_violations(linter, "\n".join(lines)))) if notes else violations


_NOTE = (
    f"sqlfluff {sqlfluff.__version__} cannot read this statement, which PostgreSQL's grammar can: "
    "its layout was not checked."
)
_NEWER = (
    f"neither sqlfluff {sqlfluff.__version__} nor pglast {pglast.__version__}, which has the "
    "grammar of PostgreSQL 18, can read this statement: only the answer of a server counts."
)


def _is_misread(sql: str, violations: Iterable[_Violation]) -> bool:
    """Whether sqlfluff lacks the grammar of `sql`, or asks for a blank inside of an operator."""
    return any(
        code == _UNPARSABLE or (code == _SPACING and is_inside_token(sql, line, column))
        for line, column, code, _ in violations
    )


def _violations(linter: Linter, text: str) -> list[_Violation]:
    found = linter.lint_string(text).get_violations(filter_ignore=False, filter_warning=False)
    return [(each.line_no, each.line_pos, each.rule_code(), each.desc()) for each in found]

"""sqlfluff over `sql/`: in process, only files that changed, and no file left unread.

It finds layout, case and grammar. Its settings are the project's own, and ours where it has none.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import sqlfluff
from sqlfluff.core import FluffConfig, Linter

from pybase.core import cache
from pybase.core.files import digest
from pybase.core.settings import Settings
from pybase.migrate.record import ERROR, WARNING
from pybase.migrate.sqlfiles._lint_result import LintFinding

_Violation: TypeAlias = tuple[int, str, str]
"""Line, code, message."""

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


def assumed_settings(settings: Settings) -> dict[str, Any]:
    """Return those of our settings that a project is linted with; none where it has a dialect."""
    own = _config(settings.root, require_dialect=False)
    if own.get("dialect") is not None:
        return {}
    return {name: value for name, value in OURS.items() if own.get(name) == _defaults().get(name)}


@functools.cache
def _defaults() -> FluffConfig:
    return FluffConfig(overrides=_OVERRIDES, require_dialect=False)


_UNPARSABLE = "PRS"
"""No error: PostgreSQL has run each statement in a rehearsal, and sqlfluff's grammar lacks some."""


def lint_layout(settings: Settings, files: Mapping[str, str]) -> Iterator[LintFinding]:
    """Yield what sqlfluff reports of `files`, by path below `sql/`."""
    texts = {path: text for path, text in files.items() if _is_written(path)}
    for path, violations in zip(texts, _lint_texts(settings, [*texts.values()]), strict=True):
        lines = texts[path].split("\n")
        for line, code, message in violations:
            if code == "LT05" and _is_ours(lines[line - 1]):
                continue
            is_read = code != _UNPARSABLE
            yield LintFinding(
                file=f"{settings.options.sql}/{path}",
                line=line,
                code=code,
                level=ERROR if is_read else WARNING,
                message=message,
                fix="Write that statement differently in its revision, then run `nox -s sql`.",
            )


def _is_written(path: str) -> bool:
    """Whether revisions determine the file; each line of `schema/` is PostgreSQL's."""
    return path.endswith(".sql") and not path.startswith(("schema/", "../"))


def _is_ours(line: str) -> bool:
    """Whether no author can shorten a line, since none of it is a revision's statement."""
    return line.startswith(("-- ", *_OURS))


_OURS = ("DO $$ BEGIN RAISE '", "    present := ", "    IF NOT present", "        RAISE '")
"""The beginnings of lines of a refusal, and of the check of a version."""


def _lint_texts(settings: Settings, texts: Sequence[str]) -> list[list[_Violation]]:
    """Return the violations of each text."""
    assumed = assumed_settings(settings)
    config = _config(settings.root, assumed)
    config_text = _config_text(config)
    keys = [digest(f"{config_text}\0{text}".encode()) for text in texts]

    def make(missing: list[int], _known: object) -> list[list[_Violation]]:
        left = [texts[place] for place in missing]
        if len(left) < _PARALLEL_FROM:
            return _lint_all(config, left)
        return _lint_in_parallel(settings.root, assumed, left)

    return cache.cached(settings, "sqlfluff", keys, make, list[_Violation])


def _config(
    root: Path, assumed: Mapping[str, Any] = MappingProxyType({}), *, require_dialect: bool = True
) -> FluffConfig:
    overrides = {**assumed, **_OVERRIDES}
    return FluffConfig.from_path(str(root), overrides=overrides, require_dialect=require_dialect)


def _config_text(config: FluffConfig) -> str:
    """All settings and the version of sqlfluff as text."""
    tool = f"{sqlfluff.__version__} {digest(Path(__file__).read_bytes())}"
    return f"{tool} {sorted(map(str, config.iter_vals()))}"


def _lint_in_parallel(
    root: Path, assumed: Mapping[str, Any], texts: list[str]
) -> list[list[_Violation]]:
    """Lint texts on two cores; a FluffConfig that is pickled loses its templater."""
    results: list[list[_Violation]] = [[] for _ in texts]
    with ProcessPoolExecutor(2) as pool:
        runs = [pool.submit(_lint_apart, root, assumed, texts[start::2]) for start in (0, 1)]
        for start, run in enumerate(runs):
            results[start::2] = run.result()
    return results


def _lint_apart(root: Path, assumed: Mapping[str, Any], texts: list[str]) -> list[list[_Violation]]:
    return _lint_all(_config(root, assumed), texts)


def _lint_all(config: FluffConfig, texts: list[str]) -> list[list[_Violation]]:
    """Return the violations of each text."""
    linter = Linter(config=config)
    return [
        [
            (violation.line_no, violation.rule_code(), violation.desc())
            for violation in linter.lint_string(text).get_violations(
                filter_ignore=False, filter_warning=False
            )
        ]
        for text in texts
    ]

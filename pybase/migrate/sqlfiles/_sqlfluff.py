"""sqlfluff over what is written to `sql/`: in process, only what changed, and nothing left unread.

sqlfluff finds layout, case and grammar. Its settings are the project's own; a project that has
configured no dialect for it has not asked for it.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybase.core.files import digest, write_file
from pybase.core.settings import Settings

if TYPE_CHECKING:
    from pybase.migrate.sqlfiles._lint import Line

_PARALLEL_FROM = 8
"""Files from which a second process is worth its start."""

_OVERRIDES: dict[str, Any] = {
    "disable_noqa": True,  # a `noqa` in a revision's comment would hide what follows it
    "templater": "raw",  # `{{` in a literal is no template
    "large_file_skip_byte_limit": 0,  # by default a long file is skipped, with a mere warning
}


def lint(settings: Settings, files: Mapping[str, str]) -> Iterator["Line"]:
    """Yield what sqlfluff says of `files`, by path below `sql/`."""
    from pybase.migrate.sqlfiles._lint import Line

    texts = {path: text for path, text in files.items() if _is_written(path)}
    for path, findings in _lint_texts(settings, texts).items():
        for line, code, message in findings:
            if code == "LT05" and _is_ours(texts[path].split("\n")[line - 1]):
                continue
            yield Line(
                file=f"{settings.options.sql}/{path}",
                line=line,
                code=code,
                message=message,
                fix="Write that statement differently in its revision, then run `nox -s sql`.",
            )


def _is_written(path: str) -> bool:
    """Whether a revision has a say in the file; of `schema/` PostgreSQL words every line."""
    return path.endswith(".sql") and not path.startswith("schema/")


def _is_ours(line: str) -> bool:
    """Whether nobody can write a line shorter, since none of it is a revision's statement."""
    return line.startswith(("-- ", "DO $$ BEGIN RAISE '"))


def _lint_texts(settings: Settings, texts: Mapping[str, str]) -> dict[str, list[Any]]:
    """Return the findings (line, code, message) by path, of clean and unclean files alike."""
    config_text = _config_text(settings.root)
    if config_text is None:
        return {}
    cache = settings.state / "cache" / f"sqlfluff-{digest(config_text.encode())}.json"
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    keys = {path: digest(text.encode()) for path, text in texts.items()}
    unknown = {path: text for path, text in texts.items() if keys[path] not in known}
    if unknown:
        found = _run(settings.root, unknown)
        known |= {keys[path]: found[path] for path in unknown}
        settings.prepare_state()
        write_file(cache, json.dumps({key: known[key] for key in keys.values()}))
    return {path: known[key] for path, key in keys.items()}


def _config_text(root: Path) -> str | None:
    """All settings and the version of sqlfluff as text, or None where no dialect is chosen."""
    import sqlfluff
    from sqlfluff.core import FluffConfig

    config = FluffConfig.from_path(str(root), overrides=_OVERRIDES, require_dialect=False)
    if config.get("dialect") is None:
        return None
    tool = f"{sqlfluff.__version__} {digest(Path(__file__).read_bytes())}"
    return f"{tool} {sorted(map(str, config.iter_vals()))}"


def _run(root: Path, texts: Mapping[str, str]) -> dict[str, list[Any]]:
    """Lint texts, on both cores where there are many."""
    if len(texts) < _PARALLEL_FROM:
        return dict(zip(texts, _lint_all(root, [*texts.values()]), strict=True))
    halves = [[*texts.items()][start::2] for start in (0, 1)]
    with ProcessPoolExecutor(len(halves)) as pool:
        runs = [pool.submit(_lint_all, root, [text for _, text in half]) for half in halves]
        found: dict[str, list[Any]] = {}
        for half, run in zip(halves, runs, strict=True):
            found |= dict(zip((path for path, _ in half), run.result(), strict=True))
    return found


def _lint_all(root: Path, texts: list[str]) -> list[list[Any]]:
    """Return the findings of each text: (line, code, message)."""
    from sqlfluff.core import FluffConfig, Linter

    linter = Linter(config=FluffConfig.from_path(str(root), overrides=_OVERRIDES))
    return [
        [
            (violation.line_no, violation.rule_code(), violation.desc())
            for violation in linter.lint_string(text).get_violations(
                filter_ignore=False, filter_warning=False
            )
        ]
        for text in texts
    ]

"""sqlfluff over `sql/`: in process, only what changed, and nothing left unread.

sqlfluff finds layout, case and grammar. Its settings are the project's own, in pyproject.toml.
"""

from dataclasses import dataclass
from pathlib import Path

from pybase.errors import CheckFailedError
from pybase.migrate import freshness
from pybase.settings import Settings

_NOTE = "lint"


@dataclass(frozen=True)
class Finding:
    """What sqlfluff says of one place in one file."""

    file: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code} {self.message}"


def lint(settings: Settings) -> int:
    """Lint every file of `sql/`; returns how many there are.

    Raises CheckFailedError with the findings; a file that sqlfluff skipped or could not parse is
    one.
    """
    files = sorted(settings.sql.rglob("*.sql"))
    if freshness.is_noted(settings, _NOTE):
        return len(files)
    findings = _findings(settings, files)
    if findings:
        raise CheckFailedError(
            "\n".join(map(str, findings)) + f"\n{len(findings)} findings.",
            "Write that statement differently in its revision, then run `nox -s sql`.",
        )
    freshness.take_note(settings, _NOTE, [settings.sql])
    return len(files)


def _findings(settings: Settings, files: list[Path]) -> list[Finding]:
    from sqlfluff.core import FluffConfig, Linter  # 0.4 s, and not needed for what is clean

    config = FluffConfig.from_path(str(settings.root))
    linted = Linter(config=config).lint_paths(tuple(map(str, files)), processes=2)
    found = []
    read = set()
    for file in linted.files:
        read.add(Path(file.path))
        name = str(Path(file.path).relative_to(settings.root))
        found += [
            Finding(name, violation.line_no, violation.rule_code(), violation.desc())
            for violation in file.get_violations(filter_ignore=False, filter_warning=False)
        ]
    unread = [path for path in files if path not in read]
    found += [
        Finding(str(path.relative_to(settings.root)), 1, "unread", "sqlfluff skipped this file")
        for path in unread
    ]
    return found

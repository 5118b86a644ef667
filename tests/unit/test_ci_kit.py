"""CI and pre-commit: valid, pinned, with minimal permissions, and commands that exist."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybase.cli import VERBS, _parser

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORKFLOW = ROOT / ".github/workflows/migrations.yml"
NEWEST_ALEMBIC = ROOT / ".github/workflows/newest-alembic.yml"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*"))
HOOKS = ROOT / ".pre-commit-config.yaml"
PAGE = (ROOT / "docs/ci.md").read_text("utf-8")
GITLAB = "".join(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))

OWN_PULL_REQUEST = "github.event.pull_request.head.repo.full_name == github.repository"


def workflow(path: Path = WORKFLOW) -> dict[Any, Any]:
    parsed: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return parsed


def steps() -> list[dict[str, Any]]:
    jobs = [job for path in WORKFLOWS for job in workflow(path)["jobs"].values()]
    return [step for job in jobs for step in job["steps"]]


def run(program: str, *arguments: str, **variables: str) -> None:
    """Run a program of the test environment offline; it must report no problem."""
    offline = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [str(BIN / program), *arguments],
        cwd=ROOT,
        env={**os.environ, **offline, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- valid ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"]
)
def test_workflows_are_valid_for_github(schema: str) -> None:
    run("check-jsonschema", "--builtin-schema", schema, *map(str, WORKFLOWS))


def test_workflows_have_no_finding_of_a_security_linter() -> None:
    run("zizmor", "--offline", "--no-progress", "--persona", "auditor", *map(str, WORKFLOWS))


def test_fragment_is_valid_for_gitlab(tmp_path: Path) -> None:
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(GITLAB, "utf-8")
    gitlab = ("vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    run("check-jsonschema", "--builtin-schema", *gitlab, str(file))


def test_hooks_are_valid_for_pre_commit(tmp_path: Path) -> None:
    run("pre-commit", "validate-config", str(HOOKS), PRE_COMMIT_HOME=str(tmp_path))


# --- minimal permissions --------------------------------------------------------------------------


def test_actions_are_pinned_by_commit_with_their_version_in_a_comment() -> None:
    text = "".join(path.read_text("utf-8") for path in WORKFLOWS)
    lines = re.findall(r"^.*\buses:.*$", text, re.MULTILINE)
    assert len(lines) == len([step for step in steps() if "uses" in step])
    for line in lines:
        assert re.search(r"uses: [\w-]+(/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_one_version_of_an_action_has_one_commit() -> None:
    pins = {step["uses"] for step in steps() if "uses" in step}
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


def test_jobs_have_only_the_permissions_that_they_need() -> None:
    assert [workflow(path)["permissions"] for path in WORKFLOWS] == [{}, {}]
    (newest,) = workflow(NEWEST_ALEMBIC)["jobs"].values()
    assert newest["permissions"] == {"contents": "read"}
    assert {name: job["permissions"] for name, job in workflow()["jobs"].items()} == {
        "check": {"contents": "read"},
        "scan": {"contents": "read", "security-events": "write"},
        "comment": {"pull-requests": "write"},
    }


def test_code_of_a_pull_request_has_no_write_permission_and_no_secret() -> None:
    assert set(workflow()[True]) == {"pull_request", "push"}  # `on` is true in YAML
    assert not any("secrets." in path.read_text("utf-8") for path in WORKFLOWS)
    for job in workflow()["jobs"].values():
        if "write" in job["permissions"].values():
            assert not any("checkout" in step.get("uses", "") for step in job["steps"])
            assert OWN_PULL_REQUEST in " ".join(job["if"].split())
    checkouts = [step for step in steps() if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False, False]


def test_no_expression_is_expanded_in_a_shell_script() -> None:
    assert not [step for step in steps() if "${{" in step.get("run", "")]


def test_token_of_gitlab_is_only_where_nothing_is_checked_out() -> None:
    jobs = {name: job for name, job in yaml.safe_load(GITLAB).items() if "script" in job}
    with_token = {name for name, job in jobs.items() if "$REVIEW_TOKEN" in str(job["script"])}
    assert with_token == {"migrations-note"}
    assert jobs["migrations-note"]["variables"]["GIT_STRATEGY"] == "none"


# --- commands that exist --------------------------------------------------------------------------


def commands() -> list[str]:
    """Each verb with its arguments that the workflow, the fragment, the hooks and the page run."""
    matches = re.findall(
        r"(?:nox -s|\$PYBASE) ([a-z-]+[^\n`|>]*)",
        "\n".join((WORKFLOW.read_text("utf-8"), HOOKS.read_text("utf-8"), PAGE)),
    )
    return sorted({match.strip() for match in matches})


@pytest.mark.parametrize("command", commands())
def test_command_exists_and_takes_its_arguments(command: str) -> None:
    verb, *arguments = shlex.split(command)
    assert verb in VERBS
    assert _parser([verb]).parse_args([verb, *(word for word in arguments if word != "--")])


def test_newest_alembic_is_tested_every_week_and_may_fail() -> None:
    parsed = workflow(NEWEST_ALEMBIC)
    assert "schedule" in parsed[True]
    (job,) = parsed["jobs"].values()
    assert job["continue-on-error"] is True
    assert job["steps"][-1]["run"] == "bash .ci/newest-alembic"


def test_bound_of_alembic_is_the_minor_release_that_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (bound,) = [name for name in project["dependencies"] if name.startswith("alembic")]
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    (pinned,) = re.findall(r"^alembic==(\d+\.\d+)\.\d+$", constraints, re.MULTILINE)
    major, minor = pinned.split(".")
    assert bound == f"alembic>={pinned},<{major}.{int(minor) + 1}"


def test_ci_runs_the_same_script_everywhere() -> None:
    assert any(step.get("run") == "bash .ci/run" for step in steps())
    assert "bash .ci/run" in yaml.safe_load(GITLAB)["migrations"]["script"]


# --- the comment ----------------------------------------------------------------------------------

GH = """#!/bin/sh
printf '%s\\n' "$*" >> calls
case "$*" in *--paginate*) cat known ;; esac
"""


@pytest.mark.parametrize(
    ("known", "call"),
    [
        ("", "--method POST repos/we/it/issues/7/comments"),
        ("31\n32\n", "--method PATCH repos/we/it/issues/comments/31"),
    ],
)
def test_comment_is_created_once_and_then_edited(known: str, call: str, tmp_path: Path) -> None:
    (script,) = (step["run"] for step in workflow()["jobs"]["comment"]["steps"] if "run" in step)
    (tmp_path / "gh").write_text(GH, "utf-8")
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "known").write_text(known, "utf-8")
    (tmp_path / "review.md").write_text("2 revisions: `$(id)`\n", "utf-8")
    subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "REPOSITORY": "repos/we/it",
            "NUMBER": "7",
            "RUN": "https://example.org/run/1",
        },
        check=True,
    )
    assert f"{call} -F body=@comment.md" in (tmp_path / "calls").read_text("utf-8")
    comment = (tmp_path / "comment.md").read_text("utf-8")
    assert comment.startswith("<!-- pybase review -->\n2 revisions: `$(id)`\n")
    assert comment.endswith("(https://example.org/run/1)\n")

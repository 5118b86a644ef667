"""What CI and pre-commit run: valid, pinned, with no right too many, and commands that exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybase.cli import VERBS, _parser

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORKFLOW = ROOT / ".github/workflows/migrations.yml"
HOOKS = ROOT / ".pre-commit-config.yaml"
PAGE = (ROOT / "docs/ci.md").read_text("utf-8")
GITLAB = "".join(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))

PULL_REQUEST_OF_OURS = "github.event.pull_request.head.repo.full_name == github.repository"


def workflow() -> dict[Any, Any]:
    parsed: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    return parsed


def steps() -> list[dict[str, Any]]:
    return [step for job in workflow()["jobs"].values() for step in job["steps"]]


def run(program: str, *arguments: str, **variables: str) -> None:
    """Run a program of our environment; it must find nothing wrong, and ask nobody."""
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
def test_workflow_is_what_github_takes(schema: str) -> None:
    run("check-jsonschema", "--builtin-schema", schema, str(WORKFLOW))


def test_workflow_has_nothing_that_a_security_linter_finds() -> None:
    run("zizmor", "--offline", "--no-progress", "--persona", "auditor", str(WORKFLOW))


def test_fragment_is_what_gitlab_takes(tmp_path: Path) -> None:
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(GITLAB, "utf-8")
    gitlab = ("vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    run("check-jsonschema", "--builtin-schema", *gitlab, str(file))


def test_hooks_are_what_pre_commit_takes(tmp_path: Path) -> None:
    run("pre-commit", "validate-config", str(HOOKS), PRE_COMMIT_HOME=str(tmp_path))


# --- no right too many ----------------------------------------------------------------------------


def test_actions_are_pinned_by_commit_with_their_version_beside_it() -> None:
    lines = re.findall(r"^.*\buses:.*$", WORKFLOW.read_text("utf-8"), re.MULTILINE)
    assert len(lines) == len([step for step in steps() if "uses" in step])
    for line in lines:
        assert re.search(r"uses: [\w-]+(/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_one_version_of_an_action_has_one_commit() -> None:
    pins = {step["uses"] for step in steps() if "uses" in step}
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


def test_nothing_may_be_done_but_what_a_job_needs() -> None:
    assert workflow()["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow()["jobs"].items()} == {
        "check": {"contents": "read"},
        "scan": {"contents": "read", "security-events": "write"},
        "comment": {"pull-requests": "write"},
    }


def test_code_of_a_pull_request_never_meets_a_right_to_write_or_a_secret() -> None:
    assert set(workflow()[True]) == {"pull_request", "push"}  # YAML takes `on` for true
    assert "secrets." not in WORKFLOW.read_text("utf-8")
    for job in workflow()["jobs"].values():
        if "write" in job["permissions"].values():
            assert not any("checkout" in step.get("uses", "") for step in job["steps"])
            assert PULL_REQUEST_OF_OURS in " ".join(job["if"].split())
    checkouts = [step for step in steps() if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


def test_no_text_of_people_is_pasted_into_a_shell() -> None:
    assert not [step for step in steps() if "${{" in step.get("run", "")]


def test_token_of_gitlab_is_only_where_nothing_is_checked_out() -> None:
    jobs = {name: job for name, job in yaml.safe_load(GITLAB).items() if "script" in job}
    with_token = {name for name, job in jobs.items() if "$REVIEW_TOKEN" in str(job["script"])}
    assert with_token == {"migrations-note"}
    assert jobs["migrations-note"]["variables"]["GIT_STRATEGY"] == "none"


# --- commands that exist --------------------------------------------------------------------------


def commands() -> list[str]:
    """Each verb with its arguments that the workflow, the fragment, the hooks and the page run."""
    found = re.findall(
        r"(?:nox -s|\$PYBASE) ([a-z-]+[^\n`|>]*)",
        "\n".join((WORKFLOW.read_text("utf-8"), HOOKS.read_text("utf-8"), PAGE)),
    )
    return sorted({each.strip() for each in found})


@pytest.mark.parametrize("command", commands())
def test_command_exists_and_takes_its_arguments(command: str) -> None:
    verb, *arguments = shlex.split(command)
    assert verb in VERBS
    assert _parser().parse_args([verb, *(each for each in arguments if each != "--")])


def test_ci_runs_what_everybody_runs() -> None:
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
def test_comment_is_written_once_and_then_edited(known: str, call: str, tmp_path: Path) -> None:
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

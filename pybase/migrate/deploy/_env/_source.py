"""The text of an env.py: whether it can do anything on its connection."""

import ast
from pathlib import Path

_FOREIGN = ("alembic", "sqlalchemy")


def delegates(env: Path) -> bool:
    """Whether an env.py only imports metadata and hands them to our `environment.run`.

    What is not understood at a glance is not taken for granted: it has to be run.
    """
    body = _parsed(env).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    expressions = [node.value for node in body if isinstance(node, ast.Expr)]
    calls = [value for value in expressions if not isinstance(value, ast.Constant)]
    is_plain = len(imports) + len(expressions) == len(body) and len(calls) == 1
    return is_plain and _is_run(calls[0]) and _are_ours(imports)


def _is_run(call: ast.expr) -> bool:
    """Whether an expression is `environment.run(NAME)`."""
    if not isinstance(call, ast.Call) or call.keywords:
        return False
    is_named = all(isinstance(argument, ast.Name | ast.Attribute) for argument in call.args)
    return is_named and ast.unparse(call.func) == "environment.run"


def _are_ours(imports: list[ast.Import | ast.ImportFrom]) -> bool:
    """Whether `environment` is ours, and neither Alembic nor SQLAlchemy is imported."""
    modules, sources = [], []
    for node in imports:
        module = node.module if isinstance(node, ast.ImportFrom) else None
        for alias in node.names:
            modules.append(module or alias.name)
            if (alias.asname or alias.name) == "environment":
                sources.append(module)
    is_foreign = any(module.partition(".")[0] in _FOREIGN for module in modules)
    return sources == ["pybase.migrate"] and not is_foreign


def may_act(env: Path) -> bool:
    """Whether an env.py has code that may act on its connection, though it did not this time."""
    return any(
        getattr(node, field, None) in _ACTING
        for node in ast.walk(_parsed(env))
        for field in ("attr", "id", "name", "arg")
    )


_ACTING = frozenset(
    (
        *("execute", "exec_driver_sql", "execution_options", "scalar", "scalars", "cursor"),
        *("event", "listen", "listens_for", "driver_connection", "dbapi_connection"),
        *("connect_args", "on_version_apply", "get_x_argument"),
    )
)


def _parsed(env: Path) -> ast.Module:
    """Parse an env.py; one that is none is empty, and fails when it is run."""
    try:
        return ast.parse(env.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])

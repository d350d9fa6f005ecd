"""The tuned numbers of the code, a table for each room: `python scripts/constants.py [ROOM ...]`.

A number is a name in capitals at the top level of a file; its meaning is the string below it, or the comment beside it.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1] / "datasource"
_ARITHMETIC = (ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.Tuple, ast.operator, ast.unaryop, ast.expr_context)


class Number(NamedTuple):
    """A tuned number, or several that belong together, as they stand in the code; `meaning` may be empty."""

    name: str
    value: str
    meaning: str
    file: str


def numbers(file: Path) -> list[Number]:
    """The tuned numbers of a file."""
    source = file.read_text(encoding="utf-8")
    lines, body, found = source.splitlines(), ast.parse(source).body, []
    for statement, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.Assign) and _is_numeric(statement.value):
            name, value = (ast.unparse(one).strip("()") for one in (statement.targets[0], statement.value))
            meaning = lines[(statement.end_lineno or 1) - 1][statement.end_col_offset or 0 :].lstrip(" #")
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                meaning = " ".join(str(below.value.value).split())
            if name.isupper():
                found.append(Number(name, value, meaning, str(file.relative_to(PACKAGE))))
    return found


def rooms() -> list[str]:
    """The rooms that have any."""
    return sorted({file.relative_to(PACKAGE).parts[0] for file in PACKAGE.glob("*/**/*.py") if numbers(file)})


def table(room: str) -> Iterator[str]:
    """The lines of a room's table."""
    yield f"## {room}"
    yield ""
    yield "| number | value | meaning | file |"
    yield "|---|---|---|---|"
    for file in sorted((PACKAGE / room).glob("**/*.py")):
        yield from (f"| `{n.name}` | {n.value} | {n.meaning} | `{n.file}` |" for n in numbers(file))
    yield ""


def _is_numeric(value: ast.expr) -> bool:
    """Whether a value is made of numbers, and names of other ones."""
    nodes = list(ast.walk(value))
    found = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return (
        bool(found)
        and all(isinstance(node, _ARITHMETIC) for node in nodes)
        and all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in found)
    )


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - set(rooms()):
        sys.exit(f"no room '{min(unknown)}' has constants; there are {', '.join(rooms())}")
    for one in sys.argv[1:] or rooms():
        print("\n".join(table(one)))

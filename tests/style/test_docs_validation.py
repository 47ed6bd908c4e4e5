"""docs/validation.md lists every finding code of the checks with its severity, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DECIDE = ROOT / "src/openlpm/decide"
ROW = re.compile(r"^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _values(tree: ast.Module, node: ast.expr) -> set[str]:
    """All that an expression can be: a text, one of two, a parameter, or a column of a table."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=one, orelse=other):
            return _values(tree, one) | _values(tree, other)
        case ast.Attribute(attr=attribute):
            return {attribute.lower()}
        case ast.Name(id=name):
            return _passed(tree, name) | _columns(tree, name)
        case _:
            raise AssertionError(f"line {node.lineno}: a code that this test cannot follow")


def _passed(tree: ast.Module, parameter: str) -> set[str]:
    found: set[str] = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            names = [argument.arg for argument in function.args.args]
            if parameter in names:
                for call in _calls(tree, function.name):
                    found |= _values(tree, call.args[names.index(parameter)])
    return found


def _columns(tree: ast.Module, name: str) -> set[str]:
    """`for name, … in table`, where the table is assigned nearby."""
    found: set[str] = set()
    tables = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for loop in ast.walk(tree):
        if not (isinstance(loop, ast.For) and isinstance(loop.target, ast.Tuple)):
            continue
        names = [element.id for element in loop.target.elts if isinstance(element, ast.Name)]
        table = tables.get(loop.iter.id) if isinstance(loop.iter, ast.Name) else None
        if name in names and isinstance(table, ast.Tuple):
            for row in table.elts:
                assert isinstance(row, ast.Tuple)
                found |= _values(tree, row.elts[names.index(name)])
    return found


def _found_by_the_checks() -> dict[str, set[str]]:
    """Code -> the severities it can have."""
    codes: dict[str, set[str]] = {}
    others = (DECIDE / "reserve.py", DECIDE / "copy_plan.py")
    for path in (*sorted((DECIDE / "checks").glob("*.py")), *others):
        tree = ast.parse(path.read_text())
        for call in _calls(tree, "Finding"):
            texts = _values(tree, call.args[0])
            assert texts, f"{path.name}:{call.lineno}: no code found"
            for code in texts:
                codes.setdefault(code, set()).update(_values(tree, call.args[1]))
    return codes


def _documented() -> dict[str, tuple[str, str, str]]:
    rows = ROW.findall((ROOT / "docs/validation.md").read_text())
    assert len({code for code, *_ in rows}) == len(rows), "a code is listed twice"
    return {code: (severity, looked_at, remedy) for code, severity, looked_at, remedy in rows}


def test_every_finding_is_documented_and_nothing_else() -> None:
    assert set(_documented()) == set(_found_by_the_checks())


def test_the_severities_agree() -> None:
    documented = {
        code: {word for word in ("error", "warning") if word in severity}
        for code, (severity, _, _) in _documented().items()
    }
    assert documented == _found_by_the_checks()


def test_this_test_can_follow_every_way_a_code_is_given() -> None:
    """One of each: plain, one of two, a parameter, a column, and from `reserve`."""
    some = {"same-system", "switch-inactive", "source-unreachable", "block-job", "memory-short"}
    assert some <= set(_found_by_the_checks())

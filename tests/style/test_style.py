"""The linters are tests: what they find, a reviewer need not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LONGEST_FILE = 500


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["pyright"],
        ["lint-imports"],
    ],
    ids=" ".join,
)
def test_linter_is_content(command: list[str]) -> None:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


def test_no_file_is_too_long() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in _tracked("*.py")}
    assert lengths
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_every_module_opens_with_a_docstring() -> None:
    silent = [
        str(p.relative_to(ROOT))
        for p in _tracked("src/*.py")
        if not p.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert silent == []


def test_every_dependency_is_named_in_the_readme() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {requirement.split(">")[0].split("[")[0].strip() for requirement in wanted}
    readme = (ROOT / "README.md").read_text()
    assert {name for name in names if f"`{name}`" not in readme} == set()


def test_every_make_verb_is_documented() -> None:
    shown = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    verbs = {line.split()[0] for line in shown.splitlines() if line}
    readme = (ROOT / "README.md").read_text()
    assert verbs
    assert {verb for verb in verbs if f"make {verb}" not in readme} == set()


def test_every_environment_variable_is_documented() -> None:
    read = re.compile(r"(?:environ(?:\.get)?[\[(]|envvar=)\s*\"([A-Z_]+)\"")
    names = {
        name for p in _tracked("src/*.py", "tools/*.py") for name in read.findall(p.read_text())
    }
    documented = "".join(p.read_text() for p in _tracked("docs/*.md", "README.md"))
    assert "LPM_SOCKET" in names
    assert {name for name in names - {"TERM"} if name not in documented} == set()

"""No shell is ever given a name, and XML from servers is read at one place only.

Both are looked for in the syntax tree, so that a name in a comment does not count, and a planted
line of each kind shows that the look finds it.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READER = "src/openlpm/adapters/libvirt/xml.py"
YAML_READER = "src/openlpm/faces/cli/yaml_text.py"
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "tools").rglob("*.py")])

SHELLS = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell", "pty.spawn", "commands.getoutput", "eval", "exec",
}  # fmt: skip
STARTERS = {
    "subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call",
    "subprocess.check_output",
}  # fmt: skip
HIDING = SHELLS | STARTERS
WORDS = {"sh", "bash", "dash", "ash", "zsh", "/bin/sh", "/bin/bash", "/usr/bin/bash", "ssh"}
ETREE = {"etree", "lxml.etree"}
ECHOES = {"click.echo", "click.secho", "print"}
XML_READERS = {"fromstring", "fromstringlist", "parse", "XML", "HTML", "iterparse", "XMLParser",
               "ETCompatXMLParser", "HTMLParser", "XSLT", "XInclude"}  # fmt: skip
XML_MODULES = {"xml", "defusedxml", "xmltodict", "html.parser", "bs4", "lxml.objectify",
               "lxml.html", "pickle", "marshal", "shelve"}  # fmt: skip


def dotted(node: ast.expr) -> str:
    """`a.b.c` as it is written."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def is_text(node: ast.expr) -> bool:
    """A command in one piece: a literal, an f-string, text put together."""
    if isinstance(node, ast.BinOp):
        return is_text(node.left) or is_text(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("format", "join") and is_text(node.func.value)
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def starts_shell(call: ast.Call) -> bool:
    """A call of a shell, or of a program with its command in one piece."""
    name = dotted(call.func)
    shell = [k.value for k in call.keywords if k.arg == "shell"]
    if any(not (isinstance(v, ast.Constant) and v.value is False) for v in shell):
        return True
    return name in SHELLS or (name in STARTERS and bool(call.args) and is_text(call.args[0]))


def names_shell(words: Sequence[ast.expr]) -> bool:
    """Words of a command such as `sh -c`."""
    texts = [word.value if isinstance(word, ast.Constant) else "" for word in words]
    return any(w in WORDS and str(flag).startswith("-") for w, flag in pairwise(texts))


def shells(tree: ast.AST) -> Iterator[int]:
    """Lines on which a shell is started, or could be."""
    for node in ast.walk(tree):
        match node:
            case ast.Call() if starts_shell(node) or names_shell(node.args):
                yield node.lineno
            case ast.List() | ast.Tuple() if names_shell(node.elts):
                yield node.lineno
            # Under another name, the rest of this test would not see it.
            case ast.ImportFrom() if {f"{node.module}.{a.name}" for a in node.names} & HIDING:
                yield node.lineno


def modules_of(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The modules that an import names, or could mean."""
    names = {alias.name for alias in node.names}
    if isinstance(node, ast.Import):
        return names
    return {node.module or "", *(f"{node.module}.{name}" for name in names)}


def xml_readers(tree: ast.AST) -> Iterator[int]:
    """Lines that read XML, or could: the modules for it, and lxml's own functions."""
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                # `from lxml.etree import fromstring` would not be seen below.
                hiding = isinstance(node, ast.ImportFrom) and node.module == "lxml.etree"
                tops = {".".join(m.split(".")[:n]) for m in modules_of(node) for n in (1, 2)}
                if hiding or tops & XML_MODULES:
                    yield node.lineno
            case ast.Attribute() if node.attr in XML_READERS and dotted(node.value) in ETREE:
                yield node.lineno


def yaml_readers(tree: ast.AST) -> Iterator[int]:
    """Lines that read YAML, or could."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            tops = {module.split(".")[0] for module in modules_of(node)}
            if tops & {"yaml", "_yaml", "ruamel"}:
                yield node.lineno


def raw_echoes(tree: ast.AST) -> Iterator[int]:
    """Lines of the command line that print a value without `output.say`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or dotted(node.func) not in ECHOES or not node.args:
            continue
        parts = list(ast.walk(node.args[0]))
        if isinstance(parts[0], ast.Name) or any(isinstance(p, ast.FormattedValue) for p in parts):
            yield node.lineno


Look = Callable[[ast.AST], Iterator[int]]


def found(look: Look, *but: str, below: str = "") -> list[str]:
    return [
        f"{name}:{line}"
        for path in SOURCES
        if (name := str(path.relative_to(ROOT))).startswith(below) and name not in but
        for line in look(ast.parse(path.read_text()))
    ]


def test_no_shell_is_ever_started() -> None:
    assert len(SOURCES) > 100
    assert found(shells) == []


def test_xml_is_read_at_one_place_only() -> None:
    assert found(xml_readers, READER) == []


def test_yaml_is_read_at_one_place_only_and_safely() -> None:
    assert found(yaml_readers, YAML_READER) == []
    tree = ast.parse((ROOT / YAML_READER).read_text())
    named = {dotted(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    loads = {name for name in named if "load" in name.lower() and name.startswith("yaml.")}
    assert loads == {"yaml.load", "yaml.SafeLoader"}
    (call,) = [
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and dotted(n.func) == "yaml.load"
    ]
    assert dotted(call.args[1]) == "_Loader"


def test_the_command_line_prints_nothing_as_it_came() -> None:
    # What these print is ours: the version, the steps' names, a text made printable.
    ours = ("output.py", "main.py", "show_plain.py", "partition_console.py")
    below = "src/openlpm/faces/cli/"
    assert found(raw_echoes, *(below + name for name in ours), below=below) == []


def test_the_one_reader_of_xml_is_hardened() -> None:
    """That nothing is resolved is tested in tests/fuzz; this is for who reads a failing diff."""
    tree = ast.parse((ROOT / READER).read_text())
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    (parser,) = [call for call in calls if dotted(call.func) == "etree.XMLParser"]
    options = {k.arg: ast.literal_eval(k.value) for k in parser.keywords}
    assert options.items() >= {
        "resolve_entities": False, "load_dtd": False, "dtd_validation": False,
        "no_network": True, "huge_tree": False,
    }.items()  # fmt: skip
    (read,) = [call for call in calls if dotted(call.func) == "etree.fromstring"]
    assert dotted(read.args[1]) == "parser"


@pytest.mark.parametrize(
    "line",
    [
        "os.system(f'virsh start {name}')",
        "os.popen(command)",
        "subprocess.run(argv, shell=True)",
        "subprocess.run(argv, shell=wanted)",
        "subprocess.run(f'virsh start {name}')",
        "subprocess.Popen('virsh ' + name)",
        "subprocess.run('virsh {}'.format(name))",
        "run(['sh', '-c', f'virsh start {name}'])",
        "run(('bash', '-ec', script))",
        "run_tool('sh', '-c', script)",
        "run(['ssh', '-l', user, host])",
        "eval(text)",
        "from subprocess import run",
        "from os import system",
    ],
)
def test_a_shell_is_seen(line: str) -> None:
    assert list(shells(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "etree.fromstring(xml)",
        "etree.XML(xml)",
        "etree.parse(file)",
        "parser = etree.XMLParser(resolve_entities=True)",
        "from lxml.etree import fromstring",
        "import xml.etree.ElementTree",
        "from xml.dom import minidom",
        "import pickle",
    ],
)
def test_a_second_reader_of_xml_is_seen(line: str) -> None:
    assert list(xml_readers(ast.parse(line)))


@pytest.mark.parametrize("line", ["import yaml", "from yaml import load", "import ruamel.yaml"])
def test_a_second_reader_of_yaml_is_seen(line: str) -> None:
    assert list(yaml_readers(ast.parse(line)))


@pytest.mark.parametrize("line", ["click.echo(text)", "print(f'{name} is off')"])
def test_a_raw_echo_is_seen(line: str) -> None:
    assert list(raw_echoes(ast.parse(line)))

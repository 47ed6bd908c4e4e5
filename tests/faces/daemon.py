"""The real server on a real UNIX socket, with the fake console behind it: a child of the tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from fake_console import FakeConsole

from openlpm.faces.rest.app import build_app
from openlpm.faces.rest.server import run
from openlpm.model.errors import OpenLpmError

try:
    run(
        build_app(FakeConsole()),  # type: ignore[arg-type]
        Path(sys.argv[1]),
        on_ready=lambda: print("ready", flush=True),
    )
except OpenLpmError as error:
    sys.exit(f"{error.code}: {error}")
print("stopped", flush=True)

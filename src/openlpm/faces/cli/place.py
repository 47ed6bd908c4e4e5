"""Where the console's socket and its database are: root's in the system's folders, else one's own.

Without `XDG_RUNTIME_DIR` (su, cron) a user's socket lies in ~/.openlpm: never in a folder that
others can write, where somebody else's program could pose as the console.
"""

import os

DATABASE = "LPM_DATABASE"


def socket_path() -> str:
    """The console's socket, unless `--socket` or $LPM_SOCKET says otherwise."""
    if os.geteuid() == 0:
        return "/run/openlpm/lpmd.sock"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return f"{runtime}/openlpm/lpmd.sock" if runtime else os.path.expanduser("~/.openlpm/lpmd.sock")


def passed_on(database: str) -> tuple[list[str], dict[str, str]]:
    """Options and environment that name the database to the daemon's program.

    A URL may hold a password, and options are seen by everybody who runs `ps`.
    """
    if "://" in database:
        return [], {**os.environ, DATABASE: database}
    environment = {name: value for name, value in os.environ.items() if name != DATABASE}
    return ["--database", database], environment


def database_path() -> str:
    """The console's state, unless `--database` says otherwise."""
    if os.geteuid() == 0:
        return "/var/lib/openlpm/lpmd.sqlite"
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return f"{state}/openlpm/lpmd.sqlite"

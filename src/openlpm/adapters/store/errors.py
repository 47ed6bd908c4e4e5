"""The database's errors, in the words of `model/errors.py`.

SQLite's primary result codes (https://www.sqlite.org/rescode.html) are few; each that an
operator can do something about has its own code and remedy. The rest is `store-failed`.
"""

import errno
import shlex
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from openlpm.adapters.store import postgresql_errors
from openlpm.adapters.store.trouble import FULL, IO, OTHER, RULE, Trouble
from openlpm.model.errors import StoreFailed

_READ_ONLY = Trouble(
    "store-read-only",
    "The file or its file system cannot be written.",
    "Check the file's owner and mode, and how its file system is mounted.",
)
_CORRUPT = Trouble(
    "store-corrupt",
    "It is damaged, or no database at all.",
    "",  # `restore_or_anew` names the file
)
_LOCKED = Trouble(
    "store-locked",
    "Another program keeps it locked.",
    "Find who has it open (fuser), and let that program end.",
)
_CANNOT_OPEN = Trouble(
    "store-cannot-open",
    "It cannot be opened or made.",
    "Check that its folder exists and that the console may write there.",
)

_BY_SQLITE_CODE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_ERROR: _CORRUPT,  # our statements are right: the tables are not
    sqlite3.SQLITE_SCHEMA: _CORRUPT,
    sqlite3.SQLITE_FORMAT: _CORRUPT,
    sqlite3.SQLITE_MISMATCH: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CANTOPEN: _CANNOT_OPEN,
    sqlite3.SQLITE_IOERR: IO,
    # Shared memory beside the file that cannot grow: on a full file system, this comes first.
    sqlite3.SQLITE_IOERR_SHMSIZE: FULL,
    sqlite3.SQLITE_CONSTRAINT: RULE,
}


_BY_ERRNO = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: _READ_ONLY,
}


def cannot_open(file: Path, error: OSError) -> StoreFailed:
    """The error for a file of the store that the system would not open or make."""
    trouble = _BY_ERRNO.get(error.errno or 0, _CANNOT_OPEN)
    return _failed(trouble, str(file), error.strerror or str(error))


@contextmanager
def translated(where: str) -> Generator[None]:
    """Turn the database's errors into `StoreFailed`; everything else passes unchanged."""
    try:
        yield
    except DBAPIError as error:
        raise _failed(_trouble(error.orig), where, " ".join(str(error.orig).split())) from error
    except PoolTimeout as error:
        raise _failed(postgresql_errors.BUSY, where, "no connection is free") from error
    except sqlite3.Error as error:
        raise _failed(_trouble(error), where, str(error)) from error
    except (JSONDecodeError, UnicodeDecodeError) as error:  # SQLite's own message may be garbled
        raise _failed(_CORRUPT, where, str(error)) from error


def _trouble(error: BaseException | None) -> Trouble:
    if not isinstance(error, sqlite3.Error):
        return postgresql_errors.trouble(error)
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(code, int):  # said by Python's module itself: a text is no UTF-8
        return _CORRUPT if isinstance(error, sqlite3.OperationalError) else OTHER
    return _BY_SQLITE_CODE.get(code) or _BY_SQLITE_CODE.get(code & 0xFF, OTHER)


def _failed(trouble: Trouble, where: str, said: str) -> StoreFailed:
    return StoreFailed(
        trouble.code,
        f"The console's state in {where} could not be read or written ({said}).",
        cause=trouble.cause,
        remedy=trouble.remedy or restore_or_anew(where),
    )


def damaged(file: Path, cause: str, *, code: str = _CORRUPT.code) -> StoreFailed:
    """The error for a database that is not as it was written."""
    return StoreFailed(
        code,
        f"The console's state in {file} is damaged.",
        cause=cause,
        remedy=restore_or_anew(str(file)),
    )


def restore_or_anew(file: str) -> str:
    """What an operator can do about a damaged database."""
    return (
        f"Restore a backup: lpm restore BACKUP --database {shlex.quote(file)}. Without one, move "
        f"{file}* away, start the console, and add each server again (lpm system add). Where "
        "partitions run is not lost: the servers know."
    )

"""Where the state is: a file of SQLite's, or a database of PostgreSQL's."""


def is_url(database: str) -> bool:
    """Is it PostgreSQL's?

    >>> is_url("postgresql://openlpm@db1/openlpm"), is_url("/var/lib/openlpm/lpmd.sqlite")
    (True, False)
    """
    return database.startswith(("postgresql://", "postgres://"))

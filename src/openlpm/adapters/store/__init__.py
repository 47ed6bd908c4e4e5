"""The console's own state: `ports.Journal` and `ports.Inventory` over SQLAlchemy Core.

    store.py         opens and closes a file: lock, check, engine, schema, epoch
    shared.py        the same on PostgreSQL, for several consoles; lease.py: which one leads
    check.py         is it whole? seals.py: checksums; witness.py: has it lost anything?
    engine.py        reading and writing; sqlite.py, postgresql.py: what is peculiar to each
    transactions.py  one fenced, all-or-nothing write at a time
    leadership.py    who may write: the lock beside a file, the epoch inside the database
    journal.py       migrations and their room: the rules (records.py: the rows)
    events.py        what happened, in order
    inventory.py     managed systems, and what was last seen on them
    archive.py       backups; restore.py: what of one becomes the state
    offline.py       restoring where no console runs; swap.py: in place of a damaged file
    schema.py        the tables; upgrade.py and versions/: how older ones become these
    codec.py         dataclass to row and back (inventory_codec.py: the inventory's)
    fields.py        stored values, checked as they are read
    errors.py        the database's errors, in the words of `model/errors.py`
                     (trouble.py: what to tell; postgresql_errors.py: PostgreSQL's)

>>> store = open_store(Path("/var/lib/openlpm/state.db"))  # doctest: +SKIP
>>> store.journal.unfinished()  # doctest: +SKIP
"""

from openlpm.adapters.store.offline import restore_offline
from openlpm.adapters.store.store import Store, open_store

__all__ = ["Store", "open_store", "restore_offline"]

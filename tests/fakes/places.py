"""Where a partition may be seen, by name: for the tables of the tests and the walk.

The same place means one thing at the source and another at the target, so some have two names.
"""

from openlpm.model.sight import Place, Sight, Why

RUNS = Place(Sight.RUNNING)
RESUMED = Place(Sight.RUNNING, Why.RESUMED)
SHELL = PAUSED_BY_TRANSFER = Place(Sight.PAUSED, Why.MIGRATION)
PAUSED_BY_USER = Place(Sight.PAUSED, Why.USER)
FROZEN = Place(Sight.PAUSED, Why.FAULT)
SHUT_DOWN = Place(Sight.OFF, Why.USER)
CRASHED = Place(Sight.OFF, Why.FAULT)
MIGRATED = Place(Sight.OFF, Why.MIGRATED)
OFF = Place(Sight.OFF)
FETCHED_FROM = Place(Sight.PAUSED, Why.POSTCOPY)
BROKEN_OFF = Place(Sight.PAUSED, Why.POSTCOPY_FAILED)
FETCHES = Place(Sight.RUNNING, Why.POSTCOPY)
LACKS = Place(Sight.RUNNING, Why.POSTCOPY_FAILED)

"""Two consoles on one PostgreSQL, and two who look on: at what each writes, and at the servers.

    pair = Pair(lab, cluster)             # `one` runs and leads
    pair.start("two")                     # it follows
    pair.consoles["one"].kill()
    wait_until(lambda: pair.leads("two"), …)
    pair.written_late("one", "two")       # what `one` wrote since `two` wrote first: nothing

Each console has a database user of its own, and triggers note in the same transaction which user
has written what. So nobody has to be believed: a write that was undone is not noted, one that was
kept is.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from openlpm.chaos.postgresql import Cluster, database
from openlpm.chaos.watch import Watch
from openlpm.faces.cli.client import Client, path_of
from openlpm.faces.cli.problem import Problem
from openlpm.lab.command import wait_until
from openlpm.lab.lab import Lab
from openlpm.lab.stage import BIN

NAMES = ("one", "two")
ANSWERS_S = 20.0
_USERS = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'one') THEN
    CREATE ROLE one SUPERUSER LOGIN;
    CREATE ROLE two SUPERUSER LOGIN;
  END IF;
END $$
"""
# All writers lock the lease's row first, so the numbers are in the order of the commits.
_NOTES = """
CREATE SCHEMA inspector;
CREATE TABLE inspector.notes (number bigserial, console name, what text);
CREATE FUNCTION inspector.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO inspector.notes (console, what)
    VALUES (session_user, lower(TG_OP) || ' ' || TG_TABLE_NAME);
  RETURN NULL;
END $$;
DO $$ DECLARE written name; BEGIN
  FOR written IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('CREATE TRIGGER inspector AFTER INSERT OR UPDATE OR DELETE ON %I '
                   'FOR EACH ROW EXECUTE FUNCTION inspector.note()', written);
  END LOOP;
END $$
"""


class Pair:
    """The consoles `one` and `two`, as many of them as have been started."""

    def __init__(self, lab: Lab, cluster: Cluster) -> None:
        self.consoles: dict[str, subprocess.Popen[str]] = {}
        self._lab, self._cluster = lab, cluster
        self._url = cluster.create()
        self._database = database(self._url)
        cluster.sql(_USERS)
        self.start("one")
        wait_until(lambda: self.leads("one"), seconds=ANSWERS_S, what="the first console to lead")
        self.first_epoch = self.epoch("one")
        cluster.sql(_NOTES, self._database)
        self.watch = Watch(lab)

    # The consoles

    def socket(self, name: str) -> Path:
        """Where a console listens."""
        return self._lab.folder.run / f"{name}.sock"

    def start(self, name: str) -> None:
        """Start a console, and wait until it answers."""
        argv = [str(BIN / "lpm"), "--socket", str(self.socket(name)), "serve"]
        env = {**os.environ, "LPM_DATABASE": self._cluster.url(self._database, name)}
        with (self._lab.folder.run / f"{name}.log").open("a") as log:
            self.consoles[name] = self._lab.popen(argv, stdout=log, stderr=log, env=env)
        wait_until(lambda: self.view(name), seconds=ANSWERS_S, what=f"console {name} to answer")

    def end(self) -> None:
        """End them, and remove their database."""
        for console in self.consoles.values():
            console.kill()
            console.wait(10)
        self.watch.end()
        self._cluster.drop(self._url)

    # What they say

    def client(self, name: str) -> Client:
        """Asks one of them."""
        return Client(str(self.socket(name)), timeout_s=10)

    def view(self, name: str) -> dict[str, Any]:
        """What a console says of itself and of who leads; nothing while it does not answer."""
        try:
            return self.client(name).get(path_of("console"))
        except Problem:
            return {}

    def leads(self, name: str) -> bool:
        """It says so, and the database too."""
        view = self.view(name)
        leader: dict[str, Any] = view.get("leader") or {}
        return view.get("leads", False) and leader.get("name") == view["name"]

    def epoch(self, name: str) -> int:
        """That of whoever leads, as a console knows it; 0 when nobody does."""
        leader: dict[str, Any] = self.view(name).get("leader") or {}
        return leader.get("epoch", 0)

    # What is

    def reservations(self) -> int:
        """Rooms held for moves."""
        ((count,),) = self._cluster.sql("SELECT count(*) FROM reservations", self._database)
        return count

    def written(self, name: str) -> list[str]:
        """What a console has written."""
        return self._notes(f"console = '{name}'")

    def written_late(self, name: str, heir: str) -> list[str]:
        """What a console has written since its heir wrote first."""
        first = f"SELECT min(number) FROM inspector.notes WHERE console = '{heir}'"  # noqa: S608
        return self._notes(f"console = '{name}' AND number > ({first})")

    def _notes(self, which: str) -> list[str]:
        query = f"SELECT what FROM inspector.notes WHERE {which} ORDER BY number"  # noqa: S608
        return [what for (what,) in self._cluster.sql(query, self._database)]

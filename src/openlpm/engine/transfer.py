"""The call that carries a transfer: it blocks for as long as memory is sent.

It lives in a thread of its own. When the console dies the call dies with it, the transfer does
not. What the call returns is only a hint ("look now"); what happened is always looked up.
"""

import threading
from collections.abc import Callable

from openlpm.engine.bell import Bell
from openlpm.model.errors import HypervisorRefused, OpenLpmError, ServerUnreachable
from openlpm.ports import Host, Transfer


class TransferCall:
    """At most one call at a time. Rings the bell when it has come back."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._thread: threading.Thread | None = None
        self._returned = False
        self._refusal = ""

    def begin(self, host: Host, transfer: Transfer, prepare: Callable[[], None]) -> None:
        """Prepare it, then send the request. Does nothing while one is under way."""
        if self.under_way:
            return
        self._returned, self._refusal = False, ""
        self._thread = threading.Thread(
            target=self._run, args=(host, transfer, prepare), name="transfer", daemon=True
        )
        self._thread.start()

    @property
    def under_way(self) -> bool:
        """The request has been sent and not come back."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def answered(self) -> bool:
        """It came back with the source's own answer: nothing of it is on its way any more."""
        return self._returned and not self.under_way

    @property
    def refusal(self) -> str:
        """Why it failed, in the hypervisor's words; empty if it did not."""
        return self._refusal

    def _run(self, host: Host, transfer: Transfer, prepare: Callable[[], None]) -> None:
        try:
            prepare()
            host.start_transfer(transfer)
            self._returned = True
        except ServerUnreachable:
            pass  # the line broke: the transfer may well go on
        except HypervisorRefused as error:
            self._refusal, self._returned = str(error), True
        except OpenLpmError as error:
            self._refusal = str(error)
        finally:
            self._bell.ring()

"""What an outside client notices of a move, measured from outside both servers.

    udp.py      a numbered echo request every 2 ms: for how long did nobody answer?
    http.py     requests one after the other: was one lost, how long did the slowest take?
    silence.py  the arithmetic of both, pure
    clients.py  OutsideClients: runs both in a network namespace and asks them about a window

The two programs are small and import little, so that they start at once and cost the machine
little: it is busy with emulating the guests whose silence they measure.
"""

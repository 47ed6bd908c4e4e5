"""One package for each outside thing. Only `main.py` imports them; the rest sees `ports.py`."""

"""An amount of memory on the command line: 512, 512M or 2G (2GiB), as MiB."""

import re

import click

_SIZE = re.compile(r"([0-9]{1,12})(?:(M|G|T)(?:iB)?)?\Z")
_FACTOR = {None: 1, "M": 1, "G": 1024, "T": 1024 * 1024}


class Mebibytes(click.ParamType[int]):
    """Converts to a number of MiB."""

    name = "SIZE"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The number of MiB that `value` names."""
        if isinstance(value, int):
            return value
        found = _SIZE.match(value)
        if not found:
            self.fail(f"{value!r} is no size: give MiB as a number, or 512M or 2G.", param, ctx)
        return int(found[1]) * _FACTOR[found[2]]


MEBIBYTES = Mebibytes()

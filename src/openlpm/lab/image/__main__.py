"""`python -m openlpm.lab.image`: builds the image if need be and prints where it is."""

import sys

from openlpm.lab.errors import LabError
from openlpm.lab.image.cache import partition_image


def main() -> int:
    try:
        sys.stdout.write(f"{partition_image()}\n")
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

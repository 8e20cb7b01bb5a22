"""``python -m claros`` is the command ``claros``."""

import sys

from claros.cli import main

if __name__ == "__main__":
    sys.exit(main())

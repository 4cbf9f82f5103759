"""``python -m autodas`` is ``autodas``."""

import sys

from autodas.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""Entry point of `python -m pawl_devcluster`."""

import sys

from pawl_devcluster.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

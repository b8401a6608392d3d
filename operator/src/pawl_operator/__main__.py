"""Run the operator: `python -m pawl_operator`."""

import sys

from pawl_operator.main import main

if __name__ == "__main__":
    sys.exit(main())

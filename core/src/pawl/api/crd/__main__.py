"""`python -m pawl.api.crd [ROOT]`: write the CRDs into a checkout (default: the current folder)."""

import sys
from pathlib import Path

from pawl.api.crd.manifest import files


def main() -> None:
    """Write every generated file."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    for path, content in files().items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()

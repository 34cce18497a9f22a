"""`python -m lucid.serialization`: look into checkpoints, convert them, check them."""

import sys

from lucid.serialization._command import main

if __name__ == "__main__":
    sys.exit(main())

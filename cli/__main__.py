"""Run cgconv as `python -m cgconv.cli`."""

import sys

from .main import main

sys.exit(main())

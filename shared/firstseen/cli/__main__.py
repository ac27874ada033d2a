"""``python -m firstseen.cli``."""

import sys

from firstseen.cli.main import main

sys.exit(main())

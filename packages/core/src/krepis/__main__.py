"""`python -m krepis` is the `krepis` command of that interpreter, also where no script was installed."""

import sys

from krepis._cli import main

sys.exit(main())

"""For all tests: how hard Hypothesis tries, and one seed for everything that is drawn.

`make test` tries the same examples each time, so that a change that broke nothing stays green; `make long` (KREPIS_LONG)
tries many new ones. What it finds becomes a test of its own, with `@example`.
"""

import os
import random

from hypothesis import settings

# No time limit for one example: the machine may be busy with other things, and what is slow is measured in bench/.
settings.register_profile("test", deadline=None, derandomize=True, database=None)
settings.register_profile("long", deadline=None, max_examples=5000, print_blob=True)
settings.load_profile("long" if os.environ.get("KREPIS_LONG") else "test")

# Drawn once for all test processes, which have to collect the same tests; a test that draws prints it.
os.environ.setdefault("KREPIS_SEED", str(random.SystemRandom().randrange(1, 2**31)))

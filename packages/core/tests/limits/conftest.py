"""The tests here share `_limited`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

"""Settings: one typed object per app, read once at the composition root.

```python
class LibrarySettings(Settings):
    database: str = "sqlite:///library.db"
    signing_key: Annotated[Secret, secret_length(32, 512)]
    loan_days: Annotated[int, between(1, 90)] = 28

settings = read_settings(LibrarySettings)  # in app.py, and nowhere else
```

A later source wins: default, `krepis.toml` (`[library]`), environment (`LIBRARY_LOAN_DAYS`) or file
(`LIBRARY_SIGNING_KEY_FILE=/run/secrets/key`). What is wrong in any of them is said at once, in one `SettingsError`.
"""

from __future__ import annotations

from krepis.settings.declared import Settings
from krepis.settings.errors import SettingsError
from krepis.settings.reading import Reading, Row, read_settings, reading_of

__all__ = ("Reading", "Row", "Settings", "SettingsError", "read_settings", "reading_of")

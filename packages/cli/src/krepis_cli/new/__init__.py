"""New projects: a name that can be one, and the template with that name put in."""

from krepis_cli.new.files import TEMPLATE, File, files_for
from krepis_cli.new.name import NAME_CHARACTERS_MAX, check_name, suggested_name

__all__ = ("NAME_CHARACTERS_MAX", "TEMPLATE", "File", "check_name", "files_for", "suggested_name")

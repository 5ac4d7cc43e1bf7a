"""The compiled doors are plain data: an engine in another language could read them."""

import msgspec
from _stall import stall  # the app that uses every kind of door

from krepis.http.table import CompiledDoor


def test_every_door_can_be_written_as_json() -> None:
    _, table = stall().check()
    written = msgspec.json.decode(msgspec.json.encode(table.doors))
    assert [door["pattern"] for door in written] == [door.pattern for door in table.doors]
    assert {type(door) for door in table.doors} == {CompiledDoor}


def test_nothing_beneath_the_engine_knows_asgi() -> None:
    import subprocess
    import sys

    code = "import krepis.app, krepis.testing, sys; sys.exit('krepis.http.asgi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

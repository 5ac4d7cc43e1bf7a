"""A plugin whose messages are damaged at random: the verb is done as a whole or not at all."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.slow


# A whole conversation, damaged: what is told to the command is cut, doubled, moved and mixed with noise.
DAMAGED = """
from random import Random
chance = Random(os.environ["DAMAGE"])
said = [
    {"type": "hello", "protocol": 1},
    {"type": "description", "help": "An odd one.", "options": [{"name": "--x", "kind": "integer", "default": 3}]},
    {"type": "say", "text": "hi"},
    {"type": "progress", "what": "x", "done": 1, "total": 2},
    {"type": "propose", "changes": [{"path": "new.txt", "text": "new"}]},
    {"type": "answer", "facts": {"a": [1, None, {"b": 2.5}]}, "lines": ["done"]},
    {"type": "finished", "exit_code": 0},
]
lines = [json.dumps(one).encode() for one in said]
for _ in range(chance.randrange(4)):
    at, line = chance.randrange(len(lines)), chance.choice(lines)
    cut, noise = chance.randrange(len(line) + 1), chance.randbytes(chance.randrange(40))
    lines[at:at + chance.randrange(2)] = [chance.choice([line, line[:cut], line[cut:], noise, line[:cut] + noise + line[cut:]])]
sys.stdout.buffer.write(b"\\n".join(lines) + b"\\n" * chance.randrange(2))
sys.stdout.flush()
sys.stdin.read() if chance.random() < 0.8 else os._exit(chance.randrange(3))
"""


@pytest.mark.parametrize("number", range(100 if os.environ.get("KREPIS_LONG") else 6))
def test_a_damaged_conversation_is_done_whole_or_not_at_all(shelf, number):
    damage = f"{os.environ['KREPIS_SEED']} {number}"
    print("damage", damage)
    shelf.add(DAMAGED)
    before = shelf.files()
    ended, facts = shelf.facts("odd", DAMAGE=damage, KREPIS_PLUGINS_START_S="2", KREPIS_PLUGINS_SILENCE_S="0.5")
    assert (ended, "error" in facts) in ((0, False), (1, True)), facts
    assert ended == 0 or facts["code"].startswith("plugin_"), facts
    proposed = ended == 0 and "changes" in facts
    assert shelf.files() == before | ({"new.txt": b"new"} if proposed else {})
    assert shelf.operations() == (["odd"] if proposed else [])

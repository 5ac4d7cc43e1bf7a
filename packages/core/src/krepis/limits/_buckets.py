"""The counting behind rates: a table of fixed size in memory that several processes may share.

Each bucket is one number, the theoretical arrival time of GCRA (ITU-T I.371): a caller who keeps to the rate arrives at
it or later. A call moves it on by the rate's interval; one that would move it further than the window ahead is refused
and moves nothing.

```text
   now            arrival              now + window
    |---- debt ------|---- still free -----|
```

A bucket without debt says no more than a bucket that is not there, so it may be given away. When all eight places of a
caller are in debt, the smallest debt is forgotten. So a caller who wants to lose a debt has to bring seven others that
are greater, at places that nobody can aim for: they follow from a hash whose key stays in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from mmap import mmap
from struct import Struct

WAYS = 8
SLOT_BYTES = 16

_SLOT = Struct("<Qq")
_SET = Struct("<" + "Qq" * WAYS)
_EMPTY_SET = bytes(_SET.size)


class Buckets:
    """The table: `memory` from the byte `offset` on holds `count` slots; `lock` and `unlock` stand around each look."""

    __slots__ = ("_lock", "_memory", "_offset", "_secret", "_sets", "_unlock")

    def __init__(
        self,
        memory: mmap | bytearray,
        offset: int,
        count: int,
        secret: bytes,
        lock: Callable[[], object] | None = None,
        unlock: Callable[[], object] | None = None,
    ) -> None:
        assert count > 0, "a table without a slot counts nothing"
        assert count % WAYS == 0, "slots come in sets"
        assert offset + count * SLOT_BYTES <= len(memory), "the table lies inside its memory"
        self._memory = memory
        self._offset = offset
        self._sets = count // WAYS
        self._secret = secret
        self._lock = lock
        self._unlock = unlock

    def take(self, key: bytes, interval_ns: int, window_ns: int, now_ns: int) -> tuple[int, int] | None:
        """Count one call; `None` when it is allowed, else after how long one is, and after how long all are again."""
        digest = blake2b(key, digest_size=16, key=self._secret).digest()
        place = self._offset + int.from_bytes(digest[:8]) % self._sets * _SET.size
        mark = int.from_bytes(digest[8:]) | 1  # 0 is an empty slot
        if self._lock is not None:
            self._lock()
        try:
            slots = _SET.unpack_from(self._memory, place)
            if mark in slots[::2]:
                slot = slots[::2].index(mark)
                # Nothing lies further ahead than a window, unless another clock wrote it: then it counts as spent.
                arrival = min(slots[2 * slot + 1], now_ns + window_ns)
            else:
                slot = slots[1::2].index(min(slots[1::2]))
                arrival = 0
            due = max(arrival, now_ns) + interval_ns
            if due - now_ns > window_ns:
                return due - window_ns - now_ns, arrival - now_ns
            _SLOT.pack_into(self._memory, place + slot * SLOT_BYTES, mark, due)
        finally:
            if self._unlock is not None:
                self._unlock()
        return None

    def clear(self) -> None:
        """Forget everything."""
        for number in range(self._sets):
            at = self._offset + number * _SET.size
            self._memory[at : at + _SET.size] = _EMPTY_SET

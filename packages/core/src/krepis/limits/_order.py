"""In which order the parts of this package stand in an app, judged when it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krepis.errors import KrepisError
from krepis.part import Part

if TYPE_CHECKING:
    from krepis.app import Service


class Ranked(Part):
    """A part whose place among the others matters: of two, the one with the lower `rank` is the outer one."""

    rank: int = 0

    def check_order(self, service: Service) -> None:
        """Raises `KrepisError` when a part stands before this one that belongs inside it, or when it is there twice."""
        parts = service.app.parts
        for other in parts[: parts.index(self)]:
            if isinstance(other, Ranked) and other.rank >= self.rank:
                one, two = type(self).__name__, type(other).__name__
                raise KrepisError(
                    f"the part `{one}` stands after `{two}`" if one != two else f"the part `{one}` is there twice",
                    hint="the order is: TrustedProxies, SecurityHeaders, Cors, Rates, Concurrency; each at most once",
                )

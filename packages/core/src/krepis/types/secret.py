"""Text that must not be seen: a password, a token, a key."""

from __future__ import annotations

from typing import Final, final

_SHOWN: Final = "***"


@final
class Secret:
    """Shows as `***` wherever it is printed, formatted, logged or pickled; refuses to be encoded as JSON.

    Comparing takes the same time wherever two secrets differ. `reveal` is the only way to the text, so a search for
    `reveal(` finds every place that sees one.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str, /) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Don't keep it, print it or put it into an error."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({_SHOWN!r})"

    def __str__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)

    def __len__(self) -> int:
        return len(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac

        # `surrogatepass`: any text can be compared, also text that can't be encoded.
        return hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"), other._text.encode("utf-8", "surrogatepass")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (Secret, (_SHOWN,))

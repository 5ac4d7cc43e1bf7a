"""Messages: what a service can be asked (`Command`, `Query`), what it knows (`Value`) and what has happened (`Event`).

They are msgspec structs: frozen, by keyword only, and strict about unknown fields. Constraints stand in the
annotations: `title: Annotated[str, length(1, 200)]`.

```python
class PlaceOrder(Command[OrderView]):
    '''A customer orders books; the stock goes down with the order or not at all.'''

    lines: Annotated[list[LineInput], length(1, 50)]
```
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform

from msgspec import Struct, StructMeta, field
from msgspec.structs import replace

__all__ = ("Command", "Event", "Query", "Value", "field", "replace")

R = TypeVar("R", covariant=True)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class _MessageMeta(StructMeta):
    """Gives every message the same configuration; msgspec inherits `frozen` and strictness but not `kw_only`."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> _MessageMeta:
        settings: Any = {"kw_only": True, "frozen": True, **config}
        return super().__new__(mcls, name, bases, namespace, **settings)


class Value(Struct, metaclass=_MessageMeta, forbid_unknown_fields=True):
    """Immutable data without behaviour of its own: an entity, an input, a view. Change a copy with `replace`."""


class Command(Struct, Generic[R], metaclass=_MessageMeta, forbid_unknown_fields=True):
    """A wish to change something, named as an imperative; its handler answers with an `R`. Runs in one transaction."""


class Query(Struct, Generic[R], metaclass=_MessageMeta, forbid_unknown_fields=True):
    """A question, answered with an `R`. Runs in a read-only transaction and can't reach a writing port."""


class Event(Struct, metaclass=_MessageMeta):
    """A fact, named in the past tense. Unknown fields are ignored, so that older readers understand newer facts.

    `aggregate` names the field that holds the id of what the event is about; events about the same thing are delivered
    in order. Without it, that is the first field.
    """

    aggregate: ClassVar[str] = ""

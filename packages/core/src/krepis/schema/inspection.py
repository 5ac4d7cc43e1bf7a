"""Types in, schema trees out. Everything that a tree can't say is refused here, when the service starts."""

from __future__ import annotations

import textwrap
import types
import typing
from collections import abc
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import UNSET, Struct, UnsetType

from krepis.errors import KrepisError
from krepis.schema import tree
from krepis.schema.annotation import LENGTHS, Facts, Place, only, peeled
from krepis.schema.encode import builtins_of
from krepis.schema.scalar import hashes_exactly, is_text_choice, json_kinds, scalar
from krepis.schema.tree import AnyOf, Field, ObjectNode, RefNode, Schema
from krepis.types.constraint import PageLimits
from krepis.types.page import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, Cursor, Offset

_ARRAYS: tuple[tuple[object, Literal["list", "set", "frozenset", "tuple"]], ...] = (
    (list, "list"),
    (abc.Sequence, "list"),
    (abc.Collection, "list"),
    (set, "set"),
    (abc.Set, "set"),
    (frozenset, "frozenset"),
    (tuple, "tuple"),
)
_MAPS = (dict, abc.Mapping, abc.MutableMapping)
_SUGGESTIONS: tuple[tuple[object, str], ...] = (
    (object, "use `Any`, or say what it is"),
    (bytearray, "use `bytes`"),
    (memoryview, "use `bytes`"),
    (complex, "use a `Value` with two fields"),
    (msgspec.Raw, "use `Any`, or say what it is"),
)


class Inspected(Struct, frozen=True):
    """A schema, and the Python classes behind its definitions, which the tree itself must not hold."""

    schema: Schema
    classes: dict[str, type[Struct]]


def schema_of(wanted: Any) -> Schema:
    """The schema tree of a type. Raises `KrepisError` that names message, field and a way out."""
    return inspected(wanted).schema


def inspected(wanted: Any) -> Inspected:
    """The schema tree of a type together with its classes, for those who build decoders."""
    walk = _Walk()
    root = walk.node(wanted, Place(_name_of(wanted), ()))
    try:
        msgspec.json.Decoder(wanted, dec_hook=_no_hook)
    except (TypeError, ValueError, NameError) as error:
        raise KrepisError(
            f"`{_name_of(wanted)}` can't be decoded: {error}", hint="change the annotation that it names"
        ) from None
    return Inspected(Schema(root=root, definitions=walk.definitions), walk.classes)


def _no_hook(kind: type, value: object) -> object:
    raise NotImplementedError


class _Walk:
    """Goes through a type and collects definitions. One walk makes one schema."""

    def __init__(self) -> None:
        self.definitions: dict[str, ObjectNode] = {}
        self.classes: dict[str, type[Struct]] = {}
        self._keys: dict[Any, str] = {}

    def node(self, wanted: Any, place: Place) -> AnyOf:
        """The node of one annotation."""
        bare, facts = peeled(wanted, place)
        node = self._plain(bare, facts, place)
        words = facts.words()
        return msgspec.structs.replace(node, **words) if words else node

    def _plain(self, bare: Any, facts: Facts, place: Place) -> AnyOf:
        origin = typing.get_origin(bare) or bare
        if origin is Union or origin is types.UnionType:
            return self._union(bare, facts, place)
        plain = scalar(origin, bare, facts, place)
        if plain is not None:
            return plain
        for kind, form in _ARRAYS:
            if origin is kind:
                return self._array(bare, form, facts, place)
        if origin in _MAPS:
            return self._map(bare, facts, place)
        if isinstance(origin, type) and issubclass(origin, Struct):
            only(facts, place, frozenset(), "an object")
            return self._object(bare, origin, facts.page, place)
        hint = next(
            (hint for kind, hint in _SUGGESTIONS if origin is kind), "use a `Value`, or a type of `krepis.types`"
        )
        raise place.refuse(f"has the type `{_name_of(bare)}`, which messages can't carry", hint)

    def _union(self, bare: Any, facts: Facts, place: Place) -> AnyOf:
        if facts.page is None:
            inside = "`Annotated[int, between(1, 5)] | None`, not `Annotated[int | None, between(1, 5)]`"
            only(facts, place, frozenset(), "a union", f"annotate the part that it is about: {inside}")
        wanted = [arm for arm in typing.get_args(bare) if arm is not UnsetType]
        if facts.page is not None:
            wanted = [Annotated[arm, facts.page] if _is_page(arm) else arm for arm in wanted]
        nodes: list[AnyOf] = []
        for arm in wanted:
            node = self.node(arm, place)
            nodes.extend(node.arms if isinstance(node, tree.UnionNode) else (node,))
        if len(nodes) == 1:
            return nodes[0]
        self._distinct(nodes, place)
        return tree.UnionNode(arms=tuple(nodes))

    def _distinct(self, nodes: list[AnyOf], place: Place) -> None:
        """A value must belong to one arm only: by its JSON type, or by its tag."""
        seen: dict[str, AnyOf] = {}
        for node in nodes:
            for kind in set(json_kinds(node)) - {"null"}:
                other = seen.setdefault(kind, node)
                if other is not node and not (kind == "object" and self._tagged(other) and self._tagged(node)):
                    raise place.refuse(
                        f"is a union with two kinds that are both written as {kind}",
                        "give its messages tags (`class Card(Value, tag=True)`), or use one kind",
                    )
        if "float" in seen and isinstance(seen.get("int"), tree.ChoiceNode):
            raise place.refuse("mixes some whole numbers with all other numbers", "use `float` alone")
        if "decimal" in seen and ("int" in seen or "float" in seen):
            raise place.refuse("mixes `Decimal` with other numbers", "use `Decimal` alone")

    def _tagged(self, node: AnyOf) -> bool:
        return isinstance(node, RefNode) and bool(self.definitions[node.target].tag_field)

    def _array(
        self, bare: Any, form: Literal["list", "set", "frozenset", "tuple"], facts: Facts, place: Place
    ) -> AnyOf:
        args = typing.get_args(bare)
        if form == "tuple" and not (len(args) == 2 and args[1] is Ellipsis) and (args or bare is not tuple):
            only(facts, place, frozenset(), "a tuple of fixed length")
            return tree.TupleNode(items=tuple(self.node(arg, place.at(str(at))) for at, arg in enumerate(args)))
        only(facts, place, LENGTHS, "an array")
        item = self.node(args[0] if args else Any, place.at("[]"))
        if form in ("set", "frozenset") and not hashes_exactly(item):
            raise place.refuse("is a set of something else than text, whole numbers, days or ids", "use a `list`")
        return tree.ArrayNode(
            item=item, form=form, length_min=facts.get("min_length") or 0, length_max=facts.get("max_length")
        )

    def _map(self, bare: Any, facts: Facts, place: Place) -> AnyOf:
        only(facts, place, LENGTHS, "a map")
        key, value = typing.get_args(bare) or (str, Any)
        key_node = self.node(key, place.at("key"))
        if not isinstance(key_node, tree.TextNode | tree.UuidNode) and not is_text_choice(key_node):
            raise place.refuse(f"has keys of the type `{_name_of(key)}`", "use `str`, an enum of texts or `UUID`")
        return tree.MapNode(
            key=key_node,
            value=self.node(value, place.at("{}")),
            length_min=facts.get("min_length") or 0,
            length_max=facts.get("max_length"),
        )

    def _object(self, bare: Any, origin: type[Struct], page: PageLimits | None, place: Place) -> AnyOf:
        limits = page or (PageLimits(PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX) if _is_page(origin) else None)
        if page is not None and not _is_page(origin):
            raise place.refuse("has limits of a page, but is none", "use `Offset` or `Cursor`")
        identity = (bare, limits)
        if identity not in self._keys:
            key = _distinct_key(_key_of(bare, limits), self.definitions)
            self._keys[identity] = key
            # The place is taken first, so that the type may contain itself.
            self.definitions[key] = ObjectNode(name=_name_of(bare), fields=(), strict=True)
            self.classes[key] = origin
            self.definitions[key] = self._definition(bare, origin, limits)
        return RefNode(target=self._keys[identity])

    def _definition(self, bare: Any, origin: type[Struct], limits: PageLimits | None) -> ObjectNode:
        config = origin.__struct_config__
        place = Place(_name_of(bare), ())
        if config.array_like:
            raise place.refuse("is written as an array", "remove `array_like`; names survive changes, positions don't")
        try:
            infos = msgspec.structs.fields(bare)
        except NameError as error:
            raise place.refuse(f"has an annotation that can't be resolved: {error}", "import it at run time") from None
        fields = [self._field(info, place.at(info.name)) for info in infos]
        if limits is not None:
            fields[0] = _limited(fields[0], limits)
        return ObjectNode(
            name=_name_of(bare),
            doc=_doc_of(origin),
            fields=tuple(fields),
            strict=config.forbid_unknown_fields,
            tag_field=config.tag_field or "",
            tag="" if config.tag is None else config.tag,
        )

    def _field(self, info: msgspec.structs.FieldInfo, place: Place) -> Field:
        node = self.node(info.type, place)
        # A page is there also when its caller says nothing: from a query string it has no name of its own.
        page = next((limits for part in _parts(info.type) if (limits := _page_limits(part)) is not None), None)
        return Field(
            name=info.name,
            encode_name=info.encode_name,
            node=node,
            required=info.required,
            default=_default_of(info),
            page=None if page is None else (page.default, page.maximum),
        )


def _parts(wanted: Any) -> tuple[Any, ...]:
    """The arms of an annotation, each with the annotations around it."""
    if typing.get_origin(wanted) is Annotated:
        return tuple(Annotated[part, *wanted.__metadata__] for part in _parts(wanted.__origin__))
    if typing.get_origin(wanted) in (Union, types.UnionType):
        return tuple(part for arm in typing.get_args(wanted) for part in _parts(arm))
    return (wanted,)


def _page_limits(wanted: Any) -> PageLimits | None:
    bare, facts = peeled(wanted, Place("", ()))
    if not _is_page(bare):
        return None
    return facts.page or PageLimits(PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX)


def _is_page(wanted: Any) -> bool:
    return wanted is Offset or wanted is Cursor


def _limited(field: Field, limits: PageLimits) -> Field:
    assert isinstance(field.node, tree.IntNode)
    known = (field.node.minimum, field.node.maximum)
    node = msgspec.structs.replace(field.node, maximum=limits.maximum, known=known)
    return msgspec.structs.replace(field, node=node, default=limits.default)


def _default_of(info: msgspec.structs.FieldInfo) -> Any:
    """How the default is written in JSON; `UNSET` where there is none, or none that can be shown."""
    if info.default_factory in (list, set, frozenset, tuple):
        return []
    if info.default_factory is dict:
        return {}
    if info.default is msgspec.NODEFAULT or info.default is UNSET:
        return UNSET
    try:
        return builtins_of(info.default)
    except KrepisError:
        return UNSET


def _key_of(bare: Any, limits: PageLimits | None) -> str:
    origin = typing.get_origin(bare) or bare
    inside = ",".join(_key_of(arg, None) for arg in typing.get_args(bare))
    name = f"{origin.__module__}.{origin.__qualname__}" if isinstance(origin, type) else str(origin)
    tail = "" if limits is None else f"({limits.default},{limits.maximum})"
    return f"{name}[{inside}]{tail}" if inside else name + tail


def _distinct_key(key: str, taken: dict[str, ObjectNode]) -> str:
    """Classes made in functions can share their full name; the order of the walk tells them apart."""
    number = 1
    while (numbered := key if number == 1 else f"{key}#{number}") in taken:
        number += 1
    return numbered


def _name_of(bare: Any) -> str:
    """A type as its author would write it: `Page[BookView]`."""
    origin = typing.get_origin(bare) or bare
    name = getattr(origin, "__name__", None) or str(origin)
    inside = ", ".join(_name_of(arg) for arg in typing.get_args(bare))
    return f"{name}[{inside}]" if inside else name


def _doc_of(origin: type) -> str:
    text = origin.__dict__.get("__doc__") or ""
    first, _, rest = text.partition("\n")
    return f"{first.strip()}\n{textwrap.dedent(rest)}".strip()

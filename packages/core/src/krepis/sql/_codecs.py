"""From a column's type to the source code that converts its values: an expression, since rows are hot.

A `Codec` holds two templates in which `{v}` is the value and `{c}` a converter's name; `None` never reaches them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date, time
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import types as sa
from sqlalchemy.engine import Dialect

from krepis.sql.errors import BadValueError, StatementError
from krepis.sql.types import Portable

_CALL = "{c}({v})"
_INT_BITS = ((sa.SmallInteger, 16), (sa.BigInteger, 64))


class Codec(NamedTuple):
    """How values of one type go in (`bind`) and come out (`result`); an empty template passes them through."""

    bind: str = ""
    bind_call: Callable[..., Any] | None = None
    result: str = ""
    result_call: Callable[..., Any] | None = None


def codec(type_: sa.TypeEngine[Any], dialect: Dialect, where: str, *, stored: bool = False) -> Codec:
    """The codec of `type_`. `where` names the parameter or column in errors.

    `stored` is whether a parameter's value goes into a column: then text must not be longer than it. Text that is only
    looked for may be: it is not there.
    """
    if isinstance(type_, Portable):
        bind, result = type_.converters(dialect.name)
        return Codec(_CALL if bind else "", bind, _CALL if result else "", result)
    if isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float):
        if dialect.name == "sqlite":
            raise StatementError(
                f"{where} is `Numeric`, which SQLite keeps as a binary fraction", hint="use `krepis.sql.Exact(scale)`"
            )
        return Codec()
    if isinstance(type_, sa.JSON):
        raise StatementError(f"{where} is SQLAlchemy's `JSON`", hint="use `krepis.sql.Json(type)`")
    if isinstance(type_, (sa.Enum, sa.TypeDecorator)):
        return _of_sqlalchemy(cast("sa.TypeEngine[Any]", type_), dialect)
    if isinstance(type_, sa.String):
        return _text(type_.length if stored else None, where)
    if isinstance(type_, sa.Integer):
        return _integer(type_, where)
    if isinstance(type_, (sa.NullType, sa.Float, sa.LargeBinary)):
        return Codec()
    if dialect.name == "postgresql" and isinstance(
        type_, (sa.Uuid, sa.Boolean, sa.Date, sa.Time, sa.DateTime, sa.Interval)
    ):
        return Codec()  # asyncpg's own codecs are binary and exact
    return _of_sqlite(type_) or _of_sqlalchemy(type_, dialect)


def _text(length: int | None, where: str) -> Codec:
    def refuse(value: Any) -> str:
        if not isinstance(value, str):
            raise BadValueError(f"{where} takes text, not `{value!r}`")
        if "\0" in value:
            raise BadValueError(f"{where}: text with a NUL character can't be stored")
        if length is not None and len(value) > length:
            raise BadValueError(f"{where} takes at most {length} characters, not {len(value)}")
        return str.__str__(value)

    short = "" if length is None else f" and len({{v}}) <= {length}"
    # The exact type is asked for: a subclass (an enumeration, say) would reach the drivers, which treat it differently.
    return Codec(f'({{v}} if type({{v}}) is str and "\\0" not in {{v}}{short} else {{c}}({{v}}))', refuse)


def _integer(type_: sa.Integer, where: str) -> Codec:
    bits = next((bits for kind, bits in _INT_BITS if isinstance(type_, kind)), 32)
    highest = 2 ** (bits - 1) - 1

    def refuse(value: Any) -> int:
        raise BadValueError(f"{where} takes an integer of {bits} bits, not `{value!r}`")

    return Codec(f"({{v}} if -{highest + 1} <= {{v}} <= {highest} else {{c}}({{v}}))", refuse)


def _of_sqlite(type_: sa.TypeEngine[Any]) -> Codec | None:
    if isinstance(type_, sa.Uuid) and type_.as_uuid:
        return Codec("{v}.hex", None, "{c}({v}, UUID)", msgspec.convert)
    if isinstance(type_, sa.Boolean):
        return Codec("{c}({v})", bool, "{c}({v})", bool)
    if isinstance(type_, sa.Date):
        return Codec("{v}.isoformat()", None, _CALL, date.fromisoformat)
    if isinstance(type_, sa.Time):
        return Codec("{v}.isoformat()", None, _CALL, time.fromisoformat)
    return None


def _of_sqlalchemy(type_: sa.TypeEngine[Any], dialect: Dialect) -> Codec:
    implementation = type_.dialect_impl(dialect)
    bind = implementation.bind_processor(dialect)
    result = implementation.result_processor(dialect, None)
    return Codec(_CALL if bind else "", bind, _CALL if result else "", result)


NAMES: Mapping[str, Any] = MappingProxyType({"UUID": uuid.UUID})
"""What the templates may name besides `{v}` and `{c}`."""

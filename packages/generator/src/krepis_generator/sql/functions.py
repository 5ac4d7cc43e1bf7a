"""Functions of the language in SQL: those over rows as subqueries, those over values where both databases answer as Python does."""

from __future__ import annotations

from krepis_generator.python.code import ATOM, COMPARISON, SUM
from krepis_generator.sql.layout import kind_of, plain
from krepis_generator.sql.queries import Query, UnsupportedError, attribute
from krepis_generator.sql.scalars import Scalars, Scope, Sql
from krepis_generator.sql.sources import read, subquery
from krepis_generator.sql.tables import kind_text
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.expressions import Expression

PATTERN = "_pattern"
"""What the parameter of a search is called behind the name of the text."""


def value(scalars: Scalars, node: e.Call, scope: Scope) -> Sql:
    """What a function gives."""
    name = node.function
    if name in {"any", "all", "search", "contains", "startswith", "endswith", "has", "overlaps"}:
        return scalars.truth(node, scope)
    if name in {"len", "count"}:
        return _length(scalars, node, scope)
    if name == "sum":
        return _sum(scalars, node, scope)
    if name in {"min", "max"}:
        return _extreme(scalars, node, scope)
    if name == "abs":
        scalars.module.use("sqlalchemy", "func")
        inner = scalars.typed(node.arguments[0], scope)
        return Sql(f"func.abs({inner.text}, type_={_kind(scalars, node)})", nullable=inner.nullable)
    raise UnsupportedError(
        node.span, f"databases do not answer `{name}` as this language does", "use it on what was read, or on an input"
    )


def _kind(scalars: Scalars, node: Expression) -> str:
    return kind_text(scalars.module, kind_of(plain(node.type)), scalars.tables.blueprint)


def predicate(scalars: Scalars, node: e.Call, scope: Scope, *, negated: bool) -> Sql:
    """Whether what a function asks is so."""
    match node.function:
        case "any":
            return _any(scalars, node.arguments[0], scope, negated=negated, wanted=True)
        case "all":
            return _any(scalars, node.arguments[0], scope, negated=not negated, wanted=False)
        case "search":
            return _search(scalars, node, scope, negated=negated)
        case "overlaps":
            return _overlap(scalars, node, scope, negated=negated)
        case "contains":
            return _contains(scalars, node.arguments[0], node.arguments[1], scope, negated=negated)
        case "startswith" | "endswith" as name:
            return _edge(scalars, node, scope, at_start=name == "startswith", negated=negated)
        case "has":
            turned = e.Compare(
                type=t.BoolType(), span=node.span, left=node.arguments[1], operator="in", right=node.arguments[0]
            )
            return membership(scalars, turned, scope, negated=negated)
        case name:
            raise UnsupportedError(
                node.span, f"databases do not answer `{name}` as this language does", "use it on what was read"
            )


def _any(scalars: Scalars, over: Expression, scope: Scope, *, negated: bool, wanted: bool) -> Sql:
    """Whether the condition is `wanted` for any."""
    inner = subquery(scalars, scope)
    found = read(scalars, over, inner)
    _whole(found.limit or found.skip)
    condition = scalars.condition(found.element, found.scope, negated=not wanted)
    return _exists(scalars, inner.query, [] if condition.text == "true()" else [condition.text], negated=negated)


def _overlap(scalars: Scalars, node: e.Call, scope: Scope, *, negated: bool) -> Sql:
    """Whether two periods share an instant."""
    (start, end), (other_start, other_end) = (_ends(scalars, one, scope) for one in node.arguments)
    scalars.module.use("sqlalchemy", "and_")
    text = f"and_({start.text} < {other_end.text}, {other_start.text} < {end.text})"
    return Sql(scalars.negation(text, negated=negated), nullable=start.nullable or other_start.nullable)


def _ends(scalars: Scalars, node: Expression, scope: Scope) -> tuple[Sql, Sql]:
    """Where a period begins and ends."""
    if scalars.is_stored(node, scope):
        start, end = (
            scalars.column(e.Attribute(type=t.DatetimeType(), span=node.span, of=node, name=name), scope)
            for name in ("start", "end")
        )
        return start, end
    if not isinstance(node, e.Name):
        raise UnsupportedError(node.span, "a period is a field or an input here", "give it a name before")
    scalars.module.use("sqlalchemy", "bindparam")
    found: list[Sql] = []
    for name in ("start", "end"):
        scalars.parameters[f"{node.name}_{name}"] = f"{node.name}.{name}"
        found.append(
            scalars.with_kind(Sql(f'bindparam("{node.name}_{name}")', is_value=True), kind_of(t.DatetimeType()))
        )
    return found[0], found[1]


def emptiness(scalars: Scalars, over: Expression, scope: Scope, *, negated: bool) -> Sql:
    """Whether there is nothing in it."""
    inner = subquery(scalars, scope)
    found = read(scalars, over, inner)
    _whole(found.limit or found.skip)
    return _exists(scalars, inner.query, [], negated=not negated)


def _exists(scalars: Scalars, query: Query, conditions: list[str], *, negated: bool) -> Sql:
    scalars.module.use("sqlalchemy", "exists")
    return Sql(scalars.negation(query.exists(conditions), negated=negated))


def _whole(cut: Expression | None) -> None:
    if cut is not None:
        raise UnsupportedError(cut.span, "this looks at a part that was cut off", "look at all of it")


def _length(scalars: Scalars, node: e.Call, scope: Scope) -> Sql:
    over = node.arguments[0]
    scalars.module.use("sqlalchemy", "func")
    if isinstance(plain(over.type), t.TextType):
        text = scalars.typed(over, scope)
        return Sql(f"func.length({text.text})", nullable=text.nullable)
    scalars.module.use("sqlalchemy", "select")
    inner = subquery(scalars, scope)
    found = read(scalars, over, inner)
    _whole(found.limit or found.skip)
    _distinct_only(over)
    return Sql(inner.query.scalar("func.count()"))


def _distinct_only(over: Expression) -> None:
    if isinstance(over, e.Comprehension) and over.form == "set" and not isinstance(over.element, e.Name):
        raise UnsupportedError(
            over.span, "what is the same is counted once here, which takes the values", "count the rows"
        )


def _sum(scalars: Scalars, node: e.Call, scope: Scope) -> Sql:
    scalars.module.use("sqlalchemy", "select")
    inner = subquery(scalars, scope)
    found = read(scalars, node.arguments[0], inner)
    _whole(found.limit or found.skip)
    return Sql(inner.query.scalar(summed(scalars, found.element, found.scope)))


def summed(scalars: Scalars, element: Expression, scope: Scope) -> str:
    """The sum of a column; 0 of none."""
    scalars.module.use("sqlalchemy", "func")
    text = f"func.coalesce(func.sum({scalars.typed(element, scope).text}), 0)"
    if isinstance(plain(element.type), t.IntType):
        scalars.module.use("sqlalchemy", "cast", "BigInteger")
        return f"cast({text}, BigInteger())"
    return text


def _extreme(scalars: Scalars, node: e.Call, scope: Scope) -> Sql:
    """The least or the greatest: of several values, or of one value of each row."""
    scalars.module.use("sqlalchemy", "func", "select")
    if len(node.arguments) > 1:
        return _of_several(scalars, node, scope)
    if any(one.name == "key" for one in node.keywords):
        raise UnsupportedError(node.span, "a row that is found by a key is no single value", "ask for it alone")
    inner = subquery(scalars, scope)
    found = read(scalars, next(iter(node.arguments)), inner)
    _whole(found.limit or found.skip)
    text = inner.query.scalar(extreme(scalars, node, found.element, found.scope))
    return Sql(text, nullable=default_of(node) is None)


def extreme(scalars: Scalars, node: e.Call, element: Expression, scope: Scope) -> str:
    """The least or greatest value of a column."""
    scalars.module.use("sqlalchemy", "func")
    text = f"func.{node.function}({scalars.typed(element, scope).text})"
    default = default_of(node)
    if default is None:
        return text
    return f"func.coalesce({text}, {scalars.typed(default, scope).text})"


def default_of(node: e.Call) -> Expression | None:
    """What is answered where there is nothing, unless that is none."""
    found = next((one.value for one in node.keywords if one.name == "default"), None)
    return None if isinstance(found, e.Constant) and found.value is None else found


def _of_several(scalars: Scalars, node: e.Call, scope: Scope) -> Sql:
    scalars.module.use("sqlalchemy", "case")
    operator = "<=" if node.function == "min" else ">="
    first, *rest = node.arguments
    best = scalars.typed(first, scope)
    for argument in rest:
        other = scalars.typed(argument, scope)
        text = f"case(({best.at(SUM)} {operator} {other.at(SUM)}, {best.text}), else_={other.text})"
        best = Sql(text, nullable=best.nullable or other.nullable)
    return best


def _search(scalars: Scalars, node: e.Call, scope: Scope, *, negated: bool) -> Sql:
    """What `search_text` of the domain has, contains the text; the pattern is made outside."""
    row = scalars.row(node.arguments[0], scope)
    text = node.arguments[1]
    column = scalars.column_of(row, "search_text", scope)
    scalars.module.use(f"{scalars.tables.blueprint.service.name}.adapters.sql.rows", "containing")
    if isinstance(text, e.Constant):
        pattern = f"containing({scalars.value(text, scope).text})"
    elif isinstance(text, e.Name):
        scalars.module.use("sqlalchemy", "bindparam")
        scalars.parameters[f"{text.name}{PATTERN}"] = f"containing({text.name})"
        pattern = f'bindparam("{text.name}{PATTERN}")'
    else:
        raise UnsupportedError(text.span, "what is searched for is an input", "give it a name before")
    return Sql(scalars.negation(f'{column.text}.like({pattern}, escape="\\\\")', negated=negated), nullable=row.outer)


def _contains(scalars: Scalars, text: Expression, part: Expression, scope: Scope, *, negated: bool) -> Sql:
    """By code points, which LIKE of SQLite does not do: taking the part out changes the text."""
    scalars.module.use("sqlalchemy", "func", "or_")
    whole, inner = scalars.typed(text, scope), scalars.typed(part, scope)
    found = f'or_({inner.at(SUM)} == "", func.replace({whole.text}, {inner.text}, "") != {whole.at(SUM)})'
    return Sql(scalars.negation(found, negated=negated), nullable=whole.nullable or inner.nullable)


def _edge(scalars: Scalars, node: e.Call, scope: Scope, *, at_start: bool, negated: bool) -> Sql:
    scalars.module.use("sqlalchemy", "func")
    text, part = (scalars.typed(one, scope) for one in node.arguments)
    length = f"func.length({part.text})"
    if at_start:
        cut = f"func.substr({text.text}, 1, {length})"
    else:
        scalars.module.use("sqlalchemy", "case")
        start = f"func.length({text.text}) - {length} + 1"
        cut = f'case(({length} <= func.length({text.text}), func.substr({text.text}, {start})), else_="")'
    operator = "!=" if negated else "=="
    if not at_start:
        scalars.module.use("sqlalchemy", "and_")
    return Sql(f"{cut} {operator} {part.at(SUM)}", COMPARISON, text.nullable or part.nullable)


# ---------------------------------------------------------------------- in


def membership(scalars: Scalars, node: e.Compare, scope: Scope, *, negated: bool) -> Sql:
    """`x in xs`."""
    left, right = node.left, node.right
    type = plain(right.type)
    if isinstance(type, t.TextType):
        return _contains(scalars, right, left, scope, negated=negated)
    if isinstance(type, t.PeriodType):
        return _in_period(scalars, left, right, scope, negated=negated)
    if isinstance(right, e.Collection):
        return _listed(scalars, left, right, scope, negated=negated)
    if isinstance(right, e.Name) and not scalars.is_stored(right, scope) and right.source != "entity":
        return _in_parameter(scalars, left, right, scope, negated=negated)
    if scalars.is_stored(right, scope):
        form = scalars.tables.layout.form(right.type)
        if form == "column":
            return _in_choices(scalars, left, right, scope, negated=negated)
        return _in_owned(scalars, left, right, scope, links=form == "links", negated=negated)
    inner = subquery(scalars, scope)
    found = read(scalars, right, inner)
    _whole(found.limit or found.skip)
    same = e.Compare(type=t.BoolType(), span=node.span, left=found.element, operator="==", right=left)
    return _exists(scalars, inner.query, [scalars.condition(same, found.scope).text], negated=negated)


def _in_period(scalars: Scalars, at: Expression, period: Expression, scope: Scope, *, negated: bool) -> Sql:
    start, end = _ends(scalars, period, scope)
    moment = scalars.typed(at, scope)
    scalars.module.use("sqlalchemy", "and_")
    text = f"and_({start.text} <= {moment.at(SUM)}, {moment.at(SUM)} < {end.text})"
    return Sql(scalars.negation(text, negated=negated), nullable=start.nullable or moment.nullable)


def _listed(scalars: Scalars, left: Expression, right: e.Collection, scope: Scope, *, negated: bool) -> Sql:
    if not right.items:
        known = e.Constant(type=t.BoolType(), span=right.span, value=False)
        return scalars.condition(known, scope, negated=negated)
    same = tuple(
        e.Compare(type=t.BoolType(), span=right.span, left=left, operator="==", right=item) for item in right.items
    )
    if len(same) == 1:
        return scalars.condition(same[0], scope, negated=negated)
    either = e.Logic(type=t.BoolType(), span=right.span, operator="or", operands=same)
    return scalars.condition(either, scope, negated=negated)


def _in_parameter(scalars: Scalars, left: Expression, right: e.Name, scope: Scope, *, negated: bool) -> Sql:
    found = scalars.typed(left, scope)
    scalars.module.use("sqlalchemy", "bindparam")
    scalars.parameters[right.name] = f"list({right.name})"
    text = f'{found.at(ATOM)}.in_(bindparam("{right.name}", expanding=True))'
    if not found.nullable:
        return Sql(scalars.negation(text, negated=negated))
    scalars.module.use("sqlalchemy", "and_")
    exact = f"and_({found.at(ATOM)}.is_not(None), {text})"
    return Sql(scalars.negation(exact, negated=negated))


def _in_choices(scalars: Scalars, left: Expression, right: Expression, scope: Scope, *, negated: bool) -> Sql:
    """Choices are kept as JSON: the text of a choice, in its quotes, is in the text of the list or is not."""
    type = plain(right.type)
    if not isinstance(type, t.ListType | t.SetType) or not isinstance(plain(type.of), t.ChoiceType):
        raise UnsupportedError(
            right.span, "the database can't look into this", "make it a set or a list of something plain"
        )
    scalars.module.use("sqlalchemy", "cast", "func", "Text")
    column = scalars.column(right, scope)
    part = scalars.typed(left, scope)
    quoted = f"'\"' + {part.at(SUM)} + '\"'"
    text = f"cast({column.text}, Text())"
    found = f'func.replace({text}, {quoted}, "") != {text}'
    return Sql(scalars.negation(found, negated=negated), COMPARISON if not negated else ATOM, column.nullable)


def _in_owned(
    scalars: Scalars, left: Expression, right: Expression, scope: Scope, *, links: bool, negated: bool
) -> Sql:
    """Whether a table of items or links has such a row."""
    tables = scalars.tables
    inner = subquery(scalars, scope)
    place = scalars.place(right, inner)
    if not place.row.entity:
        raise UnsupportedError(right.span, "the database can't look into this", "make it a field of an entity")
    row = inner.query.read_from(tables.of_field(place.row.entity, place.prefix))
    owner = scalars.column_of(place.row, "id", inner)
    item = tables.layout.other_column(place.row.entity, place.prefix) if links else "item"
    wanted = scalars.value(left, inner)
    owned = f"{attribute(row.text, tables.layout.owner_column(place.row.entity))} == {owner.text}"
    return _exists(scalars, inner.query, [owned, f"{attribute(row.text, item)} == {wanted.at(SUM)}"], negated=negated)

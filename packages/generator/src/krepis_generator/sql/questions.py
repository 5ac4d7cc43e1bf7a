"""A `select` of a repository: an expression over all of an entity as one statement, and the method that runs it.

`p is None or ...` among the conditions is an optional filter: there is one statement for each set of filters that are given, all made
when the module is imported. Beyond six of them the rest are asked in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from krepis_generator import ports
from krepis_generator.annotations import Annotations
from krepis_generator.repositories import Method, Parameter
from krepis_generator.source import indented
from krepis_generator.sql import functions
from krepis_generator.sql.layout import kind_of, plain
from krepis_generator.sql.loading import Loader, Loaders, statement_of, write_statement
from krepis_generator.sql.queries import Flag, Query, Row, UnsupportedError
from krepis_generator.sql.scalars import Scalars, Scope, Sql, Tables
from krepis_generator.sql.selections import Selection
from krepis_generator.sql.sources import Found, Key, order_by, order_keys, read
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.document import Span
from krepis_spec.expressions import Expression
from krepis_spec.naming import snake

FLAGS_MAX = 6
PLACE = "place"
BEHIND = "behind"
_Answer = Callable[[dict[str, str]], list[str]]
_Calls = tuple[list[str], list[str], str | None]
_AGGREGATES = frozenset(("len", "count", "sum", "any", "all"))


class Filters(Scalars):
    """Conditions of a question, in which some are there only when a parameter is given."""

    def __init__(self, tables: Tables, method: Method, optional: frozenset[str]) -> None:
        super().__init__(tables)
        self.optional = optional
        self.switched: dict[str, dict[str, str]] = {}
        """By the parameters that switch conditions on, what is given then."""
        self.shown: tuple[Row, Selection, str] | None = None
        self._method = method

    def begins_with(self, row: Row) -> None:
        """Compiles what is shown of the rows before anything else, so that each statement that shows them has the same columns."""
        result = plain(self._method.result) if self._method.result is not None else None
        inner = plain(result.of) if isinstance(result, t.ListType | t.SetType) else result
        if self.shown is None and row.query.parent is None and inner == t.EntityType(row.entity):
            selection = Selection(self.tables, self, {})
            before, self.parameters = self.parameters, {}
            text = selection.view(self._method.view, row) if self._method.view is not None else selection.entity(row)
            self.parameters = before
            self.shown = (row, selection, text)

    def require(self, node: Expression, scope: Scope) -> None:
        flag = _optional_filter(node, self.optional) if scope.query.parent is None else None
        if flag is not None and (flag[0].name in self.switched or len(self.switched) < FLAGS_MAX):
            self._switch(flag[0].name, flag[1], scope)
        else:
            super().require(node, scope)

    def _switch(self, name: str, rest: Expression, scope: Scope) -> None:
        before, self.parameters = self.parameters, {}
        text = self.condition(rest, scope).text
        mine, self.parameters = self.parameters, before
        self.switched.setdefault(name, {}).update(mine)
        scope.query.where.append(Flag(name, text))


class Question(Struct, frozen=True):
    """A question while it is written."""

    method: Method
    tables: Tables
    loaders: Loaders
    scalars: Filters


def write(method: Method, tables: Tables, loaders: Loaders) -> str:
    """The method of a question; its statements go into the module. Raises `UnsupportedError`."""
    node = method.expression
    assert node is not None, "a question is an expression"
    optional = frozenset(one.name for one in method.parameters if isinstance(one.type, t.OptionalType))
    question = Question(method, tables, loaders, Filters(tables, method, optional))
    match node:
        case e.Call(function=function) if function in _AGGREGATES or _is_least(node):
            lines = _aggregate(question, node)
        case e.Call(function="first", arguments=(of,)):
            lines = _first(question, of)
        case e.Call(function="last", arguments=(of,)):
            turned = e.Call(type=of.type, span=node.span, function="reversed", arguments=(of,))
            lines = _first(question, turned)
        case e.Call(function="min" | "max" as function, arguments=(of,), keywords=keywords):
            lines = _first(question, _sorted_for(node, of, keywords, down=function == "max"))
        case e.Index(of=of, index=e.Constant(value=0)):
            lines = _first(question, of)
        case _:
            lines = _many(question, node)
    head = ports.declaration(method, tables.module, tables.blueprint)
    return f"{head}\n{indented(chr(10).join(lines))}"


def _is_least(node: e.Call) -> bool:
    return node.function in {"min", "max"} and not any(one.name == "key" for one in node.keywords)


def _sorted_for(node: e.Call, of: Expression, keywords: tuple[e.Keyword, ...], *, down: bool) -> e.Call:
    """`min` and `max` by a key: the first of those that are sorted."""
    given = [one for one in keywords if one.name == "key"]
    if down:
        lambda_ = given[0].value
        assert isinstance(lambda_, e.Lambda)
        if not isinstance(lambda_.body.type, t.IntType | t.DecimalType):
            given.append(e.Keyword("reverse", e.Constant(type=t.BoolType(), span=node.span, value=True)))
        else:
            body = e.Negative(type=lambda_.body.type, span=node.span, of=lambda_.body)
            given = [
                e.Keyword("key", e.Lambda(type=lambda_.type, span=node.span, parameter=lambda_.parameter, body=body))
            ]
    return e.Call(type=of.type, span=node.span, function="sorted", arguments=(of,), keywords=tuple(given))


# ---------------------------------------------------------------------- statements


def _scope(question: Question) -> Scope:
    return Scope(Query(question.tables.aliases), {})


def _conditions(query: Query) -> tuple[list[str], list[Flag]]:
    plainly = [one for one in query.where if isinstance(one, str) and one and one != "true()"]
    return plainly, [one for one in query.where if isinstance(one, Flag)]


def _where(query: Query) -> str:
    """`where(...)` where nothing is optional."""
    plainly, _ = _conditions(query)
    return f"where({', '.join(plainly)})" if plainly else ""


def _constant(question: Question) -> str:
    return f"_{question.method.name.upper()}"


def _aggregate(question: Question, node: e.Call) -> list[str]:
    """A question with one answer: how many, how much, whether."""
    scalars, scope = question.scalars, _scope(question)
    module = question.tables.module
    found = read(scalars, node.arguments[0], scope)
    if found.limit is not None or found.skip is not None:
        raise UnsupportedError(node.span, "this looks at a part that was cut off", "look at all of it")
    module.use("sqlalchemy", "func")
    columns = _aggregated(scalars, node, found)
    assert question.method.result is not None
    result = question.method.result
    into = "int" if isinstance(result, t.IntType) else "bool" if isinstance(result, t.BoolType) else None
    into = "Decimal" if isinstance(result, t.DecimalType) else into
    if into == "Decimal":
        module.use("decimal", "Decimal")
    base = [f"select({columns})", f"select_from({scope.query.source})"]
    return _run(
        question, scope.query, {"": (base, [], into)}, lambda given: [f"return await self._sql.one({given['']})"]
    )


def _aggregated(scalars: Filters, node: e.Call, found: Found) -> str:
    match node.function:
        case "len" | "count":
            return "func.count()"
        case "sum":
            return functions.summed(scalars, found.element, found.scope)
        case "any":
            test = scalars.truth(found.element, found.scope).text
            found.scope.query.where.append(test)
            return "func.count() > 0"
        case "all":
            opposite = e.Not(type=t.BoolType(), span=node.span, of=found.element)
            found.scope.query.where.append(scalars.truth(opposite, found.scope).text)
            return "func.count() == 0"
        case _:
            return functions.extreme(scalars, node, found.element, found.scope)


def _selected(question: Question, found: Found, places: Sequence[Key] = ()) -> Loader:
    """How the rows of an answer are read; `places` are columns beside what they become."""
    method, tables = question.method, question.tables
    element = found.element
    row = found.scope.rows.get(element.name) if isinstance(element, e.Name) else None
    parameters = {
        ports.given_name(method, one): _annotation(question, one)
        for one in method.parameters
        if not isinstance(one.type, t.PageType)
    }
    selection = Selection(tables, question.scalars, ports.records_of(method))
    if row is not None and row.entity:
        made = method.view if method.view is not None else row.entity
        name = snake(made)
        if question.scalars.shown is not None and question.scalars.shown[0] is row:
            _, selection, text = question.scalars.shown
        else:
            text = selection.view(method.view, row) if method.view is not None else selection.entity(row)
        if row.text != tables.entity(row.entity).name:
            name = method.name
        known = question.loaders.known(name)
        if known is not None and known.selection.columns != selection.columns:
            name = method.name
    else:
        text = selection.output(element, found.scope, "")
        made = ports.element_type(method, element.type, tables.module, tables.blueprint)
        name = method.name
    for number, key in enumerate(places, 1):
        selection.columns[f"{PLACE}_{number}"] = (key.text, _annotated(question, key.type))
        name = method.name
    shared = name == snake(made) and name != method.name
    return question.loaders.of(name, selection, text, made, parameters, shared=shared)


def _annotation(question: Question, one: Parameter) -> str:
    type = one.type
    if isinstance(type, t.ListType | t.SetType):
        question.tables.module.use("collections.abc", "Collection")
        return f"Collection[{_annotated(question, type.of)}]"
    return _annotated(question, type)


def _annotated(question: Question, type: t.Type) -> str:
    return Annotations(question.tables.blueprint, question.tables.module).domain(type)


def _first(question: Question, of: Expression) -> list[str]:
    """The first row, or none."""
    scope = _scope(question)
    found = read(question.scalars, of, scope)
    loader, selected = _answer(question, found)
    order = _order(question, found)
    calls = [f"select({loader.columns})", _from(scope.query), "", order, "limit(1)"]
    return _run(
        question,
        scope.query,
        {"": (calls, selected, loader.into)},
        lambda given: loader.one(*_split(given[""])),
    )


def _many(question: Question, node: Expression) -> list[str]:
    scope = _scope(question)
    found = read(question.scalars, node, scope)
    page = ports.page_of(question.method)
    if page is not None and isinstance(page.type, t.PageType) and page.type.cursor:
        return _by_cursor(question, scope.query, found, page.name)
    loader, selected = _answer(question, found)
    order = _order(question, found)
    calls = [f"select({loader.columns})", _from(scope.query), "", order]
    if page is None:
        calls += _cut(question, found)
        return _run(
            question,
            scope.query,
            {"": (calls, selected, loader.into)},
            lambda given: [f"return {loader.all(*_split(given['']))}"],
        )
    if found.limit is not None or found.skip is not None:
        raise UnsupportedError(node.span, "a page is a part already", "cut nothing off")
    question.tables.module.use("sqlalchemy", "bindparam", "func")
    calls += ['limit(bindparam("limit"))', 'offset(bindparam("offset"))']
    total = ["select(func.count())", f"select_from({scope.query.source})"]
    name = page.name
    question.tables.module.use("krepis.types", "Page")
    return _run(
        question,
        scope.query,
        {"items": (calls, selected, loader.into), "total": (total, [], "int")},
        lambda given: [
            _page_of(loader.all(*_split(f"{given['items']}, limit={name}.limit, offset={name}.offset")), given["total"])
        ],
    )


def _page_of(items: str, total: str) -> str:
    return f"return Page(items={items}, total=await self._sql.one({total}))"


def _by_cursor(question: Question, query: Query, found: Found, page: str) -> list[str]:
    """A page that begins behind a place: what the last row before was sorted by."""
    if found.limit is not None or found.skip is not None:
        raise UnsupportedError(found.element.span, "a page is a part already", "cut nothing off")
    module, scalars = question.tables.module, question.scalars
    keys = order_keys(scalars, found)
    if any(key.nullable for key in keys):
        raise UnsupportedError(
            found.element.span, "a page by cursor is sorted by what is never none", "sort by something else"
        )
    loader, selected = _answer(question, found, keys)
    names_of = [f"{BEHIND}_{number}" for number in range(1, len(keys) + 1)]
    module.use("krepis.types", "Page", "read_cursor", "write_cursor")
    module.use("sqlalchemy", "bindparam")
    behind, rows, items, rest = (_local(question, name) for name in (BEHIND, "rows", "items", "last"))
    scalars.switched[behind] = {name: f"{behind}[{number}]" for number, name in enumerate(names_of)}
    query.where.append(Flag(behind, _behind(question, keys, names_of)))
    order = f"order_by({', '.join(key.ordered for key in keys)})"
    calls = [f"select({loader.columns})", _from(query), "", order, 'limit(bindparam("limit"))']
    types = ", ".join(_annotated(question, key.type) for key in keys)
    last = ", ".join(f"{items}[-1].{PLACE}_{number}" for number in range(1, len(keys) + 1))
    lines = _run(
        question,
        query,
        {"": (calls, selected, loader.into)},
        lambda given: [
            f"{rows} = await self._sql.all({given['']}, limit={page}.limit + 1)",
            f"{items} = {rows}[: {page}.limit]",
            f"{rest} = write_cursor(({last})) if len({rows}) > {page}.limit else None",
            f"return Page(items={loader.of_rows(items)}, next={rest})",
        ],
    )
    return [f"{behind} = read_cursor({page}.cursor, tuple[{types}])", *lines]


def _behind(question: Question, keys: Sequence[Key], names_of: Sequence[str]) -> str:
    """What comes after a place in the order of the keys."""
    scalars = question.scalars
    values = [
        scalars.with_kind(Sql(f'bindparam("{name}")', is_value=True), kind_of(plain(key.type))).text
        for key, name in zip(keys, names_of, strict=True)
    ]
    if len(keys) == 1:
        return f"{keys[0].text} {'<' if keys[0].falls else '>'} {values[0]}"
    if len({key.falls for key in keys}) == 1:
        question.tables.module.use("sqlalchemy", "tuple_")
        place = ", ".join(key.text for key in keys)
        return f"tuple_({place}) {'<' if keys[0].falls else '>'} tuple_({', '.join(values)})"
    question.tables.module.use("sqlalchemy", "and_", "or_")
    cases: list[str] = []
    for number, key in enumerate(keys):
        same = [f"{one.text} == {value}" for one, value in zip(keys[:number], values[:number], strict=True)]
        further = f"{key.text} {'<' if key.falls else '>'} {values[number]}"
        cases.append(f"and_({', '.join([*same, further])})" if same else further)
    return f"or_({', '.join(cases)})"


def _split(call: str) -> tuple[str, str]:
    """`_FIND, id=id` as the statement and the rest."""
    statement, comma, rest = call.partition(", ")
    return statement, f"{comma}{rest}"


def _cut(question: Question, found: Found) -> list[str]:
    calls: list[str] = []
    scope = Scope(Query(question.tables.aliases), {})
    if found.limit is not None:
        calls.append(f"limit({question.scalars.value(found.limit, scope).text})")
    elif found.skip is not None:
        calls.append("limit(-1)")
    if found.skip is not None:
        calls.append(f"offset({question.scalars.value(found.skip, scope).text})")
    return calls


def _answer(question: Question, found: Found, places: Sequence[Key] = ()) -> tuple[Loader, list[str]]:
    """The loader, and the parameters that its columns use."""
    before, question.scalars.parameters = question.scalars.parameters, {}
    loader = _selected(question, found, places)
    question.scalars.parameters = before
    used = [one.name for one in question.method.parameters if loader.asks_for(one.name)]
    return loader, used


def _order(question: Question, found: Found) -> str:
    return f"order_by({', '.join(order_by(question.scalars, found))})"


def _from(query: Query) -> str:
    return "" if query.is_one_table else f"select_from({query.source})"


def _run(question: Question, query: Query, statements: dict[str, _Calls], answer: _Answer) -> list[str]:
    """The statements of a question, and the lines that run them; `answer` gets the arguments of each call."""
    plainly, flags = _conditions(query)
    if flags:
        return _run_variants(question, plainly, flags, statements, answer)
    given: dict[str, str] = {}
    for key, (calls, selected, into) in statements.items():
        constant = _constant(question) + (f"_{key.upper()}" if key else "")
        write_statement(
            question.tables.module, constant, _with_where(calls, _where(query)), into, spans=_spans(question)
        )
        given[key] = constant + "".join(f", {name}={value}" for name, value in _given(question, selected).items())
    return answer(given)


def _with_where(calls: list[str], where: str) -> list[str]:
    """The condition stands behind what is read from."""
    place = 2
    return [call for call in (*calls[:place], where, *calls[place:]) if call]


def _given(question: Question, selected: list[str]) -> dict[str, str]:
    return {**question.scalars.parameters, **{name: name for name in selected}}


def _spans(question: Question) -> list[Span]:
    return [] if question.method.expression is None else [question.method.expression.span]


def _run_variants(
    question: Question, plainly: list[str], flags: list[Flag], statements: dict[str, _Calls], answer: _Answer
) -> list[str]:
    module, name = question.tables.module, f"_{question.method.name}"
    module.use("itertools", "product")
    module.use("types", "MappingProxyType")
    module.use("typing", "Any", "Final")
    module.use("krepis.sql", "Statement", "statement")
    module.use("sqlalchemy", "select")
    switches = {flag.parameter: _switch(question, flag.parameter) for flag in flags}
    lines = ["conditions = ("]
    lines += [f"    {condition}," for condition in plainly]
    lines += [f"    *([{flag.condition}] if {switches[flag.parameter]} else [])," for flag in flags]
    lines.append(")")
    made = [statement_of(_with_where(calls, "where(*conditions)"), into) for calls, _, into in statements.values()]
    types = [f"Statement[{into or 'Any'}]" for _, _, into in statements.values()]
    several = len(made) > 1
    lines.append(f"return {', '.join(made)}")
    answers = f"tuple[{', '.join(types)}]" if several else types[0]
    given = ", ".join(f"{switch}: bool" for switch in switches.values())
    what = (
        '"""A page of them, and how many there are, with those filters that are given."""'
        if several
        else ('"""With those filters that are given."""')
    )
    module.add(
        name,
        f"def {name}(*, {given}) -> {answers}:\n{indented(chr(10).join([what, *lines]))}",
        spans=_spans(question),
    )
    passed = ", ".join(f"{switch}=given[{number}]" for number, switch in enumerate(switches.values()))
    module.add(
        name.upper(),
        f"{name.upper()}: Final = MappingProxyType(\n"
        f"    {{given: {name}({passed}) for given in product((False, True), repeat={len(switches)})}}\n)",
    )
    return [*_asked(question, list(switches), statements), *answer(_calls(question, statements))]


def _asked(question: Question, parameters: list[str], statements: dict[str, _Calls]) -> list[str]:
    tests = ", ".join(f"{name} is not None" for name in parameters)
    tests = tests if len(parameters) > 1 else f"({tests},)"
    given = _local(question, "given")
    targets = ", ".join(_target(question, key) for key in statements)
    always = question.scalars.parameters
    first = "".join(f'"{key}": {value}, ' for key, value in always.items())
    lines = [
        f"{targets} = _{question.method.name.upper()}[{tests}]",
        f"{given}: dict[str, Any] = {{{first}}}",
    ]
    for name in parameters:
        mine = {key: value for key, value in question.scalars.switched[name].items() if key not in always}
        if mine:
            lines.append(f"if {name} is not None:")
            lines += [f'    {given}["{key}"] = {value}' for key, value in mine.items()]
    return lines


def _target(question: Question, key: str) -> str:
    return _local(question, key or "asked")


def _local(question: Question, wanted: str) -> str:
    return ports.local_name(question.method, wanted)


def _calls(question: Question, statements: dict[str, _Calls]) -> dict[str, str]:
    return {
        key: f"{_target(question, key)}, **{_local(question, 'given')}"
        + "".join(f", {name}={name}" for name in selected if name not in question.scalars.parameters)
        for key, (_, selected, _) in statements.items()
    }


def _switch(question: Question, name: str) -> str:
    """The argument that switches a condition on; called like the parameter unless the module means something else by that."""
    taken = {*question.tables.aliases.tables, "select", "statement", "func", "bindparam", "conditions", "containing"}
    return f"{name}_given" if name in taken else name


def _optional_filter(node: Expression, optional: frozenset[str]) -> tuple[e.Name, Expression] | None:
    """`p is None or rest`."""
    if not isinstance(node, e.Logic) or node.operator != "or":
        return None
    first, *rest = node.operands
    if not isinstance(first, e.Compare) or first.operator not in {"is", "=="} or not isinstance(first.left, e.Name):
        return None
    if first.left.name not in optional or not isinstance(first.right, e.Constant) or first.right.value is not None:
        return None
    return first.left, rest[0] if len(rest) == 1 else _either(node, rest)


def _either(node: e.Logic, rest: list[Expression]) -> Expression:
    return e.Logic(type=t.BoolType(), span=node.span, operator="or", operands=tuple(rest))

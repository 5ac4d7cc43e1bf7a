"""An app resolves everything when it starts, or says everything that stands in the way."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self

import pytest

from krepis import Command, Context, KrepisError, OutboundPort, Query, ReadPort, Sources, WritePort
from krepis.app import App, bind
from krepis.errors import OutboundInTransactionError, WiringError
from krepis.handler import offload
from krepis.http import Doors
from krepis.port import PortCall
from krepis.testing import MemoryStore, MemoryUnit, TestSources, start


class Books(ReadPort, Protocol):
    async def find(self, ctx: Context, isbn: str) -> str | None: ...


class Shelves(Books, WritePort, Protocol):
    async def add(self, ctx: Context, isbn: str, title: str) -> None: ...


class Mail(OutboundPort, Protocol):
    async def send(self, ctx: Context, text: str) -> None: ...


class MemoryBooks(Shelves):
    def __init__(self, unit: MemoryUnit) -> None:
        self._books = unit.table("books", str)

    async def find(self, ctx: Context, isbn: str) -> str | None:
        return self._books.get(isbn)

    async def add(self, ctx: Context, isbn: str, title: str) -> None:
        self._books.put(isbn, title)


class AddBook(Command[str]):
    isbn: str
    title: str = "Dune"


class FindBook(Query[str | None]):
    isbn: str


async def add_book(ctx: Context, command: AddBook, *, shelves: Shelves) -> str:
    await shelves.add(ctx, command.isbn, command.title)
    return command.isbn


async def find_book(ctx: Context, query: FindBook, *, books: Books) -> str | None:
    return await books.find(ctx, query.isbn)


def an_app(
    *handlers: Callable[..., Any], adapters: tuple[Any, ...] = (bind(Shelves, MemoryBooks),), **more: Any
) -> App:
    return App("test", handlers=handlers or (add_book, find_book), adapters=adapters, store=MemoryStore(), **more)


def problems_of(app: App) -> str:
    with pytest.raises(WiringError) as refusal:
        app.check()
    return str(refusal.value)


async def test_a_handler_gets_its_ports_by_type() -> None:
    async with start(an_app()) as service:
        await service.dispatch(AddBook(isbn="1"))
        assert await service.dispatch(FindBook(isbn="1")) == "Dune"


class Index(ReadPort, Protocol):
    async def title(self, ctx: Context, isbn: str) -> str | None: ...


class BookIndex(Index):
    def __init__(self, books: Books) -> None:
        self._books = books

    async def title(self, ctx: Context, isbn: str) -> str | None:
        return await self._books.find(ctx, isbn)


async def test_a_query_may_have_an_adapter_that_reads_through_one_that_can_write() -> None:
    async def look_up(ctx: Context, query: FindBook, *, index: Index) -> str | None:
        return await index.title(ctx, query.isbn)

    adapters = (bind(Shelves, MemoryBooks), bind(Index, BookIndex))
    async with start(an_app(add_book, look_up, adapters=adapters)) as service:
        await service.dispatch(AddBook(isbn="1"))
        assert await service.dispatch(FindBook(isbn="1")) == "Dune"


async def test_a_command_that_fails_changes_nothing() -> None:
    async def add_and_fail(ctx: Context, command: AddBook, *, shelves: Shelves) -> str:
        await shelves.add(ctx, command.isbn, command.title)
        raise LookupError("later")

    async with start(an_app(add_and_fail, find_book)) as service:
        with pytest.raises(LookupError):
            await service.dispatch(AddBook(isbn="1"))
        assert await service.dispatch(FindBook(isbn="1")) is None


async def test_a_plain_def_handler_runs_on_the_loop() -> None:
    def greet(ctx: Context, query: FindBook) -> str:
        return f"{query.isbn} at {ctx.now():%H:%M}"

    async with start(an_app(greet)) as service:
        assert await service.dispatch(FindBook(isbn="1")) == "1 at 12:00"


async def test_an_offloaded_handler_runs_in_a_thread() -> None:
    import threading

    @offload
    def count(ctx: Context, query: FindBook) -> str:
        return threading.current_thread().name

    async with start(an_app(count)) as service:
        assert "krepis-offload" in str(await service.dispatch(FindBook(isbn="1")))


async def test_a_message_without_a_handler_is_refused_with_a_hint() -> None:
    async with start(an_app(find_book)) as service:
        with pytest.raises(KrepisError, match="no handler for `AddBook`"):
            await service.dispatch(AddBook(isbn="1"))


def test_a_missing_adapter_is_named() -> None:
    assert "needs the port `Books`, and no adapter is bound to it" in problems_of(an_app(find_book, adapters=()))


def test_two_adapters_for_one_port_are_named() -> None:
    class Others(MemoryBooks):
        pass

    said = problems_of(an_app(adapters=(bind(Shelves, MemoryBooks), bind(Shelves, Others))))
    assert "`Shelves` has two adapters" in said
    assert "Others" in said


def test_a_query_that_asks_for_a_writing_port_is_refused() -> None:
    async def peek(ctx: Context, query: FindBook, *, shelves: Shelves) -> str | None:
        return await shelves.find(ctx, query.isbn)

    assert "the query `FindBook` can reach a writing port" in problems_of(an_app(peek))


def test_a_query_that_reaches_a_writing_port_through_an_adapter_is_refused() -> None:
    class Titles(ReadPort, Protocol):
        async def title(self, ctx: Context, isbn: str) -> str: ...

    class Sneaky(Titles):
        def __init__(self, shelves: Shelves) -> None:
            self._shelves = shelves

        async def title(self, ctx: Context, isbn: str) -> str:
            return isbn

    async def peek(ctx: Context, query: FindBook, *, titles: Titles) -> str | None:
        return await titles.title(ctx, query.isbn)

    app = an_app(peek, adapters=(bind(Shelves, MemoryBooks), bind(Titles, Sneaky)))
    assert "`Titles` -> `Shelves`" in problems_of(app)


def test_adapters_that_need_each_other_are_a_circle() -> None:
    def first(second: Mail) -> MemoryBooks:
        raise AssertionError

    def second(first: Shelves) -> Any:
        raise AssertionError

    said = problems_of(an_app(find_book, adapters=(bind(Shelves, first), bind(Mail, second))))
    assert "in a circle" in said


def test_a_handler_without_ctx_is_refused_with_the_right_form() -> None:
    async def find(query: FindBook) -> str:
        return query.isbn

    said = problems_of(an_app(find))
    assert "does not take `ctx: Context` first" in said
    assert "async def find(ctx: Context" in said


def test_an_adapter_that_lacks_a_method_is_refused() -> None:
    class Half(Shelves):
        async def find(self, ctx: Context, isbn: str) -> str | None:
            return None

    assert "does not have `add` of the port `Shelves`" in problems_of(an_app(adapters=(bind(Shelves, Half),)))


def test_a_port_method_without_ctx_is_refused() -> None:
    class Odd(ReadPort, Protocol):
        async def find(self, isbn: str) -> str: ...

    class OddAdapter(Odd):
        async def find(self, isbn: str) -> str:
            return isbn

    assert "`Odd.find` does not take `ctx` first" in problems_of(an_app(find_book, adapters=(bind(Odd, OddAdapter),)))


def test_two_handlers_for_one_message_are_refused() -> None:
    async def again(ctx: Context, query: FindBook) -> str:
        return query.isbn

    assert "`FindBook` has two handlers" in problems_of(an_app(find_book, again))


def test_an_adapter_of_the_app_may_not_need_a_unit() -> None:
    said = problems_of(an_app(adapters=(bind(Shelves, MemoryBooks, scope="app"),)))
    assert "lives as long as the app but needs `unit`" in said


def test_a_constructor_that_asks_for_something_unknown_is_refused() -> None:
    def books(depth: int) -> MemoryBooks:
        raise AssertionError

    assert "asks for `depth: int`" in problems_of(an_app(adapters=(bind(Shelves, books),)))


def test_a_door_to_nothing_and_two_doors_in_one_place_are_refused() -> None:
    doors = Doors()
    doors.post("/books", AddBook)
    doors.get("/books/{isbn}", FindBook)
    doors.get("/books/{other}", FindBook, sources={})
    said = problems_of(an_app(find_book, doors=doors))
    assert "leads to `AddBook`, which has no handler" in said
    assert "`GET /books/{other}` of `FindBook` stands where `GET /books/{isbn}`" in said


def test_a_handler_that_answers_with_something_else_is_refused() -> None:
    async def count(ctx: Context, query: FindBook) -> int:
        return 1

    assert "answers with `int`, its message `FindBook` promises `str | None`" in problems_of(an_app(count))


@pytest.mark.parametrize("answer", [str, None, str | None, Any])
def test_a_handler_may_promise_a_part_of_its_messages_answer(answer: Any) -> None:
    async def find(ctx: Context, query: FindBook) -> Any:
        return None

    find.__annotations__["return"] = answer
    an_app(find).check()


def test_one_adapter_without_its_comma_has_a_hint() -> None:
    with pytest.raises(KrepisError, match="takes a tuple"):
        App("test", handlers=(add_book,), adapters=bind(Shelves, MemoryBooks))  # type: ignore[arg-type]


def test_an_adapter_of_a_store_that_is_not_there_has_a_hint() -> None:
    app = App("test", handlers=(add_book,), adapters=(bind(Shelves, MemoryBooks),))
    assert "give it one with `App(store=...)`" in problems_of(app)


def test_all_problems_are_said_at_once() -> None:
    async def find(query: FindBook) -> str:
        return query.isbn

    with pytest.raises(WiringError) as refusal:
        an_app(find, add_book, adapters=()).check()
    assert len(refusal.value.problems) == 2


async def test_adapters_of_the_app_are_entered_once_and_left_at_the_end() -> None:
    events: list[str] = []

    class SmtpMail(Mail):
        def __init__(self, sources: Sources) -> None:
            events.append("made")

        async def __aenter__(self) -> Self:
            events.append("entered")
            return self

        async def __aexit__(self, *_: object) -> None:
            events.append("left")

        async def send(self, ctx: Context, text: str) -> None:
            events.append(text)

    async def notify(ctx: Context, command: AddBook, *, mail: Mail) -> str:
        await mail.send(ctx, command.isbn)
        return ""

    async with start(an_app(notify, adapters=(bind(Mail, SmtpMail, scope="app"),))) as service:
        await service.dispatch(AddBook(isbn="1"))
        await service.dispatch(AddBook(isbn="2"))
    assert events == ["made", "entered", "1", "2", "left"]


async def test_interceptors_see_every_port_call_the_first_one_outermost() -> None:
    seen: list[str] = []

    def interceptor(name: str) -> Callable[[PortCall, Callable[[], Awaitable[Any]]], Awaitable[Any]]:
        async def intercept(call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
            seen.append(f"{name} {call.port}.{call.method}{call.args}")
            return await proceed()

        return intercept

    app = an_app(interceptors=(interceptor("outer"), interceptor("inner")))
    async with start(app) as service:
        await service.dispatch(AddBook(isbn="1"))
    assert seen == ["outer Shelves.add('1', 'Dune')", "inner Shelves.add('1', 'Dune')"]


async def test_an_interceptor_can_answer_instead_of_the_adapter() -> None:
    async def fake(call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        return "faked"

    async with start(an_app(interceptors=(fake,))) as service:
        assert await service.dispatch(FindBook(isbn="1")) == "faked"


async def test_without_an_interceptor_a_handler_holds_the_bare_adapter() -> None:
    held: list[object] = []

    async def hold(ctx: Context, query: FindBook, *, books: Books) -> str:
        held.append(books)
        return ""

    async with start(an_app(hold)) as service:
        await service.dispatch(FindBook(isbn="1"))
    assert type(held[0]) is MemoryBooks


async def test_each_dispatch_is_a_unit_of_its_own_under_the_caller() -> None:
    seen: list[Context] = []

    def look(ctx: Context, query: FindBook) -> str:
        seen.append(ctx)
        return str(ctx.new_id())

    async with start(an_app(look), TestSources()) as service:
        root = service.context(tenant="north")
        first = await service.dispatch(FindBook(isbn="1"), root)
        assert first != await service.dispatch(FindBook(isbn="1"), root)
    assert {ctx.trace.parent_id for ctx in seen} == {root.trace.span_id}
    assert {(ctx.tenant, ctx.intents) for ctx in seen} == {("north", ("FindBook",))}


async def test_an_outbound_call_after_a_write_is_refused_and_before_it_is_not() -> None:
    class Outbox(Mail):
        async def send(self, ctx: Context, text: str) -> None:
            sent.append(text)

    async def sends_first(ctx: Context, command: AddBook, *, shelves: Shelves, mail: Mail) -> str:
        await mail.send(ctx, command.isbn)
        await shelves.add(ctx, command.isbn, command.title)
        return ""

    async def writes_first(ctx: Context, command: AddBook, *, shelves: Shelves, mail: Mail) -> str:
        await shelves.add(ctx, command.isbn, command.title)
        await mail.send(ctx, command.isbn)
        return ""

    sent: list[str] = []
    adapters = (bind(Shelves, MemoryBooks), bind(Mail, Outbox))
    async with start(an_app(sends_first, find_book, adapters=adapters)) as service:
        await service.dispatch(AddBook(isbn="1"))
    async with start(an_app(writes_first, find_book, adapters=adapters)) as service:
        with pytest.raises(
            OutboundInTransactionError, match=r"`Mail\.send` was called while a write transaction is open"
        ):
            await service.dispatch(AddBook(isbn="2"))
        assert await service.dispatch(FindBook(isbn="2")) is None
    assert sent == ["1"]

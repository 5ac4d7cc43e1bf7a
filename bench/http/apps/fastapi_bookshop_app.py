"""The doors of `examples/bookshop.md` with FastAPI and SQLAlchemy's async ORM, by hand, as their users write them.

The caller is looked up in the database at each request, a session's token by its digest (one statement). Stock goes
down by a conditional update, so nobody sells a copy twice. Mail goes out in a background task, after the answer.
"""

import hashlib
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from bookshop_books import BOOKS
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AliasPath, BaseModel, ConfigDict, Field
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    String,
    TypeDecorator,
    event,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

URL = os.environ["BENCH_DB"].replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")
MAIL = Path(os.environ["BENCH_FOLDER"]) / "mail"
SESSION_LIFETIME = timedelta(days=7)
engine = create_async_engine(URL, pool_size=8, max_overflow=0)
Session = async_sessionmaker(engine, expire_on_commit=False)
passwords = PasswordHasher(memory_cost=int(os.environ["BENCH_PASSWORD_KIB"]))


class Cents(TypeDecorator[Decimal]):
    """Money as a number of cents: SQLite has no decimals."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else int(value.scaleb(2))

    def process_result_value(self, value, dialect):
        return None if value is None else Decimal(value).scaleb(-2)


class Utc(TypeDecorator[datetime]):
    """A moment, also where the database keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value, dialect):
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)


class Login(Base):
    __tablename__ = "sessions"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(Utc)


class Book(Base):
    __tablename__ = "books"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    isbn: Mapped[str] = mapped_column(String(13), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    price: Mapped[Decimal] = mapped_column(Cents)
    stock: Mapped[int] = mapped_column(BigInteger, default=0)
    __table_args__ = (Index("books_title", "title", "id"), CheckConstraint("stock >= 0"))


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    customer: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    status: Mapped[str] = mapped_column(String(64), default="placed")
    total: Mapped[Decimal] = mapped_column(Cents)
    placed_at: Mapped[datetime] = mapped_column(Utc, default=lambda: datetime.now(UTC))
    lines: Mapped[list["Line"]] = relationship(order_by="Line.position")


class Line(Base):
    __tablename__ = "order_lines"
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[UUID] = mapped_column(ForeignKey("books.id"), index=True)
    quantity: Mapped[int]
    unit_price: Mapped[Decimal] = mapped_column(Cents)
    book: Mapped[Book] = relationship()


class FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class BookView(FromRow):
    isbn: str
    title: str
    price: Decimal
    stock: int


class BookPage(FromRow):
    items: list[BookView]
    total: int
    next: str | None = None


class LineView(FromRow):
    book: str = Field(validation_alias=AliasPath("book", "isbn"))
    quantity: int
    unit_price: Decimal


class OrderView(FromRow):
    id: UUID
    customer: UUID
    lines: list[LineView]
    status: str
    total: Decimal
    placed_at: datetime


class Account(BaseModel):
    email: str = Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    password: str = Field(min_length=8, max_length=200)


class SignedIn(BaseModel):
    id: UUID
    email: str
    roles: list[str]
    token: str


class LineInput(BaseModel):
    book: str
    quantity: int = Field(ge=1, le=100)


class OrderInput(BaseModel):
    lines: list[LineInput] = Field(min_length=1, max_length=50)


class Shelf(BaseModel):
    text: str | None = None
    max_price: Decimal | None = Field(None, decimal_places=2)
    limit: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0, le=1_000_000)


def set_pragmas(connection, _record):
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 20000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


if engine.dialect.name == "sqlite":
    event.listen(engine.sync_engine, "connect", set_pragmas)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    MAIL.mkdir(exist_ok=True)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with Session.begin() as db:
        db.add_all([Book(**book._asdict()) for book in BOOKS])
    yield
    await engine.dispose()


async def open_session():
    async with Session() as session:
        yield session


Db = Annotated[AsyncSession, Depends(open_session)]
Token = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def current_user(token: Token, db: Db) -> User:
    good = (Login.digest == digest_of(token.credentials), Login.expires_at > datetime.now(UTC))
    user = await db.scalar(select(User).join(Login, Login.user_id == User.id).where(*good))
    if user is None:
        raise HTTPException(401)
    return user


Caller = Annotated[User, Depends(current_user)]
app = FastAPI(lifespan=lifespan)


@app.post("/register", status_code=201)
async def register(given: Account, db: Db) -> SignedIn:
    if await db.scalar(select(User.id).where(User.email == given.email)):
        raise HTTPException(409, "there is a user with this email already")
    user = User(email=given.email, password=await run_in_threadpool(passwords.hash, given.password))
    token = secrets.token_urlsafe(32)
    db.add(user)
    await db.flush()
    db.add(Login(digest=digest_of(token), user_id=user.id, expires_at=datetime.now(UTC) + SESSION_LIFETIME))
    await db.commit()
    return SignedIn(id=user.id, email=user.email, roles=user.roles, token=token)


@app.get("/books")
async def search_books(shelf: Annotated[Shelf, Query()], db: Db) -> BookPage:
    wanted = []
    if shelf.text is not None:
        wanted.append(Book.title.icontains(shelf.text, autoescape=True))
    if shelf.max_price is not None:
        wanted.append(Book.price <= shelf.max_price)
    page = select(Book).where(*wanted).order_by(Book.title, Book.id).limit(shelf.limit).offset(shelf.offset)
    items = (await db.scalars(page)).all()
    total = await db.scalar(select(func.count()).select_from(Book).where(*wanted))
    return BookPage.model_validate({"items": items, "total": total})


@app.get("/orders/{id}")
async def show_order(id: UUID, caller: Caller, db: Db) -> OrderView:
    order = await db.get(Order, id, options=[selectinload(Order.lines).joinedload(Line.book)])
    if order is None:
        raise HTTPException(404)
    if order.customer != caller.id and "staff" not in caller.roles:
        raise HTTPException(403)
    return order


@app.post("/orders", status_code=201)
async def place_order(given: OrderInput, caller: Caller, db: Db, later: BackgroundTasks) -> OrderView:
    isbns = {line.book for line in given.lines}
    books = {book.isbn: book for book in await db.scalars(select(Book).where(Book.isbn.in_(isbns)))}
    if isbns - books.keys():
        raise HTTPException(404, "there is no such book")
    for line in sorted(given.lines, key=lambda line: line.book):  # all in one order, so that nobody waits in a circle
        book = books[line.book]
        enough = (Book.id == book.id, Book.stock >= line.quantity)
        less = update(Book).where(*enough).values(stock=Book.stock - line.quantity)
        taken = await db.execute(less, execution_options={"synchronize_session": False})
        if not taken.rowcount:
            raise HTTPException(409, "out of stock")
    lines = [
        Line(position=position, book=books[line.book], quantity=line.quantity, unit_price=books[line.book].price)
        for position, line in enumerate(given.lines)
    ]
    order = Order(customer=caller.id, lines=lines, total=sum(line.unit_price * line.quantity for line in lines))
    db.add(order)
    await db.commit()
    later.add_task(send_mail, caller.email, "Your order", f"Thank you. Total: {order.total}.")
    return order


async def send_mail(to: str, subject: str, text: str) -> None:
    """A fake that keeps one file a mail, as the generated bookshop has one."""
    call = {"operation": "send", "to": to, "subject": subject, "text": text}
    (MAIL / f"{uuid4().hex}.json").write_text(json.dumps(call), encoding="utf-8")

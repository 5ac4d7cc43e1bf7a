"""The composition root: the only place where a port and its adapter meet."""

from pathlib import Path

from krepis import App, bind
from krepis.accounts import Accounts, AccountSettings, Hashing, hs256
from krepis.audit import Audit
from krepis.files import FileStore, FolderBlobs
from krepis.idempotency import Idempotency
from krepis.jobs import Jobs
from krepis.limits import Concurrency, Rates, SecurityHeaders, TrustedProxies, rate
from krepis.outbox import Outbox
from krepis.part import Part
from krepis.resilience import Cache, CircuitBreaker, Retries, Timeout
from krepis.schedules import Schedules, every
from krepis.settings import read_settings
from krepis.sql import Database
from krepis.telemetry import Health, Metrics, Spans
from krepis.wiring import Binding

from library.adapters.catalogue import HttpCatalogue
from library.adapters.grants import LibraryGrants
from library.adapters.http import doors
from library.adapters.mail import MaildirMail
from library.adapters.sql.accounts import SqlAccounts
from library.adapters.sql.books import SqlBooks
from library.adapters.sql.copies import SqlCopies
from library.adapters.sql.covers import SqlCovers
from library.adapters.sql.fines import SqlFines
from library.adapters.sql.loans import SqlLoans
from library.adapters.sql.members import SqlMembers
from library.adapters.sql.notes import SqlNotes
from library.adapters.sql.reservations import SqlReservations
from library.adapters.sql.staff import SqlStaff
from library.adapters.sql.tables import metadata
from library.application.add_book import add_book
from library.application.add_copy import add_copy
from library.application.cancel_reservation import cancel_reservation
from library.application.finders import fine_of, loan_of, member_of, reservation_of
from library.application.hire_staff import HireStaff, hire_staff
from library.application.import_book import import_book
from library.application.invite import InviteStaff, invite_member, invite_staff
from library.application.lend_copy import lend_copy
from library.application.list_loans import list_loans
from library.application.list_notes import list_notes
from library.application.list_overdue import list_overdue
from library.application.list_scanners import list_scanners
from library.application.pay_fine import pay_fine
from library.application.policy import policy
from library.application.ports import (
    Catalogue,
    Mail,
    WritableAccounts,
    WritableBooks,
    WritableCopies,
    WritableCovers,
    WritableFines,
    WritableLoans,
    WritableMembers,
    WritableNotes,
    WritableReservations,
    WritableStaff,
)
from library.application.register_member import register_member
from library.application.reinstate_member import reinstate_member
from library.application.release_uncollected import ReleaseUncollected, release_uncollected
from library.application.renew_loan import renew_loan
from library.application.reserve_book import reserve_book
from library.application.retire_scanner import retire_scanner
from library.application.return_copy import return_copy
from library.application.revise_book import revise_book
from library.application.revise_member import revise_member
from library.application.search_books import search_books
from library.application.set_cover import set_cover
from library.application.set_up_scanner import set_up_scanner
from library.application.show_account import show_account
from library.application.show_availability import show_availability
from library.application.show_book import show_book
from library.application.show_cover import show_cover
from library.application.show_member import show_member
from library.application.sign_in import sign_in
from library.application.suspend_member import suspend_member
from library.application.take_invitation import take_invitation
from library.application.tell_reservation_ready import tell_reservation_ready
from library.application.waive_fine import waive_fine
from library.application.watch_desk import watch_desk
from library.application.withdraw_copy import withdraw_copy
from library.application.write_note import write_note
from library.settings import LibrarySettings

VERSION = "0.1.0"
MIGRATIONS = "library:adapters/sql/migrations"

HANDLERS = (
    add_book,
    add_copy,
    cancel_reservation,
    hire_staff,
    import_book,
    invite_member,
    invite_staff,
    lend_copy,
    list_loans,
    list_notes,
    list_overdue,
    list_scanners,
    pay_fine,
    register_member,
    reinstate_member,
    release_uncollected,
    renew_loan,
    reserve_book,
    retire_scanner,
    return_copy,
    revise_book,
    revise_member,
    search_books,
    set_cover,
    set_up_scanner,
    show_account,
    show_availability,
    show_book,
    show_cover,
    show_member,
    sign_in,
    suspend_member,
    take_invitation,
    waive_fine,
    watch_desk,
    withdraw_copy,
    write_note,
)

FINDERS = (fine_of, loan_of, member_of, reservation_of)

REACTIONS = (tell_reservation_ready,)

ON_SQL = (
    bind(WritableAccounts, SqlAccounts),
    bind(WritableBooks, SqlBooks),
    bind(WritableCopies, SqlCopies),
    bind(WritableCovers, SqlCovers),
    bind(WritableFines, SqlFines),
    bind(WritableLoans, SqlLoans),
    bind(WritableMembers, SqlMembers),
    bind(WritableNotes, SqlNotes),
    bind(WritableReservations, SqlReservations),
    bind(WritableStaff, SqlStaff),
)


def parts(settings: LibrarySettings, spans: Spans) -> tuple[Part, ...]:
    """What the library has beside its handlers; the first is the outermost."""
    accounts = AccountSettings(
        keys=(hs256("1", settings.token_key),),
        issuer="library",
        hashing=Hashing(memory_kib=settings.password_memory_kib),
    )
    return (
        *([TrustedProxies(*settings.trusted_proxies)] if settings.trusted_proxies else []),
        spans,
        SecurityHeaders(),
        Rates(per_address=rate(settings.requests_per_minute, per_s=60)),
        Concurrency(),
        Metrics(),
        Health(version=VERSION),
        Accounts(accounts, grants=LibraryGrants),
        Idempotency(),
        Audit(),
        Outbox(),
        Schedules(every("day at 03:00 Europe/Berlin", ReleaseUncollected())),
        Jobs(hire=HireStaff, invite=InviteStaff, release=ReleaseUncollected),
        FileStore(FolderBlobs(settings.files_folder)),
    )


def catalogue(settings: LibrarySettings) -> Binding:
    """The catalogue of all libraries: asked seldom, asked again when it stumbles, and left alone while it is down."""
    through = (
        Cache(ttl_s=3600),
        Retries(attempts_max=3, budget=0.1, pause_s=0.05),
        CircuitBreaker(failures=5, open_s=10),
        Timeout(2),
    )
    return bind(Catalogue, lambda: HttpCatalogue(settings.catalogue), scope="app", through=through)


def build(settings: LibrarySettings, *, spans: Spans | None = None) -> App:
    """The library as these settings have it. Spans go to the provider of the process, if it has one."""
    return App(
        "library",
        handlers=HANDLERS,
        reactions=REACTIONS,
        finders=FINDERS,
        policy=policy,
        adapters=(
            *ON_SQL,
            bind(Mail, lambda: MaildirMail(Path(settings.mail_folder)), scope="app"),
            catalogue(settings),
        ),
        doors=doors,
        store=database(settings.database),
        parts=parts(settings, spans or Spans()),
    )


def database(url: str) -> Database:
    """The library's database at that url."""
    return Database(url, metadata=metadata, migrations=MIGRATIONS)


app = build(read_settings(LibrarySettings))

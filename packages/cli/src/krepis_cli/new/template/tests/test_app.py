from krepis.sql import migrate

from newborn.app import app, in_memory


def test_everything_that_the_app_needs_is_there():
    app.check()
    in_memory().check()


async def test_the_migrations_make_exactly_the_tables_of_the_code(on_sqlite):
    assert await migrate.check(on_sqlite) == []


async def test_the_migrations_go_back_to_nothing(on_sqlite):
    await migrate.downgrade(on_sqlite, "base")
    assert (await migrate.status(on_sqlite)).current == ()

from krepis.sql import migrate


async def test_the_migrations_make_exactly_the_tables_of_the_code(on_disk):
    assert await migrate.check(on_disk.store) == []


async def test_the_migrations_go_back_to_nothing(on_sqlite):
    await migrate.downgrade(on_sqlite.store, "base")
    assert (await migrate.status(on_sqlite.store)).current == ()

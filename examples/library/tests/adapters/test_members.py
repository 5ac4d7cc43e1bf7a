from uuid import UUID

from krepis import replace


async def test_a_member_is_found_by_id_as_they_were_added(shelf, ctx, stock):
    assert await shelf.read(lambda ports: ports.members.find(ctx, stock.alice.id)) == stock.alice


async def test_a_member_is_found_by_email(shelf, ctx, stock):
    assert await shelf.read(lambda ports: ports.members.find_by_email(ctx, "bob@example.org")) == stock.bob


async def test_a_stranger_is_not_found(shelf, ctx, stock):
    assert await shelf.read(lambda ports: ports.members.find(ctx, UUID(int=99))) is None
    assert await shelf.read(lambda ports: ports.members.find_by_email(ctx, "eve@example.org")) is None


async def test_a_saved_member_replaces_the_one_before_and_no_other(shelf, ctx, stock):
    suspended = replace(stock.alice, name="Alice B.", status="suspended")
    await shelf.write(lambda ports: ports.members.save(ctx, suspended))
    assert await shelf.read(lambda ports: ports.members.find(ctx, stock.alice.id)) == suspended
    assert await shelf.read(lambda ports: ports.members.find(ctx, stock.bob.id)) == stock.bob

from uuid import UUID


async def test_staff_are_found_by_id(shelf, ctx, stock):
    assert await shelf.read(lambda ports: ports.staff.find(ctx, stock.max.id)) == stock.max


async def test_a_stranger_is_no_staff(shelf, ctx, stock):
    assert await shelf.read(lambda ports: ports.staff.find(ctx, UUID(int=99))) is None

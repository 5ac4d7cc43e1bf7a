from krepis import replace


async def test_a_copy_is_found_by_id(shelf, ctx, stock):
    assert await shelf.read(lambda ports: ports.copies.find(ctx, stock.first.id)) == stock.first


async def test_copies_of_a_book_are_counted(shelf, ctx, stock):
    assert await shelf.read(lambda ports: ports.copies.count(ctx, stock.dune.isbn)) == 2
    assert await shelf.read(lambda ports: ports.copies.count(ctx, "9780000000000")) == 0


async def test_a_lent_copy_counts_but_is_not_available(shelf, ctx, stock):
    await shelf.write(lambda ports: ports.copies.save(ctx, replace(stock.first, status="lent")))
    assert await shelf.read(lambda ports: ports.copies.count(ctx, stock.dune.isbn)) == 2
    assert await shelf.read(lambda ports: ports.copies.count_available(ctx, stock.dune.isbn)) == 1


async def test_a_withdrawn_copy_does_not_count(shelf, ctx, stock):
    await shelf.write(lambda ports: ports.copies.save(ctx, replace(stock.first, status="withdrawn")))
    assert await shelf.read(lambda ports: ports.copies.count(ctx, stock.dune.isbn)) == 1

"""Blocks without a mistake: those of the worked example, and others that use the rest of the language."""

from krepis_spec.blocks.scope import Mode

GOOD: tuple[tuple[Mode, str], ...] = (
    (
        "command",
        """\
for line in lines:
    require(line.book.stock >= line.quantity, "out of stock")
    line.book.stock -= line.quantity
made = create(
    Order,
    customer=actor,
    lines=[Line(book=l.book, quantity=l.quantity, unit_price=l.book.price) for l in lines],
    total=sum(l.book.price * l.quantity for l in lines),
)
emit(OrderPlaced, order=made)
return made""",
    ),
    (
        "command",
        """\
order.status = "cancelled"
for line in order.lines:
    line.book.stock += line.quantity
return order""",
    ),
    (
        "command",
        """\
book.stock += quantity
return book""",
    ),
    (
        "command",
        """\
user = authenticate(User, email=email, password=password)
return {"token": token_for(user)}""",
    ),
    (
        "command",
        """\
update(actor, bio=bio)
actor.friends.add(actor)
old = find(Book, isbn="9780000000000")
if old is None:
    return create(User, email=email, password=password)
old.published = "2024-01-01"
x = 1
x += 2
for i, b in enumerate(book.tags):
    x += i
order.total = round(order.total * 1.19, 2)
order.total = order.total + 0.5
require(old.published > "2023-01-01", "too old", status=400)
Mail.send(to=email, subject="Hi", text=f"{order.total:.2f} {now:%Y} {', '.join(book.tags)}")
n = Mail.quota()
i = redeem(Invitation, token=email)
delete(i)
y = max(x, n)
return old""",
    ),
    (
        "command",
        """\
if bio is not absent:
    actor.bio = bio
if actor.referrer is not None and actor.referrer.bio is not None:
    actor.bio = actor.referrer.bio.lower()
return actor""",
    ),
    (
        "query",
        """\
return sorted(
    (b for b in Book
     if (text is None or search(b, text)) and (max_price is None or b.price <= max_price)),
    key=lambda b: b.title,
)""",
    ),
    (
        "query",
        """\
return [{"who": g.key, "sum": sum(o.total for o in g.items)} for g in group((o for o in Order if now - o.placed_at < days(30)), key=lambda o: o.customer)]""",
    ),
    (
        "query",
        """\
return top([b for b in Book if "x" in b.tags and status in ["paid"] and span.start <= now < span.end and now in span], 3, key=lambda b: (-b.stock, b.title))""",
    ),
    (
        "query",
        """\
return [OrderView(o) for o in Order if o.status != "paid" and o.customer == actor]""",
    ),
    (
        "reaction",
        """\
Mail.send(to=order.customer.email, subject="Your order", text=f"Thank you. Total: {order.total}.")""",
    ),
    (
        "scenario",
        """\
alice, bob = person("alice"), person("bob", roles=["staff"])
dune = given(Book, isbn="9780441013593", title="Dune", price=9.99, stock=1)
order = when(place_order, by=alice, lines=[{"book": dune, "quantity": 1}])
then(order.total == 9.99, dune.stock == 0)
rejected(place_order, by=bob, lines=[{"book": dune, "quantity": 1}], reason="out of stock")
seen = when(show_order, by=alice, order=order, at="2024-01-01T00:00:00Z")
then(seen.amount == 9.99, seen.status == "placed", seen.customer == alice, seen == order)
again = when(show_order, by=alice, order=seen, at=days(3))
rejected(restock, book="0", status=404)
books = when(search_books)
then(len(books) == 1, books[0].title == "Dune")""",
    ),
    (
        "seed",
        """\
create(User, email="a@b.c", password="long enough", roles={"staff"})""",
    ),
    (
        "scenario",
        """\
order = given(Order)
moved = when(move_order, order=order, status="paid", during={"start": "2030-03-01T09:00:00Z", "end": "2030-03-01T10:00:00Z"})
then(moved.version == 2)
rejected(move_order, order=order, status="placed", reason="wrong status")
rejected(place_order, lines=[{"quantity": 0}], status=422)""",
    ),
)

BOOK = "/books/9780441013593"


async def revise(desk, headers, **changes):
    body = {"title": "Dune", "author": "F. Herbert"} | changes
    return await desk.send("PUT", BOOK, json=body, headers=headers)


async def test_a_book_is_in_the_catalogue_once(desk):
    body = {"isbn": "9780441013593", "title": "Dune", "author": "Frank Herbert"}
    assert await desk.refused("/books", body) == "book_known"


async def test_books_are_searched_by_title_and_author(desk):
    await desk.book("9780141439587", "Emma")
    found = await desk.ask("/books?text=HERBERT&limit=1")
    assert ([book["title"] for book in found["items"]], found["total"]) == (["Dune"], 2)


async def test_a_revision_needs_the_version_that_was_seen(desk):
    assert (await revise(desk, {})).status == 428


async def test_a_revision_of_the_version_that_was_seen_is_the_next_version(desk):
    seen = await desk.send("GET", BOOK)
    revised = await revise(desk, {"if-match": seen.headers["etag"]})
    assert (revised.status, revised.json["author"], revised.json["version"]) == (200, "F. Herbert", 2)
    assert revised.headers["etag"] != seen.headers["etag"]


async def test_a_revision_of_an_older_version_is_refused_and_changes_nothing(desk):
    seen = await desk.send("GET", BOOK)
    await revise(desk, {"if-match": seen.headers["etag"]})
    late = await revise(desk, {"if-match": seen.headers["etag"]}, title="Doon")
    assert (late.status, late.json["code"]) == (412, "book_revised")
    assert (await desk.ask(BOOK))["title"] == "Dune"


async def test_a_book_that_a_caller_has_already_is_not_sent_again(desk):
    first = await desk.send("GET", BOOK)
    again = await desk.send("GET", BOOK, headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


async def test_an_availability_that_a_caller_has_already_is_not_sent_again(desk):
    first = await desk.send("GET", f"{BOOK}/availability")
    again = await desk.send("GET", f"{BOOK}/availability", headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


async def test_availability_is_sent_again_when_a_copy_has_left_the_shelf(desk):
    alice, copy = await desk.member(), await desk.copy()
    first = await desk.send("GET", f"{BOOK}/availability")
    await desk.lend(alice, copy)
    again = await desk.send("GET", f"{BOOK}/availability", headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.json["available"]) == (200, 0)

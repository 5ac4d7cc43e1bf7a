"""What the staff of a branch tell each other, and no other branch."""


async def texts(desk):
    return [note["text"] for note in await desk.ask("/desk/notes")]


async def test_a_branch_sees_its_own_notes_the_latest_first(desk):
    ann, ben = await desk.hired(branch="north"), await desk.hired(branch="north")
    await ann.tell("/desk/notes", {"text": "the lamp is broken"}, 201)
    desk.wait(seconds=1)
    await ben.tell("/desk/notes", {"text": "it is not any more"}, 201)
    assert await texts(ann) == await texts(ben) == ["it is not any more", "the lamp is broken"]


async def test_no_branch_sees_the_notes_of_another(desk):
    north, south = await desk.hired(branch="north"), await desk.hired("manager", branch="south")
    await north.tell("/desk/notes", {"text": "the lamp is broken"}, 201)
    assert await texts(south) == []


async def test_whoever_works_for_no_branch_has_no_notes(desk):
    assert await desk.refused("/desk/notes", {"text": "hello"}) == "no_branch"
    assert (await desk.ask("/desk/notes", 409))["code"] == "no_branch"


async def test_a_branch_is_of_the_one_who_signs_in_and_not_of_what_they_say(desk):
    south = await desk.hired(branch="south")
    await (await desk.hired(branch="north")).tell("/desk/notes", {"text": "the lamp is broken"}, 201)
    assert (await south.send("POST", "/desk/notes", json={"text": "x", "branch": "north"})).status == 422
    reply = await south.send("GET", "/desk/notes", headers={"tenant": "north", "krepis-tenant": "north"})
    assert reply.json == []


async def test_a_scanner_belongs_to_the_branch_of_its_owner(desk):
    north = await desk.hired(branch="north")
    key = (await north.tell("/desk/scanners", {"name": "box"}, 201))["key"]
    loan = await desk.lend(await desk.member(), await desk.copy())
    reply = await desk.library.post(f"/loans/{loan}/return", json={}, headers={"x-api-key": key})
    assert reply.status == 200

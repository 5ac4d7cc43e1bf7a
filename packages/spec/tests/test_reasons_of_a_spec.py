"""Why a service refuses: what a spec says, what its rules bring, and which of them a scenario may expect."""

import importlib

import pytest
from _whole import messages

from krepis.errors import Rejection
from krepis.http.problem import STATUS_OF
from krepis_spec import read_text
from krepis_spec.reasons import BY_ITSELF, concerning, reasons_of

for part in ("access", "accounts", "files", "http.negotiation", "http.reading", "idempotency", "identity", "types"):
    importlib.import_module(f"krepis.{part}")

SPEC = """\
# Hotel

## Entity Room

| field | type | rules |
|---|---|---|
| number | int | |
| beds | int | |

- addressed by: number
- invariant: `beds > 0`, "a room needs a bed"

## Entity Stay

| field | type | rules |
|---|---|---|
| room | Room | forbids it |
| guest | text | |
| nights | period | |
| status | one of booked, paid | default booked |

- unique: room, guest
- status: booked -> paid
- no overlap: nights per room
- versioned

## Command book

- door: `POST /rooms/{room}/stays`

| input | type |
|---|---|
| guest | text |
| nights | period |

```krepis
if guest == "nobody":
    require(room.beds > 1, "nobody sleeps here", status=403, code="ghost")
return create(Stay, room=room, guest=guest, nights=nights)
```

## Command pay

- door: `POST /stays/{stay}/payment`

```krepis
require(stay.guest != "", "no guest, no payment")
stay.status = "paid"
return stay
```

## Command close room

- door: `DELETE /rooms/{room}`

```krepis
delete(room)
```
"""
ALL = (
    ("invariant", "ARoomNeedsABed", "a_room_needs_a_bed", 409, "Room"),
    ("said", "Ghost", "ghost", 403, "book"),
    ("said", "NoGuestNoPayment", "no_guest_no_payment", 409, "pay"),
    ("missing", "NoSuchRoom", "no_such_room", 404, "Room"),
    ("taken", "RoomNumberTaken", "room_number_taken", 409, "Room"),
    ("held", "RoomInUse", "room_in_use", 409, "Room"),
    ("missing", "NoSuchStay", "no_such_stay", 404, "Stay"),
    ("taken", "StayRoomGuestTaken", "stay_room_guest_taken", 409, "Stay"),
    ("step", "WrongStayStatus", "wrong_stay_status", 409, "Stay"),
    ("overlap", "StayOverlaps", "stay_overlaps", 409, "Stay"),
    ("revised", "StayRevised", "stay_revised", 412, "Stay"),
)


def reasons(source=SPEC):
    return reasons_of(read_text("hotel.md", source))


def rejections(of):
    yield of
    for one in of.__subclasses__():
        yield from rejections(one)


def expecting(operation, reason):
    return f"{SPEC}\n## Scenario a refusal\n\n```krepis\nrejected({operation}, reason={reason!r})\n```\n"


def test_every_reason_is_there_in_the_order_of_the_spec():
    assert [(one.kind, one.name, one.code, one.status, one.of) for one in reasons()] == list(ALL)


def test_a_message_leaves_its_facts_to_be_filled_in():
    told = {one.code: one.message for one in reasons()}
    assert told["no_such_room"] == "there is no room `{room}`"
    assert told["wrong_stay_status"] == "a stay whose status is {status} can't become {wanted}"


def test_a_reason_knows_the_line_that_says_it():
    lines = SPEC.split("\n")
    places = {one.code: lines[one.span.line - 1] for one in reasons()}
    assert places["ghost"].strip().startswith("require(")
    assert places["wrong_stay_status"] == "- status: booked -> paid"
    assert places["room_number_taken"].startswith("| number")


def test_what_nobody_deletes_is_never_in_use():
    assert "room_in_use" not in {one.code for one in reasons(SPEC.replace("delete(room)", "room.beds = 1"))}


def test_what_is_deleted_with_it_holds_nothing():
    assert "room_in_use" not in {one.code for one in reasons(SPEC.replace("forbids it", "deleted with it"))}


def test_a_reason_is_not_called_like_a_thing():
    said = SPEC.replace("no guest, no payment", "stay")
    assert [one.name for one in reasons(said) if one.code == "stay"] == ["IsStay"]


def test_an_operation_gives_its_own_reasons_and_those_of_no_single_operation():
    blueprint = read_text("hotel.md", SPEC)
    given = concerning(blueprint.operation("pay"), reasons_of(blueprint))
    assert [one.code for one in given] == [code for _, _, code, _, _ in ALL if code != "ghost"]


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ("book", "nobody sleeps here"),
        ("book", "ghost"),
        ("book", "a room needs a bed"),
        ("book", "no such room"),
        ("book", "stay overlaps"),
        ("book", "there is a stay at that time already"),
        ("pay", "wrong stay status"),
        ("pay", "wrong_stay_status"),
        ("close_room", "room in use"),
    ],
)
def test_a_scenario_expects_a_reason_by_its_sentence_or_its_code(operation, reason):
    assert messages(expecting(operation, reason)) == []


@pytest.mark.parametrize("reason", ["nobody sleeps here", "wrong status", "no such guest", "room nights taken"])
def test_a_reason_that_an_operation_never_gives_is_a_mistake(reason):
    assert messages(expecting("pay", reason)) == [f"`pay` never refuses because of `{reason}`"]


def test_a_row_of_errors_is_a_reason_as_well():
    table = "## Service\n\n| error | status |\n|---|---|\n| too late | 410 |\n\n## Entity Room"
    assert messages(expecting("pay", "too late").replace("## Entity Room", table)) == []


@pytest.mark.parametrize("code", BY_ITSELF)
def test_what_a_server_refuses_by_itself_is_a_reason_as_well(code):
    assert messages(expecting("pay", code.replace("_", " "))) == []


@pytest.mark.parametrize("code", BY_ITSELF)
def test_what_a_server_refuses_by_itself_is_a_rejection_of_krepis(code):
    statuses = {one.code: STATUS_OF[one.kind] for one in rejections(Rejection)}
    assert statuses[code] == BY_ITSELF[code]


def test_one_reason_has_one_status():
    twice = SPEC.replace('"nobody sleeps here", status=403, code="ghost"', '"no guest, no payment", status=422')
    (told,) = messages(twice)
    assert told == "`no guest no payment` has status 409 here, and line 38 refuses with 422 for the same reason"


def test_a_reason_that_a_rule_brings_has_the_status_of_the_rule():
    (told,) = messages(SPEC.replace("no guest, no payment", "no such stay"))
    assert told == "`no such stay` has status 409 here, and line 13 refuses with 404 for the same reason"

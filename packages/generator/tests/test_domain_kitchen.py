"""Decisions in which everything comes together that a block can say."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from domain_kit import SPECS, Loaded, blueprint_of, id_of, loaded, modules_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANN, BEN, CLEO = id_of(1), id_of(2), id_of(3)
SOUP, CAKE = id_of(11), id_of(12)


@pytest.fixture(scope="module")
def kitchen() -> Iterator[Loaded]:
    blueprint = blueprint_of(SPECS / "kitchen.md")
    with loaded(blueprint, modules_of(blueprint)) as modules:
        yield modules


def _guest(kitchen: Loaded, id: Any, **fields: Any) -> Any:
    number = id.int
    return kitchen["domain.guest"].Guest(id=id, user=id_of(100 + number), name=f"guest {number}", **fields)


def _dish(kitchen: Loaded, id: Any, **fields: Any) -> Any:
    plain = {
        "code": str(id.int),
        "name": "Dish",
        "slug": "dish",
        "tags": (),
        "changed_at": datetime(2020, 1, 1, tzinfo=UTC),
    }
    return kitchen["domain.dish"].Dish(id=id, **{**plain, "price": Decimal("5.00"), "left": 9, **fields})


def _eaten(kitchen: Loaded, dishes: list[Any], guests: list[Any], **given: Any) -> Any:
    module = kitchen["domain.eat"]
    portions = given.pop("portions")
    usual = {
        "portions": [module.PortionGiven(dish=dish, count=number) for dish, number in portions],
        "extra": [],
        "note": None,
        "paying": None,
        "me": ANN,
        "dish_by_code": {dish.code: dish.id for dish in dishes},
        "number": 1,
        "friends_of_guest": [],
        "tally_by_name": {},
        "guests": {guest.id: guest for guest in guests},
        "dishes": {dish.id: dish for dish in dishes},
        "tallies": {},
        "meal_id": id_of(50),
        "new_ids": map(id_of, count(1000)),
        "now": NOW,
    }
    return module.decide(**{**_only(usual, module.decide), **given})


def _only(given: dict[str, Any], function: Any) -> dict[str, Any]:
    """What the function takes; the dictionary of a lookup is called after its fields."""
    taken = function.__kwdefaults__ or {}
    names = function.__code__.co_varnames[: function.__code__.co_kwonlyargcount]
    renamed = {name: given["tally_by_name"] for name in names if name.startswith("tally_by")}
    return {name: value for name, value in {**given, **renamed}.items() if name in names and name not in taken}


def test_a_row_that_is_reached_by_two_ways_has_both_changes(kitchen: Loaded) -> None:
    soup = _dish(kitchen, SOUP, maker=ANN)

    changes = _eaten(kitchen, [soup], [_guest(kitchen, ANN)], portions=[(SOUP, 2)], friends_of_guest=[ANN])

    assert [guest.points for guest in changes.guests] == [3]


def test_what_has_no_maker_gives_nobody_points(kitchen: Loaded) -> None:
    changes = _eaten(kitchen, [_dish(kitchen, SOUP)], [_guest(kitchen, ANN)], portions=[(SOUP, 2)])

    assert changes.guests == ()


def test_a_lookup_in_a_loop_finds_the_row_that_was_changed_before(kitchen: Loaded) -> None:
    changes = _eaten(kitchen, [_dish(kitchen, SOUP)], [_guest(kitchen, ANN)], portions=[(SOUP, 2)], extra=["11", "11"])

    assert [dish.left for dish in changes.dishes] == [5]


def test_now_on_change_is_the_time_of_the_command(kitchen: Loaded) -> None:
    changes = _eaten(
        kitchen, [_dish(kitchen, SOUP), _dish(kitchen, CAKE)], [_guest(kitchen, ANN)], portions=[(SOUP, 1)]
    )

    assert [(dish.id, dish.changed_at) for dish in changes.dishes] == [(SOUP, NOW)]


def test_what_is_said_in_a_branch_is_said_only_there(kitchen: Loaded) -> None:
    dear = _dish(kitchen, SOUP, price=Decimal("60.00"))

    changes = _eaten(kitchen, [dear], [_guest(kitchen, ANN, points=11)], portions=[(SOUP, 2)])

    assert [type(event).__name__ for event in changes.events] == ["BigMeal", "BellRingRequested"]


def test_a_refusal_has_the_status_that_was_asked_for(kitchen: Loaded) -> None:
    with pytest.raises(kitchen["domain.eat"].TooMuchForYou) as refused:
        dear = _dish(kitchen, SOUP, price=Decimal("60.00"))
        _eaten(kitchen, [dear], [_guest(kitchen, ANN, points=10)], portions=[(SOUP, 2)])

    assert refused.value.kind == "forbidden"


def test_a_put_in_a_loop_makes_what_is_not_there_once(kitchen: Loaded) -> None:
    ann, ben = _guest(kitchen, ANN), _guest(kitchen, BEN)

    changes = _eaten(
        kitchen, [_dish(kitchen, SOUP)], [ann, ben], portions=[(SOUP, 1)], friends_of_guest=[ANN, BEN, ANN]
    )

    assert [tally.guest for tally in changes.new_tallies] == [ANN, BEN]


def test_an_invariant_of_a_value_holds_inside_of_what_has_it(kitchen: Loaded) -> None:
    with pytest.raises(kitchen["domain.portion"].FourBringsBadLuck):
        _eaten(kitchen, [_dish(kitchen, SOUP)], [_guest(kitchen, ANN)], portions=[(SOUP, 4)])


def test_two_names_of_one_row_see_each_others_change(kitchen: Loaded) -> None:
    ann = _guest(kitchen, ANN, points=5)

    changed = kitchen["domain.swap"].decide(guest=ANN, other=ANN, count=3, guests={ANN: ann})

    assert [guest.points for guest in changed] == [5]


def test_a_row_behind_a_reference_is_changed_with_the_others(kitchen: Loaded) -> None:
    guests = {ANN: _guest(kitchen, ANN, points=5, host=CLEO), BEN: _guest(kitchen, BEN), CLEO: _guest(kitchen, CLEO)}

    changed = kitchen["domain.swap"].decide(guest=ANN, other=BEN, count=3, guests=guests)

    assert {guest.id: guest.points for guest in changed} == {ANN: 2, BEN: 3, CLEO: 1}


def test_a_step_goes_over_the_one_between(kitchen: Loaded) -> None:
    meal = kitchen["domain.meal"].Meal(
        id=id_of(50),
        number=3,
        guest=ANN,
        portions=(kitchen["domain.portion"].Portion(dish=SOUP, count=1),),
        total=Decimal(5),
    )

    changes = kitchen["domain.settle"].decide(meal, guest=_guest(kitchen, ANN), actor=id_of(101), now=NOW)

    assert (changes.meal.status, changes.meal.eaten_at, changes.guest.points) == ("paid", NOW, 1)
    assert changes.answer == kitchen["domain.settle"].SettleAnswer(paid=True, left=1, guest="guest 1")


def test_an_early_return_leaves_things_as_they_are(kitchen: Loaded) -> None:
    meal = kitchen["domain.meal"].Meal(
        id=id_of(50),
        number=3,
        guest=ANN,
        portions=(kitchen["domain.portion"].Portion(dish=SOUP, count=1),),
        total=Decimal(5),
        status="paid",
    )

    changes = kitchen["domain.settle"].decide(meal, guest=_guest(kitchen, ANN), actor=id_of(101), now=NOW)

    assert changes.meal is meal
    assert changes.answer.paid is False


def test_an_absent_input_leaves_its_field(kitchen: Loaded) -> None:
    from krepis.types import ABSENT

    soup = _dish(kitchen, SOUP, maker=ANN)

    changed = kitchen["domain.rename_dish"].decide(soup, name="Onion Soup", price=ABSENT, maker=None, now=NOW)

    assert (changed.name, changed.slug, changed.price, changed.maker) == ("Onion Soup", "onion-soup", soup.price, None)

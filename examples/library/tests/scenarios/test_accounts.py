"""How people get in, and out."""

ACCOUNT = {"email": "alice@example.org", "password": "a word for tests"}


async def invited(desk):
    alice = await desk.member()
    return (await desk.tell(f"/members/{alice}/invitation", status=201))["token"], alice


async def test_an_invitation_makes_one_account(desk):
    token, _ = await invited(desk)
    stranger = desk.seen_by(None)
    await stranger.tell("/invitations", {"token": token, **ACCOUNT}, 201)
    assert await stranger.refused("/invitations", {"token": token, **ACCOUNT}, 404) == "no_such_token"


async def test_an_invitation_is_good_for_a_week(desk):
    token, _ = await invited(desk)
    desk.wait(days=7, seconds=1)
    assert await desk.seen_by(None).refused("/invitations", {"token": token, **ACCOUNT}, 404) == "no_such_token"


async def test_a_wrong_name_and_a_wrong_password_are_refused_in_the_same_words(desk):
    token, _ = await invited(desk)
    stranger = desk.seen_by(None)
    await stranger.tell("/invitations", {"token": token, **ACCOUNT}, 201)
    wrong_word = await stranger.tell("/session", {**ACCOUNT, "password": "another word"}, 401)
    wrong_name = await stranger.tell("/session", {**ACCOUNT, "email": "bob@example.org"}, 401)
    assert wrong_word | {"trace": ""} == wrong_name | {"trace": ""}


async def test_whoever_is_signed_in_at_a_branch_signs_off_before_they_sign_in_at_another(desk):
    token, _ = await invited(desk)
    await desk.seen_by(None).tell("/invitations", {"token": token, **ACCOUNT}, 201)
    north = await desk.hired(branch="north")
    assert await north.refused("/session", ACCOUNT) == "signed_in_elsewhere"
    await desk.seen_by(None).tell("/session", ACCOUNT, 201)


async def test_whoever_signs_off_is_out_at_once(desk):
    await desk.ask("/loans/overdue")
    headers = {"authorization": f"Bearer {await desk.token()}"}
    assert (await desk.send("DELETE", "/session")).status == 204
    assert (await desk.library.get("/loans/overdue", headers=headers)).status == 401


async def test_tokens_are_refreshed_once(desk):
    token, _ = await invited(desk)
    stranger = desk.seen_by(None)
    first = await stranger.tell("/invitations", {"token": token, **ACCOUNT}, 201)
    refresh = {"refresh_token": first["refresh_token"]}
    assert (await stranger.tell("/session/refresh", refresh))["refresh_token"] != first["refresh_token"]
    assert await stranger.refused("/session/refresh", refresh, 401) == "invalid_credential"

from library.app import HANDLERS, app


def test_everything_that_the_app_needs_is_there():
    app.check()


def test_every_use_case_has_a_door():
    graph, _ = app.check()
    assert {door.message for door in app.doors.declared} == set(graph.handlers)
    assert len(graph.handlers) == len(HANDLERS)

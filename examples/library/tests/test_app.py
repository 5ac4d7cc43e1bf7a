from krepis.identity import Identify

from library.app import app


def test_everything_that_the_app_needs_is_there():
    app.check()


def test_every_use_case_has_a_door():
    graph, _ = app.check()
    shown = {door.message for door in app.doors.declared}
    assert set(graph.handlers) - shown == {Identify}

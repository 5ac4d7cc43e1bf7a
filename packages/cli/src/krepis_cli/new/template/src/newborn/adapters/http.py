"""The doors: which message stands at which method and path, and how it may be refused."""

from krepis import http

from newborn.application.show_note import ShowNote
from newborn.application.write_note import WriteNote
from newborn.domain.note import BlankNote, NoSuchNote

doors = http.Doors(
    title="newborn",
    description="Notes that are written once and read by their id.",
)

doors.post("/notes", WriteNote, status=201, rejects=[BlankNote])
doors.get("/notes/{note}", ShowNote, rejects=[NoSuchNote])

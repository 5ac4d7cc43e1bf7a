"""What a service says no with, as an error of the command: as its doors show it, with every failing field."""

from __future__ import annotations

from typing import Any

from krepis._cli.codes import NO
from krepis.errors import Invalid, KrepisError, Rejection


def refused(refusal: Rejection, exit_code: int = NO, hint: str = "") -> KrepisError:
    """The error for a rejection."""
    errors = refusal.errors if isinstance(refusal, Invalid) else ()
    fields = [{"path": ".".join(map(str, one.path)), "code": one.code, "message": one.message} for one in errors]
    lines = [f"  {one['path'] or 'message'}: {one['message']} ({one['code']})" for one in fields]
    facts: dict[str, Any] = {"errors": fields} if fields else {}
    if refusal.facts:
        facts["facts"] = refusal.facts
    sentence = "\n".join([refusal.sentence, *lines])
    return KrepisError(sentence, hint=hint, code=refusal.code, exit_code=exit_code, facts=facts)

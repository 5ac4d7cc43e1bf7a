"""The answers of one handler as text that is stored, and back."""

from __future__ import annotations

from typing import Any

from krepis.errors import Invalid, KrepisError, Malformed, Rejection
from krepis.handler import Handler
from krepis.schema import tree
from krepis.schema.decode import Decoder
from krepis.schema.encode import encode


class AnswerOutdated(Rejection):
    """The command was done, by a version of the service whose answers this one can't read any more (HTTP 409)."""

    message = "this was done before the service changed, and its answer can't be shown again"


class Answers:
    """Writes and reads the answers of one handler."""

    def __init__(self, handler: Handler, bytes_max: int) -> None:
        self._name = handler.message.__name__
        self._decode = Decoder[Any](handler.answer).decode
        self._bytes_max = bytes_max

    def text(self, answer: Any) -> str:
        """Raises `KrepisError` for an answer that could not be given again: then the command is not done either."""
        body = encode(answer)
        if len(body) > self._bytes_max:
            raise KrepisError(
                f"the answer to `{self._name}` has {len(body)} bytes; with an idempotency key it may have "
                f"{self._bytes_max}",
                hint="answer with less, raise `answer_bytes_max`, or name the command in `Idempotency(without=...)`",
            )
        try:
            self._decode(body)
        except (Invalid, Malformed) as error:
            raise KrepisError(
                f"the answer to `{self._name}` is not what its message promises: {_first(error)}",
                hint="let the handler answer with the promised type, inside its constraints",
            ) from error
        return body.decode()

    def read(self, text: str) -> Any:
        """The answer again. Raises `AnswerOutdated`."""
        try:
            return self._decode(text.encode())
        except (Invalid, Malformed):
            raise AnswerOutdated from None


def _first(error: Rejection) -> str:
    if isinstance(error, Invalid):
        failing = error.errors[0]
        return f"`{'.'.join(str(part) for part in failing.path)}` {failing.message}"
    return error.sentence


def unreadable(handler: Handler) -> KrepisError | None:
    """Why the answers of a handler can't be stored and read again."""
    name = handler.message.__name__
    hint = f"name it: `Idempotency(without=({name},))`; then an idempotency key means nothing for it"
    if handler.answer is Any:
        return KrepisError(
            f"the answers of `{name}` can't be given again: it does not say what they are",
            hint=f"write `class {name}(Command[None])`, or what it answers with; or {hint}",
        )
    try:
        schema = Decoder[Any](handler.answer).schema
    except KrepisError as error:
        return KrepisError(f"the answers of `{name}` can't be given again: {error.args[0]}", hint=hint)
    if any(_holds_secret(node) for node in (schema.root, *schema.definitions.values())):
        return KrepisError(f"the answers of `{name}` can't be given again: they hold a secret", hint=hint)
    return None


def _holds_secret(node: tree.AnyOf) -> bool:
    match node:
        case tree.SecretNode():
            return True
        case tree.ArrayNode():
            return _holds_secret(node.item)
        case tree.MapNode():
            return _holds_secret(node.value)
        case tree.TupleNode():
            return any(map(_holds_secret, node.items))
        case tree.UnionNode():
            return any(map(_holds_secret, node.arms))
        case tree.ObjectNode():
            return any(_holds_secret(field.node) for field in node.fields)
        case _:
            return False

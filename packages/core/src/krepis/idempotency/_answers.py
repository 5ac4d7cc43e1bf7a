"""The answers of one handler as text that is stored, and back."""

from __future__ import annotations

from typing import Any

from krepis.context import Context
from krepis.errors import Invalid, KrepisError, Malformed, Rejection
from krepis.handler import Handler
from krepis.redaction import Redaction
from krepis.schema import tree
from krepis.schema.decode import Decoder
from krepis.schema.encode import encode


class AnswerOutdated(Rejection):
    """The command was done, by a version of the service whose answers this one can't read any more (HTTP 409)."""

    message = "this was done before the service changed, and its answer can't be shown again"


class AnswerNotKept(Rejection):
    """The command was done under this key. Its answer held a secret, which is shown once and not kept (HTTP 409)."""

    message = "this was done before with this key, and its answer is not kept; send a new key to have it done again"


class Answers:
    """Writes and reads the answers of one handler. Without `keeps` none is written."""

    def __init__(self, handler: Handler, bytes_max: int, *, keeps: bool) -> None:
        self._name = handler.message.__name__
        self._decode = Decoder[Any](handler.answer).decode if keeps else None
        self._bytes_max = bytes_max

    def text(self, ctx: Context, answer: Any) -> str | None:
        """What is stored; `None` for an answer that is not kept, since it may hold a secret or does.

        Raises `KrepisError` for an answer that could not be given again: then the command is not done either.
        """
        if self._decode is None:
            return None
        body = encode(answer)
        if any(secret.encode() in body for secret in ctx.origin.issued):
            return None
        if len(body) > self._bytes_max:
            raise KrepisError(
                f"the answer to `{self._name}` has {len(body)} bytes; with an idempotency key it may have "
                f"{self._bytes_max}",
                hint="answer with less, raise `answer_bytes_max`, or name the command in `Idempotency(unkept=...)`",
            )
        try:
            self._decode(body)
        except (Invalid, Malformed) as error:
            raise KrepisError(
                f"the answer to `{self._name}` is not what its message promises: {_first(error)}",
                hint="let the handler answer with the promised type, inside its constraints",
            ) from error
        return body.decode()

    def read(self, text: str | None) -> Any:
        """The answer again. Raises `AnswerNotKept` or `AnswerOutdated`."""
        if text is None or self._decode is None:
            raise AnswerNotKept
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
    hint = f"name it: `Idempotency(unkept=({name},))`; then a repeated call is refused"
    if handler.answer is Any:
        return KrepisError(
            f"the answers of `{name}` can't be given again: it does not say what they are",
            hint=f"write `class {name}(Command[None])`, or what it answers with; or {hint}",
        )
    try:
        Decoder[Any](handler.answer)
    except KrepisError as error:
        return KrepisError(f"the answers of `{name}` can't be given again: {error.args[0]}", hint=hint)
    return None


def tells_secrets(handler: Handler, *, by_name: bool) -> bool:
    """Whether the answers of a handler have a place for a `Secret`, or (`by_name`) for a text under a name like
    `token`, `password` or `api_key`: see `krepis.redaction.SECRET_NAMES`.
    """
    if handler.answer is Any:
        return False
    try:
        schema = Decoder[Any](handler.answer).schema
    except KrepisError:
        return False
    nodes = (schema.root, *schema.definitions.values())
    return any(_holds(node, tree.SecretNode) for node in nodes) or (by_name and any(map(_names_secret, nodes)))


def _names_secret(node: tree.AnyOf) -> bool:
    """Whether an object has a field named like a secret's that has room for one."""
    if not isinstance(node, tree.ObjectNode):
        return False
    hides = Redaction().hides
    room = (tree.TextNode, tree.AnyNode, tree.BytesNode, tree.RefNode)
    return any(hides(name) and _holds(one.node, *room) for one in node.fields for name in {one.name, one.encode_name})


def _holds(node: tree.AnyOf, *kinds: type[tree.Node]) -> bool:
    match node:
        case tree.ArrayNode():
            return _holds(node.item, *kinds)
        case tree.MapNode():
            return _holds(node.key, *kinds) or _holds(node.value, *kinds)
        case tree.TupleNode():
            return any(_holds(item, *kinds) for item in node.items)
        case tree.UnionNode():
            return any(_holds(arm, *kinds) for arm in node.arms)
        case tree.ObjectNode():
            return any(_holds(field.node, *kinds) for field in node.fields)
        case _:
            return isinstance(node, kinds)

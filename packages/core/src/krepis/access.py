"""Who may do what: a policy of pure rules over the actor and the thing that a message is about.

```python
policy = Policy(
    may(anyone, SearchBooks),
    may(user, LendCopy),
    may(user, ShowLoan, RenewLoan, when=is_own),
    may(role("staff"), ShowLoan, AddBook, WaiveFine),
)

def is_own(actor: Actor, loan: Loan) -> bool:
    return str(loan.member) == actor.id
```

Rules that hold:

- Without a policy nothing is asked. With one, what no rule allows is forbidden, for each message.
- A rule with `when` looks at the thing that the message is about: what the app's finder for that message answers with.
- The order of refusals: 401 (nobody said who they are), 403 (no rule is for this actor), 404 (the finder finds no such
  thing), 403 (the rules look at the thing and say no), 422 (the input doesn't fit), then what the handler says.
- With `hide_forbidden`, whoever may not touch a thing is told that there is none: both refusals are the same then.
- `SYSTEM`, as which schedules, jobs and reactions run, is allowed everything: they are started by the app itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import Struct

from krepis.context import Actor
from krepis.errors import Forbidden, KrepisError, NotFound, Unauthenticated
from krepis.identity import SYSTEM, Identify

When = Callable[[Any, Any], bool]
"""A pure predicate over the actor (`None` for a caller without a name) and the thing."""


class Who(Struct, frozen=True):
    """Whom a rule is for. Made by `anyone`, `user`, `role` and `permission`."""

    kind: Literal["anyone", "user", "role", "permission"]
    name: str = ""

    def includes(self, actor: Actor | None) -> bool:
        """Whether `actor` is meant."""
        if self.kind == "anyone":
            return True
        if actor is None:
            return False
        if self.kind == "user":
            return True
        return self.name in (actor.roles if self.kind == "role" else actor.permissions)


anyone = Who("anyone")
"""Every caller, also one without a name."""

user = Who("user")
"""Every caller who has said who they are."""


def role(name: str) -> Who:
    """Whoever has that role."""
    return Who("role", name)


def permission(name: str) -> Who:
    """Whoever has that permission."""
    return Who("permission", name)


class Rule(Struct, frozen=True):
    """One line of a policy. Made with `may`."""

    who: Who
    messages: tuple[type[Any], ...]
    when: When | None


def may(who: Who, *messages: type[Any], when: When | None = None) -> Rule:
    """`who` may send these messages; with `when`, only where it holds for the actor and the thing."""
    return Rule(who, messages, when)


class NotSignedIn(Unauthenticated):
    """The caller has to say who they are (HTTP 401)."""

    message = "say who you are: this is not for everybody"


class NotAllowed(Forbidden):
    """The caller is known and may not do this (HTTP 403)."""

    message = "you may not do this"


class NothingHere(NotFound):
    """There is no such thing, or it is not for this caller (HTTP 404)."""

    message = "there is no such thing, or it is not for you"


class Policy:
    """All rules of an app. Whatever no rule allows is forbidden."""

    def __init__(self, *rules: Rule, hide_forbidden: bool = False) -> None:
        self.rules = rules
        self.hide_forbidden = hide_forbidden

    def gate(self, message: type[Any]) -> Gate:
        """The rules of one message."""
        rules = [rule for rule in self.rules if message in rule.messages]
        if message is Identify:
            rules = [may(anyone, Identify)]
        return Gate(rules, hides=self.hide_forbidden)

    def unknown(self, handled: Sequence[type[Any]]) -> list[KrepisError]:
        """What the rules name that the app does not handle."""
        strangers = {m.__name__ for rule in self.rules for m in rule.messages if m not in handled}
        return [
            KrepisError(f"the policy names `{name}`, which the app does not handle", hint="take it out of the rule")
            for name in sorted(strangers)
        ]


class Gate:
    """The rules of one message: `admit` looks at the actor alone, `allow` at the thing, too.

    `needs_thing` says whether any rule asks for the thing, `opens_to_anyone` whether callers need no name,
    `wide_open` whether nothing is asked of anybody.
    """

    def __init__(self, rules: Sequence[Rule], *, hides: bool = False) -> None:
        self._rules = tuple((rule.who, rule.when) for rule in rules)
        self.hides = hides
        self.needs_thing = any(rule.when is not None for rule in rules)
        self.opens_to_anyone = any(rule.who.kind == "anyone" for rule in rules)
        self.wide_open = any(rule.who.kind == "anyone" and rule.when is None for rule in rules)

    def admit(self, actor: Actor | None) -> None:
        """Raises `NotSignedIn` or `NotAllowed` when no rule is for this actor, whatever the thing is."""
        if self.wide_open:
            return
        for who, _ in self._rules:
            if who.includes(actor):
                return
        if actor == SYSTEM:
            return
        raise NotSignedIn if actor is None else NotAllowed

    def allow(self, actor: Actor | None, thing: Any) -> None:
        """Raises `NotAllowed` (or `NothingHere`, when the policy hides) unless a rule holds for actor and thing."""
        for who, when in self._rules:
            if who.includes(actor) and (when is None or when(actor, thing)):
                return
        if actor == SYSTEM:
            return
        if actor is None:
            raise NotSignedIn
        raise NothingHere if self.hides else NotAllowed

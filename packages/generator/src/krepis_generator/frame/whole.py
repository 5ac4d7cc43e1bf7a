"""All of the frame of a project, in the two steps in which it is written."""

from __future__ import annotations

from collections.abc import Sequence

from krepis_generator.frame.accounts import account_modules
from krepis_generator.frame.app import app_module, wiring
from krepis_generator.frame.container import container_files
from krepis_generator.frame.doors import Rejections, doors_module
from krepis_generator.frame.finders import Finders
from krepis_generator.frame.outbound import outbound_modules
from krepis_generator.frame.packages import package_modules
from krepis_generator.frame.policy import PolicyWriter
from krepis_generator.frame.readme import readme
from krepis_generator.frame.settings import settings_module
from krepis_generator.frame.tooling import tooling_files
from krepis_generator.repositories import Repositories
from krepis_generator.source import File, Module
from krepis_spec.blueprint import Blueprint


class Frame:
    """The frame of one project. Made before its repositories are written, since the accounts, the finders and the
    policy ask for methods of them; `surroundings` comes after, when all that the app is made of is known.
    """

    def __init__(self, blueprint: Blueprint, repositories: Repositories) -> None:
        self._blueprint = blueprint
        self._repositories = repositories
        policy = PolicyWriter(blueprint, repositories)
        accounts, rules = account_modules(blueprint, repositories), policy.write()
        finders = Finders(blueprint, repositories, policy.far())
        self.access: list[Module] = [*accounts, *rules, *finders.write()]
        """The accounts, the policy, the finders."""
        self._finders = finders.names

    def surroundings(self, rejections: Rejections) -> list[Module | File]:
        """Everything else. `rejections` says what the code of an operation can raise, for its door."""
        blueprint = self._blueprint
        wired = wiring(blueprint, finders=self._finders, entities=self._repositories.entities())
        inner: Sequence[Module] = (
            settings_module(blueprint),
            app_module(blueprint, wired),
            doors_module(blueprint, rejections),
            *outbound_modules(blueprint),
        )
        return [
            *package_modules(blueprint),
            *inner,
            readme(blueprint),
            *tooling_files(blueprint),
            *container_files(blueprint),
        ]

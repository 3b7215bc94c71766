"""How the centre asks the national population database, whichever one stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from central.domain.people import RegistryAnswer
from sync_protocol.population import PersonKey


class RegistryClient(Protocol):
    """The national population database; answers right or wrong, never gives data out."""

    def answer(self, people: Sequence[PersonKey]) -> list[RegistryAnswer]:
        """Compares people's four fields with the database, many at once.

        Args:
            people: any number of them.

        Returns:
            One answer for each, in order.

        Raises:
            StoreError: the database is away; the caller may try again.
        """
        ...

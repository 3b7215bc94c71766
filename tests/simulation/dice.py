"""Chance and entropy of a seed: the same seed gives the same draws, each stream for itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

_Item = TypeVar("_Item")


@dataclass(slots=True)
class Dice:
    """A stream of draws that depends on its name alone; also an `Entropy` for those who need fresh bytes."""

    name: str
    drawn: int = field(default=0, init=False)

    def token(self, size: int) -> bytes:
        """Gives `size` bytes."""
        self.drawn += 1
        return hashlib.shake_256(f"{self.name}/{self.drawn}".encode()).digest(size)

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        return int.from_bytes(self.token(8)) % count

    def between(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both among them."""
        return low + self.below(high - low + 1)

    def happens(self, percent: int) -> bool:
        """Whether something happens that does so in so many of a hundred cases."""
        return self.below(100) < percent

    def pick(self, items: Sequence[_Item]) -> _Item:
        """One of the items."""
        return items[self.below(len(items))]

    def weighted(self, weights: Mapping[_Item, int]) -> _Item:
        """One of the keys, more often the heavier ones."""
        left = self.below(sum(weights.values()))
        for item, weight in weights.items():
            left -= weight
            if left < 0:
                return item
        raise AssertionError("the weights are used up before the draw is")

    def shuffled(self, items: Sequence[_Item]) -> list[_Item]:
        """The items in another order."""
        left, mixed = list(items), []
        while left:
            mixed.append(left.pop(self.below(len(left))))
        return mixed

    def stream(self, name: str) -> Dice:
        """Another stream of the same seed."""
        return Dice(f"{self.name}:{name}")

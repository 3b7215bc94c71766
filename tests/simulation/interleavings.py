"""Another menu of the same world: little is recorded, and much is carried, repeated, lost, put back and copied."""

from __future__ import annotations

from typing import Final

from tests.simulation.runner import CENTRE_ACTIONS, SITE_ACTIONS, Menu

# Seeds from here on are played with this menu, apart from those of the other tests.
FIRST: Final = 1_000_001
SITE: Final = {
    "works": 12,
    "records": 4,
    "signs": 6,
    "closes": 4,
    "sends": 12,
    "hears": 4,
    "writes a stick": 8,
    "reads a stick": 8,
    "sends for others": 6,
    "backs up": 5,
    "restores": 3,
    "is copied": 2,
    "asks for an epoch": 6,
}
CENTRE: Final = {
    "gets files": 6,
    "gets a stick": 8,
    "gets a late request": 6,
    "has a bad stick": 2,
    "stops": 2,
    "decides": 4,
}
MENU: Final = Menu(
    {name: (SITE_ACTIONS[name][0], weight) for name, weight in SITE.items()},
    {name: (CENTRE_ACTIONS[name][0], weight) for name, weight in CENTRE.items()},
)

"""Which passes are signed with one PIN: a turn has at most 1,000 people and 3,000 doses (1908/BYT-CNTT, rules 3 and 5).

A pass has one purpose, so a turn may have several: today's doses, a correction, a late one. What was chosen beyond the
bounds of one turn is signed in further ones, each with its PIN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence


def number_turns(
    passes: Iterable[Sequence[Hashable]], *, most_people: int, most_doses: int, most_each: int
) -> list[int]:
    """Give each pass the number of its turn, from 1, in the order of signing.

    Args:
        passes: of each pass whose each of its doses is; a pass alone keeps all bounds.
        most_people, most_doses: of one turn.
        most_each: the doses of one person in one turn.
    """
    numbers: list[int] = []
    turn, here = 1, Counter[Hashable]()
    for people in passes:
        theirs = Counter(people)
        # Only who comes with this pass can go beyond what one person may bring.
        fits = (
            len(here.keys() | theirs.keys()) <= most_people
            and here.total() + theirs.total() <= most_doses
            and all(here[person] + number <= most_each for person, number in theirs.items())
        )
        if numbers and not fits:
            turn, here = turn + 1, Counter()
        here += theirs
        numbers.append(turn)
    return numbers

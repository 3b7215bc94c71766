"""What becomes of a store's doses and batches when it begins a new epoch, decided from what the centre holds.

Three things may be true of a dose without an answer: the centre has it (*held*); its number is another dose's there,
or it corrects such a number (*taken*); or it is new to the centre. A batch in which every dose is new is sealed again
as it was signed. Any other is given up: its new doses are signed again, held ones are delivered, taken ones recorded
again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sync_protocol.node_epoch_answer import HeldDose
from sync_protocol.verdict import Verdict


@dataclass(frozen=True, slots=True)
class DosePlan:
    """Doses of the store that are not new to the centre: delivered ones with their verdict, and taken numbers."""

    held: Mapping[int, Verdict]
    taken: frozenset[int]


def sort_out(marks: Mapping[int, bytes], centre: Iterable[HeldDose], *, replaces: Mapping[int, int]) -> DosePlan:
    """Compare the doses that have no answer with what the centre holds under their numbers.

    Args:
        marks: of the store's doses without an answer, by number.
        centre: what the centre holds; numbers that the store does not ask about are passed over.
        replaces: which number each correction names.
    """
    held: dict[int, Verdict] = {}
    taken: set[int] = set()
    for one in centre:
        own = marks.get(one.sequence)
        if own == one.mark:
            held[one.sequence] = one.verdict
        elif own is not None:
            taken.add(one.sequence)
    # A correction of a taken number would correct the other dose: it has to be recorded again too.
    for sequence in sorted(replaces):
        if replaces[sequence] in taken and sequence in marks and sequence not in held:
            taken.add(sequence)
    return DosePlan(held, frozenset(taken))


def is_sealed_again(leaves: Collection[int], plan: DosePlan) -> bool:
    """Whether a batch travels on as it was signed: none of its doses is known to the centre under its number."""
    return not any(leaf in plan.held or leaf in plan.taken for leaf in leaves)

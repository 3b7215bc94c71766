"""What is shown before something is signed: the passes in words, the doses page by page, and what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import Words
from edge.domain.signing_pass import OutlinedPass
from edge.store import doses
from edge.store.database import Tables
from edge.web.frame.sentences import reason_words
from edge.web.office.signing_choice import PAGE_ROWS
from edge.workflow.plan_passes import Selection
from edge.workflow.sign_delegated import DelegatedPlan
from sync_protocol.batch import Purpose
from sync_protocol.dose import Dose

PURPOSES: Final[Mapping[Purpose, str]] = MappingProxyType(
    {
        Purpose.SAME_DAY: "Trong ngày",
        Purpose.BACKLOG: "Tồn đọng, ký chậm",
        Purpose.CORRECTION: "Bản sửa",
        Purpose.DELEGATED: "Ký thay",
    }
)
# So much of a digest is read aloud by two people who want to know that they see the same.
_SPOKEN_CHARS: Final = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """The doses of one purpose over all passes."""

    purpose: Purpose
    doses: int
    people: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A selection for the eye.

    Attributes:
        rows: the doses of this page.
        ends: first and last number of each pass as they are written on records, in the order of `passes`.
        kinds: what is signed, by purpose; people who are in two passes count twice.
        refused: how many ticked doses are left out for which reason.
        digest: of the selection, in hex: what the form sends back.
        page, pages: from 1.
        site: whose doses they are, in words; "" for the node's own.
    """

    passes: Sequence[OutlinedPass]
    ends: Sequence[tuple[str, str]]
    kinds: Sequence[Kind]
    rows: Sequence[Dose]
    refused: Sequence[tuple[int, Words]]
    late_reason: str
    digest: str
    page: int
    pages: int
    site: str = ""

    @property
    def doses(self) -> int:
        """How many doses would be signed."""
        return sum(kind.doses for kind in self.kinds)

    @property
    def people(self) -> int:
        """The people of all passes."""
        return sum(kind.people for kind in self.kinds)

    @property
    def turns(self) -> int:
        """How often the PIN is typed."""
        return len({one.turn for one in self.passes})

    @property
    def spoken(self) -> str:
        """The beginning of the digest in two groups."""
        half = _SPOKEN_CHARS // 2
        return f"{self.digest[:half]} {self.digest[half:_SPOKEN_CHARS]}".upper()


def preview_of(tables: Tables, selection: Selection, *, node: str, page: int) -> Preview:
    """Make one page of the preview.

    Args:
        node: the node's code, with which the numbers of doses begin.
        page: from 1; beyond the end the last one is given.
    """
    passes, sequences = selection.outline.passes, selection.outline.sequences
    pages = max(1, -(-len(sequences) // PAGE_ROWS))
    at = min(page, pages)
    purposes = dict.fromkeys(one.purpose for one in passes)
    reasons = Counter(one.reason for one in selection.outline.refused)
    return Preview(
        passes,
        [(_dose_id(node, one.sequences[0]), _dose_id(node, one.sequences[-1])) for one in passes],
        kinds=[
            Kind(
                purpose,
                sum(len(one.sequences) for one in passes if one.purpose is purpose),
                people=sum(one.people for one in passes if one.purpose is purpose),
            )
            for purpose in purposes
        ],
        rows=doses.assemble(tables, sequences[(at - 1) * PAGE_ROWS : at * PAGE_ROWS]),
        refused=[(number, reason_words(reason.value)) for reason, number in reasons.most_common()],
        late_reason=selection.late_reason,
        digest=selection.digest.hex(),
        page=at,
        pages=pages,
    )


def delegated_preview(plan: DelegatedPlan | None, *, page: int) -> Preview:
    """Make one page of the preview of doses of another site.

    Args:
        plan: None, or without a pass, where nothing of them can be signed any more.
        page: as in `preview_of`.
    """
    if plan is None or plan.planned is None:
        return Preview((), (), kinds=(), rows=(), refused=(), late_reason="", digest="", page=1, pages=1)
    planned, queue = plan.planned, plan.queue
    sequences = planned.sequences
    pages = -(-len(sequences) // PAGE_ROWS)
    at = min(page, pages)
    outlined = OutlinedPass(
        planned.purpose, sequences, people=planned.people, first_day=planned.first_day, last_day=planned.last_day
    )
    return Preview(
        (outlined,),
        [(_dose_id(queue.node, sequences[0]), _dose_id(queue.node, sequences[-1]))],
        kinds=[Kind(planned.purpose, len(sequences), people=planned.people)],
        rows=planned.doses[(at - 1) * PAGE_ROWS : at * PAGE_ROWS],
        refused=(),
        late_reason=plan.late_reason,
        digest=plan.digest.hex(),
        page=at,
        pages=pages,
        site=f"{queue.site_name} ({queue.site})",
    )


def _dose_id(node: str, sequence: int) -> str:
    return f"{node}-{sequence:06d}"

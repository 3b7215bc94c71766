"""Offer the centre what is carried for other nodes, after this node's own, and keep what it answers for their sticks.

A carried file is bytes: this node can neither open nor alter them, and the centre judges them by the key of the node
that made them. Whatever is wrong with one is noted beside it and holds nothing else back; the link's state, by which
this node's own bundles are sent, is not touched.

A bundle goes by a transfer that this node signs as its sender, so that a link that breaks costs what was on its way:
the digest decides, and whose bundle it is the centre reads from the bundle. Where this node may send nothing itself,
the bundle is offered whole, as anybody may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from edge.store import carried, link, node_identity
from edge.store.carried import NETWORK, CarriedFile, Kept
from edge.store.database import Database
from edge.store.node_identity import NodeIdentity
from edge.workflow.send_bundles import Sending
from sync_protocol import limits
from sync_protocol.api import CentralApi, NetworkError, RemoteProblem, parse_problem
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed_page import framed
from sync_protocol.receipt import verify_inclusion
from sync_protocol.stick import StickKind, recognise_file
from sync_protocol.transfer import Answered, TurnedAway

# One exchange carries so much for others: the next own bundle never waits long behind them.
_RUN_FILES: Final = 50
_RUN_BYTES: Final = 4 * 1024 * 1024
_MOST_ROUNDS: Final = 10


@dataclass(frozen=True, slots=True)
class CarryResult:
    """What came of one run: files that the centre answered, and that it did not take; how many wait."""

    answered: int = 0
    turned_away: int = 0
    waiting: int = 0


def carry_files(
    database: Database, central: CentralApi, *, now: Callable[[], int], is_asked: bool = False
) -> CarryResult:
    """Offer what waits, one file after the other.

    Args:
        central: the centre, by whatever way.
        now: the clock; epoch seconds UTC.
        is_asked: whether a person asks, so that no pause is kept and all of it is offered.

    Raises:
        NetworkError: the centre was not reached; what was answered before is kept.
        StoreError: the store.
    """
    with database.write_transaction() as tables:
        carried.drop_old(tables)
        identity = node_identity.get(tables)
        files = carried.waiting(
            tables, at=now(), most=carried.CARRIED_FILES if is_asked else _RUN_FILES, is_asked=is_asked
        )
    answered, budget = 0, None if is_asked else _RUN_BYTES
    for _ in range(_MOST_ROUNDS):
        out_of_turn, is_moving = [], False
        for file in files:
            if budget is not None and budget <= 0:
                break
            code = _offer(database, central, file, identity=identity, now=now)
            answered += not code
            is_moving = is_moving or (not code and file.kind is StickKind.BUNDLE)
            if code == Code.NOT_NEXT.value:
                # It is at the centre already, which only has to judge it again.
                out_of_turn.append(replace(file, is_new=False))
            budget = None if budget is None else budget - file.size_bytes
        # Whose turn it is nobody knows here: those that came too early are offered again once another one was taken.
        if not out_of_turn or not is_moving:
            break
        files = out_of_turn
    with database.read() as tables:
        state = carried.state(tables)
    return CarryResult(answered, state.turned_away, state.waiting)


def _offer(
    database: Database,
    central: CentralApi,
    file: CarriedFile,
    *,
    identity: NodeIdentity,
    now: Callable[[], int],
) -> str:
    """Offer one file; gives "" where its answer is here now, or the code of why not."""
    with database.read() as tables:
        data = carried.content(tables, file.digest)
    if data is None:
        return ""
    way = _Way(central, identity)
    try:
        answer = way.ask(file, data)
        found = recognise_file(answer)
    except NetworkError:
        with database.write_transaction() as tables:
            link.count_bytes(tables, sent=way.sent_bytes, received=0)
            carried.note_tried(tables, file.digest, at=now(), code=NETWORK)
        raise
    except RemoteProblem as problem:
        code = problem.code.value
    except ProtocolError as error:
        # What answered is not what signed the ledger: the file waits for the centre itself.
        code = error.code.value
    else:
        with database.write_transaction() as tables:
            link.count_bytes(tables, sent=way.sent_bytes, received=len(answer))
            kept = carried.take(tables, found, answer, place=0, at=now(), answers=file.digest)
            if kept is not Kept.NO_ROOM:
                # From here on the answer is here and goes to the next stick; the file has done its duty.
                carried.note_answered(tables, file.digest, at=now())
                return ""
        code = Code.TOO_LARGE.value
    with database.write_transaction() as tables:
        carried.note_tried(tables, file.digest, at=now(), code=code)
    return code


@dataclass(slots=True)
class _Way:
    """How one file goes up; `sent_bytes` is what left, repeats included, also where it failed."""

    central: CentralApi
    identity: NodeIdentity
    sent_bytes: int = 0

    def ask(self, file: CarriedFile, data: bytes) -> bytes:
        """The centre's answer as a file; a receipt is verified as far as anybody can who has no bundle to compare."""
        if file.kind is StickKind.REQUEST:
            self.sent_bytes += len(data)
            return _joined(self.central.feed(data))
        answer = self._transfer(data, is_new=file.is_new)
        if answer is None:
            self.sent_bytes += len(data)
            answer = self.central.offer(data)
        verify_inclusion(answer, ledger_keys=[self.identity.ledger_key])
        return answer

    def _transfer(self, data: bytes, *, is_new: bool) -> bytes | None:
        """The answer to a bundle; None where the centre takes no transfer of this node. Raises what was said of it."""
        sending = Sending(self.central, self.identity, (data,), None)
        try:
            (found,) = sending.send(is_new=is_new)
        except RemoteProblem as problem:
            if problem.code is Code.LATER:
                raise
            return None
        finally:
            self.sent_bytes += sending.bytes_sent
        if isinstance(found, Answered):
            return found.answer
        # One bundle is answered, or turned away: nothing stands before it.
        assert isinstance(found, TurnedAway)
        raise parse_problem(found.problem)


def _joined(pages: Iterator[bytes]) -> bytes:
    """The pages of an answer as a file. Raises ProtocolError TOO_LARGE for more than any answer has."""
    file = bytearray()
    for page in pages:
        file += framed(page)
        if len(file) > limits.FEED_ANSWER_BYTES:
            raise ProtocolError(Code.TOO_LARGE, "feed: more bytes than an answer has")
    return bytes(file)

"""The network between a node and the centre: what is sent may be lost, cut, doubled, late or answered by somebody else.

The centre's own functions stand behind it; what they raise travels as it does over HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from central.store.database import StoreError
from central.workflow.give_feed import give_feed
from central.workflow.lost_history import keep_proofs
from central.workflow.take_epoch import take_epoch
from central.workflow.take_shown_epoch import take_shown_epoch
from sync_protocol import sealing
from sync_protocol.api import NetworkError, encode_problem, parse_problem
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.transfer import (
    LENGTH_BYTES,
    Answered,
    TurnedAway,
    parse_transfer,
    parse_transfer_answer,
)
from tests.simulation.fuse import Blow, Crash
from tests.simulation.lies import altered
from tests.simulation.world import World

_Given = TypeVar("_Given")
# Requests that may come again one day; the newest ones.
_REMEMBERED: Final = 12
# Of one exchange; a few cuts cost a few calls each.
_MOST_CALLS: Final = 600
_PORTAL: Final = b"<html><title>Wi-Fi</title>Please log in</html>"


class Fault(StrEnum):
    """What may go wrong with a call, with its weight below."""

    UNREACHED = "unreached"
    CUT = "cut on the way up"
    LOST = "answer lost"
    PORTAL = "captive portal"
    TWICE = "came twice"
    LATE = "comes late"
    CRASH = "centre stopped"
    TOKEN = "centre's token out"
    LIE = "somebody else's answer"


_WEIGHTS: Final = {
    Fault.UNREACHED: 1,
    Fault.CUT: 5,
    Fault.LOST: 4,
    Fault.PORTAL: 1,
    Fault.TWICE: 2,
    Fault.LATE: 2,
    Fault.CRASH: 4,
    Fault.TOKEN: 1,
    Fault.LIE: 8,
}


@dataclass(slots=True)
class Link:
    """Implements `CentralApi` for one machine.

    Attributes:
        said: what happened to the calls, for the trace.
        calls: how many transfers there were.
    """

    world: World
    said: str = ""
    calls: int = 0

    def offer(self, sealed: bytes) -> bytes:
        """One sealed bundle, by itself: the call of those who carry for others and may send nothing of their own."""
        match self._fault():
            case Fault.UNREACHED | Fault.CUT | Fault.PORTAL:
                raise NetworkError("unreached", try_again=True)
            case Fault.LOST:
                self._served(lambda: self._admit(sealed))
                raise NetworkError("cut", try_again=True, is_cut=True)
            case Fault.TWICE:
                self._served(lambda: self._admit(sealed))
            case _:
                pass
        return self._served(lambda: self._admit(sealed))

    def transfer(self, ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        world, body = self.world, ticket + content
        self.calls += 1
        assert self.calls < _MOST_CALLS, "an exchange goes round in circles"
        fault = self._fault()
        if content:
            world.late = [*world.late[-_REMEMBERED:], body]
        match fault:
            case Fault.UNREACHED:
                raise NetworkError("unreached", try_again=True)
            case Fault.PORTAL:
                return _PORTAL
            case Fault.LATE:
                sent(len(body))
                raise NetworkError("no answer", try_again=True, is_cut=True)
            case Fault.CUT:
                upto = world.dice.between(0, len(body) - 1)
                self._served(lambda: world.centre.take(body, upto=upto))
                # More has left than ever arrives.
                sent(world.dice.between(upto, len(body)))
                raise NetworkError("cut", try_again=True, is_cut=upto > 0)
            case Fault.TWICE:
                self._taken(body)
        sent(len(body))
        answer = self._taken(body)
        if fault is Fault.LOST:
            raise NetworkError("cut", try_again=True, is_cut=True)
        return altered(world, ticket[LENGTH_BYTES:], answer) if fault is Fault.LIE else answer

    def enrol(self, request: bytes) -> bytes:
        raise AssertionError("the nodes are enrolled")

    def tree_head(self) -> bytes:
        raise AssertionError("an exchange asks for no sets")

    trust_list = catalogue = tree_head

    def feed(self, request: bytes) -> Iterator[bytes]:
        fault = self._fault()
        match fault:
            case Fault.UNREACHED:
                raise NetworkError("unreached", try_again=True)
            case Fault.PORTAL:
                yield _PORTAL
                return
        pages = self._fed(request)
        match fault:
            case Fault.CUT | Fault.LOST | Fault.LATE:
                yield from pages[: self.world.dice.below(len(pages))]
                raise NetworkError("cut", try_again=True)
            case Fault.TWICE:
                # The second one comes too late: its nonce is used up.
                with suppress(ProtocolError):
                    self._fed(request)
            case Fault.LIE:
                page = pages[0]
                middle = self.world.dice.below(len(page))
                pages[0] = page[:middle] + bytes([page[middle] ^ 1]) + page[middle + 1 :]
        yield from pages

    def begin_epoch(self, request: bytes) -> bytes:
        """A request for a new epoch of the node."""
        fault = self._fault()
        if fault in (Fault.UNREACHED, Fault.CUT, Fault.PORTAL):
            raise NetworkError("unreached", try_again=True)
        answer = self._epoch(request)
        if fault in (Fault.LOST, Fault.LATE):
            raise NetworkError("cut", try_again=True)
        return self._epoch(request) if fault is Fault.TWICE else answer

    def show_epochs(self, showing: bytes) -> bytes:
        """What was signed for the node's epochs is shown to a centre that may have lost them."""
        centre = self.world.centre
        return self._shown(
            lambda: take_shown_epoch(
                showing, engine=centre.engine, keys=centre.keys, entropy=centre.entropy, now=centre.clock.now()
            )
        )

    def show_receipts(self, receipts: bytes) -> bytes:
        """Receipts are shown to a centre that may have lost them."""
        centre = self.world.centre
        return self._shown(
            lambda: keep_proofs(receipts, engine=centre.engine, keys=centre.keys, now=centre.clock.now())
        )

    def _shown(self, call: Callable[[], bytes]) -> bytes:
        fault = self._fault()
        if fault in (Fault.UNREACHED, Fault.CUT, Fault.PORTAL):
            raise NetworkError("unreached", try_again=True)
        answer = self._served(call)
        if fault in (Fault.LOST, Fault.LATE):
            raise NetworkError("cut", try_again=True)
        return self._served(call) if fault is Fault.TWICE else answer

    def deliver_late(self, body: bytes) -> str:
        """A request arrives that nobody waits for any more."""
        try:
            self._taken(body)
        except (NetworkError, ProtocolError) as error:
            return type(error).__name__
        return "taken"

    def _fault(self) -> Fault | None:
        world = self.world
        fault = world.dice.weighted(_WEIGHTS) if world.dice.happens(world.faults) else None
        if fault is Fault.CRASH:
            world.centre.fuse.arm(world.dice.between(1, 3), world.dice.pick(tuple(Blow)))
        if fault is Fault.TOKEN:
            world.centre.ledger_token.fault = "removed"
        if fault is not None:
            self.said += f" [{fault}]"
        return fault

    def _fed(self, request: bytes) -> list[bytes]:
        centre = self.world.centre
        return self._served(
            lambda: give_feed(
                request,
                engine=centre.engine,
                keys=centre.keys,
                tree=centre.centre.ledger,
                entropy=centre.entropy,
                now=centre.clock.now(),
            )
        )

    def _epoch(self, request: bytes) -> bytes:
        centre = self.world.centre
        return self._served(
            lambda: take_epoch(
                request, engine=centre.engine, keys=centre.keys, entropy=centre.entropy, now=centre.clock.now()
            )
        )

    def _admit(self, sealed: bytes) -> bytes:
        digest = hashlib.sha256(sealed).digest()
        try:
            answer = self.world.centre.desk.admit(sealed)
        except ProtocolError as error:
            self._saw_problem(digest, sealed, error.code)
            raise
        self._saw(digest, answer)
        return answer

    def _taken(self, body: bytes) -> bytes:
        answer = self._served(lambda: self.world.centre.take(body, upto=len(body)))
        assert answer is not None
        ticket_bytes = int.from_bytes(body[:LENGTH_BYTES])
        _, request = parse_transfer(body[LENGTH_BYTES : LENGTH_BYTES + ticket_bytes])
        for part, found in zip(request.parts, parse_transfer_answer(answer, request), strict=True):
            match found:
                case Answered(receipt):
                    self._saw(part.digest, receipt)
                case TurnedAway(problem):
                    self._saw_problem(part.digest, b"", parse_problem(problem).code)
                case _:
                    pass
        return answer

    def _served(self, call: Callable[[], _Given]) -> _Given:
        """What the centre gives, as it travels."""
        centre = self.world.centre
        # The store is wired only where something may blow.
        wires: AbstractContextManager[None] = centre.wired() if centre.fuse.left else nullcontext()
        try:
            with wires:
                return call()
        except ProtocolError as error:
            if error.code is Code.LATER:
                raise NetworkError("later", try_again=True, retry_after_seconds=30) from None
            head = getattr(error, "head", None)
            raise parse_problem(encode_problem(error.code, rule=error.rule, head=head)) from None
        except (StoreError, TokenError):
            raise NetworkError("later", try_again=True, retry_after_seconds=5) from None
        except Crash:
            centre.start()
            raise NetworkError("cut", try_again=True, is_cut=True) from None
        finally:
            centre.fuse.disarm()
            centre.ledger_token.fault = ""

    def _saw(self, digest: bytes, answer: bytes) -> None:
        seen = self.world.seen
        if seen.answers.setdefault(digest, answer) != answer:
            seen.changed.append(digest)

    def _saw_problem(self, digest: bytes, sealed: bytes, code: Code) -> None:
        if code is Code.FORKED:
            self.world.seen.forked[digest] = sealed


def inner_digest(world: World, sealed: bytes) -> bytes:
    """The digest of what the centre's key opens."""
    return hashlib.sha256(sealing.open_sealed(sealed, world.centre.keys.sealing)).digest()

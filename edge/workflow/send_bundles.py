"""Carry a run of bundles over a link that breaks, by the offsets that the centre states.

1. What was never offered is sent at once: in the good case one request carries the whole run and brings all receipts.
2. What was offered before may be there in part or whole: the centre is asked, which costs one small round trip.
3. After a cut the centre is asked, and the rest follows from the stated offset on. This goes on for as long as each try
   brings the centre further; then the pause of the outbox begins.

Nothing is remembered here: where to go on is the centre's knowledge, so a restart of either side changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edge.store.bundles import StoredBundle
from edge.store.node_identity import NodeIdentity
from sync_protocol.api import CentralApi, NetworkError, NetworkFault
from sync_protocol.errors import ProtocolError
from sync_protocol.sealing import sealed_digest
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.transfer import (
    Held,
    Part,
    PartAnswer,
    TransferRequest,
    TurnedAway,
    parse_transfer_answer,
    sign_transfer,
)

# Tries in a row that fail, or after which the centre holds hardly more than before.
_FUTILE_TRIES: Final = 3
# A try that brings the centre less than this is one of them: a packet that arrives brings more.
_LEAST_STEP_BYTES: Final = 256
_GAP: Final = NetworkFault.UNREACHED
# What may be on its way when a connection breaks; the window of a slow link is less.
UNSURE_BYTES: Final = 8 * 1024
# Told how many bytes of each bundle the centre holds or the network has taken.
Progress = Callable[[Sequence[int]], None]


@dataclass(slots=True)
class Sending:
    """One run on its way.

    Attributes:
        bytes_sent: what left, repeats and requests included; kept up to date also when the sending fails.
        reached: of each bundle, the bytes that the centre holds or the network has taken; kept up to date likewise.
    """

    central: CentralApi
    identity: NodeIdentity
    bundles: tuple[bytes, ...]
    progress: Progress | None
    bytes_sent: int = 0
    reached: tuple[int, ...] = ()

    def send(self, *, is_new: bool) -> tuple[PartAnswer, ...]:
        """Send until each bundle is answered, or one is turned away.

        Args:
            is_new: nothing of this run has left before.

        Returns:
            What the centre says of each bundle, unverified; after one that was turned away the rest is only held.

        Raises:
            NetworkError: the centre was not reached, or is brought no further.
            RemoteProblem: the centre refuses the transfer as such.
        """
        sizes = [len(sealed) for sealed in self.bundles]
        starts: Sequence[int] | None = [0] * len(sizes) if is_new else None
        best, futile, was_cut, stated = 0, 0, False, [0] * len(sizes)
        while True:
            try:
                answers = self._call(sizes if starts is None else starts)
            except NetworkError as error:
                if starts is not None and self.reached:
                    # Of a connection that never stood nothing was told, and nothing is doubtful.
                    self._tell(_surely(self.reached, stated))
                was_cut = was_cut or error.is_cut
                # A link that broke is tried at once, and so is the connection after it, which the same gap may cost.
                if not was_cut or not error.try_again or futile == _FUTILE_TRIES or error.fault is not _GAP:
                    raise
                # (3)
                futile, starts = futile + 1, None
                continue
            kinds = {type(found) for found in answers}
            if TurnedAway in kinds or Held not in kinds:
                return answers
            held = [
                found.offset if isinstance(found, Held) else size for found, size in zip(answers, sizes, strict=True)
            ]
            stated = held
            self._tell(held)
            step, best = sum(held) - best, max(best, sum(held))
            if step >= _LEAST_STEP_BYTES:
                futile = 0
            elif starts is not None:
                futile += 1
                if futile > _FUTILE_TRIES:
                    raise NetworkError("the centre keeps nothing of what is sent", try_again=True)
            starts = held

    def _call(self, starts: Sequence[int]) -> tuple[PartAnswer, ...]:
        parts = tuple(
            Part(sealed_digest(sealed), len(sealed), start) for sealed, start in zip(self.bundles, starts, strict=True)
        )
        request = TransferRequest(self.identity.node, self.identity.epoch, parts)
        ticket = sign_transfer(request, KeySigner(self.identity.node_key))
        content = b"".join(sealed[start:] for sealed, start in zip(self.bundles, starts, strict=True))
        before = self.bytes_sent

        def sent(count: int) -> None:
            self.bytes_sent = before + count
            if content:
                self._tell(_reached(parts, max(0, count - len(ticket))))

        answer = self.central.transfer(ticket, content, sent=sent)
        sent(len(ticket) + len(content))
        try:
            return parse_transfer_answer(answer, request)
        except ProtocolError as error:
            raise NetworkError(
                "an answer that no centre of ours gives", try_again=True, fault=NetworkFault.NOT_THE_CENTRE
            ) from error

    def _tell(self, reached: Iterable[int]) -> None:
        self.reached = tuple(reached)
        if self.progress is not None:
            self.progress(self.reached)


def _reached(parts: Sequence[Part], count: int) -> Iterator[int]:
    """How far each part is when so many bytes of their content have left, in their order."""
    for part in parts:
        mine = min(count, part.size - part.start)
        count -= mine
        yield part.start + mine


def _surely(reached: Sequence[int], stated: Sequence[int]) -> list[int]:
    """What will have arrived although the connection broke: the last bytes that the network took may be lost."""
    doubtful, found = UNSURE_BYTES, []
    for taken, known in zip(reversed(reached), reversed(stated), strict=False):
        lost = min(doubtful, max(0, taken - known))
        doubtful -= lost
        found.append(taken - lost)
    return found[::-1]


def sending_of(
    run: Sequence[StoredBundle], central: CentralApi, *, identity: NodeIdentity, progress: Progress | None
) -> Sending:
    """A run of bundles, in the order of their chain, ready to be sent.

    They may be of an epoch that has ended, where a restored centre is to answer for them once more: the request is of
    the present one, with its key.
    """
    return Sending(central, identity, tuple(bundle.sealed for bundle in run), progress)

"""What a node can ask the centre, whoever answers: the HTTP client, the centre's own logic, a simulator.

All calls take and give the bytes that are signed; the transport adds nothing that is trusted. An
answer is therefore only bytes until its own module has verified it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from sync_protocol import cbor, limits
from sync_protocol.chain_head import ChainHead
from sync_protocol.endpoints import PROBLEM_BYTES
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields

_DIGEST_BYTES: Final = 32
_RULE_CHARS: Final = limits.LONG_CHARS
_WHAT: Final = "problem"


class CentralApi(Protocol):
    """The centre as a node sees it. Each call may raise `NetworkError` or `RemoteProblem`."""

    def offer(self, sealed: bytes) -> bytes:
        """Offer one sealed bundle; gives the receipt. The same bytes may be offered any number of times."""
        ...

    def transfer(self, ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        """Send bundles from the offsets of a signed request on; gives the answer of `transfer`.

        Args:
            ticket: from `sign_transfer`.
            content: the bytes that follow it.
            sent: told how many bytes of both have left, again and again.
        """
        ...

    def enrol(self, request: bytes) -> bytes:
        """Hand in a sealed enrolment request; gives the enrolment answer."""
        ...

    def tree_head(self) -> bytes:
        """The newest signed tree head."""
        ...

    def trust_list(self) -> bytes:
        """The newest signed trust list."""
        ...

    def catalogue(self) -> bytes:
        """The newest signed catalogue."""
        ...

    def feed(self, request: bytes) -> Iterator[bytes]:
        """Ask for what follows in the node's feed; gives sealed pages as they arrive, the first one always.

        The request is signed by the node's key and good for one try. Errors may come before any page and after each.
        """
        ...


@runtime_checkable
class EpochApi(Protocol):
    """The centre as a store sees it that was restored from a backup."""

    def begin_epoch(self, request: bytes) -> bytes:
        """Hand in a sealed request for a new epoch; gives the sealed answer of `node_epoch_answer`.

        Raises NetworkError, RemoteProblem.
        """
        ...


@runtime_checkable
class ShownApi(Protocol):
    """The centre as a node sees it that may have lost what it signed."""

    def show_receipts(self, receipts: bytes) -> bytes:
        """Show receipts, a sealed list; gives how many of their heads the centre does not have, CBOR, as its word only.

        Raises NetworkError, RemoteProblem.
        """
        ...

    def show_epochs(self, showing: bytes) -> bytes:
        """Show what the centre signed for the node's epochs, sealed; gives the sealed answer of `shown_epoch`.

        Raises NetworkError, RemoteProblem.
        """
        ...


class NetworkFault(StrEnum):
    """What stood between the node and the centre. Stored by nodes; the words are stable."""

    UNREACHED = "network"
    NOT_THE_CENTRE = "not-the-centre"
    BUSY = "centre-busy"
    PROXY = "proxy"
    ADDRESS = "centre-address"
    TLS = "tls"
    TLS_NAME = "tls-name"
    TLS_TIME = "tls-time"


class NetworkError(Exception):
    """The centre was not reached, or what answered was not the centre (a captive portal, a proxy).

    Args:
        text: what happened, in English, without addresses of people.
        try_again: whether the same call may succeed later without anybody's doing.
        retry_after_seconds: how long the centre asked to wait, or None.
        is_cut: whether the connection stood and broke, so that the same call may succeed at once.
        fault: what stood between; unless it is said, the centre is busy where it asked to wait, or out of reach.
    """

    def __init__(
        self,
        text: str,
        *,
        try_again: bool,
        retry_after_seconds: int | None = None,
        is_cut: bool = False,
        fault: NetworkFault | None = None,
    ) -> None:
        super().__init__(text)
        self.try_again = try_again
        self.retry_after_seconds = retry_after_seconds
        self.is_cut = is_cut
        self.fault = fault or (NetworkFault.UNREACHED if retry_after_seconds is None else NetworkFault.BUSY)


class RemoteProblem(ProtocolError):  # noqa: N818, it is not an error of ours
    """The centre refused what we sent and says why.

    A problem is not signed: it may stop a transfer or tell where to go on, but nothing is deleted or
    given up because of one. A refusal that counts is a receipt whose outcome is a code.

    Args:
        code: the stable code.
        rule: the field and rule, as the centre words it.
        head: where the node's chain goes on, if the centre says so.
    """

    def __init__(self, code: Code, rule: str, *, head: ChainHead | None = None) -> None:
        super().__init__(code, rule)
        self.head = head


def encode_problem(code: Code, *, rule: str = "", head: ChainHead | None = None) -> bytes:
    """Encode a problem's body: CBOR {1: code, 2: rule, 3: [epoch, sequence, digest]}, 3 only where it is known."""
    body: dict[int, object] = {1: code.value, 2: rule[:_RULE_CHARS]}
    if head is not None:
        body[3] = [head.epoch, head.sequence, head.digest]
    return cbor.encode(body)


def parse_problem(body: bytes) -> RemoteProblem:
    """Read a problem's body; the caller raises the result.

    Raises:
        ProtocolError: the body is no problem of ours (`TOO_LARGE`, `NOT_CBOR`, `FIELD_…`); what answered is
            then probably not the centre.
    """
    fields = Fields(cbor.decode(body, max_bytes=PROBLEM_BYTES), what=_WHAT)
    word = fields.text(1, max_chars=limits.SHORT_CHARS)
    rule = fields.text(2, min_chars=0, max_chars=_RULE_CHARS)
    head = fields.opt_list_(3, min_items=3, max_items=3)
    fields.finish()
    try:
        code = Code(word)
    except ValueError:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.1: unknown code") from None
    return RemoteProblem(code, rule, head=None if head is None else _parse_head(head))


def _parse_head(values: object) -> ChainHead:
    assert isinstance(values, list)
    fields = Fields(dict(enumerate(values)), what=f"{_WHAT}.3")
    return ChainHead(
        epoch=fields.uint(0, max=limits.COUNTER),
        sequence=fields.uint(1, max=limits.COUNTER),
        digest=fields.bytes_(2, length=_DIGEST_BYTES),
    )

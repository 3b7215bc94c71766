"""What a node shows a restored centre: the same again after coding, every word ours, and the newest key's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import limits
from sync_protocol.enrolment import (
    EnrolmentAnswer,
    EnrolmentRequest,
    sign_enrolment_answer,
    sign_enrolment_request,
    verify_enrolment_request,
)
from sync_protocol.enrolment_file import EnrolmentFile, sign_enrolment_file
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.node_epoch import ChainPart, EpochReason, EpochRequest, epoch_request_digest, sign_epoch_request
from sync_protocol.node_epoch_answer import EpochAnswer, EpochGrant, sign_epoch_answer
from sync_protocol.shown_epoch import (
    Enrolled,
    Granted,
    Showing,
    VerifiedShowing,
    showing_digest,
    sign_showing,
    verify_showing,
)
from sync_protocol.shown_epoch_answer import (
    ShownAnswer,
    ShownState,
    open_shown_answer,
    seal_shown_answer,
    sign_shown_answer,
)
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key
from tests.protocol.refusals import refused

AT: Final = 1_650_000_000
PUBLISHER: Final = ec_key("publisher")
OURS: Final = (PUBLISHER.public_key(),)
CODE: Final = bytes(range(16))


def key(epoch: int) -> ec.EllipticCurvePrivateKey:
    return ec_key(f"node key {epoch}")


def opening(epoch: int) -> ec.EllipticCurvePrivateKey:
    return ec_key(f"opening key {epoch}")


def grant(epoch: int, *, by: ec.EllipticCurvePrivateKey = PUBLISHER, node: str = "19001A", at: int = AT) -> Granted:
    """The grant that begins this epoch."""
    request = EpochRequest(
        node=node,
        epoch=epoch - 1,
        reason=EpochReason.RESTORED,
        chain=ChainPart(3, bytes([3]) * 32, (bytes([4]) * 32, bytes([5]) * 32), 5),
        known_head=None,
        last_dose=0,
        open_doses=(),
        node_key=key(epoch).public_key(),
        node_sealing_key=opening(epoch).public_key(),
        at=at,
        nonce=bytes(16),
    )
    inner = sign_epoch_request(request, KeySigner(key(epoch - 1)))
    digest = epoch_request_digest(inner)
    word = EpochAnswer(node, digest, at + epoch, EpochGrant(epoch, digest, 1_001, ((4, b"receipt"),)))
    return Granted(inner, sign_epoch_answer(word, KeySigner(by)))


def enrolled(*, by: ec.EllipticCurvePrivateKey = PUBLISHER, node: str = "19001A", code: bytes = CODE) -> Enrolled:
    """The enrolment that begins epoch 1."""
    file = EnrolmentFile(
        centre_url="http://127.0.0.1:8480",
        facility="19001",
        facility_name="Trạm y tế",
        units=("05413",),
        node=node,
        one_time_code=CODE,
        publisher_key=by.public_key(),
        sealing_key=ec_key("sealing").public_key(),
        ledger_key=ec_key("ledger").public_key(),
        catalogue=b"catalogue",
        trust_list=b"trust",
        expires_at=AT,
    )
    asked = EnrolmentRequest(node, code, key(1).public_key(), opening(1).public_key())
    request = sign_enrolment_request(asked, KeySigner(key(1)))
    digest = verify_enrolment_request(request).digest
    answer = EnrolmentAnswer(node, 1, key(1).public_key(), digest, AT)
    signer = KeySigner(by)
    return Enrolled(sign_enrolment_file(file, signer), request, sign_enrolment_answer(answer, signer))


SHOWING: Final = Showing("19001A", 3, enrolled(), (grant(2), grant(3)), at=AT, nonce=bytes(16))


def shown(showing: Showing, *, by: ec.EllipticCurvePrivateKey | None = None) -> VerifiedShowing:
    return verify_showing(sign_showing(showing, KeySigner(by or key(showing.epoch))), OURS)


def test_a_showing_gives_every_epoch_with_its_keys_and_what_was_delivered_before_it() -> None:
    found = shown(SHOWING)
    assert [(one.epoch, one.first_dose, one.at, one.delivered) for one in found.epochs] == [
        (1, 1, AT, 0),
        (2, 1_001, AT + 2, 4),
        (3, 1_001, AT + 3, 4),
    ]
    assert found.newest.node_key.public_numbers() == key(3).public_key().public_numbers()
    assert found.file is not None
    assert (found.node, found.file.facility) == ("19001A", "19001")


def test_an_enrolment_is_our_word_by_its_answer_or_by_the_grant_that_ended_its_epoch() -> None:
    bare = replace(enrolled(), answer=b"")
    alone = Showing("19001A", 1, bare, (), at=AT, nonce=bytes(16))
    assert [one.at for one in shown(alone).epochs] == [None]
    assert [one.at for one in shown(replace(SHOWING, enrolled=bare)).epochs] == [AT + 2, AT + 2, AT + 3]
    assert [one.epoch for one in shown(replace(SHOWING, enrolled=None)).epochs] == [2, 3]


OTHER: Final = ec_key("another centre")


@pytest.mark.parametrize(
    ("showing", "by", "code"),
    [
        # Words of another centre, and of nobody.
        (replace(SHOWING, enrolled=None, grants=(grant(2), grant(3, by=OTHER))), key(3), Code.SIGNATURE_INVALID),
        (replace(SHOWING, enrolled=enrolled(by=OTHER)), key(3), Code.SIGNER_UNKNOWN),
        (
            Showing("19001A", 1, replace(enrolled(), answer=enrolled(by=OTHER).answer), (), at=AT, nonce=bytes(16)),
            key(1),
            Code.SIGNATURE_INVALID,
        ),
        # Whoever does not hold the newest key: the node of the epoch before, and a stranger.
        (SHOWING, key(2), Code.SIGNATURE_INVALID),
        (SHOWING, OTHER, Code.SIGNATURE_INVALID),
        # Another node's words, and words that belong to no request that is shown.
        (replace(SHOWING, node="19002A"), key(3), Code.EPOCH_MISMATCH),
        (
            replace(SHOWING, grants=(grant(2), Granted(grant(3).request, SHOWING.grants[0].answer))),
            key(3),
            Code.EPOCH_MISMATCH,
        ),
        (replace(SHOWING, enrolled=enrolled(code=bytes(16))), key(3), Code.ENROLMENT_INVALID),
        # A later epoch than any that is shown, epochs with a gap or in another order, and time that goes back.
        (replace(SHOWING, epoch=4), key(4), Code.EPOCH_MISMATCH),
        (replace(SHOWING, grants=(grant(3),)), key(3), Code.EPOCH_MISMATCH),
        (replace(SHOWING, grants=(grant(3), grant(2))), key(3), Code.EPOCH_MISMATCH),
        (replace(SHOWING, grants=(grant(2), grant(3, at=AT - 9))), key(3), Code.EPOCH_MISMATCH),
        (Showing("19001A", 1, None, (), at=AT, nonce=bytes(16)), key(1), Code.EPOCH_MISMATCH),
    ],
)
def test_what_is_not_ours_or_not_theirs_is_refused(
    showing: Showing, by: ec.EllipticCurvePrivateKey, code: Code
) -> None:
    with refused(code):
        shown(showing, by=by)


def test_the_words_of_a_retired_publisher_key_count_beside_those_of_the_next_one() -> None:
    successor = ec_key("next publisher")
    both = (successor.public_key(), PUBLISHER.public_key())
    rolled = sign_showing(replace(SHOWING, grants=(grant(2), grant(3, by=successor))), KeySigner(key(3)))
    assert [one.epoch for one in verify_showing(rolled, both).epochs] == [1, 2, 3]
    # A copy from before the successor does not know that word.
    with refused(Code.SIGNATURE_INVALID):
        verify_showing(rolled, OURS)


def test_a_request_that_the_epoch_before_did_not_sign_is_refused() -> None:
    # The grant names a request that a stranger signed; nobody but a dishonest publisher could give it.
    asked = grant(3)
    forged = replace(asked, request=asked.request[:-1] + bytes([asked.request[-1] ^ 1]))
    digest = epoch_request_digest(forged.request)
    word = EpochAnswer("19001A", digest, AT + 3, EpochGrant(3, digest, 1_001))
    forged = replace(forged, answer=sign_epoch_answer(word, KeySigner(PUBLISHER)))
    with refused(Code.SIGNATURE_INVALID):
        shown(replace(SHOWING, grants=(grant(2), forged)))


def test_no_more_epochs_are_shown_than_there_is_room_for() -> None:
    many = tuple(grant(epoch) for epoch in range(2, limits.SHOWN_EPOCHS + 3))
    with pytest.raises(ProtocolError, match="shown epochs"):
        sign_showing(replace(SHOWING, epoch=limits.SHOWN_EPOCHS + 2, grants=many), KeySigner(key(1)))


def test_every_byte_of_a_showing_counts() -> None:
    inner = sign_showing(SHOWING, KeySigner(key(3)))
    for place in range(0, len(inner), 37):
        changed = inner[:place] + bytes([inner[place] ^ 4]) + inner[place + 1 :]
        with pytest.raises(ProtocolError):
            verify_showing(changed, OURS)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda answer: replace(answer, digest=bytes(32)), Code.EPOCH_MISMATCH),
        (lambda answer: replace(answer, node="19002A"), Code.EPOCH_MISMATCH),
    ],
)
def test_an_answer_is_to_one_showing(change: Callable[[ShownAnswer], ShownAnswer], code: Code) -> None:
    digest = showing_digest(sign_showing(SHOWING, KeySigner(key(3))))
    said = ShownAnswer("19001A", digest, ShownState.WAITING, at=AT, code=Code.EPOCH_SHOWN)

    def opened(answer: ShownAnswer, *, by: ec.EllipticCurvePrivateKey = PUBLISHER) -> ShownAnswer:
        sealed = seal_shown_answer(
            sign_shown_answer(answer, KeySigner(by)), recipient=opening(3).public_key(), entropy=SeededEntropy(1)
        )
        return open_shown_answer(sealed, opening(3), PUBLISHER.public_key(), node="19001A", digest=digest)

    assert opened(said) == said
    assert opened(replace(said, state=ShownState.TAKEN, code=None)).state is ShownState.TAKEN
    with refused(code):
        opened(change(said))
    with refused(Code.SIGNATURE_INVALID):
        opened(said, by=OTHER)

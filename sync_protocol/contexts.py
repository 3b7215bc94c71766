"""What a signature or an envelope is for: its content type and its context string, for every message there is.

Both go into what is signed: the content type in the protected header, the context as external_aad. A signature
made for one kind of message can therefore never be read as another's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Context:
    """The purpose of one kind of message.

    Attributes:
        content_type: protected header 3, `application/hcvx.<kind>+cbor`.
        aad: external_aad, `hcvx/v1/<kind>`.
    """

    content_type: str
    aad: bytes


def _context(kind: str) -> Context:
    return Context(content_type=f"application/hcvx.{kind}+cbor", aad=f"hcvx/v1/{kind}".encode("ascii"))


BATCH: Final = _context("batch")
BUNDLE: Final = _context("bundle")
SEALED: Final = _context("sealed")
ENROLMENT_FILE: Final = _context("enrolment-file")
ENROLMENT_REQUEST: Final = _context("enrolment-request")
ENROLMENT: Final = _context("enrolment")
EPOCH_REQUEST: Final = _context("epoch-request")
EPOCH_ANSWER: Final = _context("epoch-answer")
# A node shows what the centre signed for its epochs before it was restored, and what is answered.
SHOWN_EPOCHS: Final = _context("shown-epochs")
SHOWN_ANSWER: Final = _context("shown-answer")
# Receipts that a node shows a centre which seems to have lost them: a list of what the ledger key signed already.
SHOWN_RECEIPTS: Final = _context("shown-receipts")
TREE_HEAD: Final = _context("tree-head")
LEDGER_EPOCH: Final = _context("ledger-epoch")
CATALOGUE: Final = _context("catalogue")
TRUST_LIST: Final = _context("trust-list")
POPULATION: Final = _context("population")
POPULATION_CHANGE: Final = _context("population-change")
RECEIPT: Final = _context("receipt")
FEED: Final = _context("feed")
FEED_PAGE: Final = _context("feed-page")
FEED_REQUEST: Final = _context("feed-request")
# What the centre says of itself at a contact; an answer of pages travels unsigned and has a content type only.
CONTACT: Final = _context("contact")
FEED_ANSWER: Final = _context("feed-pages")
# A node says which bundles it is about to send; the answer, which travels unsigned, has a content type only.
TRANSFER: Final = _context("transfer")
TRANSFER_ANSWER: Final = _context("transfer-answer")
# A handover on its way by stick: sealed to the hub's node, never to the centre.
HANDOVER: Final = _context("handover")
# A certificate's key signs that it is the one to be registered.
REGISTRATION: Final = _context("registration")
PROBLEM: Final = _context("problem")
# A trial of a token: signs nothing that means anything anywhere.
TOKEN_TEST: Final = _context("token-test")

"""The centre's calls as both sides name them: method, path, media types, sizes, headers, statuses.

The client builds its requests from this table and the server its routes, so they cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sync_protocol import contexts, limits
from sync_protocol.catalogue import CATALOGUE_BYTES
from sync_protocol.errors import Code
from sync_protocol.feed import FEED_REQUEST_BYTES
from sync_protocol.problems import PROBLEMS
from sync_protocol.receipt import RECEIPT_BYTES
from sync_protocol.transfer import BODY_BYTES
from sync_protocol.tree_head import TREE_HEAD_BYTES

PROBLEM_MEDIA_TYPE: Final = contexts.PROBLEM.content_type
# A problem names a code, a rule and at most one chain head.
PROBLEM_BYTES: Final = 4_096

# The versions that the speaker understands, newest first: "1", later "2, 1". The centre speaks the newest and the one
# before.
VERSION_HEADER: Final = "Hcvx-Version"
VERSION: Final = "1"
# SHA-256 of the body, lower-case hex. The server's idempotency key is computed from the body, never read from here.
DIGEST_HEADER: Final = "Hcvx-Digest"
RETRY_AFTER_HEADER: Final = "Retry-After"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call.

    Attributes:
        method: "GET" or "POST".
        path: below the centre's URL.
        request_type: media type of the request body, or "" without one.
        answer_type: media type of the answer when it is not a problem.
        request_bytes: most bytes of the request body; more is refused unread with 413.
        answer_bytes: most bytes of an answer; a client stops reading after them.
    """

    method: str
    path: str
    request_type: str
    answer_type: str
    request_bytes: int
    answer_bytes: int


BUNDLES: Final = Endpoint(
    "POST",
    "/v1/bundles",
    request_type=contexts.SEALED.content_type,
    answer_type=contexts.RECEIPT.content_type,
    request_bytes=limits.SEALED_BYTES,
    answer_bytes=RECEIPT_BYTES,
)
TRANSFERS: Final = Endpoint(
    "POST",
    "/v1/transfers",
    request_type=contexts.TRANSFER.content_type,
    answer_type=contexts.TRANSFER_ANSWER.content_type,
    request_bytes=BODY_BYTES,
    answer_bytes=limits.TRANSFER_ANSWER_BYTES,
)
ENROLMENTS: Final = Endpoint(
    "POST",
    "/v1/enrolments",
    request_type=contexts.SEALED.content_type,
    answer_type=contexts.ENROLMENT.content_type,
    request_bytes=limits.MESSAGE_BYTES,
    answer_bytes=limits.MESSAGE_BYTES,
)
EPOCHS: Final = Endpoint(
    "POST",
    "/v1/epochs",
    request_type=contexts.SEALED.content_type,
    answer_type=contexts.SEALED.content_type,
    request_bytes=limits.MESSAGE_BYTES,
    answer_bytes=limits.EPOCH_ANSWER_BYTES,
)
SHOWN_EPOCHS: Final = Endpoint(
    "POST",
    "/v1/epochs/shown",
    request_type=contexts.SEALED.content_type,
    answer_type=contexts.SEALED.content_type,
    request_bytes=limits.SHOWN_EPOCHS_BYTES,
    answer_bytes=limits.MESSAGE_BYTES,
)
SHOWN_RECEIPTS: Final = Endpoint(
    "POST",
    "/v1/receipts/shown",
    request_type=contexts.SEALED.content_type,
    answer_type=contexts.SHOWN_RECEIPTS.content_type,
    request_bytes=limits.SHOWN_RECEIPTS_BYTES,
    answer_bytes=16,
)
TREE_HEAD: Final = Endpoint(
    "GET",
    "/v1/tree-head",
    request_type="",
    answer_type=contexts.TREE_HEAD.content_type,
    request_bytes=0,
    answer_bytes=TREE_HEAD_BYTES,
)
TRUST_LIST: Final = Endpoint(
    "GET",
    "/v1/trust-list",
    request_type="",
    answer_type=contexts.TRUST_LIST.content_type,
    request_bytes=0,
    answer_bytes=limits.SET_BYTES,
)
CATALOGUE: Final = Endpoint(
    "GET",
    "/v1/catalogue",
    request_type="",
    answer_type=contexts.CATALOGUE.content_type,
    request_bytes=0,
    answer_bytes=CATALOGUE_BYTES,
)
FEED: Final = Endpoint(
    "POST",
    "/v1/feed",
    request_type=contexts.FEED_REQUEST.content_type,
    answer_type=contexts.FEED_ANSWER.content_type,
    request_bytes=FEED_REQUEST_BYTES,
    answer_bytes=limits.FEED_ANSWER_BYTES,
)
ENDPOINTS: Final = (
    *(BUNDLES, TRANSFERS, ENROLMENTS, EPOCHS, SHOWN_EPOCHS, SHOWN_RECEIPTS),
    *(TREE_HEAD, TRUST_LIST, CATALOGUE, FEED),
)


def status_of(code: Code) -> int:
    """The HTTP status with which a problem travels."""
    return PROBLEMS[code].status

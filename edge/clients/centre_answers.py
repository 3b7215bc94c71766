"""What came back over HTTP: the centre's answer, its refusal, or something that is not the centre.

Bounded in bytes: a page of a captive portal or an endless body is given up. Time is `answer_patience`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import requests

from sync_protocol.api import NetworkError, NetworkFault, parse_problem
from sync_protocol.endpoints import PROBLEM_BYTES, PROBLEM_MEDIA_TYPE, RETRY_AFTER_HEADER, Endpoint
from sync_protocol.errors import ProtocolError

# A centre that asks for more than a day of silence is misconfigured.
LONGEST_RETRY_AFTER_SECONDS: Final = 24 * 3600
_CHUNK_BYTES: Final = 16 * 1024
_NUMBER_DIGITS: Final = 18
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
# What the centre says itself, and what stands in front of it says for it.
_LATER: Final = frozenset({429, 502, 503, 504})
_PROXY_ASKS: Final = 407


def require_answer(response: requests.Response, endpoint: Endpoint) -> None:
    """Raise NetworkError or RemoteProblem unless this is the head of the centre's answer to the call."""
    status = response.status_code
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if status in _REDIRECTS:
        raise not_the_centre("a redirect: what answered is not the centre")
    if status == _OK and media_type == endpoint.answer_type:
        return
    if status == _PROXY_ASKS:
        raise NetworkError("the proxy asks for a password", try_again=True, fault=NetworkFault.PROXY)
    if status in _LATER:
        raise NetworkError(
            "the centre asks to come later",
            try_again=True,
            retry_after_seconds=_retry_after(response.headers),
            fault=NetworkFault.BUSY,
        )
    if media_type == PROBLEM_MEDIA_TYPE and status != _OK:
        try:
            problem = parse_problem(read_answer(response, PROBLEM_BYTES))
        except ProtocolError as error:
            raise not_the_centre("an answer that no centre of ours gives") from error
        raise problem
    raise not_the_centre(f"status {status} of another kind: what answered is not the centre")


def not_the_centre(text: str) -> NetworkError:
    """Somebody else answered: harmless, and worth trying again."""
    return NetworkError(text, try_again=True, fault=NetworkFault.NOT_THE_CENTRE)


def as_it_comes(response: requests.Response) -> Iterator[bytes]:
    """The body in pieces as the socket gives them, never waiting for more than there is, never decompressing."""
    while data := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        yield data


def read_answer(response: requests.Response, most_bytes: int) -> bytes:
    """Read a body of at most so many bytes; a longer one is not the centre's."""
    found = bytearray()
    for data in as_it_comes(response):
        found += data
        if len(found) > most_bytes:
            raise not_the_centre("the answer is longer than any answer of the centre")
    stated = _number(response.headers.get("Content-Length", ""))
    if stated is not None and stated != len(found):
        raise NetworkError("the answer was cut off", try_again=True)
    return bytes(found)


def _retry_after(headers: requests.structures.CaseInsensitiveDict[str]) -> int | None:
    # Only the form in seconds is ours; a date of a proxy's clock is not believed.
    seconds = _number(headers.get(RETRY_AFTER_HEADER, ""))
    return None if seconds is None else min(seconds, LONGEST_RETRY_AFTER_SECONDS)


def _number(text: str) -> int | None:
    # Headers may hold any Latin-1 character, superscript digits among them, and thousands of digits.
    return int(text) if len(text) <= _NUMBER_DIGITS and text.isascii() and text.isdigit() else None

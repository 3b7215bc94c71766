"""Fetches revocation lists over HTTP, bounded in bytes and time; what comes is only bytes until it is verified.

Lists are signed, so plain HTTP is enough (RFC 5280, 8). The address is one that a trusted certificate names; a redirect
is followed to the same host alone, so that no server can send the centre elsewhere.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError

from sync_protocol import limits
from sync_protocol.api import NetworkError

CONNECT_SECONDS: Final = 15.0
SILENCE_SECONDS: Final = 30.0
# 32 MB at 2 Mbit/s take 130 seconds.
WHOLE_SECONDS: Final = 180.0
_REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 64 * 1024
_HEADER_CHARS: Final = 200
_OK: Final = 200
_UNCHANGED: Final = 304
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class CrlAnswer:
    """What a server gave.

    Attributes:
        body: the list, unverified, or None where it has not changed since it was asked the last time.
        etag, modified: what to name the next time, "" where the server gave none.
    """

    body: bytes | None
    etag: str
    modified: str


def fetch_crl(
    url: str,
    *,
    etag: str = "",
    modified: str = "",
    silence_seconds: float = SILENCE_SECONDS,
    whole_seconds: float = WHOLE_SECONDS,
) -> CrlAnswer:
    """Fetches one list.

    Args:
        url: http or https, from a trusted certificate.
        etag, modified: of the last answer, so that an unchanged list is not sent again.
        silence_seconds: how long to wait for the next byte.
        whole_seconds: how long the whole may take.

    Raises:
        NetworkError: not reached, too slow, too large, or a redirect elsewhere.
    """
    ends = time.monotonic() + whole_seconds
    headers = {"User-Agent": "hcvx-central", "Accept": "application/pkix-crl, */*", "Accept-Encoding": "identity"}
    headers |= {"If-None-Match": etag} if etag else {}
    headers |= {"If-Modified-Since": modified} if modified else {}
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=0))
        session.auth = _no_credentials
        try:
            asked = urlsplit(url)
            for _ in range(_REDIRECTS + 1):
                with session.get(
                    url,
                    headers=headers,
                    timeout=(CONNECT_SECONDS, silence_seconds),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    if response.status_code not in _MOVED:
                        return _answer(response, etag=etag, modified=modified, ends=ends)
                    url = urljoin(url, response.headers.get("Location", ""))
                    if not _is_same_place(urlsplit(url), asked):
                        raise NetworkError("the list was moved to another host", try_again=False)
            raise NetworkError("too many redirects", try_again=False)
        except (requests.exceptions.RequestException, TransportError, OSError) as error:
            raise NetworkError(f"not reached ({type(error).__name__})", try_again=True) from error
        except ValueError as error:
            raise NetworkError("the address is not usable", try_again=False) from error


def _answer(response: requests.Response, *, etag: str, modified: str, ends: float) -> CrlAnswer:
    if response.status_code == _UNCHANGED and (etag or modified):
        return CrlAnswer(None, etag, modified)
    if response.status_code != _OK:
        raise NetworkError(f"status {response.status_code}", try_again=True)
    body = bytearray()
    for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
        body += chunk
        if len(body) > limits.CRL_BYTES:
            raise NetworkError("the answer is longer than any list that is taken", try_again=False)
        if time.monotonic() > ends:
            raise NetworkError("the answer takes too long", try_again=True)
    return CrlAnswer(bytes(body), _header(response, "ETag"), _header(response, "Last-Modified"))


def _header(response: requests.Response, name: str) -> str:
    # It is kept and sent back, so it stays short and printable; without it the list is fetched whole the next time.
    value = response.headers.get(name, "")
    return value if len(value) <= _HEADER_CHARS and value.isascii() and value.isprintable() else ""


def _is_same_place(moved: SplitResult, asked: SplitResult) -> bool:
    if moved.hostname != asked.hostname:
        return False
    if moved.scheme == asked.scheme:
        return moved.port == asked.port
    # From plain HTTP to TLS at the ports that are meant for them, never back.
    return (asked.scheme, moved.scheme) == ("http", "https") and asked.port in (None, 80) and moved.port in (None, 443)


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request

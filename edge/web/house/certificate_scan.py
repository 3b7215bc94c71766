"""Which certificates the tokens of this machine carry, looked for in work of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, cast

from flask import current_app

from edge.bootstrap import Node
from edge.clients.signer_setting import signer_uri
from edge.domain.pass_journal import PassRefusedError
from edge.web.frame.work_progress import Result, Tell
from edge.web.house.driver_scans import begin_driver_scan
from edge.workflow.examine_token import Examination, begin_examination, examine_modules
from sync_protocol.certificate import Certificate, check_key_usage
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.certificate_facts import readable
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.signers.token_messages import SeenToken
from sync_protocol.signers.uri import Pkcs11Uri, SoftwareUri, encode_signer_uri, parse_signer_uri

_KEY: Final = "hcvx-certificate-scans"


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """A certificate with a key that may sign.

    Attributes:
        uri: opens its signer.
        label: the token's; "" for a key file.
        certificate: None for a key file, which says it only when it is open.
        others: further certificates of the token, such as those of authorities.
    """

    uri: str
    label: str
    certificate: Certificate | None
    others: tuple[Certificate, ...] = ()


@dataclass(slots=True)
class Scan:
    """One search while it goes on: the work's thread adds to it, pages read it."""

    examination: Examination
    file: list[FoundCertificate]
    tokens: list[FoundCertificate] = field(default_factory=list)
    asked: int = 0

    @property
    def found(self) -> list[FoundCertificate]:
        """What the tokens carry, then the key file of the settings, where there is one."""
        return [*self.tokens, *self.file]


def begin_scan(open_node: Node, *, owner: int, label: str) -> str:
    """Begin to ask the drivers; gives the work's id. RefusedError WORK_FULL."""
    scan = Scan(begin_examination(open_node.config, os.environ), _key_file(open_node))
    total = len(scan.examination.candidates)
    return begin_driver_scan(scans(), scan, partial(_run, scan), owner=owner, label=label, total=total)


def scans() -> dict[str, Scan]:
    """The searches of this application by the id of their work; whose they are, the work says."""
    return cast("dict[str, Scan]", current_app.extensions.setdefault(_KEY, {}))


def _run(scan: Scan, tell: Tell) -> Result:
    for module in examine_modules(scan.examination):
        known = {one.certificate for one in scan.tokens}
        for token in module.tokens:
            scan.tokens += [one for one in _usable(token, module.candidate.path) if one.certificate not in known]
        scan.asked += 1
        tell(scan.asked)
    return Result(b"", "certificates.txt", "text/plain")


def _usable(token: SeenToken, module_path: str) -> Iterator[FoundCertificate]:
    readables = [(seen, certificate) for seen in token.certificates if (certificate := readable(seen.der))]
    for seen, certificate in readables:
        try:
            check_key_usage(certificate)
        except ProtocolError:
            continue
        # Some tokens show no key before the PIN: then none is missed.
        if token.key_ids and seen.object_id not in token.key_ids:
            continue
        uri = encode_signer_uri(Pkcs11Uri(token.label or None, certificate.serial, module_path))
        others = tuple(other for _, other in readables if other != certificate)
        yield FoundCertificate(uri, token.label, certificate, others)


def _key_file(open_node: Node) -> list[FoundCertificate]:
    try:
        uri = signer_uri(open_node.config)
        is_file = isinstance(parse_signer_uri(uri), SoftwareUri)
    except (PassRefusedError, TokenError):
        return []
    return [FoundCertificate(uri, "", None)] if is_file else []

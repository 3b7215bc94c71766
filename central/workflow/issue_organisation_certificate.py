"""Issues an organisation certificate of the training authority, as a PKCS#12 file for a site."""

from __future__ import annotations

from pathlib import Path

from central.config import Config
from central.domain.demo_certificates import SERIAL_BYTES, issue_certificate
from central.store.demo_authorities import ORGANISATION_AUTHORITY, read_authority, write_key_file
from sync_protocol.certificate import Certificate
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.sealing import Entropy, fresh_private_key


def issue_organisation_certificate(
    config: Config,
    *,
    organisation: str,
    officer: str,
    path: Path,
    password: str,
    file_password: str,
    entropy: Entropy,
    now: int,
) -> Certificate:
    """Issues the certificate and writes its key file.

    Args:
        config: of the centre.
        organisation: name of the facility.
        officer: name of the signing officer, the certificate's common name.
        path: where the file goes; it must not exist.
        password: of the centre's key files.
        file_password: the new file's own.
        entropy: where the key comes from.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: KEY_INVALID on real trust material: no certificate of ours may stand beside real ones.
        KeyStoreError: the authority does not open, or the file is there already.
        TokenError: the file's password is empty.
    """
    if not config.is_demo:
        raise ProtocolError(Code.KEY_INVALID, "training certificates are not issued upon real trust material")
    authority = read_authority(config.keys_directory / ORGANISATION_AUTHORITY, password=password)
    key = fresh_private_key(entropy)
    certificate = issue_certificate(
        authority,
        key.public_key(),
        name=officer,
        organisation=organisation,
        serial=entropy.token(SERIAL_BYTES),
        now=now,
    )
    write_key_file(path, key, certificate, password=file_password)
    return certificate

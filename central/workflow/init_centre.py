"""Makes a centre: keys, trust material, schema, the first published sets, the ledger's genesis entry.

1. three key files of the centre's own;
2. for training: two authorities and a document signer, as files; for real: the certificates that were handed over;
3. the schema;
4. in one transaction: public keys, certificates, catalogue, trust list, genesis entry with its head.

Each step leaves alone what is there already, so an init that was interrupted is run again, and one that is done does
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from central.config import Config
from central.domain.demo_certificates import SERIAL_BYTES, VACCINATION_USAGE, issue_certificate, make_authority
from central.store import ledger, trust
from central.store.database import lock_ledger, migrate, write_transaction
from central.store.demo_authorities import (
    COUNTRY_AUTHORITY,
    DOCUMENT_SIGNER,
    ORGANISATION_AUTHORITY,
    read_authority,
    write_key_file,
)
from central.store.key_store import KeyRing, KeyRole, key_path, open_key_ring, write_key
from central.store.ledger import StoredHead
from central.store.trust import CertificateRole
from central.workflow.publish_sets import COUNTRY, publish_catalogue, publish_trust_list
from sync_protocol.certificate import Certificate
from sync_protocol.enrolment_file import fingerprint
from sync_protocol.ledger_entry import entry_leaf, genesis_entry
from sync_protocol.merkle import root_of
from sync_protocol.sealing import Entropy, fresh_private_key
from sync_protocol.tree_head import TreeHead, sign_tree_head

FIRST_LEDGER_EPOCH: Final = 1


@dataclass(frozen=True, slots=True)
class TrustMaterial:
    """Certificates that the centre starts with.

    Attributes:
        document_signers: sign health certificates; the first is the one in use.
        country_anchors: their authorities.
        organisation_anchors: authorities of organisation certificates.
        organisation_intermediates: authorities between.
    """

    document_signers: Sequence[Certificate]
    country_anchors: Sequence[Certificate]
    organisation_anchors: Sequence[Certificate]
    organisation_intermediates: Sequence[Certificate] = ()


@dataclass(frozen=True, slots=True)
class InitResult:
    """What a newcomer must know: whether anything was made, and the publisher key's fingerprint to be read aloud."""

    made: bool
    fingerprint: str
    document_signer_kid: str


def init_centre(
    config: Config,
    *,
    engine: Engine,
    material: TrustMaterial,
    catalogue: str,
    password: str,
    entropy: Entropy,
    now: int,
) -> InitResult:
    """Makes the centre, or whatever of it is missing.

    Args:
        config: its settings.
        engine: its store, which need not have a schema yet.
        material: from `make_demo_material`, or read from the files handed over.
        catalogue: the operator's catalogue file, TOML.
        password: of the key files.
        entropy: where keys come from.
        now: epoch seconds, UTC.

    Raises:
        KeyStoreError: key files are there and the password is another.
        ProtocolError: the catalogue breaks a rule.
        StoreError: the store cannot be used.
    """
    # (1)
    for role in KeyRole:
        if not key_path(config.keys_directory, role).exists():
            write_key(config.keys_directory, role, fresh_private_key(entropy), password=password)
    keys = open_key_ring(config.keys_directory, password=password)
    # (3) A copy is taken before a store that is in use is changed.
    migrate(engine, copy_to=config.directory / f"before-migration-{now}.db")
    # (4)
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        made = ledger.ledger_size(connection) == 0
        if made:
            _fill(connection, keys, material, catalogue=catalogue, days=config.set_days, now=now)
    return InitResult(
        made=made,
        fingerprint=fingerprint(keys.publisher.public_key),
        document_signer_kid=material.document_signers[0].kid.hex(),
    )


def make_demo_material(directory: Path, *, password: str, signer_pin: str, entropy: Entropy, now: int) -> TrustMaterial:
    """Makes, or opens again, the trust material of a training centre (step 2).

    Args:
        directory: where the key files lie.
        password: of the authorities' files.
        signer_pin: password of the document signer's file.
        entropy: where keys come from.
        now: epoch seconds, UTC.

    Raises:
        KeyStoreError: files are there and the password is another.
    """
    country, organisation = directory / COUNTRY_AUTHORITY, directory / ORGANISATION_AUTHORITY
    for path, name in ((country, "HCVX Demo CSCA"), (organisation, "HCVX Demo Organisation CA")):
        if not path.exists():
            fresh = make_authority(fresh_private_key(entropy), name, serial=entropy.token(SERIAL_BYTES), now=now)
            write_key_file(path, fresh.key, fresh.certificate, password=password)
    anchor = read_authority(country, password=password)
    signer_file = directory / DOCUMENT_SIGNER
    if not signer_file.exists():
        key = fresh_private_key(entropy)
        certificate = issue_certificate(
            anchor,
            key.public_key(),
            name="HCVX Demo DSC",
            organisation="Cục Y tế dự phòng (tập huấn)",
            serial=entropy.token(SERIAL_BYTES),
            now=now,
            usages=(VACCINATION_USAGE,),
        )
        write_key_file(signer_file, key, certificate, password=signer_pin)
    return TrustMaterial(
        document_signers=(read_authority(signer_file, password=signer_pin).certificate,),
        country_anchors=(anchor.certificate,),
        organisation_anchors=(read_authority(organisation, password=password).certificate,),
    )


def _fill(
    connection: Connection, keys: KeyRing, material: TrustMaterial, *, catalogue: str, days: int, now: int
) -> None:
    for role, key in (
        (KeyRole.LEDGER, keys.ledger.public_key),
        (KeyRole.PUBLISHER, keys.publisher.public_key),
        (KeyRole.SEALING, keys.sealing_key),
    ):
        trust.put_centre_key(connection, role, key, at=now)
    for certificate_role, certificates in (
        (CertificateRole.DOCUMENT_SIGNER, material.document_signers),
        (CertificateRole.COUNTRY_ANCHOR, material.country_anchors),
        (CertificateRole.ORGANISATION_ANCHOR, material.organisation_anchors),
        (CertificateRole.ORGANISATION_INTERMEDIATE, material.organisation_intermediates),
    ):
        for certificate in certificates:
            trust.put_trusted(connection, certificate, certificate_role, country=COUNTRY, at=now)
    publish_catalogue(connection, catalogue, keys=keys, days=days, now=now)
    publish_trust_list(connection, keys=keys, days=days, now=now)
    # SPEC: the ledger starts with a genesis entry, since a tree of one leaf has no proof.
    genesis = genesis_entry(now)
    ledger.append_entry(connection, genesis)
    head = TreeHead(epoch=FIRST_LEDGER_EPOCH, size=1, root=root_of([entry_leaf(genesis)]), at=now)
    ledger.put_head(connection, StoredHead(head, sign_tree_head(head, keys.ledger)))

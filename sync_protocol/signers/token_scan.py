"""What a scan reads of each token before anybody types a PIN: who it is, its flags, certificates, keys and mechanisms.

Runs in the signer process, for `token_session`, which is the door to the library's errors.
"""

from __future__ import annotations

from typing import Final

import pkcs11
from pkcs11 import exceptions as failures

from sync_protocol.signers.token_messages import SeenCertificate, SeenToken, TokenMechanism

_KEYS: Final = (pkcs11.ObjectClass.PUBLIC_KEY, pkcs11.ObjectClass.PRIVATE_KEY)
# A token that is out is never taken for one that merely does not know the answer.
_OUT: Final = (failures.DeviceRemoved, failures.TokenNotPresent, failures.TokenNotRecognised)


def describe(slot: pkcs11.Slot) -> SeenToken | None:
    """One slot's token, read without a PIN; None for an empty slot or a token that nobody has set up.

    Raises:
        PKCS11Error: the library's own; the caller is the door to it.
    """
    try:
        token = slot.get_token()
    except (failures.TokenNotPresent, failures.TokenNotRecognised):
        return None
    flags = int(token.flags)
    # Empty places of soft tokens; hardware that gives no flags at all has a label.
    if not flags & pkcs11.TokenFlag.TOKEN_INITIALIZED and not token.label:
        return None
    with token.open() as session:
        certificates = tuple(map(_read_certificate, _objects(session, pkcs11.ObjectClass.CERTIFICATE)))
        keys = [item for kind in _KEYS for item in _objects(session, kind)]
        key_ids = tuple(dict.fromkeys(_attribute(item, pkcs11.Attribute.ID) for item in keys))
    return SeenToken(
        slot=slot.slot_id,
        label=token.label,
        serial=plain_text(token.serial),
        manufacturer=token.manufacturer_id,
        model=token.model,
        flags=flags,
        mechanisms=_signing_mechanisms(slot),
        certificates=certificates,
        key_ids=key_ids,
    )


def plain_text(raw: bytes) -> str:
    """A fixed field of PKCS#11 without its padding."""
    return raw.decode("utf-8", errors="replace").strip("\x00 ")


def _objects(session: pkcs11.Session, kind: pkcs11.ObjectClass) -> list[pkcs11.Object]:
    return list(session.get_objects({pkcs11.Attribute.CLASS: kind}))


def _read_certificate(item: pkcs11.Object) -> SeenCertificate:
    return SeenCertificate(
        object_id=_attribute(item, pkcs11.Attribute.ID),
        label=plain_text(_attribute(item, pkcs11.Attribute.LABEL)),
        der=_attribute(item, pkcs11.Attribute.VALUE),
    )


def _attribute(item: pkcs11.Object, attribute: pkcs11.Attribute) -> bytes:
    try:
        value = item[attribute]
    except _OUT:
        raise
    except pkcs11.PKCS11Error:
        # An attribute that a token does not keep is an empty one.
        return b""
    if isinstance(value, str):
        return value.encode("utf-8")
    return value if isinstance(value, bytes) else b""


def _signing_mechanisms(slot: pkcs11.Slot) -> frozenset[int]:
    """The token's own list decides; what it says of a single mechanism only takes away from it.

    SoftHSM describes mechanisms that it does not list and then refuses to use them.
    """
    try:
        listed = {int(mechanism) for mechanism in slot.get_mechanisms()}
    except _OUT:
        raise
    except pkcs11.PKCS11Error:
        # A token without a list, as good as an empty one.
        return frozenset()
    return frozenset(int(number) for number in listed & set(TokenMechanism) if _may_sign(slot, number))


def _may_sign(slot: pkcs11.Slot, number: int) -> bool:
    try:
        flags = slot.get_mechanism_info(pkcs11.Mechanism(number)).flags
    except pkcs11.PKCS11Error:
        return True
    # No flags at all: the token says nothing about it.
    return not flags or bool(flags & pkcs11.MechanismFlag.SIGN)

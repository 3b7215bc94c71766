"""Objects that a whole token does not have: keys that show without a PIN. Put there by a process of its own."""

from __future__ import annotations

import multiprocessing

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.softhsm import SoftHsmToken


def put_public_key(token: SoftHsmToken, key: EllipticCurvePublicKey, *, object_id: bytes = b"\x01") -> None:
    """Put a public key on the token, as tokens keep one beside each private key."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    child = multiprocessing.get_context("spawn").Process(
        target=_put, args=(token.module_path, token.label, token.pin), kwargs={"der": der, "object_id": object_id}
    )
    child.start()
    child.join(60)
    assert child.exitcode == 0
    child.close()


def _put(module_path: str, label: str, pin: str, *, der: bytes, object_id: bytes) -> None:
    """Runs in a process of its own."""
    import pkcs11
    from pkcs11.util.ec import decode_ec_public_key

    (slot,) = (
        slot for slot in pkcs11.lib(module_path).get_slots(token_present=True) if slot.get_token().label == label
    )
    place = {pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.PRIVATE: False, pkcs11.Attribute.ID: object_id}
    with slot.get_token().open(rw=True, user_pin=pin) as session:
        session.create_object(decode_ec_public_key(der) | place)

"""The token itself, as the signer process holds it: one module, one session, one key.

The only file that imports python-pkcs11, and it is only ever imported in the signer process. What was
learnt about that library and about tokens, and is heeded here:

* two sessions used at once crash the process: one is open at a time, in the main thread only;
* searches keep the session busy until they are exhausted: each is drawn into a list;
* wrong, short and empty PINs raise the same error with an empty text: the flags say more;
* after a failed signature some modules stick in "operation active", and after removal handles go stale:
  any failure is final for this process, the caller starts another one;
* one `sign` of the library is one C_Sign with a buffer, preceded by one C_Sign without, which asks only
  for the length and makes no signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import Final

import pkcs11
from pkcs11 import exceptions as failures
from pkcs11._pkcs11 import lib as Module  # noqa: N812

from sync_protocol.signers.pin_guard import check_pin_flags
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import Login, SeenCertificate, SeenToken, TokenMechanism

# Salt as long as the digest, as COSE demands of PS256 (RFC 8230, section 2).
_PSS_PARAMETERS: Final = (pkcs11.Mechanism.SHA256, pkcs11.MGF.SHA256, 32)
_PSS: Final = frozenset({TokenMechanism.RSA_PKCS_PSS, TokenMechanism.SHA256_RSA_PKCS_PSS})

_CODES: Final[tuple[tuple[tuple[type[pkcs11.PKCS11Error], ...], TokenCode], ...]] = (
    ((failures.PinIncorrect, failures.PinInvalid, failures.PinLenRange), TokenCode.PIN_INCORRECT),
    ((failures.PinLocked,), TokenCode.PIN_LOCKED),
    ((failures.PinExpired,), TokenCode.PIN_EXPIRED),
    ((failures.UserPinNotInitialized,), TokenCode.PIN_NOT_SET),
    (
        (
            failures.DeviceRemoved,
            failures.TokenNotPresent,
            failures.TokenNotRecognised,
            failures.SlotIDInvalid,
            failures.SessionClosed,
            failures.SessionHandleInvalid,
            failures.ObjectHandleInvalid,
            failures.KeyHandleInvalid,
            failures.UserNotLoggedIn,
        ),
        TokenCode.TOKEN_REMOVED,
    ),
    (
        (
            failures.MechanismInvalid,
            failures.MechanismParamInvalid,
            failures.KeyTypeInconsistent,
            failures.FunctionNotSupported,
        ),
        TokenCode.MECHANISM_MISSING,
    ),
)


@contextmanager
def _translated() -> Iterator[None]:
    """The door to the library: its errors become ours; only their names go along, their texts may hold paths."""
    try:
        yield
    except pkcs11.PKCS11Error as error:
        fitting = (code for kinds, code in _CODES if isinstance(error, kinds))
        raise TokenError(next(fitting, TokenCode.TOKEN_FAILED), type(error).__name__) from None


class TokenSession:
    """The one owner of the vendor's module. After any `TokenError` only `close` may be called."""

    def __init__(self) -> None:
        self._module: Module | None = None
        self._session: pkcs11.Session | None = None
        self._key: pkcs11.SignMixin | None = None
        self.operations = 0

    def scan(self, module_path: str) -> tuple[SeenToken, ...]:
        """Loads the module and describes every token plugged in.

        Raises:
            TokenError: MODULE_MISSING, MODULE_INVALID, TOKEN_FAILED.
        """
        # A bare file name is looked for by the operating system; a path is ours to check.
        has_folder = len(Path(module_path).parts) > 1 or len(PureWindowsPath(module_path).parts) > 1
        if has_folder and not Path(module_path).is_file():
            raise TokenError(TokenCode.MODULE_MISSING)
        with _translated():
            try:
                self._module = pkcs11.lib(module_path)
            except pkcs11.PKCS11Error as error:
                # The base class is what the system's loader says; what the module says has a class of its own.
                if type(error) is pkcs11.PKCS11Error:
                    raise TokenError(TokenCode.MODULE_INVALID) from None
                raise
            seen = (self._describe(slot) for slot in self._module.get_slots(token_present=True))
            return tuple(token for token in seen if token is not None)

    def log_in(self, login: Login, pin: str) -> None:
        """Opens the session with the one try of the PIN, and finds the certificate's private key.

        Raises:
            TokenError: TOKEN_REMOVED, also if another token is in the slot by now; the codes of `check_pin_flags`;
                PIN_INCORRECT, PIN_NOT_SET; KEY_MISSING; TOKEN_FAILED.
        """
        with _translated():
            token = self._slot(login.slot).get_token()
            if (token.label, _text(token.serial)) != (login.label, login.serial):
                raise TokenError(TokenCode.TOKEN_REMOVED, "another token is in the slot")
            check_pin_flags(int(token.flags), after_wrong_pin=login.after_wrong_pin)
            self._session = token.open(user_pin=pin)
            self._key = self._find_key(self._session, login)

    def sign(self, mechanism: TokenMechanism, data: bytes) -> bytes:
        """One signature: raw r‖s or the RSA block, unverified.

        Raises:
            TokenError: TOKEN_REMOVED, MECHANISM_MISSING, TOKEN_FAILED; CLOSED before the login.
        """
        if self._key is None:
            raise TokenError(TokenCode.CLOSED)
        parameters = _PSS_PARAMETERS if mechanism in _PSS else None
        with _translated():
            signature = self._key.sign(data, mechanism=pkcs11.Mechanism(mechanism), mechanism_param=parameters)
        self.operations += 1
        return signature

    def close(self) -> None:
        """Logs out and lets the module go.

        Raises:
            TokenError: the token is gone or fails.
        """
        with _translated():
            if self._session is not None:
                self._session.close()
            if self._module is not None:
                self._module.finalize()

    def _slot(self, number: int) -> pkcs11.Slot:
        if self._module is not None:
            for slot in self._module.get_slots(token_present=True):
                if slot.slot_id == number:
                    return slot
        raise TokenError(TokenCode.TOKEN_REMOVED)

    def _describe(self, slot: pkcs11.Slot) -> SeenToken | None:
        try:
            token = slot.get_token()
        except (failures.TokenNotPresent, failures.TokenNotRecognised):
            return None
        flags = int(token.flags)
        # Empty places of soft tokens; hardware that gives no flags at all has a label.
        if not flags & pkcs11.TokenFlag.TOKEN_INITIALIZED and not token.label:
            return None
        with token.open() as session:
            objects = list(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE}))
            certificates = tuple(_read_certificate(item) for item in objects)
        return SeenToken(
            slot=slot.slot_id,
            label=token.label,
            serial=_text(token.serial),
            manufacturer=token.manufacturer_id,
            model=token.model,
            flags=flags,
            mechanisms=_signing_mechanisms(slot),
            certificates=certificates,
        )

    def _find_key(self, session: pkcs11.Session, login: Login) -> pkcs11.SignMixin:
        wanted = pkcs11.KeyType.RSA if login.is_rsa else pkcs11.KeyType.EC
        keys = list(
            session.get_objects(
                {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.Attribute.KEY_TYPE: wanted}
            )
        )
        if login.object_id:
            # CKA_ID ties a certificate to its key (PKCS #11 v3.1, section 4.6.3).
            keys = [key for key in keys if key[pkcs11.Attribute.ID] == login.object_id]
        # Without an id only a single key can be meant; that it is the right one shows in the first signature.
        if len(keys) != 1 or not isinstance(keys[0], pkcs11.SignMixin):
            raise TokenError(TokenCode.KEY_MISSING)
        return keys[0]


def _read_certificate(item: pkcs11.Object) -> SeenCertificate:
    return SeenCertificate(
        object_id=_attribute(item, pkcs11.Attribute.ID),
        label=_text(_attribute(item, pkcs11.Attribute.LABEL)),
        der=_attribute(item, pkcs11.Attribute.VALUE),
    )


def _attribute(item: pkcs11.Object, attribute: pkcs11.Attribute) -> bytes:
    try:
        value = item[attribute]
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


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace").strip("\x00 ")

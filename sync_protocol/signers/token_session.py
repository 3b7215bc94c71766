"""The token itself, as the signer process holds it: one module, one session, one key.

This file and `token_scan` are the only ones that import python-pkcs11, and they are only ever imported in the signer
process. What was learnt about that library and about tokens, and is heeded here:

* two sessions used at once crash the process: one is open at a time, in the main thread only;
* searches keep the session busy until they are exhausted: each is drawn into a list;
* wrong, short and empty PINs raise the same error with an empty text: the flags say more;
* modules report a token that is gone, and a session that the machine's sleep has ended, with whatever error they like:
  whether the token is still in its slot is asked afterwards, and that alone tells the two apart;
* after a failed signature some modules stick in "operation active", and after removal handles go stale:
  any failure is final for this process, the caller starts another one;
* one `sign` of the library is one C_Sign with a buffer, preceded by one C_Sign without, which asks only
  for the length and makes no signature.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import Final

import pkcs11
from pkcs11 import exceptions as failures
from pkcs11._pkcs11 import lib as Module  # noqa: N812

from sync_protocol.signers.pin_guard import after_refusal, check_pin_flags
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import Login, SeenToken, TokenMechanism
from sync_protocol.signers.token_modules import program_bits, read_bits
from sync_protocol.signers.token_scan import describe, plain_text

# Salt as long as the digest, as COSE demands of PS256 (RFC 8230, section 2).
_PSS_PARAMETERS: Final = (pkcs11.Mechanism.SHA256, pkcs11.MGF.SHA256, 32)
_PSS: Final = frozenset({TokenMechanism.RSA_PKCS_PSS, TokenMechanism.SHA256_RSA_PKCS_PSS})

_CODES: Final[tuple[tuple[tuple[type[pkcs11.PKCS11Error], ...], TokenCode], ...]] = (
    ((failures.PinLenRange,), TokenCode.PIN_LENGTH),
    ((failures.PinIncorrect, failures.PinInvalid), TokenCode.PIN_INCORRECT),
    ((failures.PinLocked,), TokenCode.PIN_LOCKED),
    ((failures.PinExpired,), TokenCode.PIN_EXPIRED),
    ((failures.UserPinNotInitialized,), TokenCode.PIN_NOT_SET),
    (
        (failures.DeviceRemoved, failures.TokenNotPresent, failures.TokenNotRecognised, failures.SlotIDInvalid),
        TokenCode.TOKEN_REMOVED,
    ),
    (
        (
            failures.SessionClosed,
            failures.SessionHandleInvalid,
            failures.ObjectHandleInvalid,
            failures.KeyHandleInvalid,
            failures.UserNotLoggedIn,
        ),
        TokenCode.SESSION_LOST,
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
# What a module says of a token that is out as well as of one that is in.
_DOUBTFUL: Final = frozenset({TokenCode.SESSION_LOST, TokenCode.TOKEN_FAILED})
_REFUSED: Final = frozenset({TokenCode.PIN_INCORRECT, TokenCode.PIN_LENGTH})
# A vendor's own codes and the rare ones come without a class of their own, as a number in the text.
_NUMBER: Final = re.compile(r"0x[0-9a-f]{1,16}")
# How the library begins what the system's loader says; whatever else it raises came from the module itself.
_LOADER: Final = ("OS exception", "Unknown exception")


class TokenSession:
    """The one owner of the vendor's module. After any `TokenError` only `close` may be called."""

    def __init__(self) -> None:
        self._module: Module | None = None
        self._session: pkcs11.Session | None = None
        self._key: pkcs11.SignMixin | None = None
        self._login: Login | None = None
        self._slots_seen = 0
        self.operations = 0

    def scan(self, module_path: str) -> tuple[SeenToken, ...]:
        """Loads the module and describes every token plugged in.

        Raises:
            TokenError: MODULE_MISSING, MODULE_BITS, MODULE_INVALID, MODULE_FAILED; TOKEN_REMOVED if one is pulled out
                meanwhile, TOKEN_FAILED.
        """
        # A bare file name is looked for by the operating system; a path is ours to check.
        has_folder = len(Path(module_path).parts) > 1 or len(PureWindowsPath(module_path).parts) > 1
        if has_folder and not Path(module_path).is_file():
            raise TokenError(TokenCode.MODULE_MISSING)
        bits = read_bits(module_path)
        if bits not in {None, program_bits()}:
            # The system's loader has no word for it that would help anybody.
            raise TokenError(TokenCode.MODULE_BITS, f"{bits} bits")
        try:
            self._module = pkcs11.lib(module_path)
        except pkcs11.PKCS11Error as error:
            is_loader = str(error).startswith(_LOADER)
            # The loader's text holds the path, and is left out.
            code = TokenCode.MODULE_INVALID if is_loader else TokenCode.MODULE_FAILED
            raise TokenError(code, "" if is_loader else _detail(error)) from None
        with self._translated():
            slots = self._module.get_slots(token_present=True)
            self._slots_seen = len(slots)
            seen = (describe(slot) for slot in slots)
            return tuple(token for token in seen if token is not None)

    def log_in(self, login: Login, pin: str) -> None:
        """Opens the session with the one try of the PIN, and finds the certificate's private key.

        Raises:
            TokenError: TOKEN_REMOVED, also if another token is in the slot by now; the codes of `check_pin_flags`;
                PIN_INCORRECT, or PIN_UNCOUNTED if the token's flags say nothing of it; PIN_LENGTH, PIN_LOCKED,
                PIN_EXPIRED, PIN_NOT_SET; KEY_MISSING; SESSION_LOST, TOKEN_FAILED.
        """
        self._login = login
        with self._translated():
            token = self._slot(login.slot).get_token()
            if (token.label, plain_text(token.serial)) != (login.label, login.serial):
                raise TokenError(TokenCode.TOKEN_REMOVED, "another token is in the slot")
            check_pin_flags(int(token.flags), after_wrong_pin=login.after_wrong_pin)
            self._session = token.open(user_pin=pin)
            self._key = self._find_key(self._session, login)

    def sign(self, mechanism: TokenMechanism, data: bytes) -> bytes:
        """One signature: raw r‖s or the RSA block, unverified.

        Raises:
            TokenError: TOKEN_REMOVED, SESSION_LOST, MECHANISM_MISSING, TOKEN_FAILED; CLOSED before the login.
        """
        if self._key is None:
            raise TokenError(TokenCode.CLOSED)
        parameters = _PSS_PARAMETERS if mechanism in _PSS else None
        with self._translated():
            signature = self._key.sign(data, mechanism=pkcs11.Mechanism(mechanism), mechanism_param=parameters)
        self.operations += 1
        return signature

    def close(self) -> None:
        """Logs out and lets the module go.

        Raises:
            TokenError: the token is gone or fails.
        """
        with self._translated():
            if self._session is not None:
                self._session.close()
            if self._module is not None:
                self._module.finalize()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The door to the library: its errors become ours; only their names go along, their texts may hold paths."""
        try:
            yield
        except pkcs11.PKCS11Error as error:
            raise TokenError(self._code_of(error), _detail(error)) from None

    def _code_of(self, error: pkcs11.PKCS11Error) -> TokenCode:
        code = next((code for kinds, code in _CODES if isinstance(error, kinds)), TokenCode.TOKEN_FAILED)
        try:
            if code in _DOUBTFUL and self._is_out():
                return TokenCode.TOKEN_REMOVED
            if code in _REFUSED and self._login is not None:
                token = self._find_token(self._login)
                return code if token is None else after_refusal(code, int(token.flags))
        except pkcs11.PKCS11Error:
            # A module that cannot even say what is plugged in leaves us with what it said first.
            return code
        return code

    def _is_out(self) -> bool:
        """Whether the token meant is out by now; before one is meant, whether fewer are in than at first."""
        assert self._module is not None
        if self._login is not None:
            return self._find_token(self._login) is None
        return len(self._module.get_slots(token_present=True)) < self._slots_seen

    def _find_token(self, login: Login) -> pkcs11.Token | None:
        """The token of this login, wherever it is now, with what it says of itself now; None if it is out."""
        assert self._module is not None
        for slot in self._module.get_slots(token_present=True):
            try:
                token = slot.get_token()
            except (failures.TokenNotPresent, failures.TokenNotRecognised):
                continue
            if (token.label, plain_text(token.serial)) == (login.label, login.serial):
                return token
        return None

    def _slot(self, number: int) -> pkcs11.Slot:
        if self._module is not None:
            for slot in self._module.get_slots(token_present=True):
                if slot.slot_id == number:
                    return slot
        raise TokenError(TokenCode.TOKEN_REMOVED)

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


def _detail(error: pkcs11.PKCS11Error) -> str:
    number = _NUMBER.search(str(error)) if type(error) is pkcs11.PKCS11Error else None
    return f"CKR {number[0]}" if number else type(error).__name__

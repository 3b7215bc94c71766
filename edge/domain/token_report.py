"""What an examination of the token says: each driver, token and certificate, and on top whether one can sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edge.domain.token_checks import AnyCheck, Check, Severity
from sync_protocol.signers.certificate_facts import CertificateFacts
from sync_protocol.signers.pin_guard import PinFlag
from sync_protocol.signers.token_messages import SeenToken
from sync_protocol.signers.token_modules import Candidate
from sync_protocol.signers.uri import Pkcs11Uri, SoftwareUri, encode_signer_uri


class TokenFlag(StrEnum):
    """What a token says of itself, by our names for the flags of CK_TOKEN_INFO (PKCS #11 v3.1, section 3.2)."""

    LOGIN_REQUIRED = "login-required"
    PIN_NOT_SET = "pin-not-set"
    PIN_PAD = "pin-pad"
    PIN_COUNT_LOW = "pin-count-low"
    PIN_FINAL_TRY = "pin-final-try"
    PIN_LOCKED = "pin-locked"
    PIN_TO_BE_CHANGED = "pin-to-be-changed"


_LOGIN_REQUIRED: Final = 0x0000_0004
_PIN_PAD: Final = 0x0000_0100
FLAG_WORDS: Final[Mapping[TokenFlag, str]] = MappingProxyType(
    {
        TokenFlag.LOGIN_REQUIRED: "ký phải nhập PIN",
        TokenFlag.PIN_NOT_SET: "chưa đặt PIN",
        TokenFlag.PIN_PAD: "nhập PIN trên bàn phím của token",
        TokenFlag.PIN_COUNT_LOW: "đã có lần nhập sai PIN",
        TokenFlag.PIN_FINAL_TRY: "chỉ còn một lần nhập PIN",
        TokenFlag.PIN_LOCKED: "đã khóa PIN",
        TokenFlag.PIN_TO_BE_CHANGED: "phải đổi PIN",
    }
)


@dataclass(frozen=True, slots=True)
class TokenSetting:
    """What the node is told about its token.

    Attributes:
        signer: the address; None where none is set or it cannot be read.
        fault: why the address cannot be read.
        module: the driver that address or settings name, or "".
        variable: the driver that HCVX_PKCS11_MODULE names, or "".
        asked: a driver that somebody asks about just now, whatever is set; "" to examine what is set.
    """

    signer: Pkcs11Uri | SoftwareUri | None = None
    fault: AnyCheck | None = None
    module: str = ""
    variable: str = ""
    asked: str = ""

    @property
    def pkcs11(self) -> Pkcs11Uri | None:
        """The address, if it is a token's and counts here."""
        return self.signer if isinstance(self.signer, Pkcs11Uri) and not self.asked else None


@dataclass(frozen=True, slots=True)
class SeenModule:
    """What loading one driver in a process of its own gave.

    Attributes:
        candidate: which driver.
        bits: for programs of how many bits it was made; None where that cannot be told.
        fault: why it shows no tokens; None if it could be asked.
        tokens: what is plugged in, as it says.
    """

    candidate: Candidate
    bits: int | None
    fault: AnyCheck | None
    tokens: tuple[SeenToken, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateReport:
    """One certificate of a token.

    Attributes:
        facts: the certificate; None for bytes that are none.
        days_left: whole days until its end; negative after it.
        algorithm, mechanism: how it would sign, or "".
        checks: what is wrong with it, apart from the token.
        is_meant: whether it is the one that signs here.
        lines: what names it in `node.toml`.
    """

    facts: CertificateFacts | None
    days_left: int
    algorithm: str
    mechanism: str
    checks: tuple[Check, ...]
    is_meant: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenReport:
    """One token as a driver describes it."""

    seen: SeenToken
    flags: tuple[TokenFlag, ...]
    certificates: tuple[CertificateReport, ...]


@dataclass(frozen=True, slots=True)
class ModuleReport:
    """One driver. `fault` says why it shows no tokens."""

    candidate: Candidate
    bits: int | None
    fault: AnyCheck | None
    tokens: tuple[TokenReport, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole examination.

    Attributes:
        checks: what was found, the gravest first.
        modules: the drivers looked at, the one that is set first.
        lines: what to write into `node.toml`, where that would help.
        is_set: whether the settings name the token that signs here.
        looked_for: file names of drivers that were looked for.
    """

    checks: tuple[Check, ...]
    modules: tuple[ModuleReport, ...]
    lines: tuple[str, ...]
    is_set: bool
    looked_for: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether nothing keeps anybody from signing."""
        return all(check.severity is not Severity.PROBLEM for check in self.checks)

    @property
    def meant(self) -> tuple[ModuleReport, TokenReport, CertificateReport] | None:
        """The certificate that signs here, with its token and driver; None if there is none."""
        for module in self.modules:
            for token in module.tokens:
                for certificate in token.certificates:
                    if certificate.is_meant:
                        return module, token, certificate
        return None


def flags_of(token: SeenToken) -> tuple[TokenFlag, ...]:
    """What the token's flags say; nothing for a token that gives none at all."""
    flags = token.flags
    if not flags:
        return ()
    pairs = (
        (_LOGIN_REQUIRED, TokenFlag.LOGIN_REQUIRED),
        (_PIN_PAD, TokenFlag.PIN_PAD),
        (PinFlag.COUNT_LOW, TokenFlag.PIN_COUNT_LOW),
        (PinFlag.FINAL_TRY, TokenFlag.PIN_FINAL_TRY),
        (PinFlag.LOCKED, TokenFlag.PIN_LOCKED),
        (PinFlag.TO_BE_CHANGED, TokenFlag.PIN_TO_BE_CHANGED),
    )
    found = [name for bit, name in pairs if flags & bit]
    if not flags & PinFlag.INITIALIZED:
        found.append(TokenFlag.PIN_NOT_SET)
    return tuple(found)


def setting_lines(module_path: str, *, label: str, serial: int | None) -> tuple[str, ...]:
    """The two lines of `node.toml` that name a token's certificate and its driver."""
    signer = encode_signer_uri(Pkcs11Uri(label or None, serial))
    return (f"signer = {_toml(signer)}", f"pkcs11_module = {_toml(module_path)}")


def _toml(text: str) -> str:
    if "\\" in text and "'" not in text:
        # A literal string needs no escapes for the back strokes of Windows' paths (TOML 1.0, "String").
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""Examine the token: every driver on this machine is asked, each in a process of its own, and the answers are judged.

No PIN is asked for and nothing is signed. A driver that hangs costs its time limit and one that crashes its own
process; the others are asked all the same, one after another, since two at once would fight for the same token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.clients.signer_setting import signer_uri
from edge.config import Config
from edge.domain.token_judgement import judge_token
from edge.domain.token_report import Report, SeenModule, TokenSetting
from sync_protocol.signers.opening import MODULE_VARIABLE
from sync_protocol.signers.pkcs11 import list_tokens
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.signers.token_link import TokenTimeouts
from sync_protocol.signers.token_modules import (
    Candidate,
    Origin,
    Platform,
    choose_candidates,
    known_places,
    look_for,
    read_bits,
    this_platform,
)
from sync_protocol.signers.uri import Pkcs11Uri, parse_signer_uri

_TIMEOUTS: Final = TokenTimeouts()
# Where the service for smart cards listens on Linux, also while the system starts it only on demand.
_CARD_SERVICE: Final = Path("/run/pcscd/pcscd.comm")


@dataclass(frozen=True, slots=True)
class Examination:
    """What is about to be examined.

    Attributes:
        setting: what the node is told.
        candidates: the drivers to ask, the one that is set first.
        looked_for: file names of all drivers that were looked for.
    """

    setting: TokenSetting
    candidates: tuple[Candidate, ...]
    looked_for: tuple[str, ...]


def begin_examination(config: Config, environment: Mapping[str, str], *, asked: str = "") -> Examination:
    """Look for drivers; loads none.

    Args:
        config: the node's settings.
        environment: as `os.environ`.
        asked: a driver that alone is to be examined, whatever is set; "" for all.
    """
    setting = _read_setting(config, environment, asked)
    places = known_places(this_platform(), environment)
    if asked:
        return Examination(setting, choose_candidates(places, look_for([asked]), {Origin.ASKED: asked}), ())
    named = {Origin.SETTING: setting.module, Origin.VARIABLE: "" if setting.module else setting.variable}
    existing = look_for([*(place.path for place in places), *(path for path in named.values() if path)])
    names = dict.fromkeys(place.path.replace("\\", "/").rpartition("/")[2] for place in places)
    return Examination(setting, choose_candidates(places, existing, named), tuple(names))


def examine_modules(examination: Examination, *, timeouts: TokenTimeouts = _TIMEOUTS) -> Iterator[SeenModule]:
    """Ask each driver what is plugged in; each answer is given as it comes, whatever the others do.

    Args:
        examination: as `begin_examination` gave it.
        timeouts: `scan` bounds each driver.
    """
    for candidate in examination.candidates:
        bits = read_bits(candidate.path)
        try:
            yield SeenModule(candidate, bits, None, list_tokens(candidate.path, timeouts=timeouts))
        except TokenError as error:
            yield SeenModule(candidate, bits, error.code)


def finish_examination(examination: Examination, modules: Sequence[SeenModule], *, now: int) -> Report:
    """Judge what the drivers showed; `now` is epoch seconds UTC."""
    return judge_token(
        modules,
        examination.setting,
        now=now,
        looked_for=examination.looked_for,
        has_card_service=this_platform() is not Platform.LINUX or _CARD_SERVICE.exists(),
    )


def _read_setting(config: Config, environment: Mapping[str, str], asked: str) -> TokenSetting:
    variable = environment.get(MODULE_VARIABLE, "")
    if not config.signer:
        return TokenSetting(module=config.pkcs11_module, variable=variable, asked=asked)
    try:
        uri = parse_signer_uri(signer_uri(config))
    except TokenError as error:
        return TokenSetting(fault=error.code, module=config.pkcs11_module, variable=variable, asked=asked)
    module = (uri.module_path or "") if isinstance(uri, Pkcs11Uri) else config.pkcs11_module
    return TokenSetting(uri, module=module, variable=variable, asked=asked)

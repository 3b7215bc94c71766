"""Pure functions of bytes remember what they gave, while a seed is played: the same bytes come by many times.

They have tests of their own, and those play without this; here it is a fifth of the time.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import sync_protocol.catalogue as catalogue_module
from central.domain import admission
from central.workflow import check_delegations, check_ledger, dose_numbers
from edge.workflow import check_store, prepare_pass, sign_pass
from sync_protocol.columns import unpack_doses
from sync_protocol.dose import Dose
from tests.simulation.changed import changed

_MOST: Final = 2_000
_UNPACKING: Final = (admission, check_delegations, check_ledger, dose_numbers, check_store, prepare_pass, sign_pass)
_parse_catalogue = functools.lru_cache(maxsize=16)(catalogue_module._parse)


@contextmanager
def remembered() -> Iterator[None]:
    """While this is open the same bytes are unpacked once, and nobody looks for garbage."""
    with ExitStack() as open_ones:
        open_ones.enter_context(changed(catalogue_module, "_parse", _parse_catalogue))
        for module in _UNPACKING:
            open_ones.enter_context(changed(module, "unpack_doses", unpacked))
        gc.disable()
        open_ones.callback(gc.enable)
        yield


def unpacked(data: bytes, *, node: str, facility: str) -> list[Dose]:
    """What `unpack_doses` gives; refused bytes are refused anew."""
    return list(_unpacked(data, node, facility))


@functools.lru_cache(maxsize=_MOST)
def _unpacked(data: bytes, node: str, facility: str) -> tuple[Dose, ...]:
    return tuple(unpack_doses(data, node=node, facility=facility))

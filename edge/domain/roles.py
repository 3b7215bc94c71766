"""What people do at a site. A person may have several roles; at a small station one person has them all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """One of the places where people work; stored, so a word is never given another meaning."""

    RECEPTION = "reception"
    INJECTION = "injection"
    OBSERVATION = "observation"
    SIGNER = "signer"
    MANAGER = "manager"


ROLE_WORDS = {
    Role.RECEPTION: "Tiếp đón",
    Role.INJECTION: "Bàn tiêm",
    Role.OBSERVATION: "Theo dõi sau tiêm",
    Role.SIGNER: "Người ký",
    Role.MANAGER: "Quản lý",
}


def parse_roles(text: str) -> frozenset[Role]:
    """Read roles as the store keeps them: words parted by spaces."""
    return frozenset(Role(word) for word in text.split())


def encode_roles(roles: Iterable[Role]) -> str:
    """Write roles as the store keeps them: sorted, parted by spaces."""
    return " ".join(sorted(role.value for role in roles))

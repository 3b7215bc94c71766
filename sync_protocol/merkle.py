"""Merkle trees of RFC 9162: roots, inclusion proofs, consistency proofs.

Leaves are hashed with a 0x00 before them and nodes with a 0x01, so that no node can be shown as a leaf. A tree of n
leaves splits at the largest power of two below n. A proof is a list of 32-byte hashes, from the leaf upwards.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256 over 0x00 and the leaf (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def salted_leaf_hashes(salts: Iterable[bytes], contents: Iterable[bytes]) -> list[bytes]:
    """:func:`leaf_hash` of each salt with its content; one loop, since a batch has 3,000 of them."""
    return [sha256(b"\x00" + salt + content).digest() for salt, content in zip(salts, contents, strict=True)]


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 over 0x01 and both children (RFC 9162, 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """All hashes of one tree, growing at the right.

    Level 0 holds the leaf hashes; level k the hashes of all *complete* subtrees of 2^k leaves. Those never change
    when leaves are added, so appending costs two hashes in the mean, and every proof is put together from them.

    Args:
        leaf_hashes: 32-byte leaf hashes, as :func:`leaf_hash` gives them.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        level = list(leaf_hashes)
        if level and set(map(len, level)) != {HASH_BYTES}:
            raise ValueError("a leaf hash has 32 bytes")
        self._levels = [level]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            level = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            self._levels.append(level)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The root over all leaves; `EMPTY_ROOT` for none."""
        return self._hash(0, self.size) if self.size else EMPTY_ROOT

    def append(self, leaf_hash: bytes) -> None:
        """Adds one leaf hash at the right."""
        if len(leaf_hash) != HASH_BYTES:
            raise ValueError("a leaf hash has 32 bytes")
        self._levels[0].append(leaf_hash)
        height = 0
        while len(self._levels[height]) % 2 == 0:
            if height + 1 == len(self._levels):
                self._levels.append([])
            self._levels[height + 1].append(node_hash(*self._levels[height][-2:]))
            height += 1

    def root_at(self, size: int) -> bytes:
        """The root that the tree had when it held `size` leaves."""
        if not 0 <= size <= self.size:
            raise ValueError("the tree never had this size")
        return self._hash(0, size) if size else EMPTY_ROOT

    def path(self, index: int) -> tuple[bytes, ...]:
        """The inclusion proof of one leaf in the whole tree (RFC 9162, 2.1.3.1)."""
        if not 0 <= index < self.size:
            raise IndexError("no such leaf")
        path: list[bytes] = []
        start, end = 0, self.size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        return tuple(reversed(path))

    def consistency(self, old_size: int) -> tuple[bytes, ...]:
        """The proof that the tree of `old_size` leaves is a prefix of this one (RFC 9162, 2.1.4.1).

        Empty when there is nothing to prove: for the empty tree and for the same size.
        """
        if not 0 <= old_size <= self.size:
            raise ValueError("the tree never had this size")
        if old_size in (0, self.size):
            return ()
        path: list[bytes] = []
        start, end = 0, self.size
        while old_size != end:
            middle = start + _split(end - start)
            if old_size <= middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        # The verifier knows the old root already; only another subtree has to be shown (b = false in the RFC).
        if start:
            path.append(self._hash(start, end))
        return tuple(reversed(path))

    def _hash(self, start: int, end: int) -> bytes:
        """The hash over leaves start … end-1, where `start` is a multiple of the subtree's power of two."""
        size = end - start
        if size & (size - 1) == 0:
            return self._levels[size.bit_length() - 1][start // size]
        middle = start + _split(size)
        return node_hash(self._hash(start, middle), self._hash(middle, end))


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over these 32-byte leaf hashes; `EMPTY_ROOT` for none."""
    return Tree(leaf_hashes).root


def root_from_path(leaf_hash: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Computes the root that an inclusion proof leads to (RFC 9162, 2.1.3.2).

    The result proves nothing by itself: the caller must find it in a place that it trusts, such as a signed head.

    Args:
        leaf_hash: 32 bytes.
        index: the leaf's place, from 0.
        size: how many leaves the tree has, unverified.
        path: the proof, unverified.

    Raises:
        ProtocolError: PROOF_INVALID when index, size and length of the path do not fit together.
    """
    if not 0 <= index < size or size.bit_length() > limits.PATH_HASHES:
        raise _wrong("the leaf's index is outside the tree")
    _check_hashes([leaf_hash, *path])
    # RFC 9162, 2.1.3.2, steps 2 to 5; the names are the RFC's.
    fn, sn, r = index, size - 1, leaf_hash
    for p in path:
        if sn == 0:
            raise _wrong("the path is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise _wrong("the path is too short")
    return r


def verify_inclusion(leaf_hash: bytes, *, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Verifies that the leaf stands at `index` in the tree of `size` leaves with this root.

    Raises:
        ProtocolError: PROOF_INVALID.
    """
    if not hmac.compare_digest(root_from_path(leaf_hash, index=index, size=size, path=path), root):
        raise _wrong("the path does not lead to the root")


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Verifies that the new tree begins with all leaves of the old one, in order (RFC 9162, 2.1.4.2).

    Raises:
        ProtocolError: PROOF_INVALID.
    """
    if not 0 <= old_size <= new_size or new_size.bit_length() > limits.PATH_HASHES:
        raise _wrong("a tree never shrinks")
    _check_hashes([old_root, new_root, *path])
    if old_size in (0, new_size):
        # Everything begins with the empty tree, and a tree with itself: nothing is left but the roots to compare.
        if path or old_root != (new_root if old_size else EMPTY_ROOT) or (not new_size and new_root != EMPTY_ROOT):
            raise _wrong("trees of the same size must have the same root and need no path")
        return
    # RFC 9162, 2.1.4.2, steps 1 to 7; the names are the RFC's.
    hashes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not hashes or not path:
        raise _wrong("the path is too short")
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = hashes[0]
    for c in hashes[1:]:
        if sn == 0:
            raise _wrong("the path is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or fr != old_root or sr != new_root:
        raise _wrong("the path does not lead to both roots")


def _split(size: int) -> int:
    """The largest power of two below `size`, for sizes above 1."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if len(hashes) > limits.PATH_HASHES + 2 or any(len(item) != HASH_BYTES for item in hashes):
        raise _wrong(f"a proof has at most {limits.PATH_HASHES} hashes of 32 bytes")


def _wrong(rule: str) -> ProtocolError:
    return ProtocolError(Code.PROOF_INVALID, rule)

"""Faults of tokens: real signing passes on SoftHSM, behind a PKCS#11 module of our own that fails on demand."""

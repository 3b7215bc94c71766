"""The national population database.

`registry` is the protocol that admission speaks; `embedded` answers from the centre's own table.
"""

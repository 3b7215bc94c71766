"""Pure rules of the node: values in, decisions out, no store, clock or network.

Reading order: `refusals` (the node's own codes and their words), `identity_papers`, `identity`, `dosing`,
`day_list` and `row_verdict`; then what happens to recorded doses: `waiting`, `signing_pass`, `pass_journal`, `outbox`.
"""

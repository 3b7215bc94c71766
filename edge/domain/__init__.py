"""Pure rules of the node: values in, decisions out, no store, clock or network.

Reading order: `refusals` (the node's own codes) and `code_words`, `roles`, `identity_papers`, `identity`, `dosing`,
`recordable`, `dose_form` (a form's texts into a dose); day lists: `day_list` (header), `day_list_cells`,
`day_list_row`, `row_verdict`; then what happens to recorded doses: `waiting`, `signing_filter`, `signing_pass`,
`pass_journal`, `outbox`, `day_figures`.
"""

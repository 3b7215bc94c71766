"""Pure rules of the node: values in, decisions out, no store, clock or network.

Reading order: `refusals` (the node's own codes), `desk_words`, `list_words` and `house_words` in `code_words`, `roles`,
`sign_in`, `identity_papers`, `identity`, `questions`, `person_rules` (what is wrong while the person stands there),
`dosing`, `recordable`, `observation`, `vial`, `dose_form` (a form's texts into a dose); day lists: `day_list` (header),
`day_list_cells`, `day_list_row`, `row_verdict`; `work_list`, and lists that come back: `correction_list`,
`correction_row`; then what happens to recorded doses: `waiting`, `signing_filter`, `pin_turns`, `signing_pass`,
`pass_journal`, `certificate_standing`, `offline_gate` (alone for how long), `clock_sanity`, `outbox`, `network_words`,
`epoch_plan`, `handover`, `day_figures`; the token: `token_checks`, `token_report`, `token_judgement`.
"""

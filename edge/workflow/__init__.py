"""What the node does, one module each; a workflow is a function whose arguments are its dependencies.

Reading order is a site's first day: `init_node`, `enrol`, `read_catalogue`, `import_pack`, `import_day_list` (rows are
judged in `match_row`), `import_roster`, `receive_person`, `open_vial`, `record_dose` (with `begin_observation`),
`correct_dose`, `observe`, `change_person`, `check_identity`, `ask_identity` (the centre; `take_answers`),
`export_work_lists`, `import_corrections`; then signing: `examine_token`, `sign_trial`, `plan_passes`,
`approve_selection` (with `use_approval`), `prepare_pass` (with `judge_offline`), `open_key` (with `check_signer` and
`watch_pin`), `sign_pass`, `seal_bundle`, `prove_slip`; delegated signing: `hand_over`, `take_handover`,
`sign_delegated`, `take_signed`; then `exchange` (by `send_bundles`, `exchange_progress`, `settle_bundle`,
`admitted_late`), `take_feed` (with `take_statement`, `apply_sets`), `obey_ledger_epoch` (the centre was restored;
`ledger_evidence`, `show_receipts`, `show_epochs`), `begin_epoch` (with `continue_epoch`, `notice_copy`,
`renumber_dose`), `export_stick`, `import_stick`, `carry_files`, `apply_registrations`, `register_certificate` (with
`certificate_standings`), `day_status`, `close_day`, `export_doses`, `check_store` (with `check_closings`,
`check_certificates`, `check_feed`, `check_handovers`, `check_news`, `check_node_epochs`, `check_ledger_epochs`,
`check_questions`); what the centre sends of the site's people: `apply_news`, `show_certificates`; on the clinic's
network: `node_certificate`, `admit_device`; the time: `keep_clock` and `working_clock`; people of the site: `sign_in`,
`manage_users`, `change_settings`.
"""

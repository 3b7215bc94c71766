"""What the node does, one module each; a workflow is a function whose arguments are its dependencies.

Reading order is a site's first day: `init_node`, `enrol`, `read_catalogue`, `import_pack`, `import_day_list` (rows are
judged in `match_row`), `import_roster`, `receive_person`, `open_vial`, `record_dose` (with `begin_observation`),
`correct_dose`, `observe`, `change_person`, `check_identity`, `export_work_lists`, `import_corrections`; then signing:
`examine_token`, `sign_trial`, `plan_passes`, `approve_selection` (with `use_approval`), `prepare_pass`, `open_key`
(with `check_signer` and `watch_pin`), `sign_pass`, `seal_bundle`, `prove_slip`; delegated signing: `hand_over`,
`take_handover`, `sign_delegated`, `take_signed`; then `exchange` (by `send_bundles`), `take_feed`,
`apply_registrations`, `register_certificate` (with `certificate_standings`), `day_status`, `close_day`,
`export_doses`, `check_store` (with `check_closings`, `check_certificates`, `check_feed`, `check_handovers`); on the
clinic's network: `node_certificate`, `admit_device`; people of the site: `sign_in`, `manage_users`,
`change_settings`.
"""

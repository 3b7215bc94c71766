"""What the node does, one module each; a workflow is a function whose arguments are its dependencies.

Reading order is a site's first day: `init_node`, `enrol`, `read_catalogue`, `import_pack`, `import_day_list` (rows
are judged in `match_row`), `import_roster`, `receive_person`, `open_vial`, `record_dose` (with `begin_observation`),
`correct_dose`, `observe`, `change_person`, `check_identity`, `export_work_lists`, `import_corrections`; then signing:
`plan_passes`, `approve_selection`, `prepare_pass`, `sign_pass`, `seal_bundle`; then `exchange`, `day_status`,
`close_day`, `export_doses`, `check_store` (with `check_closings`); on the clinic's network: `node_certificate`,
`admit_device`; people of the site: `sign_in`, `manage_users`, `change_settings`.
"""

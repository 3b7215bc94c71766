"""What the node does, one module each; a workflow is a function whose arguments are its dependencies.

Reading order is a site's first day: `init_node`, `enrol`, `read_catalogue`, `import_pack`, `import_day_list` (rows are
judged in `match_row`), `record_dose`, `correct_dose`, `change_person`, `check_identity`; then signing: `plan_passes`,
`prepare_pass`, `sign_pass`, `seal_bundle`; then `exchange`, `day_status`, `check_store`.
"""

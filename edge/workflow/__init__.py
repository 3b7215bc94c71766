"""What the node does, one module each; a workflow is a function whose arguments are its dependencies.

Reading order is a site's first day: `init_node`, `enrol`, `import_pack`, `import_day_list`, `record_dose`,
`correct_dose`, `check_identity`; then signing and exchange.
"""

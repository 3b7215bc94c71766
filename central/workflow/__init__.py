"""What the centre does: one file per workflow, each read, decide, write, one transaction.

Reading order: `init_centre`, `publish_sets` (catalogue, trust list), `enrol_facility`, `accept_enrolment`,
`register_certificate`, `issue_organisation_certificate` (training), `import_registry`, `build_population_pack`; a
bundle comes in by `admit_bundle` (`chain_place`, `append_bundle`); the day ends with `run_day` (`day_figures`,
`day_closings`, `show_passport`); `check_centre` (`check_ledger`, `check_doses`, `check_closings`, `check_passports`),
`centre_status`, `export_evidence`.
"""

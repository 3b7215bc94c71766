"""What the centre does: one file per workflow, each read, decide, write, one transaction.

Reading order: `init_centre`, `publish_sets` (catalogue, trust list), `enrol_facility`, `accept_enrolment`,
`register_certificate`, `take_registration`, `decide_registration`, `tell_registrations`,
`issue_organisation_certificate` (training), `import_registry`, `build_population_pack`; whom organisations'
certificates lead to: `manage_anchors`, `fetch_crls`, `import_crl`, `recheck_revocations`, `tell_revocations`,
`trust_status`; who signs for whom: `delegate`, `tell_delegations`, `take_handover`, `carried_handovers`,
`tell_signed_doses`; a bundle comes in by `admit_bundle` (`chain_place`, `append_bundle`), in pieces by
`take_transfer`, and `give_feed` answers; the
day ends with `run_day` (`day_figures`, `day_closings`, `show_passport`); `check_centre` (`check_ledger`, `check_doses`,
`check_closings`, `check_registrations`, `check_passports`, `check_feeds`, `check_delegations`, `check_trust`),
`centre_status`, `export_evidence`.
"""

"""What the centre does: one file per workflow, each read, decide, write, one transaction.

Reading order: `init_centre`, `publish_sets` (catalogue, trust list), `enrol_facility`, `accept_enrolment`,
`take_epoch`, `decide_epoch`, `grant_epoch` (with `dose_numbers`), `show_epochs`, `register_certificate`,
`take_registration`, `decide_registration`, `tell_registrations`, `issue_organisation_certificate` (training),
`import_registry`, `build_population_pack`; whom organisations' certificates lead to: `manage_anchors`, `fetch_crls`,
`import_crl`, `recheck_revocations`, `tell_revocations`, `trust_status`; who signs for whom: `delegate`,
`tell_delegations`, `take_handover`, `carried_handovers`, `tell_signed_doses`; a bundle comes in by `admit_bundle`
(`chain_place`, `lost_history`, `answer_questions`, `append_bundle`), in pieces by `take_transfer`, from a stick by
`exchange_folder`, and `give_feed` answers; the day ends with `run_day` (`day_figures`, `day_closings`,
`show_passport`), and `tell_passports`, `tell_verdicts` and `withdraw_certificate` bring it to the sites; `check_centre`
(`check_ledger`, `check_doses`, `check_closings`, `check_registrations`, `check_passports`, `check_feeds`,
`check_answers`, `check_delegations`, `check_epochs`, `check_verdict_changes`, `check_trust`), `centre_status`,
`export_evidence`; `begin_ledger_epoch` after a restore (`check_ledger_epochs`), `take_shown_epoch` for what it lost of
nodes (`take_up_epoch`, `decide_shown_epoch`, `check_shown_epochs`).
"""

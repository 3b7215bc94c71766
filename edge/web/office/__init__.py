"""What is done about many at once.

In reading order: `today` (where the day stands), `work_lists`, `list_import`
with `correction_plans` (lists that come back corrected), `signing` (of `signing_choice`, `signing_list` and
`signing_preview`), `approvals_page`, `signing_run`, `reports` and `exports`
(of the days of `spans`), `closing`.
"""

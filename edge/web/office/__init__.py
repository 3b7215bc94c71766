"""What is done about many at once.

In reading order: `today` (where the day stands), `work_lists`, `list_import` with `correction_plans` (lists that come
back corrected), `signing` (of `signing_choice`, `signing_list` and `signing_preview`), `approvals_page`, `signing_run`
(with `turn_order`, `approved_order`, `turn_work` and `signing_turn`: what one PIN signs), `token_trial` (a
signature of nothing), `handover` (in `handover_words`) and `hub` (delegated signing), `reports` and `exports` (of the
days of `spans`), `closing`.
"""

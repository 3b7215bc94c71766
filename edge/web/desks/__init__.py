"""Where people are looked after.

In reading order: `edit_form` over `dose_page` (what forms about people and doses share); `reception` with
`reception_form` and `reception_view`, `roster` with `roster_files`; `injection` with its `table`, the `queue` before
it and the opened `vials`; `observation` with `reaction` and the `slip` to take home; `passports` with
`passport_sheet`; `people` and `correction` (what is wrong is put right), `asked` and `asking` (the centre about them).
"""

"""Where people are looked after.

In reading order: `edit_form` over `dose_page` (what forms about people and doses share), `injection`, and `people` and
`correction` (what is wrong is put right).
"""

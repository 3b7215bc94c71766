"""What stands around every page.

In reading order: `node` (the open node behind the pages), `security` (Host, Origin, CSRF, headers), `sessions` (who is
signed in at which browser), `access` (which roles may open which page), `guard` (holds every request against it),
`drafts` (nothing typed is lost), `account_form`, `places` (the way between the pages), `problems` (errors as pages),
`clock_watch`, `language` (Vietnamese and English), `formats` and `sentences` (how numbers, times and states are
written), `form_words` (what stands beside fields), `day_field` (a day as it is typed), `certificate_words` (what is
said of the one that signs), `gate_words` (alone for how long, and the clock), `copy_words` (a copied store),
`question_words` (to the centre), `header` (what every page shows on top), `charts`, `pictures`, `qr_svg`,
`work_progress` and `long_work` (what takes longer than a page may), `desk_states`, `desk_turn` and `desk_page` (a PIN
is typed, whatever for).
"""

"""The pages of the node: HTML out, forms in, for one station's browsers on this machine.

In reading order: `node` (the open node behind the pages), `security` (Host, Origin, CSRF, headers), `problems` (errors
as pages), `formats` and `sentences` (how numbers, times and states are written), `header` (what every page shows on
top), `charts`, and then one module for each place: `today`, `injection` with `dose_page` and `form_words`, `people` and
`correction` with `edit_form` (what is wrong is put right), `signing` with `signing_list`, `sync`.

Routes hold no rules: a workflow decides, and one table in `problems` maps its errors to pages. Addresses, cookies and
the log hold codes and numbers of rows, never a person's data.
"""

"""What is done about many at once.

In reading order: `today` (where the day stands), `signing` with `signing_list`.
"""

"""The pages of the node: HTML out, forms in, for the browsers of one site.

In reading order: `frame` (what stands around every page: the checks before it, the person at it, words and formats),
`desks` (where people are looked after: reception, injection, observation, and putting right what is wrong), `office`
(what is done about many at once: the day, work lists, signing, closing, reports) and `house` (the site itself: its
users and devices, the audit trail, the exchange with the centre).

Routes hold no rules: a workflow decides, and one table in `frame.problems` maps its errors to pages. Addresses, cookies
and the log hold codes and numbers of rows, never a person's data.
"""

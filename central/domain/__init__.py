"""Pure rules of the centre: values in, decisions out.

Reading order: `node` (a node as it is known), `node_epoch` (may a restored one go on), `shown_epoch` (may one go on
that a restored centre has lost), `decision` (who said so, and why), `people` (the same person over many sites),
`signing_window` (when a batch was signed, as far as it is proven), `signature_standing` (what stands against a
signature), `delegation` (who may sign for whom), `path_judge` (a second judge of certificate paths), `admission` (the
numbered checks of a bundle), `verdicts` (what is said of each dose, over all sites), `closing` (the checks of a
closing sheet), `registration` (of a certificate), `ledger` (the tree of admitted bundles in memory), `day_run` (whose
passport is due), `passport_id`, `finding` (what a check found), `demo_certificates` (authorities for training).
"""

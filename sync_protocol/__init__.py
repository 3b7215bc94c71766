"""What travels between sites and centre: messages, their encoding, who signed them, how they are checked.

Pure: bytes and arguments in, values or exceptions out. Nothing here reads a clock, draws entropy, opens a file or a
socket, or logs, except `signers` (custody of keys), `stick_folder` with `stick_mount` (files of a stick, the same for
both sides) and `__main__` (the auditor's offline tool). `SPEC.md` is the
normative text.

`parse_…` goes from bytes to unverified values, `verify_…` raises or gives verified ones, `encode_…` gives bytes.

In reading order:

What everything stands on
    `errors` (the codes) · `problems` (status and words of each code) · `limits` · `cbor` · `fields` · `days` ·
    `contexts` (what a signature is for)
Keys, signatures, envelopes, trees
    `keys` · `certificate` · `crl` · `merkle` · `signers.signer` · `cose` (Sign1) · `key_wrap` · `cose_encrypt` ·
    `sealing`
The dose and its batch
    `names` · `value_checks` · `identity` · `dose` · `manifest` · `batch` · `dose_proof`
How doses are packed
    `range_coder` · `vocabulary` · `column_costs` · `column_codecs` · `field_columns` · `dose_columns` · `columns`
The provisional slip
    `slip_text` (its QR)
Up to the centre, into the ledger, and back
    `bundle` · `closing` (the day's sheet) · `serial_number` · `registration` (a certificate) ·
    `registration_list` (its answer) · `ledger_entry` · `verdict` · `tree_head` · `ledger_epoch` ·
    `receipt` · `ledger_export` · `ledger_evidence` ·
    `transfer` (over a link that breaks) · `feed` (what the centre has for one node) · `chain_head` · `contact`
    (how it stands there) · `feed_page` · `delegation` · `handover` and `handover_answers` (doses for a delegated
    signer) · `verdict_changes` (what is said after the receipt) · `questions` (about people whom the pack does not
    know, and their answers)
Signed, versioned sets
    `signed_set` · `offline_policy` · `catalogue` · `catalogue_toml` · `population` · `population_change` ·
    `document_signer` · `trust_list` · `gateway_list` · `trust` · `enrolment_file` · `enrolment` · `node_epoch` and
    `node_epoch_answer` (a restored node goes on) · `shown_epoch` and
    `shown_epoch_answer` (to a restored centre)
Health certificates
    `uvci` · `base45` · `health_content` · `health_certificate` · `issuance` · `hc1_text` · `hc1_verification` ·
    `hc1_remarks` (value sets) · `passports` (for the site that recorded the doses) · `value_set_names`
The calls, and the tool
    `endpoints` · `api` · `artefact` (what is it) · `judgement` (is it good) · `picture` (QR codes in pictures) ·
    `verify_report` (its words) · `command_line` and `usage_words` (how programs speak) · `__main__` (`hcvx-verify`)
On a stick
    `stick` (what a file is, and its name) · `stick_errors` · `stick_folder` and `stick_mount` (the files themselves)
"""

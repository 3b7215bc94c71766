"""Every bound on what comes from outside: one constant, its unit, its reason.

SPEC section 7 lists the same numbers.
"""

from __future__ import annotations

from typing import Final

# A signing turn covers at most 1,000 people with 1 to 3 doses each (1908/BYT-CNTT).
BATCH_PEOPLE: Final = 1_000
BATCH_DOSES: Final = 3_000

# 3,000 doses weigh about 45 KB packed; a batch of free text at every field's cap stays below this.
SEALED_BYTES: Final = 4 * 1024 * 1024
# What the columns may inflate to: 3,000 doses of at most 2 KB each.
COLUMNS_BYTES: Final = 8 * 1024 * 1024
DOSE_BYTES: Final = 2_048
# Requests and answers that carry no doses.
MESSAGE_BYTES: Final = 256 * 1024
CERTIFICATE_BYTES: Final = 8 * 1024
CERTIFICATE_CHAIN: Final = 4
# A revocation list of a large authority: 50,000 entries weigh 2 MB.
CRL_BYTES: Final = 32 * 1024 * 1024
CBOR_DEPTH: Final = 12
# Each item costs up to 128 bytes of memory while it is checked; a catalogue of 20,000 units has 100,000.
CBOR_ITEMS: Final = 250_000

# Text fields, in Unicode code points after NFC.
NAME_CHARS: Final = 100
SHORT_CHARS: Final = 40
LONG_CHARS: Final = 300

# A closing sheet names each reason for which doses wait once; both sides together have about 80 words for them.
CLOSING_REASONS: Final = 100

# Signed sets: a pack of 200,000 people weighs about 7 MB.
POPULATION_PEOPLE: Final = 200_000
# People asked about in one bundle: a day's strangers of a site, at 7 bytes each.
QUESTIONS: Final = 500
# People that one node asks about on one day: the busiest day of a site, all of them strangers, and lists beside it.
QUESTIONS_DAY: Final = 5_000
# Health certificates in one item of a feed: with some 150 bytes each it stays a small part of a stick or an hour of 2G.
PASSPORTS_ITEM: Final = 250
# What such an item inflates to: certificates of 1 KB at most, with room to spare.
PASSPORTS_BYTES: Final = 512 * 1024
SET_BYTES: Final = 16 * 1024 * 1024
# Times that a centre is restored from an older copy in its life; each statement names all before it.
LEDGER_EPOCHS: Final = 64
# A ledger of 2^40 bundles needs paths of 40 hashes.
PATH_HASHES: Final = 64

# HC1: the longest text a QR of version 40 holds (level L, alphanumeric), and a bound for its inflation
# (one QR can inflate to 2.9 MB; real payloads stay under 1 KB).
HC1_CHARS: Final = 4_296
HC1_INFLATED_BYTES: Final = 64 * 1024

# A slip: what a QR of version 40 holds at level M (alphanumeric), and a bound for its inflation: dose, statement and
# signature at their caps, and the path.
SLIP_CHARS: Final = 3_391
SLIP_INFLATED_BYTES: Final = 8 * 1024

# Health certificates live 12 months from issue; the end is the same day of the next year.
PASSPORT_MONTHS: Final = 12
# A batch's claimed time may run ahead of its arrival by this much (a laptop's clock is a claim).
CLOCK_AHEAD_SECONDS: Final = 300
# Each input within its cap costs at most this long to refuse.
PICTURE_BYTES: Final = 8 * 1024 * 1024

# A node code, "19001A"; a facility code has the same shape.
NODE_CHARS: Final = 12
# Sequences, epochs and version numbers: they fit a signed 32-bit column everywhere.
COUNTER: Final = 2**31 - 1
# Instants end two days before the year 10000, so that they are dates in every time zone.
INSTANT: Final = 253_402_128_000
# Entries of the ledger; the paths over them stay within PATH_HASHES.
LEDGER_ENTRIES: Final = 2**40
# A catalogue lists this many products and administrative units (3,321 communes, 63 + 34 provinces, old codes kept).
CATALOGUE_PRODUCTS: Final = 200
CATALOGUE_UNITS: Final = 20_000

# One item of a node's feed as it may have been signed before bodies were parted: a turn's 3,000 unsigned doses.
FEED_ITEM_BYTES: Final = 1024 * 1024
# Larger bodies travel in pieces: what a cut costs on a link of 2G is about two seconds.
FEED_PIECE_BYTES: Final = 6 * 1024
# What pieces may join to: the largest set; and how many they are, with room for a sender of smaller pieces.
FEED_BODY_BYTES: Final = SET_BYTES
FEED_PIECES: Final = 4_096
# A page holds items of so many bytes together; the first one always, so the bound of a page is that of an old item.
FEED_PAGE_ITEMS_BYTES: Final = 8 * 1024
FEED_PAGE_BYTES: Final = 2 * 1024 * 1024
FEED_PAGE_ITEMS: Final = 500
# One answer to a request: items of half a minute on 2G, or one old item; its pages with their envelopes.
FEED_ANSWER_ITEMS_BYTES: Final = 128 * 1024
FEED_ANSWER_BYTES: Final = 2 * 1024 * 1024
FEED_ANSWER_PAGES: Final = 128
# The same pages as a file on a stick: the largest set twice.
FEED_FILE_BYTES: Final = 2 * SET_BYTES
# A node that asks every five minutes fills this in two days.
FEED_NONCES: Final = 512
# What a restored store says of itself, and what it is told: links without a receipt, runs of doses without an answer,
# and dose numbers that are taken at the centre. A store that lacks more is enrolled anew.
EPOCH_LINKS: Final = 1_000
EPOCH_RUNS: Final = 5_000
EPOCH_DOSES: Final = 100_000
EPOCH_ANSWER_BYTES: Final = 4 * 1024 * 1024
# Epochs of a node that a centre may have lost at once, and what shows them: an enrolment file, requests and grants.
SHOWN_EPOCHS: Final = 8
SHOWN_EPOCHS_BYTES: Final = 4 * 1024 * 1024
# Receipts that are shown at once, with a statement: each twice as far back as the one before, they span 64 bundles.
SHOWN_RECEIPTS: Final = 8
SHOWN_RECEIPTS_BYTES: Final = 1024 * 1024
# Bundles that go up in one request, and the receipts that come back for them.
TRANSFER_BUNDLES: Final = 8
TRANSFER_ANSWER_BYTES: Final = 576 * 1024
# A facility registers a handful of certificates; a province's hub signs for some hundred sites.
REGISTRATIONS: Final = 50
DELEGATIONS: Final = 1_000
# Handovers that came by stick and travel along with the batch that signs their doses.
CARRIED_HANDOVERS: Final = 50
# All their doses together: each has to be unpacked before the batch can be judged, and one handover has no more.
CARRIED_DOSES: Final = BATCH_DOSES
# What is looked at on a stick: a year of a site's bundles with their answers, or a week of a province's sticks.
STICK_FILES: Final = 2_000

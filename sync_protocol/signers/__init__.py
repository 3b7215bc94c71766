"""Custody of private keys: whoever signs does so through one small protocol, wherever the key lies.

In reading order:

* `signer`: the `Signer` protocol, all that the rest of the house knows about signing;
* `key_signer`: a key in memory (a node's own key, the centre's ledger key);
* `token_errors`: `TokenError`; `token_codes`: its codes; `token_words`: the words and the cure of each;
* `software`: an encrypted PKCS#12 file, for training and the demo; warns each time;
* `uri`: the one line of settings that names a signer; `opening`: from that line to an open signer;
* `pin_guard`: whether a PIN may be tried at all;
* `token_messages`: what is said over the pipe between our process and the signer process;
* `mechanisms`: which PKCS#11 mechanism to ask of a token, and what bytes it is given;
* `token_modules`: which vendors' drivers are on this machine; `certificate_facts`: what to tell of a certificate;
* `token_choice`: which token and which certificate a setting means;
* `token_process`, `token_session`, `token_scan`: the signer process, which owns module, session and PIN;
  `software_session`: the same for a file; `pin_desk` with `pin_form`: where a browser gives the PIN to that process;
* `token_link`: our end of the pipe: time limits, and a process that is gone for certain afterwards;
* `process_signer`: the signer whose key that process holds; it lives in our process and never loads a vendor's module;
* `pkcs11`, `software_at_desk`: how one is opened; `at_desk`: with the PIN typed in a browser, which we never see.

A pass with a token::

    our process                                 signer process (spawned, one per signer)
    open_signer(uri, pin)  ── Scan ───────────► loads the module, reads slots, flags, certificates
      chooses certificate and mechanism,
      refuses by the PIN's flags, asks the PIN
                           ── Login, PIN ─────► reads the flags again, logs in once, finds the key
    sign(message): hashes  ── Sign(digest) ───► one C_Sign
      verifies with the certificate's key
    close                  ── end of pipe ────► logs out and ends; the PIN ends with it

Where a browser shows our page the PIN takes another way, and the key of a file is used there as well::

    open_signer_at_desk    ── Scan | LookAtFile ► as above, or sees that there is such a file
      chooses, refuses     ── OpenDesk ─────────► listens on 127.0.0.1 for the one form
      shows the form       ── AwaitPin ─────────► takes the PIN from the browser, which waits
                           ── LoginAtDesk | UnlockFile ► sends the browser back to our page, logs in once
"""

"""Custody of private keys: whoever signs does so through one small protocol, wherever the key lies.

In reading order:

* `signer`: the `Signer` protocol, all that the rest of the house knows about signing;
* `key_signer`: a key in memory (a node's own key, the centre's ledger key);
* `token_errors`: `TokenError` and its codes, each with the words and the cure shown to a person;
* `software`: an encrypted PKCS#12 file, for training and the demo; warns each time;
* `uri`: the one line of settings that names a signer; `opening`: from that line to an open signer;
* `pin_guard`: whether a PIN may be tried at all;
* `token_messages`: what is said over the pipe between our process and the signer process;
* `mechanisms`: which PKCS#11 mechanism to ask of a token, and what bytes it is given;
* `token_choice`: which token and which certificate a setting means;
* `token_process`, `token_session`: the signer process, which owns module, session and PIN;
* `token_link`: our end of the pipe: time limits, and a process that is gone for certain afterwards;
* `pkcs11`: the signer whose key lies in a token; it lives in our process and never loads a vendor's module.

A pass with a token::

    our process                                 signer process (spawned, one per signer)
    open_signer(uri, pin)  ── Scan ───────────► loads the module, reads slots, flags, certificates
      chooses certificate and mechanism,
      refuses by the PIN's flags, asks the PIN
                           ── Login, PIN ─────► reads the flags again, logs in once, finds the key
    sign(message): hashes  ── Sign(digest) ───► one C_Sign
      verifies with the certificate's key
    close                  ── end of pipe ────► logs out and ends; the PIN ends with it
"""

/* auth/scram_internal.h: what both sides of SCRAM read and sign (RFC 5802 §3 and §7). Pure. */
#ifndef AUTH_SCRAM_INTERNAL_H
#define AUTH_SCRAM_INTERNAL_H

#include "auth/digest.h"
#include "base/arena.h"
#include "base/scan.h"

/* attribute "=" value; the value has 1 octet at least and no comma. */
bool scram_take_attribute(scan *in, char attribute, str *value);

/* extensions = attr-val *("," attr-val): what we do not know is passed over (RFC 5802 §5.1). */
bool scram_skip_extensions(scan *in);

/* printable of RFC 5802 §7: visible ASCII but a comma. */
bool scram_is_nonce(str nonce);

/* AuthMessage: what is signed. ERR_NOSPACE. */
err scram_auth_message(struct arena *arena, str first_bare, str server_first, str without_proof,
                       str *out) MUST_USE;

/* *d XOR `other`: a key and its signature make the proof, the proof and the signature the key. */
void scram_xor(struct digest *d, const struct digest *other);

#endif

/* mime/eai.h: addresses in other scripts than ASCII's, in the one form in which they can be compared.
 *
 * A domain is compared by its A-labels ("xn--bcher-kva.example" of "Bücher.example"), as the DNS knows it:
 * IDNA2008 after the mapping of UTS 46, so that case, width and composition make no difference. A local part
 * is compared in lower case and NFC, as a user name is (RFC 8265 §3.3, of which no more is taken: what to
 * allow is for who gives names away). Pure but for what the libraries allocate and free within a call; any
 * thread.
 *
 * RFC 5890 to 5895, RFC 6531 §3.2, RFC 6532 §3.1.
 */
#ifndef MIME_EAI_H
#define MIME_EAI_H

#include "base/buf.h"
#include "base/str.h"

/* Has `s` an octet outside ASCII? */
bool eai_is_wide(str s);

/* Appends `domain` in A-labels and lower case. `domain` is UTF-8; what is all ASCII is not looked into.
 * ERR_SYNTAX: a label is none that IDNA2008 allows   ERR_LIMIT: one is too long, or all are   ERR_NOSPACE */
err eai_add_domain(struct buf *out, str domain) MUST_USE;

/* Appends `domain`, given in A-labels, as people read it; as it is where that can't be. */
void eai_add_domain_shown(struct buf *out, str domain);

/* Appends a local part of at most LIMIT_LOCAL_PART octets in lower case and NFC.
 * ERR_SYNTAX: it is no UTF-8   ERR_LIMIT: it is too long   ERR_NOSPACE */
err eai_add_local_part(struct buf *out, str local_part) MUST_USE;

#endif

/* deliver/address.h: the one form in which addresses are kept and looked up.
 *
 * Normalised: lower case on both sides of the last "@", the local part without quotes (the quoted and the
 * unquoted form of one local part are one mailbox, RFC 5321 §4.1.2) and in NFC, the domain in A-labels and
 * without a dot at its end (mime/eai.h). Pure; any thread.
 */
#ifndef DELIVER_ADDRESS_H
#define DELIVER_ADDRESS_H

#include "base/arena.h"
#include "base/buf.h"

/* --- what a person typed: names of accounts, aliases, domains --- */

/* Normalises "Ann@Shop.Example". Its local part is a dot-string (RFC 5321 §4.1.2), its domain one that
 * domain_normalise takes. *out lives in `arena`.
 * ERR_SYNTAX (`at` is the octet)   ERR_LIMIT over LIMIT_LOCAL_PART or LIMIT_DOMAIN   ERR_NOSPACE */
err address_normalise(struct arena *arena, str text, str *out) MUST_USE;

/* The same for the address of an alias: also "@domain", which catches what nobody else has. */
err address_normalise_alias(struct arena *arena, str text, str *out) MUST_USE;

/* Normalises a domain: labels of letters, digits, hyphens and what else IDNA2008 allows, 1..63 octets each as
 * A-labels, at least one; one dot at the end is dropped. No address literals. ERR_SYNTAX, ERR_LIMIT,
 * ERR_NOSPACE. */
err domain_normalise(struct arena *arena, str text, str *out) MUST_USE;

/* --- what a command said: parsed already (smtp/path.h) --- */

/* local_part "@" domain, normalised. ERR_NOSPACE; ERR_SYNTAX, ERR_LIMIT only where something is not ASCII. */
err address_join(struct arena *arena, str local_part, str domain, str *out) MUST_USE;

/* The parts of a path that a command had (struct queue_recipient, ...): the local part without quotes, the
 * domain as written, empty where there is none. ERR_NOSPACE. */
err address_split(struct arena *arena, str path, str *local_part, str *domain) MUST_USE;

/* --- parts of a normalised address --- */

str address_local_part(str address);
str address_domain(str address);

/* Does the local part have a "+detail" after at least one other octet? Then *base is the address without it
 * ("ann@shop.example" of "ann+books@shop.example"), in `arena`. False also without memory. */
bool address_without_detail(struct arena *arena, str address, str *base);

/* Appends it as header fields and replies show it: the local part quoted where RFC 5321 §4.1.2 wants it. */
void address_add(struct buf *out, str address);

#endif

/* deliver/origin.h: who a submission says it comes from: the addresses of its From and Sender (RFC 6409
 * §6.1).
 *
 * A push parser: content goes in by chunks, addresses come out when the header is over. Every address that a
 * reader could see in one of the two fields is given, so that checking all of them checks what the recipient
 * is shown; a header that different readers understand differently is wrong as a whole. Words without an
 * address ("Smith, Ann <ann@shop.example>") name nobody and are passed over.
 *
 * RFC 5322 §3.6.2. Pure; one thread.
 */
#ifndef DELIVER_ORIGIN_H
#define DELIVER_ORIGIN_H

#include "base/arena.h"
#include "mime/header.h"

struct origin_address {
	struct origin_address *next;
	str address;       /* normalised (deliver/address.h) */
	const char *field; /* "From" or "Sender" */
};

/* Fields are private to origin.c but for `addresses`. */
struct origin {
	struct arena *arena;
	struct mime_header header;
	struct origin_address *addresses, *last; /* in their order */
	uint32_t count;
	uint32_t from_fields, from_addresses, sender_fields, sender_addresses;
	bool begins; /* the next octet begins a line */
	bool over;   /* the empty line came */
	err failed;
};

/* Everything lives in `arena`. ERR_NOSPACE. */
err origin_init(struct origin *o, struct arena *arena) MUST_USE;

/* Takes octets; those behind the header cost nothing. */
void origin_push(struct origin *o, str octets);

/* After the last octet. ERR_SYNTAX: no From, two of them, no address in it, two Senders, or one without an
 * address   ERR_LIMIT: a header or a field too long to be looked at whole, more than LIMIT_ORIGIN_ADDRESSES
 * ERR_NOSPACE. With OK o->addresses has at least one. */
err origin_finish(struct origin *o) MUST_USE;

#endif

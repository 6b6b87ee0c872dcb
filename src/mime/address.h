/* mime/address.h: the addresses of a header field, read one at a time.
 *
 * Lenient, since it only describes: it never fails. Groups, comments, quoted strings, source routes and the
 * obsolete forms are understood; what is no address at all comes out as a mailbox without a host, so that
 * nothing a person wrote is lost. Names are given as written: encoded-words are mime/encoded_word.h's.
 * Pure; any thread. What decides where mail goes is never read with this (smtp/path.h is strict).
 *
 * RFC 5322 §3.4, §4.4; RFC 6532 §3.2 (UTF-8 in each of them).
 */
#ifndef MIME_ADDRESS_H
#define MIME_ADDRESS_H

#include "base/buf.h"
#include "base/scan.h"

typedef enum mime_address_kind {
	MIME_ADDRESS_MAILBOX,
	MIME_ADDRESS_GROUP_BEGIN, /* name is the group's */
	MIME_ADDRESS_GROUP_END,
} mime_address_kind;

struct mime_address {
	mime_address_kind kind;
	bool doubtful; /* it breaks the grammar, the obsolete one too */
	str name;      /* display name, unquoted; the last comment where there is none; may be empty */
	str route;     /* "@a,@b" of an obsolete source route, else empty */
	str mailbox;   /* local part, unquoted */
	str host;      /* domain or [literal]; empty where there is none */
};

struct mime_address_reader {
	scan in;
	struct buf *scratch;
	bool in_group;
};

/* Begins to read `body`, an unfolded field body. `scratch` is borrowed: it is cleared for each address and
 * holds its strings; one with room for body.len octets is enough. */
void mime_address_begin(struct mime_address_reader *r, str body, struct buf *scratch);

/* The next address, false at the end; its strings live until the next call. Where scratch has no room the
 * strings end early. */
bool mime_address_next(struct mime_address_reader *r, struct mime_address *out);

#endif

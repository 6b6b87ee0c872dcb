/* mime/summary.h: what a mailbox tells about a message without opening it.
 *
 * The summary is made once, while the message arrives, by a push parser, and stored beside the content:
 * envelope, structure with the place and size of each part's header and body, preview, sort and thread keys.
 * It never fails on a malformed message. What goes past a limit is not described (`cut` says so) and can
 * still be read from the content; a multipart deeper than LIMIT_MIME_DEPTH is application/octet-stream.
 * Its state is O(depth) beside the summary itself, all in the arena given; with 64 KB an ordinary message is
 * described whole, with less the summary is `cut`. The result does not depend on how the octets are cut into
 * chunks. Pure; any thread, one at a time.
 *
 * Format: version octet, message size (varint), then what the version says; so that a version we do not know
 * is still a message of known size that nobody may look into: opaque. See mime/summary_format.h.
 *
 * RFC 9051 §7.5.2 (ENVELOPE, BODYSTRUCTURE), RFC 5256 (SORT, THREAD), RFC 8970 (PREVIEW).
 */
#ifndef MIME_SUMMARY_H
#define MIME_SUMMARY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "mime/address.h"
#include "mime/content_type.h"

struct mime_summary_parser;

struct mime_addresses {
	const struct mime_address *list;
	size_t count;
};

/* Of a message or an embedded message. Unfolded, otherwise as written; absent fields are empty. Sender and
 * Reply-To are not filled in from From: that is IMAP's (RFC 9051 §7.5.2). */
struct mime_envelope {
	str date;
	str subject;
	struct mime_addresses from, sender, reply_to, to, cc, bcc;
	str in_reply_to;
	str message_id;
};

struct mime_part {
	uint64_t header_offset; /* from the message's first octet */
	uint64_t header_size;   /* with the empty line; the body follows it */
	uint64_t body_size;     /* without the line end that belongs to the boundary after it */
	uint64_t body_lines;    /* line ends in the body */
	str type, subtype;      /* lower case; "text", "plain" where the header says nothing usable */
	struct mime_parameters parameters;
	str encoding; /* Content-Transfer-Encoding, lower case; empty if absent */
	str id, description, md5, language, location;
	str disposition; /* lower case; empty if absent */
	struct mime_parameters disposition_parameters;
	const struct mime_envelope *envelope; /* of the message itself and of each embedded one; else NULL */
	bool no_boundary;                     /* a multipart without a usable boundary parameter */
	bool unclosed;                        /* a multipart without its closing delimiter */
	struct mime_part *child;              /* first part; of message/rfc822 its one message; or NULL */
	struct mime_part *next;               /* within the same multipart */
};

struct mime_summary {
	uint8_t version;
	bool opaque;            /* nothing is known but the size */
	bool cut;               /* a limit or the arena's end left something out */
	uint64_t size;          /* octets of the message */
	struct mime_part *root; /* NULL where opaque */
	str preview;            /* UTF-8, one line; empty: none could be made */
	bool has_sent;          /* Date could be read */
	int64_t sent_ms;        /* since the epoch, UTC */
	int16_t sent_zone;      /* minutes east of UTC */
	str base_subject;       /* UTF-8, RFC 5256 §2.1, not case-folded */
	bool is_reply;          /* something was removed for it: a reply or a forward */
	str thread_id;          /* Message-ID normalised for threading, without <>; empty if none */
	const str *references;  /* RFC 5256 §3, step 1 of REFERENCES: ancestors, oldest first, without <> */
	size_t references_count;
};

/* ERR_NOSPACE. */
err mime_summary_new(struct arena *arena, struct mime_summary_parser **out) MUST_USE;

/* The next octets of the message, any number of them. */
void mime_summary_push(struct mime_summary_parser *p, str octets);

/* Ends the message and appends the encoded summary to `out`. The parser is used up; its memory is the
 * arena's. ERR_LIMIT, ERR_NOSPACE: `out` has no room. */
err mime_summary_finish(struct mime_summary_parser *p, struct buf *out) MUST_USE;

/* Appends the summary of a message that nobody may look into. */
void mime_summary_opaque(struct buf *out, uint64_t size);

/* Reads an encoded summary. The strings point into `encoded`, the rest lives in `arena`.
 * ERR_CORRUPT it contradicts itself   ERR_NOSPACE; *out is untouched then */
err mime_summary_decode(struct arena *arena, str encoded, struct mime_summary *out) MUST_USE;

#endif

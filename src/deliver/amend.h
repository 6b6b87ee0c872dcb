/* deliver/amend.h: the closed list of changes made to a message before it is committed.
 *
 * Content is kept octet for octet as received, but for these:
 *   a Return-Path already on top is removed: ours stands in the prefix (RFC 5321 §4.4)
 *   an Authentication-Results field under our own name is removed: only we may say it (RFC 8601 §5); so is
 *   one whose name can't be made out in its first LIMIT_AMEND_FIELD octets
 *   what a program of this machine hands in (`send`) loses Bcc and Resent-Bcc: whom they name is in the
 * envelope a submission whose header has no Date or no Message-ID gets it at the header's end (RFC 6409 §8.2,
 * §8.3) It also counts the Received fields, by which loops are found (RFC 5321 §6.3).
 *
 * A push filter: octets with CRLF line ends go in by chunks, those that stay come out as runs that point into
 * the chunk (or, where a field was cut in two by a chunk's end, into the filter). How the octets are cut
 * changes nothing. The body passes in one run. Pure; any thread, one at a time.
 */
#ifndef DELIVER_AMEND_H
#define DELIVER_AMEND_H

#include "base/limits.h"
#include "base/str.h"

enum amend_state {
	AMEND_LINE,     /* at the beginning of a line of the header */
	AMEND_NAME,     /* in a field name that may be one of ours */
	AMEND_COLON,    /* in white space after it (RFC 5322 §4.5) */
	AMEND_AUTHSERV, /* before or in the authserv-id */
	AMEND_KEEP,     /* in a line that stays */
	AMEND_DROP,     /* in a line that goes */
	AMEND_FILL,     /* at the end of the header, before what is missing in it */
	AMEND_BODY,
};

/* Fields are private to amend.c. */
struct amend {
	str hostname;
	enum amend_state state;
	str date, message_id; /* whole fields to be added; empty: nothing is, or they are there */
	bool top;             /* nothing has been kept so far */
	bool blind;           /* Bcc goes */
	bool dropping;        /* the field at hand goes, with its continuation lines */
	uint32_t received;
	/* of the field at hand, while its fate is open */
	size_t field_len;
	size_t held_len;
	char held[LIMIT_AMEND_FIELD];
	/* of its name */
	uint8_t name_len;
	char name[24];
	/* of its authserv-id */
	uint32_t id_len;
	uint32_t comment_depth;
	bool id_differs, quoted, escaped, after_line;
};

/* `hostname` is borrowed for the filter's life. */
void amend_init(struct amend *a, str hostname);

/* Before the first octet of a submission: the fields that its header gets where it has none, each whole with
 * CRLF. Borrowed for the filter's life. */
void amend_fill(struct amend *a, str date, str message_id);

/* Before the first octet: Bcc and Resent-Bcc go. */
void amend_drop_bcc(struct amend *a);

/* Takes from the front of *in and gives the next run that stays, not empty, valid until the next call. False
 * when *in is used up. */
bool amend_next(struct amend *a, str *in, str *run);

/* After the last octet: the next run of what is still to come, valid until the next call; false where there
 * is none. */
bool amend_finish(struct amend *a, str *run);

/* Received fields so far. */
uint32_t amend_received(const struct amend *a);

#endif

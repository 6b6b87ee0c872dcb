/* smtp/content.h: the message while it arrives: from octets on the wire to a draft with its summary.
 *
 * wire -> [smtp/binary.h] -> smtp/data.h (end, line ends, dots) -> deliver/passed.h -> deliver/amend.h ->
 * store/draft.h -> mime/summary.h. A message that turns out to be one to refuse is read to its end, and
 * nothing more of it is kept.
 *
 * Belongs to one transaction. Loop thread, but for smtp_content_write (worker, while the transaction is lent
 * to it). Weakness: while all drafts together are over their share of memory a message is read from its first
 * chunk on, so that its fingerprint covers only that; a culprit may then need more crashes to be known.
 */
#ifndef SMTP_CONTENT_H
#define SMTP_CONTENT_H

#include "base/arena.h"
#include "base/flight.h"
#include "deliver/amend.h"
#include "deliver/origin.h"
#include "deliver/passed.h"
#include "smtp/binary.h"
#include "smtp/data.h"
#include "smtp/reply.h"
#include "store/queue.h"

struct draft;
struct mime_summary_parser;
struct store;

struct smtp_content {
	struct smtp_flight flight;
	struct smtp_binary binary;
	struct smtp_data data;
	struct passed passed;
	struct amend amend;
	struct origin *origin; /* of a submission, else NULL */
	struct draft *draft;   /* NULL: none, or dropped */
	uint64_t size_limit;   /* octets without the trace field */
	uint64_t size;         /* the same, so far */
	uint64_t
		trace_size; /* octets of the trace field, which no fingerprint covers: it never comes twice */
	err failed;         /* why it can't be kept */
	struct buf *header; /* NULL, or where the message's beginning is kept until its header is whole */
	/* summary */
	struct arena summary_arena;
	struct mime_summary_parser *parser;
	bool sent;            /* it goes to other servers, who have to know: */
	bool has_8bit;        /* are there octets outside ASCII? */
	uint64_t fingerprint; /* 0: nothing was read yet */
	bool quarantined;
	int aside; /* file of a quarantined message's octets, or FILE_NONE */
};

struct smtp_content_options {
	struct store *store;
	struct arena_pool *pool;
	str hostname; /* borrowed */
	str trace;    /* the trace field, copied */
	uint64_t size_limit;
	bool counted; /* by BDAT */
	bool binary;  /* with BODY=BINARYMIME, by BDAT */
	bool local;   /* for a mailbox here, maybe: what is binary is re-coded */
	bool sent;    /* for other servers: what smtp_content_body says will be asked */
	struct smtp_flight flight;
};

/* Before the first octet. ERR_NOSPACE. */
err smtp_content_begin(struct smtp_content *c, const struct smtp_content_options *options) MUST_USE;

/* The same for a submission, after smtp_content_begin: the fields are added where its header has none
 * (deliver/amend.h), and `origin` hears it. All lives in `arena`. ERR_NOSPACE. */
err smtp_content_submit(struct smtp_content *c, struct arena *arena, str date, str message_id) MUST_USE;

enum smtp_content_want {
	SMTP_CONTENT_MORE,  /* octets, all given are used */
	SMTP_CONTENT_WRITE, /* smtp_content_read, then smtp_content_write, before more octets */
	SMTP_CONTENT_ENDED, /* *used is behind the final dot */
};

/* Takes octets. By BDAT there is no final dot: whoever counts them says smtp_content_end after the last. */
enum smtp_content_want smtp_content_take(struct smtp_content *c, str in, size_t *used);
void smtp_content_end(struct smtp_content *c);

/* After the end, and between two BDAT: ACCEPTED, or the reply that refuses. */
enum smtp_reply smtp_content_verdict(const struct smtp_content *c);

/* Reads what is in memory into the summary, unless a message that begins so is quarantined. Before each write
 * and after the end. */
void smtp_content_read(struct smtp_content *c);

/* Worker. Writes what is in memory to the spool file; of a quarantined message also to `path`. */
err smtp_content_write(struct smtp_content *c, const char *path) MUST_USE;

/* After the last smtp_content_read. Appends the summary, an opaque one where none can be made. */
err smtp_content_summary(struct smtp_content *c, struct buf *out) MUST_USE;

/* After the end, of a message that is sent: what its octets are, whatever MAIL said of them. */
enum queue_body smtp_content_body(const struct smtp_content *c);

/* Nothing more of it is kept; replies `e` at its end. */
void smtp_content_drop(struct smtp_content *c, err e);

/* All zero is legal. */
void smtp_content_fini(struct smtp_content *c);

#endif

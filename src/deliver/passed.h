/* deliver/passed.h: how often a message has passed this server already: Received fields of its header whose
 * "by" is our hostname (RFC 5321 §4.4).
 *
 * An alias that leads to another server, whose alias leads back: each turn adds a field of ours, and none of
 * the two can see the whole ring. Counting these finds it after a few turns, where RFC 5321 §6.3 alone would
 * take a hundred fields. Nothing is added to the message for it, so that its signatures stay whole.
 *
 * A push parser: octets with CRLF line ends, by chunks; how they are cut changes nothing. Lenient: what only
 * looks like a Received field counts for nothing or for one. Pure; one thread.
 */
#ifndef DELIVER_PASSED_H
#define DELIVER_PASSED_H

#include "base/str.h"

/* Private to passed.c. */
struct passed {
	str hostname;
	enum passed_state {
		PASSED_NAME,  /* in what may be "Received", from a line's beginning on */
		PASSED_COLON, /* behind it, before its colon (RFC 5322 §4.5.8) */
		PASSED_WORD,  /* in its body */
		PASSED_LINE,  /* its line has ended: it goes on or is over */
		PASSED_OTHER, /* in a line of another field */
		PASSED_BODY,  /* the header is over */
	} state;
	bool begins;       /* this octet is the first of a line */
	size_t at;         /* octets of the name that matched */
	size_t len;        /* of the word at hand; more than fits any that is looked for: it is none */
	bool is_by, is_us; /* the word so far */
	bool after_by;     /* the word before it was "by" */
	bool counted;      /* this field has been */
	unsigned comments; /* open ones */
	uint32_t count;
};

/* `hostname` is borrowed. */
void passed_init(struct passed *p, str hostname);

void passed_push(struct passed *p, str octets);

/* So far: a field counts once its "by" has been read to the word's end. */
uint32_t passed_count(const struct passed *p);

#endif

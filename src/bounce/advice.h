/* bounce/advice.h: what another server's reply means, and what the sender can do about it.
 *
 * The table is bounce/advice.def: what the standards' codes mean, and above it what large providers say in
 * their own words. The second half of doc/replies.md is made from it; notices (bounce/dsn.h) and `trace`
 * quote it. Pure; any thread.
 *
 * RFC 3463, 5248, 7372, 7504, 7505, 8601; RFC 5321 §4.2.
 */
#ifndef BOUNCE_ADVICE_H
#define BOUNCE_ADVICE_H

#include "base/str.h"

/* X.Y.Z of RFC 3463; all zero: none was said. */
struct bounce_status {
	uint8_t class;
	uint16_t subject, detail;
};

struct advice {
	str key;   /* short and lasting, for programs and the document: "gmail-rate" */
	str means; /* a sentence or two for people */
	str to_do;
};

/* The entry for a reply: its three digits, its status, its words, of all lines, and the host that said so.
 * Where nobody answered the code is 0 and the words are our own. A status without a number, or of another
 * class than the code, gives way to the one that the words begin with. Of these LIMIT_REPLY_TEXT octets are
 * read. A row of a provider's counts only for hosts of its, or for words that nobody else says; the first
 * that fits is taken, so that there is one for every failure: NULL for success alone. */
const struct advice *advice_find(unsigned code, struct bounce_status status, str text, str host);

/* The three digits that a reply begins with; 0: none. */
unsigned advice_code(str reply);

#endif

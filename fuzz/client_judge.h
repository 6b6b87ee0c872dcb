/* fuzz/client_judge.h: a dialogue as another server sees it, kept to judge what smtp/client.h made of it. It
 * knows the RFCs and nothing of the client: the n-th reply answers the n-th command, the greeting being the
 * first (RFC 2920 §3.1), and what was not said, or said before it was asked, means nothing.
 *
 * Of each message given it asks:
 *   - nobody is SENT but by a 2yz to MAIL, to the own RCPT and to the content, said after its end was heard;
 *   - nobody of whom the content was heard to its end is NONE, which would send it once more;
 *   - each outcome is the one that the replies make, with that reply's code, as far as they made one before
 *     the conversation ended; what ends it makes none that the server did not say.
 * Commands are lines that the RFCs know, said when they may be; a content arrives as it was given, dots
 * doubled or as one chunk; after a reply that nothing was asked for there is nothing but QUIT.
 */
#ifndef CLIENT_JUDGE_H
#define CLIENT_JUDGE_H

#include <stdlib.h>

#include "smtp/client.h"

enum { JUDGE_REPLIES = 4096 }; /* far more than a conversation lasts */

enum judge_hears {
	JUDGE_COMMANDS,
	JUDGE_LINE_START, /* of content by DATA */
	JUDGE_DOT,        /* at a line's start */
	JUDGE_DOT_CR,
	JUDGE_LINE,
	JUDGE_CHUNK,
	JUDGE_SECRET, /* TLS begins: nothing is understood any more */
};

/* What was heard of one message. Commands and replies are counted from 1. */
struct judge_transaction {
	size_t mail, data, end; /* which command it was; 0: none. `end`: whose reply is the content's first */
	size_t recipients;      /* RCPT follow MAIL at once */
	size_t said_before_end; /* replies, when the content's end was heard */
	size_t at, size;        /* octets of content: heard, and to be heard */
};

struct judge {
	bool lmtp;
	str content; /* of every message, as it stands in the file */
	enum judge_hears hears;
	size_t asked, said;
	size_t start_tls, reset; /* as in judge_transaction: the last */
	size_t open_mail;        /* that nothing ended */
	struct judge_transaction tx;
	struct client_reply_parser parser;
	bool senseless; /* said what is no reply: nothing counts any more */
	bool patient;   /* says nothing until the client has said all that it could, and hears that */
	bool hasty;     /* may say something while the client's next octets are on the way */
	bool pushed;    /* said what nothing was asked for */
	struct {
		uint16_t code;
		struct smtp_status status;
	} replies[JUDGE_REPLIES];
	size_t line_len;
	char line[LIMIT_SASL_LINE];
};

static inline void must(bool law)
{
	if (!law)
		abort();
}

void judge_init(struct judge *j, bool lmtp, str content, bool tls_first);
/* From now on replies may come before the client could have said what they answer, or never be read by it.
 * With `hasty` they may do so unseen: the client knows what arrived when it reads, not when they were said.
 */
void judge_lose_patience(struct judge *j, bool hasty);
/* The server says these octets now; it has heard these. */
void judge_says(struct judge *j, str octets);
void judge_hears(struct judge *j, str octets);
/* Another message is given to the client. */
void judge_forget_message(struct judge *j);
/* It is done, and the conversation goes on or ends. */
void judge_message(const struct judge *j, const struct client_message *m, bool goes_on);

#endif

/* bounce/dsn.h: delivery status notifications being written: what a sender is told about recipients.
 *
 * A notice has three parts: words for people, fields for programs, and the original message or its header.
 * What stands before the third part's octets and what stands behind them is made here; whoever has the
 * original puts it between. The notice is 7 bits wide unless its address is wide or the original goes along
 * as it came. Nothing that a remote server or an address says can end a field or begin one, and no line is
 * longer than 998 octets. Pure but for the boundary's
 * randomness; any thread.
 *
 * RFC 2852 §5; RFC 3461 §6; RFC 3464; RFC 3834 §5; RFC 6522; RFC 6533.
 */
#ifndef BOUNCE_DSN_H
#define BOUNCE_DSN_H

#include "base/buf.h"
#include "bounce/advice.h"

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_recipient {
	str forward_path; /* without brackets; <= LIMIT_PATH */
	str orcpt;        /* decoded: "rfc822;ann@shop.example"; empty: none was given; <= LIMIT_ORCPT */
	enum dsn_action action;
	struct bounce_status status; /* all zero: X.0.0, as the action has it */
	str remote_host;             /* who said `reply`; empty: nobody was spoken to */
	str reply;                   /* "550 5.1.1 no such user", lines with LF between; empty: none; of it
	                                LIMIT_REPLY_TEXT octets are told */
	bool answered;               /* the reply is the remote's own, else our words */
	bool expired;                /* time is over; the status says so, and not the reply's */
	bool end_untold;             /* of DSN_DELAYED: whoever is told of it won't be told of a failure */
	int64_t last_attempt_ms;     /* 0: there was none */
	int64_t will_retry_until_ms; /* of DSN_DELAYED */
};

struct dsn {
	str id;                  /* the notice's own: its Message-ID is <id@hostname> */
	str hostname;            /* ours, in A-labels */
	str to;                  /* the original's reverse-path; empty: null */
	bool for_postmaster;     /* who is told in place of `to`, always where that is null */
	str envid;               /* decoded; empty: none was given; <= LIMIT_ENVID */
	str original_id;         /* in our queue */
	str original_message_id; /* with brackets, or empty */
	str original_subject;    /* decoded, UTF-8; may be empty */
	int64_t now_ms, arrival_ms;
	int64_t deliver_by_ms; /* RFC 2852 §5; 0: no time was named */
	char ret;              /* 'F': the whole original is wanted (RFC 3461 §4.3) */
	bool smtputf8;         /* the original came with it */
	const struct dsn_recipient *recipients;
	size_t count; /* 1..LIMIT_TARGETS */
};

/* The third part, for whoever knows the original. */
struct dsn_original {
	bool whole;                                       /* else its header alone */
	enum { DSN_7BIT, DSN_8BIT, DSN_QUOTED } encoding; /* quoted-printable; the caller encodes it */
};

/* May the whole original go along? Only to say that a recipient failed (RFC 3461 §6.2). */
bool dsn_wants_whole(const struct dsn *dsn);

/* May the third part be encoded as a message cannot be otherwise? A header may, and a whole message that came
 * with SMTPUTF8 (RFC 2046 §5.2.1, RFC 6533 §4.4, RFC 6532 §3.5). */
bool dsn_may_quote(const struct dsn *dsn, bool whole);

/* Appends what stands before the octets of the original, and behind them. `arena` holds what is needed on the
 * way. The octets end with a line end of their own. ERR_LIMIT: an address, id or count is over its limit, or
 * a buffer is full   ERR_NOSPACE */
err dsn_compose(const struct dsn *dsn, struct dsn_original original, struct arena *arena, struct buf *before,
                struct buf *after) MUST_USE;

/* Is the notice's header in UTF-8, so that only SMTPUTF8 takes it there? */
bool dsn_is_wide(const struct dsn *dsn);

/* RFC 3464 §2.3.3: "failed", ... */
const char *dsn_action_name(enum dsn_action action);

/* What the notice as a whole is about: the action of the worst fared recipient. */
enum dsn_action dsn_worst(const struct dsn *dsn);

#endif

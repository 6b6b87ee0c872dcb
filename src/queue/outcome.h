/* queue/outcome.h: what becomes of a recipient after an attempt: done with, tried again and when, given up;
 * and what its sender is told. Pure.
 *
 * RFC 5321 §4.5.4.1 (retry, giving up), RFC 3461 §5.2 and §6.2 (who is told), RFC 2852 §4.1 (in time or not),
 * RFC 6710 (priority).
 */
#ifndef QUEUE_OUTCOME_H
#define QUEUE_OUTCOME_H

#include "smtp/client.h"
#include "store/queue.h"

enum outcome_kind {
	OUTCOME_SENT,
	OUTCOME_AGAIN, /* it was not its turn after all: nothing is counted, it may go at once */
	OUTCOME_LATER, /* tried again at due_ms */
	OUTCOME_FAILED,
};

enum outcome_notice {
	OUTCOME_TELLS_NOTHING,
	OUTCOME_TELLS_FAILED,
	OUTCOME_TELLS_DELAYED,
	OUTCOME_TELLS_RELAYED, /* it went to a server that tells nobody (RFC 3461 §5.2.2), or watches no time
	                        */
	OUTCOME_TELLS_DELIVERED, /* by LMTP: it is in its mailbox */
};

struct outcome_facts {
	enum client_fate fate;
	enum client_lack lack; /* of CLIENT_FATE_LACKS */
	bool counts;           /* CLIENT_FATE_NONE: it is a failed attempt all the same */
	struct smtp_status status;
	bool lmtp, passed_dsn, passed_by;
	/* of the recipient */
	uint32_t tries; /* before this one */
	bool delay_told;
	uint8_t notify;
	/* of the message */
	const struct queue_envelope *envelope;
	int64_t received_ms;
	int64_t now_ms;
	int64_t retry_at_ms; /* its site is left alone until then; 0: its own intervals count */
	uint64_t random;
};

struct outcome {
	enum outcome_kind kind;
	enum outcome_notice notice;
	int64_t due_ms;            /* of LATER */
	bool delay_told;           /* of LATER */
	bool expired;              /* of FAILED and of a notice of delay: for want of time, and not for what
	                              was answered */
	struct smtp_status status; /* for the notice: of the class that the outcome has */
};

struct outcome outcome_decide(const struct outcome_facts *facts);

/* Why a message can't go to a server as it is, for people, and the status that says so. */
const char *outcome_of_lack(enum client_lack lack, struct smtp_status *status);

#endif

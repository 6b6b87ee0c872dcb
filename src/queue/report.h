/* queue/report.h: what became of one recipient, as a line for the log and the event files. Pure.
 *
 * The lines of one recipient have the same fields, whatever became of it, so that `trace` finds and shows
 * them alike: by the message's id, Message-ID or either address.
 */
#ifndef QUEUE_REPORT_H
#define QUEUE_REPORT_H

#include "base/ip.h"
#include "base/log.h"

struct report {
	str message_id; /* the message's own (struct queue_message) */
	str header_id;  /* Message-ID; empty: none, or not known */
	uint64_t queue_id;
	str reverse_path; /* empty: null */
	str forward_path;
	str remote_host; /* who was spoken to; empty: nobody was */
	ip remote_ip;    /* none where it is not known */
	str tls;         /* "TLSv1.3"; empty: in the clear */
	str reply;       /* the remote's words; empty: none */
	str why;         /* ours, where there are no others; or empty */
	uint32_t attempts;
	int64_t next_attempt_ms; /* of EV_MESSAGE_DEFERRED; else 0 */
};

/* Appends one line; `event` is EV_MESSAGE_SENT, EV_MESSAGE_DEFERRED or EV_MESSAGE_BOUNCED. */
void report_add(struct buf *out, int64_t now_ms, enum log_event event, const struct report *report);

#endif

/* smtp/tx.h: one transaction: reverse-path, forward-paths, where they lead, the message, its commit.
 *
 * Apart from the session, so that RSET, a second EHLO and a lost connection are one call each, and so that
 * work under way outlives its session: whoever waits for a worker or the committer lends the transaction to
 * it (smtp_tx_lend) and gets it back (smtp_tx_take_back) or, where the session is gone, it is freed.
 *
 * Everything in it lives in its arena and goes with it. Loop thread; the fields are smtp/'s.
 */
#ifndef SMTP_TX_H
#define SMTP_TX_H

#include "deliver/id.h"
#include "deliver/route.h"
#include "session/session.h"
#include "smtp/content.h"
#include "smtp/parameters.h"
#include "smtp/path.h"
#include "store/commit.h"

struct smtp_server;
struct smtp_success;
struct smtp_session;

struct smtp_forward_path {
	struct smtp_forward_path *next;
	str text;
	str orcpt;      /* RFC 3461 §4.2, decoded; empty: none was given */
	uint8_t notify; /* §4.1; QUEUE_NOTIFY_SUCCESS is ours to obey where one of the next is true (§5.2.7):
	                 */
	bool expanded;  /* an alias with several targets is behind it: who sent it hears that, and no more of
	                   success */
	bool local;     /* it leads to a mailbox here. Else to another server: whoever sends there tells */
	str local_part, domain;
	/* in LMTP */
	bool left_out;
	enum smtp_reply why;
};

struct smtp_tx {
	struct session_job job; /* first: work on the draft finds the transaction by it */
	err job_result;
	struct smtp_server *server;
	struct arena arena;
	char id_octets[DELIVER_ID_LEN];
	str id;
	str reverse_path;
	str reverse_local_part, reverse_domain; /* of it, without quotes and normalised; empty: null */
	str login;                              /* who logged in; empty: nobody */
	uint32_t limit_taken; /* recipients that count against its limit until the message is refused, */
	int64_t limit_since_tick_ms; /* and since when */
	bool smtputf8;               /* RFC 6531 */
	bool binary;                 /* BODY=BINARYMIME (RFC 3030) */
	struct queue_envelope asked; /* by parameters of MAIL; what else is in it smtp/envelope.h fills */
	uint64_t declared_size;      /* 0: unknown */
	uint64_t size_limit;         /* as it was when the transaction began */
	struct smtp_forward_path *first_path, *last_path;
	uint32_t path_count;
	struct route route;
	struct smtp_content content;
	int64_t received_ms;
	/* the commit */
	struct commit commit;
	struct commit_op ops[2];      /* the message, and the notice of */
	struct smtp_success *success; /* NULL: nobody asked for one (smtp/success.h) */
	struct session_wait commit_wait;
	str event;
};

/* Begins a transaction: MAIL was taken. `reverse_path` is copied. ERR_NOSPACE. */
err smtp_tx_new(struct smtp_session *s, const struct smtp_path *reverse_path, uint64_t declared_size,
                struct smtp_tx **out) MUST_USE;

/* Looks up where `path` leads and takes it where it leads somewhere; ROUTE_TAKEN or why not. */
enum route_answer smtp_tx_add_path(struct smtp_session *s, const struct smtp_path *path,
                                   const struct smtp_rcpt_parameters *parameters);

/* Fills the commit: each mailbox with its prefix, each recipient elsewhere, the summary, the event line. Also
 * once more for what smtp_tx_leave_out left. ERR_NOSPACE. */
err smtp_tx_prepare_commit(struct smtp_session *s, struct smtp_tx *tx) MUST_USE;

/* After the end of the message, on the loop: what its commit says of its content. ERR_NOSPACE. */
err smtp_tx_prepare_summary(struct smtp_tx *tx) MUST_USE;

/* LMTP, after a commit that failed: where one mailbox is to blame, the forward-paths that lead there are left
 * out. True: others are left, to be committed anew. Each time at least one mailbox less, so it ends. */
bool smtp_tx_leave_out(struct smtp_session *s, struct smtp_tx *tx);

void smtp_tx_lend(struct smtp_session *s);
void smtp_tx_take_back(struct smtp_session *s, struct smtp_tx *tx);

/* The transaction behind a wait that began with it. */
struct smtp_tx *smtp_tx_of_job_wait(struct session_wait *wait);
struct smtp_tx *smtp_tx_of_commit_wait(struct session_wait *wait);

/* Forgets everything. NULL is legal. */
void smtp_tx_free(struct smtp_tx *tx);

#endif

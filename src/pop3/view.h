/* pop3/view.h: a mailbox as one POP3 session sees it: what was there at the login, in numbers from 1, and
 * which of it is marked as deleted.
 *
 * 16 octets a message, and those of all views under one cap (limits.mailbox_views_octets). Knows no store:
 * rows are given to it. One thread at a time; the budget is shared by all.
 *
 * RFC 1939 §4 (message numbers), §5 (DELE, RSET), §7 (unique ids).
 */
#ifndef POP3_VIEW_H
#define POP3_VIEW_H

#include <stdatomic.h>

#include "store/mailbox.h"

struct view_budget {
	_Atomic uint64_t used_octets, max_octets;
};

struct pop3_message {
	uint64_t size : 63; /* prefix and content, dots as they are */
	uint64_t deleted : 1;
	uint32_t uid;
	bool smtputf8; /* in UTF-8 where RFC 5322 has ASCII */
};

struct pop3_view {
	struct view_budget *budget;
	struct pop3_message *messages; /* UIDs ascend */
	uint32_t uidvalidity;
	uint32_t count, room;
	/* of those not marked */
	uint32_t left;
	uint64_t left_octets;
};

/* `budget` is borrowed for the view's life. Holds nothing yet. */
void pop3_view_init(struct pop3_view *view, struct view_budget *budget);

/* Room for `count` messages in all, so that what is known beforehand is allocated once.
 * ERR_LIMIT over the budget   ERR_NOSPACE */
err pop3_view_reserve(struct pop3_view *view, uint64_t count) MUST_USE;

/* Appends rows with UIDs over those there are. Errors as pop3_view_reserve, nothing appended then. */
err pop3_view_add(struct pop3_view *view, const struct mailbox_row *rows, size_t count) MUST_USE;

/* The message of that number; NULL where there is none or it is marked. */
const struct pop3_message *pop3_view_find(const struct pop3_view *view, uint32_t number);

/* Marks it. False where pop3_view_find has none. */
bool pop3_view_mark(struct pop3_view *view, uint32_t number);

/* A message of another size than its row said: what is sent of it is its surrogate. Not one that is marked.
 */
void pop3_view_set_size(struct pop3_view *view, uint32_t number, uint64_t size);

/* Takes all marks away. */
void pop3_view_unmark_all(struct pop3_view *view);

/* The UIDs of those marked, ascending: an array for free(). view->count - view->left of them, at least one.
 * ERR_NOSPACE. */
err pop3_view_take_marked(const struct pop3_view *view, uint32_t **out) MUST_USE;

/* Gives everything back. An initialised view that holds nothing is legal, and one all zero. */
void pop3_view_fini(struct pop3_view *view);

#endif

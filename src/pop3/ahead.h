/* pop3/ahead.h: messages opened before they are asked for, for who collects one after the other.
 *
 * The way to a worker and back takes longer than its work. So a job opens several, and the next several
 * while those are sent: who collects in order does not wait for a worker again. One job at a time for each
 * session, which does not wait for it unless it asks for what the job is about to open.
 *
 * Loop thread throughout. For pop3/ only.
 */
#ifndef POP3_AHEAD_H
#define POP3_AHEAD_H

#include "pop3/opened.h"
#include "pop3/view.h"
#include "session/session.h"

struct pop3_ahead;

/* `utf8`: the client said UTF8. NULL: out of memory. */
struct pop3_ahead *pop3_ahead_new(struct pop3_source source, bool utf8, struct work *work);

/* Has messages opened that follow those that are, from `first` where none is, up to one that goes as a
 * surrogate. Nothing where enough are open, a job is under way or the workers have no room. */
void pop3_ahead_fill(struct pop3_ahead *ahead, const struct pop3_view *view, struct pop3_want first);

/* The message, if it is open; those before it are closed. */
struct pop3_opened *pop3_ahead_take(struct pop3_ahead *ahead, const struct pop3_want *want);

/* True where a job is opening it: the command returns NEXT_WAIT, and `resumed` runs when the job has ended,
 * whether or not it could be opened. */
bool pop3_ahead_await(struct pop3_ahead *ahead, struct session *session, const struct pop3_want *want,
                      enum next (*resumed)(struct session *session, struct session_wait *wait));

/* Closes what is open: the client goes on elsewhere. */
void pop3_ahead_drop(struct pop3_ahead *ahead);

/* NULL is legal. Where a job is under way the rest follows when it ends. */
void pop3_ahead_free(struct pop3_ahead *ahead);

#endif

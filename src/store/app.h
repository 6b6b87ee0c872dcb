/* store/app.h: what stands beside an app in memory: when its login was last tried and from where, and what it
 * sent of late.
 *
 * A login costs no commit. It is noted here, and the committer writes what is new into the app's row with a
 * batch that it commits anyway, at most once in APP_USE_WRITE_MS, and when the store is closed. After a crash
 * the times may therefore be a little old; they are never another app's, since they belong to the app as it
 * was made: one that is revoked takes them along, a new one of the same name begins without. They are in no
 * record: a database made anew from the segments says "never". What counts against the limit is forgotten
 * with the process, and when the limit gets another period.
 *
 * Any thread. The app is one of a snapshot that the caller holds (store/directory.h).
 */
#ifndef STORE_APP_H
#define STORE_APP_H

#include "store/directory.h"

enum { APP_USE_WRITE_MS = 10000, APP_USE_FROM = 46 };

struct app_try {
	int64_t ms;              /* since the epoch; 0: never */
	char from[APP_USE_FROM]; /* the peer's IP address as text, NUL-terminated */
};

/* Notes that the app's login was tried just now: with its password (`granted`) or a wrong one. */
void app_note_login(struct store *store, const struct app *app, bool granted, str remote_ip);

/* The last login with the right password, and the last with a wrong one. */
void app_last_logins(const struct app *app, struct app_try *granted, struct app_try *refused);

/* Takes `recipients` (> 0) out of the app's limit (base/rate.h). False: it is used up for the next *wait_ms;
 * always true where the app has no limit. */
bool app_take(const struct app *app, uint32_t recipients, int64_t *wait_ms);

/* Gives back what was taken, at `since_tick_ms` or later, for a message that was not accepted. */
void app_give_back(const struct app *app, uint32_t recipients, int64_t since_tick_ms);

#endif

/* auth/identity.h: who has logged in: an account, or one of its applications.
 *
 * A copy, made at the login and owned by the session for as long as that lasts. It says who came in, not what
 * they may do now: an application can be revoked and an account suspended meanwhile, so whoever lets somebody
 * do something lasting asks identity_find for what the directory says at that moment.
 */
#ifndef AUTH_IDENTITY_H
#define AUTH_IDENTITY_H

#include "store/directory.h"

struct identity {
	uint64_t account_id;
	str address; /* the account's: "ann@shop.example" */
	str app;     /* the application's name, "bookings"; empty: the person */
	str login;   /* the name that was logged in with: "ann+bookings@shop.example" */
};

/* One allocation, its texts included; NULL without memory. */
struct identity *identity_new(const struct account *account, str app, str login);

/* The account, and the application unless it is the person (*app is NULL), as `d` has them. False where they
 * may do nothing any more: removed, renamed, suspended, revoked. They live as long as `d`. */
bool identity_find(const struct directory *d, const struct identity *identity, const struct account **account,
                   const struct app **app);

/* NULL is legal. */
void identity_free(struct identity *identity);

#endif

/* smtp/local.h: programs of this machine, which come by data_dir/run/submit.sock: who they are, and how many.
 *
 * The system says whose process is at the other end (SO_PEERCRED), so there is nothing to log in with. The
 * name behind the uid is looked up by a worker before the greeting: a directory service may take its time.
 * What the login may send as is deliver/local_login.h's. A login holds at most LIMIT_LOCAL_SESSIONS sessions,
 * so that none can use up the connections of mail; root is free of that.
 */
#ifndef SMTP_LOCAL_H
#define SMTP_LOCAL_H

#include <pthread.h>

#include "base/limits.h"
#include "deliver/local_login.h"
#include "session/session.h"

struct smtp_session;

/* Shared by the sessions of a server. */
struct smtp_locals {
	pthread_mutex_t lock;
	struct arena arena; /* of what may be sent as whom */
	struct local_allowances allowed;
	struct {
		uint32_t uid, sessions; /* sessions 0: free */
	} held[LIMIT_LOCAL_LOGINS];
};

/* Who is there; in the arena of its own. Fields are smtp/'s. */
struct smtp_local {
	struct session_job job; /* first */
	struct smtp_locals *all;
	struct arena arena;
	str hostname;
	uint32_t uid;
	bool is_held; /* counted among `held` */
	err result;   /* of the look-up: ERR_MISSING, nobody has the uid */
	struct local_login login;
};

void smtp_locals_init(struct smtp_locals *all);
void smtp_locals_fini(struct smtp_locals *all);

/* Any thread. Copied; holds for sessions that begin from now on. ERR_NOSPACE: the former ones stay. */
err smtp_locals_allow(struct smtp_locals *all, const struct local_allowances *allowed) MUST_USE;

/* A session's beginning: finds out who is there, then greets or refuses. */
enum next smtp_local_begin(struct smtp_session *s);

/* NULL is legal. */
void smtp_local_free(struct smtp_local *local);

#endif

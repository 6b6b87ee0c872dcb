#include "smtp/local.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>

#include "base/limits.h"
#include "smtp/session_internal.h"

enum { PASSWD_OCTETS = 16 * 1024 };

/* --- what sessions share --- */

void smtp_locals_init(struct smtp_locals *all)
{
	*all = (struct smtp_locals){ 0 };
	pthread_mutex_init(&all->lock, NULL);
	arena_init(&all->arena, NULL, LIMIT_CONFIG_FILE);
}

void smtp_locals_fini(struct smtp_locals *all)
{
	arena_reset(&all->arena);
	pthread_mutex_destroy(&all->lock);
}

static err copy_allowances(struct arena *arena, const struct local_allowances *from,
                           struct local_allowances *out)
{
	struct local_allowances copy = { .items = arena_new(arena, struct local_allowance, from->count + 1) };

	if (!copy.items)
		return ERR_NO_MEMORY;
	for (; copy.count < from->count; copy.count++) {
		TRY(arena_copy(arena, from->items[copy.count].login, &copy.items[copy.count].login));
		TRY(arena_copy(arena, from->items[copy.count].from, &copy.items[copy.count].from));
	}
	*out = copy;
	return OK;
}

err smtp_locals_allow(struct smtp_locals *all, const struct local_allowances *allowed)
{
	struct local_allowances copy;
	struct arena arena, former;

	arena_init(&arena, NULL, LIMIT_CONFIG_FILE);
	err e = copy_allowances(&arena, allowed, &copy);
	if (e.code != ERR_OK) {
		arena_reset(&arena);
		return e;
	}
	pthread_mutex_lock(&all->lock);
	former = all->arena;
	all->arena = arena;
	all->allowed = copy;
	pthread_mutex_unlock(&all->lock);
	arena_reset(&former);
	return OK;
}

/* One more session of this uid; false where it has as many as it may. */
static bool hold(struct smtp_locals *all, uint32_t uid)
{
	bool held = false;

	pthread_mutex_lock(&all->lock);
	size_t place = LIMIT_LOCAL_LOGINS;
	for (size_t i = 0; i < LIMIT_LOCAL_LOGINS; i++) {
		if (all->held[i].sessions > 0 && all->held[i].uid == uid) {
			place = i;
			break;
		}
		if (all->held[i].sessions == 0)
			place = i;
	}
	if (place < LIMIT_LOCAL_LOGINS && all->held[place].sessions < LIMIT_LOCAL_SESSIONS) {
		all->held[place].uid = uid;
		all->held[place].sessions++;
		held = true;
	}
	pthread_mutex_unlock(&all->lock);
	return held;
}

static void release(struct smtp_locals *all, uint32_t uid)
{
	pthread_mutex_lock(&all->lock);
	for (size_t i = 0; i < LIMIT_LOCAL_LOGINS; i++)
		if (all->held[i].sessions > 0 && all->held[i].uid == uid) {
			all->held[i].sessions--;
			break;
		}
	pthread_mutex_unlock(&all->lock);
}

/* --- one session --- */

void smtp_local_free(struct smtp_local *local)
{
	struct arena arena;

	if (!local)
		return;
	if (local->is_held)
		release(local->all, local->uid);
	arena = local->arena; /* it holds itself */
	arena_reset(&arena);
}

static err find_login(struct smtp_local *local)
{
	char *octets = arena_alloc(&local->arena, PASSWD_OCTETS);
	struct passwd entry, *found = NULL;

	if (!octets)
		return ERR_NO_MEMORY;
	int failed = getpwuid_r(local->uid, &entry, octets, PASSWD_OCTETS, &found);
	if (failed && failed != ENOENT && failed != ESRCH)
		return (err){ ERR_BUSY, (uint32_t)failed, "the system can't say who that is" };
	if (!found)
		return (err){ ERR_MISSING, 0, "nobody has that uid" };
	pthread_mutex_lock(&local->all->lock);
	err e = local_login_init(&local->arena, str_of(entry.pw_name), local->uid == 0, local->hostname,
	                         &local->all->allowed, &local->login);
	pthread_mutex_unlock(&local->all->lock);
	return e;
}

static void look_up(struct job *job)
{
	struct smtp_local *local = (struct smtp_local *)(void *)job;

	local->result = find_login(local);
}

static struct smtp_local *of_wait(struct session_wait *wait)
{
	return (struct smtp_local *)(void *)((char *)wait - offsetof(struct smtp_local, job.wait));
}

static enum next close_with(struct smtp_session *s, enum smtp_reply reply)
{
	(void)smtp_say(s, reply);
	return NEXT_CLOSE;
}

static enum next looked_up(struct session *session, struct session_wait *wait)
{
	struct smtp_session *s = (struct smtp_session *)session;

	s->local = of_wait(wait);
	if (s->local->result.code == ERR_OK)
		return smtp_say(s, SMTP_REPLY_GREETING);
	return close_with(s, s->local->result.code == ERR_MISSING ? SMTP_REPLY_LOCAL_NOBODY
	                                                          : SMTP_REPLY_LOCAL_UNKNOWN);
}

static void abandoned(struct session_wait *wait) { smtp_local_free(of_wait(wait)); }

static struct smtp_local *make(struct smtp_session *s, uint32_t uid)
{
	struct arena arena;

	arena_init(&arena, NULL, 2 * PASSWD_OCTETS + LIMIT_CONFIG_FILE);
	struct smtp_local *local = arena_new(&arena, struct smtp_local, 1);
	if (!local)
		return NULL;
	local->all = &s->server->locals;
	local->arena = arena; /* from here on it lives in itself */
	local->hostname = s->server->hostname;
	local->uid = uid;
	return local;
}

enum next smtp_local_begin(struct smtp_session *s)
{
	uint32_t uid = 0;

	if (!conn_peer_uid(s->session.conn, &uid))
		return close_with(s, SMTP_REPLY_LOCAL_UNKNOWN);
	struct smtp_local *local = make(s, uid);
	if (!local)
		return close_with(s, SMTP_REPLY_LOCAL_UNKNOWN);
	local->is_held = uid != 0 && hold(local->all, uid);
	if (uid != 0 && !local->is_held) {
		smtp_local_free(local);
		return close_with(s, SMTP_REPLY_TOO_MANY_CONNECTIONS);
	}
	err e = session_submit(&s->session, s->server->work, WORK_BULK, &local->job, look_up, looked_up,
	                       abandoned);
	if (e.code == ERR_OK)
		return NEXT_WAIT;
	smtp_local_free(local);
	return close_with(s, SMTP_REPLY_LOCAL_UNKNOWN);
}

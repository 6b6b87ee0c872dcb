/* The token that a route logs in with (XOAUTH2, OAUTHBEARER): printed by a command that its owner named, kept
 * for a while for all connections of the site, and fetched anew when a login with it was refused. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/limits.h"
#include "queue/delivery_internal.h"

struct token_job {
	struct job job; /* first */
	struct delivery *delivery;
	struct arena arena;
	err result;
	str token;
};

static bool take_kept(struct delivery *d)
{
	struct outbound_site *os = d->os;

	outbound_lock(d->out);
	if (os->token && os->token_until_ms > clock_now())
		d->token = strdup(os->token);
	outbound_unlock(d->out);
	return d->token != NULL;
}

static void wipe(char *token)
{
	if (token)
		explicit_bzero(token, strlen(token));
	free(token);
}

void delivery_token_forget(struct delivery *d)
{
	outbound_lock(d->out);
	wipe(d->os->token);
	d->os->token = NULL;
	outbound_unlock(d->out);
	wipe(d->token);
	d->token = NULL;
}

void delivery_token_free(struct delivery *d)
{
	wipe(d->token);
	d->token = NULL;
}

static void run(struct job *job)
{
	struct token_job *t = (struct token_job *)(void *)job;

	t->result = command_output(&t->arena, t->delivery->way->token_command, LIMIT_TOKEN_MS, LIMIT_TOKEN,
	                           &t->token);
}

static void keep(struct delivery *d, str token)
{
	char *copy = strndup(token.ptr, token.len);

	outbound_lock(d->out);
	wipe(d->os->token);
	d->os->token = copy;
	d->os->token_until_ms = clock_now() + LIMIT_TOKEN_KEPT_MS;
	outbound_unlock(d->out);
	d->token = strndup(token.ptr, token.len);
	d->token_is_fresh = true;
}

static void done(struct job *job)
{
	struct token_job *t = (struct token_job *)(void *)job;
	struct delivery *d = t->delivery;

	d->fetching = false;
	if (t->result.code == ERR_OK) {
		keep(d, t->token);
	} else {
		delivery_note_fault(d, false, (struct smtp_status){ 4, 7, 8 },
		                    t->result.what ? str_of(t->result.what)
		                                   : STR("the route's token command failed"));
		d->at = d->count; /* no host will do without */
	}
	arena_reset(&t->arena);
	free(t);
	delivery_next_address(d);
}

bool delivery_token_fetch(struct delivery *d)
{
	if (d->way->token_command.len == 0 || d->token || take_kept(d))
		return false;
	struct token_job *t = calloc(1, sizeof *t);
	if (!t)
		return false; /* the login fails, and the site is tried again */
	t->delivery = d;
	t->job.run = run;
	t->job.done = done;
	arena_init(&t->arena, NULL, 4 * LIMIT_TOKEN);
	if (work_submit(d->out->given.work, WORK_COMMAND, &t->job).code != ERR_OK) {
		free(t);
		return false;
	}
	d->fetching = true;
	return true;
}

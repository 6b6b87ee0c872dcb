#include "http/control.h"

#include <stdlib.h>
#include <unistd.h>

#include "admin/metrics.h"
#include "admin/operation.h"
#include "admin/outbound.h"
#include "base/limits.h"

/* One operation under way. It passes from the loop to a worker, back, to the committer, and back again. */
struct control_call {
	struct job job;
	struct commit commit;
	struct commit_op op;
	struct control *control;
	struct http_exchange *exchange;
	const struct operation *operation;
	struct operation_call call;
	json_t *arguments;
	char *text; /* the answer, where the worker made it */
	err failed;
};

static unsigned status_of(err_code code)
{
	switch (code) {
	case ERR_OK:
		return 200;
	case ERR_SYNTAX:
	case ERR_LIMIT:
		return 400;
	case ERR_MISSING:
		return 404;
	case ERR_EXISTS:
		return 409;
	case ERR_DENIED:
		return 403;
	case ERR_NOSPACE:
	case ERR_QUOTA:
		return 507;
	case ERR_BUSY:
	case ERR_TIMEOUT:
	case ERR_CLOSED:
		return 503;
	case ERR_IO:
	case ERR_CORRUPT:
		return 500;
	}
	return 500;
}

static char *dump(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

static char *dump_answer(struct operation_call *call)
{
	return dump(json_pack("{s:O, s:O?}", "answer", call->answer, "warnings", call->warnings));
}

static void answer_text(struct http_exchange *exchange, unsigned status, const char *text)
{
	if (text)
		http_answer(exchange, status, str_of(text));
	else
		http_answer(exchange, 503, STR("{\"error\":\"nospace\",\"what\":\"out of memory\"}"));
}

static void answer_error(struct http_exchange *exchange, err e, bool usage)
{
	char *text = dump(json_pack("{s:s, s:s}", "error", usage ? "usage" : err_code_name(e.code), "what",
	                            e.what ? e.what : "failed"));

	answer_text(exchange, status_of(e.code), text);
	free(text);
}

/* Says what came out and lets go of everything. */
static void end(struct control_call *c)
{
	if (c->failed.code == ERR_OK && !c->text)
		c->text = dump_answer(&c->call);
	struct http_exchange *exchange = c->exchange;
	if (c->failed.code == ERR_OK)
		answer_text(exchange, 200, c->text);
	else
		answer_error(exchange, c->failed, c->call.usage);
	operation_call_fini(&c->call);
	json_decref(c->arguments);
	free(c->text);
	free(c);
}

static void committed(struct commit *commit)
{
	struct control_call *c =
		(struct control_call *)((char *)commit - offsetof(struct control_call, commit));

	c->failed = operation_finish(c->operation, &c->call, c->op.result);
	end(c);
}

static err parse_arguments(struct control_call *c)
{
	str content = http_content(c->exchange);
	json_error_t where;

	c->arguments = content.len ? json_loadb(content.ptr, content.len, JSON_REJECT_DUPLICATES, &where)
	                           : json_object();
	if (!json_is_object(c->arguments)) {
		c->call.usage = true;
		return (err){ ERR_SYNTAX, 0, "the request's content is no JSON object" };
	}
	return OK;
}

static bool wants_lookup(const struct control_call *c)
{
	return c->failed.code == ERR_OK && c->call.lookup && c->call.outbound && c->call.outbound->lookup;
}

static void run(struct job *job)
{
	struct control_call *c = (struct control_call *)job;

	c->failed = parse_arguments(c);
	if (c->failed.code != ERR_OK)
		return;
	operation_call_init(&c->call, http_arena(c->exchange), c->control->store, c->arguments);
	c->call.config = c->control->config;
	c->call.flight = c->control->flight;
	c->call.outbound = c->control->outbound;
	c->failed = operation_prepare(c->operation, &c->call);
	/* A long list is written out here, not on the loop. */
	if (c->failed.code == ERR_OK && c->call.answer && !wants_lookup(c))
		c->text = dump_answer(&c->call);
}

static void looked_up(struct outbound_lookup *lookup)
{
	struct control_call *c = lookup->user;

	operation_looked_up(&c->call);
	end(c);
}

static void prepared(struct job *job)
{
	struct control_call *c = (struct control_call *)job;

	if (wants_lookup(c)) {
		c->call.lookup->done = looked_up;
		c->call.lookup->user = c;
		c->call.outbound->lookup(c->call.outbound->user, c->call.lookup);
		return;
	}
	if (c->failed.code != ERR_OK || !operation_commit(&c->call, &c->op)) {
		end(c);
		return;
	}
	c->commit = (struct commit){ .loop = http_loop(c->exchange),
		                     .done = committed,
		                     .arena = http_arena(c->exchange),
		                     .ops = &c->op,
		                     .op_count = 1 };
	store_commit(c->control->store, &c->commit);
}

static err begin(struct http_exchange *exchange, struct control *control)
{
	str path = http_path(exchange);
	const struct operation *operation = NULL;

	if (str_starts(path, STR("/v1/")))
		operation = operation_find(str_from(path, 4));
	if (!operation)
		return (err){ ERR_MISSING, 0, "no such operation; is the server older than the command?" };
	struct control_call *c = calloc(1, sizeof *c);
	if (!c)
		return ERR_NO_MEMORY;
	c->control = control;
	c->exchange = exchange;
	c->operation = operation;
	c->job.run = run;
	c->job.done = prepared;
	err e = work_submit(control->work, operation->class, &c->job);
	if (e.code != ERR_OK)
		free(c);
	return e;
}

struct metrics_call {
	struct job job; /* first */
	struct control *control;
	struct http_exchange *exchange;
	struct buf text;
};

static void write_metrics(struct job *job)
{
	struct metrics_call *m = (struct metrics_call *)job;

	buf_init(&m->text, http_arena(m->exchange), LIMIT_METRICS);
	metrics_write(&m->text, m->control->store, &m->control->standing, m->control->outbound);
}

static void metrics_written(struct job *job)
{
	struct metrics_call *m = (struct metrics_call *)job;

	if (buf_err(&m->text).code == ERR_OK)
		http_answer_as(m->exchange, 200, METRICS_TYPE, buf_str(&m->text));
	else
		answer_text(m->exchange, 503, NULL);
	free(m);
}

static err begin_metrics(struct http_exchange *exchange, struct control *control)
{
	struct metrics_call *m = calloc(1, sizeof *m);

	if (!m)
		return ERR_NO_MEMORY;
	m->control = control;
	m->exchange = exchange;
	m->job.run = write_metrics;
	m->job.done = metrics_written;
	err e = work_submit(control->work, WORK_BULK, &m->job);
	if (e.code != ERR_OK)
		free(m);
	return e;
}

static void handle(struct http_exchange *exchange, void *user)
{
	struct control *control = user;

	bool metrics =
		str_eq(http_path(exchange), STR("/metrics")) && str_eq(http_method(exchange), STR("GET"));

	if (!metrics && !str_eq(http_method(exchange), STR("POST"))) {
		http_answer(exchange, 405,
		            STR("{\"error\":\"usage\",\"what\":\"operations are asked for by POST\"}"));
		return;
	}
	err e = metrics ? begin_metrics(exchange, control) : begin(exchange, control);
	if (e.code != ERR_OK)
		answer_error(exchange, e, false);
}

static bool admit(const struct conn *conn, void *user)
{
	uint32_t uid;

	(void)user;
	return conn_peer_uid(conn, &uid) && (uid == 0 || uid == geteuid());
}

struct conn_service control_service(struct control *control, struct store *store, struct work *work,
                                    const struct config *config, const struct flight *flight)
{
	control->store = store;
	control->work = work;
	control->config = config;
	control->flight = flight;
	pthread_mutex_init(&control->standing.lock, NULL);
	control->http =
		(struct http_service){ .name = "control", .admit = admit, .handle = handle, .user = control };
	return http_conn_service(&control->http);
}

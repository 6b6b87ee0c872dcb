#include "net/dns.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#include "base/buf.h"
#include "base/limits.h"
#include "net/loop_internal.h"

#define ROOT_ANCHOR "/usr/share/dns/root.key"

struct dns {
	struct ub_ctx *context;
	struct loop *loop; /* polls */
	uv_poll_t poll;
	struct post start_post, stop_post;
	_Atomic bool stopping;
	struct link asked; /* questions that the library has; the polling loop's */
	void (*stopped)(void *user);
	void *stopped_user;
};

/* --- setting up --- */

static err refused(struct arena *arena, int code, const char *doing)
{
	return err_new(arena, code == UB_NOMEM ? ERR_NOSPACE : ERR_IO, "DNS: %s: %s", doing,
	               ub_strerror(code));
}

static err option(struct arena *arena, struct ub_ctx *context, const char *name, const char *value)
{
	int code = ub_ctx_set_option(context, name, value);

	return code ? refused(arena, code, name) : OK;
}

static err forward_to(struct arena *arena, struct ub_ctx *context, const struct dns_server *server)
{
	char room[80];
	struct buf text;

	buf_init_fixed(&text, room, sizeof room);
	ip_format(&text, server->address);
	buf_add_char(&text, '@');
	buf_add_u64(&text, server->port);
	buf_add_char(&text, '\0');
	TRY(buf_err(&text));
	int code = ub_ctx_set_fwd(context, room);
	return code ? refused(arena, code, room) : OK;
}

/* Names that the library answers by itself, with "no such name": who is asked through a server of one's own
 * may well have them. After this the library takes no more settings. */
static void forget_local_zones(struct ub_ctx *context)
{
	static const char *const zones[] = { "test.",
		                             "localhost.",
		                             "invalid.",
		                             "onion.",
		                             "local.",
		                             "home.arpa.",
		                             "127.in-addr.arpa.",
		                             "10.in-addr.arpa.",
		                             "168.192.in-addr.arpa." };

	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
		(void)ub_ctx_zone_remove(context, zones[i]); /* one that is not there is no loss */
}

static err use_servers(struct arena *arena, struct ub_ctx *context, const struct dns_options *options)
{
	TRY(option(arena, context, "do-not-query-localhost:", "no"));
	for (size_t i = 0; i < options->server_count; i++)
		TRY(forward_to(arena, context, &options->servers[i]));
	return OK;
}

static err use_anchors(struct arena *arena, struct ub_ctx *context, const struct dns_options *options)
{
	const char *path = ROOT_ANCHOR;

	if (options->trust_anchor_file.len > 0) {
		path = arena_z(arena, options->trust_anchor_file);
		if (!path)
			return ERR_NO_MEMORY;
	} else if (options->server_count > 0) {
		return OK;
	}
	int code = ub_ctx_add_ta_file(context, path);
	return code ? refused(arena, code, path) : OK;
}

static err set_up(struct arena *arena, struct ub_ctx *context, const struct dns_options *options)
{
	int code = ub_ctx_async(context, 1); /* a thread, not a process */

	if (code)
		return refused(arena, code, "starting");
	if (options->server_count > 0)
		TRY(use_servers(arena, context, options));
	TRY(use_anchors(arena, context, options));
	if (options->server_count > 0)
		forget_local_zones(context);
	return OK;
}

/* --- polling --- */

static void came(uv_poll_t *poll, int status, int events)
{
	struct dns *dns = poll->data;

	(void)status;
	(void)events;
	(void)ub_process(dns->context);
}

static void start_run(struct post *post)
{
	struct dns *dns = CONTAINER(post, struct dns, start_post);
	int failed = uv_poll_init(&dns->loop->uv, &dns->poll, ub_fd(dns->context));

	assert(failed == 0);
	(void)failed;
	dns->poll.data = dns;
	uv_poll_start(&dns->poll, UV_READABLE, came);
}

err dns_new(struct arena *arena, struct loop *loop, const struct dns_options *options, struct dns **out)
{
	struct dns *dns = calloc(1, sizeof *dns);

	if (!dns)
		return ERR_NO_MEMORY;
	link_init(&dns->asked);
	dns->loop = loop;
	dns->context = ub_ctx_create();
	err e = dns->context ? set_up(arena, dns->context, options) : ERR_NO_MEMORY;
	if (e.code != ERR_OK) {
		dns_free(dns);
		return e;
	}
	dns->start_post.run = start_run;
	loop_post(loop, &dns->start_post);
	*out = dns;
	return OK;
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	if (dns->context)
		ub_ctx_delete(dns->context);
	free(dns);
}

/* --- asking: on the polling loop --- */

static enum dns_status status_of(const struct ub_result *r)
{
	if (r->bogus)
		return DNS_BOGUS;
	if (r->havedata)
		return DNS_FOUND;
	if (r->nxdomain)
		return DNS_NO_NAME;
	return r->rcode == 0 ? DNS_NO_DATA : DNS_TEMPORARY;
}

static bool fill_rdata(struct dns_question *q, const struct ub_result *r)
{
	size_t count = 0;

	/* The library hands over what does not hold, too; nobody is to believe it. */
	while (r->havedata && !r->bogus && r->data[count])
		count++;
	q->rdata_room = calloc(count + 1, sizeof *q->rdata_room);
	if (!q->rdata_room)
		return false;
	for (size_t i = 0; i < count; i++)
		q->rdata_room[i] = (str){ r->data[i], (size_t)r->len[i] };
	q->rdata = q->rdata_room;
	q->count = count;
	return true;
}

static void answer_run(struct post *post)
{
	struct dns_question *q = CONTAINER(post, struct dns_question, post);
	struct ub_result *result = q->result;
	str *rdata = q->rdata_room;

	q->done(q); /* it may be gone after it */
	free(rdata);
	ub_resolve_free(result);
}

static void answer(struct dns_question *q)
{
	q->post.run = answer_run;
	loop_post(q->loop, &q->post);
}

static void resolved(void *user, int failed, struct ub_result *result)
{
	struct dns_question *q = user;

	if (!failed && result && fill_rdata(q, result)) {
		q->result = result;
		q->status = status_of(result);
		q->secure = result->secure != 0;
		q->ttl_s = (uint32_t)result->ttl;
		q->why = result->why_bogus;
		q->canonical = str_of(result->canonname ? result->canonname : "");
	} else if (result) {
		ub_resolve_free(result);
	}
	link_remove(&q->link);
	answer(q);
}

static void ask_run(struct post *post)
{
	struct dns_question *q = CONTAINER(post, struct dns_question, post);
	struct dns *dns = q->dns;
	char name[LIMIT_DOMAIN + 2];

	if (atomic_load(&dns->stopping) || q->name.len == 0 || q->name.len > LIMIT_DOMAIN) {
		answer(q);
		return;
	}
	memcpy(name, q->name.ptr, q->name.len);
	name[q->name.len] = '\0';
	link_append(&dns->asked, &q->link);
	if (ub_resolve_async(dns->context, name, (int)q->type, 1, q, resolved, &q->async_id) != 0) {
		link_remove(&q->link);
		answer(q);
	}
}

void dns_ask(struct dns *dns, struct dns_question *q)
{
	q->dns = dns;
	q->loop = loop_current();
	q->status = DNS_TEMPORARY;
	q->secure = false;
	q->ttl_s = 0;
	q->why = NULL;
	q->rdata = q->rdata_room = NULL;
	q->count = 0;
	q->canonical = STR("");
	q->link = (struct link){ 0 };
	q->result = NULL;
	q->post.run = ask_run;
	loop_post(dns->loop, &q->post);
}

/* --- stopping --- */

static void closed(uv_handle_t *handle)
{
	struct dns *dns = handle->data;

	dns->stopped(dns->stopped_user);
}

static void stop_run(struct post *post)
{
	struct dns *dns = CONTAINER(post, struct dns, stop_post);

	while (!link_is_empty(&dns->asked)) {
		struct dns_question *q = CONTAINER(dns->asked.next, struct dns_question, link);
		(void)ub_cancel(dns->context, q->async_id);
		link_remove(&q->link);
		answer(q);
	}
	uv_close((uv_handle_t *)&dns->poll, closed);
}

void dns_stop(struct dns *dns, void (*stopped)(void *user), void *user)
{
	dns->stopped = stopped;
	dns->stopped_user = user;
	atomic_store(&dns->stopping, true);
	dns->stop_post.run = stop_run;
	loop_post(dns->loop, &dns->stop_post);
}

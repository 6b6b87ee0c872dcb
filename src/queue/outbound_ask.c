/* What DNS says of a domain or a host just now, in sentences for people. */
#include <stdlib.h>

#include "base/limits.h"
#include "queue/outbound_internal.h"

enum { SENTENCES_MOST = LIMIT_MX_HOSTS + 1, ASKING_ARENA = 64 * LIMIT_KB, PATIENCE_MS = 8000 };

struct asking {
	struct arena arena;                 /* holds it */
	struct outbound_question *question; /* NULL: it was answered, as one that took too long */
	struct loop *loop;
	struct timer timer;
	struct mx_query query;
	const char *sentences[SENTENCES_MOST];
};

static const char *status_sentence(const struct mx_query *q)
{
	switch (q->result.status) {
	case MX_FOUND:
		break;
	case MX_NULL:
		return "DNS: it takes no mail (null MX); mail to it comes back";
	case MX_NO_DOMAIN:
		return q->host ? "DNS: there is no such host; mail waits until there is"
		               : "DNS: there is no such domain; mail to it comes back";
	case MX_NO_ADDRESS:
		return "DNS: none of its hosts has an address; mail to it comes back";
	case MX_LOOP:
		return "DNS: its mail server is this one, which does not keep its mail; mail to it comes "
		       "back: postrider domain add, or a route";
	case MX_PRIVATE:
		return "DNS: its mail servers have private addresses only; mail to it comes back unless "
		       "outbound.allow_private is true";
	case MX_TEMPORARY:
		return "DNS: no answer just now; mail waits";
	}
	return "";
}

static const char *host_sentence(struct asking *a, size_t host)
{
	const struct mx_result *r = &a->query.result;
	struct buf text;

	buf_init(&text, &a->arena, 4 * LIMIT_KB);
	buf_add(&text, STR("DNS: "));
	if (!a->query.host)
		buf_add_format(&text, "MX %u ", r->hosts[host].preference);
	buf_add(&text, r->hosts[host].name);
	const char *before = " at ";
	for (size_t i = 0; i < r->address_count; i++) {
		if (r->addresses[i].host != host)
			continue;
		buf_add(&text, str_of(before));
		ip_format(&text, r->addresses[i].address);
		before = ", ";
	}
	if (before[0] == ' ')
		buf_add(&text, STR(", without an address that can be used now"));
	if (r->hosts[host].secure)
		buf_add(&text, STR(" (validated)"));
	return buf_err(&text).code == ERR_OK ? arena_z(&a->arena, buf_str(&text)) : NULL;
}

static void tell(struct outbound_question *question, const char *const *sentences, size_t count)
{
	question->sentences = sentences;
	question->count = count;
	question->done(question);
}

static void answer(struct mx_query *query)
{
	struct asking *a = query->user;
	struct arena arena;
	size_t n = 0;

	loop_timer_set(a->loop, &a->timer, 0);
	if (query->result.status != MX_FOUND)
		a->sentences[n++] = status_sentence(query);
	for (size_t i = 0; query->result.status == MX_FOUND && i < query->result.host_count; i++) {
		a->sentences[n] = host_sentence(a, i);
		n += a->sentences[n] != NULL;
	}
	if (a->question)
		tell(a->question, a->sentences, n);
	arena = a->arena;
	arena_reset(&arena);
}

/* A person waits; the DNS may take minutes to say that it can't be reached. */
static void too_long(struct timer *timer)
{
	static const char *const sentence = "DNS: no answer within 8 s; while there is none mail waits. Does "
					    "this machine reach its resolvers?";
	struct asking *a = CONTAINER(timer, struct asking, timer);
	struct outbound_question *question = a->question;

	a->question = NULL;
	tell(question, &sentence, 1);
}

static void give_up(struct post *post)
{
	static const char *const sentence = "DNS: it could not be asked for want of memory; try again";
	struct outbound_question *question = CONTAINER(post, struct outbound_question, post);

	tell(question, &sentence, 1);
}

void outbound_ask(struct outbound *o, struct outbound_question *question)
{
	struct arena arena;

	arena_init(&arena, NULL, ASKING_ARENA);
	struct asking *a = arena_new(&arena, struct asking, 1);
	str name; /* the question may be gone before its answer */
	if (!a || arena_copy(&arena, question->name, &name).code != ERR_OK) {
		arena_reset(&arena);
		question->post.run = give_up;
		loop_post(loop_current(), &question->post);
		return;
	}
	a->arena = arena;
	a->question = question;
	a->loop = loop_current();
	a->timer.fire = too_long;
	loop_timer_set(a->loop, &a->timer, PATIENCE_MS);
	a->query = (struct mx_query){ .domain = name, .host = question->is_host, .done = answer, .user = a };
	mx_resolve(o->given.mx, &a->query);
}

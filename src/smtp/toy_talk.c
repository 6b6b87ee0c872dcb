#include "smtp/toy_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/link.h"

static struct net_client *net;
static struct work *work;
static struct loops *loops;
static struct arena arena;
static struct tls_certificate certificate;

/* --- our end --- */

static const char *const addresses[] = { "ann@shop.example", "bob@shop.example", "cy@other.example",
	                                 "di@third.example", "ed@shop.example" };
enum { ADDRESSES = sizeof addresses / sizeof *addresses };

static void release_late(struct timer *timer)
{
	smtp_client_release(CONTAINER(timer, struct ours, timer)->client);
}

/* What no answer may say, whatever the server did. */
static bool is_wrong(const struct ours *o, const struct client_recipient *r)
{
	const struct client_message *m = &o->message;

	switch (r->fate) {
	case CLIENT_FATE_SENT:
		return !m->dotted || !r->answered;
	case CLIENT_FATE_LATER:
		return !r->answered && !m->dotted && !(o->flags & DAMAGED);
	case CLIENT_FATE_NONE:
		return !r->answered && m->dotted && !(o->flags & LIMITED);
	case CLIENT_FATE_NEVER:
		return !r->answered;
	case CLIENT_FATE_LACKS:
		return m->began || m->lack == LACKS_NOTHING;
	}
	return true;
}

static void give_message(struct ours *o)
{
	size_t size = o->flags & BIG ? BIG_SIZE : strlen(CONTENT) - (o->flags & NO_LINE_END ? 2 : 0);

	arena_reset(&o->arena);
	memset(o->to, 0, sizeof o->to);
	for (size_t i = 0; i < o->recipients; i++)
		o->to[i].forward_path = str_of(addresses[i % ADDRESSES]);
	o->message = (struct client_message){
		.mail = { .reverse_path = STR("me@here.example"), .size = size },
		.recipients = o->to,
		.count = o->recipients,
		.fd = o->fd,
		.offset = 3,
		.size = size + (o->flags & DAMAGED ? 1000 : 0),
		.arena = &o->arena,
	};
	if (o->flags & EIGHT_BIT)
		o->message.mail.body = QUEUE_BODY_8BIT;
	if (o->flags & BINARY)
		o->message.mail.body = QUEUE_BODY_BINARY;
	o->given++;
	o->sending = true;
	smtp_client_send(o->client, &o->message, o->flags & HOLD);
	o->wrong |= !o->sending; /* DONE from within */
	if (o->flags & LATE)
		loop_timer_set(o->options.loop, &o->timer, 200);
	else if ((o->flags & HOLD) && !(o->flags & NEVER_RELEASE))
		smtp_client_release(o->client);
	if (o->flags & ABORT)
		smtp_client_abort(o->client);
}

static void note_message(struct ours *o)
{
	static const char letters[] = "-SLNX";

	o->wrong |= !o->sending;
	o->sending = false;
	loop_timer_set(o->options.loop, &o->timer, 0);
	for (size_t i = 0; i < o->recipients; i++) {
		o->fates[o->fates_len++] = letters[o->to[i].fate];
		if (o->to[i].reply.len > 0)
			snprintf(o->reply, sizeof o->reply, STR_FMT, STR_ARG(o->to[i].reply));
		o->wrong |= o->to[i].answered != (o->to[i].code != 0) || is_wrong(o, &o->to[i]);
	}
	o->fates[o->fates_len++] = '/';
	o->began = o->message.began;
	o->dotted = o->message.dotted;
	o->lack = o->message.lack;
}

static void next(struct ours *o)
{
	if (smtp_client_is_ending(o->client))
		return;
	if (o->given < o->messages)
		give_message(o);
	else if (!(o->flags & STAY))
		smtp_client_quit(o->client);
}

static void gone(struct ours *o)
{
	struct smtp_status status;
	str reply, why;

	o->wrong |= o->sending;
	loop_timer_set(o->options.loop, &o->timer, 0);
	o->end = smtp_client_end(o->client, &o->code, &status, &reply, &why);
	snprintf(o->said, sizeof o->said, STR_FMT, STR_ARG(reply));
	snprintf(o->why, sizeof o->why, STR_FMT, STR_ARG(why));
	sem_post(&o->done);
}

static void event(void *user, struct smtp_client *client, enum client_event e)
{
	struct ours *o = user;

	assert(client == o->client);
	switch (e) {
	case CLIENT_READY:
		o->wrong |= o->ready;
		o->ready = true;
		next(o);
		break;
	case CLIENT_DONE:
		note_message(o);
		next(o);
		break;
	case CLIENT_GONE:
		gone(o);
		break;
	}
}

static void open_run(struct post *post)
{
	struct ours *o = CONTAINER(post, struct ours, post);

	o->begun = smtp_client_open(&o->options, &o->client);
	if (o->begun.code != ERR_OK)
		sem_post(&o->done);
}

static const struct smtp_client_times short_times = { .connect = 300,
	                                              .greeting = 300,
	                                              .mail = 300,
	                                              .rcpt = 300,
	                                              .data = 300,
	                                              .block = 300,
	                                              .end = 300,
	                                              .quit = 300,
	                                              .others = 300 };

static void set_options(struct ours *o, const struct peer *p)
{
	o->options = (struct smtp_client_options){
		.net = net,
		.loop = loops_get(loops, 0),
		.target = { .port = p->port },
		.hostname = STR("me.example"),
		.host = STR("mx.example"),
		.tls = o->flags & VERIFY    ? ROUTE_TLS_VERIFY
		       : o->flags & REQUIRE ? ROUTE_TLS_REQUIRE
		       : o->flags & MAY     ? ROUTE_TLS_MAY
		                            : ROUTE_TLS_NONE,
		.tls_first = o->flags & TLS_FIRST,
		.lmtp = o->flags & LMTP,
		.allow_plain = o->flags & IN_CLEAR,
		.times = o->flags & SHORT_TIMES ? &short_times : NULL,
		.event = event,
		.owner = o,
	};
	if (o->flags & (LOGIN | TOKEN))
		o->options.user = STR("ann");
	if (o->flags & LOGIN)
		o->options.secret = STR("secret");
	if (o->flags & TOKEN)
		o->options.token = STR("tok");
	assert(ip_parse(STR("127.0.0.1"), &o->options.target.address).code == ERR_OK);
}

/* Lines of 100 octets. */
static void make_big(struct ours *o)
{
	static char line[100];

	memset(line, 'x', sizeof line);
	memcpy(line + sizeof line - 2, "\r\n", 2);
	for (size_t at = 0; at < BIG_SIZE; at += sizeof line)
		assert(pwrite(o->fd, line, sizeof line, (off_t)(3 + at)) == sizeof line);
}

/* Plays our end against the script. */
static void play(struct ours *o, struct peer *p)
{
	o->fd = memfd_create("content", MFD_CLOEXEC);
	assert(write(o->fd, "???" CONTENT, 3 + strlen(CONTENT)) == 3 + strlen(CONTENT));
	if (o->flags & BIG)
		make_big(o);
	if (o->flags & UNIX)
		snprintf(p->path, sizeof p->path, "/tmp/postrider-talk-%d", (int)getpid());
	arena_init(&o->arena, NULL, LIMIT_MB);
	if (p->script)
		peer_start(p);
	set_options(o, p);
	if (o->flags & UNIX)
		o->options.target.unix_path = p->path;
	sem_init(&o->done, 0, 0);
	o->post.run = open_run;
	o->timer.fire = release_late;
	loop_post(o->options.loop, &o->post);
	while (sem_wait(&o->done) != 0)
		;
	sem_destroy(&o->done);
	if (p->script)
		peer_end(p);
	arena_reset(&o->arena);
	close(o->fd);
	o->fates[o->fates_len] = '\0';
	assert(o->begun.code == ERR_OK);
	assert(!o->wrong);
	assert(strlen(o->why) > 0);
}

/* --- rows --- */

struct ours talk(const struct row *row, size_t stop_after, bool split)
{
	struct peer p = {
		.script = row->script, .certificate = &certificate, .stop_after = stop_after, .split = split
	};
	struct ours o = { .flags = row->flags, .messages = row->messages, .recipients = row->recipients };

	play(&o, &p);
	if (stop_after == SIZE_MAX && p.wrong[0])
		snprintf(o.unheard, sizeof o.unheard, "%s", p.wrong);
	return o;
}

bool talk_goes(const struct row *row, bool split)
{
	struct ours o = talk(row, SIZE_MAX, split);

	if (!o.unheard[0] && strcmp(o.fates, row->fates) == 0 && o.end == row->end &&
	    (!row->reply || strcmp(o.reply, row->reply) == 0))
		return true;
	fprintf(stderr, "%s%s: fates %s, end %d, reply '%s', because '%s' '%s'; %s\n", row->name,
	        split ? ", octet by octet" : "", o.fates, (int)o.end, o.reply, o.why, o.said, o.unheard);
	return false;
}

void talk_set_up(void)
{
	arena_init(&arena, NULL, LIMIT_MB);
	certificate = toy_certificate(&arena, "DNS:mx.example", TOY_P256);
	assert(loops_new(1, &loops).code == ERR_OK);
	assert(work_new(&work).code == ERR_OK);
	assert(net_client_new(work, &net).code == ERR_OK);
	assert(loops_start(loops).code == ERR_OK);
}

void talk_tear_down(void)
{
	work_free(work);
	loops_stop(loops);
	net_client_free(net);
	loops_free(loops);
	arena_reset(&arena);
}

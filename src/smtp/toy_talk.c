#include "smtp/toy_talk.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/link.h"

/* --- the other end --- */

static struct net_client *net;
static struct work *work;
static struct loops *loops;
static struct arena arena;
static struct tls_certificate certificate;

static void say_octets(struct peer *p, const char *octets, size_t len)
{
	size_t step = p->split ? 1 : len;

	for (size_t i = 0; i < len; i += step) {
		if (p->tls)
			(void)toy_tls_send(p->tls, octets + i, step);
		else
			(void)!send(p->fd, octets + i, step, MSG_NOSIGNAL);
		if (p->split)
			usleep(50);
	}
}

/* One octet; false at the end. */
static bool hear_octet(struct peer *p, char *c)
{
	return p->tls ? toy_tls_receive(p->tls, c, 1) == 1 : recv(p->fd, c, 1, 0) == 1;
}

static void hear(struct peer *p, const char *expected, size_t len)
{
	char got[512] = "";
	size_t n = 0;

	while (n < len && n < sizeof got - 1 && hear_octet(p, got + n))
		n++;
	if ((n != len || memcmp(got, expected, len) != 0) && !p->wrong[0])
		snprintf(p->wrong, sizeof p->wrong, "expected '%.*s', heard '%.100s'", (int)len, expected,
		         got);
}

static void hear_any_line(struct peer *p)
{
	for (char c = 0; c != '\n';)
		if (!hear_octet(p, &c))
			break;
}

static void begin_tls(struct peer *p) { p->tls = toy_tls_accept(p->fd, &certificate); }

static void say_escaped(struct peer *p, str text)
{
	char octets[512];
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool escape = text.ptr[i] == '\\' && i + 1 < text.len;
		char c = text.ptr[i += escape];
		octets[n++] = (char)(!escape ? c : c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c);
	}
	say_octets(p, octets, n);
}

static void say_without_end(struct peer *p)
{
	char many[4096];

	memset(many, 'x', sizeof many);
	memcpy(many, "220-", 4);
	while (send(p->fd, many, sizeof many, MSG_NOSIGNAL) > 0)
		;
}

/* False: closes. */
static bool play_line(struct peer *p, str line)
{
	char text[512];
	const str rest = line.len > 2 ? str_from(line, 2) : STR("");
	int len = snprintf(text, sizeof text, STR_FMT "\r\n", STR_ARG(rest));

	switch (line.ptr[0]) {
	case 'S':
		say_octets(p, text, (size_t)len);
		return true;
	case 's':
		say_escaped(p, rest);
		return true;
	case 'C':
		hear(p, text, (size_t)len);
		return true;
	case '?':
		hear_any_line(p);
		return true;
	case 'D':
		hear(p, CONTENT_WIRE, strlen(CONTENT_WIRE));
		return true;
	case 'B':
		hear(p, CONTENT, strlen(CONTENT));
		return true;
	case 'T':
		begin_tls(p);
		return true;
	case 'G':
		hear_octet(p, text);
		say_octets(p, "what is this?\r\n", 15);
		return true;
	case 'E':
		say_without_end(p);
		return true;
	case 'W':
		while (hear_octet(p, text))
			;
		return false;
	default:
		return false;
	}
}

static void *run_peer(void *user)
{
	struct peer *p = user;
	const struct timeval patience = { .tv_sec = 10 };
	const int one = 1;
	str script = str_of(p->script);
	bool goes_on = true;

	p->fd = accept(p->listening, NULL, NULL);
	(void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	(void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	for (size_t i = 0; goes_on && script.len > 0; i++)
		goes_on = i < p->stop_after && play_line(p, str_cut(&script, '\n'));
	if (goes_on)
		play_line(p, STR("W"));
	if (p->tls)
		toy_tls_shutdown(p->tls);
	toy_tls_free(p->tls);
	close(p->fd);
	return NULL;
}

static void start_peer(struct peer *p)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof sa;

	p->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(p->listening >= 0);
	assert(bind(p->listening, (struct sockaddr *)&sa, size) == 0);
	assert(listen(p->listening, 4) == 0);
	assert(getsockname(p->listening, (struct sockaddr *)&sa, &size) == 0);
	p->port = ntohs(sa.sin_port);
	assert(pthread_create(&p->thread, NULL, run_peer, p) == 0);
}

static void end_peer(struct peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->listening);
}

/* --- our end --- */

static const char *const addresses[RECIPIENTS_MAX] = { "ann@shop.example", "bob@shop.example",
	                                               "cy@other.example", "di@third.example",
	                                               "ed@shop.example" };

static void give_message(struct ours *o)
{
	size_t size = strlen(CONTENT) - (o->flags & NO_LINE_END ? 2 : 0);

	arena_reset(&o->arena);
	memset(o->to, 0, sizeof o->to);
	for (size_t i = 0; i < o->recipients; i++)
		o->to[i].forward_path = str_of(addresses[i]);
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
	if ((o->flags & HOLD) && !(o->flags & NEVER_RELEASE) && o->given % 2)
		smtp_client_release(o->client);
	if (o->flags & ABORT)
		smtp_client_abort(o->client);
}

static void note_message(struct ours *o)
{
	static const char letters[] = "-SLNX";

	o->wrong |= !o->sending;
	o->sending = false;
	for (size_t i = 0; i < o->recipients; i++) {
		o->fates[o->fates_len++] = letters[o->to[i].fate];
		if (o->to[i].reply.len > 0)
			snprintf(o->reply, sizeof o->reply, STR_FMT, STR_ARG(o->to[i].reply));
		o->wrong |= o->to[i].answered != (o->to[i].code != 0);
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
	else
		smtp_client_quit(o->client);
}

static void gone(struct ours *o)
{
	struct smtp_status status;
	str reply, why;

	o->wrong |= o->sending;
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

/* Plays our end against the script. */
static void play(struct ours *o, struct peer *p)
{
	o->fd = memfd_create("content", MFD_CLOEXEC);
	assert(write(o->fd, "???" CONTENT, 3 + strlen(CONTENT)) == 3 + strlen(CONTENT));
	arena_init(&o->arena, NULL, LIMIT_MB);
	if (p->script)
		start_peer(p);
	set_options(o, p);
	sem_init(&o->done, 0, 0);
	o->post.run = open_run;
	loop_post(o->options.loop, &o->post);
	while (sem_wait(&o->done) != 0)
		;
	sem_destroy(&o->done);
	if (p->script)
		end_peer(p);
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
	struct peer p = { .script = row->script, .stop_after = stop_after, .split = split };
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

/* Whatever a server says, in whatever pieces, at whatever time: the conversation ends, every message that was
 * given is done once, and each of its recipients has the outcome that was said (client_judge.h), in bounded
 * memory. The client is the real one, on a loop, over a socket to the other end, which the same loop plays.
 *
 * The first line of the input is wishes, a letter each, and the number of recipients:
 *   l LMTP   e 8BITMIME   b BINARYMIME   u SMTPUTF8   d DSN   y DELIVERBY and MT-PRIORITY   a another message
 *   n content without a line end   g much content   x content that is damaged   h held content
 *   t login with a token   p with a password   c which may go in the clear
 *   m TLS where it is offered   r TLS required   f TLS first
 *   i the owner stays idle and does not quit
 *   o every octet alone   w pieces that wait for nothing   s the server says its last, but still hears
 * The rest are pieces with '|' between them. One is said when the client has nothing more to say to the last.
 * It may begin with '!' and what happens before it is said:
 *   r the owner releases what it held   q has no more   k ends it at once
 *   d the server hears no more   h hears again   e says the piece without end
 *   c challenges as SCRAM does, with our nonce   v proves that it knows the password
 * When all are said the connection ends. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "client_judge.h"
#include "net/link.h"
#include "smtp/client_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

/* There where a sanitizer counts. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

enum {
	INPUT_MAX = 4096,
	QUIET_TURNS = 3,             /* to read a reply, to tell the owner, to write what follows */
	ENDLESS = 4 * LIMIT_REPLY,   /* octets */
	ENDLESS_TURN = 8 * LIMIT_KB, /* of these in one turn */
	HEAP_MAX = LIMIT_MB,         /* that a conversation may hold */
	LINE = 50,                   /* octets, of content */
	SMALL = 4 * LINE,
	LARGE = 8000 * LINE,
	DAMAGE = 1000, /* octets that are missing */
	DEADLINE_MS = 20000,
	MESSAGES_MAX = 4,
};

static_assert(LARGE > LIMIT_OUTPUT_WINDOW + 2 * LIMIT_OUTPUT_QUEUE, "the socket and the queue can't hold it");

static struct loops *loops;
static struct work *work;
static struct net_client *net;
static int listening, content_fd;
static char server_path[64];
static char content[LARGE];

/* Both ends. */
struct dialogue {
	/* the owner's */
	unsigned wishes;
	size_t recipients, messages, given;
	struct smtp_client_options options;
	struct smtp_client *client;
	struct client_message message;
	struct client_recipient to[LIMIT_TRANSACTION_RECIPIENTS];
	struct arena arena;
	bool ready, sending, gone;
	/* the server's */
	int fd;
	str script, piece;
	size_t endless;     /* octets of the piece that are still to be said */
	size_t said_before; /* replies, when it began */
	bool deaf, silent;
	unsigned quiet; /* turns */
	struct judge judge;
	/* the loop's */
	struct post turn;
	int64_t deadline_tick_ms;
	size_t heap;
	sem_t over;
};

static bool wishes(const struct dialogue *d, char letter) { return d->wishes & 1u << (letter - 'a'); }

/* --- the owner --- */

static const char *const paths[] = { "ann@shop.example", "bob@shop.example", "cy@other.example",
	                             "di@third.example" };
enum { PATHS = sizeof paths / sizeof *paths };

static size_t content_size(const struct dialogue *d)
{
	return (wishes(d, 'g') ? LARGE : SMALL) - (wishes(d, 'n') ? CRLF.len : 0);
}

static struct client_mail mail_of(const struct dialogue *d)
{
	struct client_mail mail = { .reverse_path = STR("me@here.example"), .size = content_size(d) };

	if (wishes(d, 'e') || wishes(d, 'b'))
		mail.body = wishes(d, 'b') ? QUEUE_BODY_BINARY : QUEUE_BODY_8BIT;
	mail.smtputf8 = wishes(d, 'u');
	if (wishes(d, 'd')) {
		mail.envid = STR("id+1");
		mail.ret = 'H';
	}
	if (wishes(d, 'y')) {
		mail.by_mode = 'R';
		mail.by_s = 600;
		mail.priority = 3;
	}
	return mail;
}

static void give_message(struct dialogue *d)
{
	arena_reset(&d->arena);
	for (size_t i = 0; i < d->recipients; i++)
		d->to[i] = (struct client_recipient){ .forward_path = str_of(paths[i % PATHS]) };
	for (size_t i = 0; wishes(d, 'd') && i < d->recipients; i++) {
		d->to[i].notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE;
		d->to[i].orcpt = STR("rfc822;ann@shop.example");
	}
	d->message = (struct client_message){
		.mail = mail_of(d),
		.recipients = d->to,
		.count = d->recipients,
		.fd = content_fd,
		.offset = wishes(d, 'x') ? LARGE - content_size(d) : 0,
		.size = content_size(d) + (wishes(d, 'x') ? DAMAGE : 0),
		.arena = &d->arena,
	};
	judge_forget_message(&d->judge);
	d->given++;
	d->sending = true;
	smtp_client_send(d->client, &d->message, wishes(d, 'h'));
	must(d->sending); /* DONE comes never from within */
}

static void hear(struct dialogue *d);

static bool is_ending(const struct dialogue *d)
{
	struct smtp_status status;
	uint16_t code;
	str reply, why;

	return smtp_client_end(d->client, &code, &status, &reply, &why) != CLIENT_END_NONE;
}

static void done(struct dialogue *d)
{
	must(d->sending && d->ready);
	d->sending = false;
	hear(d);
	judge_message(&d->judge, &d->message, !is_ending(d));
}

static void next(struct dialogue *d)
{
	if (smtp_client_is_ending(d->client))
		return;
	if (d->given < d->messages)
		give_message(d);
	else if (!wishes(d, 'i'))
		smtp_client_quit(d->client);
}

static void gone(struct dialogue *d)
{
	struct smtp_status status;
	uint16_t code;
	str reply, why;

	must(!d->sending);
	must(smtp_client_end(d->client, &code, &status, &reply, &why) != CLIENT_END_NONE && why.len > 0);
	for (size_t i = 0; i < reply.len; i++)
		must((unsigned char)reply.ptr[i] >= ' ');
	d->gone = true;
}

static void event(void *user, struct smtp_client *client, enum client_event e)
{
	struct dialogue *d = user;

	must(client == d->client && !d->gone);
	switch (e) {
	case CLIENT_READY:
		must(!d->ready && d->judge.hears == JUDGE_COMMANDS);
		d->ready = true;
		next(d);
		break;
	case CLIENT_DONE:
		done(d);
		next(d);
		break;
	case CLIENT_GONE:
		gone(d);
		break;
	}
}

/* --- the server --- */

static bool hear_some(struct dialogue *d, int flags)
{
	char octets[LIMIT_READ_BUFFER];
	ssize_t n = d->fd >= 0 ? recv(d->fd, octets, sizeof octets, MSG_DONTWAIT | flags) : -1;

	if (n <= 0)
		return false;
	d->quiet = 0;
	judge_hears(&d->judge, (str){ octets, (size_t)n });
	return true;
}

static void hear(struct dialogue *d)
{
	while (hear_some(d, 0))
		;
}

/* False where the other end takes no more. */
static bool say(struct dialogue *d, str octets)
{
	ssize_t n = d->fd >= 0 ? send(d->fd, octets.ptr, octets.len, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;

	if (n > 0)
		judge_says(&d->judge, str_slice(octets, 0, (size_t)n));
	return n == (ssize_t)octets.len;
}

/* What nobody can find by chance: base64 of what the client made up or could compute. */
static void say_to_scram(struct dialogue *d, bool proof)
{
	const struct client_login *login = d->client->login;
	char challenge[256], octets[512];
	struct buf clear, b;

	if (!login || login->sasl.mechanism != SASL_CLIENT_SCRAM_SHA_256)
		return;
	buf_init_fixed(&clear, challenge, sizeof challenge);
	buf_init_fixed(&b, octets, sizeof octets);
	if (proof) {
		buf_add(&clear, STR("v="));
		base64_add(&clear, digest_str(&login->sasl.scram.server_signature));
	} else {
		buf_add(&clear, STR("r="));
		buf_add(&clear, login->sasl.scram.client_nonce);
		buf_add(&clear, STR("theirs,s=QUJD,i=4096"));
	}
	buf_add(&b, STR("334 "));
	base64_add(&b, buf_str(&clear));
	buf_add(&b, CRLF);
	(void)say(d, buf_str(&b));
}

/* What may stand before a piece. */
static void happen(struct dialogue *d, char what)
{
	switch (what) {
	case 'r':
		if (d->sending)
			smtp_client_release(d->client);
		break;
	case 'q':
		smtp_client_quit(d->client);
		break;
	case 'k':
		judge_lose_patience(&d->judge, false);
		smtp_client_abort(d->client);
		break;
	case 'd':
	case 'h':
		judge_lose_patience(&d->judge, false);
		d->deaf = what == 'd';
		break;
	case 'e':
		judge_lose_patience(&d->judge, true);
		d->endless = ENDLESS;
		d->said_before = d->judge.said;
		break;
	case 'c':
	case 'v':
		say_to_scram(d, what == 'v');
		break;
	default:
		break;
	}
}

static void take_piece(struct dialogue *d)
{
	d->piece = str_cut(&d->script, '|');
	if (d->piece.len < 2 || d->piece.ptr[0] != '!')
		return;
	const char what = d->piece.ptr[1];
	d->piece = str_from(d->piece, 2);
	happen(d, what);
	if (d->piece.len == 0)
		d->endless = 0;
}

/* The piece again and again, whatever the client says to it. */
static void say_endless(struct dialogue *d)
{
	char octets[ENDLESS_TURN];
	struct buf b;

	buf_init_fixed(&b, octets, sizeof octets);
	while (b.room - b.len >= d->piece.len)
		buf_add(&b, d->piece);
	const bool taken = say(d, buf_str(&b));
	d->quiet = QUIET_TURNS;
	d->endless = taken && d->endless > b.len ? d->endless - b.len : 0;
	if (d->endless > 0)
		return;
	d->piece = STR("");
	must(!taken || d->judge.said > d->said_before || is_ending(d));
}

static void say_some(struct dialogue *d)
{
	size_t n = wishes(d, 'o') && d->piece.len > 0 ? 1 : d->piece.len;

	if (d->endless > 0) {
		say_endless(d);
		return;
	}
	if (n > 0 && !say(d, str_slice(d->piece, 0, n)))
		n = d->piece.len;
	d->piece = str_from(d->piece, n);
}

/* All is said. Whoever heard nothing hears the rest now, else the client might wait for it to. */
static void fall_silent(struct dialogue *d)
{
	d->silent = true;
	d->deaf = false;
	if (wishes(d, 's')) {
		(void)shutdown(d->fd, SHUT_WR);
	} else {
		(void)hear_some(
			d, MSG_PEEK); /* what is not read resets the connection, but the judge knows it */
		close(d->fd);
		d->fd = -1;
	}
}

/* --- turns --- */

static bool waits_for_worker(const struct dialogue *d)
{
	return !wishes(d, 'w') && d->client->step == STEP_PROOF;
}

static void act(struct dialogue *d)
{
	d->quiet = 0;
	if (d->piece.len > 0)
		say_some(d);
	else if (d->script.len > 0)
		take_piece(d);
	else if (!d->silent)
		fall_silent(d);
	if (__sanitizer_get_current_allocated_bytes)
		must(__sanitizer_get_current_allocated_bytes() < d->heap + HEAP_MAX);
}

static void turn_run(struct post *post)
{
	struct dialogue *d = CONTAINER(post, struct dialogue, turn);

	d->quiet++;
	if (d->fd < 0 && !d->silent)
		d->fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!d->deaf)
		hear(d);
	if (d->gone) {
		sem_post(&d->over);
		return;
	}
	must(clock_tick_ms() < d->deadline_tick_ms);
	if (waits_for_worker(d))
		d->quiet = 0;
	else if (d->fd >= 0 && (d->quiet >= QUIET_TURNS || wishes(d, 'w')))
		act(d);
	loop_post(d->options.loop, &d->turn);
}

static void begin_run(struct post *post)
{
	struct dialogue *d = CONTAINER(post, struct dialogue, turn);

	if (__sanitizer_get_current_allocated_bytes)
		d->heap = __sanitizer_get_current_allocated_bytes();
	must(smtp_client_open(&d->options, &d->client).code == ERR_OK);
	d->turn.run = turn_run;
	loop_post(d->options.loop, &d->turn);
}

/* --- from an input to its dialogue --- */

static void take_wishes(struct dialogue *d, str letters)
{
	for (size_t i = 0; i < letters.len; i++) {
		const char c = letters.ptr[i];
		if (c >= 'a' && c <= 'z')
			d->wishes |= 1u << (c - 'a');
		else if (c >= '0' && c <= '9' && d->recipients < LIMIT_TRANSACTION_RECIPIENTS)
			d->recipients = d->recipients * 10 + (size_t)(c - '0');
		d->messages += c == 'a' && d->messages < MESSAGES_MAX;
	}
	if (d->recipients == 0)
		d->recipients = 1;
	if (d->recipients > LIMIT_TRANSACTION_RECIPIENTS)
		d->recipients = LIMIT_TRANSACTION_RECIPIENTS;
}

static void set_options(struct dialogue *d)
{
	d->options = (struct smtp_client_options){
		.net = net,
		.loop = loops_get(loops, 0),
		.target = { .unix_path = server_path },
		.hostname = STR("me.example"),
		.host = STR("mx.example"),
		.tls = wishes(d, 'r')   ? ROUTE_TLS_REQUIRE
		       : wishes(d, 'm') ? ROUTE_TLS_MAY
		                        : ROUTE_TLS_NONE,
		.tls_first = wishes(d, 'f'),
		.lmtp = wishes(d, 'l'),
		.user = wishes(d, 't') || wishes(d, 'p') ? STR("ann") : STR(""),
		.secret = wishes(d, 'p') ? STR("secret") : STR(""),
		.token = wishes(d, 't') ? STR("token") : STR(""),
		.allow_plain = wishes(d, 'c'),
		.event = event,
		.owner = d,
	};
}

/* Lines with up to three dots in front. */
static void make_content(void)
{
	FILE *file = tmpfile();

	for (size_t line = 0; line < LARGE / LINE; line++) {
		char *at = content + line * LINE;
		memset(at, 'x', LINE);
		memset(at, '.', line % 4);
		memcpy(at + LINE - CRLF.len, CRLF.ptr, CRLF.len);
	}
	must(file && fwrite(content, sizeof content, 1, file) == 1 && fflush(file) == 0);
	content_fd = fileno(file);
}

/* A name that is gone again when the process is. */
static void make_server(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(name.sun_path, sizeof name.sun_path, "/tmp/client-dialogue-%d", (int)getpid());
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(bind(listening, (struct sockaddr *)&name, sizeof name) == 0 && listen(listening, 8) == 0);
	int held = open(name.sun_path, O_PATH | O_CLOEXEC);
	must(held >= 0 && unlink(name.sun_path) == 0);
	snprintf(server_path, sizeof server_path, "/proc/self/fd/%d", held);
}

static void set_up(void)
{
	/* Nobody is trusted here: what the system trusts takes 20 ms to be read. */
	must(setenv("SSL_CERT_FILE", "/dev/null", 1) == 0 && setenv("SSL_CERT_DIR", "/dev/null", 1) == 0);
	make_content();
	make_server();
	must(loops_new(1, &loops).code == ERR_OK && work_new(&work).code == ERR_OK);
	must(net_client_new(work, &net).code == ERR_OK && loops_start(loops).code == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	static struct dialogue d;

	if (size > INPUT_MAX)
		return 0;
	if (!loops)
		set_up();
	d = (struct dialogue){ .messages = 1, .fd = -1, .turn = { .run = begin_run } };
	d.script = (str){ (const char *)octets, size };
	take_wishes(&d, str_cut(&d.script, '\n'));
	set_options(&d);
	const size_t at = wishes(&d, 'x') ? LARGE - content_size(&d) : 0;
	judge_init(&d.judge, d.options.lmtp, (str){ content + at, content_size(&d) }, d.options.tls_first);
	if (wishes(&d, 'w'))
		judge_lose_patience(&d.judge, true);
	arena_init(&d.arena, NULL, LIMIT_SHIPMENT_ARENA);
	sem_init(&d.over, 0, 0);
	d.deadline_tick_ms = clock_tick_ms() + DEADLINE_MS;
	loop_post(d.options.loop, &d.turn);
	while (sem_wait(&d.over) != 0)
		;
	sem_destroy(&d.over);
	if (d.fd >= 0)
		close(d.fd);
	arena_reset(&d.arena);
	return 0;
}

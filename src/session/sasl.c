#include "session/sasl.h"

#include <stdlib.h>

#include "auth/login.h"
#include "base/base64.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "net/link.h"

enum { ARENA = 64 * 1024, RESPONSE_ROOM = LIMIT_SASL_LINE / 4 * 3 };

struct sasl_exchange {
	struct session_job job; /* first */
	struct sasl *sasl;      /* valid while the session lives */
	struct timer pause;
	const char *command; /* "PLAIN", for events */
	bool hashing;        /* the job has it: whoever ends it frees it */
	bool with_proof;     /* SCRAM: the client is in once it has read our proof */
	struct arena arena;
	struct mechanism mechanism;
	struct login login;
	char response[RESPONSE_ROOM];
};

/* --- the exchange's life --- */

static struct sasl_exchange *exchange_open(struct session *s, struct sasl *sasl, const char *command)
{
	struct sasl_exchange *x = calloc(1, sizeof *x);

	assert(!sasl->exchange);
	if (!x)
		return NULL;
	x->sasl = sasl;
	x->command = command;
	arena_init(&x->arena, loop_arena_pool(conn_loop(s->conn)), ARENA);
	session_set_line_max(s, LIMIT_SASL_LINE);
	sasl->exchange = x;
	return x;
}

static void exchange_free(struct sasl_exchange *x)
{
	login_give_up(&x->login);
	identity_free(x->login.identity);
	arena_reset(&x->arena);
	explicit_bzero(x->response, sizeof x->response);
	free(x);
}

static void log_end(struct session *s, const struct sasl_exchange *x, bool granted, const char *why)
{
	const struct identity *identity = x->login.identity;
	char text[64];
	struct buf peer;

	buf_init_fixed(&peer, text, sizeof text);
	ip_format_peer(&peer, s->peer);

	struct log_field fields[8] = {
		LOG_INT("session", s->id), LOG_STR("service", str_of(x->sasl->service)),
		LOG_STR("mechanism", str_of(x->command)),
		LOG_STR("account", identity ? identity->address : login_name(&x->login)),
		LOG_STR("remote_ip", buf_str(&peer))
	};
	size_t n = 5;

	if (identity && identity->app.len > 0)
		fields[n++] = LOG_STR("app", identity->app);
	if (why[0])
		fields[n++] = LOG_STR("why", str_of(why));
	log_write(granted ? EV_AUTH_SUCCEEDED : EV_AUTH_FAILED, fields);
}

static enum next finish(struct session *s, struct sasl *sasl, enum sasl_end end)
{
	struct sasl_exchange *x = sasl->exchange;
	struct identity *identity = NULL;

	if (end == SASL_END_GRANTED) {
		identity = x->login.identity;
		x->login.identity = NULL;
	}
	sasl->failures += end == SASL_END_REFUSED;
	sasl->exchange = NULL;
	session_set_line_max(s, s->protocol->line_max);
	exchange_free(x);
	return sasl->protocol->ended(s, end, identity);
}

/* The mechanism said why it goes no further. */
static enum next fail(struct session *s, struct sasl *sasl, err e)
{
	log_end(s, sasl->exchange, false, e.what);
	if (e.code == ERR_SYNTAX || e.code == ERR_LIMIT)
		return finish(s, sasl, SASL_END_MALFORMED);
	return finish(s, sasl, e.code == ERR_DENIED ? SASL_END_REFUSED : SASL_END_LATER);
}

/* --- challenges --- */

static enum next say_challenge(struct session *s, struct sasl *sasl, str challenge)
{
	struct buf base64;

	buf_init(&base64, &s->command_arena, BASE64_SIZE(challenge.len));
	base64_add(&base64, challenge);
	err e = buf_err(&base64);
	if (e.code != ERR_OK)
		return fail(s, sasl, e);
	sasl->protocol->challenge(s, buf_str(&base64));
	return NEXT_COMMAND;
}

/* --- the check --- */

static enum next step(struct session *s, struct sasl *sasl, enum login_next next);

static enum next answered(struct session *s, struct sasl *sasl)
{
	struct sasl_exchange *x = sasl->exchange;

	switch (x->login.answer) {
	case LOGIN_GRANTED:
		if (x->with_proof)
			return say_challenge(s, sasl, x->mechanism.challenge);
		log_end(s, x, true, "");
		return finish(s, sasl, SASL_END_GRANTED);
	case LOGIN_LATER:
		log_end(s, x, false, x->login.why);
		return finish(s, sasl, SASL_END_LATER);
	case LOGIN_UNKNOWN:
	case LOGIN_WRONG:
	case LOGIN_SUSPENDED:
		break;
	}
	log_end(s, x, false, x->login.why);
	return finish(s, sasl, SASL_END_REFUSED);
}

/* The wait is the exchange's own: sasl_closed releases it. */
static void pause_abandoned(struct session_wait *wait) { (void)wait; }

static enum next pause_resumed(struct session *s, struct session_wait *wait)
{
	struct sasl *sasl = CONTAINER(wait, struct sasl_exchange, job.wait)->sasl;

	return step(s, sasl, login_continue(&sasl->exchange->login));
}

static void pause_over(struct timer *timer)
{
	session_wake(&CONTAINER(timer, struct sasl_exchange, pause)->job.wait);
}

static enum next begin_pause(struct session *s, struct sasl_exchange *x)
{
	x->pause.fire = pause_over;
	session_wait_begin(s, &x->job.wait, pause_resumed, pause_abandoned);
	loop_timer_set(conn_loop(s->conn), &x->pause, x->login.wait_ms);
	return NEXT_WAIT;
}

static void hash_run(struct job *job) { login_hash(&((struct sasl_exchange *)(void *)job)->login); }

static void hash_abandoned(struct session_wait *wait)
{
	struct sasl_exchange *x = CONTAINER(wait, struct sasl_exchange, job.wait);

	login_hashed(&x->login);
	exchange_free(x);
}

static enum next hash_resumed(struct session *s, struct session_wait *wait)
{
	struct sasl_exchange *x = CONTAINER(wait, struct sasl_exchange, job.wait);

	x->hashing = false;
	login_hashed(&x->login);
	return answered(s, x->sasl);
}

static enum next begin_hash(struct session *s, struct sasl *sasl)
{
	struct sasl_exchange *x = sasl->exchange;

	x->job.first = x->login.goes_first;
	err e = session_submit(s, auth_work(sasl->auth), WORK_PASSWORD, &x->job, hash_run, hash_resumed,
	                       hash_abandoned);
	if (e.code == ERR_OK) {
		x->hashing = true;
		return NEXT_WAIT;
	}
	login_hashed(&x->login);
	return fail(s, sasl, e);
}

static enum next step(struct session *s, struct sasl *sasl, enum login_next next)
{
	switch (next) {
	case LOGIN_ANSWERED:
		return answered(s, sasl);
	case LOGIN_PAUSES:
		return begin_pause(s, sasl->exchange);
	case LOGIN_HASHES:
		return begin_hash(s, sasl);
	}
	assert(false);
	return NEXT_CLOSE;
}

/* --- what the mechanism wants --- */

static err give_verifier(struct session *s, struct sasl_exchange *x, enum mechanism_wants *wants)
{
	char octets[SCRAM_NONCE_OCTETS], text[BASE64_SIZE(SCRAM_NONCE_OCTETS)];
	struct scram_verifier verifier;
	struct buf nonce;

	login_begin(&x->login, x->sasl->auth, s->peer, x->mechanism.name, x->mechanism.authzid);
	TRY(login_verifier(&x->login, &verifier));
	random_fill(octets, sizeof octets);
	buf_init_fixed(&nonce, text, sizeof text);
	base64_add(&nonce, (str){ octets, sizeof octets });
	return mechanism_verifier(&x->mechanism, &verifier, buf_str(&nonce), wants);
}

static enum next wish(struct session *s, struct sasl *sasl, enum mechanism_wants wants)
{
	struct sasl_exchange *x = sasl->exchange;
	struct mechanism *m = &x->mechanism;

	if (wants == MECHANISM_WANTS_VERIFIER) {
		err e = give_verifier(s, x, &wants);
		if (e.code != ERR_OK)
			return fail(s, sasl, e);
	}
	switch (wants) {
	case MECHANISM_WANTS_RESPONSE:
		return say_challenge(s, sasl, m->challenge);
	case MECHANISM_WANTS_PASSWORD:
		login_begin(&x->login, sasl->auth, s->peer, m->name, m->authzid);
		return step(s, sasl, login_with_password(&x->login, m->password));
	case MECHANISM_WANTS_PROOF:
		x->with_proof = true;
		return step(s, sasl, login_with_proof(&x->login, m));
	case MECHANISM_WANTS_NOTHING:
		assert(x->with_proof && x->login.identity);
		log_end(s, x, true, "");
		return finish(s, sasl, SASL_END_GRANTED);
	case MECHANISM_WANTS_VERIFIER:
		break;
	}
	assert(false);
	return NEXT_CLOSE;
}

/* --- what the connection allows --- */

bool sasl_takes_passwords(const struct session *s, const struct sasl *sasl)
{
	return auth_takes_passwords(sasl->auth, conn_is_secure(s->conn), s->peer);
}

/* -PLUS needs a channel to bind to: each TLS connection has its certificate's hash at least. */
static bool is_offered(const struct session *s, const struct sasl *sasl, enum mechanism_name mechanism)
{
	return auth_offers(sasl->auth, mechanism) &&
	       (mechanism != MECHANISM_SCRAM_SHA_256_PLUS || conn_is_secure(s->conn));
}

/* The octets live in the exchange's arena; without memory there is one binding less. */
static void add_binding(struct session *s, struct sasl_exchange *x, enum conn_tls_binding kind,
                        struct scram_binding *out)
{
	struct buf b;

	buf_init(&b, &x->arena, CONN_TLS_BINDING_MAX);
	if (conn_tls_binding(s->conn, kind, &b).code == ERR_OK && buf_err(&b).code == ERR_OK)
		out->octets = buf_str(&b);
}

static struct scram_channel channel_of(struct session *s, const struct sasl *sasl)
{
	struct scram_channel channel = { .plus_offered = is_offered(s, sasl, MECHANISM_SCRAM_SHA_256_PLUS),
		                         .bindings = { { .name = STR("tls-exporter") },
		                                       { .name = STR("tls-server-end-point") } } };

	if (conn_is_secure(s->conn)) {
		add_binding(s, sasl->exchange, CONN_TLS_EXPORTER, &channel.bindings[0]);
		add_binding(s, sasl->exchange, CONN_TLS_SERVER_END_POINT, &channel.bindings[1]);
	}
	return channel;
}

/* --- what the protocol calls --- */

void sasl_add_mechanisms(const struct session *s, const struct sasl *sasl, struct buf *out)
{
	if (!sasl_takes_passwords(s, sasl))
		return;
	for (int i = 0; i < MECHANISM_COUNT; i++) {
		if (!is_offered(s, sasl, (enum mechanism_name)i))
			continue;
		buf_add_char(out, ' ');
		buf_add(out, mechanism_text((enum mechanism_name)i));
	}
}

/* A name without an exchange: the protocol replies at once. */
static enum next end_at_once(struct session *s, struct sasl *sasl, enum sasl_end end)
{
	return sasl->protocol->ended(s, end, NULL);
}

static bool decode(struct sasl_exchange *x, str base64, str *out)
{
	struct buf b;

	buf_init_fixed(&b, x->response, sizeof x->response);
	if (base64_decode(base64, &b).code != ERR_OK)
		return false;
	*out = buf_str(&b);
	return true;
}

enum next sasl_begin(struct session *s, struct sasl *sasl, str arguments)
{
	str initial = arguments, response = STR("");
	str name = str_cut(&initial, ' ');
	struct scram_channel channel;
	enum mechanism_name mechanism;
	enum mechanism_wants wants;

	if (!sasl_takes_passwords(s, sasl))
		return end_at_once(s, sasl, SASL_END_NEEDS_TLS);
	if (!mechanism_find(name, &mechanism) ||
	    (mechanism == MECHANISM_SCRAM_SHA_256_PLUS && !conn_is_secure(s->conn)))
		return end_at_once(s, sasl, SASL_END_NO_MECHANISM);
	struct sasl_exchange *x = exchange_open(s, sasl, mechanism_text(mechanism).ptr);
	if (!x)
		return end_at_once(s, sasl, SASL_END_LATER);
	/* "=" is a response without octets (RFC 4954 §4). */
	if (!str_eq(initial, STR("=")) && !decode(x, initial, &response))
		return finish(s, sasl, SASL_END_NOT_BASE64);
	channel = channel_of(s, sasl);
	err e = mechanism_begin(&x->mechanism, &x->arena, mechanism, &channel,
	                        initial.len > 0 ? &response : NULL, &wants);
	return e.code == ERR_OK ? wish(s, sasl, wants) : fail(s, sasl, e);
}

enum next sasl_line(struct session *s, struct sasl *sasl, str line)
{
	struct sasl_exchange *x = sasl->exchange;
	enum mechanism_wants wants;
	str response;

	if (str_eq(line, STR("*")))
		return finish(s, sasl, SASL_END_CANCELLED);
	if (!decode(x, line, &response))
		return finish(s, sasl, SASL_END_NOT_BASE64);
	err e = mechanism_response(&x->mechanism, response, &wants);
	return e.code == ERR_OK ? wish(s, sasl, wants) : fail(s, sasl, e);
}

enum next sasl_line_too_long(struct session *s, struct sasl *sasl)
{
	return finish(s, sasl, SASL_END_TOO_LONG);
}

enum next sasl_password(struct session *s, struct sasl *sasl, const char *command, str name, str password)
{
	if (!sasl_takes_passwords(s, sasl))
		return end_at_once(s, sasl, SASL_END_NEEDS_TLS);
	struct sasl_exchange *x = exchange_open(s, sasl, command);
	if (!x)
		return end_at_once(s, sasl, SASL_END_LATER);
	login_begin(&x->login, sasl->auth, s->peer, name, STR(""));
	return step(s, sasl, login_with_password(&x->login, password));
}

void sasl_closed(struct session *s, struct sasl *sasl)
{
	struct sasl_exchange *x = sasl->exchange;

	sasl->exchange = NULL;
	if (!x || x->hashing)
		return;
	loop_timer_set(conn_loop(s->conn), &x->pause, 0);
	exchange_free(x);
}

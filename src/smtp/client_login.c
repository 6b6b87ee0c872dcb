#include <stdlib.h>

#include "net/link.h"
#include "smtp/client_internal.h"

static_assert((int)SASL_CLIENT_PLAIN == (int)HELLO_AUTH_PLAIN &&
                      (int)SASL_CLIENT_OAUTHBEARER == (int)HELLO_AUTH_OAUTHBEARER,
              "what is offered is what may be begun");

void client_forget_login(struct smtp_client *c)
{
	if (!c->login)
		return;
	arena_reset(&c->login->arena);
	free(c->login);
	c->login = NULL;
}

static void fail(struct smtp_client *c, const struct client_reply *reply, const char *why)
{
	client_note_end(c, CLIENT_END_LOGIN, reply, "%s", why);
	client_leave(c);
}

/* A line of the exchange; an empty response of "AUTH" is "=" (RFC 4954 §4). */
static void say(struct smtp_client *c, str verb, str response)
{
	struct buf b;

	buf_init(&b, &c->login->arena, LIMIT_SASL_LINE);
	buf_add(&b, verb);
	buf_add(&b, verb.len > 0 && response.len == 0 ? STR("=") : response);
	buf_add(&b, CRLF);
	if (buf_err(&b).code != ERR_OK) {
		fail(c, NULL, "the login is too long for a line");
		return;
	}
	client_say(c, buf_str(&b));
	client_await(c, STEP_AUTH);
}

static void say_auth(struct smtp_client *c)
{
	const struct sasl_client *sasl = &c->login->sasl;
	char octets[64];
	struct buf b;

	buf_init_fixed(&b, octets, sizeof octets);
	buf_add(&b, STR("AUTH "));
	buf_add(&b, sasl_client_name(sasl));
	if (sasl->initial) {
		buf_add_char(&b, ' ');
		say(c, buf_str(&b), sasl->response);
	} else {
		buf_add(&b, CRLF);
		client_say(c, buf_str(&b));
		client_await(c, STEP_AUTH);
	}
}

static void begin(struct smtp_client *c, const struct client_reply *refusal)
{
	const struct sasl_client_login login = { .user = c->options.user,
		                                 .secret = c->options.secret,
		                                 .token = c->options.token,
		                                 .host = c->options.host,
		                                 .port = c->options.target.port,
		                                 .clear = c->secured || c->options.allow_plain };

	arena_reset(&c->login->arena);
	err e = sasl_client_begin(&c->login->sasl, &c->login->arena, &login, c->mechanisms);
	if (e.code == ERR_OK)
		say_auth(c);
	else if (refusal)
		fail(c, refusal, "the server refused the login");
	else if (e.code == ERR_MISSING && c->hello.mechanisms == 0)
		fail(c, NULL, "the server offers no login that is known here");
	else if (e.code == ERR_MISSING)
		fail(c, NULL,
		     login.clear ? "the server offers no login that fits what we have"
		                 : "the login could be read along: the connection is not under TLS");
	else
		fail(c, NULL, e.what);
}

void client_begin_login(struct smtp_client *c)
{
	c->login = calloc(1, sizeof *c->login);
	if (!c->login) {
		fail(c, NULL, "out of memory");
		return;
	}
	/* Not from the loop's pool: a worker takes from it too. */
	arena_init(&c->login->arena, NULL, LIMIT_SASL_ARENA);
	c->mechanisms = c->hello.mechanisms;
	begin(c, NULL);
}

/* --- proofs take a worker --- */

static void proof_run(struct job *job)
{
	struct client_login *login = CONTAINER(job, struct client_login, job);

	login->worked = sasl_client_work(&login->sasl);
}

static void proof_done(struct job *job)
{
	struct client_login *login = CONTAINER(job, struct client_login, job);
	struct smtp_client *c = login->client;

	if (!client_is_back(c))
		return;
	if (login->worked.code == ERR_OK)
		say(c, STR(""), login->sasl.response);
	else
		fail(c, NULL, login->worked.what);
}

static void prove(struct smtp_client *c)
{
	struct client_login *login = c->login;

	login->client = c;
	login->job = (struct job){ .run = proof_run, .done = proof_done };
	if (work_submit(net_client_work(c->options.net), WORK_CRYPTO, &login->job).code != ERR_OK) {
		fail(c, NULL, "too much is being computed");
		return;
	}
	c->pending++;
	client_await(c, STEP_PROOF);
}

/* --- replies --- */

static void take_challenge(struct smtp_client *c, const struct client_reply *reply)
{
	enum sasl_client_next next;

	err e = reply->code == 334 ? sasl_client_challenge(&c->login->sasl, reply->text, &next)
	                           : (err){ ERR_SYNTAX, 0, "AUTH was answered by what makes no sense" };
	if (e.code != ERR_OK)
		fail(c, NULL, e.what);
	else if (next == SASL_CLIENT_WORK)
		prove(c);
	else
		say(c, STR(""), c->login->sasl.response);
}

/* It had the password or the token itself, and said that it is wrong (RFC 4954 §6): saying it once more in
 * another way only counts against the account. */
static bool is_wrong_password(const struct smtp_client *c, const struct client_reply *reply)
{
	return reply->code == 535 &&
	       (c->login->sasl.mechanism &
	        (SASL_CLIENT_PLAIN | SASL_CLIENT_LOGIN | SASL_CLIENT_XOAUTH2 | SASL_CLIENT_OAUTHBEARER));
}

void client_take_auth(struct smtp_client *c, const struct client_reply *reply)
{
	err e;

	switch (client_class(reply)) {
	case 2:
		e = sasl_client_accepted(&c->login->sasl);
		if (e.code == ERR_OK)
			client_be_ready(c);
		else
			fail(c, NULL, e.what);
		break;
	case 3:
		take_challenge(c, reply);
		break;
	case 5: /* another mechanism may do: not every server has what each of them needs of a password */
		c->mechanisms &= is_wrong_password(c, reply) ? 0 : ~(unsigned)c->login->sasl.mechanism;
		begin(c, reply);
		break;
	default:
		fail(c, reply, "the server can't take the login now");
	}
}

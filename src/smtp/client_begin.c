#include "smtp/client_internal.h"

static void say_with_name(struct smtp_client *c, str verb, enum client_step step)
{
	char octets[LIMIT_DOMAIN + 16];
	struct buf b;

	buf_init_fixed(&b, octets, sizeof octets);
	buf_add(&b, verb);
	buf_add(&b, c->options.hostname);
	buf_add(&b, CRLF);
	assert(buf_err(&b).code == ERR_OK);
	client_say(c, buf_str(&b));
	client_await(c, step);
}

/* What was said before is forgotten (RFC 3207 §4.2). */
void client_hail(struct smtp_client *c)
{
	c->hello = (struct smtp_hello){ 0 };
	say_with_name(c, c->options.lmtp ? STR("LHLO ") : STR("EHLO "), STEP_EHLO);
}

/* It refuses us: RFC 5321 §3.1 asks for QUIT after a 554 too. */
static void refused(struct smtp_client *c, const struct client_reply *reply, const char *what)
{
	client_note_end(c, CLIENT_END_REFUSED, reply, "the server refused %s", what);
	client_leave(c);
}

void client_take_greeting(struct smtp_client *c, const struct client_reply *reply)
{
	switch (client_class(reply)) {
	case 2:
		client_hail(c);
		break;
	case 3:
		client_broken(c, reply);
		break;
	default:
		refused(c, reply, "the connection");
	}
}

/* --- TLS --- */

void client_start_tls(struct smtp_client *c)
{
	c->due = 0;
	client_await(c, STEP_HANDSHAKE);
	client_reply_init(&c->parser);
	err e = conn_start_tls_as_client(c->conn, c->options.host);
	if (e.code == ERR_OK)
		return;
	client_note_end(c, CLIENT_END_TLS_FAILED, NULL, "TLS can't begin: %s", e.what);
	client_drop(c);
}

void client_secured(struct smtp_client *c)
{
	const char *mistrust = conn_tls_mistrust(c->conn);
	struct conn_tls_description d;

	if (conn_tls_describe(c->conn, &d))
		c->tls = d.version;
	if (c->options.tls == ROUTE_TLS_VERIFY && mistrust) {
		client_note_end(c, CLIENT_END_MISTRUSTED, NULL, "the server's certificate is not trusted: %s",
		                mistrust);
		client_leave(c);
	} else if (c->options.tls_first) {
		c->due = 1;
		client_await(c, STEP_GREETING);
	} else {
		client_hail(c);
	}
}

/* Is TLS begun, or missed? False: neither, the conversation goes on. */
static bool want_tls(struct smtp_client *c)
{
	bool offered = c->hello.extensions & HELLO_STARTTLS;

	if (c->secured || c->options.tls == ROUTE_TLS_NONE)
		return false;
	if (offered) {
		client_say(c, STR("STARTTLS\r\n"));
		client_await(c, STEP_STARTTLS);
		return true;
	}
	if (c->options.tls == ROUTE_TLS_MAY)
		return false;
	client_note_end(c, CLIENT_END_TLS_LACKING, NULL, "TLS is required, and the server does not offer it");
	client_leave(c);
	return true;
}

static void log_in_or_be_ready(struct smtp_client *c)
{
	if (c->options.user.len > 0)
		client_begin_login(c);
	else
		client_be_ready(c);
}

void client_take_starttls(struct smtp_client *c, const struct client_reply *reply)
{
	switch (client_class(reply)) {
	case 2:
		client_start_tls(c);
		return;
	case 3:
		client_broken(c, reply);
		return;
	default:
		break;
	}
	if (c->options.tls == ROUTE_TLS_MAY) {
		log_in_or_be_ready(c); /* opportunistic (RFC 7435): as if it were not offered */
		return;
	}
	client_note_end(c, CLIENT_END_TLS_LACKING, reply, "TLS is required, and the server refused STARTTLS");
	client_leave(c);
}

/* --- EHLO --- */

void client_take_ehlo(struct smtp_client *c, const struct client_reply *reply)
{
	switch (client_class(reply)) {
	case 2:
		smtp_hello_parse(reply->text, &c->hello);
		if (!want_tls(c))
			log_in_or_be_ready(c);
		break;
	case 3:
		client_broken(c, reply);
		break;
	case 5:
		/* RFC 5321 §3.2: a server of old. There was never an LMTP without LHLO (RFC 2033 §4.1). */
		if (!c->options.lmtp) {
			say_with_name(c, STR("HELO "), STEP_HELO);
			break;
		}
		refused(c, reply, "LHLO");
		break;
	default:
		refused(c, reply, "EHLO");
	}
}

void client_take_helo(struct smtp_client *c, const struct client_reply *reply)
{
	if (client_class(reply) == 3)
		client_broken(c, reply);
	else if (client_class(reply) != 2)
		refused(c, reply, "HELO");
	else if (!want_tls(c))
		log_in_or_be_ready(c);
}

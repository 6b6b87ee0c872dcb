/* EHLO, HELO and LMTP's LHLO (RFC 5321 §4.1.1.1, RFC 2033 §4.1). The argument only describes, so it is
 * checked leniently: one word of printable ASCII. Real clients send names with underscores, and none of it is
 * worth losing mail. */
#include "base/clock.h"
#include "smtp/session_internal.h"

static bool is_acceptable(str argument)
{
	for (size_t i = 0; i < argument.len; i++)
		if (argument.ptr[i] <= ' ' || argument.ptr[i] > '~')
			return false;
	return argument.len > 0 && argument.len <= LIMIT_DOMAIN;
}

/* A second hello also forgets the transaction (RFC 5321 §4.1.4). */
static bool hello(struct smtp_session *s, str argument, bool esmtp)
{
	if (!is_acceptable(argument))
		return false;
	memcpy(s->hello, argument.ptr, argument.len);
	s->hello_len = argument.len;
	s->esmtp = esmtp;
	s->state = SMTP_STATE_READY;
	smtp_rollback(s);
	return true;
}

/* Nothing where no password is taken on this connection. */
static void add_auth(const struct smtp_session *s, struct buf *out)
{
	char room[LIMIT_SMTP_REPLY / 2];
	struct buf mechanisms;

	buf_init_fixed(&mechanisms, room, sizeof room);
	sasl_add_mechanisms(&s->session, &s->sasl, &mechanisms);
	if (mechanisms.len == 0)
		return;
	buf_add(out, STR("250-AUTH"));
	buf_add(out, buf_str(&mechanisms));
	buf_add(out, CRLF);
}

/* "FUTURERELEASE 2592000 2026-12-23T12:00:00Z" (RFC 4865 §3), "DELIVERBY 60" (RFC 2852 §2), MT-PRIORITY with
 * priorities that are our own (RFC 6710 §3). */
static void add_timing(struct buf *out)
{
	int64_t most_ms = clock_now() / 1000 * 1000 + INT64_C(1000) * LIMIT_HOLD_S;

	buf_add(out, STR("250-FUTURERELEASE "));
	buf_add_u64(out, LIMIT_HOLD_S);
	buf_add_char(out, ' ');
	clock_add_rfc3339(out, most_ms);
	buf_add(out, STR("\r\n250-DELIVERBY "));
	buf_add_u64(out, LIMIT_BY_LEAST_S);
	buf_add(out, STR("\r\n250-MT-PRIORITY\r\n"));
}

enum next smtp_cmd_ehlo(struct smtp_session *s, str argument)
{
	char room[2 * LIMIT_SMTP_REPLY];
	struct buf out;

	if (!hello(s, argument, true))
		return smtp_say(s, SMTP_REPLY_BAD_HELLO);
	buf_init_fixed(&out, room, sizeof room);
	buf_add(&out, STR("250-"));
	buf_add(&out, s->server->hostname);
	buf_add(&out, STR("\r\n250-PIPELINING\r\n250-SIZE "));
	buf_add_u64(&out, atomic_load(&s->server->message_size_octets));
	buf_add(&out, STR("\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-SMTPUTF8\r\n250-"
	                  "ENHANCEDSTATUSCODES\r\n250-DSN\r\n"));
	if (smtp_offers_timing(s))
		add_timing(&out);
	if (!s->role->local && conn_can_start_tls(s->session.conn))
		buf_add(&out, STR("250-STARTTLS\r\n"));
	if (s->role->submission && !s->role->local && !s->identity)
		add_auth(s, &out);
	buf_add(&out, STR("250 LIMITS MAILMAX="));
	buf_add_u64(&out, atomic_load(&s->server->transactions));
	buf_add(&out, STR(" RCPTMAX="));
	buf_add_u64(&out, atomic_load(&s->server->recipients));
	buf_add(&out, CRLF);
	session_write(&s->session, buf_str(&out));
	return NEXT_COMMAND;
}

enum next smtp_cmd_helo(struct smtp_session *s, str argument)
{
	return smtp_say(s, hello(s, argument, false) ? SMTP_REPLY_HELLO : SMTP_REPLY_BAD_HELLO);
}

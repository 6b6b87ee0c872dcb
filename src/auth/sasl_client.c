#include "auth/sasl_client.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/utf8.h"
#include "mime/prepare.h"

enum state {
	STATE_LOGIN_USER,
	STATE_LOGIN_SECRET,
	STATE_CRAM,
	STATE_SCRAM_FIRST, /* the server's first message is next */
	STATE_SCRAM_WORK,
	STATE_SCRAM_FINAL,
	STATE_SCRAM_PROVED,
	STATE_TOKEN, /* nothing is next, or why the token is refused */
	STATE_OVER,
};

/* What is said for a login in base64: the AUTH line with it is within LIMIT_SASL_LINE. */
enum { MESSAGE_ROOM = (LIMIT_SASL_LINE - 64) / 4 * 3 };

enum needs { NEEDS_SECRET, NEEDS_TOKEN };

/* Best first. CRAM-MD5 behind what is readable: where nobody reads along it is no better, and many a server
 * offers it for accounts whose passwords it has only as hashes. */
static const struct {
	enum sasl_client_mechanism mechanism;
	str name;
	enum needs needs;
	bool readable;
	enum state first;
} mechanisms[] = {
	{ SASL_CLIENT_SCRAM_SHA_256, STR_INIT("SCRAM-SHA-256"), NEEDS_SECRET, false, STATE_SCRAM_FIRST },
	{ SASL_CLIENT_PLAIN, STR_INIT("PLAIN"), NEEDS_SECRET, true, STATE_OVER },
	{ SASL_CLIENT_LOGIN, STR_INIT("LOGIN"), NEEDS_SECRET, true, STATE_LOGIN_USER },
	{ SASL_CLIENT_CRAM_MD5, STR_INIT("CRAM-MD5"), NEEDS_SECRET, false, STATE_CRAM },
	{ SASL_CLIENT_OAUTHBEARER, STR_INIT("OAUTHBEARER"), NEEDS_TOKEN, true, STATE_TOKEN },
	{ SASL_CLIENT_XOAUTH2, STR_INIT("XOAUTH2"), NEEDS_TOKEN, true, STATE_TOKEN },
};

enum { MECHANISMS = sizeof mechanisms / sizeof mechanisms[0] };

str sasl_client_name(const struct sasl_client *c)
{
	size_t i = 0;

	while (mechanisms[i].mechanism != c->mechanism)
		i++;
	return mechanisms[i].name;
}

static size_t choose(const struct sasl_client_login *login, unsigned offered)
{
	enum needs has = login->token.len > 0 ? NEEDS_TOKEN : NEEDS_SECRET;
	size_t i = 0;

	while (i < MECHANISMS && (!(offered & mechanisms[i].mechanism) || mechanisms[i].needs != has ||
	                          (mechanisms[i].readable && !login->clear)))
		i++;
	return i;
}

static bool is_control(char c) { return (unsigned char)c < 0x20 || c == 0x7f; }

static bool has_control(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_control(s.ptr[i]))
			return true;
	return false;
}

/* A NUL ends a field of PLAIN, a control-A one of the token mechanisms; CRAM-MD5 has one line. */
static err check_login(const struct sasl_client_login *login)
{
	if (login->user.len == 0 || has_control(login->user) || utf8_invalid(login->user) < login->user.len)
		return (err){ ERR_SYNTAX, 0, "the user name is empty, or has octets that no login can say" };
	if (login->token.len == 0 && login->secret.len == 0)
		return (err){ ERR_SYNTAX, 0, "there is neither a password nor a token" };
	if (str_find_char(login->secret, '\0') < login->secret.len)
		return (err){ ERR_SYNTAX, 0, "the password has a NUL" };
	if (has_control(login->token) || has_control(login->host))
		return (err){ ERR_SYNTAX, 0, "the token has octets that no login can say" };
	return OK;
}

/* `message` in base64 becomes the response. */
static err say(struct sasl_client *c, str message)
{
	struct buf b;

	buf_init(&b, c->arena, BASE64_SIZE(message.len));
	base64_add(&b, message);
	TRY(buf_err(&b));
	c->response = buf_str(&b);
	return OK;
}

static err say_buf(struct sasl_client *c, const struct buf *message)
{
	if (message->failed == ERR_LIMIT)
		return (err){ ERR_SYNTAX, 0, "user, password or token is too long for a login" };
	TRY(buf_err(message));
	return say(c, buf_str(message));
}

/* message = [authzid] NUL authcid NUL passwd (RFC 4616 §2). */
static err say_plain(struct sasl_client *c)
{
	struct buf b;

	buf_init(&b, c->arena, MESSAGE_ROOM);
	buf_add_char(&b, '\0');
	buf_add(&b, c->login.user);
	buf_add_char(&b, '\0');
	buf_add(&b, c->login.secret);
	return say_buf(c, &b);
}

/* user SP digest, in lower-case hexadecimal (RFC 2195 §2). */
static err say_cram(struct sasl_client *c, str challenge)
{
	char digest[DIGEST_MD5_OCTETS];
	struct buf b;

	TRY(digest_hmac_md5(c->login.secret, challenge, digest));
	buf_init(&b, c->arena, MESSAGE_ROOM);
	buf_add(&b, c->login.user);
	buf_add_char(&b, ' ');
	buf_add_hex(&b, (str){ digest, sizeof digest });
	return say_buf(c, &b);
}

/* "user=" user ^A "auth=Bearer " token ^A ^A */
static err say_xoauth2(struct sasl_client *c)
{
	struct buf b;

	buf_init(&b, c->arena, MESSAGE_ROOM);
	buf_add(&b, STR("user="));
	buf_add(&b, c->login.user);
	buf_add(&b, STR("\x01"
	                "auth=Bearer "));
	buf_add(&b, c->login.token);
	buf_add(&b, STR("\x01\x01"));
	return say_buf(c, &b);
}

/* client-resp = gs2-header kvsep *kvpair kvsep (RFC 7628 §3.1). */
static err say_oauthbearer(struct sasl_client *c)
{
	struct buf b;

	buf_init(&b, c->arena, MESSAGE_ROOM);
	buf_add(&b, STR("n,a="));
	scram_client_add_name(&b, c->login.user);
	buf_add(&b, STR(",\x01"));
	if (c->login.host.len > 0) {
		buf_add(&b, STR("host="));
		buf_add(&b, c->login.host);
		buf_add_char(&b, '\x01');
	}
	if (c->login.port > 0) {
		buf_add(&b, STR("port="));
		buf_add_u64(&b, c->login.port);
		buf_add_char(&b, '\x01');
	}
	buf_add(&b, STR("auth=Bearer "));
	buf_add(&b, c->login.token);
	buf_add(&b, STR("\x01\x01"));
	return say_buf(c, &b);
}

/* In SASLprep's form. What that refuses stays as it is: a server that gave such a password out hashes it so.
 */
static err prepared(struct arena *arena, str text, str *out)
{
	err e = prepare_saslprep(arena, text, out);

	if (e.code == ERR_SYNTAX)
		*out = text;
	return e.code == ERR_SYNTAX ? OK : e;
}

static err say_scram_first(struct sasl_client *c)
{
	char octets[18], nonce[BASE64_SIZE(sizeof octets)];
	str user, message;
	struct buf b;

	TRY(prepared(c->arena, c->login.user, &user));
	random_fill(octets, sizeof octets);
	buf_init_fixed(&b, nonce, sizeof nonce);
	base64_add(&b, (str){ octets, sizeof octets });
	TRY(buf_err(&b));
	TRY(scram_client_first(&c->scram, c->arena, user, buf_str(&b), &message));
	return say(c, message);
}

err sasl_client_begin(struct sasl_client *c, struct arena *arena, const struct sasl_client_login *login,
                      unsigned offered)
{
	size_t i = choose(login, offered);

	TRY(check_login(login));
	if (i == MECHANISMS)
		return (err){ ERR_MISSING, 0,
			      "the server offers no way to log in that we know and this connection allows" };
	struct sasl_client begun = {
		.mechanism = mechanisms[i].mechanism,
		.initial = mechanisms[i].mechanism != SASL_CLIENT_LOGIN &&
		           mechanisms[i].mechanism != SASL_CLIENT_CRAM_MD5, /* there the server begins */
		.state = (int)mechanisms[i].first,
		.arena = arena,
		.login = *login,
	};
	switch (begun.mechanism) {
	case SASL_CLIENT_PLAIN:
		TRY(say_plain(&begun));
		break;
	case SASL_CLIENT_SCRAM_SHA_256:
		TRY(say_scram_first(&begun));
		break;
	case SASL_CLIENT_XOAUTH2:
		TRY(say_xoauth2(&begun));
		break;
	case SASL_CLIENT_OAUTHBEARER:
		TRY(say_oauthbearer(&begun));
		break;
	case SASL_CLIENT_LOGIN:
	case SASL_CLIENT_CRAM_MD5:
		break;
	}
	*c = begun;
	return OK;
}

/* Why the token is refused. XOAUTH2 wants an empty line then, OAUTHBEARER a control-A (RFC 7628 §3.2.3); the
 * refusal itself follows. */
static err refused_token(struct sasl_client *c, str challenge)
{
	c->said = challenge;
	return say(c, c->mechanism == SASL_CLIENT_OAUTHBEARER ? STR("\x01") : STR(""));
}

static err scram_proved(struct sasl_client *c, str challenge)
{
	TRY(scram_client_verify(&c->scram, challenge, &c->said));
	c->state = c->said.len == 0 ? STATE_SCRAM_PROVED : STATE_OVER;
	return say(c, STR(""));
}

/* The challenge decoded. LOGIN's prompts are only for people: what they are, even whether they are base64,
 * differs between servers, what they ask for never. */
static err decode(struct sasl_client *c, str challenge, str *out)
{
	struct buf b;

	if (c->state == STATE_LOGIN_USER || c->state == STATE_LOGIN_SECRET)
		return OK;
	buf_init(&b, c->arena, MESSAGE_ROOM);
	err e = base64_decode(challenge, &b);
	if (e.code == ERR_SYNTAX || e.code == ERR_LIMIT)
		return (err){ ERR_SYNTAX, 0, "the server's challenge is no base64, or too long" };
	TRY(e);
	*out = buf_str(&b);
	return OK;
}

static err answer(struct sasl_client *c, enum state asked, str octets)
{
	switch (asked) {
	case STATE_LOGIN_USER:
		c->state = STATE_LOGIN_SECRET;
		return say(c, c->login.user);
	case STATE_LOGIN_SECRET:
		return say(c, c->login.secret);
	case STATE_CRAM:
		return say_cram(c, octets);
	case STATE_SCRAM_FIRST:
		TRY(scram_client_challenge(&c->scram, octets));
		c->state = STATE_SCRAM_WORK;
		return OK;
	case STATE_SCRAM_FINAL:
		return scram_proved(c, octets);
	case STATE_TOKEN:
		return refused_token(c, octets);
	case STATE_SCRAM_WORK:
		assert(false); /* the server waits for us */
	case STATE_SCRAM_PROVED:
	case STATE_OVER:
		break;
	}
	return (err){ ERR_SYNTAX, 0, "the server asks for more than the mechanism has" };
}

err sasl_client_challenge(struct sasl_client *c, str challenge, enum sasl_client_next *next)
{
	enum state asked = (enum state)c->state;
	str octets = STR("");

	TRY(decode(c, challenge, &octets));
	c->state = STATE_OVER;
	TRY(answer(c, asked, octets));
	*next = c->state == STATE_SCRAM_WORK ? SASL_CLIENT_WORK : SASL_CLIENT_SEND;
	return OK;
}

err sasl_client_work(struct sasl_client *c)
{
	str password, message;

	assert(c->state == STATE_SCRAM_WORK);
	TRY(prepared(c->arena, c->login.secret, &password));
	TRY(scram_client_final(&c->scram, password, &message));
	c->state = STATE_SCRAM_FINAL;
	return say(c, message);
}

err sasl_client_accepted(const struct sasl_client *c)
{
	if (c->mechanism == SASL_CLIENT_SCRAM_SHA_256 && c->state != STATE_SCRAM_PROVED)
		return (err){ ERR_DENIED, 0,
			      "the server let us in without proof that it knows the password" };
	return OK;
}

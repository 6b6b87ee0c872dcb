#include "auth/mechanism.h"

#include "base/utf8.h"

enum state {
	STATE_FIRST, /* the client begins */
	STATE_LOGIN_NAME,
	STATE_LOGIN_PASSWORD,
	STATE_SCRAM_VERIFIER,
	STATE_SCRAM_FINAL,
	STATE_SCRAM_PROOF,
	STATE_SCRAM_PROVED,
	STATE_OVER,
};

static const str names[MECHANISM_COUNT] = {
	[MECHANISM_PLAIN] = STR_INIT("PLAIN"),
	[MECHANISM_LOGIN] = STR_INIT("LOGIN"),
	[MECHANISM_SCRAM_SHA_256] = STR_INIT("SCRAM-SHA-256"),
	[MECHANISM_SCRAM_SHA_256_PLUS] = STR_INIT("SCRAM-SHA-256-PLUS"),
};

str mechanism_text(enum mechanism_name name) { return names[name]; }

bool mechanism_find(str text, enum mechanism_name *out)
{
	for (int i = 0; i < MECHANISM_COUNT; i++)
		if (str_eq_nocase(text, names[i])) {
			*out = (enum mechanism_name)i;
			return true;
		}
	return false;
}

/* message = [authzid] NUL authcid NUL passwd, UTF-8 (RFC 4616 §2). A password that is not UTF-8 is taken:
 * clients send Latin-1, and it is an octet string where it is checked. */
static err take_plain(struct mechanism *m, str message)
{
	str rest = message;

	m->authzid = str_cut(&rest, '\0');
	m->name = str_cut(&rest, '\0');
	m->password = rest;
	if (str_find_char(rest, '\0') < rest.len || m->name.len == 0 || rest.len == 0)
		return (err){ ERR_SYNTAX, 0, "a PLAIN message is identity NUL name NUL password" };
	if (utf8_invalid(m->authzid) < m->authzid.len || utf8_invalid(m->name) < m->name.len)
		return (err){ ERR_SYNTAX, 0, "a name is no UTF-8" };
	return OK;
}

static err first(struct mechanism *m, str response, enum mechanism_wants *wants)
{
	if (m->name_of == MECHANISM_PLAIN) {
		TRY(take_plain(m, response));
		m->state = STATE_OVER;
		*wants = MECHANISM_WANTS_PASSWORD;
		return OK;
	}
	TRY(scram_first(&m->scram, m->arena, &m->channel, response));
	m->name = m->scram.name;
	m->authzid = m->scram.authzid;
	m->state = STATE_SCRAM_VERIFIER;
	*wants = MECHANISM_WANTS_VERIFIER;
	return OK;
}

static err ask(struct mechanism *m, enum state state, str challenge, enum mechanism_wants *wants)
{
	m->state = (int)state;
	m->challenge = challenge;
	*wants = MECHANISM_WANTS_RESPONSE;
	return OK;
}

/* The draft's prompts are "User Name" and "Password"; clients were written against these. */
#define ASK_NAME STR("Username:")
#define ASK_PASSWORD STR("Password:")

static err login_name(struct mechanism *m, str response, enum mechanism_wants *wants)
{
	if (response.len == 0)
		return (err){ ERR_SYNTAX, 0, "the name is empty" };
	TRY(arena_copy(m->arena, response, &m->name));
	return ask(m, STATE_LOGIN_PASSWORD, ASK_PASSWORD, wants);
}

err mechanism_begin(struct mechanism *m, struct arena *arena, enum mechanism_name name,
                    const struct scram_channel *channel, const str *initial, enum mechanism_wants *wants)
{
	*m = (struct mechanism){ .name_of = name, .arena = arena, .channel = *channel };
	m->channel.plus = name == MECHANISM_SCRAM_SHA_256_PLUS;
	m->state = name == MECHANISM_LOGIN ? STATE_LOGIN_NAME : STATE_FIRST;
	/* LOGIN begins on our side, yet many clients send the name at once. */
	if (initial)
		return mechanism_response(m, *initial, wants);
	return ask(m, (enum state)m->state, name == MECHANISM_LOGIN ? ASK_NAME : STR(""), wants);
}

err mechanism_response(struct mechanism *m, str response, enum mechanism_wants *wants)
{
	switch ((enum state)m->state) {
	case STATE_FIRST:
		return first(m, response, wants);
	case STATE_LOGIN_NAME:
		return login_name(m, response, wants);
	case STATE_LOGIN_PASSWORD:
		m->password = response;
		m->state = STATE_OVER;
		*wants = MECHANISM_WANTS_PASSWORD;
		return OK;
	case STATE_SCRAM_FINAL:
		TRY(arena_copy(m->arena, response, &m->proof));
		m->state = STATE_SCRAM_PROOF;
		*wants = MECHANISM_WANTS_PROOF;
		return OK;
	case STATE_SCRAM_PROVED:
		if (response.len > 0)
			return (err){ ERR_SYNTAX, 0, "the last SCRAM response is not empty" };
		m->state = STATE_OVER;
		*wants = MECHANISM_WANTS_NOTHING;
		return OK;
	case STATE_SCRAM_VERIFIER:
	case STATE_SCRAM_PROOF:
	case STATE_OVER:
		break;
	}
	assert(false); /* nothing was asked */
	return (err){ ERR_SYNTAX, 0, "nothing was asked" };
}

err mechanism_verifier(struct mechanism *m, const struct scram_verifier *verifier, str server_nonce,
                       enum mechanism_wants *wants)
{
	str challenge;

	assert(m->state == STATE_SCRAM_VERIFIER);
	TRY(scram_challenge(&m->scram, verifier, server_nonce, &challenge));
	return ask(m, STATE_SCRAM_FINAL, challenge, wants);
}

err mechanism_proof(struct mechanism *m, enum mechanism_wants *wants)
{
	str challenge;

	assert(m->state == STATE_SCRAM_PROOF);
	TRY(scram_final(&m->scram, m->proof, &challenge));
	return ask(m, STATE_SCRAM_PROVED, challenge, wants);
}

#include "pop3/reply.h"

#include <assert.h>

static const struct {
	const char *indicator, *code, *text;
} rows[] = {
#define POP3_REPLY(name, indicator, code, text, meaning) { indicator, code, text },
#include "pop3/replies.def"
#undef POP3_REPLY
};

bool pop3_reply_is_ok(enum pop3_reply reply)
{
	assert(reply < POP3_REPLY_COUNT);
	return rows[reply].indicator[0] == '+';
}

void pop3_reply_add(struct buf *out, enum pop3_reply reply, str detail)
{
	str text, code;
	size_t gap;

	assert(reply < POP3_REPLY_COUNT);
	code = str_of(rows[reply].code);
	text = str_of(rows[reply].text);
	gap = str_find(text, STR("{}"));
	buf_add(out, str_of(rows[reply].indicator));
	buf_add_char(out, ' ');
	if (code.len > 0) {
		buf_add(out, code);
		buf_add_char(out, ' ');
	}
	buf_add(out, str_slice(text, 0, gap));
	if (gap == text.len)
		return;
	buf_add(out, detail);
	buf_add(out, str_from(text, gap + 2));
}

enum pop3_reply pop3_reply_of_err(err e)
{
	switch (e.code) {
	case ERR_OK:
		break;
	case ERR_SYNTAX:
	case ERR_LIMIT:
	case ERR_DENIED:
	case ERR_EXISTS:
	case ERR_QUOTA:
	case ERR_CLOSED:
	case ERR_IO:
		return POP3_REPLY_FAILED;
	case ERR_MISSING:
		return POP3_REPLY_GONE;
	case ERR_BUSY:
	case ERR_NOSPACE:
	case ERR_TIMEOUT:
		return POP3_REPLY_BUSY;
	case ERR_CORRUPT:
		return POP3_REPLY_DAMAGED;
	}
	assert(false);
	return POP3_REPLY_FAILED;
}

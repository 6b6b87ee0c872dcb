#include "smtp/reply.h"

#include <assert.h>

static const struct {
	uint16_t code;
	const char *status, *text;
} rows[] = {
#define SMTP_REPLY(name, code, status, text, meaning) { code, status, text },
#include "smtp/replies.def"
#undef SMTP_REPLY
};

uint16_t smtp_reply_code(enum smtp_reply reply)
{
	assert(reply < SMTP_REPLY_COUNT);
	return rows[reply].code;
}

void smtp_reply_add(struct buf *out, enum smtp_reply reply, str detail)
{
	str text, status;
	size_t gap;

	assert(reply < SMTP_REPLY_COUNT);
	status = str_of(rows[reply].status);
	text = str_of(rows[reply].text);
	gap = str_find(text, STR("{}"));
	buf_add_u64(out, rows[reply].code);
	buf_add_char(out, ' ');
	if (status.len > 0) {
		buf_add(out, status);
		buf_add_char(out, ' ');
	}
	buf_add(out, str_slice(text, 0, gap));
	if (gap == text.len)
		return;
	buf_add(out, detail);
	buf_add(out, str_from(text, gap + 2));
}

enum smtp_reply smtp_reply_of_err(err e)
{
	switch (e.code) {
	case ERR_OK:
		break;
	case ERR_SYNTAX:
		return SMTP_REPLY_BAD_ARGUMENT;
	case ERR_LIMIT:
		return SMTP_REPLY_ACCOUNT_LIMIT;
	case ERR_MISSING:
	case ERR_EXISTS:
		return SMTP_REPLY_GONE;
	case ERR_DENIED:
		return SMTP_REPLY_NOT_PERMITTED;
	case ERR_BUSY:
	case ERR_TIMEOUT:
		return SMTP_REPLY_BUSY;
	case ERR_NOSPACE:
		return SMTP_REPLY_NO_SPACE;
	case ERR_QUOTA:
		return SMTP_REPLY_FULL;
	case ERR_CLOSED:
	case ERR_IO:
	case ERR_CORRUPT:
		return SMTP_REPLY_FAILED;
	}
	assert(false);
	return SMTP_REPLY_FAILED;
}

enum smtp_reply smtp_reply_of_commit(err e)
{
	if (e.code == ERR_OK)
		return SMTP_REPLY_ACCEPTED;
	return e.code == ERR_IO ? SMTP_REPLY_REOPENING : smtp_reply_of_err(e);
}

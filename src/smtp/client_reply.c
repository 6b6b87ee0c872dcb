#include "smtp/client_reply.h"

#include "base/scan.h"

enum { CODE_LEN = 3, HEAD_LEN = 4 };

void client_reply_init(struct client_reply_parser *p)
{
	p->line_len = p->total = p->lines = p->text_len = 0;
	p->code = 0;
	p->last = p->after_cr = false;
	p->status = (struct smtp_status){ 0 };
}

/* --- enhanced status --- */

static bool take_number(str *in, uint16_t *out)
{
	unsigned n = 0;
	size_t digits = 0;

	for (; digits < in->len && digits < 4 && in->ptr[digits] >= '0' && in->ptr[digits] <= '9'; digits++)
		n = n * 10 + (unsigned)(in->ptr[digits] - '0');
	if (digits < 1 || digits > 3)
		return false;
	*out = (uint16_t)n;
	*in = str_from(*in, digits);
	return true;
}

static bool take_dot(str *in)
{
	if (in->len == 0 || in->ptr[0] != '.')
		return false;
	*in = str_from(*in, 1);
	return true;
}

struct smtp_status smtp_status_parse(str text)
{
	const struct smtp_status none = { 0 };
	struct smtp_status s = { 0 };

	if (text.len < 5 || (text.ptr[0] != '2' && text.ptr[0] != '4' && text.ptr[0] != '5'))
		return none;
	s.class = (uint8_t)(text.ptr[0] - '0');
	text = str_from(text, 1);
	if (!take_dot(&text) || !take_number(&text, &s.subject) || !take_dot(&text) ||
	    !take_number(&text, &s.detail))
		return none;
	return text.len == 0 || text.ptr[0] == ' ' || text.ptr[0] == '\n' ? s : none;
}

/* --- lines --- */

static void keep(struct client_reply_parser *p, char c)
{
	if (p->text_len < sizeof p->text)
		p->text[p->text_len++] = c;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The first three octets and what separates them from the text. */
static err read_head(struct client_reply_parser *p, size_t len)
{
	const char *h = p->head;

	if (len < CODE_LEN || h[0] < '2' || h[0] > '5' || !is_digit(h[1]) || !is_digit(h[2]) ||
	    (len == HEAD_LEN && h[3] != ' ' && h[3] != '-' && h[3] != '\t'))
		return (err){ ERR_SYNTAX, 0, "what the server said is no SMTP reply" };
	p->code = (uint16_t)((h[0] - '0') * 100 + (h[1] - '0') * 10 + (h[2] - '0'));
	p->last = len < HEAD_LEN || h[3] != '-';
	return OK;
}

static void begin_text(struct client_reply_parser *p)
{
	if (p->lines > 0)
		keep(p, '\n');
}

/* One octet that is no part of a line end. */
static err take_octet(struct client_reply_parser *p, char c)
{
	if (p->line_len < HEAD_LEN) {
		p->head[p->line_len++] = c;
		if (p->line_len < HEAD_LEN)
			return OK;
		TRY(read_head(p, HEAD_LEN));
		begin_text(p);
		return OK;
	}
	p->line_len++;
	/* UTF-8 may stand in replies (RFC 6531 §3.7.4.2): what is not, is replaced where it is shown. */
	keep(p, (unsigned char)c >= ' ' && c != 0x7f ? c : '?');
	return OK;
}

/* The line is complete; is the reply? */
static err end_line(struct client_reply_parser *p, bool *complete)
{
	if (p->line_len < HEAD_LEN) {
		TRY(read_head(p, p->line_len));
		begin_text(p);
	}
	p->lines++;
	p->line_len = 0;
	*complete = p->last;
	return OK;
}

static void give(struct client_reply_parser *p, struct client_reply *out)
{
	str text = { p->text, p->text_len };
	struct smtp_status status = smtp_status_parse(text);

	*out = (struct client_reply){ .code = p->code, .text = text, .lines = p->lines };
	if (status.class == p->code / 100)
		out->status = status;
	client_reply_init(p); /* the text stays where it is */
}

static err take_one(struct client_reply_parser *p, char c, bool *complete)
{
	bool after_cr = p->after_cr;

	*complete = false;
	if (++p->total > LIMIT_REPLY)
		return (err){ ERR_LIMIT, LIMIT_REPLY, "a reply of the server does not end" };
	p->after_cr = c == '\r';
	if (c == '\n')
		return end_line(p, complete);
	if (after_cr)
		TRY(take_octet(p, '\r')); /* it ended no line */
	return c == '\r' ? OK : take_octet(p, c);
}

err client_reply_take(struct client_reply_parser *p, str *in, struct client_reply *out, bool *found)
{
	bool complete = false;

	*found = false;
	for (size_t i = 0; i < in->len; i++) {
		TRY(take_one(p, in->ptr[i], &complete));
		if (!complete)
			continue;
		*in = str_from(*in, i + 1);
		give(p, out);
		*found = true;
		return OK;
	}
	*in = str_from(*in, in->len);
	return OK;
}

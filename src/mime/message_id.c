#include "mime/message_id.h"

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool is_special(char c) { return is_space(c) || c == '"' || c == '\\' || c == '@'; }

/* The content of "<…>" without quotes, escapes and spaces. False where it has no "@" or nothing around it:
 * a phrase or an address comment, not an id. */
static bool normalise(str inside, struct buf *out)
{
	size_t mark = out->len, at = SIZE_MAX;
	bool quoted = false;

	for (size_t i = 0; i < inside.len; i++) {
		size_t start = i;
		while (i < inside.len && !is_special(inside.ptr[i]))
			i++;
		buf_add(out, str_slice(inside, start, i));
		if (i == inside.len)
			break;
		char c = inside.ptr[i];
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (is_space(c) && !quoted)
			continue;
		if (quoted && c == '\\' && i + 1 < inside.len)
			c = inside.ptr[++i];
		else if (!quoted && c == '@')
			at = out->len;
		buf_add_char(out, c);
	}
	bool is_id = at != SIZE_MAX && at > mark && at + 1 < out->len;
	if (!is_id)
		out->len = mark;
	return is_id;
}

bool mime_message_id_next(scan *body, struct buf *scratch, str *out)
{
	for (;;) {
		body->at += str_find_char(scan_rest(body), '<');
		if (!scan_char(body, '<'))
			return false;
		size_t start = body->at;
		/* "<a <b@c>": the inner one is the id. */
		while (!scan_at_end(body) && scan_peek(body) != '>' && scan_peek(body) != '<')
			body->at++;
		str inside = scan_since(body, start);
		size_t mark = scratch->len;
		if (scan_char(body, '>') && normalise(inside, scratch) && scratch->failed == ERR_OK) {
			*out = str_from(buf_str(scratch), mark);
			return true;
		}
		if (scratch->failed != ERR_OK)
			return false;
	}
}

#include "base/toml_internal.h"

#include "base/utf8.h"

/* Escapes never grow: the text between the quotes has room for what it means. */
static err room_for(struct toml_parser *p, size_t octets, struct buf *out)
{
	char *room = arena_alloc(p->arena, octets + 1);

	if (!room)
		return ERR_NO_MEMORY;
	buf_init_fixed(out, room, octets + 1);
	return OK;
}

/* Index of the quote that ends the string, p->s standing behind the opening one. */
static size_t find_end(const scan *s, str quotes, bool escapes)
{
	for (size_t i = s->at; i < s->in.len; i++) {
		if (escapes && s->in.ptr[i] == '\\')
			i++;
		else if (str_starts(str_from(s->in, i), quotes))
			return i;
	}
	return s->in.len;
}

static bool is_forbidden(int c) { return (c < 0x20 && c != '\t') || c == 0x7f; }

static err hex_escape(scan *s, unsigned digits, struct buf *out)
{
	size_t start = s->at - 2;
	uint32_t code = 0;

	for (unsigned i = 0; i < digits; i++, s->at++) {
		int c = scan_peek(s);
		int low = c | 0x20;
		if (c >= '0' && c <= '9')
			code = code << 4 | (uint32_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			code = code << 4 | (uint32_t)(low - 'a' + 10);
		else
			return (err){ ERR_SYNTAX, (uint32_t)start,
				      "\\u takes 4, \\U takes 8 hexadecimal digits" };
	}
	if (!utf8_is_scalar(code))
		return (err){ ERR_SYNTAX, (uint32_t)start, "escape names no Unicode character" };
	utf8_add(out, code);
	return OK;
}

/* Behind a backslash. */
static err escape(scan *s, struct buf *out)
{
	static const char names[] = "btnfr\"\\", means[] = "\b\t\n\f\r\"\\";
	int c = scan_peek(s);
	const char *hit = c > 0 ? strchr(names, c) : NULL;

	if (hit) {
		s->at++;
		buf_add_char(out, means[hit - names]);
		return OK;
	}
	if (scan_char(s, 'u'))
		return hex_escape(s, 4, out);
	if (scan_char(s, 'U'))
		return hex_escape(s, 8, out);
	s->at--;
	return scan_err(s, ERR_SYNTAX, "unknown escape; write a backslash as \\\\, or quote with '…'");
}

/* "\" at the end of a line: it and all space up to the next character are nothing. */
static bool folded_line(scan *s)
{
	scan ahead = *s;

	scan_while(&ahead, toml_is_wsp);
	if (!toml_newline(&ahead))
		return false;
	do
		scan_while(&ahead, toml_is_wsp);
	while (toml_newline(&ahead));
	*s = ahead;
	return true;
}

/* The octets up to `end`, escapes resolved where the string has them, newlines only where it is `many` lines.
 */
static err contents(struct toml_parser *p, size_t end, bool escapes, bool many, str *out)
{
	scan *s = &p->s;
	struct buf b;

	TRY(room_for(p, end - s->at, &b));
	while (s->at < end) {
		size_t start = s->at;
		int c = scan_peek(s);
		if (many && toml_newline(s)) {
			buf_add_char(&b, '\n');
		} else if (c == '\n' || c == '\r') {
			return scan_err(s, ERR_SYNTAX,
			                many ? "bare carriage return" : "string is not closed on its line");
		} else if (is_forbidden(c)) {
			return scan_err(s, ERR_SYNTAX, "control character in a string; write it as \\u00XX");
		} else if (escapes && scan_char(s, '\\')) {
			if (!many || !folded_line(s))
				TRY(escape(s, &b));
		} else {
			s->at++;
			buf_add(&b, scan_since(s, start));
		}
	}
	TRY(buf_err(&b));
	*out = buf_str(&b);
	return OK;
}

static err not_closed(const struct toml_parser *p, size_t start)
{
	(void)p;
	return (err){ ERR_SYNTAX, (uint32_t)start, "string is not closed" };
}

/* "…" or '…' of one line, as keys have it too. */
err toml_string_line(struct toml_parser *p, str *out)
{
	size_t start = p->s.at;
	bool escapes = scan_char(&p->s, '"');

	if (!escapes)
		p->s.at++;
	size_t end = find_end(&p->s, escapes ? STR("\"") : STR("'"), escapes);
	TRY(contents(p, end, escapes, false, out));
	if (end == p->s.in.len)
		return not_closed(p, start);
	p->s.at = end + 1;
	return OK;
}

/* Any of the four kinds of string. */
err toml_string(struct toml_parser *p, str *out)
{
	scan *s = &p->s;
	size_t start = s->at;
	bool escapes = scan_peek(s) == '"';
	str quotes = escapes ? STR("\"\"\"") : STR("'''");

	if (!str_starts(scan_rest(s), quotes))
		return toml_string_line(p, out);
	s->at += quotes.len;
	toml_newline(s);
	size_t end = find_end(s, quotes, escapes);
	if (end >= s->in.len)
		return not_closed(p, start);
	/* One or two quotes right before the closing three belong to the string. */
	for (int i = 0; i < 2 && end + 3 < s->in.len && s->in.ptr[end + 3] == quotes.ptr[0]; i++)
		end++;
	TRY(contents(p, end, escapes, true, out));
	s->at = end + quotes.len;
	return OK;
}

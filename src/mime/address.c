#include "mime/address.h"

/* A comment met on the way: the display name of "ann@shop.example (Ann)" where there is no other. */
struct comment {
	size_t from, to; /* in the input; from == to is none */
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

enum { ENDS_WORD = 1, ENDS_DOMAIN = 2 };

/* What ends a word. Brackets and backslashes do not: "[Shop] Ann <a@b>" is all too usual. */
static const uint8_t ends[256] = {
	[' '] = ENDS_WORD, ['\t'] = ENDS_WORD, ['\r'] = ENDS_WORD, ['\n'] = ENDS_WORD,  ['('] = ENDS_WORD,
	[')'] = ENDS_WORD, ['<'] = ENDS_WORD,  ['>'] = ENDS_WORD,  [':'] = ENDS_WORD,   [';'] = ENDS_WORD,
	['@'] = ENDS_WORD, [','] = ENDS_WORD,  ['"'] = ENDS_WORD,  ['['] = ENDS_DOMAIN, [']'] = ENDS_DOMAIN,
};

static bool is_word(char c) { return !(ends[(unsigned char)c] & ENDS_WORD); }

static bool is_domain(char c) { return !ends[(unsigned char)c]; }

void mime_address_begin(struct mime_address_reader *r, str body, struct buf *scratch)
{
	*r = (struct mime_address_reader){ .in = { body, 0 }, .scratch = scratch };
}

/* CFWS of RFC 5322 §3.2.2; a comment that is not closed goes to the end. */
static void skip_cfws(scan *s, struct comment *last)
{
	for (;;) {
		scan_while(s, is_space);
		if (scan_peek(s) != '(')
			return;
		size_t from = ++s->at;
		size_t depth = 1;
		while (depth && !scan_at_end(s)) {
			char c = s->in.ptr[s->at++];
			if (c == '\\' && !scan_at_end(s))
				s->at++;
			depth += c == '(';
			depth -= c == ')';
		}
		*last = (struct comment){ from, s->at - (depth == 0) };
	}
}

/* After the opening quote: appends the content without its escapes, up to the closing one or the end. */
static void quoted_string(scan *s, struct buf *out)
{
	while (!scan_at_end(s)) {
		size_t start = s->at;
		while (!scan_at_end(s) && s->in.ptr[s->at] != '"' && s->in.ptr[s->at] != '\\')
			s->at++;
		buf_add(out, scan_since(s, start));
		if (scan_char(s, '"'))
			return;
		if (scan_char(s, '\\') && !scan_at_end(s))
			buf_add_char(out, s->in.ptr[s->at++]);
	}
}

/* One atom with its dots, or one quoted string. False where neither stands here. */
static bool word(scan *s, struct buf *out)
{
	if (scan_char(s, '"')) {
		quoted_string(s, out);
		return true;
	}
	str atom = scan_while(s, is_word);
	buf_add(out, atom);
	return atom.len > 0;
}

/* The words before "<", "@", ":", "," or ";". Where an "@" follows, the last run of words that dots hold
 * together ("ann . b @ c", RFC 5322 §4.4) was a local part: run_at is its place in the input, run_out what
 * had been appended before it. */
struct phrase {
	size_t run_at, run_out;
	bool any;
};

static struct phrase phrase(scan *s, struct buf *out, struct comment *last)
{
	struct phrase p = { s->at, out->len, false };

	for (;;) {
		size_t before = s->at, len = out->len;
		skip_cfws(s, last);
		bool space = s->at > before;
		bool dotted = scan_peek(s) == '.' || (len && out->ptr[len - 1] == '.');
		size_t word_at = s->at;
		if (p.any && space)
			buf_add_char(out, ' ');
		if (!word(s, out)) {
			out->len = len;
			return p;
		}
		if (!p.any || (space && !dotted))
			p = (struct phrase){ word_at, len, true };
	}
}

/* Words without the spaces between them, up to "@" or what ends the address. False where they are not held
 * together by dots: "Sales Team@shop.example" (RFC 5322 §4.4, obs-local-part). */
static bool local_part(scan *s, struct buf *out, struct comment *last)
{
	bool sound = true;

	for (bool any = false;; any = true) {
		skip_cfws(s, last);
		bool dotted = scan_peek(s) == '.' || (out->len && out->ptr[out->len - 1] == '.');
		size_t mark = out->len;
		if (!word(s, out))
			return sound;
		sound = sound && (!any || dotted || out->len == mark);
	}
}

/* domain of RFC 5322 §3.4.1 and §4.4: atoms with dots, or [literal]. */
static void domain(scan *s, struct buf *out, struct comment *last)
{
	skip_cfws(s, last);
	if (scan_peek(s) == '[') {
		size_t start = s->at;
		while (!scan_at_end(s) && !scan_char(s, ']'))
			s->at++;
		buf_add(out, scan_since(s, start));
		skip_cfws(s, last);
		return;
	}
	for (;;) {
		str atom = scan_while(s, is_domain);
		buf_add(out, atom);
		skip_cfws(s, last);
		/* Only a dot before or after the space makes "a . b" one domain. */
		bool dotted = scan_peek(s) == '.' || (atom.len && atom.ptr[atom.len - 1] == '.');
		if (!dotted || scan_at_end(s) || !is_domain(s->in.ptr[s->at]))
			return;
	}
}

/* obs-route: "@a,@b:" after "<". Put back where no colon ends it. */
static str route(scan *s, struct buf *out)
{
	size_t start = s->at;
	size_t mark = out->len;

	if (scan_peek(s) != '@' && scan_peek(s) != ',')
		return STR("");
	while (!scan_at_end(s) && scan_peek(s) != ':' && scan_peek(s) != '>') {
		char c = s->in.ptr[s->at++];
		if (!is_space(c))
			buf_add_char(out, c);
	}
	if (scan_char(s, ':'))
		return str_from(buf_str(out), mark);
	out->len = mark;
	s->at = start;
	return STR("");
}

static str since(const struct buf *b, size_t mark)
{
	return str_from(buf_str(b), mark < b->len ? mark : b->len);
}

/* local-part "@" domain, as far as they are there. */
static void addr_spec(scan *s, struct buf *out, struct comment *last, struct mime_address *a)
{
	size_t mark = out->len;

	a->doubtful |= !local_part(s, out, last);
	a->mailbox = since(out, mark);
	mark = out->len;
	if (scan_char(s, '@')) {
		domain(s, out, last);
		a->host = since(out, mark);
	}
	bool open_literal = a->host.len && a->host.ptr[0] == '[' && a->host.ptr[a->host.len - 1] != ']';
	a->doubtful |= a->mailbox.len == 0 || a->host.len == 0 || open_literal;
}

static void angle_addr(scan *s, struct buf *out, struct comment *last, struct mime_address *a)
{
	skip_cfws(s, last);
	a->route = route(s, out);
	addr_spec(s, out, last, a);
	/* What stands between the address and ">" has no meaning, but must not become an address. */
	while (!scan_at_end(s) && scan_peek(s) != '>' && scan_peek(s) != ',' && scan_peek(s) != '<') {
		a->doubtful = true;
		s->at++;
	}
	a->doubtful |= !scan_char(s, '>');
}

/* What follows an address must be the end of it; where a comma is missing the next one begins there. */
static void finish(scan *s, struct comment *last, struct mime_address *a)
{
	skip_cfws(s, last);
	int c = scan_peek(s);
	a->doubtful |= c >= 0 && c != ',' && c != ';';
}

static void name_of_comment(const scan *s, struct comment c, struct buf *out, struct mime_address *a)
{
	size_t mark = out->len;

	if (a->name.len || c.from == c.to)
		return;
	for (size_t i = c.from; i < c.to; i++) {
		if (s->in.ptr[i] == '\\' && i + 1 < c.to)
			i++;
		buf_add_char(out, s->in.ptr[i]);
	}
	a->name = str_trim(since(out, mark));
}

static void mailbox(scan *s, struct phrase p, struct comment *last, struct buf *out, struct mime_address *a)
{
	if (scan_char(s, '<')) {
		a->name = buf_str(out);
		angle_addr(s, out, last, a);
	} else if (scan_peek(s) == '@') {
		out->len = p.run_out;
		a->name = buf_str(out);
		a->doubtful |= a->name.len > 0;
		s->at = p.run_at;
		addr_spec(s, out, last, a);
	} else {
		/* No address at all: kept as a mailbox without a host. */
		a->mailbox = buf_str(out);
		a->doubtful = true;
	}
	finish(s, last, a);
	name_of_comment(s, *last, out, a);
}

/* Skips what stands between addresses. True: a group ended here. */
static bool separators(struct mime_address_reader *r, struct comment *last)
{
	for (;;) {
		skip_cfws(&r->in, last);
		if (r->in_group && (scan_char(&r->in, ';') || scan_at_end(&r->in))) {
			r->in_group = false;
			return true;
		}
		if (!scan_char(&r->in, ',') && !scan_char(&r->in, ';') && !scan_char(&r->in, '>') &&
		    !scan_char(&r->in, ')'))
			return false;
	}
}

bool mime_address_next(struct mime_address_reader *r, struct mime_address *out)
{
	struct comment last = { 0, 0 };
	struct mime_address a = { .kind = MIME_ADDRESS_MAILBOX };
	scan *s = &r->in;

	buf_clear(r->scratch);
	if (separators(r, &last)) {
		*out = (struct mime_address){ .kind = MIME_ADDRESS_GROUP_END };
		return true;
	}
	if (scan_at_end(s))
		return false;
	/* A comment before the address is only its name where nothing follows that says more. */
	struct phrase p = phrase(s, r->scratch, &last);
	if (scan_char(s, ':')) {
		a.name = buf_str(r->scratch);
		a.doubtful = r->in_group || a.name.len == 0;
		a.kind = MIME_ADDRESS_GROUP_BEGIN;
		if (r->in_group) {
			/* Groups do not nest: the colon is taken as a separator after a name. */
			a.kind = MIME_ADDRESS_MAILBOX;
			a.mailbox = a.name;
			a.name = STR("");
		}
		r->in_group = true;
	} else {
		mailbox(s, p, &last, r->scratch, &a);
	}
	*out = a;
	return true;
}

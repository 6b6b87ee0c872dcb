#include "mime/html_text.h"

#include "base/utf8.h"

enum { TEXT, OPEN, NAME, TAG, QUOTE, MARKUP, COMMENT };

enum { ESC = 0x1b, REPLACEMENT = 0xfffd, ENTITY_MAX = 12 };

static const str inline_tags[] = {
	STR_INIT("a"),    STR_INIT("b"),     STR_INIT("i"),    STR_INIT("u"),   STR_INIT("em"),
	STR_INIT("font"), STR_INIT("small"), STR_INIT("span"), STR_INIT("sub"), STR_INIT("strong"),
	STR_INIT("sup"),  STR_INIT("wbr"),   STR_INIT("big"),  STR_INIT("s"),   STR_INIT("code"),
};

static const str skipped_tags[] = {
	STR_INIT("style"), STR_INIT("script"), STR_INIT("title"), STR_INIT("textarea"), STR_INIT("template"),
};

/* The entities that text in mail has; sorted by use, not by name. */
static const struct {
	str name;
	uint16_t code_point;
} entities[] = {
	{ STR_INIT("nbsp"), 0xa0 },     { STR_INIT("amp"), '&' },      { STR_INIT("lt"), '<' },
	{ STR_INIT("gt"), '>' },        { STR_INIT("quot"), '"' },     { STR_INIT("apos"), '\'' },
	{ STR_INIT("zwnj"), 0x200c },   { STR_INIT("zwj"), 0x200d },   { STR_INIT("shy"), 0xad },
	{ STR_INIT("copy"), 0xa9 },     { STR_INIT("reg"), 0xae },     { STR_INIT("trade"), 0x2122 },
	{ STR_INIT("hellip"), 0x2026 }, { STR_INIT("mdash"), 0x2014 }, { STR_INIT("ndash"), 0x2013 },
	{ STR_INIT("lsquo"), 0x2018 },  { STR_INIT("rsquo"), 0x2019 }, { STR_INIT("ldquo"), 0x201c },
	{ STR_INIT("rdquo"), 0x201d },  { STR_INIT("bdquo"), 0x201e }, { STR_INIT("bull"), 0x2022 },
	{ STR_INIT("middot"), 0xb7 },   { STR_INIT("euro"), 0x20ac },  { STR_INIT("pound"), 0xa3 },
	{ STR_INIT("laquo"), 0xab },    { STR_INIT("raquo"), 0xbb },   { STR_INIT("auml"), 0xe4 },
	{ STR_INIT("ouml"), 0xf6 },     { STR_INIT("uuml"), 0xfc },    { STR_INIT("Auml"), 0xc4 },
	{ STR_INIT("Ouml"), 0xd6 },     { STR_INIT("Uuml"), 0xdc },    { STR_INIT("szlig"), 0xdf },
	{ STR_INIT("eacute"), 0xe9 },   { STR_INIT("egrave"), 0xe8 },  { STR_INIT("agrave"), 0xe0 },
	{ STR_INIT("aacute"), 0xe1 },   { STR_INIT("oacute"), 0xf3 },  { STR_INIT("uacute"), 0xfa },
	{ STR_INIT("iacute"), 0xed },   { STR_INIT("ccedil"), 0xe7 },  { STR_INIT("ntilde"), 0xf1 },
	{ STR_INIT("ecirc"), 0xea },    { STR_INIT("ocirc"), 0xf4 },   { STR_INIT("aring"), 0xe5 },
	{ STR_INIT("oslash"), 0xf8 },   { STR_INIT("deg"), 0xb0 },     { STR_INIT("times"), 0xd7 },
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f'; }

static bool is_letter(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }

static bool is_one_of(str name, const str *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(list[i], name))
			return true;
	return false;
}

/* Escape sequences of ISO-2022: "ESC $ …" begins double octets, "ESC ( …" ends them. Always text. */
static bool in_escape(struct mime_html_text *h, char c)
{
	if (c == ESC)
		h->escape = 1;
	else if (h->escape == 1 && (c == '$' || c == '('))
		h->wide = c == '$', h->escape = 2;
	else if (h->escape)
		h->escape = h->escape == 2 && (c == '(' || c == ')') ? 2 : 0;
	else
		return false;
	return true;
}

/* The name of a tag is over: what does the tag mean for the text? */
static void take_tag(struct mime_html_text *h, bool closes)
{
	str name = { h->name, h->name_len };
	str skipped = { h->skipped, h->skipped_len };

	if (h->skipped_len) {
		if (closes && str_eq(name, skipped))
			h->skipped_len = 0;
		return;
	}
	if (!is_one_of(name, inline_tags, sizeof inline_tags / sizeof inline_tags[0]))
		h->space = true;
	if (!closes && is_one_of(name, skipped_tags, sizeof skipped_tags / sizeof skipped_tags[0])) {
		memcpy(h->skipped, h->name, sizeof h->name);
		h->skipped_len = h->name_len;
	}
}

static void in_name(struct mime_html_text *h, char c)
{
	bool closes = h->dashes > 0; /* "</": counted where no comment is under way */

	if (is_letter(c) || (c >= '0' && c <= '9')) {
		if (h->name_len < sizeof h->name)
			h->name[h->name_len++] = ascii_lower(c);
		return;
	}
	take_tag(h, closes);
	h->state = c == '>' ? TEXT : TAG;
}

static void in_markup(struct mime_html_text *h, char c)
{
	switch (h->state) {
	case OPEN:
		h->state = c == '!' && !h->skipped_len ? MARKUP : NAME;
		if (c == '/') {
			h->dashes = 1;
		} else if (h->state == NAME && !is_letter(c)) {
			h->state = c == '?' && !h->skipped_len ? TAG : TEXT;
		} else if (h->state == NAME) {
			in_name(h, c);
		}
		break;
	case NAME:
		in_name(h, c);
		break;
	case TAG:
		h->quote = c;
		h->state = c == '>' ? TEXT : c == '"' || c == '\'' ? QUOTE : TAG;
		break;
	case QUOTE:
		h->state = c == h->quote ? TAG : QUOTE;
		break;
	case MARKUP: /* "<!--" is a comment, any other "<!" goes to the next ">" */
		h->dashes = c == '-' ? h->dashes + 1 : 0;
		h->state = h->dashes == 2 ? COMMENT : c == '>' ? TEXT : h->dashes ? MARKUP : TAG;
		break;
	default: /* COMMENT */
		if (c == '>' && h->dashes >= 2)
			h->state = TEXT;
		h->dashes = c == '-' ? h->dashes + (h->dashes < 2) : 0;
		break;
	}
}

static void text(struct mime_html_text *h, char c, struct mime_text *out)
{
	if (c == '<' && !h->wide) {
		h->state = OPEN;
		h->name_len = h->dashes = 0;
	} else if (h->skipped_len) {
		return;
	} else if (is_space(c)) {
		h->space = true;
	} else {
		if (h->space && out->len)
			mime_text_add(out, ' ');
		h->space = false;
		mime_text_add(out, c);
	}
}

void mime_html_text(struct mime_html_text *h, str octets, struct mime_text *out)
{
	for (size_t i = 0; i < octets.len && !out->full; i++) {
		char c = octets.ptr[i];
		if (h->state == TEXT && h->skipped_len) {
			/* Style sheets are long. */
			i += str_find_char(str_from(octets, i), '<');
			if (i < octets.len)
				text(h, '<', out);
		} else if (h->state != TEXT) {
			in_markup(h, c);
		} else if (in_escape(h, c)) {
			mime_text_add(out, c);
		} else {
			text(h, c, out);
		}
	}
}

/* The number of "&#8217;" or "&#x2019;"; false where it is none. */
static bool number(str digits, uint32_t *out)
{
	uint32_t base = 10, n = 0;

	if (digits.len && ascii_lower(digits.ptr[0]) == 'x') {
		base = 16;
		digits = str_from(digits, 1);
	}
	for (size_t i = 0; i < digits.len; i++) {
		char c = ascii_lower(digits.ptr[i]);
		uint32_t v = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
		             : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
		                                    : 99;
		if (v >= base || n > 0x10ffff)
			return false;
		n = n * base + v;
	}
	*out = n;
	return digits.len > 0;
}

/* `s` begins with "&": the code point and the octets of the entity, 0 where it is none. */
static size_t entity(str s, uint32_t *code_point)
{
	size_t end = str_find_char(str_slice(s, 0, s.len < ENTITY_MAX ? s.len : ENTITY_MAX), ';');

	if (end >= s.len || end >= ENTITY_MAX || end < 2)
		return 0;
	str name = str_slice(s, 1, end);
	if (name.ptr[0] == '#')
		return number(str_from(name, 1), code_point) ? end + 1 : 0;
	for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
		if (str_eq(entities[i].name, name)) {
			*code_point = entities[i].code_point;
			return end + 1;
		}
	}
	return 0;
}

void mime_html_entities(str text, struct buf *out)
{
	while (text.len) {
		size_t amp = str_find_char(text, '&');
		buf_add(out, str_slice(text, 0, amp));
		text = str_from(text, amp);
		uint32_t code_point;
		size_t len = text.len ? entity(text, &code_point) : 0;
		if (len)
			utf8_add(out, utf8_is_scalar(code_point) ? code_point : REPLACEMENT);
		else if (text.len)
			buf_add_char(out, '&');
		text = str_from(text, len ? len : text.len > 0);
	}
}

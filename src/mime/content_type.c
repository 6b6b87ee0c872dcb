#include "mime/content_type.h"

#include "base/scan.h"
#include "mime/charset.h"

/* A parameter as it stands: name ["*" section] ["*"] "=" value. */
struct raw {
	str full; /* the name with its stars */
	str name; /* without */
	int section;
	bool extended;
	bool joined; /* taken into the value of section 0 */
	str value;
};

enum { NO_SECTION = -1, SECTION_MAX = 999 };

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* tspecials of RFC 2045 §5.1, and white space. */
static const bool ends_token[256] = {
	[' '] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true, ['('] = true, [')'] = true,  ['<'] = true,
	['>'] = true, ['@'] = true,  [','] = true,  [';'] = true,  [':'] = true, ['\\'] = true, ['"'] = true,
	['/'] = true, ['['] = true,  [']'] = true,  ['?'] = true,  ['='] = true,
};

static bool is_token(char c) { return !ends_token[(unsigned char)c]; }

static bool is_name(char c) { return !is_space(c) && c != '=' && c != ';' && c != '"'; }

static bool is_word(char c) { return !is_space(c) && c != ';'; }

static bool is_not_semicolon(char c) { return c != ';'; }

/* attribute-char of RFC 2231 §7, narrowed: what need not be percent-encoded. */
static bool is_attribute(char c)
{
	return is_token(c) && (unsigned char)c > ' ' && c != '*' && c != '\'' && c != '%';
}

static void skip_space(scan *s)
{
	for (;;) {
		scan_while(s, is_space);
		if (scan_peek(s) != '(')
			return;
		size_t depth = 0;
		do {
			char c = s->in.ptr[s->at++];
			if (c == '\\' && !scan_at_end(s))
				s->at++;
			depth += c == '(';
			depth -= c == ')';
		} while (depth && !scan_at_end(s));
	}
}

static str lower(str s, struct buf *scratch)
{
	char *p = s.len ? buf_extend(scratch, s.len) : NULL;

	for (size_t i = 0; p && i < s.len; i++)
		p[i] = ascii_lower(s.ptr[i]);
	return p ? (str){ p, s.len } : STR("");
}

static str quoted(scan *s, struct buf *out)
{
	size_t mark = out->len;

	while (!scan_at_end(s) && !scan_char(s, '"')) {
		if (scan_char(s, '\\') && scan_at_end(s))
			break;
		size_t start = s->at++;
		while (!scan_at_end(s) && scan_peek(s) != '"' && scan_peek(s) != '\\')
			s->at++;
		buf_add(out, scan_since(s, start));
	}
	return str_from(buf_str(out), mark < out->len ? mark : out->len);
}

/* Real mail forgets quotes: "name=my file.txt" is one value, "charset=us-ascii (plain)" has a comment. */
static str unquoted(scan *s)
{
	size_t start = s->at;

	scan_while(s, is_word);
	str word = scan_since(s, start);
	skip_space(s);
	if (scan_at_end(s) || scan_peek(s) == ';')
		return word;
	scan_while(s, is_not_semicolon);
	return str_trim(scan_since(s, start));
}

/* Splits "name*1*" into its parts (RFC 2231 §7). A number that is none leaves the name whole. */
static void split_stars(struct raw *r)
{
	str name = r->full;
	uint64_t section;

	r->name = r->full;
	r->section = NO_SECTION;
	r->extended = false;
	if (name.len > 1 && name.ptr[name.len - 1] == '*') {
		r->extended = true;
		name.len--;
		r->name = name;
	}
	size_t star = str_rfind_char(name, '*');
	if (star > 0 && star < name.len && str_to_u64(str_from(name, star + 1), SECTION_MAX, &section)) {
		r->name = str_slice(name, 0, star);
		r->section = (int)section;
	}
}

/* The next parameter; false at the end. What has no "=" is skipped. */
static bool next_raw(scan *s, struct buf *scratch, struct raw *out)
{
	while (!scan_at_end(s)) {
		skip_space(s);
		str name = scan_while(s, is_name);
		skip_space(s);
		if (name.len && scan_char(s, '=')) {
			*out = (struct raw){ .full = lower(name, scratch) };
			split_stars(out);
			skip_space(s);
			out->value = scan_char(s, '"') ? quoted(s, scratch) : unquoted(s);
			/* Where a semicolon is missing after a quoted value the next name begins here. */
			skip_space(s);
			scan_char(s, ';');
			return true;
		}
		if (!scan_char(s, ';') && !scan_at_end(s) && !name.len)
			s->at++;
	}
	return false;
}

static const struct raw *find_section(struct raw *raw, size_t count, const struct raw *first, int section)
{
	for (size_t i = 0; i < count; i++)
		if (raw[i].section == section && str_eq(raw[i].name, first->name))
			return &raw[i];
	return NULL;
}

static void add_encoded(str value, struct buf *out)
{
	for (size_t i = 0; i < value.len; i++) {
		if (is_attribute(value.ptr[i])) {
			buf_add_char(out, value.ptr[i]);
		} else {
			buf_add_char(out, '%');
			buf_add_hex(out, (str){ value.ptr + i, 1 });
		}
	}
}

/* Sections 0, 1, 2, … of one name as one value (RFC 2231 §3, §4.1). */
static struct mime_parameter join(struct raw *raw, size_t count, struct raw *first, struct buf *scratch)
{
	bool extended = false;
	int sections = 0;

	for (const struct raw *r = first; r; r = find_section(raw, count, first, ++sections))
		extended |= r->extended;
	size_t mark = scratch->len;
	buf_add(scratch, first->name);
	buf_add(scratch, extended ? STR("*") : STR(""));
	size_t name_end = scratch->len;
	if (extended && !first->extended)
		buf_add(scratch, STR("''"));
	for (int i = 0; i < sections; i++) {
		struct raw *r = (struct raw *)find_section(raw, count, first, i);
		r->joined = true;
		if (extended && !r->extended)
			add_encoded(r->value, scratch);
		else
			buf_add(scratch, r->value);
	}
	str all = buf_str(scratch);
	return (struct mime_parameter){ str_slice(all, mark, name_end), str_from(all, name_end) };
}

static void parameters(scan *s, struct buf *scratch, struct mime_parameter_list *out)
{
	struct raw raw[LIMIT_MIME_PARAMETERS];
	size_t count = 0;

	out->count = 0;
	while (count < LIMIT_MIME_PARAMETERS && next_raw(s, scratch, &raw[count]))
		count++;
	skip_space(s);
	out->cut = !scan_at_end(s);
	for (size_t i = 0; i < count; i++)
		if (raw[i].section == 0 && !raw[i].joined && find_section(raw, count, &raw[i], 0) == &raw[i])
			out->list[out->count++] = join(raw, count, &raw[i], scratch);
	for (size_t i = 0; i < count; i++)
		if (!raw[i].joined)
			out->list[out->count++] = (struct mime_parameter){ raw[i].full, raw[i].value };
	out->cut |= buf_err(scratch).code != ERR_OK;
}

/* Up to the first semicolon; a type without it ("text/plain charset=x") ends at the space. */
static str head(scan *s)
{
	skip_space(s);
	str value = scan_while(s, is_word);
	skip_space(s);
	scan_char(s, ';');
	return value;
}

void mime_content_type_parse(str body, struct buf *scratch, struct mime_content_type *out)
{
	scan s = { body, 0 };
	str subtype = head(&s);

	subtype = str_slice(subtype, 0, str_find_char(subtype, '('));
	str type = str_cut(&subtype, '/');
	out->defaulted = type.len == 0 || subtype.len == 0;
	for (size_t i = 0; i < type.len && !out->defaulted; i++)
		out->defaulted = !is_token(type.ptr[i]);
	for (size_t i = 0; i < subtype.len && !out->defaulted; i++)
		out->defaulted = !is_token(subtype.ptr[i]);
	out->type = out->defaulted ? STR("text") : lower(type, scratch);
	out->subtype = out->defaulted ? STR("plain") : lower(subtype, scratch);
	parameters(&s, scratch, &out->parameters);
}

void mime_disposition_parse(str body, struct buf *scratch, struct mime_disposition *out)
{
	scan s = { body, 0 };
	scan try = s;
	str value = head(&try);

	/* "filename=x" without a disposition before it. */
	bool is_parameter = str_find_char(value, '=') < value.len;
	out->value = is_parameter ? STR("") : lower(value, scratch);
	parameters(is_parameter ? &s : &try, scratch, &out->parameters);
}

bool mime_parameter_find(const struct mime_parameter *list, size_t count, str name, str *out)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(list[i].name, name)) {
			*out = list[i].value;
			return true;
		}
	}
	return false;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void mime_parameter_decode(str value, struct buf *out, unsigned *conversions)
{
	str rest = value;
	str charset = str_cut(&rest, '\'');
	size_t mark = out->len;

	if (str_find_char(rest, '\'') == rest.len) {
		rest = value;
		charset = STR("utf-8");
	} else {
		str_cut(&rest, '\'');
	}
	/* The octets go to the end of `out` first, their UTF-8 form after them, which then moves down. */
	for (size_t i = 0; i < rest.len; i++) {
		bool escape = rest.ptr[i] == '%' && i + 2 < rest.len && hex(rest.ptr[i + 1]) >= 0 &&
		              hex(rest.ptr[i + 2]) >= 0;
		buf_add_char(out,
		             escape ? (char)(hex(rest.ptr[i + 1]) * 16 + hex(rest.ptr[i + 2])) : rest.ptr[i]);
		i += escape ? 2 : 0;
	}
	if (buf_err(out).code != ERR_OK)
		return;
	size_t octets = out->len - mark;
	mime_to_utf8(charset, str_from(buf_str(out), mark), out, conversions);
	if (out->len > mark + octets)
		memmove(out->ptr + mark, out->ptr + mark + octets, out->len - mark - octets);
	out->len -= octets;
}

#include "mime/field.h"

#include "base/utf8.h"
#include "mime/transfer.h"

/* RFC 2047 §2: lines with encoded-words have 76 octets, these 75 at most. */
enum { LINE_OCTETS = 76, WORD_FRAME = 12 /* "=?utf-8?q?" "?=" */, PAYLOAD_LEAST = 12 };

/* Words that are longer are encoded, so that they can be folded. */
enum { PLAIN_WORD_OCTETS = LINE_OCTETS - 1 };

static const char digits[] = "0123456789ABCDEF";

static const str replacement = STR_INIT("\xef\xbf\xbd");

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

/* atext of RFC 5322 §3.2.3, and UTF-8 (RFC 6532 §3.2). */
static bool is_atext(char c)
{
	return is_alnum(c) || (unsigned char)c >= 0x80 || is_one_of(c, "!#$%&'*+-/=?^_`{|}~");
}

static bool is_printable(char c) { return c >= ' ' && c <= '~'; }

/* token of RFC 2045 §5.1. */
static bool is_token(char c) { return c > ' ' && c <= '~' && !is_one_of(c, "()<>@,;:\\\"/[]?="); }

/* attribute-char of RFC 2231 §7. */
static bool is_attribute(char c) { return is_token(c) && !is_one_of(c, "*'%"); }

static bool is_all(str s, bool (*is)(char))
{
	for (size_t i = 0; i < s.len; i++)
		if (!is(s.ptr[i]))
			return false;
	return true;
}

void mime_field_begin(struct mime_field_writer *f, struct buf *out, str name)
{
	*f = (struct mime_field_writer){ .out = out, .column = name.len + 1 };
	buf_add(out, name);
	buf_add_char(out, ':');
}

/* Before the next `len` octets: a space, or where they would not fit a new line. Not before the first ones: a
 * name that stands alone on its line has confused too many readers. */
static void space(struct mime_field_writer *f, size_t len)
{
	bool fold = f->has_word && f->column + 1 + len > LINE_OCTETS;

	buf_add(f->out, fold ? STR("\r\n ") : STR(" "));
	f->column = (fold ? 0 : f->column) + 1;
	f->has_word = true;
}

static void glue(struct mime_field_writer *f, str octets)
{
	buf_add(f->out, octets);
	f->column += octets.len;
}

void mime_field_word(struct mime_field_writer *f, str word)
{
	space(f, word.len);
	f->column += word.len;
	for (size_t i = 0; i < word.len; i++)
		buf_add_char(f->out,
		             (unsigned char)word.ptr[i] <= ' ' || word.ptr[i] == 0x7f ? '?' : word.ptr[i]);
}

/* The character at the front of `s`, or the one that stands for an octet that is none; *taken are its octets
 * in `s`. */
static str character(str s, size_t *taken)
{
	size_t len = utf8_length(s);

	*taken = len ? len : 1;
	return len ? str_slice(s, 0, len) : replacement;
}

/* What may stand for itself in Q wherever that is used (RFC 2047 §5, rule 3). */
static bool is_q_safe(char c) { return is_alnum(c) || is_one_of(c, "!*+-/"); }

static size_t q_size(str c)
{
	size_t size = 0;

	for (size_t i = 0; i < c.len; i++)
		size += is_q_safe(c.ptr[i]) || c.ptr[i] == ' ' ? 1 : 3;
	return size;
}

static void add_q(struct buf *out, str c)
{
	for (size_t i = 0; i < c.len; i++) {
		if (is_q_safe(c.ptr[i])) {
			buf_add_char(out, c.ptr[i]);
		} else if (c.ptr[i] == ' ') {
			buf_add_char(out, '_');
		} else {
			char escape[3] = { '=', digits[(unsigned char)c.ptr[i] >> 4], digits[c.ptr[i] & 15] };
			buf_add(out, (str){ escape, 3 });
		}
	}
}

/* Is Q shorter than base64, or so little longer that being half readable is worth it? */
static bool suits_q(str text)
{
	size_t size = 0;

	for (size_t at = 0, taken = 0; at < text.len; at += taken)
		size += q_size(character(str_from(text, at), &taken));
	return size < (text.len + 2) / 3 * 4 + 5;
}

/* One encoded-word, of as many whole characters at the front of `text` as fit `room`; those are taken. */
static void encoded_word(struct mime_field_writer *f, str *text, bool q, size_t room)
{
	char octets[LINE_OCTETS];
	struct buf word;
	size_t size = 0;

	buf_init_fixed(&word, octets, sizeof octets);
	while (text->len) {
		size_t taken;
		str c = character(*text, &taken);
		size_t wanted = q ? size + q_size(c) : (word.len + c.len + 2) / 3 * 4;
		if (wanted > room)
			break;
		size = wanted;
		buf_add(&word, c);
		*text = str_from(*text, taken);
	}
	glue(f, q ? STR("=?utf-8?q?") : STR("=?utf-8?b?"));
	if (q)
		add_q(f->out, buf_str(&word));
	else
		mime_base64_line(buf_str(&word), f->out);
	f->column += size;
	glue(f, STR("?="));
}

/* `text` as encoded-words; what a reader sees between them is nothing (RFC 2047 §6.2). */
static void encode(struct mime_field_writer *f, str text)
{
	bool q = suits_q(text);

	while (text.len) {
		space(f, WORD_FRAME + PAYLOAD_LEAST);
		bool fits = f->column + WORD_FRAME + PAYLOAD_LEAST <= LINE_OCTETS;
		encoded_word(f, &text, q, fits ? LINE_OCTETS - f->column - WORD_FRAME : PAYLOAD_LEAST);
	}
}

/* True: the word can't stand for itself. An empty one is a second space, which a reader may drop. */
static bool needs_encoding(str word)
{
	return word.len == 0 || word.len > PLAIN_WORD_OCTETS || !is_all(word, is_printable) ||
	       str_find(word, STR("=?")) < word.len;
}

/* Octets of the words at the front of `text` that are encoded together, 0 for none. */
static size_t encoded_run(str text)
{
	size_t end = 0;

	for (bool any = false, after_empty = false;; any = true) {
		size_t from = end + any;
		str word = str_slice(text, from, from + str_find_char(str_from(text, from), ' '));
		if (!needs_encoding(word) && !after_empty)
			return end;
		after_empty = word.len == 0;
		end = from + word.len;
		if (end == text.len)
			return end;
	}
}

void mime_field_text(struct mime_field_writer *f, str text)
{
	text = str_trim(text);
	while (text.len) {
		size_t run = encoded_run(text);
		if (run) {
			encode(f, str_slice(text, 0, run));
		} else {
			run = str_find_char(text, ' ');
			mime_field_word(f, str_slice(text, 0, run));
		}
		text = str_from(text, run + (run < text.len));
	}
}

static void add_quoted(struct mime_field_writer *f, str s)
{
	size_t start = f->out->len;

	buf_add_char(f->out, '"');
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '"' || c == '\\')
			buf_add_char(f->out, '\\');
		buf_add_char(f->out, (unsigned char)c < ' ' || c == 0x7f ? '?' : c);
	}
	buf_add_char(f->out, '"');
	f->column += f->out->len - start;
}

static size_t quoted_size(str s)
{
	size_t size = 2;

	for (size_t i = 0; i < s.len; i++)
		size += s.ptr[i] == '"' || s.ptr[i] == '\\' ? 2 : 1;
	return size;
}

static bool is_atoms(char c) { return c == ' ' || ((unsigned char)c < 0x80 && is_atext(c)); }

/* A display name (RFC 5322 §3.2.5). */
static void phrase(struct mime_field_writer *f, str name)
{
	bool plain = is_all(name, is_printable) && str_find(name, STR("=?")) == name.len;

	if (!plain || quoted_size(name) >= PLAIN_WORD_OCTETS) {
		encode(f, name);
	} else if (!is_all(name, is_atoms) || str_find(name, STR("  ")) < name.len) {
		space(f, quoted_size(name));
		add_quoted(f, name);
	} else {
		while (name.len)
			mime_field_word(f, str_cut(&name, ' '));
	}
}

static bool is_dot_atom(str s)
{
	for (size_t i = 0; i < s.len; i++) {
		bool dot = s.ptr[i] == '.';
		if (!dot && !is_atext(s.ptr[i]))
			return false;
		if (dot && (i == 0 || i + 1 == s.len || s.ptr[i + 1] == '.'))
			return false;
	}
	return s.len > 0;
}

static bool is_domain(char c) { return is_alnum(c) || (unsigned char)c >= 0x80 || is_one_of(c, "-._"); }

static bool is_literal(char c) { return is_domain(c) || c == ':'; }

/* A domain, or an address literal in its brackets (RFC 5321 §4.1.3). */
static void add_host(struct buf *out, str host)
{
	bool brackets = host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';

	for (size_t i = 0; i < host.len; i++) {
		bool bracket = brackets && (i == 0 || i + 1 == host.len);
		bool is = bracket || (brackets ? is_literal : is_domain)(host.ptr[i]);
		buf_add_char(out, is ? host.ptr[i] : '?');
	}
}

static void addr_spec(struct mime_field_writer *f, const struct mime_address *a, bool angle)
{
	bool atom = is_dot_atom(a->mailbox);

	space(f, (atom ? a->mailbox.len : quoted_size(a->mailbox)) + 1 + a->host.len + 3);
	glue(f, angle ? STR("<") : STR(""));
	if (atom)
		glue(f, a->mailbox);
	else
		add_quoted(f, a->mailbox);
	glue(f, a->host.len ? STR("@") : STR(""));
	add_host(f->out, a->host);
	f->column += a->host.len;
	glue(f, angle ? STR(">") : STR(""));
}

void mime_field_address(struct mime_field_writer *f, const struct mime_address *a)
{
	str name = str_trim(a->name);

	if (a->kind == MIME_ADDRESS_GROUP_END) {
		glue(f, STR(";"));
		f->needs_comma = true;
		return;
	}
	if (f->needs_comma)
		glue(f, STR(","));
	f->needs_comma = a->kind == MIME_ADDRESS_MAILBOX;
	if (name.len)
		phrase(f, name);
	if (a->kind == MIME_ADDRESS_MAILBOX) {
		addr_spec(f, a, name.len > 0);
		return;
	}
	/* A group has a name (RFC 5322 §3.4). */
	if (name.len == 0)
		mime_field_word(f, STR("undisclosed"));
	glue(f, STR(":"));
}

static size_t percent_size(str s)
{
	size_t size = 0;

	for (size_t i = 0; i < s.len; i++)
		size += is_attribute(s.ptr[i]) ? 1 : 3;
	return size;
}

static void add_percent(struct buf *out, str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char escape[3] = { '%', digits[(unsigned char)s.ptr[i] >> 4], digits[s.ptr[i] & 15] };
		bool plain = is_attribute(s.ptr[i]);
		buf_add(out, plain ? str_slice(s, i, i + 1) : (str){ escape, 3 });
	}
}

/* Percent-encoded (RFC 2231 §4), in numbered sections (§3) where it is too long for one. */
static void extended_parameter(struct mime_field_writer *f, str name, str value)
{
	const size_t line = LINE_OCTETS - (sizeof " ;" - 1) - name.len;
	const bool one = percent_size(value) + sizeof "*=utf-8''" - 1 <= line;

	for (unsigned section = 0; value.len || section == 0; section++) {
		size_t room = line - (section ? sizeof "*999*=" - 1 : sizeof "*0*=utf-8''" - 1);
		size_t len = 0, size = 0;
		while (len < value.len && size + 3 <= room)
			size += is_attribute(value.ptr[len++]) ? 1 : 3;
		len = one ? value.len : len;
		glue(f, STR(";"));
		space(f, one ? name.len + sizeof "*=utf-8''" + percent_size(value) : LINE_OCTETS);
		size_t mark = f->out->len;
		buf_add(f->out, name);
		if (!one) {
			buf_add_char(f->out, '*');
			buf_add_u64(f->out, section);
		}
		buf_add(f->out, section == 0 ? STR("*=utf-8''") : STR("*="));
		add_percent(f->out, str_slice(value, 0, len));
		f->column += f->out->len - mark;
		value = str_from(value, len);
	}
}

void mime_field_parameter(struct mime_field_writer *f, str name, str value)
{
	bool token = value.len && is_all(value, is_token);
	size_t size = name.len + 2 + (token ? value.len : quoted_size(value));

	if (!is_all(value, is_printable) || size > LINE_OCTETS - 1) {
		extended_parameter(f, name, value);
		return;
	}
	glue(f, STR(";"));
	space(f, size);
	glue(f, name);
	glue(f, STR("="));
	if (token)
		glue(f, value);
	else
		add_quoted(f, value);
}

void mime_field_end(struct mime_field_writer *f) { buf_add(f->out, CRLF); }

void mime_field_add_text(struct buf *out, str name, str text)
{
	struct mime_field_writer f;

	mime_field_begin(&f, out, name);
	mime_field_text(&f, text);
	mime_field_end(&f);
}

void mime_field_add_date(struct buf *out, str name, struct mime_date date)
{
	struct mime_field_writer f;

	mime_field_begin(&f, out, name);
	space(&f, 0);
	mime_date_format(date, out);
	mime_field_end(&f);
}

void mime_field_add_id(struct buf *out, str name, str id)
{
	struct mime_field_writer f;

	mime_field_begin(&f, out, name);
	space(&f, id.len + 2);
	glue(&f, STR("<"));
	for (size_t i = 0; i < id.len; i++)
		buf_add_char(out, (unsigned char)id.ptr[i] <= ' ' || is_one_of(id.ptr[i], "<>\x7f")
		                          ? '?'
		                          : id.ptr[i]);
	glue(&f, STR(">"));
	mime_field_end(&f);
}

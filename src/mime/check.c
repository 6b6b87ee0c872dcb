#include "mime/check.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "mime/charset.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/transfer.h"

/* RFC 5322 §2.1.1, without the line end. */
enum { LINE_MAX_OCTETS = 998 };

static const char *const sentences[MIME_DEFECT_KINDS] = {
	[MIME_DEFECT_LONG_LINE] = "line over 998 octets (RFC 5322 §2.1.1)",
	[MIME_DEFECT_BARE_CR] = "bare CR (RFC 5322 §2.3)",
	[MIME_DEFECT_BARE_LF] = "bare LF (RFC 5322 §2.3)",
	[MIME_DEFECT_NUL] = "NUL octet (RFC 5322 §4)",
	[MIME_DEFECT_NO_FIELD] = "header line without a field name and colon (RFC 5322 §2.2)",
	[MIME_DEFECT_REPEATED_FIELD] = "header field that may stand once only is repeated (RFC 5322 §3.6)",
	[MIME_DEFECT_NO_FROM] = "no From field (RFC 5322 §3.6)",
	[MIME_DEFECT_NO_DATE] = "no Date field (RFC 5322 §3.6)",
	[MIME_DEFECT_BAD_DATE] = "date can't be read (RFC 5322 §3.3)",
	[MIME_DEFECT_BAD_ADDRESS] = "address is malformed (RFC 5322 §3.4)",
	[MIME_DEFECT_8BIT_HEADER] = "8-bit octets in a header (legal under SMTPUTF8 only, RFC 6532)",
	[MIME_DEFECT_NOT_UTF8_HEADER] = "8-bit octets in a header that are not UTF-8 (RFC 6532 §3)",
	[MIME_DEFECT_BAD_CONTENT_TYPE] = "Content-Type says no usable type (RFC 2045 §5.1)",
	[MIME_DEFECT_NO_BOUNDARY] = "multipart without a boundary parameter (RFC 2046 §5.1.1)",
	[MIME_DEFECT_UNCLOSED] = "boundary never closed (RFC 2046 §5.1.1)",
	[MIME_DEFECT_NO_PARTS] = "multipart without a part (RFC 2046 §5.1.1)",
	[MIME_DEFECT_BAD_ENCODING] = "unknown Content-Transfer-Encoding (RFC 2045 §6.1)",
	[MIME_DEFECT_ENCODED_COMPOSITE] = "multipart or message under an encoding (RFC 2045 §6.4)",
	[MIME_DEFECT_BAD_BASE64] = "undecodable base64 (RFC 2045 §6.8)",
	[MIME_DEFECT_BAD_QUOTED_PRINTABLE] = "undecodable quoted-printable (RFC 2045 §6.7)",
	[MIME_DEFECT_8BIT_BODY] = "8-bit octets in a part that says 7bit (RFC 2045 §2.7)",
	[MIME_DEFECT_BAD_CHARSET] = "unknown charset (RFC 2046 §4.1.2)",
	[MIME_DEFECT_CUT] = "more parts, fields or levels than are looked at",
};

struct checker {
	struct arena *arena;
	str message;
	struct buf scratch;
	struct mime_defect found[MIME_DEFECT_KINDS];
};

static void note(struct checker *c, mime_defect_kind kind, uint64_t offset)
{
	struct mime_defect *d = &c->found[kind];

	if (d->count++ == 0)
		*d = (struct mime_defect){ kind, sentences[kind], 1, offset };
}

static void check_lines(struct checker *c)
{
	str m = c->message;

	for (size_t at = 0; at < m.len;) {
		size_t len = str_find_char(str_from(m, at), '\n');
		bool has_lf = at + len < m.len;
		str line = str_slice(m, at, at + len);
		bool has_cr = has_lf && line.len && line.ptr[line.len - 1] == '\r';
		line.len -= has_cr;
		if (has_lf && !has_cr)
			note(c, MIME_DEFECT_BARE_LF, at + len);
		if (line.len > LINE_MAX_OCTETS)
			note(c, MIME_DEFECT_LONG_LINE, at);
		size_t cr = str_find_char(line, '\r'), nul = str_find_char(line, '\0');
		if (cr < line.len)
			note(c, MIME_DEFECT_BARE_CR, at + cr);
		if (nul < line.len)
			note(c, MIME_DEFECT_NUL, at + nul);
		at += len + has_lf;
	}
}

static size_t first_8bit(str s)
{
	size_t i = 0;

	while (i < s.len && (unsigned char)s.ptr[i] < 0x80)
		i++;
	return i;
}

/* The body of a field, unfolded, in the scratch. */
static str unfolded(struct checker *c, str body)
{
	buf_clear(&c->scratch);
	mime_header_unfold(body, &c->scratch);
	return buf_str(&c->scratch);
}

static err check_addresses(struct checker *c, str body, uint64_t offset)
{
	struct mime_address_reader reader;
	struct mime_address a;
	struct buf scratch;
	char *octets = arena_alloc(c->arena, body.len + 1);

	if (!octets)
		return ERR_NO_MEMORY;
	buf_init_fixed(&scratch, octets, body.len + 1);
	mime_address_begin(&reader, body, &scratch);
	while (mime_address_next(&reader, &a))
		if (a.doubtful)
			note(c, MIME_DEFECT_BAD_ADDRESS, offset);
	return OK;
}

static err check_field(struct checker *c, mime_field field, str body, uint64_t offset)
{
	struct mime_content_type type;
	struct mime_date date;
	struct buf scratch;
	char *octets;

	switch (field) {
	case MIME_FIELD_DATE:
		if (mime_date_parse(unfolded(c, body), &date).code != ERR_OK)
			note(c, MIME_DEFECT_BAD_DATE, offset);
		return OK;
	case MIME_FIELD_FROM:
	case MIME_FIELD_SENDER:
	case MIME_FIELD_REPLY_TO:
	case MIME_FIELD_TO:
	case MIME_FIELD_CC:
	case MIME_FIELD_BCC:
		return check_addresses(c, unfolded(c, body), offset);
	case MIME_FIELD_CONTENT_TYPE:
		octets = arena_alloc(c->arena, 3 * body.len + 64);
		if (!octets)
			return ERR_NO_MEMORY;
		buf_init_fixed(&scratch, octets, 3 * body.len + 64);
		mime_content_type_parse(unfolded(c, body), &scratch, &type);
		if (type.defaulted)
			note(c, MIME_DEFECT_BAD_CONTENT_TYPE, offset);
		return OK;
	default:
		return OK;
	}
}

/* All fields of the header of one part; their number goes to *fields. */
static err check_header(struct checker *c, const struct mime_part *part, size_t *fields)
{
	scan block = { str_slice(c->message, 0, (size_t)(part->header_offset + part->header_size)),
		       (size_t)part->header_offset };
	struct mime_header_field f;
	uint32_t seen = 0;

	*fields = 0;
	while (mime_header_next(&block, &f)) {
		str octets = str_slice(c->message, f.offset, f.offset + f.size);
		size_t first = first_8bit(octets);
		bool is_utf8 = utf8_invalid(octets) == octets.len;
		if (first < octets.len)
			note(c, is_utf8 ? MIME_DEFECT_8BIT_HEADER : MIME_DEFECT_NOT_UTF8_HEADER,
			     f.offset + first);
		if (f.name.len == 0) {
			note(c, MIME_DEFECT_NO_FIELD, f.offset);
			continue;
		}
		(*fields)++;
		mime_field field = mime_field_of(f.name);
		if (field != MIME_FIELD_OTHER && seen & 1u << field)
			note(c, MIME_DEFECT_REPEATED_FIELD, f.offset);
		seen |= 1u << field;
		TRY(check_field(c, field, f.body, f.offset));
	}
	if (part->envelope && !(seen & 1u << MIME_FIELD_FROM))
		note(c, MIME_DEFECT_NO_FROM, part->header_offset);
	if (part->envelope && !(seen & 1u << MIME_FIELD_DATE))
		note(c, MIME_DEFECT_NO_DATE, part->header_offset);
	return OK;
}

static void check_encoded(struct checker *c, mime_encoding encoding, str body, uint64_t offset)
{
	struct mime_base64_decoder base64 = { 0 };
	struct mime_qp_decoder qp = { 0 };
	struct buf nowhere;
	size_t first = first_8bit(body);

	/* What is decoded is not wanted, only how well it went. */
	buf_init_fixed(&nowhere, NULL, 0);
	if (encoding == MIME_ENCODING_BASE64) {
		mime_base64_decode(&base64, body, &nowhere);
		if (!mime_base64_decode_end(&base64, &nowhere) || base64.bad)
			note(c, MIME_DEFECT_BAD_BASE64, offset);
	} else if (encoding == MIME_ENCODING_QUOTED_PRINTABLE) {
		mime_qp_decode(&qp, body, &nowhere);
		mime_qp_decode_end(&qp, &nowhere);
		if (qp.bad || first < body.len)
			note(c, MIME_DEFECT_BAD_QUOTED_PRINTABLE, offset);
	}
}

static void check_body(struct checker *c, const struct mime_part *part)
{
	uint64_t offset = part->header_offset + part->header_size;
	str body = str_slice(c->message, (size_t)offset, (size_t)(offset + part->body_size));
	mime_encoding encoding = mime_encoding_of(part->encoding);
	bool is_multipart = str_eq(part->type, STR("multipart"));
	bool is_message = str_eq(part->type, STR("message")) && str_eq(part->subtype, STR("rfc822"));
	bool says_7bit = part->encoding.len == 0 || str_eq(part->encoding, STR("7bit"));
	str charset;

	if (part->no_boundary)
		note(c, MIME_DEFECT_NO_BOUNDARY, part->header_offset);
	if (part->unclosed)
		note(c, MIME_DEFECT_UNCLOSED, part->header_offset);
	if (is_multipart && !part->no_boundary && !part->child)
		note(c, MIME_DEFECT_NO_PARTS, offset);
	if (encoding == MIME_ENCODING_UNKNOWN)
		note(c, MIME_DEFECT_BAD_ENCODING, part->header_offset);
	bool encoded = encoding == MIME_ENCODING_BASE64 || encoding == MIME_ENCODING_QUOTED_PRINTABLE;
	if ((is_multipart || is_message) && encoded)
		note(c, MIME_DEFECT_ENCODED_COMPOSITE, part->header_offset);
	if (mime_parameter_find(part->parameters.list, part->parameters.count, STR("charset"), &charset) &&
	    !mime_charset_known(charset))
		note(c, MIME_DEFECT_BAD_CHARSET, part->header_offset);
	if (is_multipart || is_message || part->child)
		return;
	check_encoded(c, encoding, body, offset);
	size_t first = first_8bit(body);
	if (says_7bit && first < body.len)
		note(c, MIME_DEFECT_8BIT_BODY, offset + first);
}

/* Recursion is bounded: the tree is no deeper than LIMIT_MIME_DEPTH. */
static err check_part(struct checker *c, const struct mime_part *part, size_t *fields)
{
	size_t of_child;

	TRY(check_header(c, part, fields));
	check_body(c, part);
	for (const struct mime_part *child = part->child; child; child = child->next)
		TRY(check_part(c, child, &of_child));
	return OK;
}

static err summarise(struct arena *arena, str message, struct mime_summary *out)
{
	struct mime_summary_parser *p;
	struct buf encoded;

	buf_init(&encoded, arena, LIMIT_SUMMARY);
	TRY(mime_summary_new(arena, &p));
	mime_summary_push(p, message);
	TRY(mime_summary_finish(p, &encoded));
	return mime_summary_decode(arena, buf_str(&encoded), out);
}

err mime_check(struct arena *arena, str message, struct mime_check *out)
{
	struct checker *c = arena_new(arena, struct checker, 1);
	struct mime_summary summary;
	size_t fields = 0;

	if (!c)
		return ERR_NO_MEMORY;
	c->arena = arena;
	c->message = message;
	buf_init(&c->scratch, arena, message.len + 1);
	TRY(summarise(arena, message, &summary));
	check_lines(c);
	TRY(check_part(c, summary.root, &fields));
	TRY(buf_err(&c->scratch));
	if (summary.cut)
		note(c, MIME_DEFECT_CUT, 0);
	size_t count = 0;
	for (size_t i = 0; i < MIME_DEFECT_KINDS; i++)
		if (c->found[i].count)
			c->found[count++] = c->found[i];
	*out = (struct mime_check){ message.len, fields, summary.root, c->found, count };
	return OK;
}

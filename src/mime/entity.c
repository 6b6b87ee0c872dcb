#include "mime/entity.h"

static_assert(MIME_DELIMITER_OCTETS >= LIMIT_BOUNDARY + 64, "the longest boundary leaves room for padding");

void mime_entity_begin(struct mime_entity *e, bool in_digest)
{
	/* Without the boundary, which is long and has its length. */
	memset(e, 0, offsetof(struct mime_entity, boundary));
	e->in_digest = in_digest;
}

void mime_entity_take_type(struct mime_entity *e, const struct mime_content_type *t)
{
	str boundary;

	if (e->has_type)
		return;
	e->has_type = !t->defaulted;
	e->is_multipart = str_eq(t->type, STR("multipart"));
	e->is_digest = e->is_multipart && str_eq(t->subtype, STR("digest"));
	e->is_signed = e->is_multipart && str_eq(t->subtype, STR("signed"));
	e->of_message = str_eq(t->type, STR("message"));
	e->of_text = str_eq(t->type, STR("text"));
	e->is_message =
		e->of_message && (str_eq(t->subtype, STR("rfc822")) || str_eq(t->subtype, STR("global")));
	e->is_text = e->of_text && (str_eq(t->subtype, STR("plain")) || str_eq(t->subtype, STR("html")));
	if (!e->is_multipart ||
	    !mime_parameter_find(t->parameters.list, t->parameters.count, STR("boundary"), &boundary))
		return;
	/* A boundary does not end with a space (RFC 2046 §5.1.1). */
	while (boundary.len &&
	       (boundary.ptr[boundary.len - 1] == ' ' || boundary.ptr[boundary.len - 1] == '\t'))
		boundary.len--;
	e->boundary_too_long = boundary.len > sizeof e->boundary;
	if (boundary.len == 0 || e->boundary_too_long)
		return;
	memcpy(e->boundary, boundary.ptr, boundary.len);
	e->boundary_len = boundary.len;
}

void mime_entity_take_encoding(struct mime_entity *e, str body)
{
	str word = mime_encoding_word(body);

	if (e->has_encoding)
		return;
	e->has_encoding = true;
	e->encoding = mime_encoding_of(word);
	e->is_binary = str_eq_nocase(word, STR("binary"));
}

bool mime_entity_is_digest_message(const struct mime_entity *e) { return e->in_digest && !e->has_type; }

mime_part_kind mime_entity_kind(const struct mime_entity *e)
{
	bool hidden = e->encoding == MIME_ENCODING_BASE64 || e->encoding == MIME_ENCODING_QUOTED_PRINTABLE;

	if (e->is_multipart && e->boundary_len)
		return MIME_PART_MULTIPART;
	if ((e->is_message || mime_entity_is_digest_message(e)) && !hidden)
		return MIME_PART_MESSAGE;
	return MIME_PART_LEAF;
}

mime_delimiter mime_delimiter_of(const struct mime_entity *e, str line)
{
	if (line.len < 2 + e->boundary_len || line.ptr[0] != '-' || line.ptr[1] != '-' ||
	    memcmp(line.ptr + 2, e->boundary, e->boundary_len) != 0)
		return MIME_DELIMITER_NONE;
	str rest = str_from(line, 2 + e->boundary_len);
	bool closes = str_starts(rest, STR("--"));
	if (str_trim(str_from(rest, closes ? 2 : 0)).len)
		return MIME_DELIMITER_NONE;
	return closes ? MIME_DELIMITER_CLOSES : MIME_DELIMITER_OPENS;
}

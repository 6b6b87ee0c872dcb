#include "mime/prepare.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/buf.h"
#include "base/utf8.h"

struct range {
	int32_t first, last;
};

/* RFC 3454 table B.1: commonly mapped to nothing. */
static const struct range nothing[] = {
	{ 0x00ad, 0x00ad }, { 0x034f, 0x034f }, { 0x1806, 0x1806 }, { 0x180b, 0x180d }, { 0x200b, 0x200d },
	{ 0x2060, 0x2060 }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0, -1 },
};

/* Table C.1.2: spaces that become U+0020 (RFC 4013 §2.1); before B.1, which has U+200B too. */
static const struct range spaces[] = {
	{ 0x00a0, 0x00a0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200b }, { 0x202f, 0x202f },
	{ 0x205f, 0x205f }, { 0x3000, 0x3000 }, { 0, -1 },
};

/* Tables C.2.1 to C.9 (RFC 4013 §2.3); the last two code points of each plane are checked beside. */
static const struct range prohibited[] = {
	{ 0x0000, 0x001f },   { 0x007f, 0x009f },   { 0x0340, 0x0341 },    { 0x06dd, 0x06dd },
	{ 0x070f, 0x070f },   { 0x180e, 0x180e },   { 0x200c, 0x200f },    { 0x2028, 0x202e },
	{ 0x2060, 0x2063 },   { 0x206a, 0x206f },   { 0x2ff0, 0x2ffb },    { 0xd800, 0xf8ff },
	{ 0xfdd0, 0xfdef },   { 0xfeff, 0xfeff },   { 0xfff9, 0xffff },    { 0x1d173, 0x1d17a },
	{ 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f }, { 0xf0000, 0x10ffff }, { 0, -1 },
};

static bool in(const struct range *ranges, int32_t code)
{
	for (; ranges->last >= 0; ranges++)
		if (code >= ranges->first && code <= ranges->last)
			return true;
	return false;
}

static bool is_printable_ascii(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
			return false;
	return true;
}

/* Takes the character at the front of `s`, which is UTF-8 throughout. */
static int32_t take_code(str *s)
{
	utf8proc_int32_t code = 0;
	utf8proc_ssize_t n =
		utf8proc_iterate((const utf8proc_uint8_t *)s->ptr, (utf8proc_ssize_t)s->len, &code);

	assert(n > 0);
	*s = str_from(*s, (size_t)n);
	return code;
}

/* NFC, or NFKC with UTF8PROC_COMPAT. */
static err normalise(struct arena *arena, str text, utf8proc_option_t options, str *out)
{
	utf8proc_uint8_t *made = NULL;
	utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len,
	                                  &made, UTF8PROC_STABLE | UTF8PROC_COMPOSE | options);

	if (n < 0)
		return ERR_NO_MEMORY;
	err e = arena_copy(arena, (str){ (const char *)made, (size_t)n }, out);
	free(made);
	return e;
}

static void map_code(struct buf *out, int32_t code)
{
	if (in(spaces, code))
		buf_add_char(out, ' ');
	else if (!in(nothing, code))
		utf8_add(out, (uint32_t)code);
}

/* RFC 3454 §6: where a character runs from right to left, none runs the other way, and the first and the last
 * are such. */
static bool directions_agree(str text)
{
	bool right = false, left = false, first_right = false, last_right = false;

	for (bool first = true; text.len > 0; first = false) {
		utf8proc_bidi_class_t class =
			(utf8proc_bidi_class_t)utf8proc_get_property(take_code(&text))->bidi_class;

		last_right = class == UTF8PROC_BIDI_CLASS_R || class == UTF8PROC_BIDI_CLASS_AL;
		first_right = first ? last_right : first_right;
		right |= last_right;
		left |= class == UTF8PROC_BIDI_CLASS_L;
	}
	return !right || (!left && first_right && last_right);
}

static bool is_allowed(str text)
{
	for (str rest = text; rest.len > 0;) {
		int32_t code = take_code(&rest);

		if (in(prohibited, code) || (code & 0xfffe) == 0xfffe)
			return false;
	}
	return directions_agree(text);
}

err prepare_saslprep(struct arena *arena, str text, str *out)
{
	struct buf mapped;
	str normal;

	if (text.len > 0 && is_printable_ascii(text)) {
		*out = text;
		return OK;
	}
	if (utf8_invalid(text) < text.len)
		return (err){ ERR_SYNTAX, (uint32_t)utf8_invalid(text), "it is no UTF-8" };
	buf_init(&mapped, arena, text.len);
	for (str rest = text; rest.len > 0;)
		map_code(&mapped, take_code(&rest));
	TRY(buf_err(&mapped));
	if (mapped.len == 0)
		return (err){ ERR_SYNTAX, 0, "nothing of it can be seen" };
	TRY(normalise(arena, buf_str(&mapped), UTF8PROC_COMPAT, &normal));
	if (!is_allowed(normal))
		return (err){ ERR_SYNTAX, 0, "it holds a character that names and passwords may not have" };
	*out = normal;
	return OK;
}

err prepare_password(struct arena *arena, str password, str *out)
{
	struct buf mapped;

	if (is_printable_ascii(password) || utf8_invalid(password) < password.len) {
		*out = password;
		return OK;
	}
	buf_init(&mapped, arena, password.len);
	for (str rest = password; rest.len > 0;) {
		int32_t code = take_code(&rest);
		utf8_add(&mapped, utf8proc_category(code) == UTF8PROC_CATEGORY_ZS ? ' ' : (uint32_t)code);
	}
	TRY(buf_err(&mapped));
	return normalise(arena, buf_str(&mapped), 0, out);
}

/* mime/content_type.h: Content-Type and Content-Disposition: a value and its parameters.
 *
 * Lenient, it never fails: a type that is none is text/plain (RFC 2045 §5.2), an unquoted value goes up to
 * the semicolon where real mail forgot the quotes, comments are dropped where the grammar has them.
 * Continuations of RFC 2231 are joined; an encoded value keeps its charset'language'octets form under its
 * name with "*", as IMAP shows it (RFC 2231 §6), and mime_parameter_decode makes it UTF-8.
 * Strings live in the `scratch` given, which needs up to 3 * body.len + 64 octets. Pure; any thread.
 *
 * RFC 2045 §5.1, RFC 2183, RFC 2231.
 */
#ifndef MIME_CONTENT_TYPE_H
#define MIME_CONTENT_TYPE_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"

struct mime_parameter {
	str name; /* lower case */
	str value;
};

struct mime_parameters {
	const struct mime_parameter *list;
	size_t count;
};

struct mime_parameter_list {
	struct mime_parameter list[LIMIT_MIME_PARAMETERS];
	size_t count;
	bool cut; /* there were more, or scratch had no room */
};

struct mime_content_type {
	str type, subtype; /* lower case */
	bool defaulted;    /* the field says no usable type */
	struct mime_parameter_list parameters;
};

struct mime_disposition {
	str value; /* lower case; empty where the field says none */
	struct mime_parameter_list parameters;
};

/* `body` is an unfolded field body. */
void mime_content_type_parse(str body, struct buf *scratch, struct mime_content_type *out);
void mime_disposition_parse(str body, struct buf *scratch, struct mime_disposition *out);

/* The first parameter of that name, false where there is none. */
bool mime_parameter_find(const struct mime_parameter *list, size_t count, str name, str *out);

/* Appends the value of a "name*" parameter as UTF-8. `conversions`: see mime/charset.h. */
void mime_parameter_decode(str value, struct buf *out, unsigned *conversions);

#endif

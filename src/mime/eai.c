#include "mime/eai.h"

#include <idn2.h>
#include <utf8proc.h>

#include "base/limits.h"

bool eai_is_wide(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return true;
	return false;
}

static void add_lower(struct buf *out, str s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_add_char(out, ascii_lower(s.ptr[i]));
}

/* --- domains --- */

/* The mapping may make ASCII of what was none ("／" is "/"), and nothing of what was a letter (U+034F): what
 * comes out is looked at like what a stranger wrote. */
static bool is_host_name(str name)
{
	bool more = true;

	while (more) {
		size_t dot = str_find_char(name, '.');
		str label = str_slice(name, 0, dot);

		more = dot < name.len;
		name = str_from(name, more ? dot + 1 : dot);
		if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
		    label.ptr[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++) {
			char c = label.ptr[i];

			if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
				return false;
		}
	}
	return true;
}

static err of_idn(int result)
{
	switch (result) {
	case IDN2_MALLOC:
		return ERR_NO_MEMORY;
	case IDN2_TOO_BIG_DOMAIN:
	case IDN2_TOO_BIG_LABEL:
	case IDN2_PUNYCODE_BIG_OUTPUT:
		return (err){ ERR_LIMIT, 0, "the domain is too long in the form that the DNS has" };
	default:
		return (err){ ERR_SYNTAX, 0, "the domain has a letter that no domain may have" };
	}
}

err eai_add_domain(struct buf *out, str domain)
{
	char text[LIMIT_DOMAIN + 1];
	uint8_t *labels = NULL;
	int result;

	if (!eai_is_wide(domain)) {
		add_lower(out, domain);
		return buf_err(out);
	}
	if (domain.len > LIMIT_DOMAIN)
		return (err){ ERR_LIMIT, 0, "the domain is too long" };
	memcpy(text, domain.ptr, domain.len);
	text[domain.len] = 0;
	result = idn2_lookup_u8((const uint8_t *)text, &labels, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (result != IDN2_OK)
		return of_idn(result);
	str found = str_of((const char *)labels);
	bool is_one = is_host_name(found);
	if (is_one)
		buf_add(out, found);
	idn2_free(labels);
	return is_one ? buf_err(out) : of_idn(IDN2_DISALLOWED);
}

void eai_add_domain_shown(struct buf *out, str domain)
{
	char text[LIMIT_DOMAIN + 1];
	char *shown = NULL;

	if (domain.len > LIMIT_DOMAIN || str_find(domain, STR("xn--")) == domain.len) {
		buf_add(out, domain);
		return;
	}
	memcpy(text, domain.ptr, domain.len);
	text[domain.len] = 0;
	if (idn2_to_unicode_8z8z(text, &shown, IDN2_NONTRANSITIONAL) != IDN2_OK) {
		buf_add(out, domain);
		return;
	}
	buf_add(out, str_of(shown));
	idn2_free(shown);
}

/* --- local parts --- */

static utf8proc_int32_t lower(utf8proc_int32_t code, void *unused)
{
	(void)unused;
	return utf8proc_tolower(code);
}

err eai_add_local_part(struct buf *out, str local_part)
{
	const utf8proc_option_t nfc = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
	utf8proc_int32_t codes[4 * LIMIT_LOCAL_PART + 1]; /* no character decomposes into more than 4 */
	utf8proc_ssize_t count;

	if (!eai_is_wide(local_part)) {
		add_lower(out, local_part);
		return buf_err(out);
	}
	if (local_part.len > LIMIT_LOCAL_PART)
		return (err){ ERR_LIMIT, 0, "the part before the @ is too long" };
	count = utf8proc_decompose_custom((const utf8proc_uint8_t *)local_part.ptr,
	                                  (utf8proc_ssize_t)local_part.len, codes, 4 * LIMIT_LOCAL_PART, nfc,
	                                  lower, NULL);
	if (count < 0 || count > 4 * (utf8proc_ssize_t)LIMIT_LOCAL_PART)
		return (err){ ERR_SYNTAX, 0, "the part before the @ is no UTF-8" };
	count = utf8proc_reencode(codes, count, nfc);
	if (count < 0)
		return (err){ ERR_SYNTAX, 0, "the part before the @ is no UTF-8" };
	buf_add(out, (str){ (const char *)codes, (size_t)count });
	return buf_err(out);
}

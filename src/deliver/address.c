#include "deliver/address.h"

#include "base/limits.h"
#include "base/scan.h"
#include "base/utf8.h"
#include "mime/eai.h"

/* atext of RFC 5322 §3.2.3, with UTF-8 (RFC 6531 §3.3). */
static bool is_atext(char c)
{
	unsigned char u = (unsigned char)c;

	if (u >= 0x80)
		return true;
	if ((u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9'))
		return true;
	return u != 0 && strchr("!#$%&'*+-/=?^_`{|}~", u) != NULL;
}

static bool is_label(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 0x80 || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') ||
	       u == '-';
}

/* Dot-string = Atom *("." Atom). Stops at the first octet that is none of it. */
static err dot_string(scan *s)
{
	do {
		if (scan_while(s, is_atext).len == 0)
			return scan_err(s, ERR_SYNTAX, "there is an octet that no address has before its @");
	} while (scan_char(s, '.'));
	return OK;
}

/* label *("." label) ["."] to the end. */
static err domain_name(scan *s)
{
	size_t start = s->at;

	do {
		size_t from = s->at;
		str label = scan_while(s, is_label);

		if (label.len == 0 && s->at > start && scan_at_end(s))
			break;
		if (label.len == 0)
			return scan_err(s, ERR_SYNTAX, "this is no domain name");
		if (label.len > 63 && !eai_is_wide(label))
			return (err){ ERR_LIMIT, (uint32_t)from, "a label of the domain has over 63 octets" };
		if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
			return (err){ ERR_SYNTAX, (uint32_t)from,
				      "a label of the domain begins or ends with a hyphen" };
	} while (scan_char(s, '.'));
	if (!scan_at_end(s))
		return scan_err(s, ERR_SYNTAX, "there is an octet that no domain name has");
	return OK;
}

/* A failure, told as one of the octet at which what failed begins. */
static err at_octet(err e, size_t at)
{
	if (e.code != ERR_OK && e.code != ERR_NOSPACE)
		e.at = (uint32_t)at;
	return e;
}

/* What is left of `s` as a domain; *end is where it ends without a dot. */
static err check_domain(scan *s, size_t *end)
{
	size_t start = s->at;

	TRY(domain_name(s));
	*end = s->in.len - (s->in.ptr[s->in.len - 1] == '.');
	if (*end - start > LIMIT_DOMAIN)
		return (err){ ERR_LIMIT, (uint32_t)start, "the domain has over 255 octets" };
	return OK;
}

err address_normalise(struct arena *arena, str text, str *out)
{
	scan s = { text, 0 };
	size_t at, end;

	TRY(dot_string(&s));
	if (s.at > LIMIT_LOCAL_PART)
		return (err){ ERR_LIMIT, 0, "the part before the @ has over 64 octets" };
	if (utf8_invalid(scan_since(&s, 0)) < s.at)
		return (err){ ERR_SYNTAX, (uint32_t)utf8_invalid(scan_since(&s, 0)),
			      "the part before the @ is no UTF-8" };
	if (!scan_char(&s, '@'))
		return scan_err(&s, ERR_SYNTAX, "an address is written name@domain");
	at = s.at;
	TRY(check_domain(&s, &end));
	return at_octet(address_join(arena, str_slice(text, 0, at - 1), str_slice(text, at, end), out), at);
}

err address_normalise_alias(struct arena *arena, str text, str *out)
{
	scan s = { text, 0 };
	size_t end;

	if (!scan_char(&s, '@'))
		return address_normalise(arena, text, out);
	TRY(check_domain(&s, &end));
	return at_octet(address_join(arena, STR(""), str_slice(text, 1, end), out), 1);
}

err domain_normalise(struct arena *arena, str text, str *out)
{
	scan s = { text, 0 };
	struct buf name;
	size_t end;

	TRY(check_domain(&s, &end));
	buf_init(&name, arena, LIMIT_DOMAIN);
	TRY(eai_add_domain(&name, str_slice(text, 0, end)));
	*out = buf_str(&name);
	return OK;
}

/* As below, where some of it is not ASCII. */
static err join_wide(struct arena *arena, str local_part, str domain, str *out)
{
	struct buf joined;

	buf_init(&joined, arena, 2 * LIMIT_PATH);
	TRY(eai_add_local_part(&joined, local_part));
	buf_add_char(&joined, '@');
	TRY(eai_add_domain(&joined, domain));
	*out = buf_str(&joined);
	return OK;
}

err address_join(struct arena *arena, str local_part, str domain, str *out)
{
	char *joined;
	size_t at = 0;

	if (eai_is_wide(local_part) || eai_is_wide(domain))
		return join_wide(arena, local_part, domain, out);
	joined = arena_alloc(arena, local_part.len + 1 + domain.len);
	if (!joined)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < local_part.len; i++)
		joined[at++] = ascii_lower(local_part.ptr[i]);
	joined[at++] = '@';
	for (size_t i = 0; i < domain.len; i++)
		joined[at++] = ascii_lower(domain.ptr[i]);
	*out = (str){ joined, at };
	return OK;
}

err address_split(struct arena *arena, str path, str *local_part, str *domain)
{
	str quoted = address_local_part(path);
	char *plain;
	size_t len = 0;

	if (quoted.len < 2 || quoted.ptr[0] != '"') {
		*local_part = quoted;
		*domain = address_domain(path);
		return OK;
	}
	plain = arena_alloc(arena, quoted.len);
	if (!plain)
		return ERR_NO_MEMORY;
	for (size_t i = 1; i + 1 < quoted.len; i++) {
		i += quoted.ptr[i] == '\\' && i + 2 < quoted.len;
		plain[len++] = quoted.ptr[i];
	}
	*local_part = (str){ plain, len };
	*domain = address_domain(path);
	return OK;
}

str address_local_part(str address) { return str_slice(address, 0, str_rfind_char(address, '@')); }

str address_domain(str address)
{
	size_t at = str_rfind_char(address, '@');

	return at == address.len ? STR("") : str_from(address, at + 1);
}

bool address_without_detail(struct arena *arena, str address, str *base)
{
	str local_part = address_local_part(address);
	size_t plus = str_find_char(local_part, '+');

	if (plus == 0 || plus == local_part.len)
		return false;
	return address_join(arena, str_slice(local_part, 0, plus), address_domain(address), base).code ==
	       ERR_OK;
}

void address_add(struct buf *out, str address)
{
	str local_part = address_local_part(address);
	scan s = { local_part, 0 };

	if (dot_string(&s).code == ERR_OK && scan_at_end(&s)) {
		buf_add(out, address);
		return;
	}
	buf_add_char(out, '"');
	for (size_t i = 0; i < local_part.len; i++) {
		char c = local_part.ptr[i];

		if (c == '"' || c == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, c);
	}
	buf_add_char(out, '"');
	buf_add(out, str_from(address, local_part.len));
}

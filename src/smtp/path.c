#include "smtp/path.h"

#include "base/ip.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "mime/eai.h"

static bool is_wide(char c) { return (unsigned char)c >= 0x80; }

static bool is_let_dig(char c)
{
	return is_wide(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_ldh(char c) { return is_let_dig(c) || c == '-'; }

static bool is_atext(char c) { return is_let_dig(c) || (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c)); }

static bool is_literal(char c) { return (is_let_dig(c) && !is_wide(c)) || c == '.' || c == ':'; }

/* Domain = sub-domain *("." sub-domain); sub-domain = Let-dig [Ldh-str] / U-label */
static err domain_name(scan *s)
{
	size_t start = s->at;

	do {
		str label = scan_while(s, is_ldh);

		if (label.len == 0)
			return scan_err(s, ERR_SYNTAX, "the domain is not well-formed");
		if (!is_let_dig(label.ptr[0]) || !is_let_dig(label.ptr[label.len - 1]))
			return scan_err(s, ERR_SYNTAX, "a label of the domain begins or ends with a hyphen");
		if (label.len > 63 && !eai_is_wide(label))
			return scan_err(s, ERR_LIMIT, "a label of the domain is too long");
	} while (scan_char(s, '.'));
	if (s->at - start > LIMIT_DOMAIN)
		return scan_err(s, ERR_LIMIT, "the domain is too long");
	return OK;
}

/* address-literal = "[" ( IPv4-address-literal / IPv6-address-literal ) "]"; the bracket is taken already */
static err literal(scan *s)
{
	bool v6 = scan_word_nocase(s, STR("IPv6:"));
	str text = scan_while(s, is_literal);
	ip address;

	if (ip_parse(text, &address).code != ERR_OK || v6 != (str_find_char(text, ':') < text.len))
		return scan_err(s, ERR_SYNTAX,
		                "the address literal is neither [192.0.2.1] nor [IPv6:2001:db8::1]");
	if (!scan_char(s, ']'))
		return scan_err(s, ERR_SYNTAX, "the address literal has no closing bracket");
	return OK;
}

/* Quoted-string = DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE; the first quote is taken already. */
static err quoted_string(scan *s, struct arena *arena, str *out)
{
	struct buf unquoted;

	buf_init(&unquoted, arena, LIMIT_LOCAL_PART);
	while (!scan_char(s, '"')) {
		bool escaped = scan_char(s, '\\');
		int c = scan_peek(s);

		if (c < ' ' || c == 0x7f || (escaped && c > 0x7f))
			return scan_err(s, ERR_SYNTAX, "the quoted part before the @ is not well-formed");
		buf_add_char(&unquoted, (char)c);
		s->at++;
	}
	if (buf_err(&unquoted).code == ERR_LIMIT)
		return scan_err(s, ERR_LIMIT, "the part before the @ is too long");
	TRY(buf_err(&unquoted));
	if (unquoted.len == 0)
		return scan_err(s, ERR_SYNTAX, "there is nothing before the @");
	*out = buf_str(&unquoted);
	return OK;
}

/* Dot-string = Atom *("." Atom) */
static err dot_string(scan *s, str *out)
{
	size_t start = s->at;

	do {
		if (scan_while(s, is_atext).len == 0)
			return scan_err(s, ERR_SYNTAX, "the part before the @ is not well-formed");
	} while (scan_char(s, '.'));
	if (s->at - start > LIMIT_LOCAL_PART)
		return scan_err(s, ERR_LIMIT, "the part before the @ is too long");
	*out = scan_since(s, start);
	return OK;
}

/* A-d-l ":" where A-d-l = At-domain *( "," At-domain ); MUST be accepted, SHOULD be ignored (RFC 5321 §3.3)
 */
static err source_route(scan *s)
{
	do {
		if (!scan_char(s, '@'))
			return scan_err(s, ERR_SYNTAX, "the source route is not well-formed; leave it out");
		TRY(domain_name(s));
	} while (scan_char(s, ','));
	if (!scan_char(s, ':'))
		return scan_err(s, ERR_SYNTAX, "the source route is not well-formed; leave it out");
	return OK;
}

/* U-labels mean what their A-labels do (RFC 6531 §3.2). */
static err to_labels(struct arena *arena, size_t start, str *domain)
{
	struct buf labels;
	err e;

	buf_init(&labels, arena, LIMIT_DOMAIN);
	e = eai_add_domain(&labels, *domain);
	if (e.code == ERR_OK)
		*domain = buf_str(&labels);
	else if (e.code != ERR_NOSPACE)
		e.at = (uint32_t)start;
	return e;
}

/* Mailbox = Local-part "@" ( Domain / address-literal ). Without "@" the domain is empty: the caller decides.
 */
static err mailbox(scan *s, struct arena *arena, struct smtp_path *out)
{
	size_t start = s->at, domain;

	if (scan_char(s, '"'))
		TRY(quoted_string(s, arena, &out->local_part));
	else
		TRY(dot_string(s, &out->local_part));
	if (scan_char(s, '@')) {
		domain = s->at;
		if (scan_char(s, '['))
			TRY(literal(s));
		else
			TRY(domain_name(s));
		out->domain = scan_since(s, domain);
		if (eai_is_wide(out->domain))
			TRY(to_labels(arena, domain, &out->domain));
	}
	out->text = scan_since(s, start);
	return OK;
}

/* "<" has been taken; up to ">". */
static err path(scan *s, struct arena *arena, struct smtp_path *out)
{
	str rest = scan_rest(s);
	size_t start = s->at, valid = utf8_invalid(rest);

	if (scan_peek(s) == '@')
		TRY(source_route(s));
	TRY(mailbox(s, arena, out));
	if (s->at - start > valid)
		return (err){ ERR_SYNTAX, (uint32_t)(start + valid), "the address is no UTF-8" };
	out->is_wide = eai_is_wide(scan_since(s, start));
	if (out->text.len > LIMIT_PATH)
		return scan_err(s, ERR_LIMIT, "the address is too long");
	if (!scan_char(s, '>'))
		return scan_err(s, ERR_SYNTAX, "the address is not well-formed or has no closing bracket");
	return OK;
}

err smtp_reverse_path_parse(scan *s, struct arena *arena, struct smtp_path *out)
{
	struct smtp_path p = { 0 };

	if (!scan_char(s, '<'))
		return scan_err(s, ERR_SYNTAX, "the address is not in angle brackets");
	if (!scan_char(s, '>')) {
		TRY(path(s, arena, &p));
		if (p.domain.len == 0)
			return scan_err(s, ERR_SYNTAX, "the address has no domain");
	}
	*out = p;
	return OK;
}

err smtp_forward_path_parse(scan *s, struct arena *arena, struct smtp_path *out)
{
	struct smtp_path p = { 0 };

	if (!scan_char(s, '<'))
		return scan_err(s, ERR_SYNTAX, "the address is not in angle brackets");
	TRY(path(s, arena, &p));
	if (p.domain.len == 0 && !str_eq_nocase(p.text, STR("postmaster")))
		return scan_err(s, ERR_SYNTAX, "the address has no domain");
	*out = p;
	return OK;
}

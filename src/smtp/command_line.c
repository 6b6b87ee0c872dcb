#include "smtp/command_line.h"

err smtp_command_line_parse(str line, struct smtp_command_line *out)
{
	size_t space;

	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] == '\r' || line.ptr[i] == '\n' || line.ptr[i] == 0)
			return (err){ ERR_SYNTAX, (uint32_t)i, "there is a CR, LF or NUL in the line" };
	line = str_trim_wsp(line);
	space = str_find_char(line, ' ');
	out->verb = str_slice(line, 0, space);
	out->argument = str_trim_wsp(str_from(line, space));
	return OK;
}

struct parameter {
	str keyword;
	bool has_value;
	str value;
};

static bool is_keyword(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/* %d33-60 / %d62-126 */
static bool is_value(char c) { return c > ' ' && c <= '~' && c != '='; }

/* SP esmtp-keyword ["=" esmtp-value] */
static err parameter(scan *s, struct parameter *out)
{
	if (!scan_char(s, ' '))
		return scan_err(s, ERR_SYNTAX, "there is something after the address that is no parameter");
	while (scan_char(s, ' '))
		;
	out->keyword = scan_while(s, is_keyword);
	if (out->keyword.len == 0 || out->keyword.ptr[0] == '-')
		return scan_err(s, ERR_SYNTAX, "there is something after the address that is no parameter");
	out->has_value = scan_char(s, '=');
	out->value = out->has_value ? scan_while(s, is_value) : STR("");
	if (out->has_value && out->value.len == 0)
		return scan_err(s, ERR_SYNTAX, "a parameter has no value after its =");
	return OK;
}

/* size-value = 1*20DIGIT (RFC 1870 §3); what does not fit 64 bits is over any limit all the same. */
static err size_parameter(const scan *s, str value, struct smtp_mail_parameters *out)
{
	if (out->has_size || value.len == 0 || value.len > 20)
		return scan_err(s, ERR_SYNTAX, "SIZE is given twice or is no number");
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < '0' || value.ptr[i] > '9')
			return scan_err(s, ERR_SYNTAX, "SIZE is no number");
	out->has_size = true;
	if (!str_to_u64(value, UINT64_MAX, &out->size))
		out->size = UINT64_MAX;
	return OK;
}

static bool is_upper_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); }

/* "<>" or xtext (RFC 4954 §5, RFC 3461 §4): "+" only before two digits. */
static err auth_parameter(const scan *s, str value, struct smtp_mail_parameters *out)
{
	bool wrong = out->has_auth || value.len == 0;

	for (size_t i = 0; i < value.len; i++)
		wrong = wrong ||
		        (value.ptr[i] == '+' && (i + 2 >= value.len || !is_upper_hex(value.ptr[i + 1]) ||
		                                 !is_upper_hex(value.ptr[i + 2])));
	out->has_auth = true;
	return wrong ? scan_err(s, ERR_SYNTAX, "AUTH is given twice or is neither <> nor xtext") : OK;
}

/* body-value = "7BIT" / "8BITMIME" / "BINARYMIME" (RFC 6152 §2, RFC 3030 §3) */
static err body_parameter(const scan *s, str value, struct smtp_mail_parameters *out)
{
	out->binary = str_eq_nocase(value, STR("BINARYMIME"));
	if (out->has_body ||
	    (!out->binary && !str_eq_nocase(value, STR("7BIT")) && !str_eq_nocase(value, STR("8BITMIME"))))
		return scan_err(s, ERR_SYNTAX,
		                "BODY is given twice, or is none of 7BIT, 8BITMIME and BINARYMIME");
	out->has_body = true;
	return OK;
}

err smtp_mail_parameters_parse(scan *s, struct smtp_mail_parameters *out)
{
	struct smtp_mail_parameters p = { 0 };

	while (!scan_at_end(s)) {
		struct parameter next;

		TRY(parameter(s, &next));
		if (str_eq_nocase(next.keyword, STR("SIZE"))) {
			TRY(size_parameter(s, next.value, &p));
		} else if (str_eq_nocase(next.keyword, STR("BODY"))) {
			TRY(body_parameter(s, next.value, &p));
		} else if (str_eq_nocase(next.keyword, STR("AUTH"))) {
			TRY(auth_parameter(s, next.value, &p));
		} else if (str_eq_nocase(next.keyword, STR("SMTPUTF8"))) {
			if (p.smtputf8 || next.has_value)
				return scan_err(s, ERR_SYNTAX, "SMTPUTF8 is given twice or has a value");
			p.smtputf8 = true;
		} else {
			return scan_err(s, ERR_MISSING, "there is a parameter that is not offered here");
		}
	}
	*out = p;
	return OK;
}

err smtp_rcpt_parameters_parse(scan *s)
{
	struct parameter next;

	if (scan_at_end(s))
		return OK;
	TRY(parameter(s, &next));
	return scan_err(s, ERR_MISSING, "there is a parameter that is not offered here");
}

err smtp_chunk_parse(str argument, struct smtp_chunk *out)
{
	str rest = argument, number = str_cut(&rest, ' ');
	struct smtp_chunk c = { 0 };

	rest = str_trim_wsp(rest);
	c.last = rest.len > 0;
	if (!str_to_u64(number, UINT64_MAX, &c.size))
		return (err){ ERR_SYNTAX, 0, "BDAT wants a number of octets, then maybe LAST" };
	if (c.last && !str_eq_nocase(rest, STR("LAST")))
		return (err){ ERR_SYNTAX, (uint32_t)number.len, "only LAST may follow the number of octets" };
	*out = c;
	return OK;
}

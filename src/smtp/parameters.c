#include "smtp/parameters.h"

#include "base/clock.h"
#include "base/limits.h"
#include "mime/eai.h"
#include "smtp/xtext.h"
#include "store/queue.h"

/* One parameter. `s` is where it ends, for errors. */
struct parameter {
	const scan *s;
	struct arena *arena;
	str keyword;
	bool has_value;
	str value;
};

static err wrong(const struct parameter *p, const char *what) { return scan_err(p->s, ERR_SYNTAX, what); }

static bool is_keyword(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/* %d33-60 / %d62-126 (RFC 5321 §4.1.2) / UTF8-non-ascii (RFC 6531 §3.3) */
static bool is_value(char c) { return (c > ' ' && c <= '~' && c != '=') || (unsigned char)c >= 0x80; }

/* SP esmtp-keyword ["=" esmtp-value] */
static err next_parameter(scan *s, struct parameter *out)
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

static bool is_digits(str s, size_t most)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0 && s.len <= most;
}

/* Of at most 9 digits. */
static int64_t number(str digits)
{
	int64_t n = 0;

	for (size_t i = 0; i < digits.len; i++)
		n = 10 * n + (digits.ptr[i] - '0');
	return n;
}

/* --- of MAIL --- */

/* size-value = 1*20DIGIT (RFC 1870 §3); what does not fit 64 bits is over any limit all the same. */
static err size_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	if (out->has_size || !is_digits(p->value, 20))
		return wrong(p, "SIZE is given twice or is no number");
	out->has_size = true;
	if (!str_to_u64(p->value, UINT64_MAX, &out->size))
		out->size = UINT64_MAX;
	return OK;
}

/* body-value = "7BIT" / "8BITMIME" / "BINARYMIME" (RFC 6152 §2, RFC 3030 §3) */
static err body_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	out->binary = str_eq_nocase(p->value, STR("BINARYMIME"));
	if (out->has_body || (!out->binary && !str_eq_nocase(p->value, STR("7BIT")) &&
	                      !str_eq_nocase(p->value, STR("8BITMIME"))))
		return wrong(p, "BODY is given twice, or is none of 7BIT, 8BITMIME and BINARYMIME");
	out->has_body = true;
	return OK;
}

/* "<>" or xtext (RFC 4954 §5). */
static err auth_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	char room[LIMIT_SMTP_COMMAND_LINE];
	struct buf decoded;

	buf_init_fixed(&decoded, room, sizeof room);
	if (out->has_auth || p->value.len == 0 || xtext_decode(&decoded, p->value).code == ERR_SYNTAX)
		return wrong(p, "AUTH is given twice or is neither <> nor xtext");
	out->has_auth = true;
	return OK;
}

static err smtputf8_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	if (out->smtputf8 || p->has_value)
		return wrong(p, "SMTPUTF8 is given twice or has a value");
	out->smtputf8 = true;
	return OK;
}

/* RFC 3461 §4.3 */
static err ret_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	bool full = str_eq_nocase(p->value, STR("FULL"));

	if (out->ret || (!full && !str_eq_nocase(p->value, STR("HDRS"))))
		return wrong(p, "RET is given twice, or is neither FULL nor HDRS");
	out->ret = full ? 'F' : 'H';
	return OK;
}

/* RFC 3461 §4.4 */
static err envid_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	struct buf decoded;
	err e;

	if (out->has_envid || p->value.len == 0)
		return wrong(p, "ENVID is given twice or has no value");
	buf_init(&decoded, p->arena, LIMIT_ENVID);
	e = xtext_decode_printable(&decoded, p->value);
	if (e.code == ERR_SYNTAX)
		return wrong(p, "ENVID is not the xtext of printable ASCII");
	if (e.code != ERR_OK)
		return e;
	out->has_envid = true;
	out->envid = buf_str(&decoded);
	return OK;
}

/* future-release-integer = %x31-39 *8DIGIT (RFC 4865 §3) */
static err hold_for_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	if (out->has_hold || !is_digits(p->value, 9) || p->value.ptr[0] == '0')
		return wrong(p, "HOLDFOR or HOLDUNTIL is given twice, or HOLDFOR is no number of seconds");
	out->has_hold = true;
	out->hold_for_s = number(p->value);
	return OK;
}

static err hold_until_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	if (out->has_hold || clock_parse_rfc3339(p->value, &out->hold_until_ms).code != ERR_OK)
		return wrong(p, "HOLDFOR or HOLDUNTIL is given twice, or HOLDUNTIL is no time like "
		                "2026-11-23T12:00:00Z");
	out->has_hold = true;
	return OK;
}

/* by-time ";" by-mode [by-trace] (RFC 2852 §4) */
static err by_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	str mode = p->value, time = str_cut(&mode, ';');
	bool below = str_starts(time, STR("-")), sign = below || str_starts(time, STR("+"));
	char letter = mode.len > 0 ? (char)(mode.ptr[0] & ~0x20) : 0;

	time = str_from(time, sign);
	out->by_trace = mode.len == 2 && (mode.ptr[1] & ~0x20) == 'T';
	if (out->by_mode || !is_digits(time, 9) || (letter != 'R' && letter != 'N') ||
	    (mode.len != 1 && !out->by_trace))
		return wrong(p, "BY is given twice, or is not like 3600;R or 3600;N");
	out->by_s = below ? -number(time) : number(time);
	if (letter == 'R' && out->by_s <= 0)
		return wrong(p, "BY asks for the message to be returned before now");
	out->by_mode = letter;
	return OK;
}

/* priority-value = (["-"] NZDIGIT) / "0" (RFC 6710 §6) */
static err priority_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	bool below = str_starts(p->value, STR("-"));
	str digit = str_from(p->value, below);

	if (out->has_priority || !is_digits(digit, 1) || (below && digit.ptr[0] == '0'))
		return wrong(p, "MT-PRIORITY is given twice, or is no number from -9 to 9");
	out->has_priority = true;
	out->priority = (int8_t)(below ? -number(digit) : number(digit));
	return OK;
}

static const struct {
	str keyword;
	err (*take)(const struct parameter *p, struct smtp_mail_parameters *out);
} mail_parameters[] = {
	{ STR_INIT("SIZE"), size_parameter },
	{ STR_INIT("BODY"), body_parameter },
	{ STR_INIT("AUTH"), auth_parameter },
	{ STR_INIT("SMTPUTF8"), smtputf8_parameter },
	{ STR_INIT("RET"), ret_parameter },
	{ STR_INIT("ENVID"), envid_parameter },
	{ STR_INIT("HOLDFOR"), hold_for_parameter },
	{ STR_INIT("HOLDUNTIL"), hold_until_parameter },
	{ STR_INIT("BY"), by_parameter },
	{ STR_INIT("MT-PRIORITY"), priority_parameter },
};

static err mail_parameter(const struct parameter *p, struct smtp_mail_parameters *out)
{
	for (size_t i = 0; i < sizeof mail_parameters / sizeof mail_parameters[0]; i++)
		if (str_eq_nocase(p->keyword, mail_parameters[i].keyword))
			return mail_parameters[i].take(p, out);
	return scan_err(p->s, ERR_MISSING, "there is a parameter that is not offered here");
}

err smtp_mail_parameters_parse(scan *s, struct arena *arena, struct smtp_mail_parameters *out)
{
	struct smtp_mail_parameters found = { 0 };

	while (!scan_at_end(s)) {
		struct parameter next = { .s = s, .arena = arena };

		TRY(next_parameter(s, &next));
		TRY(mail_parameter(&next, &found));
	}
	*out = found;
	return OK;
}

/* --- of RCPT --- */

/* "NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" ) (RFC 3461 §4.1) */
static err notify_parameter(const struct parameter *p, struct smtp_rcpt_parameters *out)
{
	static const str words[] = { STR_INIT("NEVER"), STR_INIT("SUCCESS"), STR_INIT("FAILURE"),
		                     STR_INIT("DELAY") };
	static const unsigned bits[] = { QUEUE_NOTIFY_NEVER, QUEUE_NOTIFY_SUCCESS, QUEUE_NOTIFY_FAILURE,
		                         QUEUE_NOTIFY_DELAY };
	str rest = p->value;
	bool known = !out->has_notify && p->value.len > 0;
	unsigned notify = 0;

	for (bool more = true; known && more;) {
		more = str_find_char(rest, ',') < rest.len;
		str word = str_cut(&rest, ',');

		known = false;
		for (size_t i = 0; i < 4; i++)
			if (str_eq_nocase(word, words[i])) {
				notify |= bits[i];
				known = true;
			}
	}
	if (!known || (notify != QUEUE_NOTIFY_NEVER && (notify & QUEUE_NOTIFY_NEVER)))
		return wrong(p,
		             "NOTIFY is given twice, or is neither NEVER nor some of SUCCESS,FAILURE,DELAY");
	out->has_notify = true;
	out->notify = (uint8_t)notify;
	return OK;
}

/* atom (RFC 822 §3.3) */
static bool is_atom(char c) { return c > ' ' && c <= '~' && !strchr("()<>@,;:\\\".[]", c); }

/* addr-type ";" xtext (RFC 3461 §4.2); of the type utf-8 RFC 6533 §3 has its own encoding. */
static err orcpt_parameter(const struct parameter *p, struct smtp_rcpt_parameters *out)
{
	scan s = { p->value, 0 };
	str type = scan_while(&s, is_atom);
	struct buf decoded;
	err e;

	if (out->has_orcpt || type.len == 0 || !scan_char(&s, ';') || scan_at_end(&s))
		return wrong(p, "ORCPT is given twice, or is not like rfc822;ann@shop.example");
	buf_init(&decoded, p->arena, LIMIT_ORCPT);
	buf_add(&decoded, type);
	buf_add_char(&decoded, ';');
	e = str_eq_nocase(type, STR("utf-8")) ? unitext_decode(&decoded, scan_rest(&s))
	                                      : xtext_decode_printable(&decoded, scan_rest(&s));
	if (e.code == ERR_SYNTAX)
		return wrong(p, "ORCPT has an address that is not encoded as its type is");
	if (e.code != ERR_OK)
		return e;
	out->has_orcpt = true;
	out->orcpt = buf_str(&decoded);
	out->is_wide = eai_is_wide(p->value);
	return OK;
}

err smtp_rcpt_parameters_parse(scan *s, struct arena *arena, struct smtp_rcpt_parameters *out)
{
	struct smtp_rcpt_parameters found = { 0 };

	while (!scan_at_end(s)) {
		struct parameter next = { .s = s, .arena = arena };

		TRY(next_parameter(s, &next));
		if (str_eq_nocase(next.keyword, STR("NOTIFY")))
			TRY(notify_parameter(&next, &found));
		else if (str_eq_nocase(next.keyword, STR("ORCPT")))
			TRY(orcpt_parameter(&next, &found));
		else
			return scan_err(s, ERR_MISSING, "there is a parameter that is not offered here");
	}
	*out = found;
	return OK;
}

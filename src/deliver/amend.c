#include "deliver/amend.h"

#include <assert.h>

#define RETURN_PATH STR("return-path")
#define RECEIVED STR("received")
#define AUTHENTICATION_RESULTS STR("authentication-results")
#define DATE STR("date")
#define MESSAGE_ID STR("message-id")
#define BCC STR("bcc")
#define RESENT_BCC STR("resent-bcc")

void amend_init(struct amend *a, str hostname)
{
	a->hostname = hostname;
	a->state = AMEND_LINE;
	a->top = true;
	a->dropping = a->blind = false;
	a->received = 0;
	a->field_len = a->held_len = 0;
	a->name_len = 0;
	a->date = a->message_id = STR("");
}

void amend_fill(struct amend *a, str date, str message_id)
{
	a->date = date;
	a->message_id = message_id;
}

void amend_drop_bcc(struct amend *a) { a->blind = true; }

static void keep(struct amend *a)
{
	a->state = AMEND_KEEP;
	a->dropping = false;
	a->top = false;
}

static void drop(struct amend *a)
{
	a->state = AMEND_DROP;
	a->dropping = true;
}

/* Does a field whose name begins so have to be made out? */
static bool matters(const struct amend *a, char c)
{
	c = ascii_lower(c);
	return c == 'r' || c == 'a' || (c == 'b' && a->blind) || (c == 'd' && a->date.len > 0) ||
	       (c == 'm' && a->message_id.len > 0);
}

/* The first octet of a line. It is looked at, not taken. */
static void begin_line(struct amend *a, char c)
{
	if (c == ' ' || c == '\t') {
		a->state = a->dropping ? AMEND_DROP : AMEND_KEEP;
		return;
	}
	if (c == '\r') { /* nothing but CRLF has a CR: this is the empty line after the header */
		a->state = AMEND_FILL;
		return;
	}
	if (!matters(a, c)) {
		keep(a);
		return;
	}
	a->state = AMEND_NAME;
	a->name_len = 0;
	a->field_len = 0;
}

static void name_is_complete(struct amend *a)
{
	str name = { a->name, a->name_len };

	if (str_eq(name, AUTHENTICATION_RESULTS)) {
		a->state = AMEND_AUTHSERV;
		a->id_len = a->comment_depth = 0;
		a->id_differs = a->quoted = a->escaped = a->after_line = false;
		return;
	}
	if (str_eq(name, RETURN_PATH) && a->top) {
		drop(a);
		return;
	}
	if (a->blind && (str_eq(name, BCC) || str_eq(name, RESENT_BCC))) {
		drop(a);
		return;
	}
	a->received += str_eq(name, RECEIVED);
	if (str_eq(name, DATE))
		a->date = STR("");
	if (str_eq(name, MESSAGE_ID))
		a->message_id = STR("");
	keep(a);
}

static void name_octet(struct amend *a, char c)
{
	if (c == ':')
		name_is_complete(a);
	else if (c == ' ' || c == '\t')
		a->state = AMEND_COLON;
	else if (c == '\r' || c == '\n' || a->name_len == sizeof a->name)
		keep(a);
	else
		a->name[a->name_len++] = ascii_lower(c);
}

static void colon_octet(struct amend *a, char c)
{
	if (c == ':')
		name_is_complete(a);
	else if (c != ' ' && c != '\t')
		keep(a);
}

static void authserv_is_complete(struct amend *a)
{
	if (!a->id_differs && a->id_len == a->hostname.len)
		drop(a);
	else
		keep(a);
}

static void authserv_id_octet(struct amend *a, char c)
{
	if (a->id_len >= a->hostname.len || ascii_lower(c) != ascii_lower(a->hostname.ptr[a->id_len]))
		a->id_differs = true;
	else
		a->id_len++;
}

static void comment_octet(struct amend *a, char c)
{
	if (a->escaped)
		a->escaped = false;
	else if (c == '\\')
		a->escaped = true;
	else if (c == '(')
		a->comment_depth++;
	else if (c == ')')
		a->comment_depth--;
}

static void quoted_octet(struct amend *a, char c)
{
	if (!a->escaped && c == '"') {
		authserv_is_complete(a);
	} else if (!a->escaped && c == '\\') {
		a->escaped = true;
	} else {
		a->escaped = false;
		authserv_id_octet(a, c);
	}
}

/* [CFWS] authserv-id, a token or a quoted string (RFC 8601 §2.2). */
static void authserv_octet(struct amend *a, char c)
{
	bool begun = a->id_len > 0 || a->id_differs;

	a->after_line = c == '\n';
	if (c == '\r' || c == '\n') {
		if (begun && !a->quoted)
			authserv_is_complete(a);
	} else if (a->comment_depth > 0) {
		comment_octet(a, c);
	} else if (a->quoted) {
		quoted_octet(a, c);
	} else if (!begun && c == '(') {
		a->comment_depth = 1;
	} else if (!begun && c == '"') {
		a->quoted = true;
	} else if (c == ';' || c == '"' || (begun && (c == ' ' || c == '\t' || c == '('))) {
		authserv_is_complete(a);
	} else if (c != ' ' && c != '\t') {
		authserv_id_octet(a, c);
	}
}

static bool is_open(const struct amend *a)
{
	return a->state == AMEND_NAME || a->state == AMEND_COLON || a->state == AMEND_AUTHSERV;
}

/* The field ended before its authserv-id did. */
static bool is_over(const struct amend *a, char c)
{
	return a->state == AMEND_AUTHSERV && a->after_line && c != ' ' && c != '\t';
}

/* Reads on until the fate of the field at hand is settled, or `in` ends. */
static void settle(struct amend *a, str in)
{
	for (size_t i = 0; i < in.len && is_open(a); i++) {
		if (is_over(a, in.ptr[i])) {
			authserv_is_complete(a);
			if (i == 0) /* its line end is held: nothing of it is left to read again */
				a->state = AMEND_LINE;
			return;
		}
		if (a->field_len == LIMIT_AMEND_FIELD) {
			if (a->state == AMEND_AUTHSERV)
				drop(a);
			else
				keep(a);
			return;
		}
		a->field_len++;
		if (a->state == AMEND_NAME)
			name_octet(a, in.ptr[i]);
		else if (a->state == AMEND_COLON)
			colon_octet(a, in.ptr[i]);
		else
			authserv_octet(a, in.ptr[i]);
	}
}

/* Where the line that in[at] belongs to ends; the state follows. */
static size_t line_end(struct amend *a, str in, size_t at)
{
	const char *lf = memchr(in.ptr + at, '\n', in.len - at);

	if (!lf)
		return in.len;
	a->state = AMEND_LINE;
	return (size_t)(lf - in.ptr) + 1;
}

static bool take_run(str *in, size_t size, size_t used, str *run)
{
	*run = str_slice(*in, 0, size);
	*in = str_from(*in, used);
	return size > 0;
}

/* The next field that is missing; the body follows the last one. */
static bool fill_next(struct amend *a, str *run)
{
	str *missing = a->date.len > 0 ? &a->date : &a->message_id;

	*run = *missing;
	*missing = STR("");
	if (run->len == 0)
		a->state = AMEND_BODY;
	return run->len > 0;
}

/* in[0..at) stays and has not been given out; a settled field is read again from its first octet in the state
 * it was settled to, which takes or leaves its continuation lines in the same way. */
bool amend_next(struct amend *a, str *in, str *run)
{
	size_t at = 0;

	while (at < in->len) {
		if (a->state == AMEND_BODY)
			at = in->len;
		else if (a->state == AMEND_KEEP)
			at = line_end(a, *in, at);
		else if (a->state == AMEND_LINE)
			begin_line(a, in->ptr[at]);
		else if ((a->state == AMEND_DROP || a->state == AMEND_FILL) && at > 0)
			return take_run(in, at, at, run);
		else if (a->state == AMEND_FILL && fill_next(a, run))
			return true;
		else if (a->state == AMEND_FILL)
			continue;
		else if (a->state == AMEND_DROP)
			*in = str_from(*in, line_end(a, *in, 0));
		else {
			settle(a, str_from(*in, at));
			if (is_open(a)) {
				assert(a->held_len + in->len - at <= LIMIT_AMEND_FIELD);
				memcpy(a->held + a->held_len, in->ptr + at, in->len - at);
				a->held_len += in->len - at;
				return take_run(in, at, in->len, run);
			}
			if (a->held_len > 0) {
				*run = (str){ a->held, a->held_len };
				a->held_len = 0;
				if (!a->dropping)
					return true;
			}
		}
	}
	return take_run(in, at, at, run);
}

bool amend_finish(struct amend *a, str *run)
{
	*run = (str){ a->held, a->held_len };
	a->held_len = 0;
	if (a->state == AMEND_AUTHSERV)
		authserv_is_complete(a);
	if (run->len > 0 && a->state != AMEND_DROP)
		return true;
	return a->state != AMEND_BODY && fill_next(a, run);
}

uint32_t amend_received(const struct amend *a) { return a->received; }

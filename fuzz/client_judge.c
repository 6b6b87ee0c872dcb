#include "client_judge.h"

void judge_init(struct judge *j, bool lmtp, str content, bool tls_first)
{
	j->lmtp = lmtp;
	j->content = content;
	j->hears = tls_first ? JUDGE_SECRET : JUDGE_COMMANDS;
	j->asked = 1; /* the greeting is owed */
	j->said = j->start_tls = j->reset = j->open_mail = j->line_len = 0;
	j->senseless = j->pushed = j->hasty = false;
	j->patient = true;
	client_reply_init(&j->parser);
	judge_forget_message(j);
}

void judge_lose_patience(struct judge *j, bool hasty)
{
	j->patient = false;
	j->hasty |= hasty;
}

void judge_forget_message(struct judge *j) { j->tx = (struct judge_transaction){ 0 }; }

/* --- what the server says --- */

void judge_says(struct judge *j, str octets)
{
	struct client_reply reply;
	bool found = true;

	while (!j->senseless && found) {
		j->senseless = client_reply_take(&j->parser, &octets, &reply, &found).code != ERR_OK;
		if (j->senseless || !found || j->said == JUDGE_REPLIES)
			continue;
		j->replies[j->said].code = reply.code;
		j->replies[j->said].status = reply.status;
		j->said++;
		j->pushed |= j->patient && j->said > j->asked;
	}
}

/* Of the n-th command; 0: it was not said. */
static uint16_t code_of(const struct judge *j, size_t n)
{
	return n >= 1 && n <= j->said ? j->replies[n - 1].code : 0;
}

static bool is_of(const struct judge *j, size_t n, unsigned class) { return code_of(j, n) / 100u == class; }

/* --- what it hears --- */

static bool was_accepted(const struct judge *j, size_t i)
{
	return i < j->tx.recipients && is_of(j, j->tx.mail, 2) && is_of(j, j->tx.mail + 1 + i, 2);
}

static size_t count_accepted(const struct judge *j, size_t before)
{
	size_t n = 0;

	for (size_t i = 0; i < before; i++)
		n += was_accepted(j, i);
	return n;
}

static void hear_end(struct judge *j)
{
	const size_t accepted = count_accepted(j, j->tx.recipients);

	/* An empty message may end what was refused, and would be somebody's where anybody was taken. */
	must(j->tx.at == (accepted > 0 ? j->tx.size : 0));
	for (size_t i = 0; accepted == 0 && i < j->tx.recipients; i++)
		must(!is_of(j, j->tx.mail + 1 + i, 2));
	j->tx.end = j->asked + 1;
	j->tx.said_before_end = j->said;
	j->open_mail = 0;
	j->asked += j->lmtp && accepted > 0 ? accepted : 1; /* RFC 2033 §4.2 */
	j->hears = JUDGE_COMMANDS;
}

static void hear_content(struct judge *j, str octets)
{
	const str end = CRLF;

	for (size_t i = 0, n; i < octets.len; i += n, j->tx.at += n) {
		const bool in_file = j->tx.at < j->content.len;
		const str left =
			in_file ? str_from(j->content, j->tx.at) : str_from(end, j->tx.at - j->content.len);
		n = octets.len - i < left.len ? octets.len - i : left.len;
		must(n > 0 && j->tx.at + n <= j->tx.size);
		must(memcmp(octets.ptr + i, left.ptr, n) == 0);
	}
}

/* To the end of the line, or of what came. */
static size_t hear_line(struct judge *j, str octets)
{
	size_t lf = str_find_char(octets, '\n'), n = lf < octets.len ? lf + 1 : octets.len;

	hear_content(j, str_slice(octets, 0, n));
	j->hears = lf < octets.len ? JUDGE_LINE_START : JUDGE_LINE;
	return n;
}

static size_t hear_chunk(struct judge *j, str octets)
{
	size_t left = j->tx.size - j->tx.at, n = octets.len < left ? octets.len : left;

	hear_content(j, str_slice(octets, 0, n));
	if (j->tx.at == j->tx.size)
		hear_end(j);
	return n;
}

static void take_chunk(struct judge *j, str size)
{
	uint64_t octets;

	must(str_to_u64(str_cut(&size, ' '), UINT64_MAX, &octets) && str_eq(size, STR("LAST")));
	must(count_accepted(j, j->tx.recipients) > 0 && octets >= j->content.len);
	j->tx.size = octets;
	j->hears = JUDGE_CHUNK;
}

static bool ends_line(str text) { return text.len >= 2 && str_eq(str_from(text, text.len - 2), CRLF); }

static bool is_other_verb(str line)
{
	static const str verbs[] = { STR_INIT("EHLO me.example"), STR_INIT("LHLO me.example"),
		                     STR_INIT("HELO me.example"), STR_INIT("QUIT") };

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (str_eq(line, verbs[i]))
			return true;
	return str_starts(line, STR("AUTH "));
}

/* Without its CRLF. */
static void take_command(struct judge *j, str line)
{
	for (size_t i = 0; i < line.len; i++)
		must((unsigned char)line.ptr[i] >= ' ' && line.ptr[i] != 0x7f);
	if (str_starts(line, STR("BDAT "))) { /* what is owed for it is owed for the content */
		take_chunk(j, str_from(line, 5));
		return;
	}
	must(!j->pushed || str_eq(line, STR("QUIT")));
	j->asked++;
	if (str_starts(line, STR("MAIL FROM:<"))) {
		must(!is_of(j, j->open_mail, 2)); /* RFC 5321 §4.1.4: RSET first */
		j->tx = (struct judge_transaction){ .mail = j->asked };
		j->open_mail = j->asked;
	} else if (str_eq(line, STR("RSET"))) {
		j->open_mail = 0;
		j->reset = j->asked;
	} else if (str_starts(line, STR("RCPT TO:<"))) {
		j->tx.recipients++;
		must(j->tx.mail > 0 && j->asked == j->tx.mail + j->tx.recipients);
	} else if (str_eq(line, STR("DATA"))) {
		must(j->tx.recipients > 0 && j->asked == j->tx.mail + j->tx.recipients + 1);
		j->tx.data = j->asked;
		j->tx.size = j->content.len + (ends_line(j->content) ? 0 : 2); /* RFC 5321 §4.1.1.4 */
	} else if (str_eq(line, STR("STARTTLS"))) {
		j->start_tls = j->asked;
	} else if (!is_other_verb(line)) {
		must(is_of(j, j->asked - 1, 3)); /* AUTH goes on */
	}
}

static size_t hear_command(struct judge *j, str octets)
{
	size_t lf = str_find_char(octets, '\n'), n = lf < octets.len ? lf + 1 : octets.len;

	must(n <= sizeof j->line - j->line_len);
	memcpy(j->line + j->line_len, octets.ptr, n);
	j->line_len += n;
	if (lf == octets.len)
		return n;
	must(j->line_len >= 2 && j->line[j->line_len - 2] == '\r');
	take_command(j, (str){ j->line, j->line_len - 2 });
	j->line_len = 0;
	return n;
}

/* What follows a command that the server has to agree to (RFC 2920 §3.1) is not said before it did. */
static void turn_to_what_follows(struct judge *j)
{
	if (j->hears != JUDGE_COMMANDS || j->line_len > 0)
		return;
	if (j->asked == j->tx.data) {
		must(j->said >= j->asked);
		j->hears = is_of(j, j->asked, 3) ? JUDGE_LINE_START : JUDGE_COMMANDS;
	} else if (j->asked == j->start_tls) {
		must(j->said >= j->asked);
		j->hears = is_of(j, j->asked, 2) ? JUDGE_SECRET : JUDGE_COMMANDS;
	}
}

static size_t hear_some(struct judge *j, str octets)
{
	turn_to_what_follows(j);
	switch (j->hears) {
	case JUDGE_COMMANDS:
		return hear_command(j, octets);
	case JUDGE_LINE_START:
		j->hears = octets.ptr[0] == '.' ? JUDGE_DOT : JUDGE_LINE;
		return j->hears == JUDGE_DOT;
	case JUDGE_DOT: /* one of two, or the last (RFC 5321 §4.5.2) */
		must(octets.ptr[0] == '.' || octets.ptr[0] == '\r');
		j->hears = octets.ptr[0] == '.' ? JUDGE_LINE : JUDGE_DOT_CR;
		return j->hears == JUDGE_DOT_CR;
	case JUDGE_DOT_CR:
		must(octets.ptr[0] == '\n');
		hear_end(j);
		return 1;
	case JUDGE_LINE:
		return hear_line(j, octets);
	case JUDGE_CHUNK:
		return hear_chunk(j, octets);
	default:
		return octets.len;
	}
}

void judge_hears(struct judge *j, str octets)
{
	while (octets.len > 0)
		octets = str_from(octets, hear_some(j, octets));
}

/* --- the verdict --- */

/* The reply that decides on a recipient, by its number; 0 where the one that will was not said yet. */
static size_t decides(const struct judge *j, size_t i)
{
	const struct judge_transaction *tx = &j->tx;
	const size_t rcpt = tx->mail + 1 + i;

	if (!is_of(j, tx->mail, 2))
		return code_of(j, tx->mail) ? tx->mail : 0;
	if (i >= tx->recipients)
		return 0;
	if (!is_of(j, rcpt, 2))
		return code_of(j, rcpt) ? rcpt : 0;
	if (tx->data && !is_of(j, tx->data, 3))
		return code_of(j, tx->data) ? tx->data : 0;
	const size_t end = tx->end + (j->lmtp ? count_accepted(j, i) : 0);
	return tx->end && code_of(j, end) ? end : 0;
}

static bool is_refused(const struct judge *j, size_t n) { return is_of(j, n, 4) || is_of(j, n, 5); }

/* Is what comes behind the n-th reply never read? After 421, and where a 3yz is out of place or missing. */
static bool ends(const struct judge *j, size_t n)
{
	return code_of(j, n) == 421 || is_of(j, n, 3) != (n == j->tx.data && !is_refused(j, n));
}

/* Was the client, whatever it knew, bound to read the n-th reply as the answer that it is? Not where another
 * ended the conversation before, nor where it came before what it answers was heard. */
static bool binds(const struct judge *j, size_t n)
{
	const bool of_content = j->tx.end && n >= j->tx.end;

	if (!j->patient || n == 0 || (of_content && n <= j->tx.said_before_end))
		return false;
	if (j->reset + 1 == j->tx.mail && !is_of(j, j->reset, 2))
		return false;
	for (size_t k = j->tx.mail; k < n; k++)
		if (ends(j, k))
			return false;
	return !ends(j, n) || (of_content && code_of(j, n) == 421);
}

static bool fits(enum client_fate fate, uint16_t code)
{
	switch (code / 100u) {
	case 2:
		return fate == CLIENT_FATE_SENT;
	case 4:
		return fate == CLIENT_FATE_LATER;
	case 5:
		return fate == CLIENT_FATE_NEVER;
	default:
		return false;
	}
}

/* RFC 5321 §4.5.3.1.10: for those that come after somebody was taken. */
static bool is_too_many(const struct judge *j, size_t i, const struct client_recipient *r)
{
	const size_t rcpt = j->tx.mail + 1 + i;
	size_t taken = 0;

	for (size_t k = 0; k < i; k++)
		taken += is_of(j, j->tx.mail + 1 + k, 2);
	if (i >= j->tx.recipients || taken == 0 || !is_of(j, j->tx.mail, 2) || r->code != code_of(j, rcpt) ||
	    (r->code != 452 && r->code != 552))
		return false;
	struct smtp_status s = j->replies[rcpt - 1].status;
	return s.class == 0 || (s.subject == 5 && s.detail == 3);
}

/* Did the server say it since the message was begun? */
static bool was_said(const struct judge *j, uint16_t code)
{
	for (size_t n = j->tx.mail; n <= j->said; n++)
		if (code_of(j, n) == code)
			return true;
	return false;
}

static void check_answered(const struct judge *j, size_t i, const struct client_recipient *r, bool goes_on)
{
	const size_t n = decides(j, i);

	must(j->tx.mail > 0 && r->code != 0);
	if (r->fate == CLIENT_FATE_NONE) {
		must(is_too_many(j, i, r));
		return;
	}
	must(fits(r->fate, r->code));
	if (r->fate == CLIENT_FATE_SENT)
		must(n > 0 && n >= j->tx.end && (j->hasty || n > j->tx.said_before_end) &&
		     code_of(j, n) == r->code);
	else if (goes_on || binds(j, n))
		must(code_of(j, n) == r->code && !is_too_many(j, i, r));
	else
		must(was_said(j, r->code)); /* 421, or a refusal before the content's end, decides as well */
}

static void check_unanswered(const struct judge *j, size_t i, const struct client_message *m, bool goes_on)
{
	const struct client_recipient *r = &m->recipients[i];
	const bool asked = j->tx.mail > 0 && i < j->tx.recipients;

	must(r->code == 0 && !(asked && binds(j, decides(j, i))));
	if (goes_on)
		must(!asked && (r->fate == CLIENT_FATE_NONE || r->fate == CLIENT_FATE_LACKS));
	switch (r->fate) {
	case CLIENT_FATE_NONE:
		must(!j->tx.end || !was_accepted(j, i));
		break;
	case CLIENT_FATE_LATER:
		must(m->began && (m->dotted || m->size > j->content.len));
		break;
	case CLIENT_FATE_LACKS:
		must(!m->began && m->lack != LACKS_NOTHING);
		break;
	default:
		must(false);
	}
}

void judge_message(const struct judge *j, const struct client_message *m, bool goes_on)
{
	must(m->began || j->tx.mail == 0);
	must(j->tx.recipients <= m->count);
	for (size_t i = 0; i < m->count; i++) {
		const struct client_recipient *r = &m->recipients[i];
		for (size_t k = 0; k < r->reply.len; k++)
			must((unsigned char)r->reply.ptr[k] >= ' ');
		if (r->answered)
			check_answered(j, i, r, goes_on);
		else
			check_unanswered(j, i, m, goes_on);
	}
}

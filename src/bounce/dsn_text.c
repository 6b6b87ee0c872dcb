/* The words of a notice. They are for somebody who never heard of a mail server: what happened, to whom, what
 * to do; the codes come last. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "bounce/dsn_internal.h"

enum { COLUMNS = 76 };

static const str indent = STR_INIT("    ");

/* What a notice says about those who fared alike, for one of them and for several. */
static const struct {
	str subject, one, several;
} words[] = {
	[DSN_FAILED] = { STR_INIT("Not delivered"),
	                 STR_INIT("Your message could not be delivered to this address, and will not be "
	                          "tried again:"),
	                 STR_INIT("Your message could not be delivered to these addresses, and will not be "
	                          "tried again:") },
	[DSN_DELAYED] = { STR_INIT("Delayed"),
	                  STR_INIT("Your message could not be delivered yet to this address:"),
	                  STR_INIT("Your message could not be delivered yet to these addresses:") },
	[DSN_DELIVERED] = { STR_INIT("Delivered"),
	                    STR_INIT("Your message is in the mailbox of this address:"),
	                    STR_INIT("Your message is in the mailboxes of these addresses:") },
	[DSN_RELAYED] = { STR_INIT("Handed on"),
	                  STR_INIT("Your message was handed on to another mail server for this address:"),
	                  STR_INIT(
				  "Your message was handed on to another mail server for these addresses:") },
	[DSN_EXPANDED] = { STR_INIT("Handed on"),
	                   STR_INIT("Your message was taken for this address, which stands for several "
	                            "others, and was sent on to them:"),
	                   STR_INIT("Your message was taken for these addresses, which stand for several "
	                            "others, and was sent on to them:") },
};

/* One word of UTF-8; what is none, and what moves the cursor, is not passed on. */
static void add_word(struct buf *out, str word)
{
	while (word.len) {
		size_t len = utf8_length(word);
		unsigned char first = (unsigned char)word.ptr[0];

		if (len == 0)
			buf_add(out, STR("\xef\xbf\xbd"));
		else if (len == 1 && (first < ' ' || first == 0x7f))
			buf_add_char(out, '?');
		else
			buf_add(out, str_slice(word, 0, len));
		word = str_from(word, len ? len : 1);
	}
}

/* One line of text as lines of at most COLUMNS octets, as far as it has spaces. */
static void add_line(struct buf *out, str before, str line)
{
	size_t column = 0;

	while (line.len) {
		str word = str_cut(&line, ' ');

		if (word.len == 0)
			continue;
		if (column && column + 1 + word.len > COLUMNS) {
			buf_add_char(out, '\n');
			column = 0;
		}
		buf_add(out, column ? STR(" ") : before);
		add_word(out, word);
		column += (column ? 1 : before.len) + word.len;
	}
	buf_add_char(out, '\n');
}

static void add_paragraph(struct buf *out, str text)
{
	add_line(out, STR(""), text);
	buf_add_char(out, '\n');
}

/* Two that stand in one paragraph. */
static void add_sentences(struct buf *out, str first, str second)
{
	char room[2 * LIMIT_KB];
	struct buf both;

	buf_init_fixed(&both, room, sizeof room);
	buf_add(&both, first);
	buf_add_char(&both, ' ');
	buf_add(&both, second);
	add_paragraph(out, buf_str(&both));
}

/* An address, an id: spaces in it count. */
static void add_value(struct buf *out, str before, str value)
{
	buf_add(out, before);
	add_word(out, value);
	buf_add_char(out, '\n');
}

str dsn_reply(const struct dsn_recipient *r)
{
	return str_slice(r->reply, 0, r->reply.len < LIMIT_REPLY_TEXT ? r->reply.len : LIMIT_REPLY_TEXT);
}

/* The same story? Then it is told once. */
static bool is_alike(const struct dsn_recipient *a, const struct dsn_recipient *b)
{
	return a->action == b->action && a->answered == b->answered && a->status.class == b->status.class &&
	       a->status.subject == b->status.subject && a->status.detail == b->status.detail &&
	       a->expired == b->expired && a->end_untold == b->end_untold &&
	       a->will_retry_until_ms == b->will_retry_until_ms && str_eq(a->remote_host, b->remote_host) &&
	       str_eq(a->reply, b->reply);
}

static bool is_told_before(const struct dsn *dsn, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (is_alike(&dsn->recipients[i], &dsn->recipients[index]))
			return true;
	return false;
}

static void add_advice(struct buf *out, const struct dsn_recipient *r)
{
	const struct advice *advice;
	unsigned code = r->answered ? advice_code(r->reply) : 0;
	struct bounce_status status = r->status;

	/* That time is over is told already: here is why it took so long. */
	if (r->expired && r->answered)
		status = (struct bounce_status){ 0 };
	if (status.class == 0)
		status.class = r->action == DSN_FAILED ? 5 : 4;
	advice = advice_find(code, status, dsn_reply(r), r->remote_host);
	if (!advice)
		return;
	add_paragraph(out, advice->means);
	if (r->action == DSN_FAILED)
		add_sentences(out, STR("What can be done:"), advice->to_do);
}

static void add_reply(struct buf *out, const struct dsn_recipient *r)
{
	str reply = dsn_reply(r);

	if (reply.len == 0)
		return;
	if (!r->answered) {
		add_paragraph(out, STR("What this server found:"));
	} else if (r->remote_host.len) {
		buf_add(out, STR("The words of the other mail server, "));
		add_word(out, r->remote_host);
		buf_add(out, STR(":\n\n"));
	} else {
		add_paragraph(out, STR("The words of the other mail server:"));
	}
	while (reply.len)
		add_line(out, indent, str_cut(&reply, '\n'));
	buf_add_char(out, '\n');
}

static void add_patience(struct buf *out, const struct dsn_recipient *r)
{
	char room[256];
	struct buf text;

	buf_init_fixed(&text, room, sizeof room);
	buf_add(&text, STR("You need not do anything: your message is kept here and tried again and again"));
	if (r->will_retry_until_ms) {
		buf_add(&text, STR(", until "));
		clock_add_rfc5322(&text, r->will_retry_until_ms);
	}
	buf_add_char(&text, '.');
	if (r->end_untold)
		add_paragraph(out, buf_str(&text));
	else
		add_sentences(out, buf_str(&text),
		              STR("If it can't be delivered by then, you will be told."));
}

/* Why it is told just now, where that is for want of time. */
static void add_expiry(struct buf *out, const struct dsn *dsn, const struct dsn_recipient *r)
{
	static const str tried = STR_INIT("It was tried again and again, and the time for that is over.");
	char room[128];
	struct buf wish;

	if (!r->expired)
		return;
	buf_init_fixed(&wish, room, sizeof room);
	buf_add(&wish, STR("You wished it to be there by "));
	clock_add_rfc5322(&wish, dsn->deliver_by_ms);
	buf_add_char(&wish, '.');
	if (r->action == DSN_DELAYED)
		add_paragraph(out, buf_str(&wish));
	else if (dsn->deliver_by_ms && dsn->deliver_by_ms <= dsn->now_ms)
		add_sentences(out, tried, buf_str(&wish));
	else
		add_paragraph(out, tried);
}

static void add_handed_on(struct buf *out, const struct dsn *dsn)
{
	char room[128];
	struct buf text;

	buf_init_fixed(&text, room, sizeof room);
	buf_add(&text, STR("Whether it arrives"));
	if (dsn->deliver_by_ms > dsn->now_ms) {
		buf_add(&text, STR(" by "));
		clock_add_rfc5322(&text, dsn->deliver_by_ms);
	}
	buf_add(&text, STR(" can't be seen from here, and the other server may not tell."));
	add_paragraph(out, buf_str(&text));
}

/* All who fared as recipient `first`. */
static void add_group(struct buf *out, const struct dsn *dsn, size_t first)
{
	const struct dsn_recipient *r = &dsn->recipients[first];
	size_t count = 0;

	for (size_t i = first; i < dsn->count; i++)
		count += is_alike(r, &dsn->recipients[i]);
	add_paragraph(out, count == 1 ? words[r->action].one : words[r->action].several);
	for (size_t i = first; i < dsn->count; i++)
		if (is_alike(r, &dsn->recipients[i]))
			add_value(out, indent, dsn->recipients[i].forward_path);
	buf_add_char(out, '\n');
	add_expiry(out, dsn, r);
	if (r->action == DSN_RELAYED)
		add_handed_on(out, dsn);
	if (r->action == DSN_DELAYED)
		add_patience(out, r);
	if (r->action == DSN_FAILED || r->action == DSN_DELAYED) {
		add_advice(out, r);
		add_reply(out, r);
	}
}

static str subject_of(const struct dsn *dsn)
{
	str subject = dsn->original_subject;
	size_t at = 0;

	while (at < subject.len) {
		size_t len = utf8_length(str_from(subject, at));

		len = len ? len : 1;
		if (at + len > LIMIT_DSN_SUBJECT)
			break;
		at += len;
	}
	return str_slice(subject, 0, at);
}

static void add_original(struct buf *out, const struct dsn *dsn, bool whole)
{
	str subject = subject_of(dsn);

	buf_add(out, STR("--\n"));
	if (subject.len)
		add_value(out, STR("Subject: "), subject);
	buf_add(out, STR("Received here: "));
	clock_add_rfc5322(out, dsn->arrival_ms);
	buf_add_char(out, '\n');
	add_value(out, STR("Number, for postmaster: "), dsn->original_id);
	add_value(out, STR("Mail server: "), dsn->hostname);
	add_line(out, STR(""),
	         whole ? STR("The message goes along with this notice.")
	               : STR("The header of the message goes along with this notice."));
}

/* To postmaster, who did not send it. */
static void add_preface(struct buf *out, const struct dsn *dsn)
{
	add_paragraph(out, dsn->to.len == 0
	                           ? STR("You read this as postmaster: the message that it is about has no "
	                                 "sender who could be told. It may be a notice itself, or an "
	                                 "automatic reply. \"You\" is whoever sent it.")
	                           : STR("You read this as postmaster: the message that it is about was sent "
	                                 "in the name of the address below, which takes no mail. \"You\" is "
	                                 "whoever sent it."));
	if (dsn->to.len == 0)
		return;
	add_value(out, indent, dsn->to);
	buf_add_char(out, '\n');
}

void dsn_text(const struct dsn *dsn, bool whole, struct buf *out)
{
	size_t groups = 0, left = 0;

	if (dsn_is_for_postmaster(dsn))
		add_preface(out, dsn);
	for (enum dsn_action action = DSN_FAILED; action <= DSN_EXPANDED; action++) {
		for (size_t i = 0; i < dsn->count; i++) {
			if (dsn->recipients[i].action != action || is_told_before(dsn, i))
				continue;
			if (groups++ < LIMIT_DSN_GROUPS)
				add_group(out, dsn, i);
			else
				left++;
		}
	}
	if (left)
		add_paragraph(out, STR("What became of the others stands in the report that goes along."));
	add_original(out, dsn, whole);
}

void dsn_subject(const struct dsn *dsn, struct buf *out)
{
	str subject = subject_of(dsn);

	buf_add(out, words[dsn_worst(dsn)].subject);
	buf_add(out, STR(": "));
	if (subject.len)
		buf_add(out, subject);
	else
		buf_add(out, STR("your message"));
}

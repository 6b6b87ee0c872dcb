#include "bounce/dsn.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/utf8.h"
#include "bounce/dsn_internal.h"
#include "mime/compose.h"
#include "mime/eai.h"
#include "mime/field.h"
#include "mime/transfer.h"

/* Words of a diagnostic that are longer are cut in two: a line has to end somewhere (RFC 5322 §2.1.1). */
enum { WORD_MOST = 400 };

static_assert(LIMIT_ORCPT + 64 < 998, "an address fits a line");

const char *dsn_action_name(enum dsn_action action)
{
	static const char *const names[] = { [DSN_FAILED] = "failed",
		                             [DSN_DELAYED] = "delayed",
		                             [DSN_DELIVERED] = "delivered",
		                             [DSN_RELAYED] = "relayed",
		                             [DSN_EXPANDED] = "expanded" };

	return names[action];
}

enum dsn_action dsn_worst(const struct dsn *dsn)
{
	enum dsn_action worst = DSN_EXPANDED;

	for (size_t i = 0; i < dsn->count; i++)
		worst = dsn->recipients[i].action < worst ? dsn->recipients[i].action : worst;
	return worst;
}

bool dsn_wants_whole(const struct dsn *dsn) { return dsn->ret == 'F' && dsn_worst(dsn) == DSN_FAILED; }

bool dsn_may_quote(const struct dsn *dsn, bool whole) { return !whole || dsn->smtputf8; }

bool dsn_is_for_postmaster(const struct dsn *dsn) { return dsn->for_postmaster || dsn->to.len == 0; }

bool dsn_is_wide(const struct dsn *dsn) { return !dsn_is_for_postmaster(dsn) && eai_is_wide(dsn->to); }

/* --- the header --- */

static void add_word_field(struct buf *out, str name, str word)
{
	struct mime_field_writer f;

	mime_field_begin(&f, out, name);
	mime_field_word(&f, word);
	mime_field_end(&f);
}

static void add_address_field(struct buf *out, str name, const struct mime_address *address)
{
	struct mime_field_writer f;

	mime_field_begin(&f, out, name);
	mime_field_address(&f, address);
	mime_field_end(&f);
}

static void add_to(const struct dsn *dsn, struct buf *out)
{
	struct mime_address to = { .mailbox = STR("postmaster"), .host = dsn->hostname };
	struct mime_address_reader reader;
	char room[LIMIT_PATH];
	struct buf scratch;

	buf_init_fixed(&scratch, room, sizeof room);
	if (!dsn_is_for_postmaster(dsn)) {
		mime_address_begin(&reader, dsn->to, &scratch);
		mime_address_next(&reader, &to); /* a path is one address, as fields have them */
	}
	add_address_field(out, STR("To"), &to);
}

/* "<id>" and nothing else, so that the notice stands beside its message in a thread (RFC 3834 §3.1.5). */
static bool is_message_id(str id)
{
	if (id.len < 3 || id.len > LIMIT_PATH || id.ptr[0] != '<' || id.ptr[id.len - 1] != '>')
		return false;
	for (size_t i = 1; i + 1 < id.len; i++)
		if (id.ptr[i] <= ' ' || id.ptr[i] > '~' || id.ptr[i] == '<' || id.ptr[i] == '>')
			return false;
	return true;
}

static void add_header(const struct dsn *dsn, struct dsn_original original, str boundary, struct arena *arena,
                       struct buf *out)
{
	struct mime_field_writer f;
	struct buf text;

	buf_init(&text, arena, LIMIT_DSN_SUBJECT + 64);
	dsn_subject(dsn, &text);
	add_address_field(out, STR("From"),
	                  &(struct mime_address){ .name = STR("Mail Delivery System"),
	                                          .mailbox = STR("postmaster"),
	                                          .host = dsn->hostname });
	add_to(dsn, out);
	mime_field_add_text(out, STR("Subject"), buf_str(&text));
	mime_field_add_date(out, STR("Date"), (struct mime_date){ .ms = dsn->now_ms });
	mime_field_begin(&f, out, STR("Message-ID"));
	buf_add(out, STR(" <"));
	buf_add(out, dsn->id);
	buf_add_char(out, '@');
	buf_add(out, dsn->hostname);
	buf_add_char(out, '>');
	mime_field_end(&f);
	if (is_message_id(dsn->original_message_id)) {
		add_word_field(out, STR("In-Reply-To"), dsn->original_message_id);
		add_word_field(out, STR("References"), dsn->original_message_id);
	}
	add_word_field(out, STR("Auto-Submitted"), STR("auto-replied"));
	add_word_field(out, STR("MIME-Version"), STR("1.0"));
	mime_field_begin(&f, out, STR("Content-Type"));
	mime_field_word(&f, STR("multipart/report"));
	mime_field_parameter(&f, STR("report-type"), STR("delivery-status"));
	mime_field_parameter(&f, STR("boundary"), boundary);
	mime_field_end(&f);
	if (original.encoding == DSN_8BIT)
		add_word_field(out, STR("Content-Transfer-Encoding"), STR("8bit"));
}

/* --- the second part --- */

/* Spaces of a value count, so it is one line; a control can't be told (RFC 3464 §2.3.2), nor can what is
 * wider than the part. */
static void add_value(struct buf *out, str value, bool wide)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		buf_add_char(out, c < ' ' || c == 0x7f || (c > 0x7f && !wide) ? '?' : value.ptr[i]);
	}
}

static void add_typed(struct buf *out, str name, str type, str value)
{
	buf_add(out, name);
	buf_add(out, STR(": "));
	buf_add(out, type);
	buf_add(out, STR("; "));
	add_value(out, value, true);
	buf_add(out, CRLF);
}

/* The character that "\x{...}" at the front of `s` stands for (RFC 6533 §3), *taken its octets. */
static bool is_escape(str s, uint32_t *code, size_t *taken)
{
	size_t end = str_find_char(s, '}');

	*code = 0;
	if (!str_starts(s, STR("\\x{")) || end == s.len || end < 5 || end > 9)
		return false;
	for (size_t i = 3; i < end; i++) {
		char c = ascii_lower(s.ptr[i]);

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
		*code = *code * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*taken = end + 1;
	return utf8_is_scalar(*code);
}

/* An address of type utf-8 as it is meant; one that breaks the grammar stays as it is (RFC 6533 §3). */
static void add_unescaped(struct buf *out, str address)
{
	uint32_t code;
	size_t taken;

	while (address.len) {
		if (is_escape(address, &code, &taken) && code >= ' ' && code != 0x7f) {
			utf8_add(out, code);
		} else {
			taken = 1;
			add_value(out, str_slice(address, 0, 1), true);
		}
		address = str_from(address, taken);
	}
}

/* Type and address; a type that is missing is unknown (RFC 3464 §2.3.1). */
static void add_original_recipient(struct buf *out, str orcpt, bool global)
{
	str address = orcpt, type = str_cut(&address, ';');

	if (type.len == orcpt.len) {
		address = orcpt;
		type = STR("unknown");
	}
	buf_add(out, STR("Original-Recipient: "));
	add_value(out, type, false);
	buf_add(out, STR("; "));
	if (global && str_eq_nocase(type, STR("utf-8")))
		add_unescaped(out, address);
	else
		add_value(out, address, global);
	buf_add(out, CRLF);
}

static void add_status(struct buf *out, const struct dsn_recipient *r)
{
	static const char class_of[] = { [DSN_FAILED] = 5,
		                         [DSN_DELAYED] = 4,
		                         [DSN_DELIVERED] = 2,
		                         [DSN_RELAYED] = 2,
		                         [DSN_EXPANDED] = 2 };
	unsigned class = r->status.class ? r->status.class : (unsigned)class_of[r->action];

	buf_add_format(out, "Status: %u.%u.%u\r\n", class, (unsigned)r->status.subject,
	               (unsigned)r->status.detail);
}

static void add_date(struct buf *out, str name, int64_t time_ms)
{
	if (time_ms)
		mime_field_add_date(out, name, (struct mime_date){ .ms = time_ms });
}

/* The reply, its lines joined (RFC 3461 §9.2), in ASCII (RFC 6533 §4.1: text-fixed). */
static void add_diagnostic(struct buf *out, const struct dsn_recipient *r)
{
	struct mime_field_writer f;
	char word[WORD_MOST];
	size_t len = 0;
	str reply = dsn_reply(r);

	if (reply.len == 0)
		return;
	mime_field_begin(&f, out, STR("Diagnostic-Code"));
	mime_field_word(&f, r->answered ? STR("smtp;") : STR("x-postrider;"));
	for (size_t i = 0; i <= reply.len; i++) {
		unsigned char c = i < reply.len ? (unsigned char)reply.ptr[i] : ' ';
		bool ends = c == ' ' || c == '\n' || c == '\t' || c == '\r';

		if (len == sizeof word || (ends && len > 0)) {
			mime_field_word(&f, (str){ word, len });
			len = 0;
		}
		if (!ends)
			word[len++] = c > '~' ? '?' : (char)c;
	}
	mime_field_end(&f);
}

static void add_remote(struct buf *out, str host)
{
	buf_add(out, STR("Remote-MTA: dns; "));
	add_value(out, host, false);
	buf_add(out, CRLF);
}

static void add_recipient(const struct dsn_recipient *r, bool global, struct buf *out)
{
	buf_add(out, CRLF);
	if (r->orcpt.len)
		add_original_recipient(out, r->orcpt, global);
	add_typed(out, STR("Final-Recipient"), eai_is_wide(r->forward_path) ? STR("utf-8") : STR("rfc822"),
	          r->forward_path);
	buf_add_format(out, "Action: %s\r\n", dsn_action_name(r->action));
	add_status(out, r);
	if (r->remote_host.len)
		add_remote(out, r->remote_host);
	add_diagnostic(out, r);
	add_date(out, STR("Last-Attempt-Date"), r->last_attempt_ms);
	if (r->action == DSN_DELAYED)
		add_date(out, STR("Will-Retry-Until"), r->will_retry_until_ms);
}

/* Fields as RFC 3464 §2.2 and §2.3 have them; with an address in UTF-8 they are those of RFC 6533 §4.1, under
 * quoted-printable, since the way back may be one of 7 bits (§4.5). */
static void add_report(const struct dsn *dsn, struct arena *arena, struct buf *out)
{
	bool global = false;
	struct buf fields;

	for (size_t i = 0; i < dsn->count; i++)
		global |=
			eai_is_wide(dsn->recipients[i].forward_path) || eai_is_wide(dsn->recipients[i].orcpt);
	buf_init(&fields, arena, LIMIT_DSN);
	if (dsn->envid.len) {
		buf_add(&fields, STR("Original-Envelope-Id: "));
		add_value(&fields, dsn->envid, false);
		buf_add(&fields, CRLF);
	}
	add_typed(&fields, STR("Reporting-MTA"), STR("dns"), dsn->hostname);
	add_date(&fields, STR("Arrival-Date"), dsn->arrival_ms);
	add_date(&fields, STR("Deliver-By-Date"), dsn->deliver_by_ms);
	buf_add(&fields, STR("X-Postrider-Queue-Id: "));
	add_value(&fields, dsn->original_id, false);
	buf_add(&fields, CRLF);
	for (size_t i = 0; i < dsn->count; i++)
		add_recipient(&dsn->recipients[i], global, &fields);
	out->failed = out->failed ? out->failed : fields.failed;
	add_word_field(out, STR("Content-Type"),
	               global ? STR("message/global-delivery-status") : STR("message/delivery-status"));
	if (global) {
		struct mime_qp_encoder qp = { 0 };

		add_word_field(out, STR("Content-Transfer-Encoding"), STR("quoted-printable"));
		buf_add(out, CRLF);
		mime_qp_encode(&qp, buf_str(&fields), out);
		mime_qp_encode_end(&qp, out);
	} else {
		buf_add(out, CRLF);
		buf_add(out, buf_str(&fields));
	}
}

/* --- the third part --- */

static void add_third_header(const struct dsn *dsn, struct dsn_original original, struct buf *out)
{
	bool global = dsn->smtputf8 && original.encoding != DSN_7BIT;

	if (original.whole)
		add_word_field(out, STR("Content-Type"),
		               global ? STR("message/global") : STR("message/rfc822"));
	else
		add_word_field(out, STR("Content-Type"),
		               global ? STR("message/global-headers") : STR("text/rfc822-headers"));
	if (original.encoding == DSN_QUOTED)
		add_word_field(out, STR("Content-Transfer-Encoding"), STR("quoted-printable"));
	else if (original.encoding == DSN_8BIT)
		add_word_field(out, STR("Content-Transfer-Encoding"), STR("8bit"));
	buf_add(out, CRLF);
}

static err check(const struct dsn *dsn)
{
	if (dsn->count < 1 || dsn->count > LIMIT_TARGETS || dsn->to.len > LIMIT_PATH ||
	    dsn->envid.len > LIMIT_ENVID || dsn->hostname.len > LIMIT_DOMAIN || dsn->id.len > LIMIT_DOMAIN ||
	    dsn->original_id.len > LIMIT_DOMAIN)
		return (err){ ERR_LIMIT, 0, "a notice about too much" };
	for (size_t i = 0; i < dsn->count; i++)
		if (dsn->recipients[i].forward_path.len > LIMIT_PATH ||
		    dsn->recipients[i].orcpt.len > LIMIT_ORCPT ||
		    dsn->recipients[i].remote_host.len > LIMIT_PATH)
			return (err){ ERR_LIMIT, (uint32_t)i,
				      "a recipient's address is too long for a notice" };
	return OK;
}

err dsn_compose(const struct dsn *dsn, struct dsn_original original, struct arena *arena, struct buf *before,
                struct buf *after)
{
	unsigned char random[MIME_BOUNDARY_RANDOM];
	char boundary_octets[MIME_BOUNDARY_LEN];
	str boundary = { boundary_octets, sizeof boundary_octets };
	struct buf text;

	assert(original.encoding != DSN_QUOTED || dsn_may_quote(dsn, original.whole));
	TRY(check(dsn));
	random_fill(random, sizeof random);
	mime_boundary_make(random, boundary_octets);
	buf_init(&text, arena, LIMIT_DSN);
	dsn_text(dsn, original.whole, &text);
	TRY(buf_err(&text));
	add_header(dsn, original, boundary, arena, before);
	buf_add(before, CRLF);
	mime_compose_delimiter(boundary, false, before);
	mime_compose_text(STR("plain"), buf_str(&text), before);
	buf_add(before, CRLF);
	mime_compose_delimiter(boundary, false, before);
	add_report(dsn, arena, before);
	buf_add(before, CRLF);
	mime_compose_delimiter(boundary, false, before);
	add_third_header(dsn, original, before);
	buf_add(after, CRLF);
	mime_compose_delimiter(boundary, true, after);
	TRY(buf_err(before));
	return buf_err(after);
}

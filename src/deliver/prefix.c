#include "deliver/prefix.h"

#include "base/clock.h"
#include "base/limits.h"
#include "deliver/address.h"

static_assert(2 * LIMIT_PATH + 64 <= LIMIT_PREFIX, "a prefix holds the longest paths");

void prefix_add(struct buf *out, str reverse_path, str delivered_to)
{
	buf_add(out, STR("Return-Path: <"));
	buf_add(out, reverse_path);
	buf_add(out, STR(">\r\nDelivered-To: "));
	address_add(out, delivered_to);
	buf_add(out, CRLF);
}

/* Nothing that could end the field's word, open a comment or break the line. */
static bool can_stand_alone(str hello)
{
	for (size_t i = 0; i < hello.len; i++) {
		char c = ascii_lower(hello.ptr[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (c == 0 || !strchr(".-_:[]", c)))
			return false;
	}
	return hello.len > 0;
}

/* From-domain of RFC 5321 §4.4: what the peer calls itself, and what its address is. A Unix socket has none.
 */
static void add_peer(struct buf *out, const struct trace *trace)
{
	bool has_address = !ip_is_none(trace->peer);

	if (can_stand_alone(trace->hello)) {
		buf_add(out, trace->hello);
	} else if (has_address) {
		buf_add_char(out, '[');
		ip_format_literal(out, trace->peer);
		buf_add_char(out, ']');
	} else {
		buf_add(out, STR("localhost"));
	}
	if (!has_address)
		return;
	buf_add(out, STR(" (["));
	ip_format_literal(out, trace->peer);
	buf_add(out, STR("])"));
}

/* SMTP, ESMTP, LMTP, UTF8SMTP, UTF8LMTP; after all but the first S for TLS, A for AUTH */
static void add_protocol(struct buf *out, const struct trace *trace)
{
	if (trace->utf8)
		buf_add(out, STR("UTF8"));
	else if (trace->esmtp && !trace->lmtp)
		buf_add_char(out, 'E');
	buf_add(out, trace->lmtp ? STR("LMTP") : STR("SMTP"));
	if (!trace->esmtp && !trace->utf8)
		return;
	buf_add(out, trace->tls ? STR("S") : STR(""));
	buf_add(out, trace->authenticated ? STR("A") : STR(""));
}

/* tls CIPHER group GROUP (RFC 8314 §4.3) */
static void add_tls(struct buf *out, const struct trace *trace)
{
	buf_add(out, STR("\r\n\ttls "));
	buf_add(out, trace->tls_cipher);
	if (trace->tls_group.len > 0) {
		buf_add(out, STR(" group "));
		buf_add(out, trace->tls_group);
	}
}

/* Received: from HELLO ([192.0.2.1]) by US (postrider) with ESMTP id ID for <PATH> tls CIPHER; DATE */
void trace_add(struct buf *out, const struct trace *trace)
{
	bool is_local = trace->login.len > 0;

	buf_add(out, STR("Received: "));
	if (!is_local) {
		buf_add(out, STR("from "));
		add_peer(out, trace);
		buf_add(out, STR("\r\n\t"));
	}
	buf_add(out, STR("by "));
	buf_add(out, trace->hostname);
	buf_add(out, is_local ? STR(" (postrider, login ") : STR(" (postrider"));
	buf_add(out, can_stand_alone(trace->login) || !is_local ? trace->login : STR("of another form"));
	buf_add(out, STR(") with "));
	add_protocol(out, trace);
	buf_add(out, STR(" id "));
	buf_add(out, trace->id);
	if (trace->for_path.len > 0) {
		buf_add(out, STR("\r\n\tfor <"));
		buf_add(out, trace->for_path);
		buf_add_char(out, '>');
	}
	if (trace->tls)
		add_tls(out, trace);
	buf_add(out, STR(";\r\n\t"));
	clock_add_rfc5322(out, trace->time_ms);
	buf_add(out, CRLF);
}

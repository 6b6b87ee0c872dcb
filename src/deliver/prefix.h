/* deliver/prefix.h: the header fields that we write ourselves.
 *
 * The prefix belongs to one mailbox row: Return-Path and Delivered-To. The trace field, Received, is the same
 * for all and is the first of the content (RFC 5321 §4.4). Each appends whole fields with CRLF. Pure.
 */
#ifndef DELIVER_PREFIX_H
#define DELIVER_PREFIX_H

#include "base/buf.h"
#include "base/ip.h"

/* `reverse_path` as the command had it, without brackets and source route, empty: null. `delivered_to` is
 * normalised. At most LIMIT_PREFIX octets. */
void prefix_add(struct buf *out, str reverse_path, str delivered_to);

struct trace {
	str hello; /* argument of EHLO or HELO; shown where it is a domain or an address literal */
	ip peer;
	str hostname; /* ours */
	str login;    /* a program of this machine: whose it is, in place of hello and peer; empty: none is */
	/* for "with" (RFC 3848, RFC 6531 §4.3) */
	bool esmtp; /* EHLO was said; LHLO with `lmtp` */
	bool utf8;  /* with SMTPUTF8 */
	bool lmtp, tls, authenticated;
	str tls_cipher, tls_group; /* IANA's names, of `tls` (RFC 8314 §4.3); the group may be empty */
	str id;
	str for_path; /* the forward-path where there is just one, else empty: Bcc stays blind */
	int64_t time_ms;
};

void trace_add(struct buf *out, const struct trace *trace);

#endif

/* smtp/xtext.h: texts in parameters of MAIL and RCPT that may hold what no parameter may: xtext (RFC 3461 §4)
 * and the encoding of addresses of the type utf-8 (RFC 6533 §3). The way out of xtext is
 * smtp/client_command.h's. Pure.
 *
 * What decodes appends what was encoded. ERR_SYNTAX: it is none, or holds what it must not   ERR_LIMIT,
 * ERR_NOSPACE: of `out`
 */
#ifndef SMTP_XTEXT_H
#define SMTP_XTEXT_H

#include "base/buf.h"

/* Any octets: "+" and two digits for one (RFC 4954 §5). */
err xtext_decode(struct buf *out, str text) MUST_USE;

/* The same of printable ASCII and spaces alone, as ENVID and ORCPT want it: they become header fields of
 * notices. */
err xtext_decode_printable(struct buf *out, str text) MUST_USE;

/* "\x{HEX}" for one character, UTF-8 as it is; no control characters in either form. */
err unitext_decode(struct buf *out, str text) MUST_USE;

/* The way back, in ASCII alone, which every server with DSN takes. What is no UTF-8 becomes U+FFFD. */
void unitext_encode(struct buf *out, str text);

#endif

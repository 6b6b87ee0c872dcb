/* http/head.h: the head of one HTTP/1.1 request: its line and its header fields, as one slice.
 *
 * Strict, since request smuggling lives here: CR LF alone ends a line, no folded fields, no transfer codings
 * (content has a Content-Length or there is none), one Host. The grammar is llhttp's; what its version 8.1
 * lets pass and RFC 9112 does not is refused before it sees the octets. Pure; any thread.
 *
 * RFC 9110, RFC 9112.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/str.h"

struct http_head {
	str method; /* "POST" */
	str target; /* as sent: "/v1/account.list?x=1" */
	uint64_t content_length;
	bool keep_alive;
	bool expects_continue; /* 100 (Continue) has to be sent before the content comes (RFC 9110 §10.1.1) */
};

/* Length of the head at the front of `octets`, its empty line included; 0 where its end has not come yet. */
size_t http_head_end(str octets);

/* Parses a whole head. 0, or the status code that refuses it (400, 411, 413, 417, 505; then *out is
 * untouched and the connection has to be closed after the answer). Slices point into `head`. */
unsigned http_head_parse(str head, struct http_head *out);

#endif

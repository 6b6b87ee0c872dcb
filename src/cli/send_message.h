/* cli/send_message.h: what a program pipes into `postrider send`, made a message as it goes over the wire.
 *
 * Lines get CR LF ends whatever they had (programs mix them; "\r\r\n" is one end). A CR alone is a space in
 * the header, where a line break could smuggle a field in, and a line break in the body: what cron collects
 * of progress bars. A first line "From ann Mon ..." of an mbox is dropped. Where the first line is no header
 * field the message is all body. All of it is read before the server hears of it: cron opens the pipe at a
 * job's first output and closes it at its end, hours later. What is larger than the header block's limit
 * waits in memory that has a descriptor (memfd_create), so that it may be swapped and needs no folder to
 * write to.
 */
#ifndef CLI_SEND_MESSAGE_H
#define CLI_SEND_MESSAGE_H

#include "base/buf.h"
#include "base/file.h"

/* Makes the octets read so far lines with CR LF. Pure; fields are private. */
struct line_filter {
	bool dot_ends; /* a line with a dot alone is the end of the message */
	bool ended;    /* it came */
	bool in_body;
	bool line_begun; /* something was put out since the last line end */
	bool dot_alone;  /* the line at hand is "." so far, held back */
	uint32_t crs;    /* CRs held back */
};

void line_filter_init(struct line_filter *f, bool dot_ends);

/* Appends to *out what `octets` become, at most line_filter_room(octets.len) octets. Once f->ended nothing is
 * taken. */
void line_filter_push(struct line_filter *f, str octets, struct buf *out);
size_t line_filter_room(size_t octets);

/* The end: what is held back, and the last line's end. */
void line_filter_finish(struct line_filter *f, struct buf *out);

struct send_message {
	str header; /* fields, each with its CR LF, without the empty line */
	str begin;  /* the body's first octets */
	file rest;  /* the others, FILE_NONE where there are none; closed by send_message_close */
	uint64_t rest_size;
};

/* Cuts `head`, which has lines with CR LF: whole where `whole`, else the first octets of something longer.
 * Pure. ERR_LIMIT: the header goes on past it. */
err send_message_cut(str head, bool whole, str *header, str *body) MUST_USE;

/* Reads `in` to its end. What does not outgrow LIMIT_HEADER_BLOCK lives in `arena`. ERR_LIMIT over
 * `size_limit` octets, or a header block over its limit   ERR_IO, ERR_NOSPACE */
err send_message_read(struct arena *arena, file in, bool dot_ends, uint64_t size_limit,
                      struct send_message *out) MUST_USE;

/* The header to send: as it is, with the empty line. Where it has no From (mailx and PHP leave it to
 * sendmail), or one without a whole address (cron's "root (Cron Daemon)"), the caller's comes first, under
 * the name that was there or else `name`, which may be empty: RFC 5322 §3.6 wants one, and the server asks
 * whose it is. ERR_NOSPACE. */
err send_message_compose(struct arena *arena, const struct send_message *m, str address, str name,
                         str *out) MUST_USE;

void send_message_close(struct send_message *m);

#endif

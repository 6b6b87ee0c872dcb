/* mime/field.h: a header field being written: folded, and encoded where it must be.
 *
 * mime_field_begin, then what the field is made of in order, then mime_field_end; the octets go to a buf,
 * whose sticky error says whether they had room. Lines stay within 76 columns where the grammar has white
 * space. What is given is UTF-8; in text an octet that is no character becomes U+FFFD. Nothing given here can
 * end the field or begin another: controls are encoded in text and "?" in addresses and words. What was
 * written is read as it was by mime/address.h, mime/content_type.h and mime/encoded_word.h. Pure; any thread.
 *
 * RFC 5322 §2.2.3, §3.4; RFC 2047 §5; RFC 2231.
 */
#ifndef MIME_FIELD_H
#define MIME_FIELD_H

#include "base/buf.h"
#include "mime/address.h"
#include "mime/date.h"

/* Fields are private to field.c. */
struct mime_field_writer {
	struct buf *out;
	size_t column;    /* octets of this line so far */
	bool has_word;    /* something stands after the colon */
	bool needs_comma; /* an address stands before */
};

/* "Name:". `name` is a literal of ours. */
void mime_field_begin(struct mime_field_writer *f, struct buf *out, str name);

/* A word as it is, with a space or a fold before it: "1.0", "<id@host>", "text/plain", "7bit". */
void mime_field_word(struct mime_field_writer *f, str word);

/* Text for people (RFC 2047 §5, rule 1): a subject, a description. Without spaces at both ends. */
void mime_field_text(struct mime_field_writer *f, str text);

/* The next of a list of addresses (RFC 5322 §3.4); a group is begun and ended as mime/address.h gives it.
 * `name` is UTF-8 without encoded-words. A route is not written. UTF-8 in mailbox and host stays: whether the
 * message may go there is the caller's to know (RFC 6532). */
void mime_field_address(struct mime_field_writer *f, const struct mime_address *a);

/* "; name=value", quoted or as RFC 2231 has it, in as many sections as it takes. `name` is a token of ours.
 */
void mime_field_parameter(struct mime_field_writer *f, str name, str value);

/* The line end. */
void mime_field_end(struct mime_field_writer *f);

/* Whole fields of one value each. */
void mime_field_add_text(struct buf *out, str name, str text);
void mime_field_add_date(struct buf *out, str name, struct mime_date date);

/* "<id>"; `id` without them, as mime/message_id.h gives it. */
void mime_field_add_id(struct buf *out, str name, str id);

#endif

/* mime/seven_bit_plan.h: what has to change in a message before a server without 8BITMIME can take it.
 *
 * The first of two readings: whether a part has 8-bit octets is known only behind its header, which is where
 * its encoding is said. mime/seven_bit.h is the second. A part is encoded where it has 8-bit octets, a NUL, a
 * bare CR or LF, or a line over 998 octets: text in the shorter of quoted-printable and base64, all else in
 * base64. What holds such a part, multipart or message, says 7bit in place of 8bit or binary. Nothing else
 * changes; a message that is 7-bit already changes in nothing.
 *
 * Some can't be made 7-bit, only returned (RFC 6152 §3): with 8-bit octets in a header field (RFC 6532; it
 * needs SMTPUTF8) or between parts, in what multipart/signed covers (RFC 1847 §2.1), in a message/partial or
 * another kind of message that nobody may encode (RFC 2046 §5.2), and under an encoding that should have left
 * none. Long lines alone are no reason to return one: where they may not be changed they stay.
 *
 * Memory: O(depth) and an octet a part. How the octets are cut changes nothing. Lines end with CRLF only, as
 * in mime/recode.h. Pure; any thread, one at a time.
 *
 * RFC 2045 §2.7, §6; RFC 6152 §3.
 */
#ifndef MIME_SEVEN_BIT_PLAN_H
#define MIME_SEVEN_BIT_PLAN_H

#include "base/arena.h"

enum mime_seven_bit_mark {
	MIME_SEVEN_BIT_KEEP,
	MIME_SEVEN_BIT_RELABEL, /* what it holds is changed: 7bit */
	MIME_SEVEN_BIT_QUOTED_PRINTABLE,
	MIME_SEVEN_BIT_BASE64,
};

struct mime_seven_bit_plan {
	str marks;    /* one a header, in order; those behind its end are kept */
	bool changes; /* there are others than MIME_SEVEN_BIT_KEEP */
};

struct mime_seven_bit_survey;

/* Begins a message. ERR_NOSPACE. */
err mime_seven_bit_survey_new(struct arena *arena, struct mime_seven_bit_survey **out) MUST_USE;

void mime_seven_bit_survey_push(struct mime_seven_bit_survey *s, str octets);

/* The message is over. The plan lives in the arena.
 * ERR_DENIED it can't be made 7-bit, for the reason in the sentence   ERR_LIMIT nor nested so deep, or with
 * so many parts   ERR_NOSPACE the arena is used up */
err mime_seven_bit_survey_end(struct mime_seven_bit_survey *s, struct mime_seven_bit_plan *out) MUST_USE;

#endif

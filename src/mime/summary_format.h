/* mime/summary_format.h: how a summary is written; for summary.c and summary_decode.c only.
 *
 *   summary  = version size flags [preview part]        nothing after flags where it is opaque
 *   part     = PART flags offset *field BODY flags header-size *part END flags body-size body-lines
 *   field    = tag and what stands beside it below
 *   preview  = text
 *   text     = counted octets;  parameters = count *(text text);  all numbers are varints
 *
 * Version and size stand in front in every version to come. Parts are in the order of the message, so they
 * are written as they come and never changed; what is not known yet stands behind them, in END.
 */
#ifndef MIME_SUMMARY_FORMAT_H
#define MIME_SUMMARY_FORMAT_H

enum { SUMMARY_VERSION = 1 };

enum { SUMMARY_OPAQUE = 1, SUMMARY_CUT = 2 };

enum summary_tag {
	TAG_PART = 1,
	TAG_BODY = 2,
	TAG_END = 3,

	TAG_TYPE = 4, /* text text parameters */
	TAG_ENCODING = 5,
	TAG_ID = 6,
	TAG_DESCRIPTION = 7,
	TAG_MD5 = 8,
	TAG_LANGUAGE = 9,
	TAG_LOCATION = 10,
	TAG_DISPOSITION = 11, /* text parameters */

	TAG_DATE = 12,
	TAG_SUBJECT = 13,
	TAG_MESSAGE_ID = 14,
	TAG_IN_REPLY_TO = 15,
	TAG_ADDRESS = 16, /* flags text text text [text]: name, mailbox, host, route */

	TAG_SENT = 17,         /* ms and minutes, zigzag */
	TAG_BASE_SUBJECT = 18, /* is-reply text */
	TAG_REFERENCE = 19,
};

enum { PART_IS_MESSAGE = 1 };

enum { BODY_NO_BOUNDARY = 1, BODY_TOO_DEEP = 2, BODY_DIGEST_MESSAGE = 4 };

enum { END_UNCLOSED = 1 };

/* Flags of an address: the field in the low bits, then its kind, then what else there is. */
enum { ADDRESS_FIELD_BITS = 3, ADDRESS_KIND_BITS = 2, ADDRESS_ROUTE = 32, ADDRESS_DOUBTFUL = 64 };

enum summary_addresses {
	ADDRESSES_FROM,
	ADDRESSES_SENDER,
	ADDRESSES_REPLY_TO,
	ADDRESSES_TO,
	ADDRESSES_CC,
	ADDRESSES_BCC
};

#endif

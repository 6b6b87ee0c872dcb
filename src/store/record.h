/* store/record.h: the format of one record in a segment. Pure.
 *
 *   head      64 octets, little-endian:
 *             0 magic "PRec"   4 version u16   6 kind u16   8 size of the whole record u64 (a multiple of 8)
 *            16 commit number u64   24 content id u64   32 content size u64
 *            40 intent size u32   44 summary size u32   48 CRC-32C of the content u32
 *            52 CRC-32C of head (this field 0), intent and summary u32   56 flags u16   58 mark, 48 bits
 *   intent    what the commit meant to do, enough to do it again (store/intent.h)
 *   summary   mime/summary.h, for messages
 *   content   the message below its prefix, octet for octet; not here with RECORD_IN_FILE
 *   padding   zeros up to a multiple of 8
 *
 * Records follow each other without gaps. The commit number never falls within a segment written by the
 * committer, so that the rows can be built anew from the segments alone. Two checksums, because the content's
 * is known long before the intent's: the session computes it while octets arrive.
 *
 * The mark is a random number of the store, the same in all its records and told to nobody. Where damage
 * makes a reader look for the next record octet by octet, it tells ours from one that a sender put into a
 * message.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/buf.h"

#define RECORD_HEAD_SIZE 64u
#define RECORD_VERSION 1u
#define RECORD_MARK_MAX ((1ull << 48) - 1)
#define RECORD_IN_FILE 1u /* flag: the content is a file of its own, named by its id */

enum record_kind {
	RECORD_MESSAGE = 1,   /* one delivery and its content */
	RECORD_DIRECTORY = 2, /* rows of the directory as they became; no content */
};

struct record_head {
	enum record_kind kind;
	uint16_t flags;
	uint64_t mark; /* 48 bits */
	uint64_t commit_number;
	uint64_t content_id;
	uint64_t content_size;
	uint32_t intent_size, summary_size;
	uint32_t content_crc;
	uint32_t front_crc; /* as parsed; record_front_format computes it */
};

/* Octets from the beginning of the record to its content. */
static inline uint64_t record_content_at(const struct record_head *h)
{
	return RECORD_HEAD_SIZE + (uint64_t)h->intent_size + h->summary_size;
}

/* Octets of content that stand in the segment. */
static inline uint64_t record_content_here(const struct record_head *h)
{
	return h->flags & RECORD_IN_FILE ? 0 : h->content_size;
}

/* The whole record with its padding. */
static inline uint64_t record_size(const struct record_head *h)
{
	return (record_content_at(h) + record_content_here(h) + 7) & ~(uint64_t)7;
}

/* Appends head, intent and summary with their checksum; the sizes in `h` are set from the slices. */
void record_front_format(struct buf *out, struct record_head *h, str intent, str summary);

/* Reads a head from at least RECORD_HEAD_SIZE octets. ERR_CORRUPT: no head of ours (magic, version, sizes
 * that contradict each other or go past the limits). The checksum is record_front_check's. */
err record_head_parse(str octets, struct record_head *out) MUST_USE;

/* `front` is head, intent and summary. Does its checksum hold? */
bool record_front_check(const struct record_head *h, str front);

#endif

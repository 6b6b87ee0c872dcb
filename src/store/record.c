#include "store/record.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/limits.h"

static const char magic[4] = { 'P', 'R', 'e', 'c' };
enum { CRC_AT = 52 };

static void head_format(struct buf *out, const struct record_head *h)
{
	buf_add(out, (str){ magic, sizeof magic });
	buf_add_le32(out, RECORD_VERSION | (uint32_t)h->kind << 16);
	buf_add_le64(out, record_size(h));
	buf_add_le64(out, h->commit_number);
	buf_add_le64(out, h->content_id);
	buf_add_le64(out, h->content_size);
	buf_add_le32(out, h->intent_size);
	buf_add_le32(out, h->summary_size);
	buf_add_le32(out, h->content_crc);
	buf_add_le32(out, 0);
	buf_add_le64(out, h->flags | h->mark << 16);
}

/* The checksum of a front whose own checksum field counts as zero. */
static uint32_t front_crc(str front)
{
	uint32_t crc = crc32c(0, str_slice(front, 0, CRC_AT));

	crc = crc32c(crc, STR("\0\0\0\0"));
	return crc32c(crc, str_from(front, CRC_AT + 4));
}

void record_front_format(struct buf *out, struct record_head *h, str intent, str summary)
{
	size_t start = out->len;

	h->intent_size = (uint32_t)intent.len;
	h->summary_size = (uint32_t)summary.len;
	head_format(out, h);
	buf_add(out, intent);
	buf_add(out, summary);
	if (buf_err(out).code != ERR_OK)
		return;
	uint32_t crc = front_crc(str_from(buf_str(out), start));
	for (int i = 0; i < 4; i++)
		out->ptr[start + CRC_AT + (size_t)i] = (char)(crc >> 8 * i);
	h->front_crc = crc;
}

err record_head_parse(str octets, struct record_head *out)
{
	static const err bad = { ERR_CORRUPT, 0, "not a record" };
	uint32_t version_kind;
	uint64_t size, flags_mark;
	struct record_head h;

	if (octets.len < RECORD_HEAD_SIZE || memcmp(octets.ptr, magic, sizeof magic) != 0)
		return bad;
	str in = str_slice(octets, sizeof magic, RECORD_HEAD_SIZE);
	if (!bytes_le32(&in, &version_kind) || !bytes_le64(&in, &size) ||
	    !bytes_le64(&in, &h.commit_number) || !bytes_le64(&in, &h.content_id) ||
	    !bytes_le64(&in, &h.content_size) || !bytes_le32(&in, &h.intent_size) ||
	    !bytes_le32(&in, &h.summary_size) || !bytes_le32(&in, &h.content_crc) ||
	    !bytes_le32(&in, &h.front_crc) || !bytes_le64(&in, &flags_mark))
		return bad;
	uint32_t kind = version_kind >> 16;
	h.flags = (uint16_t)flags_mark;
	h.mark = flags_mark >> 16;
	h.kind = (enum record_kind)kind;
	if ((version_kind & 0xffff) != RECORD_VERSION || (kind != RECORD_MESSAGE && kind != RECORD_DIRECTORY))
		return bad;
	if (h.intent_size > LIMIT_INTENT || h.summary_size > LIMIT_SUMMARY ||
	    record_content_here(&h) > LIMIT_RECORD_CONTENT || size != record_size(&h))
		return bad;
	*out = h;
	return OK;
}

bool record_front_check(const struct record_head *h, str front)
{
	return front.len == record_content_at(h) && front_crc(front) == h->front_crc;
}

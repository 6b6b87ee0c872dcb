#include "queue/queue_id.h"

enum { ID_MOST = 32 }; /* octets of a message's id (store/commit.h) */

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static const err no_id = { ERR_SYNTAX, 0, "it is no id of the queue; postrider queue list shows them" };

void queue_id_add(struct buf *out, str message_id, uint64_t queue_id)
{
	char octets[16];
	size_t at = sizeof octets;

	do {
		octets[--at] = digits[queue_id % 36];
		queue_id /= 36;
	} while (queue_id);
	buf_add(out, message_id);
	buf_add_char(out, '-');
	buf_add(out, (str){ octets + at, sizeof octets - at });
}

static bool is_message_id(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(s.ptr[i] >= '0' && s.ptr[i] <= '9') && !(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') &&
		    !(s.ptr[i] >= 'a' && s.ptr[i] <= 'z'))
			return false;
	return s.len > 0 && s.len <= ID_MOST;
}

static bool read_number(str s, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		const char *digit = s.ptr[i] ? strchr(digits, s.ptr[i]) : NULL;
		if (!digit || n > (UINT64_MAX - (uint64_t)(digit - digits)) / 36)
			return false;
		n = n * 36 + (uint64_t)(digit - digits);
	}
	*out = n;
	return s.len > 0 && n > 0;
}

err queue_id_parse(str text, str *message_id, uint64_t *queue_id)
{
	str number = text, id = str_cut(&number, '-');
	uint64_t n = 0;

	if (!is_message_id(id) || (id.len < text.len && !read_number(number, &n)))
		return no_id;
	*message_id = id;
	*queue_id = n;
	return OK;
}

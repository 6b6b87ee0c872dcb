/* How a message is cut into chunks does not change its summary, which can always be read, and so can the list
 * of its defects be made. The first octet chooses the chunks and the memory. */
#include <stdlib.h>

#include "base/limits.h"
#include "mime/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

/* False where the arena is too small for a parser at all. */
static bool sum_up(struct arena *arena, str message, size_t chunk, struct buf *out)
{
	struct mime_summary_parser *p;

	if (mime_summary_new(arena, &p).code != ERR_OK)
		return false;
	for (size_t at = 0; at < message.len; at += chunk)
		mime_summary_push(
			p, str_slice(message, at, message.len - at < chunk ? message.len : at + chunk));
	must(mime_summary_finish(p, out).code == ERR_OK);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	static char one[LIMIT_SUMMARY], two[LIMIT_SUMMARY];
	static const size_t memory[] = { 20 * LIMIT_KB, 32 * LIMIT_KB, 64 * LIMIT_KB, LIMIT_MB };
	struct arena a, b;
	struct buf whole, pieces;
	struct mime_summary s;
	struct mime_check c;

	if (size < 1)
		return 0;
	str message = { (const char *)octets + 1, size - 1 };
	arena_init(&a, NULL, memory[octets[0] & 3]);
	arena_init(&b, NULL, memory[octets[0] & 3]);
	buf_init_fixed(&whole, one, sizeof one);
	buf_init_fixed(&pieces, two, sizeof two);
	bool could = sum_up(&a, message, size, &whole);
	must(could == sum_up(&b, message, 1 + (octets[0] >> 2), &pieces));
	must(str_eq(buf_str(&whole), buf_str(&pieces)));
	arena_reset(&a);
	arena_reset(&b);
	arena_init(&a, NULL, 64 * LIMIT_MB);
	if (could)
		must(mime_summary_decode(&a, buf_str(&whole), &s).code == ERR_OK && s.size == message.len);
	must(mime_check(&a, message, &c).code == ERR_OK && c.size == message.len);
	arena_reset(&a);
	return 0;
}

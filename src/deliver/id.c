#include "deliver/id.h"

enum { TIME_DIGITS = 9 }; /* 36^9 ms: until the year 5188 */

static void put(char *out, int digits, uint64_t n)
{
	for (int i = digits - 1; i >= 0; i--, n /= 36)
		out[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[n % 36];
}

void deliver_id_make(int64_t time_ms, uint64_t sequence, char out[static DELIVER_ID_LEN])
{
	put(out, TIME_DIGITS, (uint64_t)time_ms);
	put(out + TIME_DIGITS, DELIVER_ID_LEN - TIME_DIGITS, sequence);
}

bool deliver_id_time(str id, int64_t *time_ms)
{
	uint64_t n = 0;

	if (id.len != DELIVER_ID_LEN)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];
		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z'))
			return false;
		if (i < TIME_DIGITS)
			n = n * 36 + (uint64_t)(c <= '9' ? c - '0' : c - 'A' + 10);
	}
	*time_ms = (int64_t)n;
	return true;
}

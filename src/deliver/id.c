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

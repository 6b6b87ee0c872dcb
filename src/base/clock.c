#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t test_time_ms; /* only tests write it */

int64_t clock_now(void)
{
	int64_t fixed = atomic_load_explicit(&test_time_ms, memory_order_relaxed);
	struct timespec t;

	if (fixed)
		return fixed;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_tick_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_tick_ms(void) { return clock_tick_ns() / 1000000; }

void clock_test_set(int64_t time_ms) { atomic_store(&test_time_ms, time_ms); }

/* UTC without gmtime_r's lock and locale; days to date after Howard Hinnant's civil_from_days. */
static struct tm utc(int64_t time_ms)
{
	int64_t s = time_ms / 1000 - (time_ms % 1000 < 0);
	int64_t days = s / 86400 - (s % 86400 < 0);
	int64_t rest = s - days * 86400;
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;

	return (struct tm){
		.tm_year = (int)(yoe + era * 400 + (month <= 2)),
		.tm_mon = (int)month,
		.tm_mday = (int)(doy - (153 * mp + 2) / 5 + 1),
		.tm_hour = (int)(rest / 3600),
		.tm_min = (int)(rest / 60 % 60),
		.tm_sec = (int)(rest % 60),
		.tm_wday = (int)(((days % 7) + 11) % 7),
	};
}

static void add_digits(struct buf *out, int n, int width)
{
	char d[4];

	for (int i = width; i-- > 0; n /= 10)
		d[i] = (char)('0' + n % 10);
	buf_add(out, (str){ d, (size_t)width });
}

static void add_time(struct buf *out, const struct tm *t)
{
	add_digits(out, t->tm_hour, 2);
	buf_add_char(out, ':');
	add_digits(out, t->tm_min, 2);
	buf_add_char(out, ':');
	add_digits(out, t->tm_sec, 2);
}

void clock_add_rfc3339(struct buf *out, int64_t time_ms)
{
	struct tm t = utc(time_ms);

	add_digits(out, t.tm_year, 4);
	buf_add_char(out, '-');
	add_digits(out, t.tm_mon, 2);
	buf_add_char(out, '-');
	add_digits(out, t.tm_mday, 2);
	buf_add_char(out, 'T');
	add_time(out, &t);
	buf_add_char(out, '.');
	add_digits(out, (int)(((time_ms % 1000) + 1000) % 1000), 3);
	buf_add_char(out, 'Z');
}

void clock_add_rfc5322(struct buf *out, int64_t time_ms)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm t = utc(time_ms);

	buf_add(out, (str){ days + (size_t)t.tm_wday * 3, 3 });
	buf_add(out, STR(", "));
	buf_add_u64(out, (uint64_t)t.tm_mday);
	buf_add_char(out, ' ');
	buf_add(out, (str){ months + (size_t)(t.tm_mon - 1) * 3, 3 });
	buf_add_char(out, ' ');
	add_digits(out, t.tm_year, 4);
	buf_add_char(out, ' ');
	add_time(out, &t);
	buf_add(out, STR(" +0000"));
}

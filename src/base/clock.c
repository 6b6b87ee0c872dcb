#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

#include "base/scan.h"

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

/* `count` digits; false: they are not there. */
static bool take_digits(scan *s, int count, int *out)
{
	int n = 0;

	for (int i = 0; i < count; i++) {
		int c = scan_peek(s);

		if (c < '0' || c > '9')
			return false;
		n = 10 * n + (c - '0');
		s->at++;
	}
	*out = n;
	return true;
}

/* Days since 1970 (Howard Hinnant's days_from_civil). */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = y / 400, yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* time-secfrac = "." 1*DIGIT */
static bool take_fraction(scan *s, int64_t *ms)
{
	int digit, count = 0;

	for (*ms = 0; take_digits(s, 1, &digit); count++)
		*ms += count == 0 ? digit * 100 : count == 1 ? digit * 10 : count == 2 ? digit : 0;
	return count > 0;
}

err clock_parse_rfc3339(str text, int64_t *out_ms)
{
	static const err malformed = { ERR_SYNTAX, 0, "this is no time like 2026-11-23T12:00:00Z" };
	int year, month, day, hour, minute, second;
	int64_t ms = 0, time_ms;
	scan s = { text, 0 };

	if (!take_digits(&s, 4, &year) || !scan_char(&s, '-') || !take_digits(&s, 2, &month) ||
	    !scan_char(&s, '-') || !take_digits(&s, 2, &day) || !scan_word_nocase(&s, STR("T")))
		return malformed;
	if (!take_digits(&s, 2, &hour) || !scan_char(&s, ':') || !take_digits(&s, 2, &minute) ||
	    !scan_char(&s, ':') || !take_digits(&s, 2, &second))
		return malformed;
	if (scan_char(&s, '.') && !take_fraction(&s, &ms))
		return malformed;
	if (!scan_word_nocase(&s, STR("Z")) || !scan_at_end(&s))
		return malformed;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return malformed; /* 60: a leap second (RFC 3339 §5.7) */
	time_ms = days_of(year, month, day) * 86400000;
	if (utc(time_ms).tm_mday != day)
		return malformed;
	*out_ms = time_ms + (int64_t)(hour * 3600 + minute * 60 + second) * 1000 + ms;
	return OK;
}

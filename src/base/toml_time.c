#include "base/toml_internal.h"

/* Exactly `count` digits, of a value from `least` to `most`. */
static bool field(scan *s, size_t count, uint32_t least, uint32_t most, uint32_t *out)
{
	uint64_t n;

	if (s->in.len - s->at < count || !str_to_u64(str_slice(s->in, s->at, s->at + count), most, &n) ||
	    n < least)
		return false;
	s->at += count;
	*out = (uint32_t)n;
	return true;
}

static uint32_t days_in(uint32_t year, uint32_t month)
{
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* full-date */
static bool date(scan *s, toml_time *t)
{
	uint32_t year, month, day;

	if (!field(s, 4, 0, 9999, &year) || !scan_char(s, '-') || !field(s, 2, 1, 12, &month) ||
	    !scan_char(s, '-') || !field(s, 2, 1, days_in(year, month), &day))
		return false;
	t->has_date = true;
	t->year = (uint16_t)year;
	t->month = (uint8_t)month;
	t->day = (uint8_t)day;
	return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "." 1*DIGIT; past nanoseconds digits are dropped, as the specification asks. */
static bool fraction(scan *s, toml_time *t)
{
	str part = scan_while(s, is_digit);
	uint32_t unit = 100000000;

	for (size_t i = 0; i < part.len && unit; i++, unit /= 10)
		t->nanosecond += (uint32_t)(part.ptr[i] - '0') * unit;
	return part.len > 0;
}

/* partial-time */
static bool time_of_day(scan *s, toml_time *t)
{
	uint32_t hour, minute, second;

	if (!field(s, 2, 0, 23, &hour) || !scan_char(s, ':') || !field(s, 2, 0, 59, &minute) ||
	    !scan_char(s, ':') || !field(s, 2, 0, 60, &second))
		return false;
	t->has_time = true;
	t->hour = (uint8_t)hour;
	t->minute = (uint8_t)minute;
	t->second = (uint8_t)second;
	return !scan_char(s, '.') || fraction(s, t);
}

/* time-offset */
static bool offset(scan *s, toml_time *t)
{
	uint32_t hour, minute;

	t->has_offset = true;
	if (scan_char(s, 'Z') || scan_char(s, 'z'))
		return true;
	bool minus = scan_char(s, '-');
	if ((!minus && !scan_char(s, '+')) || !field(s, 2, 0, 23, &hour) || !scan_char(s, ':') ||
	    !field(s, 2, 0, 59, &minute))
		return false;
	t->offset_minutes = (int16_t)((minus ? -1 : 1) * (int)(hour * 60 + minute));
	return true;
}

bool toml_time_parse(str token, toml_time *out)
{
	scan s = { token, 0 };
	toml_time t = { 0 };

	if (token.len > 4 && token.ptr[4] == '-') {
		if (!date(&s, &t))
			return false;
		if (!scan_at_end(&s) && !scan_char(&s, 'T') && !scan_char(&s, 't') && !scan_char(&s, ' '))
			return false;
		if (scan_at_end(&s) && s.at > sizeof "1979-05-27" - 1)
			return false;
	}
	if (!scan_at_end(&s) && !time_of_day(&s, &t))
		return false;
	if (t.has_date && !scan_at_end(&s) && !offset(&s, &t))
		return false;
	if (!scan_at_end(&s))
		return false;
	*out = t;
	return true;
}

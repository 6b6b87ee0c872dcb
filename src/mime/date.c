#include "mime/date.h"

#include "base/limits.h"
#include "base/scan.h"

static const char month_names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

static const struct {
	str name;
	int16_t minutes;
} zones[] = {
	{ STR_INIT("ut"), 0 },     { STR_INIT("gmt"), 0 },    { STR_INIT("utc"), 0 },
	{ STR_INIT("est"), -300 }, { STR_INIT("edt"), -240 }, { STR_INIT("cst"), -360 },
	{ STR_INIT("cdt"), -300 }, { STR_INIT("mst"), -420 }, { STR_INIT("mdt"), -360 },
	{ STR_INIT("pst"), -480 }, { STR_INIT("pdt"), -420 },
};

/* What has been found so far; -1 is not yet. */
struct found {
	int day, month, year;
	int hour, minute, second;
	bool bad_time;
	bool has_zone;
	int16_t zone;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_alpha(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }

/* At most nine digits' value, so that it can't overflow; more digits stay a number that fits nowhere. */
static int value(str digits)
{
	int n = 0;

	for (size_t i = 0; i < digits.len; i++) {
		if (n > 99999999)
			return n;
		n = n * 10 + (digits.ptr[i] - '0');
	}
	return n;
}

/* Index of the first three letters of `word` in a list of three-letter names, -1 where there is none. */
static int name_index(str word, const char *list)
{
	if (word.len < 3)
		return -1;
	for (int i = 0; list[3 * i]; i++)
		if (str_starts_nocase(word, (str){ list + 3 * i, 3 }))
			return i;
	return -1;
}

static void take_word(struct found *f, str word)
{
	int month = name_index(word, month_names);

	if (f->month < 0 && month >= 0) {
		f->month = month;
		return;
	}
	if (f->has_zone || f->hour < 0)
		return;
	for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
		if (str_eq_nocase(zones[i].name, word)) {
			f->zone = zones[i].minutes;
			f->has_zone = true;
		}
	}
}

/* RFC 5322 §4.3: two digits are 1950 to 2049, three count from 1900. */
static int full_year(int n, size_t digits)
{
	if (digits >= 4)
		return n;
	return n + (digits == 2 && n < 50 ? 2000 : 1900);
}

/* hour ":" minute [":" second]; real dates have a "." for the ":" and fractions of seconds. */
static void take_time(struct found *f, scan *s, str hour)
{
	int part[2] = { 0, 0 };

	for (int i = 0; i < 2 && (scan_char(s, ':') || scan_char(s, '.')); i++) {
		str digits = scan_while(s, is_digit);
		part[i] = value(digits);
		f->bad_time |= digits.len == 0 || digits.len > 2;
	}
	if (scan_char(s, '.'))
		scan_while(s, is_digit);
	f->hour = value(hour);
	f->minute = part[0];
	f->second = part[1];
	f->bad_time |= f->hour > 23 || f->minute > 59 || f->second > 60;
	/* The epoch's count has no leap seconds. */
	f->second -= f->second == 60;
}

static void take_number(struct found *f, scan *s, str digits)
{
	bool colon = scan_peek(s) == ':' || (scan_peek(s) == '.' && f->year >= 0);

	if (f->hour < 0 && digits.len <= 2 && colon) {
		take_time(f, s, digits);
	} else if (digits.len <= 2 && f->day < 0) {
		f->day = value(digits);
	} else if (digits.len >= 2 && digits.len <= 4 && f->year < 0) {
		f->year = full_year(value(digits), digits.len);
	}
}

/* A sign begins a zone only after the time; before it, it is the hyphen of "2-Jan-99". Minutes over 59 make
 * no sense, so the zone is UTC then. */
static void take_sign(struct found *f, scan *s, bool west)
{
	size_t start = s->at;
	str digits = scan_while(s, is_digit);
	int n = value(digits);

	/* "+02" is met: hours. */
	if (digits.len == 2)
		n *= 100;
	if (f->hour < 0 || f->has_zone || (digits.len != 4 && digits.len != 2)) {
		s->at = start;
		return;
	}
	f->has_zone = true;
	if (n % 100 < 60)
		f->zone = (int16_t)((n / 100 * 60 + n % 100) * (west ? -1 : 1));
}

/* Skips a comment, nested or not closed. */
static void skip_comment(scan *s)
{
	size_t depth = 1;

	while (depth && !scan_at_end(s)) {
		char c = s->in.ptr[s->at++];
		if (c == '\\' && !scan_at_end(s))
			s->at++;
		depth += c == '(';
		depth -= c == ')';
	}
}

static bool is_leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static int days_in(int month, int year)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month] + (month == 1 && is_leap(year));
}

/* Days since 1970-01-01 of a civil date: years begin in March, so that the leap day is the last. */
static int64_t days_since_epoch(int year, int month, int day)
{
	int64_t y = year - (month < 2);
	int64_t in_year = (153 * ((month + 10) % 12) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

err mime_date_parse(str text, struct mime_date *out)
{
	scan s = { str_slice(text, 0, text.len < LIMIT_DATE ? text.len : LIMIT_DATE), 0 };
	struct found f = { .day = -1, .month = -1, .year = -1, .hour = -1 };

	while (!scan_at_end(&s)) {
		size_t start = s.at;
		char c = s.in.ptr[s.at++];
		if (is_digit(c)) {
			scan_while(&s, is_digit);
			take_number(&f, &s, scan_since(&s, start));
		} else if (is_alpha(c)) {
			scan_while(&s, is_alpha);
			take_word(&f, scan_since(&s, start));
		} else if (c == '+' || c == '-') {
			take_sign(&f, &s, c == '-');
		} else if (c == '(') {
			skip_comment(&s);
		}
	}
	if (f.month < 0 || f.year < 1900 || f.day < 1 || f.day > days_in(f.month, f.year))
		return scan_err(&s, ERR_SYNTAX, "no valid day, month and year in the date");
	if (f.hour < 0 || f.bad_time)
		f.hour = f.minute = f.second = 0;
	int64_t seconds = days_since_epoch(f.year, f.month, f.day) * 86400 + f.hour * 3600 + f.minute * 60 +
	                  f.second - f.zone * 60;
	*out = (struct mime_date){ seconds * 1000, f.zone };
	return OK;
}

/* The civil date of a day number; the inverse of days_since_epoch. */
static void civil(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	int64_t in_era = z % 146097;
	int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * in_year + 2) / 153;

	*day = (int)(in_year - (153 * m + 2) / 5 + 1);
	*month = (int)((m + 2) % 12);
	*year = (int)(y + era * 400 + (*month < 2));
}

void mime_date_format(struct mime_date date, struct buf *out)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t local = date.ms / 1000 - (date.ms % 1000 < 0) + date.zone * 60;
	int64_t day_number = local / 86400 - (local % 86400 < 0);
	int seconds = (int)(local - day_number * 86400);
	int zone = date.zone < 0 ? -date.zone : date.zone;
	int year, month, day;

	civil(day_number, &year, &month, &day);
	/* 1970-01-01 was a Thursday. */
	size_t week_day = (size_t)(((day_number + 4) % 7 + 7) % 7);
	buf_add_format(out, "%.3s, %d %.3s %04d %02d:%02d:%02d %c%02d%02d", days + 3 * week_day, day,
	               months + 3 * month, year, seconds / 3600, seconds / 60 % 60, seconds % 60,
	               date.zone < 0 ? '-' : '+', zone / 60, zone % 60);
}

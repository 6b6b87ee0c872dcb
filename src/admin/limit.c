#include "admin/limit.h"

#include "base/limits.h"
#include "base/scan.h"

static const struct {
	str letter, word;
	uint32_t period_s;
} periods[] = {
	{ STR_INIT("m"), STR_INIT("minute"), 60 },
	{ STR_INIT("h"), STR_INIT("hour"), 3600 },
	{ STR_INIT("d"), STR_INIT("day"), 86400 },
};

enum { PERIODS = sizeof periods / sizeof periods[0] };

static const err not_a_limit = { ERR_SYNTAX, 0, "not a limit; write it like 500/h or 2000/day" };

err limit_parse(str text, uint32_t *count, uint32_t *period_s)
{
	str rest = str_trim_wsp(text), number = str_trim_wsp(str_cut(&rest, '/'));
	uint64_t n = 0;

	rest = str_trim_wsp(rest);
	for (size_t i = 0; i < number.len; i++)
		if (number.ptr[i] < '0' || number.ptr[i] > '9')
			return not_a_limit;
	for (size_t i = 0; i < PERIODS; i++) {
		if (!str_eq_nocase(rest, periods[i].letter) && !str_eq_nocase(rest, periods[i].word))
			continue;
		if (number.len == 0)
			return not_a_limit;
		if (!str_to_u64(number, LIMIT_APP_RATE, &n) || n == 0)
			return (err){ ERR_LIMIT, 0, "a limit is a number from 1 to 1000000" };
		*count = (uint32_t)n;
		*period_s = periods[i].period_s;
		return OK;
	}
	return not_a_limit;
}

void limit_format(struct buf *out, uint32_t count, uint32_t period_s)
{
	buf_add_u64(out, count);
	buf_add_char(out, '/');
	for (size_t i = 0; i < PERIODS; i++)
		if (periods[i].period_s == period_s) {
			buf_add(out, periods[i].letter);
			return;
		}
	buf_add_u64(out, period_s);
	buf_add_char(out, 's');
}

#include "admin/size.h"

#include "base/scan.h"

static const char units[] = "KMGT";

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const err not_a_size = { ERR_SYNTAX, 0, "not a size; write it like 500M or 5G" };

/* Thousandths of a unit, from up to three digits after the point. */
static bool fraction(scan *s, uint64_t *thousandths)
{
	static const uint64_t scale[] = { 0, 100, 10, 1 };
	uint64_t n;

	if (!scan_char(s, '.'))
		return true;
	str digits = scan_while(s, is_digit);
	if (digits.len < 1 || digits.len > 3 || !str_to_u64(digits, 999, &n))
		return false;
	*thousandths = n * scale[digits.len];
	return true;
}

err size_parse(str text, uint64_t *octets)
{
	scan s = { str_trim_wsp(text), 0 };
	uint64_t whole = 0, thousandths = 0, factor = 1;
	const uint64_t most = 1ull << 62;

	if (str_eq_nocase(s.in, STR("none"))) {
		*octets = 0;
		return OK;
	}
	if (!str_to_u64(scan_while(&s, is_digit), most, &whole) || !fraction(&s, &thousandths))
		return not_a_size;
	bool has_fraction = thousandths > 0;
	scan_char(&s, ' ');
	for (size_t i = 0; i < sizeof units - 1 && factor == 1; i++)
		if (scan_word_nocase(&s, (str){ &units[i], 1 }))
			factor = 1ull << (10 * (i + 1));
	if (factor > 1)
		scan_word_nocase(&s, STR("i"));
	scan_word_nocase(&s, STR("b"));
	if (!scan_at_end(&s) || (has_fraction && factor == 1) || whole > most / factor)
		return not_a_size;
	*octets = whole * factor + thousandths * factor / 1000;
	return OK;
}

void size_format(struct buf *out, uint64_t octets)
{
	size_t unit = 0;
	uint64_t tenths = octets * 10;

	if (octets < 1024 || octets > UINT64_MAX / 16) {
		buf_add_u64(out, octets);
		buf_add(out, octets ? STR(" B") : STR(""));
		return;
	}
	for (tenths /= 1024; tenths >= 10240 && unit < sizeof units - 2; unit++)
		tenths /= 1024;
	buf_add_u64(out, tenths / 10);
	if (tenths < 1000) {
		buf_add_char(out, '.');
		buf_add_u64(out, tenths % 10);
	}
	buf_add_char(out, ' ');
	buf_add_char(out, units[unit]);
	buf_add_char(out, 'B');
}

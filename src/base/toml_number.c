#include "base/toml_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static int digit_value(int c)
{
	int low = c | 0x20;

	return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : 99;
}

/* One digit and more, single underscores only between digits. */
static bool digits(scan *s, int base)
{
	size_t start = s->at;

	while (s->at < s->in.len && (digit_value(scan_peek(s)) < base ||
	                             (scan_peek(s) == '_' && s->at > start && s->in.ptr[s->at - 1] != '_')))
		s->at++;
	return s->at > start && s->in.ptr[s->at - 1] != '_';
}

static err integer(size_t at, str text, int base, bool minus, int64_t *out)
{
	uint64_t n = 0, max = minus ? (uint64_t)1 << 63 : INT64_MAX;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '_')
			continue;
		uint64_t d = (uint64_t)digit_value(text.ptr[i]);
		if (n > (max - d) / (uint64_t)base)
			return (err){ ERR_SYNTAX, (uint32_t)at, "integer does not fit 64 bits" };
		n = n * (uint64_t)base + d;
	}
	*out = (int64_t)(minus ? 0 - n : n);
	return OK;
}

/* strtod knows no underscores, and a locale: postrider never sets one. */
static err floating(struct toml_parser *p, size_t at, str text, double *out)
{
	char *z = arena_alloc(p->arena, text.len + 1);
	size_t len = 0;

	if (!z)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] != '_')
			z[len++] = text.ptr[i];
	z[len] = '\0';
	double d = strtod(z, NULL);
	if (isinf(d))
		return (err){ ERR_SYNTAX, (uint32_t)at, "number does not fit a 64-bit float" };
	*out = d;
	return OK;
}

static bool fraction_and_exponent(scan *s)
{
	if (scan_char(s, '.') && !digits(s, 10))
		return false;
	if (!scan_char(s, 'e') && !scan_char(s, 'E'))
		return true;
	if (!scan_char(s, '+'))
		scan_char(s, '-');
	return digits(s, 10);
}

static err malformed(size_t at)
{
	return (err){ ERR_SYNTAX, (uint32_t)at, "not a value; strings stand in quotes" };
}

static err decimal(struct toml_parser *p, size_t at, str token, struct toml_node *node)
{
	scan s = { token, 0 };
	bool minus = scan_char(&s, '-');

	if (!minus)
		scan_char(&s, '+');
	size_t start = s.at;
	if (!digits(&s, 10))
		return malformed(at);
	if (s.in.ptr[start] == '0' && s.at > start + 1)
		return (err){ ERR_SYNTAX, (uint32_t)at, "a number begins with no zero" };
	if (scan_at_end(&s)) {
		node->kind = TOML_INTEGER;
		return integer(at, scan_since(&s, start), 10, minus, &node->integer);
	}
	if (!fraction_and_exponent(&s) || !scan_at_end(&s))
		return malformed(at);
	node->kind = TOML_FLOAT;
	return floating(p, at, token, &node->number);
}

static int prefix_base(str token)
{
	return str_starts(token, STR("0x"))   ? 16
	       : str_starts(token, STR("0o")) ? 8
	       : str_starts(token, STR("0b")) ? 2
	                                      : 10;
}

static bool special(str token, double *out)
{
	bool minus = str_starts(token, STR("-"));
	str word = minus || str_starts(token, STR("+")) ? str_from(token, 1) : token;

	if (!str_eq(word, STR("inf")) && !str_eq(word, STR("nan")))
		return false;
	double d = word.ptr[0] == 'i' ? (double)INFINITY : (double)NAN;
	*out = minus ? -d : d;
	return true;
}

static bool is_token(char c)
{
	return digit_value((unsigned char)c) < 10 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '+' ||
	       c == '-' || c == '_' || c == '.' || c == ':';
}

/* A date may be parted from its time by one space. */
static str take_token(scan *s)
{
	size_t start = s->at;
	str token = scan_while(s, is_token);
	bool date = token.len == 10 && token.ptr[4] == '-' && token.ptr[7] == '-';

	if (date && s->at + 1 < s->in.len && s->in.ptr[s->at] == ' ' &&
	    digit_value(s->in.ptr[s->at + 1]) < 10) {
		s->at++;
		scan_while(s, is_token);
	}
	return scan_since(s, start);
}

err toml_number(struct toml_parser *p, struct toml_node *node)
{
	size_t at = p->s.at;
	str token = take_token(&p->s);
	bool clock = (token.len > 2 && token.ptr[2] == ':') ||
	             (token.len > 4 && token.ptr[4] == '-' && digit_value(token.ptr[0]) < 10 &&
	              (token.ptr[3] | 0x20) != 'e');
	int base = prefix_base(token);

	if (clock) {
		node->kind = TOML_TIME;
		return toml_time_parse(token, &node->time)
		               ? OK
		               : (err){ ERR_SYNTAX, (uint32_t)at, "not a date or time of RFC 3339" };
	}
	if (special(token, &node->number)) {
		node->kind = TOML_FLOAT;
		return OK;
	}
	if (base == 10)
		return decimal(p, at, token, node);
	scan s = { token, 2 };
	if (!digits(&s, base) || !scan_at_end(&s))
		return malformed(at);
	node->kind = TOML_INTEGER;
	return integer(at, scan_since(&s, 2), base, false, &node->integer);
}

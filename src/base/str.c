#include "base/str.h"

bool str_eq_nocase(str a, str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
			return false;
	return true;
}

int str_cmp(str a, str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

bool str_starts(str s, str prefix)
{
	return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

bool str_starts_nocase(str s, str prefix)
{
	return s.len >= prefix.len && str_eq_nocase(str_slice(s, 0, prefix.len), prefix);
}

bool str_ends_nocase(str s, str suffix)
{
	return s.len >= suffix.len && str_eq_nocase(str_from(s, s.len - suffix.len), suffix);
}

size_t str_find_char(str s, char c)
{
	const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return hit ? (size_t)(hit - s.ptr) : s.len;
}

size_t str_rfind_char(str s, char c)
{
	const char *hit = s.len ? memrchr(s.ptr, c, s.len) : NULL;

	return hit ? (size_t)(hit - s.ptr) : s.len;
}

size_t str_find(str s, str needle)
{
	const char *hit = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;

	return hit ? (size_t)(hit - s.ptr) : s.len;
}

static bool is_wsp(char c) { return c == ' ' || c == '\t'; }

static bool is_space(char c) { return is_wsp(c) || c == '\r' || c == '\n'; }

str str_trim_wsp(str s)
{
	while (s.len && is_wsp(s.ptr[0]))
		s = str_from(s, 1);
	while (s.len && is_wsp(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

str str_trim(str s)
{
	while (s.len && is_space(s.ptr[0]))
		s = str_from(s, 1);
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

str str_cut(str *rest, char c)
{
	size_t at = str_find_char(*rest, c);
	str head = str_slice(*rest, 0, at);

	*rest = at < rest->len ? str_from(*rest, at + 1) : STR("");
	return head;
}

bool str_to_u64(str s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(s.ptr[i] - '0');
		if (n > (max - digit) / 10 || digit > max)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

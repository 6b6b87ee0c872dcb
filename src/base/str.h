/* base/str.h: the slice, the one way octets travel inside postrider.
 *
 * A str borrows: it owns nothing and is not NUL-terminated. It lives as long as what it points into
 * (a read buffer, an arena, a literal). To keep one, copy it into the arena of the keeper.
 * (str){ 0 } is a legal empty slice, so nobody adds to .ptr: str_slice does.
 * Case folding is ASCII's, as protocol keywords and domain names in A-label form want it. Any thread.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
	const char *ptr;
	size_t len; /* octets */
} str;

#define STR(literal) ((str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal) \
	{ \
		"" literal, sizeof(literal) - 1 \
	} /* in a static table */
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline bool str_eq(str a, str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Octets from..to-1 of s. */
static inline str str_slice(str s, size_t from, size_t to)
{
	assert(from <= to);
	assert(to <= s.len);
	return from == to ? STR("") : (str){ s.ptr + from, to - from };
}

static inline str str_from(str s, size_t from) { return str_slice(s, from, s.len); }

static inline str str_of(const char *nul_terminated)
{
	return (str){ nul_terminated, strlen(nul_terminated) };
}

static inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

bool str_eq_nocase(str a, str b);

/* <0, 0, >0 by octets, shorter first. */
int str_cmp(str a, str b);

bool str_starts(str s, str prefix);
bool str_starts_nocase(str s, str prefix);
bool str_ends_nocase(str s, str suffix);

/* Index of the first or last `c`, or s.len where there is none. */
size_t str_find_char(str s, char c);
size_t str_rfind_char(str s, char c);

/* Index of the first `needle`, or s.len where there is none. */
size_t str_find(str s, str needle);

/* Without spaces and tabs (str_trim: CR and LF too) at both ends. */
str str_trim_wsp(str s);
str str_trim(str s);

/* Cuts `*rest` at the first `c`: the part before it is returned, *rest is what follows. Without a `c` all is
 * returned and *rest is empty. */
str str_cut(str *rest, char c);

/* Decimal number of the whole slice, no sign or spaces. False where it is none or over `max`. */
bool str_to_u64(str s, uint64_t max, uint64_t *out);

#endif

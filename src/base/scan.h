/* base/scan.h: a slice being read from left to right, so that a parser reads like its grammar. */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include "base/err.h"
#include "base/str.h"

typedef struct scan {
	str in;
	size_t at; /* next octet; 0 <= at <= in.len */
} scan;

static inline bool scan_char(scan *s, char c)
{
	bool hit = s->at < s->in.len && s->in.ptr[s->at] == c;
	s->at += hit;
	return hit;
}

static inline str scan_since(const scan *s, size_t start) { return str_slice(s->in, start, s->at); }

static inline str scan_while(scan *s, bool (*is)(char))
{
	size_t start = s->at;
	while (s->at < s->in.len && is(s->in.ptr[s->at]))
		s->at++;
	return scan_since(s, start);
}

static inline bool scan_at_end(const scan *s) { return s->at == s->in.len; }

static inline str scan_rest(const scan *s) { return str_slice(s->in, s->at, s->in.len); }

/* The next octet without taking it; -1 at the end. */
static inline int scan_peek(const scan *s)
{
	return s->at < s->in.len ? (unsigned char)s->in.ptr[s->at] : -1;
}

/* Takes `word` in any case of ASCII letters, all or nothing. */
static inline bool scan_word_nocase(scan *s, str word)
{
	bool hit = str_starts_nocase(scan_rest(s), word);
	s->at += hit ? word.len : 0;
	return hit;
}

static inline err scan_err(const scan *s, err_code code, const char *what)
{
	return (err){ code, (uint32_t)s->at, what };
}

#endif

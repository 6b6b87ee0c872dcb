#include "mime/subject.h"

#include "base/scan.h"

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool is_wsp(char c) { return c == ' ' || c == '\t'; }

static bool is_blob(char c) { return c != '[' && c != ']' && c != '\0'; }

/* Step 1: tabs and continuations are spaces, runs of them one. */
static str one_line(str s, struct buf *out)
{
	size_t mark = out->len;

	for (size_t i = 0; i < s.len;) {
		size_t start = i;
		while (i < s.len && !is_space(s.ptr[i]))
			i++;
		buf_add(out, str_slice(s, start, i));
		start = i;
		while (i < s.len && is_space(s.ptr[i]))
			i++;
		if (i > start)
			buf_add_char(out, ' ');
	}
	return str_from(buf_str(out), mark < out->len ? mark : out->len);
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP */
static bool blob(scan *s)
{
	scan t = *s;

	if (!scan_char(&t, '['))
		return false;
	scan_while(&t, is_blob);
	if (!scan_char(&t, ']'))
		return false;
	scan_while(&t, is_wsp);
	*s = t;
	return true;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool refwd(scan *s)
{
	scan t = *s;

	if (scan_word_nocase(&t, STR("fw")))
		scan_word_nocase(&t, STR("d"));
	else if (!scan_word_nocase(&t, STR("re")))
		return false;
	scan_while(&t, is_wsp);
	blob(&t);
	if (!scan_char(&t, ':'))
		return false;
	*s = t;
	return true;
}

/* Step 3: *subj-leader, of which each is white space or blobs before a "re:". `run_end` is where the run of
 * blobs that leads to no "re:" ends, so that it is walked over once only, however many blobs it has. */
static bool leaders(scan *s, size_t *run_end)
{
	bool any = false;

	for (;;) {
		scan_while(s, is_wsp);
		scan t = *s;
		if (t.at < *run_end)
			return any;
		while (blob(&t))
			;
		if (!refwd(&t)) {
			*run_end = t.at;
			return any;
		}
		*s = t;
		any = true;
	}
}

/* Step 2. */
static str without_trailers(str s, bool *is_reply)
{
	for (;;) {
		s = str_trim_wsp(s);
		if (!str_ends_nocase(s, STR("(fwd)")))
			return s;
		s.len -= 5;
		*is_reply = true;
	}
}

/* Steps 3 to 5. */
static str without_leaders(str text, bool *is_reply)
{
	scan s = { text, 0 };
	size_t run_end = 0;

	for (;;) {
		*is_reply |= leaders(&s, &run_end);
		scan t = s;
		/* A blob that is all there is stays: it is the subject. */
		if (!blob(&t) || scan_at_end(&t))
			return scan_rest(&s);
		s = t;
	}
}

struct mime_base_subject mime_base_subject(str decoded, struct buf *scratch)
{
	struct mime_base_subject b = { one_line(decoded, scratch), false };

	for (;;) {
		b.text = without_trailers(b.text, &b.is_reply);
		b.text = without_leaders(b.text, &b.is_reply);
		/* Step 6. */
		if (!str_starts_nocase(b.text, STR("[fwd:")) || !str_ends_nocase(b.text, STR("]")))
			return b;
		b.text = str_slice(b.text, 5, b.text.len - 1);
		b.is_reply = true;
	}
}

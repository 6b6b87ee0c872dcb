/* mime/html_text.h: the text of HTML, as much of it as a preview needs, a chunk at a time.
 *
 * No HTML parser: tags, comments and the content of style, script, title, textarea and template are left out,
 * runs of white space are one space, tags other than those within a line are one too. Entities stay as they
 * are, since the octets are still in the sender's charset: mime_html_entities follows the conversion.
 * Works on any charset in which ASCII octets are ASCII, and on ISO-2022's double-octet sections. Linear.
 * Pure; any thread.
 */
#ifndef MIME_HTML_TEXT_H
#define MIME_HTML_TEXT_H

#include "base/buf.h"
#include "base/str.h"

/* Where text goes, an octet at a time: a struct buf costs a call for each. */
struct mime_text {
	char *octets;
	size_t len, room;
	bool full; /* something had no room */
};

static inline void mime_text_add(struct mime_text *t, char c)
{
	if (t->len < t->room)
		t->octets[t->len++] = c;
	else
		t->full = true;
}

static inline void mime_text_add_all(struct mime_text *t, str s)
{
	size_t len = s.len < t->room - t->len ? s.len : t->room - t->len;

	if (len)
		memcpy(t->octets + t->len, s.ptr, len);
	t->len += len;
	t->full |= len < s.len;
}

/* All zero begins. */
struct mime_html_text {
	int state;
	char name[12]; /* of the tag under way, lower case, without "/" */
	unsigned name_len;
	char skipped[12]; /* the element whose content is left out; empty if none */
	unsigned skipped_len;
	char quote;
	unsigned dashes;
	unsigned escape; /* octets of an ISO-2022 escape sequence seen */
	bool wide;       /* in a double-octet section */
	bool space;      /* one is due before the next octet of text */
};

/* Appends what is text; stops where `out` is full. */
void mime_html_text(struct mime_html_text *h, str octets, struct mime_text *out);

/* Appends UTF-8 text with its entities decoded; unknown ones stay. */
void mime_html_entities(str text, struct buf *out);

#endif

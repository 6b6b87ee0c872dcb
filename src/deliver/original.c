#include "deliver/original.h"

#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "mime/transfer.h"

enum { LINE_MOST = 998 }; /* RFC 5322 §2.1.1 */

/* What octets need of those who pass them on, chunk by chunk. All zero begins. */
struct survey {
	bool wide;   /* octets over 127 */
	bool binary; /* NUL, CR or LF alone, a line that is too long (RFC 2045 §2.8) */
	bool after_cr;
	size_t line;
	/* of the header's end */
	uint64_t octets;
	uint64_t header; /* octets before the empty line; UINT64_MAX: it has not come yet */
};

static void survey_octet(struct survey *s, unsigned char c)
{
	s->octets++;
	if (c == '\n') {
		size_t text = s->line - s->after_cr;

		if (text == 0 && s->header == UINT64_MAX)
			s->header = s->octets - 1 - s->after_cr;
		s->binary |= !s->after_cr || text > LINE_MOST;
		s->line = 0;
	} else {
		s->binary |= s->after_cr || c == '\0';
		s->wide |= c > 0x7f;
		s->line++;
	}
	s->after_cr = c == '\r';
}

static err read_piece(const struct original *o, size_t size, uint64_t at)
{
	if (o->from.held.len == 0)
		return file_read_at(o->from.fd, o->piece, size, o->from.offset + at);
	memcpy(o->piece, o->from.held.ptr + at, size);
	return OK;
}

/* Reads up to `size` octets, or to the header's end. */
static err survey_read(const struct original *o, uint64_t size, bool header_only, struct survey *s)
{
	*s = (struct survey){ .header = UINT64_MAX };
	for (uint64_t at = 0; at < size;) {
		size_t piece = size - at < LIMIT_BLOCK ? (size_t)(size - at) : LIMIT_BLOCK;

		TRY(read_piece(o, piece, at));
		for (size_t i = 0; i < piece; i++) {
			survey_octet(s, (unsigned char)o->piece[i]);
			if (header_only && s->header != UINT64_MAX)
				return OK;
		}
		at += piece;
	}
	s->binary |= s->after_cr || s->line > LINE_MOST;
	return OK;
}

/* As it came where lines are whole; a message within a message can't be encoded but for SMTPUTF8. */
static bool takes_whole(struct original *o, const struct dsn *dsn, const struct survey *s)
{
	if (!s->wide && !s->binary)
		o->as = (struct dsn_original){ .whole = true, .encoding = DSN_7BIT };
	else if (dsn_may_quote(dsn, true))
		o->as = (struct dsn_original){ .whole = true, .encoding = DSN_QUOTED };
	else if (!s->binary)
		o->as = (struct dsn_original){ .whole = true, .encoding = DSN_8BIT };
	else
		return false;
	return true;
}

err original_open(struct original *o, struct arena *arena, const struct dsn *dsn,
                  const struct original_source *from)
{
	struct original opened = { .from = *from };
	uint64_t size = from->held.len > 0 ? from->held.len : from->size;
	struct survey s;

	opened.piece = arena_alloc(arena, LIMIT_BLOCK);
	if (!opened.piece)
		return ERR_NO_MEMORY;
	opened.from.size = size;
	if (dsn_wants_whole(dsn) && from->held.len == 0 && size <= LIMIT_DSN_ORIGINAL) {
		TRY(survey_read(&opened, size, false, &s));
		if (takes_whole(&opened, dsn, &s)) {
			*o = opened;
			return OK;
		}
	}
	size = size < LIMIT_HEADER_BLOCK ? size : LIMIT_HEADER_BLOCK;
	TRY(survey_read(&opened, size, true, &s));
	opened.from.size = s.header < size ? s.header : size;
	opened.as.encoding = s.wide || s.binary || s.header > size ? DSN_QUOTED : DSN_7BIT;
	*o = opened;
	return OK;
}

err original_read(const struct original *o, struct arena *arena, err (*put)(void *user, str octets),
                  void *user)
{
	struct mime_qp_encoder qp = { 0 };
	struct buf encoded;

	buf_init(&encoded, arena, 4 * LIMIT_BLOCK);
	for (uint64_t at = 0; at < o->from.size;) {
		size_t size = o->from.size - at < LIMIT_BLOCK ? (size_t)(o->from.size - at) : LIMIT_BLOCK;
		str piece = { o->piece, size };

		TRY(read_piece(o, size, at));
		at += size;
		if (o->as.encoding == DSN_QUOTED) {
			buf_clear(&encoded);
			mime_qp_encode(&qp, piece, &encoded);
			if (at == o->from.size)
				mime_qp_encode_end(&qp, &encoded);
			TRY(buf_err(&encoded));
			piece = buf_str(&encoded);
		}
		TRY(put(user, piece));
	}
	return OK;
}

#include "mime/structure.h"

#include "base/limits.h"

enum { STATE_HEADER, STATE_BODY };

struct frame {
	int state;
	mime_part_kind kind;
	bool closed; /* its closing delimiter was met */
	uint64_t header_offset, body_offset;
	uint64_t body_lf; /* line ends before the body */
	struct mime_entity entity;
};

struct mime_structure {
	struct arena *arena;
	struct mime_header header;
	struct buf scratch; /* three times the header's room: see mime/content_type.h */
	size_t scratch_for; /* the room it was made for */
	struct mime_content_type type;
	struct frame *frames[LIMIT_MIME_DEPTH + 1];
	size_t depth; /* frames in use */
	bool wants_text, cut, ended;

	/* Where we are. */
	uint64_t at, lf;
	bool mid_line;
	char last;        /* octet before `at` */
	uint8_t line_end; /* octets of the line end before `at`, where a line begins */
	char held[MIME_DELIMITER_OCTETS];
	size_t held_len;

	/* The piece of a line under way: it is given up when it was used. */
	str piece;
	bool has_piece, begins, whole;

	/* What is to be done before more input is looked at. */
	bool open_message, open_part, closing;
	size_t close_to; /* frames that stay */
	uint64_t close_at, close_lf;
	uint8_t close_line_end;
};

/* True where frames[i] exists or can be made. */
static bool frame_ready(struct mime_structure *s, size_t i)
{
	if (i > LIMIT_MIME_DEPTH)
		return false;
	if (!s->frames[i])
		s->frames[i] = arena_alloc(s->arena, sizeof *s->frames[i]);
	return s->frames[i] != NULL;
}

static struct frame *top(struct mime_structure *s) { return s->frames[s->depth - 1]; }

static mime_event begin_part(struct mime_structure *s, uint64_t offset, bool is_message,
                             struct mime_step *out)
{
	const struct frame *parent = s->depth ? top(s) : NULL;
	struct frame *f = s->frames[s->depth++];

	memset(f, 0, offsetof(struct frame, entity));
	f->header_offset = offset;
	mime_entity_begin(&f->entity,
	                  parent && parent->kind == MIME_PART_MULTIPART && parent->entity.is_digest);
	mime_header_begin(&s->header);
	*out = (struct mime_step){ .header_offset = offset, .is_message = is_message };
	return MIME_PART;
}

err mime_structure_new(struct arena *arena, struct mime_structure **out)
{
	struct mime_structure *s = arena_new(arena, struct mime_structure, 1);

	if (!s)
		return ERR_NO_MEMORY;
	s->arena = arena;
	TRY(mime_header_init(&s->header, arena));
	if (!frame_ready(s, 0))
		return ERR_NO_MEMORY;
	s->open_message = true;
	*out = s;
	return OK;
}

/* The scratch grows with the header's room, so that it depends on the fields and not on the chunks. */
static void clear_scratch(struct mime_structure *s)
{
	size_t room = s->header.room;

	if (s->scratch_for != room) {
		char *p = arena_alloc(s->arena, 3 * room + 64);
		s->scratch_for = room;
		s->cut |= !p;
		if (p)
			buf_init_fixed(&s->scratch, p, 3 * room + 64);
	}
	buf_clear(&s->scratch);
}

/* The first of several fields counts. */
static mime_event take_field(struct mime_structure *s, struct mime_step *out)
{
	struct mime_entity *e = &top(s)->entity;

	*out = (struct mime_step){ .field = s->header.field, .text = mime_header_body(&s->header) };
	clear_scratch(s);
	if (out->field == MIME_FIELD_CONTENT_TYPE && !e->has_type) {
		mime_content_type_parse(out->text, &s->scratch, &s->type);
		mime_entity_take_type(e, &s->type);
		out->type = &s->type;
		s->cut |= s->type.parameters.cut;
	}
	if (out->field == MIME_FIELD_CONTENT_TRANSFER_ENCODING)
		mime_entity_take_encoding(e, out->text);
	return MIME_FIELD;
}

/* The header of the top frame is over; its body begins at `offset`. */
static mime_event begin_body(struct mime_structure *s, uint64_t offset, uint64_t lf, struct mime_step *out)
{
	struct frame *f = top(s);
	const struct mime_entity *e = &f->entity;

	f->state = STATE_BODY;
	f->body_offset = offset;
	f->body_lf = lf;
	s->wants_text = false;
	mime_part_kind kind = mime_entity_kind(e);
	bool too_deep = e->boundary_too_long || (kind != MIME_PART_LEAF && !frame_ready(s, s->depth));
	f->kind = too_deep ? MIME_PART_LEAF : kind;
	s->open_message = f->kind == MIME_PART_MESSAGE;
	*out = (struct mime_step){
		.header_offset = f->header_offset,
		.header_size = offset - f->header_offset,
		.kind = f->kind,
		.encoding = e->encoding,
		.digest_message = mime_entity_is_digest_message(e),
		.is_text = e->is_text || (!e->has_type && !mime_entity_is_digest_message(e)),
		.no_boundary = e->is_multipart && !e->boundary_len && !e->boundary_too_long,
		.too_deep = too_deep,
	};
	return MIME_BODY;
}

/* One step of closing all frames above close_to; MIME_MORE when none is left. */
static mime_event close_one(struct mime_structure *s, struct mime_step *out)
{
	if (s->depth <= s->close_to) {
		s->closing = false;
		return MIME_MORE;
	}
	struct frame *f = top(s);
	if (f->state == STATE_HEADER) {
		if (mime_header_end(&s->header))
			return take_field(s, out);
		return begin_body(s, s->close_at, s->close_lf, out);
	}
	/* The line end before a delimiter belongs to it (RFC 2046 §5.1.1). */
	bool has_end = s->close_line_end && s->close_at > f->body_offset;
	uint64_t end = s->close_at - (has_end ? s->close_line_end : 0);
	*out = (struct mime_step){
		.body_size = end - f->body_offset,
		.body_lines = s->close_lf - f->body_lf - has_end,
		.unclosed = f->kind == MIME_PART_MULTIPART && !f->closed,
	};
	s->depth--;
	return MIME_PART_END;
}

/* True: an open multipart could end or go on at a line. */
static bool has_boundary(const struct mime_structure *s)
{
	for (size_t i = 0; i < s->depth; i++)
		if (s->frames[i]->kind == MIME_PART_MULTIPART && !s->frames[i]->closed)
			return true;
	return false;
}

/* Looks at a whole line. True: it was a delimiter, and what it closes and opens is noted. */
static bool take_delimiter(struct mime_structure *s, str line)
{
	for (size_t i = s->depth; i-- > 0 && line.len <= MIME_DELIMITER_OCTETS;) {
		struct frame *f = s->frames[i];
		bool open = f->kind == MIME_PART_MULTIPART && f->state == STATE_BODY && !f->closed;
		mime_delimiter is = open ? mime_delimiter_of(&f->entity, line) : MIME_DELIMITER_NONE;
		if (is == MIME_DELIMITER_NONE)
			continue;
		f->closed = is == MIME_DELIMITER_CLOSES;
		s->open_part = !f->closed;
		s->closing = true;
		s->close_to = i + 1;
		s->close_at = s->at;
		s->close_lf = s->lf;
		s->close_line_end = s->line_end;
		return true;
	}
	return false;
}

/* Counts octets that are done with. */
static void advance(struct mime_structure *s, str octets)
{
	char before = octets.len > 1 ? octets.ptr[octets.len - 2] : s->last;

	s->last = octets.ptr[octets.len - 1];
	s->at += octets.len;
	s->mid_line = s->last != '\n';
	s->line_end = s->mid_line ? 0 : before == '\r' ? 2 : 1;
}

static void use_piece(struct mime_structure *s)
{
	s->lf += s->piece.ptr[s->piece.len - 1] == '\n';
	advance(s, s->piece);
	s->has_piece = false;
	s->held_len = 0;
}

/* Fills s->piece: a whole line, or as much of it as there is. What may be a delimiter, or the empty line that
 * ends a header, is held until it is whole. False: more input is needed. */
static bool next_piece(struct mime_structure *s, str *in, bool hold_cr)
{
	size_t line = str_find_char(*in, '\n');
	bool whole = line < in->len;

	line += whole;
	if (in->len == 0 && !(s->ended && s->held_len))
		return false;
	bool first = s->held_len == 0;
	bool hold = !first || (!s->mid_line && (in->ptr[0] == '-' || (hold_cr && in->ptr[0] == '\r')));
	if (!hold || (first && (whole || line >= MIME_DELIMITER_OCTETS))) {
		s->piece = str_slice(*in, 0, line);
	} else {
		line = line < MIME_DELIMITER_OCTETS - s->held_len ? line
		                                                  : MIME_DELIMITER_OCTETS - s->held_len;
		whole = whole && line > 0 && in->ptr[line - 1] == '\n';
		if (line)
			memcpy(s->held + s->held_len, in->ptr, line);
		s->held_len += line;
		s->piece = (str){ s->held, s->held_len };
	}
	*in = str_from(*in, line);
	s->begins = !s->mid_line;
	s->whole = whole || s->ended;
	s->has_piece = s->piece.ptr != s->held || s->whole || s->held_len == MIME_DELIMITER_OCTETS;
	return s->has_piece;
}

static bool is_empty_line(const struct mime_structure *s)
{
	return s->begins && (str_eq(s->piece, STR("\n")) || str_eq(s->piece, STR("\r\n")));
}

static mime_event header_piece(struct mime_structure *s, struct mime_step *out)
{
	if (is_empty_line(s)) {
		if (mime_header_end(&s->header))
			return take_field(s, out);
		use_piece(s);
		return begin_body(s, s->at, s->lf, out);
	}
	if (mime_header_piece(&s->header, s->piece, s->begins))
		return take_field(s, out);
	use_piece(s);
	return MIME_MORE;
}

/* Octets of `in` up to a line that may be a delimiter; they are counted. */
static size_t skip_lines(struct mime_structure *s, str in, bool stops)
{
	const char *end = in.ptr + in.len;
	const char *p = in.ptr;
	bool mid = s->mid_line;

	while (p < end && (mid || !stops || *p != '-')) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		s->lf += lf != NULL;
		p = lf ? lf + 1 : end;
		mid = false;
	}
	size_t len = (size_t)(p - in.ptr);
	if (len)
		advance(s, str_slice(in, 0, len));
	return len;
}

static mime_event body_text(struct mime_structure *s, str text, struct mime_step *out)
{
	if (!s->wants_text || top(s)->kind != MIME_PART_LEAF)
		return MIME_MORE;
	*out = (struct mime_step){ .text = text };
	return MIME_TEXT;
}

/* Takes input up to the next event; MIME_MORE: something was done, or there is no more input. */
static mime_event take_input(struct mime_structure *s, str *in, struct mime_step *out)
{
	bool in_body = top(s)->state == STATE_BODY;

	if (in_body && !s->has_piece && s->held_len == 0) {
		size_t len = skip_lines(s, *in, has_boundary(s));
		str text = str_slice(*in, 0, len);
		*in = str_from(*in, len);
		if (len)
			return body_text(s, text, out);
	}
	if (!s->has_piece && !next_piece(s, in, !in_body))
		return MIME_MORE;
	if (s->begins && s->whole && take_delimiter(s, s->piece)) {
		use_piece(s);
		return MIME_MORE;
	}
	if (!in_body)
		return header_piece(s, out);
	str text = s->piece;
	use_piece(s);
	return body_text(s, text, out);
}

mime_event mime_structure_next(struct mime_structure *s, str *in, struct mime_step *out)
{
	for (;;) {
		mime_event event;
		if (s->open_message) {
			s->open_message = false;
			return begin_part(s, s->depth ? top(s)->body_offset : 0, true, out);
		}
		if (s->closing) {
			event = close_one(s, out);
		} else if (s->open_part) {
			s->open_part = false;
			return begin_part(s, s->at, false, out);
		} else if (s->depth == 0) {
			return MIME_END;
		} else if (in->len == 0 && !s->has_piece && !(s->ended && s->held_len)) {
			if (!s->ended)
				return MIME_MORE;
			s->closing = true;
			s->close_to = 0;
			s->close_at = s->at;
			s->close_lf = s->lf;
			s->close_line_end = 0;
			event = MIME_MORE;
		} else {
			event = take_input(s, in, out);
		}
		if (event != MIME_MORE)
			return event;
	}
}

void mime_structure_want_text(struct mime_structure *s, bool wanted) { s->wants_text = wanted; }

void mime_structure_end(struct mime_structure *s) { s->ended = true; }

uint64_t mime_structure_size(const struct mime_structure *s) { return s->at; }

bool mime_structure_was_cut(const struct mime_structure *s) { return s->cut || s->header.cut; }

struct buf *mime_structure_scratch(struct mime_structure *s) { return &s->scratch; }

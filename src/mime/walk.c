#include "mime/walk.h"

#include "base/limits.h"
#include "mime/header.h"

/* Steps in which the room for a field grows; the last is LIMIT_HEADER_FIELD. */
enum { ROOM_FIRST = 1024, ROOM_FACTOR = 4 };

static_assert(ROOM_FIRST >= MIME_DELIMITER_OCTETS + 2, "a delimiter with its line end always has room");

enum state {
	STATE_FIELD, /* in a header: between fields, or in one that is held */
	STATE_LONG,  /* in a field that is not held any more */
	STATE_BODY,
};

struct frame {
	struct mime_entity entity;
	mime_part_kind kind;
	bool closed; /* its closing delimiter was met */
};

struct mime_walk {
	struct arena *arena;
	bool strict, ended, no_memory;
	struct frame *frames[LIMIT_MIME_DEPTH + 1];
	size_t depth; /* frames in use */
	enum state state;

	/* What is not settled: a field, a line of a header, or a line end and what may be a delimiter. */
	char *held;
	size_t held_len, room;
	size_t line_at;   /* where the last line in it begins */
	size_t given;     /* octets at its front that the last event took */
	bool line_begins; /* outside what is held: the next octet begins a line */
	bool after_cr;    /* in a long field: the last octet was a CR */
	bool has_delimiter;
	size_t delimiter_frame;
	mime_delimiter delimiter;

	struct mime_content_type type;
	struct buf scratch;
};

static struct frame *top(struct mime_walk *w) { return w->frames[w->depth - 1]; }

/* True where frames[i] exists or can be made. */
static bool frame_ready(struct mime_walk *w, size_t i)
{
	if (i > LIMIT_MIME_DEPTH)
		return false;
	if (!w->frames[i])
		w->frames[i] = arena_alloc(w->arena, sizeof *w->frames[i]);
	w->no_memory |= !w->frames[i];
	return w->frames[i] != NULL;
}

static void begin_part(struct mime_walk *w)
{
	const struct frame *parent = w->depth ? top(w) : NULL;
	struct frame *f = w->frames[w->depth++];

	mime_entity_begin(&f->entity,
	                  parent && parent->kind == MIME_PART_MULTIPART && parent->entity.is_digest);
	f->kind = MIME_PART_LEAF;
	f->closed = false;
	w->state = STATE_FIELD;
	w->line_begins = true;
}

err mime_walk_new(struct arena *arena, bool strict, struct mime_walk **out)
{
	struct mime_walk *w = arena_new(arena, struct mime_walk, 1);

	if (!w)
		return ERR_NO_MEMORY;
	w->arena = arena;
	w->strict = strict;
	w->room = ROOM_FIRST;
	w->held = arena_alloc(arena, w->room);
	if (!w->held || !frame_ready(w, 0))
		return ERR_NO_MEMORY;
	buf_init(&w->scratch, arena, 4 * LIMIT_HEADER_FIELD + 64);
	begin_part(w);
	*out = w;
	return OK;
}

/* Forgets what the last event took from the front of what is held. */
static void drop_given(struct mime_walk *w)
{
	w->held_len -= w->given;
	if (w->given && w->held_len)
		memmove(w->held, w->held + w->given, w->held_len);
	w->given = 0;
}

/* Gives `len` octets of what is held. */
static str give(struct mime_walk *w, size_t len)
{
	w->given = len;
	return (str){ w->held, len };
}

/* Steps as large as they are whatever the chunks are, so that what fits does not depend on these. */
static bool room_for(struct mime_walk *w, size_t more)
{
	while (w->room - w->held_len < more) {
		size_t room = w->room * ROOM_FACTOR;
		char *p = room <= LIMIT_HEADER_FIELD ? arena_alloc(w->arena, room) : NULL;
		w->no_memory |= !p && room <= LIMIT_HEADER_FIELD;
		if (!p)
			return false;
		memcpy(p, w->held, w->held_len);
		w->held = p;
		w->room = room;
	}
	return true;
}

/* Moves octets from `*in` up to the line's end to what is held. True: the line is whole. */
static bool hold_line(struct mime_walk *w, str *in, size_t max)
{
	size_t len = str_find_char(*in, '\n');

	len += len < in->len;
	len = len < max ? len : max;
	memcpy(w->held + w->held_len, in->ptr, len);
	w->held_len += len;
	*in = str_from(*in, len);
	str line = { w->held + w->line_at, w->held_len - w->line_at };
	return line.ptr[line.len - 1] == '\n' && (!w->strict || str_ends_nocase(line, CRLF));
}

static str held_line(const struct mime_walk *w)
{
	return (str){ w->held + w->line_at, w->held_len - w->line_at };
}

/* Octets of the line end at the end of `line`. */
static size_t line_end(str line)
{
	size_t lf = line.len && line.ptr[line.len - 1] == '\n';

	return lf + (lf && line.len > 1 && line.ptr[line.len - 2] == '\r');
}

/* True: an open multipart could end or go on at a line. */
static bool has_boundary(const struct mime_walk *w)
{
	for (size_t i = 0; i < w->depth; i++)
		if (w->frames[i]->kind == MIME_PART_MULTIPART && !w->frames[i]->closed)
			return true;
	return false;
}

/* True: the line is a delimiter, the innermost open multipart's that has such a one. */
static bool find_delimiter(struct mime_walk *w, str line)
{
	/* A CR within it: that is octets, not padding. */
	if (w->strict && str_find_char(line, '\r') < line.len - line_end(line))
		return false;
	for (size_t i = w->depth; i-- > 0 && line.len <= MIME_DELIMITER_OCTETS;) {
		const struct frame *f = w->frames[i];
		if (f->kind != MIME_PART_MULTIPART || f->closed)
			continue;
		w->delimiter = mime_delimiter_of(&f->entity, line);
		w->delimiter_frame = i;
		w->has_delimiter = w->delimiter != MIME_DELIMITER_NONE;
		if (w->has_delimiter)
			return true;
	}
	return false;
}

/* What is held is the delimiter that was found: closes and opens what it says. */
static mime_walk_event take_delimiter(struct mime_walk *w, struct mime_walk_step *out)
{
	w->has_delimiter = false;
	w->line_at = 0;
	w->depth = w->delimiter_frame + 1;
	top(w)->closed = w->delimiter == MIME_DELIMITER_CLOSES;
	w->state = STATE_BODY;
	w->line_begins = true;
	*out = (struct mime_walk_step){ .octets = give(w, w->held_len), .depth = w->depth };
	if (!top(w)->closed)
		begin_part(w);
	return MIME_WALK_DELIMITER;
}

/* What is held is the empty line, or a delimiter that cuts the header short, or nothing. */
static mime_walk_event end_header(struct mime_walk *w, bool is_cut, struct mime_walk_step *out)
{
	struct frame *f = top(w);
	const struct mime_entity *e = &f->entity;
	mime_part_kind kind = mime_entity_kind(e);
	bool too_deep = e->boundary_too_long || (kind != MIME_PART_LEAF && !frame_ready(w, w->depth));

	f->kind = too_deep ? MIME_PART_LEAF : kind;
	w->state = STATE_BODY;
	w->line_begins = true;
	*out = (struct mime_walk_step){
		.octets = give(w, is_cut ? 0 : w->held_len),
		.entity = e,
		.kind = f->kind,
		.too_deep = too_deep,
		.depth = w->depth,
	};
	/* A header that was cut short has no body, so no message stands in it. */
	if (f->kind == MIME_PART_MESSAGE && !is_cut)
		begin_part(w);
	return MIME_WALK_HEADER_END;
}

static mime_walk_event take_field(struct mime_walk *w, struct mime_walk_step *out)
{
	struct mime_entity *e = &top(w)->entity;
	struct mime_header_field field = { 0 };
	scan block = { { w->held, w->held_len }, 0 };

	mime_header_next(&block, &field);
	switch (mime_field_of(field.name)) {
	case MIME_FIELD_CONTENT_TYPE:
		buf_clear(&w->scratch);
		mime_header_unfold(field.body, &w->scratch);
		mime_content_type_parse(buf_str(&w->scratch), &w->scratch, &w->type);
		mime_entity_take_type(e, &w->type);
		w->no_memory |= w->scratch.failed != ERR_OK;
		break;
	case MIME_FIELD_CONTENT_TRANSFER_ENCODING:
		mime_entity_take_encoding(e, field.body);
		break;
	default:
		break;
	}
	*out = (struct mime_walk_step){
		.octets = give(w, w->held_len),
		.name = field.name,
		.body = field.body,
		.entity = e,
		.depth = w->depth,
	};
	return MIME_WALK_FIELD;
}

static bool is_empty_line(str line) { return line.len && line.len == line_end(line); }

/* The field that is held, and the line that goes on with it, is longer than what is held. */
static mime_walk_event begin_long(struct mime_walk *w, bool begins, struct mime_walk_step *out)
{
	w->state = STATE_LONG;
	w->line_begins = false;
	w->after_cr = !begins && w->held[w->held_len - 1] == '\r';
	w->line_at = 0;
	*out = (struct mime_walk_step){ .octets = give(w, w->held_len) };
	return w->held_len ? MIME_WALK_LONG_FIELD : MIME_WALK_MORE;
}

static mime_walk_event in_long(struct mime_walk *w, str *in, struct mime_walk_step *out)
{
	bool over = in->len == 0 || (w->line_begins && in->ptr[0] != ' ' && in->ptr[0] != '\t');

	if (over) {
		w->state = in->len || w->ended ? STATE_FIELD : STATE_LONG;
		return MIME_WALK_MORE;
	}
	size_t len = str_find_char(*in, '\n');
	len += len < in->len;
	str piece = str_slice(*in, 0, len);
	bool has_lf = piece.ptr[len - 1] == '\n';
	bool has_cr = len > 1 ? piece.ptr[len - 2] == '\r' : w->after_cr;
	w->line_begins = has_lf && (has_cr || !w->strict);
	w->after_cr = piece.ptr[len - 1] == '\r';
	*in = str_from(*in, len);
	*out = (struct mime_walk_step){ .octets = piece };
	return MIME_WALK_LONG_FIELD;
}

/* In a header, not in a long field. */
static mime_walk_event in_field(struct mime_walk *w, str *in, struct mime_walk_step *out)
{
	bool begins = w->line_at == w->held_len;

	if (in->len == 0) {
		if (!w->ended)
			return MIME_WALK_MORE;
		if (w->held_len && w->line_at == 0 && find_delimiter(w, held_line(w)))
			return end_header(w, true, out);
		w->line_at = 0;
		return w->held_len ? take_field(w, out) : end_header(w, false, out);
	}
	if (begins && w->held_len && in->ptr[0] != ' ' && in->ptr[0] != '\t') {
		w->line_at = 0;
		return take_field(w, out);
	}
	size_t wanted = str_find_char(*in, '\n');
	if (!room_for(w, wanted + (wanted < in->len)))
		return begin_long(w, begins, out);
	if (!hold_line(w, in, in->len))
		return MIME_WALK_MORE;
	if (w->line_at == 0 && is_empty_line(held_line(w)))
		return end_header(w, false, out);
	if (w->line_at == 0 && find_delimiter(w, held_line(w)))
		return end_header(w, true, out);
	w->line_at = w->held_len;
	return MIME_WALK_MORE;
}

static mime_walk_event give_body(struct mime_walk *w, str octets, struct mime_walk_step *out)
{
	w->line_begins = false;
	*out = (struct mime_walk_step){ .octets = octets, .depth = w->depth };
	return MIME_WALK_BODY;
}

/* Octets at the front of `in`, with nothing held, that are body whatever follows them. */
static size_t sure_body(const struct mime_walk *w, str in)
{
	if (!has_boundary(w))
		return in.len;
	if (w->line_begins && in.ptr[0] == '-')
		return 0;
	for (size_t at = 0;;) {
		size_t lf = at + str_find_char(str_from(in, at), '\n');
		if (lf == in.len)
			return in.len - (in.ptr[in.len - 1] == '\r');
		size_t end = line_end(str_slice(in, 0, lf + 1));
		at = lf + 1;
		if ((end == 2 || !w->strict) && (at == in.len || in.ptr[at] == '-'))
			return at - end;
	}
}

/* True: the line end at the front of what is held, if one must stand there, is whole. */
static bool has_line_end(const struct mime_walk *w)
{
	if (w->held_len == 0)
		return w->line_begins;
	return w->held[0] != '\r' || (w->held_len > 1 && w->held[1] == '\n');
}

/* A line that may be a delimiter goes on. */
static mime_walk_event in_candidate(struct mime_walk *w, str *in, struct mime_walk_step *out)
{
	bool whole = hold_line(w, in, w->line_at + MIME_DELIMITER_OCTETS - w->held_len);
	str line = held_line(w);
	char last = line.ptr[line.len - 1];

	if (whole && find_delimiter(w, line))
		return take_delimiter(w, out);
	if (!whole && last != '\n' && line.len < MIME_DELIMITER_OCTETS)
		return MIME_WALK_MORE;
	/* The end of the line may be the next delimiter's. */
	size_t keep = whole ? line_end(line) : last == '\r';
	w->line_at = whole ? keep : 0;
	return give_body(w, give(w, w->held_len - keep), out);
}

/* Line by line only around what may be a delimiter. */
static mime_walk_event in_body(struct mime_walk *w, str *in, struct mime_walk_step *out)
{
	if (in->len == 0 && w->held_len == 0)
		return w->ended ? MIME_WALK_END : MIME_WALK_MORE;
	if (in->len == 0) {
		if (!w->ended)
			return MIME_WALK_MORE;
		if (w->line_at < w->held_len && has_line_end(w) && find_delimiter(w, held_line(w)))
			return take_delimiter(w, out);
		return give_body(w, give(w, w->held_len), out);
	}
	size_t sure = w->held_len == 0 ? sure_body(w, *in) : 0;
	if (sure) {
		str run = str_slice(*in, 0, sure);
		*in = str_from(*in, sure);
		return give_body(w, run, out);
	}
	char c = in->ptr[0];
	bool ended = has_line_end(w);
	if (ended && (c == '-' || w->line_at < w->held_len))
		return in_candidate(w, in, out);
	if (w->held_len && (ended || c != '\n'))
		return give_body(w, give(w, w->held_len), out);
	w->held[w->held_len++] = c;
	w->line_at = w->held_len;
	w->line_begins = false;
	*in = str_from(*in, 1);
	return MIME_WALK_MORE;
}

mime_walk_event mime_walk_next(struct mime_walk *w, str *in, struct mime_walk_step *out)
{
	mime_walk_event event;

	drop_given(w);
	if (w->has_delimiter)
		return take_delimiter(w, out);
	do {
		switch (w->state) {
		case STATE_FIELD:
			event = in_field(w, in, out);
			break;
		case STATE_LONG:
			event = in_long(w, in, out);
			break;
		default:
			event = in_body(w, in, out);
			break;
		}
	} while (event == MIME_WALK_MORE && (in->len || (w->ended && w->state != STATE_BODY)));
	return event;
}

void mime_walk_end(struct mime_walk *w) { w->ended = true; }

err mime_walk_err(const struct mime_walk *w) { return w->no_memory ? ERR_NO_MEMORY : OK; }

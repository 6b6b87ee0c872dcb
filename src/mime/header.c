#include "mime/header.h"

#include "base/limits.h"

enum { STATE_NONE, STATE_NAME, STATE_KEEP, STATE_SKIP, STATE_OVER };

/* Steps in which a body's room grows; the last is LIMIT_HEADER_FIELD. */
enum { ROOM_FIRST = 1024, ROOM_FACTOR = 4 };

static const str names[MIME_FIELD_COUNT] = {
	[MIME_FIELD_OTHER] = STR_INIT(""),
	[MIME_FIELD_FROM] = STR_INIT("from"),
	[MIME_FIELD_SENDER] = STR_INIT("sender"),
	[MIME_FIELD_REPLY_TO] = STR_INIT("reply-to"),
	[MIME_FIELD_TO] = STR_INIT("to"),
	[MIME_FIELD_CC] = STR_INIT("cc"),
	[MIME_FIELD_BCC] = STR_INIT("bcc"),
	[MIME_FIELD_SUBJECT] = STR_INIT("subject"),
	[MIME_FIELD_DATE] = STR_INIT("date"),
	[MIME_FIELD_MESSAGE_ID] = STR_INIT("message-id"),
	[MIME_FIELD_IN_REPLY_TO] = STR_INIT("in-reply-to"),
	[MIME_FIELD_REFERENCES] = STR_INIT("references"),
	[MIME_FIELD_CONTENT_TYPE] = STR_INIT("content-type"),
	[MIME_FIELD_CONTENT_TRANSFER_ENCODING] = STR_INIT("content-transfer-encoding"),
	[MIME_FIELD_CONTENT_DISPOSITION] = STR_INIT("content-disposition"),
	[MIME_FIELD_CONTENT_ID] = STR_INIT("content-id"),
	[MIME_FIELD_CONTENT_DESCRIPTION] = STR_INIT("content-description"),
	[MIME_FIELD_CONTENT_MD5] = STR_INIT("content-md5"),
	[MIME_FIELD_CONTENT_LANGUAGE] = STR_INIT("content-language"),
	[MIME_FIELD_CONTENT_LOCATION] = STR_INIT("content-location"),
};

mime_field mime_field_of(str name)
{
	for (unsigned i = 1; i < MIME_FIELD_COUNT; i++)
		if (names[i].len == name.len && str_eq_nocase(names[i], name))
			return (mime_field)i;
	return MIME_FIELD_OTHER;
}

static bool is_wsp(char c) { return c == ' ' || c == '\t'; }

/* ftext of RFC 5322 §3.6.8; 8-bit octets too, since they stand in real names. */
static bool is_name(str name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == 0x7f)
			return false;
	return name.len > 0;
}

static str without_line_end(str line)
{
	line.len -= line.len && line.ptr[line.len - 1] == '\n';
	line.len -= line.len && line.ptr[line.len - 1] == '\r';
	return line;
}

bool mime_header_next(scan *block, struct mime_header_field *out)
{
	str rest = scan_rest(block);
	size_t end = str_find_char(rest, '\n');

	if (rest.len == 0)
		return false;
	end += end < rest.len;
	if (rest.ptr[end - 1] == '\n' && without_line_end(str_slice(rest, 0, end)).len == 0) {
		block->at += end; /* the end of the header, also where the body begins with white space */
		return false;
	}
	/* A field goes on as long as the next line begins with white space. */
	while (end < rest.len && is_wsp(rest.ptr[end])) {
		end += str_find_char(str_from(rest, end), '\n');
		end += end < rest.len;
	}
	str all = without_line_end(str_slice(rest, 0, end));
	size_t colon = str_find_char(all, ':');
	str name = str_trim_wsp(str_slice(all, 0, colon));
	*out = (struct mime_header_field){ .body = all, .offset = block->at, .size = end };
	if (colon < all.len && !is_wsp(all.ptr[0]) && is_name(name)) {
		out->name = name;
		out->body = str_from(all, colon + 1);
	}
	block->at += end;
	return true;
}

void mime_header_unfold(str body, struct buf *out)
{
	body = str_trim(body);
	while (body.len) {
		size_t lf = str_find_char(body, '\n');
		buf_add(out, without_line_end(str_slice(body, 0, lf + (lf < body.len))));
		body = str_from(body, lf + (lf < body.len));
	}
}

err mime_header_init(struct mime_header *h, struct arena *arena)
{
	*h = (struct mime_header){ .arena = arena, .room = ROOM_FIRST };
	h->octets = arena_alloc(arena, h->room + 1);
	return h->octets ? OK : ERR_NO_MEMORY;
}

void mime_header_begin(struct mime_header *h)
{
	h->state = STATE_NONE;
	h->block_octets = 0;
	h->len = 0;
}

/* Doubling to fit would make the room depend on the size of the piece; steps one after the other do not.
 * There is one octet more than the room, for the CR of a line end whose LF is still to come. */
static bool room_for(struct mime_header *h, size_t more)
{
	while (h->room + 1 - h->len < more) {
		size_t room = h->room * ROOM_FACTOR;
		char *p = room <= LIMIT_HEADER_FIELD ? arena_alloc(h->arena, room + 1) : NULL;
		if (!p)
			return false;
		memcpy(p, h->octets, h->len);
		h->octets = p;
		h->room = room;
	}
	return true;
}

static void keep(struct mime_header *h, str piece)
{
	if (!room_for(h, piece.len)) {
		h->cut = true;
		piece.len = h->room + 1 - h->len;
	}
	if (piece.len)
		memcpy(h->octets + h->len, piece.ptr, piece.len);
	h->len += piece.len;
}

/* Takes the part of a piece up to the colon and decides what becomes of the rest. */
static void take_name(struct mime_header *h, str *piece)
{
	size_t colon = str_find_char(*piece, ':');

	for (size_t i = 0; i < colon && h->name_len < sizeof h->name; i++)
		h->name[h->name_len++] = piece->ptr[i];
	if (colon == piece->len) {
		bool no_field = piece->ptr[piece->len - 1] == '\n';
		h->state = no_field ? STATE_SKIP : STATE_NAME;
		*piece = STR("");
		return;
	}
	str name = { h->name, h->name_len };
	/* Only spaces may stand between: "From x Mon Jan 1 00:00" of an mbox is no field. */
	h->field = h->name_len && !is_wsp(h->name[0]) ? mime_field_of(str_trim_wsp(name)) : MIME_FIELD_OTHER;
	h->state = h->field == MIME_FIELD_OTHER ? STATE_SKIP : STATE_KEEP;
	*piece = str_from(*piece, colon + 1);
}

bool mime_header_piece(struct mime_header *h, str piece, bool begins)
{
	if (begins && !is_wsp(piece.ptr[0])) {
		if (mime_header_end(h))
			return true;
		if (h->state != STATE_OVER)
			h->state = STATE_NAME;
		h->name_len = h->len = 0;
		h->field = MIME_FIELD_OTHER;
	}
	h->block_octets += piece.len;
	if (h->block_octets > LIMIT_HEADER_BLOCK) {
		h->state = STATE_OVER;
		h->cut = true;
	}
	bool ends = piece.ptr[piece.len - 1] == '\n';
	if (h->state == STATE_NAME)
		take_name(h, &piece);
	if (h->state != STATE_KEEP)
		return false;
	piece.len -= ends && piece.len;
	keep(h, piece);
	if (ends && h->len && h->octets[h->len - 1] == '\r')
		h->len--;
	if (ends && h->len > h->room) {
		h->len = h->room;
		h->cut = true;
	}
	return false;
}

bool mime_header_end(struct mime_header *h)
{
	bool complete = h->state == STATE_KEEP;

	if (h->state != STATE_OVER)
		h->state = STATE_NONE;
	return complete;
}

str mime_header_body(const struct mime_header *h) { return str_trim((str){ h->octets, h->len }); }

#include "cli/send_message.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "mime/address.h"
#include "mime/header.h"

enum { READ_OCTETS = 64 * 1024 };

/* --- lines --- */

void line_filter_init(struct line_filter *f, bool dot_ends)
{
	*f = (struct line_filter){ .dot_ends = dot_ends };
}

/* One octet in is at most two out; a dot, CRs and a line end may have waited. */
size_t line_filter_room(size_t octets) { return 2 * octets + 8; }

static void end_line(struct line_filter *f, struct buf *out)
{
	f->in_body = f->in_body || !f->line_begun;
	f->line_begun = false;
	buf_add(out, CRLF);
}

static void give_dot(struct line_filter *f, struct buf *out)
{
	if (!f->dot_alone)
		return;
	f->dot_alone = false;
	f->line_begun = true;
	buf_add_char(out, '.');
}

/* CRs that no LF followed: one break or one space, however many. */
static void give_crs(struct line_filter *f, struct buf *out)
{
	if (f->crs == 0)
		return;
	f->crs = 0;
	give_dot(f, out);
	if (f->in_body) {
		end_line(f, out);
	} else {
		f->line_begun = true;
		buf_add_char(out, ' ');
	}
}

static void line_feed(struct line_filter *f, struct buf *out)
{
	f->crs = 0;
	if (f->dot_alone && f->dot_ends) {
		f->dot_alone = false;
		f->ended = true;
		return;
	}
	give_dot(f, out);
	end_line(f, out);
}

void line_filter_push(struct line_filter *f, str octets, struct buf *out)
{
	for (size_t i = 0; i < octets.len && !f->ended; i++) {
		char c = octets.ptr[i];

		if (c == '\n') {
			line_feed(f, out);
			continue;
		}
		if (c == '\r') {
			f->crs = 1;
			continue;
		}
		give_crs(f, out);
		give_dot(f, out);
		if (c == '.' && !f->line_begun) {
			f->dot_alone = true;
			continue;
		}
		f->line_begun = true;
		buf_add_char(out, c);
	}
}

void line_filter_finish(struct line_filter *f, struct buf *out)
{
	if (f->ended)
		return;
	if (f->dot_alone && f->dot_ends) /* the last line, without its end */
		return;
	give_dot(f, out);
	if (f->crs || f->line_begun)
		end_line(f, out);
	f->crs = 0;
}

/* --- header and body --- */

/* Takes the next field off `s`; false where the header ends, at an empty line or at one that is no field. */
static bool take_field(scan *s)
{
	struct mime_header_field field;
	scan next = *s;

	if (str_starts(scan_rest(s), CRLF) || !mime_header_next(&next, &field) || field.name.len == 0)
		return false;
	*s = next;
	return true;
}

err send_message_cut(str head, bool whole, str *header, str *body)
{
	/* The line that an mbox has before each message. */
	size_t line = str_starts(head, STR("From ")) ? str_find(head, CRLF) + 2 : 0;
	scan s = { str_from(head, line < head.len ? line : head.len), 0 };

	while (!scan_at_end(&s) && take_field(&s))
		;
	/* What is cut off in the middle of a line may still become a field. */
	if (!whole && str_find(scan_rest(&s), CRLF) == scan_rest(&s).len)
		return (err){ ERR_LIMIT, 0, "the header is over 256 KB" };
	*header = str_slice(s.in, 0, s.at);
	*body = str_from(scan_rest(&s), str_starts(scan_rest(&s), CRLF) ? 2 : 0);
	return OK;
}

static err too_large(struct arena *arena, uint64_t limit)
{
	return err_new(arena, ERR_LIMIT, "the message is over %llu octets (limits.message_size)",
	               (unsigned long long)limit);
}

static err read_some(struct arena *arena, file in, char *octets, size_t *size)
{
	ssize_t n;

	do
		n = read(in, octets, READ_OCTETS);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(arena, errno, "reading the message from standard input");
	*size = (size_t)n;
	return OK;
}

/* Reads what does not fit into the head. */
static err read_rest(struct arena *arena, file in, struct line_filter *f, uint64_t room,
                     struct send_message *out)
{
	AUTO(file) rest = memfd_create("message", MFD_CLOEXEC);
	char *octets = arena_alloc(arena, READ_OCTETS);
	struct buf made;
	size_t n = 1;

	if (rest < 0)
		return err_errno(arena, errno, "making room for the message");
	if (!octets)
		return ERR_NO_MEMORY;
	buf_init(&made, arena, line_filter_room(READ_OCTETS));
	while (n > 0 && !f->ended) {
		TRY(read_some(arena, in, octets, &n));
		buf_clear(&made);
		if (n > 0)
			line_filter_push(f, (str){ octets, n }, &made);
		else
			line_filter_finish(f, &made);
		TRY(buf_err(&made));
		struct iovec part = { made.ptr, made.len };
		if (out->rest_size + made.len > room)
			return too_large(arena, room + LIMIT_HEADER_BLOCK);
		if (made.len > 0)
			TRY(file_write_at(rest, &part, 1, out->rest_size));
		out->rest_size += made.len;
	}
	out->rest = file_take(&rest);
	return OK;
}

err send_message_read(struct arena *arena, file in, bool dot_ends, uint64_t size_limit,
                      struct send_message *out)
{
	struct send_message m = { .rest = FILE_NONE };
	char *octets = arena_alloc(arena, READ_OCTETS);
	struct line_filter f;
	struct buf head;
	size_t n = 1;

	if (!octets)
		return ERR_NO_MEMORY;
	line_filter_init(&f, dot_ends);
	buf_init(&head, arena, LIMIT_HEADER_BLOCK + line_filter_room(READ_OCTETS));
	while (n > 0 && !f.ended && head.len < LIMIT_HEADER_BLOCK) {
		TRY(read_some(arena, in, octets, &n));
		if (n > 0)
			line_filter_push(&f, (str){ octets, n }, &head);
		else
			line_filter_finish(&f, &head);
		TRY(buf_err(&head));
	}
	if (head.len > size_limit)
		return too_large(arena, size_limit);
	TRY(send_message_cut(buf_str(&head), n == 0 || f.ended, &m.header, &m.begin));
	if (n > 0 && !f.ended)
		TRY(read_rest(arena, in, &f, size_limit - head.len, &m));
	*out = m;
	return OK;
}

void send_message_close(struct send_message *m) { file_close(&m->rest); }

/* --- the header that is sent --- */

/* Takes the octets of a From field: true where an address in it is whole. *name is the first one's name. */
static err read_from(struct arena *arena, str body, bool *whole, str *name)
{
	struct mime_address_reader reader;
	struct mime_address address;
	struct buf text, scratch;

	buf_init(&text, arena, body.len + 1);
	mime_header_unfold(body, &text);
	TRY(buf_err(&text));
	buf_init(&scratch, arena, text.len + 1);
	mime_address_begin(&reader, buf_str(&text), &scratch);
	while (mime_address_next(&reader, &address)) {
		*whole = *whole || address.host.len > 0;
		if (name->len == 0)
			TRY(arena_copy(arena, address.name, name));
	}
	return OK;
}

/* Name <address>; what is not printable ASCII would have to be encoded for one who has to guess it, so such a
 * name is left out. */
static void add_mailbox(struct buf *out, str address, str name)
{
	bool plain = name.len > 0 && name.len <= LIMIT_DISPLAY_NAME;

	for (size_t i = 0; i < name.len; i++)
		plain = plain && name.ptr[i] >= ' ' && name.ptr[i] <= '~';
	if (!plain) {
		buf_add(out, address);
		return;
	}
	buf_add_char(out, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '"' || name.ptr[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, name.ptr[i]);
	}
	buf_add(out, STR("\" <"));
	buf_add(out, address);
	buf_add_char(out, '>');
}

err send_message_compose(struct arena *arena, const struct send_message *m, str address, str name, str *out)
{
	struct mime_header_field field;
	bool whole = false;
	str own_name = { 0 };
	struct buf header;

	for (scan s = { m->header, 0 }; mime_header_next(&s, &field);)
		if (str_eq_nocase(field.name, STR("From")))
			TRY(read_from(arena, field.body, &whole, &own_name));
	buf_init(&header, arena, m->header.len + 4 * LIMIT_KB);
	if (!whole) {
		buf_add(&header, STR("From: "));
		add_mailbox(&header, address, own_name.len ? own_name : name);
		buf_add(&header, CRLF);
	}
	for (scan s = { m->header, 0 }; mime_header_next(&s, &field);)
		if (whole || !str_eq_nocase(field.name, STR("From")))
			buf_add(&header, str_slice(m->header, field.offset, field.offset + field.size));
	buf_add(&header, CRLF);
	TRY(buf_err(&header));
	*out = buf_str(&header);
	return OK;
}

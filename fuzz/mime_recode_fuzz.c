/* What comes out of re-coding has only lines and no NUL, the parts of what went in, and is not changed again;
 * how the octets are cut does not matter. The first octet chooses the chunks. */
#include <stdlib.h>

#include "base/limits.h"
#include "mime/recode.h"
#include "mime/structure.h"

enum { PARTS_MAX = 512 };

struct part {
	size_t header, header_end, body_end; /* offsets */
	bool is_leaf, is_binary;
};

struct message {
	str octets;
	struct part parts[PARTS_MAX];
	size_t count;
};

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static err recode(struct arena *arena, str in, size_t chunk, struct buf *out)
{
	struct mime_recode *r;
	str run;

	must(mime_recode_new(arena, &r).code == ERR_OK);
	for (size_t at = 0; at < in.len; at += chunk) {
		str some = str_slice(in, at, in.len - at < chunk ? in.len : at + chunk);
		while (mime_recode_next(r, &some, &run))
			buf_add(out, run);
		must(some.len == 0);
	}
	str none = STR("");
	mime_recode_end(r);
	while (mime_recode_next(r, &none, &run))
		buf_add(out, run);
	return mime_recode_err(r);
}

/* A bare CR or LF is an octet like others, so that the reader of structures, which is lenient, sees none. */
static str without_bare(struct arena *arena, str s)
{
	char *p = arena_alloc(arena, s.len + 1);

	must(p != NULL);
	for (size_t i = 0; i < s.len; i++) {
		bool cr = s.ptr[i] == '\r' && (i + 1 == s.len || s.ptr[i + 1] != '\n');
		bool lf = s.ptr[i] == '\n' && (i == 0 || s.ptr[i - 1] != '\r');
		p[i] = cr || lf ? '\1' : s.ptr[i];
	}
	return (str){ p, s.len };
}

/* The parts of `m`, in order. */
static void read_parts(struct arena *arena, struct message *m)
{
	struct mime_structure *s;
	struct mime_step step;
	size_t open[LIMIT_MIME_DEPTH + 2], depth = 0;
	bool has_encoding = false;
	str in = without_bare(arena, m->octets);
	mime_event event;

	must(mime_structure_new(arena, &s).code == ERR_OK);
	for (bool over = false;;) {
		event = mime_structure_next(s, &in, &step);
		if (event == MIME_END)
			return;
		if (event == MIME_MORE && !over) {
			mime_structure_end(s);
			over = true;
		} else if (event == MIME_PART) {
			must(m->count < PARTS_MAX);
			open[depth++] = m->count;
			m->parts[m->count++] = (struct part){ .header = step.header_offset };
			has_encoding = false;
		} else if (event == MIME_FIELD && step.field == MIME_FIELD_CONTENT_TRANSFER_ENCODING) {
			struct part *p = &m->parts[open[depth - 1]];
			p->is_binary |=
				!has_encoding && str_eq_nocase(mime_encoding_word(step.text), STR("binary"));
			has_encoding = true;
		} else if (event == MIME_BODY) {
			struct part *p = &m->parts[open[depth - 1]];
			p->header_end = p->header + step.header_size;
			p->is_leaf = step.kind == MIME_PART_LEAF;
		} else if (event == MIME_PART_END) {
			struct part *p = &m->parts[open[--depth]];
			p->body_end = p->is_leaf ? p->header_end + step.body_size : p->header_end;
		}
	}
}

/* The next field that is not the one which re-coding may change. */
static bool next_field(scan *block, bool changed, struct mime_header_field *f)
{
	do {
		if (!mime_header_next(block, f))
			return false;
	} while (changed && mime_field_of(f->name) == MIME_FIELD_CONTENT_TRANSFER_ENCODING);
	return true;
}

static void same_header(const struct message *x, const struct part *a, const struct message *y,
                        const struct part *b)
{
	scan one = { str_slice(x->octets, a->header, a->header_end), 0 };
	scan two = { str_slice(y->octets, b->header, b->header_end), 0 };
	struct mime_header_field f, g;

	while (next_field(&one, a->is_binary, &f)) {
		must(next_field(&two, a->is_binary, &g));
		must(str_eq(f.name, g.name) && str_eq(f.body, g.body));
	}
	must(!next_field(&two, a->is_binary, &g));
}

static void same_body(struct arena *arena, str was, str is, bool was_binary)
{
	struct mime_base64_decoder d = { 0 };
	struct buf decoded;

	if (was_binary) {
		buf_init(&decoded, arena, is.len + 1);
		mime_base64_decode(&d, is, &decoded);
		must(mime_base64_decode_end(&d, &decoded) && d.bad == 0 && buf_err(&decoded).code == ERR_OK);
		is = buf_str(&decoded);
	}
	must(str_eq(was, is));
}

static void same_parts(struct arena *arena, const struct message *x, const struct message *y)
{
	size_t x_at = 0, y_at = 0;

	must(x->count == y->count);
	for (size_t i = 0; i < x->count; i++) {
		const struct part *a = &x->parts[i], *b = &y->parts[i];
		must(a->is_leaf == b->is_leaf && !b->is_binary);
		must(str_eq(str_slice(x->octets, x_at, a->header), str_slice(y->octets, y_at, b->header)));
		same_header(x, a, y, b);
		if (a->is_leaf)
			same_body(arena, str_slice(x->octets, a->header_end, a->body_end),
			          str_slice(y->octets, b->header_end, b->body_end), a->is_binary);
		x_at = a->body_end;
		y_at = b->body_end;
	}
	must(str_eq(str_from(x->octets, x_at), str_from(y->octets, y_at)));
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	static struct message x, y;
	struct arena arena;
	struct buf out, pieces, again;

	if (size < 1 || size > 4096)
		return 0;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	buf_init(&out, &arena, LIMIT_MB);
	buf_init(&pieces, &arena, LIMIT_MB);
	buf_init(&again, &arena, LIMIT_MB);
	x = (struct message){ .octets = { (const char *)octets + 1, size - 1 } };
	bool refused = recode(&arena, x.octets, size, &out).code != ERR_OK;
	must(refused == (recode(&arena, x.octets, 1 + octets[0], &pieces).code != ERR_OK));
	if (!refused) {
		y = (struct message){ .octets = buf_str(&out) };
		must(str_eq(buf_str(&out), buf_str(&pieces)));
		must(str_eq(without_bare(&arena, y.octets), y.octets));
		must(str_find_char(y.octets, '\0') == y.octets.len);
		must(recode(&arena, y.octets, 7, &again).code == ERR_OK && str_eq(y.octets, buf_str(&again)));
		read_parts(&arena, &x);
		read_parts(&arena, &y);
		same_parts(&arena, &x, &y);
	}
	arena_reset(&arena);
	return 0;
}

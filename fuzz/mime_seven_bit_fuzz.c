/* What is made 7-bit has no 8-bit octet, the same parts with the same decoded bodies, is not changed again,
 * and is the message itself where nothing had to change; what is refused has an 8-bit octet. How the octets
 * are cut does not matter. The first octet chooses the chunks. */
#include <stdlib.h>

#include "base/limits.h"
#include "mime/header.h"
#include "mime/seven_bit.h"
#include "mime/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static err convert(struct arena *arena, str in, size_t chunk, bool *changes, struct buf *out)
{
	struct mime_seven_bit_survey *s;
	struct mime_seven_bit_plan plan;
	struct mime_seven_bit *f;
	str run, none = STR("");

	must(mime_seven_bit_survey_new(arena, &s).code == ERR_OK);
	for (size_t at = 0; at < in.len; at += chunk)
		mime_seven_bit_survey_push(s, str_slice(in, at, in.len - at < chunk ? in.len : at + chunk));
	TRY(mime_seven_bit_survey_end(s, &plan));
	*changes = plan.changes;
	must(mime_seven_bit_new(arena, &plan, &f).code == ERR_OK);
	for (size_t at = 0; at < in.len; at += chunk) {
		str some = str_slice(in, at, in.len - at < chunk ? in.len : at + chunk);
		while (mime_seven_bit_next(f, &some, &run))
			buf_add(out, run);
		must(some.len == 0);
	}
	mime_seven_bit_end(f);
	while (mime_seven_bit_next(f, &none, &run))
		buf_add(out, run);
	must(mime_seven_bit_err(f).code == ERR_OK && buf_err(out).code == ERR_OK);
	return OK;
}

static bool is_7bit(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80 || s.ptr[i] == '\0')
			return false;
	return true;
}

static void add_decoded(struct arena *arena, mime_encoding encoding, str body, struct buf *out)
{
	struct mime_base64_decoder base64 = { 0 };
	struct mime_qp_decoder qp = { 0 };
	struct buf decoded;

	buf_init(&decoded, arena, 2 * body.len + 8);
	if (encoding == MIME_ENCODING_BASE64) {
		mime_base64_decode(&base64, body, &decoded);
		(void)mime_base64_decode_end(&base64, &decoded);
	} else if (encoding == MIME_ENCODING_QUOTED_PRINTABLE) {
		mime_qp_decode(&qp, body, &decoded);
		mime_qp_decode_end(&qp, &decoded);
	} else {
		buf_add(&decoded, body);
	}
	must(buf_err(&decoded).code == ERR_OK);
	buf_add(out, buf_str(&decoded));
}

/* What making it 7-bit may put in or replace. */
static bool is_ours(const struct mime_walk_step *step)
{
	return mime_field_of(step->name) == MIME_FIELD_CONTENT_TRANSFER_ENCODING ||
	       str_eq(step->octets, STR("MIME-Version: 1.0\r\n")) ||
	       str_eq(step->octets, STR("Content-Type: text/plain; charset=unknown-8bit\r\n"));
}

/* All that must be the same: fields, kinds and depths of parts, decoded bodies, delimiters. */
static str read_message(struct arena *arena, str in)
{
	mime_encoding encoding = MIME_ENCODING_IDENTITY;
	struct mime_walk_step step;
	struct mime_walk *w;
	struct buf out, body;
	bool over = false;

	must(mime_walk_new(arena, true, &w).code == ERR_OK);
	buf_init(&out, arena, LIMIT_MB);
	buf_init(&body, arena, LIMIT_MB);
	for (;;) {
		mime_walk_event event = mime_walk_next(w, &in, &step);

		switch (event) {
		case MIME_WALK_MORE:
			must(!over);
			over = true;
			mime_walk_end(w);
			break;
		case MIME_WALK_FIELD:
			if (!is_ours(&step))
				buf_add(&out, step.octets);
			break;
		case MIME_WALK_LONG_FIELD:
			buf_add(&out, step.octets);
			break;
		case MIME_WALK_HEADER_END:
			encoding =
				step.kind == MIME_PART_LEAF ? step.entity->encoding : MIME_ENCODING_IDENTITY;
			buf_add_format(&out, "%d at %zu\r\n", (int)step.kind, step.depth);
			break;
		case MIME_WALK_BODY:
			buf_add(&body, step.octets);
			break;
		case MIME_WALK_DELIMITER:
		case MIME_WALK_END:
			add_decoded(arena, encoding, buf_str(&body), &out);
			buf_clear(&body);
			encoding = MIME_ENCODING_IDENTITY;
			must(buf_err(&out).code == ERR_OK);
			if (event == MIME_WALK_END)
				return buf_str(&out);
			buf_add(&out, str_trim(step.octets));
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct arena arena;
	struct buf out, pieces, again;
	bool changes = false, changes_again = false;

	if (size < 1 || size > 4096)
		return 0;
	arena_init(&arena, NULL, 64u * LIMIT_MB);
	buf_init(&out, &arena, LIMIT_MB);
	buf_init(&pieces, &arena, LIMIT_MB);
	buf_init(&again, &arena, LIMIT_MB);
	str in = { (const char *)octets + 1, size - 1 };
	err e = convert(&arena, in, size, &changes, &out);
	must(e.code == convert(&arena, in, 1 + octets[0], &changes, &pieces).code);
	if (e.code != ERR_OK) {
		must((e.code == ERR_DENIED || e.code == ERR_LIMIT) && !is_7bit(in));
	} else {
		must(str_eq(buf_str(&out), buf_str(&pieces)) && is_7bit(buf_str(&out)));
		must(changes || str_eq(in, buf_str(&out)));
		must(convert(&arena, buf_str(&out), 7, &changes_again, &again).code == ERR_OK);
		must(!changes_again && str_eq(buf_str(&out), buf_str(&again)));
		must(str_eq(read_message(&arena, in), read_message(&arena, buf_str(&out))));
	}
	arena_reset(&arena);
	return 0;
}

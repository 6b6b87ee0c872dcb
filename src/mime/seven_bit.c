#include "mime/seven_bit.h"

#include "base/limits.h"
#include "mime/header.h"
#include "mime/walk.h"

/* Octets that are encoded at once, and what they may become in quoted-printable: 3 for 1, a soft line end
 * each 75 of these, and what was held. */
enum { STEP_OCTETS = 3 * LIMIT_KB, OUT_OCTETS = STEP_OCTETS * 3 + STEP_OCTETS / 4 + 64 };

static_assert(OUT_OCTETS > MIME_DELIMITER_OCTETS + 512, "the end of a header or of a part has room");

struct mime_seven_bit {
	struct mime_walk *walk;
	struct mime_seven_bit_plan plan;
	bool over;

	/* Of the header under way. */
	size_t index;
	bool is_head; /* a message's, not a part's */
	bool has_version, has_type, has_encoding;

	enum mime_seven_bit_mark body; /* how the body under way is encoded */
	struct mime_base64_encoder base64;
	struct mime_qp_encoder qp;
	str source; /* octets that are to be encoded */
	struct buf out;
	char octets[OUT_OCTETS];
};

err mime_seven_bit_new(struct arena *arena, const struct mime_seven_bit_plan *plan,
                       struct mime_seven_bit **out)
{
	struct mime_seven_bit *f = arena_new(arena, struct mime_seven_bit, 1);

	if (!f)
		return ERR_NO_MEMORY;
	TRY(mime_walk_new(arena, true, &f->walk));
	f->plan = *plan;
	f->is_head = true;
	buf_init_fixed(&f->out, f->octets, sizeof f->octets);
	*out = f;
	return OK;
}

static enum mime_seven_bit_mark mark(const struct mime_seven_bit *f)
{
	return f->index < f->plan.marks.len ? (enum mime_seven_bit_mark)f->plan.marks.ptr[f->index]
	                                    : MIME_SEVEN_BIT_KEEP;
}

static void add_encoding(struct mime_seven_bit *f)
{
	static const str words[] = {
		[MIME_SEVEN_BIT_RELABEL] = STR_INIT("7bit"),
		[MIME_SEVEN_BIT_QUOTED_PRINTABLE] = STR_INIT("quoted-printable"),
		[MIME_SEVEN_BIT_BASE64] = STR_INIT("base64"),
	};

	buf_add(&f->out, STR("Content-Transfer-Encoding: "));
	buf_add(&f->out, words[mark(f)]);
	buf_add(&f->out, CRLF);
}

static str take_field(struct mime_seven_bit *f, const struct mime_walk_step *step)
{
	mime_field field = mime_field_of(step->name);

	f->has_version |= str_eq_nocase(step->name, STR("MIME-Version"));
	f->has_type |= field == MIME_FIELD_CONTENT_TYPE;
	if (field != MIME_FIELD_CONTENT_TRANSFER_ENCODING || mark(f) == MIME_SEVEN_BIT_KEEP)
		return step->octets;
	f->has_encoding = true;
	add_encoding(f);
	return buf_str(&f->out);
}

/* A header with a mark has a body, so its last field ends with a line end. */
static str end_header(struct mime_seven_bit *f, const struct mime_walk_step *step)
{
	enum mime_seven_bit_mark m = mark(f);

	if (m != MIME_SEVEN_BIT_KEEP && f->is_head && !f->has_version)
		buf_add(&f->out, STR("MIME-Version: 1.0\r\n"));
	if (m > MIME_SEVEN_BIT_RELABEL && f->is_head && !f->has_version && !f->has_type)
		buf_add(&f->out, STR("Content-Type: text/plain; charset=unknown-8bit\r\n"));
	/* 7bit is what is meant where nothing is said (RFC 2045 §6.1). */
	if (m > MIME_SEVEN_BIT_RELABEL && !f->has_encoding)
		add_encoding(f);
	buf_add(&f->out, step->octets);
	f->body = m > MIME_SEVEN_BIT_RELABEL ? m : MIME_SEVEN_BIT_KEEP;
	f->qp = (struct mime_qp_encoder){ .guarded = true };
	f->index++;
	f->is_head = step->kind == MIME_PART_MESSAGE;
	f->has_version = f->has_type = f->has_encoding = false;
	return buf_str(&f->out);
}

/* The end of a base64 body is a line end, which serves as the delimiter's, too. */
static void end_body(struct mime_seven_bit *f, str *delimiter)
{
	if (f->body == MIME_SEVEN_BIT_BASE64) {
		mime_base64_encode_end(&f->base64, &f->out);
		if (str_starts(*delimiter, CRLF))
			*delimiter = str_from(*delimiter, 2);
	} else if (f->body == MIME_SEVEN_BIT_QUOTED_PRINTABLE) {
		mime_qp_encode_end(&f->qp, &f->out);
	}
	f->body = MIME_SEVEN_BIT_KEEP;
}

static str take_delimiter(struct mime_seven_bit *f, const struct mime_walk_step *step)
{
	str delimiter = step->octets;

	end_body(f, &delimiter);
	buf_add(&f->out, delimiter);
	f->is_head = false;
	return buf_str(&f->out);
}

static str take_body(struct mime_seven_bit *f, const struct mime_walk_step *step)
{
	if (f->body == MIME_SEVEN_BIT_KEEP)
		return step->octets;
	f->source = step->octets;
	return STR("");
}

static str encode_some(struct mime_seven_bit *f)
{
	size_t len = f->source.len < STEP_OCTETS ? f->source.len : STEP_OCTETS;
	str some = str_slice(f->source, 0, len);

	if (f->body == MIME_SEVEN_BIT_BASE64)
		mime_base64_encode(&f->base64, some, &f->out);
	else
		mime_qp_encode(&f->qp, some, &f->out);
	f->source = str_from(f->source, len);
	return buf_str(&f->out);
}

static str finish(struct mime_seven_bit *f)
{
	str nothing = STR("");

	end_body(f, &nothing);
	f->over = true;
	return buf_str(&f->out);
}

/* What the next event gives; false where more input is needed. */
static bool step(struct mime_seven_bit *f, str *in, str *run)
{
	struct mime_walk_step s;

	switch (mime_walk_next(f->walk, in, &s)) {
	case MIME_WALK_MORE:
		return false;
	case MIME_WALK_FIELD:
		*run = take_field(f, &s);
		break;
	case MIME_WALK_LONG_FIELD:
		*run = s.octets;
		break;
	case MIME_WALK_HEADER_END:
		*run = end_header(f, &s);
		break;
	case MIME_WALK_BODY:
		*run = take_body(f, &s);
		break;
	case MIME_WALK_DELIMITER:
		*run = take_delimiter(f, &s);
		break;
	case MIME_WALK_END:
		*run = finish(f);
		break;
	}
	return true;
}

bool mime_seven_bit_next(struct mime_seven_bit *f, str *in, str *run)
{
	bool more = true;

	*run = STR("");
	buf_clear(&f->out);
	while (more && run->len == 0 && !f->over) {
		if (f->source.len)
			*run = encode_some(f);
		else
			more = step(f, in, run);
	}
	return run->len > 0;
}

void mime_seven_bit_end(struct mime_seven_bit *f) { mime_walk_end(f->walk); }

err mime_seven_bit_err(const struct mime_seven_bit *f) { return mime_walk_err(f->walk); }

#include "mime/recode.h"

#include "base/limits.h"
#include "mime/header.h"
#include "mime/walk.h"

/* Octets that are encoded at once, and what they may become: 4 for 3, CRLF each 76, and what was held. */
enum { STEP_OCTETS = 3 * LIMIT_KB, OUT_OCTETS = STEP_OCTETS * 4 / 3 + STEP_OCTETS / 16 + 64 };

static_assert(OUT_OCTETS > MIME_DELIMITER_OCTETS + 128,
              "a delimiter and the end of a part before it have room");

struct mime_recode {
	struct mime_walk *walk;
	err error;
	bool over;

	/* Of the header under way. */
	bool has_encoding; /* a Content-Transfer-Encoding field was met */
	bool withheld;     /* it said binary and was not passed on */

	/* Of the octets that were passed on. */
	char last;

	bool encoding; /* in the body of a binary part */
	bool encoded;  /* of which something came out */
	struct mime_base64_encoder base64;
	str source; /* octets that are to be encoded */
	struct buf out;
	char octets[OUT_OCTETS];
};

err mime_recode_new(struct arena *arena, struct mime_recode **out)
{
	struct mime_recode *r = arena_new(arena, struct mime_recode, 1);

	if (!r)
		return ERR_NO_MEMORY;
	TRY(mime_walk_new(arena, true, &r->walk));
	buf_init_fixed(&r->out, r->octets, sizeof r->octets);
	r->last = '\n';
	*out = r;
	return OK;
}

static const char nul[] = "a NUL outside the parts that are declared binary";
static const char bare_cr[] = "a bare CR outside the parts that are declared binary";
static const char bare_lf[] = "a bare LF outside the parts that are declared binary";

static void fail(struct mime_recode *r, const char *what)
{
	if (r->error.code == ERR_OK)
		r->error = (err){ ERR_SYNTAX, 0, what };
}

/* Octets that go out as they came: lines, of which r->last remembers the last octet. */
static void check_lines(struct mime_recode *r, str octets)
{
	char before = r->last;

	for (size_t i = 0; i < octets.len; i++) {
		char c = octets.ptr[i];
		if ((c == '\n') != (before == '\r'))
			fail(r, c == '\n' ? bare_lf : bare_cr);
		if (c == '\0')
			fail(r, nul);
		before = c;
	}
	r->last = before;
}

/* A field that says binary is withheld; what is said in its place is known at the end of the header. */
static str take_field(struct mime_recode *r, const struct mime_walk_step *step)
{
	check_lines(r, step->octets);
	if (mime_field_of(step->name) != MIME_FIELD_CONTENT_TRANSFER_ENCODING)
		return step->octets;
	bool is_binary = str_eq_nocase(mime_encoding_word(step->body), STR("binary"));
	/* Which of two counts would be the reader's guess. */
	if (r->has_encoding && (is_binary || r->withheld))
		fail(r, "two Content-Transfer-Encoding fields in one header, one of them binary");
	r->has_encoding = true;
	if (!is_binary)
		return step->octets;
	/* What was passed on before it ends with a line's end. */
	if (r->last == '\r')
		fail(r, bare_cr);
	r->last = '\n';
	r->withheld = true;
	return STR("");
}

static str end_header(struct mime_recode *r, const struct mime_walk_step *step)
{
	bool is_leaf = step->kind == MIME_PART_LEAF;

	if (r->withheld) {
		if (step->too_deep && r->error.code == ERR_OK)
			r->error = (err){ ERR_LIMIT, 0, "a binary part is nested too deep to be re-coded" };
		if (r->last == '\r')
			fail(r, bare_cr);
		/* The last line may lack its end where the message ends within it. */
		buf_add(&r->out, r->last == '\n' ? STR("") : CRLF);
		buf_add(&r->out, STR("Content-Transfer-Encoding: "));
		buf_add(&r->out, is_leaf ? STR("base64") : STR("8bit"));
		buf_add(&r->out, CRLF);
		r->last = '\n';
	}
	check_lines(r, step->octets);
	buf_add(&r->out, step->octets);
	r->encoding = r->withheld && is_leaf;
	r->encoded = false;
	r->has_encoding = r->withheld = false;
	return buf_str(&r->out);
}

/* The end of a base64 body is a line end, which serves as the delimiter's, too. */
static void end_body(struct mime_recode *r, str *delimiter)
{
	if (!r->encoding)
		return;
	mime_base64_encode_end(&r->base64, &r->out);
	if (r->encoded && str_starts(*delimiter, CRLF))
		*delimiter = str_from(*delimiter, 2);
	r->encoding = false;
	r->last = '\n';
}

static str take_delimiter(struct mime_recode *r, const struct mime_walk_step *step)
{
	str delimiter = step->octets;

	end_body(r, &delimiter);
	check_lines(r, delimiter);
	buf_add(&r->out, delimiter);
	return buf_str(&r->out);
}

static str take_body(struct mime_recode *r, const struct mime_walk_step *step)
{
	if (r->encoding) {
		r->source = step->octets;
		return STR("");
	}
	check_lines(r, step->octets);
	return step->octets;
}

static str encode_some(struct mime_recode *r)
{
	size_t len = r->source.len < STEP_OCTETS ? r->source.len : STEP_OCTETS;

	mime_base64_encode(&r->base64, str_slice(r->source, 0, len), &r->out);
	r->source = str_from(r->source, len);
	r->encoded = true;
	return buf_str(&r->out);
}

static str finish(struct mime_recode *r)
{
	str nothing = STR("");

	end_body(r, &nothing);
	if (r->last == '\r')
		fail(r, bare_cr);
	r->over = true;
	return buf_str(&r->out);
}

/* What the next event gives; false where more input is needed. */
static bool step(struct mime_recode *r, str *in, str *run)
{
	struct mime_walk_step s;

	switch (mime_walk_next(r->walk, in, &s)) {
	case MIME_WALK_MORE:
		return false;
	case MIME_WALK_FIELD:
		*run = take_field(r, &s);
		break;
	case MIME_WALK_LONG_FIELD:
		check_lines(r, s.octets);
		*run = s.octets;
		break;
	case MIME_WALK_HEADER_END:
		*run = end_header(r, &s);
		break;
	case MIME_WALK_BODY:
		*run = take_body(r, &s);
		break;
	case MIME_WALK_DELIMITER:
		*run = take_delimiter(r, &s);
		break;
	case MIME_WALK_END:
		*run = finish(r);
		break;
	}
	return true;
}

bool mime_recode_next(struct mime_recode *r, str *in, str *run)
{
	bool more = true;

	*run = STR("");
	buf_clear(&r->out);
	while (more && run->len == 0 && !r->over && r->error.code == ERR_OK) {
		if (r->source.len)
			*run = encode_some(r);
		else
			more = step(r, in, run);
	}
	if (r->error.code == ERR_OK)
		r->error = mime_walk_err(r->walk);
	if (r->error.code != ERR_OK)
		*in = STR("");
	return run->len > 0 && r->error.code == ERR_OK;
}

void mime_recode_end(struct mime_recode *r) { mime_walk_end(r->walk); }

err mime_recode_err(const struct mime_recode *r) { return r->error; }

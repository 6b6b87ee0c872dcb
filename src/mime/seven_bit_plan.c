#include "mime/seven_bit_plan.h"

#include "base/limits.h"
#include "mime/header.h"
#include "mime/walk.h"

/* A part that is open. */
struct level {
	size_t index; /* of its header */
	mime_part_kind kind;
	const char *unencodable; /* why its body may not be encoded, or what it holds not be changed; NULL: it
	                            may */
	bool too_deep;
	bool is_text, is_signed;
};

/* What the body of a leaf is made of, so far. */
struct content {
	uint64_t octets, escapes; /* all, and those that quoted-printable takes three for */
	bool is_8bit;             /* no 7-bit data may be so: an octet over 127, a NUL */
	bool is_bare;             /* nor so, but that is nobody's reason to refuse it: a CR or LF alone, */
	bool is_long;             /* a line over 998 octets */
	size_t line;              /* octets of the line so far */
	bool after_cr;
};

struct mime_seven_bit_survey {
	struct mime_walk *walk;
	struct buf marks;
	err error;
	size_t headers;   /* that are over */
	size_t encodings; /* Content-Transfer-Encoding fields of the header under way */
	struct level levels[LIMIT_MIME_DEPTH + 1];
	size_t leaf; /* 1 and up: levels[leaf - 1] is a leaf whose body is under way */
	struct content content;
	bool changes;
};

err mime_seven_bit_survey_new(struct arena *arena, struct mime_seven_bit_survey **out)
{
	struct mime_seven_bit_survey *s = arena_new(arena, struct mime_seven_bit_survey, 1);

	if (!s)
		return ERR_NO_MEMORY;
	TRY(mime_walk_new(arena, true, &s->walk));
	buf_init(&s->marks, arena, LIMIT_SEVEN_BIT_PARTS);
	*out = s;
	return OK;
}

static void fail(struct mime_seven_bit_survey *s, err_code code, const char *what)
{
	if (s->error.code == ERR_OK)
		s->error = (err){ code, 0, what };
}

static bool is_8bit(char c) { return (unsigned char)c >= 0x80 || c == '\0'; }

/* Outside the bodies of leaves nothing can be encoded. */
static void look_outside(struct mime_seven_bit_survey *s, str octets, const char *why)
{
	for (size_t i = 0; i < octets.len; i++)
		if (is_8bit(octets.ptr[i])) {
			fail(s, ERR_DENIED, why);
			return;
		}
}

static void look_inside(struct content *c, str octets)
{
	for (size_t i = 0; i < octets.len; i++) {
		char octet = octets.ptr[i];

		c->is_bare |= (octet == '\n') != c->after_cr;
		c->is_8bit |= is_8bit(octet);
		c->escapes += is_8bit(octet) || octet == '=';
		c->line = octet == '\n' && c->after_cr ? 0 : c->line + 1;
		c->after_cr = octet == '\r';
		c->is_long |= c->line > LIMIT_SENT_LINE + (octet == '\r');
	}
	c->octets += octets.len;
}

/* Why a part with this header may not be changed, but for what it stands in. */
static const char *why_unencodable(const struct mime_seven_bit_survey *s, const struct mime_walk_step *step)
{
	const struct mime_entity *e = step->entity;

	if (step->kind == MIME_PART_LEAF && e->is_multipart)
		return "a multipart whose parts can't be told apart has 8-bit octets";
	if (step->kind == MIME_PART_LEAF && e->of_message && e->encoding == MIME_ENCODING_IDENTITY)
		return "a message of a kind that may not be encoded has 8-bit octets (RFC 2046 §5.2)";
	if (e->encoding != MIME_ENCODING_IDENTITY)
		return "8-bit octets stand under an encoding that leaves none";
	if (s->encodings > 1)
		return "a part with 8-bit octets says twice how it is encoded";
	return NULL;
}

static void end_header(struct mime_seven_bit_survey *s, const struct mime_walk_step *step)
{
	const struct mime_entity *e = step->entity;

	s->levels[step->depth - 1] = (struct level){
		.index = s->headers++,
		.kind = step->kind,
		.unencodable = why_unencodable(s, step),
		.too_deep = step->too_deep,
		.is_text = e->of_text || !e->has_type,
		.is_signed = e->is_signed,
	};
	if (s->marks.len < LIMIT_SEVEN_BIT_PARTS)
		buf_add_char(&s->marks, MIME_SEVEN_BIT_KEEP);
	s->encodings = 0;
	s->leaf = step->kind == MIME_PART_LEAF ? step->depth : 0;
	s->content = (struct content){ 0 };
}

/* May the leaf's body be encoded, and all that it stands in say so? */
static err check_leaf(const struct mime_seven_bit_survey *s)
{
	const struct level *leaf = &s->levels[s->leaf - 1];

	if (leaf->too_deep)
		return (err){ ERR_LIMIT, 0, "a part with 8-bit octets is nested too deep to be encoded" };
	for (size_t i = 0; i < s->leaf; i++) {
		if (s->levels[i].unencodable)
			return (err){ ERR_DENIED, 0, s->levels[i].unencodable };
		if (s->levels[i].is_signed)
			return (err){ ERR_DENIED, 0, "a signature covers 8-bit octets (RFC 1847 §2.1)" };
	}
	if (leaf->index >= s->marks.len)
		return (err){ ERR_LIMIT, 0, "the message has too many parts to be made 7-bit" };
	return OK;
}

static char mark_for(const struct level *leaf, const struct content *c)
{
	/* Three octets for one, or four for three, as in mime_encoding_for. */
	return leaf->is_text && c->escapes * 6 <= c->octets ? MIME_SEVEN_BIT_QUOTED_PRINTABLE
	                                                    : MIME_SEVEN_BIT_BASE64;
}

/* The body of the leaf is over. */
static void end_leaf(struct mime_seven_bit_survey *s)
{
	struct content *c = &s->content;

	if (s->leaf == 0)
		return;
	if (c->is_8bit || c->is_bare || c->is_long || c->after_cr) {
		err e = check_leaf(s);
		if (e.code == ERR_OK) {
			for (size_t i = 0; i + 1 < s->leaf; i++)
				s->marks.ptr[s->levels[i].index] = MIME_SEVEN_BIT_RELABEL;
			s->marks.ptr[s->levels[s->leaf - 1].index] = mark_for(&s->levels[s->leaf - 1], c);
			s->changes = true;
		} else if (c->is_8bit) {
			fail(s, e.code, e.what);
		}
	}
	s->leaf = 0;
}

static void take(struct mime_seven_bit_survey *s, mime_walk_event event, const struct mime_walk_step *step)
{
	static const char in_field[] = "a header field has 8-bit octets: it needs SMTPUTF8 (RFC 6532)";

	switch (event) {
	case MIME_WALK_FIELD:
		s->encodings += mime_field_of(step->name) == MIME_FIELD_CONTENT_TRANSFER_ENCODING;
		look_outside(s, step->octets, in_field);
		break;
	case MIME_WALK_LONG_FIELD:
		look_outside(s, step->octets, in_field);
		break;
	case MIME_WALK_HEADER_END:
		end_header(s, step);
		break;
	case MIME_WALK_BODY:
		if (s->leaf)
			look_inside(&s->content, step->octets);
		else
			look_outside(s, step->octets, "8-bit octets stand between the parts of a multipart");
		break;
	case MIME_WALK_DELIMITER:
	case MIME_WALK_END:
		end_leaf(s);
		break;
	case MIME_WALK_MORE:
		break;
	}
}

void mime_seven_bit_survey_push(struct mime_seven_bit_survey *s, str octets)
{
	struct mime_walk_step step;
	mime_walk_event event;

	while (s->error.code == ERR_OK &&
	       (event = mime_walk_next(s->walk, &octets, &step)) != MIME_WALK_MORE) {
		take(s, event, &step);
		if (event == MIME_WALK_END)
			return;
	}
}

err mime_seven_bit_survey_end(struct mime_seven_bit_survey *s, struct mime_seven_bit_plan *out)
{
	mime_walk_end(s->walk);
	mime_seven_bit_survey_push(s, STR(""));
	TRY(mime_walk_err(s->walk));
	TRY(buf_err(&s->marks));
	TRY(s->error);
	*out = (struct mime_seven_bit_plan){ .marks = buf_str(&s->marks), .changes = s->changes };
	return OK;
}

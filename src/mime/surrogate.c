#include "mime/surrogate.h"

#include "base/limits.h"
#include "mime/address.h"
#include "mime/encoded_word.h"
#include "mime/field.h"
#include "mime/header.h"
#include "mime/walk.h"

enum { EXCISED_MAX = 16 };

struct mime_surrogate {
	struct mime_walk *walk;
	bool no_memory;
	bool type_excised, encoding_excised; /* of this header: the one that counts was left out */
	unsigned conversions;
	str rest;        /* of a long field: what is still to be looked at */
	struct buf out;  /* the field in place of another */
	struct buf body; /* the other, unfolded, and what it is read as */
	struct buf scratch;
};

static const str invalid_mailbox = STR_INIT("invalid");
static const str invalid_host = STR_INIT("internationalized-address.invalid");

/* RFC 6858 §2.1. */
static const str address_fields[] = {
	STR_INIT("bcc"),        STR_INIT("cc"),        STR_INIT("from"),        STR_INIT("reply-to"),
	STR_INIT("resent-bcc"), STR_INIT("resent-cc"), STR_INIT("resent-from"), STR_INIT("resent-sender"),
	STR_INIT("resent-to"),  STR_INIT("sender"),    STR_INIT("to"),          STR_INIT("return-path"),
};

static bool is_ascii(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

err mime_surrogate_new(struct arena *arena, struct mime_surrogate **out)
{
	struct mime_surrogate *s = arena_new(arena, struct mime_surrogate, 1);

	if (!s)
		return ERR_NO_MEMORY;
	TRY(mime_walk_new(arena, false, &s->walk));
	s->conversions = LIMIT_CHARSET_CONVERSIONS;
	buf_init(&s->out, arena, LIMIT_SURROGATE_FIELD);
	buf_init(&s->body, arena, LIMIT_SURROGATE_FIELD);
	buf_init(&s->scratch, arena, LIMIT_SURROGATE_FIELD);
	*out = s;
	return OK;
}

/* Encoded-words and UTF-8 in `text` as UTF-8, at the end of s->body. */
static str decoded(struct mime_surrogate *s, str text)
{
	size_t mark = s->body.len;

	mime_words_decode(text, &s->body, &s->conversions);
	return str_from(buf_str(&s->body), mark < s->body.len ? mark : s->body.len);
}

/* "Fred <fred@EXAMPLE>", "fred@EXAMPLE", or what stands where no address does. */
static str described(struct mime_surrogate *s, const struct mime_address *a)
{
	str name = decoded(s, a->name);
	size_t mark = s->body.len;

	buf_add(&s->body, name);
	buf_add(&s->body, name.len ? STR(" <") : STR(""));
	buf_add(&s->body, a->mailbox);
	buf_add(&s->body, a->host.len ? STR("@") : STR(""));
	buf_add(&s->body, a->host);
	buf_add(&s->body, name.len ? STR(">") : STR(""));
	return str_from(buf_str(&s->body), mark < s->body.len ? mark : s->body.len);
}

/* A path has no display name (RFC 5322 §3.6.7). */
static void address(struct mime_surrogate *s, struct mime_field_writer *f, struct mime_address a,
                    bool is_path)
{
	size_t mark = s->body.len;

	if (is_ascii(a.mailbox) && is_ascii(a.host)) {
		a.name = decoded(s, a.name);
	} else {
		a.name = described(s, &a);
		a.mailbox = invalid_mailbox;
		a.host = invalid_host;
	}
	if (is_path)
		mime_field_word(f, STR("<invalid@internationalized-address.invalid>"));
	else
		mime_field_address(f, &a);
	if (mark < s->body.len)
		s->body.len = mark;
}

static bool take_addresses(struct mime_surrogate *s, const struct mime_walk_step *step)
{
	struct mime_address_reader reader;
	struct mime_address a;
	struct mime_field_writer f;
	bool is_path = str_eq_nocase(step->name, STR("return-path")), any = false;

	mime_header_unfold(step->body, &s->body);
	/* Its octets stay in place: all that follows is appended. */
	str body = buf_str(&s->body);
	mime_field_begin(&f, &s->out, step->name);
	mime_address_begin(&reader, body, &s->scratch);
	while (mime_address_next(&reader, &a) && !(is_path && any)) {
		address(s, &f, a, is_path);
		any = true;
	}
	mime_field_end(&f);
	return any;
}

static bool take_subject(struct mime_surrogate *s, const struct mime_walk_step *step)
{
	mime_header_unfold(step->body, &s->scratch);
	mime_field_add_text(&s->out, step->name, decoded(s, buf_str(&s->scratch)));
	return true;
}

/* What stands before the next semicolon outside quotes and comments. */
static str next_segment(scan *s)
{
	size_t start = s->at, depth = 0;
	bool quoted = false;

	while (!scan_at_end(s)) {
		char c = s->in.ptr[s->at];
		if (c == ';' && !quoted && depth == 0)
			break;
		if (c == '\\' && (quoted || depth) && s->at + 1 < s->in.len)
			s->at++;
		else if (c == '"' && depth == 0)
			quoted = !quoted;
		else if (c == '(' && !quoted)
			depth++;
		else if (c == ')' && !quoted && depth)
			depth--;
		s->at++;
	}
	str segment = scan_since(s, start);
	scan_char(s, ';');
	return segment;
}

/* "filename" of "filename*0*=x": what all sections of a parameter have in common (RFC 2231 §3). */
static str parameter_name(str segment)
{
	size_t equals = str_find_char(segment, '='), star = str_find_char(segment, '*');

	return str_trim(str_slice(segment, 0, equals < star ? equals : star));
}

/* True where the field that was made says a boundary that the message was not cut by: readers of parameters
 * are lenient, each in its way, and what was left out may have hidden it. */
static bool has_new_boundary(struct mime_surrogate *s, const struct mime_entity *was)
{
	scan block = { buf_str(&s->out), 0 };
	struct mime_header_field f = { 0 };
	struct mime_content_type type;
	struct mime_entity is;

	mime_header_next(&block, &f);
	buf_clear(&s->scratch);
	mime_header_unfold(f.body, &s->scratch);
	mime_content_type_parse(buf_str(&s->scratch), &s->scratch, &type);
	mime_entity_begin(&is, false);
	mime_entity_take_type(&is, &type);
	str old = { was->boundary, was->boundary_len }, new = { is.boundary, is.boundary_len };
	return new.len > 0 && !str_eq(old, new);
}

/* Every octet of what stays is as it was. */
static bool take_parameters(struct mime_surrogate *s, const struct mime_walk_step *step)
{
	str excised[EXCISED_MAX];
	size_t count = 0;
	scan look = { step->body, 0 };
	str value = next_segment(&look);

	if (!is_ascii(value))
		return false;
	for (str segment; !scan_at_end(&look);) {
		segment = next_segment(&look);
		if (is_ascii(segment))
			continue;
		if (count == EXCISED_MAX)
			return false;
		excised[count++] = parameter_name(segment);
	}
	buf_add(&s->out, step->name);
	buf_add_char(&s->out, ':');
	buf_add(&s->out, value);
	scan all = { step->body, value.len + (value.len < step->body.len) };
	while (!scan_at_end(&all)) {
		str segment = next_segment(&all), name = parameter_name(segment);
		bool stays = true;
		for (size_t i = 0; i < count; i++)
			stays = stays && !str_eq_nocase(name, excised[i]);
		buf_add(&s->out, stays ? STR(";") : STR(""));
		buf_add(&s->out, stays ? segment : STR(""));
	}
	buf_add(&s->out, CRLF);
	return mime_field_of(step->name) != MIME_FIELD_CONTENT_TYPE || !has_new_boundary(s, step->entity);
}

static bool take_encoding(struct mime_surrogate *s, const struct mime_walk_step *step)
{
	struct mime_field_writer f;
	str word = mime_encoding_word(step->body);

	if (!is_ascii(word) || word.len == 0)
		return false;
	mime_field_begin(&f, &s->out, step->name);
	mime_field_word(&f, word);
	mime_field_end(&f);
	return true;
}

static bool is_address_field(str name)
{
	for (size_t i = 0; i < sizeof address_fields / sizeof address_fields[0]; i++)
		if (str_eq_nocase(address_fields[i], name))
			return true;
	return false;
}

/* What stands in place of a field with 8-bit octets, empty where nothing does. */
static str replaced(struct mime_surrogate *s, const struct mime_walk_step *step, mime_field field)
{
	bool stays = false;

	buf_clear(&s->out);
	buf_clear(&s->body);
	buf_clear(&s->scratch);
	if (is_address_field(step->name))
		stays = take_addresses(s, step);
	else if (field == MIME_FIELD_SUBJECT)
		stays = take_subject(s, step);
	else if (field == MIME_FIELD_CONTENT_TYPE || field == MIME_FIELD_CONTENT_DISPOSITION)
		stays = take_parameters(s, step);
	else if (field == MIME_FIELD_CONTENT_TRANSFER_ENCODING)
		stays = take_encoding(s, step);
	const err_code failed[] = { s->out.failed, s->body.failed, s->scratch.failed };
	for (size_t i = 0; i < sizeof failed / sizeof failed[0]; i++) {
		stays = stays && failed[i] == ERR_OK;
		s->no_memory |= failed[i] == ERR_NOSPACE;
	}
	return stays ? buf_str(&s->out) : STR("");
}

static str take_field(struct mime_surrogate *s, const struct mime_walk_step *step)
{
	mime_field field = mime_field_of(step->name);
	bool is_type = field == MIME_FIELD_CONTENT_TYPE;
	bool is_encoding = field == MIME_FIELD_CONTENT_TRANSFER_ENCODING;

	/* Another one would be read in place of the one that was left out. */
	if ((is_type && s->type_excised) || (is_encoding && s->encoding_excised))
		return STR("");
	str field_now = is_ascii(step->octets) ? step->octets : replaced(s, step, field);
	s->type_excised |= is_type && field_now.len == 0 && step->entity->has_type;
	s->encoding_excised |= is_encoding && field_now.len == 0;
	return field_now;
}

/* The next octets of a long field that are ASCII. */
static str take_long(struct mime_surrogate *s)
{
	size_t from = 0, to;

	while (from < s->rest.len && (unsigned char)s->rest.ptr[from] >= 0x80)
		from++;
	for (to = from; to < s->rest.len && (unsigned char)s->rest.ptr[to] < 0x80;)
		to++;
	str run = str_slice(s->rest, from, to);
	s->rest = str_from(s->rest, to);
	return run;
}

bool mime_surrogate_next(struct mime_surrogate *s, str *in, str *run)
{
	struct mime_walk_step step;

	*run = STR("");
	while (run->len == 0) {
		if (s->rest.len) {
			*run = take_long(s);
			continue;
		}
		switch (mime_walk_next(s->walk, in, &step)) {
		case MIME_WALK_MORE:
		case MIME_WALK_END:
			return false;
		case MIME_WALK_FIELD:
			*run = take_field(s, &step);
			break;
		case MIME_WALK_LONG_FIELD:
			s->rest = step.octets;
			break;
		case MIME_WALK_HEADER_END:
			s->type_excised = s->encoding_excised = false;
			*run = step.octets;
			break;
		case MIME_WALK_BODY:
		case MIME_WALK_DELIMITER:
			*run = step.octets;
			break;
		}
	}
	return true;
}

void mime_surrogate_end(struct mime_surrogate *s) { mime_walk_end(s->walk); }

err mime_surrogate_err(const struct mime_surrogate *s)
{
	return s->no_memory ? ERR_NO_MEMORY : mime_walk_err(s->walk);
}

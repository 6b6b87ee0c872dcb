#include "mime/summary.h"

#include "base/limits.h"
#include "base/probe.h"
#include "mime/charset.h"
#include "mime/date.h"
#include "mime/encoded_word.h"
#include "mime/message_id.h"
#include "mime/preview.h"
#include "mime/structure.h"
#include "mime/subject.h"
#include "mime/summary_format.h"

/* What must be free behind the records at any time: a BODY and an END for each open part. */
enum { RESERVE = 1024, RECORDS_FIRST = 2048 };

static_assert((LIMIT_MIME_DEPTH + 1) * 24 + 32 <= RESERVE, "whatever is open can be closed");
static_assert(LIMIT_SUMMARY_ENVELOPE + 8 * RESERVE < LIMIT_SUMMARY, "an envelope leaves room for parts");

struct mime_summary_parser {
	struct arena *arena;
	struct mime_structure *structure;
	struct buf records;
	size_t depth;                         /* parts open */
	bool described[LIMIT_MIME_DEPTH + 2]; /* of them: has a record */
	size_t parts;
	bool cut;
	unsigned conversions;

	/* The part whose header is open. */
	uint32_t seen; /* bit of each field met: the first one counts */
	size_t fields_octets;
	size_t references;
	bool is_message, is_html, is_attachment;
	char charset[MIME_PREVIEW_CHARSET_OCTETS];
	size_t charset_len;

	bool previewing, has_preview;
	struct mime_preview preview;
	struct buf preview_text;
	char preview_octets[LIMIT_PREVIEW];
};

err mime_summary_new(struct arena *arena, struct mime_summary_parser **out)
{
	struct mime_summary_parser *p = arena_new(arena, struct mime_summary_parser, 1);

	if (!p)
		return ERR_NO_MEMORY;
	p->arena = arena;
	p->conversions = LIMIT_CHARSET_CONVERSIONS;
	TRY(mime_structure_new(arena, &p->structure));
	buf_init(&p->records, arena, LIMIT_SUMMARY - RESERVE);
	buf_init_fixed(&p->preview_text, p->preview_octets, sizeof p->preview_octets);
	if (!buf_extend(&p->records, RECORDS_FIRST))
		return ERR_NO_MEMORY;
	buf_clear(&p->records);
	*out = p;
	return OK;
}

/* Keeps what was appended after `mark` if it leaves the reserve free, else takes it back. */
static bool keep(struct mime_summary_parser *p, size_t mark)
{
	struct buf *r = &p->records;

	if (buf_extend(r, RESERVE)) {
		r->len -= RESERVE;
		return true;
	}
	buf_clear(r);
	r->len = mark;
	p->cut = true;
	return false;
}

/* The same for a field, of which one header has only so many. */
static bool keep_field(struct mime_summary_parser *p, size_t mark)
{
	size_t len = p->records.len - mark;

	if (p->records.failed == ERR_OK && p->fields_octets + len > LIMIT_SUMMARY_ENVELOPE) {
		p->records.len = mark;
		p->cut = true;
		return false;
	}
	p->fields_octets += len;
	return keep(p, mark);
}

static void add_text(struct mime_summary_parser *p, str text)
{
	p->cut |= text.len > LIMIT_SUMMARY_VALUE;
	text.len = text.len < LIMIT_SUMMARY_VALUE ? text.len : LIMIT_SUMMARY_VALUE;
	buf_add_counted(&p->records, text);
}

static void add_zigzag(struct buf *out, int64_t n)
{
	buf_add_varint(out, (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0));
}

static void add_parameters(struct mime_summary_parser *p, const struct mime_parameter_list *l)
{
	buf_add_varint(&p->records, l->count);
	for (size_t i = 0; i < l->count; i++) {
		add_text(p, l->list[i].name);
		add_text(p, l->list[i].value);
	}
}

static void take_type(struct mime_summary_parser *p, const struct mime_content_type *t)
{
	str charset = STR("us-ascii");
	size_t mark = p->records.len;

	if (t->defaulted)
		return;
	mime_parameter_find(t->parameters.list, t->parameters.count, STR("charset"), &charset);
	p->charset_len = charset.len <= sizeof p->charset ? charset.len : 0;
	if (p->charset_len)
		memcpy(p->charset, charset.ptr, charset.len);
	p->is_html = str_eq(t->subtype, STR("html"));
	buf_add_varint(&p->records, TAG_TYPE);
	add_text(p, t->type);
	add_text(p, t->subtype);
	add_parameters(p, &t->parameters);
	keep_field(p, mark);
}

static void take_disposition(struct mime_summary_parser *p, str body)
{
	struct mime_disposition d;
	size_t mark = p->records.len;

	mime_disposition_parse(body, mime_structure_scratch(p->structure), &d);
	p->cut |= d.parameters.cut;
	p->is_attachment = str_eq(d.value, STR("attachment"));
	buf_add_varint(&p->records, TAG_DISPOSITION);
	add_text(p, d.value);
	add_parameters(p, &d.parameters);
	keep_field(p, mark);
}

static void take_encoding(struct mime_summary_parser *p, str body)
{
	size_t mark = p->records.len;
	char lower[64];

	body = mime_encoding_word(body);
	if (body.len > sizeof lower)
		return;
	for (size_t i = 0; i < body.len; i++)
		lower[i] = ascii_lower(body.ptr[i]);
	buf_add_varint(&p->records, TAG_ENCODING);
	add_text(p, (str){ lower, body.len });
	keep_field(p, mark);
}

static void take_text(struct mime_summary_parser *p, enum summary_tag tag, str body)
{
	size_t mark = p->records.len;

	buf_add_varint(&p->records, tag);
	add_text(p, body);
	keep_field(p, mark);
}

static void take_addresses(struct mime_summary_parser *p, enum summary_addresses field, str body)
{
	struct mime_address_reader reader;
	struct mime_address a;
	size_t count = 0;

	mime_address_begin(&reader, body, mime_structure_scratch(p->structure));
	while (mime_address_next(&reader, &a)) {
		size_t mark = p->records.len;
		uint64_t flags = (uint64_t)field | (uint64_t)a.kind << ADDRESS_FIELD_BITS |
		                 (a.route.len ? ADDRESS_ROUTE : 0) | (a.doubtful ? ADDRESS_DOUBTFUL : 0);
		buf_add_varint(&p->records, TAG_ADDRESS);
		buf_add_varint(&p->records, flags);
		add_text(p, a.name);
		add_text(p, a.mailbox);
		add_text(p, a.host);
		if (a.route.len)
			add_text(p, a.route);
		if (!keep_field(p, mark))
			return;
		if (++count == LIMIT_HEADER_ADDRESSES) {
			p->cut |= mime_address_next(&reader, &a);
			return;
		}
	}
}

static void take_date(struct mime_summary_parser *p, str body)
{
	struct mime_date date;
	size_t mark;

	take_text(p, TAG_DATE, body);
	if (p->depth > 1 || mime_date_parse(body, &date).code != ERR_OK)
		return;
	mark = p->records.len;
	buf_add_varint(&p->records, TAG_SENT);
	add_zigzag(&p->records, date.ms);
	add_zigzag(&p->records, date.zone);
	keep_field(p, mark);
}

static void take_subject(struct mime_summary_parser *p, str body)
{
	struct buf *scratch = mime_structure_scratch(p->structure);
	size_t mark;

	take_text(p, TAG_SUBJECT, body);
	if (p->depth > 1)
		return;
	p->cut |= body.len > LIMIT_SUBJECT;
	body.len = body.len < LIMIT_SUBJECT ? body.len : LIMIT_SUBJECT;
	mime_words_decode(body, scratch, &p->conversions);
	struct mime_base_subject base = mime_base_subject(buf_str(scratch), scratch);
	p->cut |= scratch->failed != ERR_OK;
	base.text.len = mime_utf8_prefix(base.text, LIMIT_SUMMARY_VALUE);
	mark = p->records.len;
	buf_add_varint(&p->records, TAG_BASE_SUBJECT);
	buf_add_varint(&p->records, base.is_reply);
	add_text(p, base.text);
	keep_field(p, mark);
}

/* All ids where there are few, else the oldest and as many of the newest: a thread hangs on its first message
 * and its nearest ones. */
static void take_references(struct mime_summary_parser *p, str body)
{
	scan all = { body, 0 };
	str id;
	size_t count = 0;

	while (mime_message_id_next(&all, mime_structure_scratch(p->structure), &id)) {
		buf_clear(mime_structure_scratch(p->structure));
		count++;
	}
	scan s = { body, 0 };
	for (size_t i = 0; mime_message_id_next(&s, mime_structure_scratch(p->structure), &id); i++) {
		size_t mark = p->records.len;
		if (i == 0 || i + LIMIT_REFERENCES > count) {
			buf_add_varint(&p->records, TAG_REFERENCE);
			add_text(p, id);
			keep_field(p, mark);
		} else {
			p->cut = true;
		}
		buf_clear(mime_structure_scratch(p->structure));
	}
}

static void take_content_field(struct mime_summary_parser *p, const struct mime_step *step)
{
	switch (step->field) {
	case MIME_FIELD_CONTENT_TRANSFER_ENCODING:
		take_encoding(p, step->text);
		break;
	case MIME_FIELD_CONTENT_DISPOSITION:
		take_disposition(p, step->text);
		break;
	case MIME_FIELD_CONTENT_ID:
		take_text(p, TAG_ID, step->text);
		break;
	case MIME_FIELD_CONTENT_DESCRIPTION:
		take_text(p, TAG_DESCRIPTION, step->text);
		break;
	case MIME_FIELD_CONTENT_MD5:
		take_text(p, TAG_MD5, step->text);
		break;
	case MIME_FIELD_CONTENT_LANGUAGE:
		take_text(p, TAG_LANGUAGE, step->text);
		break;
	case MIME_FIELD_CONTENT_LOCATION:
		take_text(p, TAG_LOCATION, step->text);
		break;
	default:
		break;
	}
}

static void take_envelope_field(struct mime_summary_parser *p, const struct mime_step *step)
{
	switch (step->field) {
	case MIME_FIELD_DATE:
		take_date(p, step->text);
		break;
	case MIME_FIELD_SUBJECT:
		take_subject(p, step->text);
		break;
	case MIME_FIELD_MESSAGE_ID:
		take_text(p, TAG_MESSAGE_ID, step->text);
		break;
	case MIME_FIELD_IN_REPLY_TO:
		take_text(p, TAG_IN_REPLY_TO, step->text);
		break;
	case MIME_FIELD_REFERENCES:
		if (p->depth == 1)
			take_references(p, step->text);
		break;
	default:
		break;
	}
}

/* Several To fields are one list to a reader, as every server has it; of all others the first counts. */
static void take_field(struct mime_summary_parser *p, const struct mime_step *step)
{
	static const int8_t addresses[MIME_FIELD_COUNT] = {
		[MIME_FIELD_FROM] = ADDRESSES_FROM + 1,
		[MIME_FIELD_SENDER] = ADDRESSES_SENDER + 1,
		[MIME_FIELD_REPLY_TO] = ADDRESSES_REPLY_TO + 1,
		[MIME_FIELD_TO] = ADDRESSES_TO + 1,
		[MIME_FIELD_CC] = ADDRESSES_CC + 1,
		[MIME_FIELD_BCC] = ADDRESSES_BCC + 1,
	};
	uint32_t bit = 1u << step->field;

	if (!p->described[p->depth - 1])
		return;
	if (step->type)
		take_type(p, step->type);
	if (p->is_message && addresses[step->field])
		take_addresses(p, (enum summary_addresses)(addresses[step->field] - 1), step->text);
	if (p->seen & bit)
		return;
	p->seen |= bit;
	take_content_field(p, step);
	if (p->is_message)
		take_envelope_field(p, step);
}

static void take_part(struct mime_summary_parser *p, const struct mime_step *step)
{
	bool described = p->depth == 0 || p->described[p->depth - 1];
	size_t mark = p->records.len;

	if (described && p->parts >= LIMIT_MIME_PARTS) {
		described = false;
		p->cut = true;
	}
	if (described) {
		buf_add_varint(&p->records, TAG_PART);
		buf_add_varint(&p->records, step->is_message ? PART_IS_MESSAGE : 0);
		buf_add_varint(&p->records, step->header_offset);
		described = keep(p, mark);
	}
	p->parts += described;
	p->described[p->depth++] = described;
	p->seen = 0;
	p->fields_octets = 0;
	p->is_message = step->is_message;
	p->is_html = p->is_attachment = false;
	p->charset_len = sizeof "us-ascii" - 1;
	memcpy(p->charset, "us-ascii", p->charset_len);
}

static void take_body(struct mime_summary_parser *p, const struct mime_step *step)
{
	struct buf *r = &p->records;

	if (p->described[p->depth - 1]) {
		buf_add_varint(r, TAG_BODY);
		buf_add_varint(r, (step->no_boundary ? BODY_NO_BOUNDARY : 0u) |
		                          (step->too_deep ? BODY_TOO_DEEP : 0u) |
		                          (step->digest_message ? BODY_DIGEST_MESSAGE : 0u));
		buf_add_varint(r, step->header_size);
		p->cut |= step->too_deep;
	}
	if (step->kind != MIME_PART_LEAF || !step->is_text || p->is_attachment || p->has_preview)
		return;
	mime_preview_begin(&p->preview, p->is_html, (str){ p->charset, p->charset_len }, step->encoding);
	p->previewing = true;
	mime_structure_want_text(p->structure, true);
}

static void take_end(struct mime_summary_parser *p, const struct mime_step *step)
{
	struct buf *r = &p->records;

	if (p->previewing) {
		mime_preview_end(&p->preview, &p->preview_text, &p->conversions);
		p->has_preview = p->preview_text.len > 0;
		p->previewing = false;
	}
	if (!p->described[--p->depth])
		return;
	buf_add_varint(r, TAG_END);
	buf_add_varint(r, step->unclosed ? END_UNCLOSED : 0);
	buf_add_varint(r, step->body_size);
	buf_add_varint(r, step->body_lines);
}

static void run(struct mime_summary_parser *p, str octets)
{
	struct mime_step step;

	for (;;) {
		switch (mime_structure_next(p->structure, &octets, &step)) {
		case MIME_PART:
			take_part(p, &step);
			break;
		case MIME_FIELD:
			take_field(p, &step);
			break;
		case MIME_BODY:
			take_body(p, &step);
			break;
		case MIME_TEXT:
			if (!mime_preview_push(&p->preview, step.text))
				mime_structure_want_text(p->structure, false);
			break;
		case MIME_PART_END:
			take_end(p, &step);
			break;
		case MIME_MORE:
		case MIME_END:
			return;
		}
	}
}

void mime_summary_push(struct mime_summary_parser *p, str octets)
{
	probe(octets);
	run(p, octets);
}

static void add_head(struct buf *out, uint64_t size, uint64_t flags)
{
	buf_add_varint(out, SUMMARY_VERSION);
	buf_add_varint(out, size);
	buf_add_varint(out, flags);
}

err mime_summary_finish(struct mime_summary_parser *p, struct buf *out)
{
	mime_structure_end(p->structure);
	run(p, STR(""));
	bool cut = p->cut || mime_structure_was_cut(p->structure);
	add_head(out, mime_structure_size(p->structure), cut ? SUMMARY_CUT : 0);
	buf_add_counted(out, buf_str(&p->preview_text));
	buf_add(out, buf_str(&p->records));
	return buf_err(out);
}

void mime_summary_opaque(struct buf *out, uint64_t size) { add_head(out, size, SUMMARY_OPAQUE); }

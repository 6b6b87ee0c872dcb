#include "mime/summary.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "mime/message_id.h"
#include "mime/summary_format.h"

#define CORRUPT ((err){ ERR_CORRUPT, 0, "a message summary contradicts itself" })

struct reader {
	str in;
	struct arena *arena;
	struct mime_summary *summary;
	size_t parts;
	str references[LIMIT_REFERENCES];
};

/* A list that grows while it is read. */
struct address_list {
	struct mime_address *list;
	size_t count, room;
};

struct header {
	struct mime_part *part;
	struct mime_envelope *envelope; /* NULL where the part is no message */
	struct address_list addresses[ADDRESSES_BCC + 1];
};

static err number(struct reader *r, uint64_t *out) { return bytes_varint(&r->in, out) ? OK : CORRUPT; }

static err text(struct reader *r, str *out) { return bytes_counted(&r->in, out) ? OK : CORRUPT; }

static err zigzag(struct reader *r, int64_t min, int64_t max, int64_t *out)
{
	uint64_t n;

	TRY(number(r, &n));
	int64_t value = (int64_t)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0));
	if (value < min || value > max)
		return CORRUPT;
	*out = value;
	return OK;
}

static err parameters(struct reader *r, struct mime_parameters *out)
{
	uint64_t count;

	TRY(number(r, &count));
	if (count > LIMIT_MIME_PARAMETERS)
		return CORRUPT;
	struct mime_parameter *list = arena_new(r->arena, struct mime_parameter, (size_t)count);
	if (!list)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		TRY(text(r, &list[i].name));
		TRY(text(r, &list[i].value));
	}
	*out = (struct mime_parameters){ list, (size_t)count };
	return OK;
}

static err grow(struct reader *r, struct address_list *l)
{
	if (l->count < l->room)
		return OK;
	size_t room = l->room ? l->room * 4 : 2;
	struct mime_address *list = arena_new(r->arena, struct mime_address, room);
	if (!list)
		return ERR_NO_MEMORY;
	if (l->count)
		memcpy(list, l->list, l->count * sizeof *list);
	l->list = list;
	l->room = room;
	return OK;
}

static err address(struct reader *r, struct header *h)
{
	struct mime_address a = { .route = STR("") };
	uint64_t flags;

	TRY(number(r, &flags));
	uint64_t field = flags & ((1u << ADDRESS_FIELD_BITS) - 1);
	uint64_t kind = flags >> ADDRESS_FIELD_BITS & ((1u << ADDRESS_KIND_BITS) - 1);
	if (!h->envelope || field > ADDRESSES_BCC || kind > MIME_ADDRESS_GROUP_END)
		return CORRUPT;
	a.kind = (mime_address_kind)kind;
	a.doubtful = flags & ADDRESS_DOUBTFUL;
	TRY(text(r, &a.name));
	TRY(text(r, &a.mailbox));
	TRY(text(r, &a.host));
	if (flags & ADDRESS_ROUTE)
		TRY(text(r, &a.route));
	struct address_list *l = &h->addresses[field];
	TRY(grow(r, l));
	l->list[l->count++] = a;
	return OK;
}

static err type(struct reader *r, struct mime_part *part)
{
	TRY(text(r, &part->type));
	TRY(text(r, &part->subtype));
	return parameters(r, &part->parameters);
}

static err disposition(struct reader *r, struct mime_part *part)
{
	TRY(text(r, &part->disposition));
	return parameters(r, &part->disposition_parameters);
}

static err sent(struct reader *r)
{
	int64_t zone;

	TRY(zigzag(r, INT64_MIN, INT64_MAX, &r->summary->sent_ms));
	TRY(zigzag(r, INT16_MIN, INT16_MAX, &zone));
	r->summary->sent_zone = (int16_t)zone;
	r->summary->has_sent = true;
	return OK;
}

static err base_subject(struct reader *r)
{
	uint64_t is_reply;

	TRY(number(r, &is_reply));
	r->summary->is_reply = is_reply != 0;
	return text(r, &r->summary->base_subject);
}

static err reference(struct reader *r)
{
	if (r->summary->references_count == LIMIT_REFERENCES)
		return CORRUPT;
	return text(r, &r->references[r->summary->references_count++]);
}

/* Where a text of a field goes; NULL where the tag is none of a text, or of another kind of part. */
static str *text_of(struct header *h, uint64_t tag)
{
	struct mime_part *part = h->part;
	struct mime_envelope *e = h->envelope;

	switch (tag) {
	case TAG_ENCODING:
		return &part->encoding;
	case TAG_ID:
		return &part->id;
	case TAG_DESCRIPTION:
		return &part->description;
	case TAG_MD5:
		return &part->md5;
	case TAG_LANGUAGE:
		return &part->language;
	case TAG_LOCATION:
		return &part->location;
	case TAG_DATE:
		return e ? &e->date : NULL;
	case TAG_SUBJECT:
		return e ? &e->subject : NULL;
	case TAG_MESSAGE_ID:
		return e ? &e->message_id : NULL;
	case TAG_IN_REPLY_TO:
		return e ? &e->in_reply_to : NULL;
	default:
		return NULL;
	}
}

static err field(struct reader *r, struct header *h, uint64_t tag)
{
	switch (tag) {
	case TAG_TYPE:
		return type(r, h->part);
	case TAG_DISPOSITION:
		return disposition(r, h->part);
	case TAG_ADDRESS:
		return address(r, h);
	case TAG_SENT:
		return sent(r);
	case TAG_BASE_SUBJECT:
		return base_subject(r);
	case TAG_REFERENCE:
		return reference(r);
	default: {
		str *to = text_of(h, tag);
		return to ? text(r, to) : CORRUPT;
	}
	}
}

static void set_addresses(struct header *h)
{
	struct mime_addresses *of[] = { &h->envelope->from, &h->envelope->sender, &h->envelope->reply_to,
		                        &h->envelope->to,   &h->envelope->cc,     &h->envelope->bcc };

	for (size_t i = 0; i <= ADDRESSES_BCC; i++)
		*of[i] = (struct mime_addresses){ h->addresses[i].list, h->addresses[i].count };
}

/* Everything of a part up to its BODY, which is taken. */
static err header(struct reader *r, struct mime_part *part)
{
	struct header h = { .part = part };
	uint64_t flags, tag;

	TRY(number(r, &flags));
	TRY(number(r, &part->header_offset));
	if (flags & PART_IS_MESSAGE) {
		h.envelope = arena_new(r->arena, struct mime_envelope, 1);
		if (!h.envelope)
			return ERR_NO_MEMORY;
	}
	part->type = STR("text");
	part->subtype = STR("plain");
	for (;;) {
		TRY(number(r, &tag));
		if (tag == TAG_BODY)
			break;
		TRY(field(r, &h, tag));
	}
	if (h.envelope)
		set_addresses(&h);
	part->envelope = h.envelope;
	TRY(number(r, &flags));
	TRY(number(r, &part->header_size));
	part->no_boundary = flags & BODY_NO_BOUNDARY;
	if (flags & BODY_DIGEST_MESSAGE) {
		part->type = STR("message");
		part->subtype = STR("rfc822");
	}
	if (flags & BODY_TOO_DEEP) {
		part->type = STR("application");
		part->subtype = STR("octet-stream");
		part->parameters = (struct mime_parameters){ 0 };
	}
	return OK;
}

/* True where header and body lie within the `size` octets of the message. */
static bool lies_within(const struct mime_part *part, uint64_t size)
{
	return part->header_offset <= size && part->header_size <= size - part->header_offset &&
	       part->body_size <= size - part->header_offset - part->header_size;
}

/* A part after its PART tag. Recursion is bounded by `depth`. */
static err part(struct reader *r, unsigned depth, struct mime_part **out)
{
	struct mime_part *p = arena_new(r->arena, struct mime_part, 1);
	struct mime_part **next;
	uint64_t tag, flags;

	if (!p)
		return ERR_NO_MEMORY;
	if (depth > LIMIT_MIME_DEPTH || ++r->parts > LIMIT_MIME_PARTS)
		return CORRUPT;
	TRY(header(r, p));
	next = &p->child;
	for (;;) {
		TRY(number(r, &tag));
		if (tag != TAG_PART)
			break;
		TRY(part(r, depth + 1, next));
		next = &(*next)->next;
	}
	TRY(tag == TAG_END ? OK : CORRUPT);
	TRY(number(r, &flags));
	TRY(number(r, &p->body_size));
	TRY(number(r, &p->body_lines));
	p->unclosed = flags & END_UNCLOSED;
	if (!lies_within(p, r->summary->size))
		return CORRUPT;
	*out = p;
	return OK;
}

/* The first id of a field body, normalised; empty where there is none. */
static err first_id(struct arena *arena, str body, str *out)
{
	struct buf scratch;
	scan s = { body, 0 };

	*out = STR("");
	if (body.len == 0)
		return OK;
	buf_init(&scratch, arena, body.len);
	if (mime_message_id_next(&s, &scratch, out))
		return OK;
	return scratch.failed == ERR_NOSPACE ? ERR_NO_MEMORY : OK;
}

/* RFC 5256 §3, REFERENCES step 1.A: References, or else the first id of In-Reply-To. */
static err thread_keys(struct reader *r, struct mime_summary *s)
{
	const struct mime_envelope *e = s->root->envelope;

	if (!e)
		return CORRUPT;
	TRY(first_id(r->arena, e->message_id, &s->thread_id));
	if (s->references_count == 0) {
		TRY(first_id(r->arena, e->in_reply_to, &r->references[0]));
		s->references_count = r->references[0].len > 0;
	}
	str *list = arena_new(r->arena, str, s->references_count);
	if (!list)
		return ERR_NO_MEMORY;
	memcpy(list, r->references, s->references_count * sizeof *list);
	s->references = list;
	return OK;
}

static err known_version(struct reader *r, struct mime_summary *s)
{
	uint64_t flags, tag;

	TRY(number(r, &flags));
	s->opaque = flags & SUMMARY_OPAQUE;
	s->cut = flags & SUMMARY_CUT;
	if (!s->opaque) {
		TRY(text(r, &s->preview));
		TRY(number(r, &tag));
		TRY(tag == TAG_PART ? OK : CORRUPT);
		TRY(part(r, 0, &s->root));
		TRY(thread_keys(r, s));
	}
	return r->in.len == 0 ? OK : CORRUPT;
}

err mime_summary_decode(struct arena *arena, str encoded, struct mime_summary *out)
{
	struct mime_summary s = { 0 };
	struct reader r = { .in = encoded, .arena = arena, .summary = &s };
	uint64_t version;

	TRY(number(&r, &version));
	TRY(number(&r, &s.size));
	if (version == 0 || version > UINT8_MAX)
		return CORRUPT;
	s.version = (uint8_t)version;
	s.opaque = version > SUMMARY_VERSION;
	if (!s.opaque)
		TRY(known_version(&r, &s));
	*out = s;
	return OK;
}

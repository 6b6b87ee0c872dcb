#include "deliver/origin.h"

#include "base/limits.h"
#include "deliver/address.h"
#include "mime/address.h"

err origin_init(struct origin *o, struct arena *arena)
{
	*o = (struct origin){ .arena = arena, .begins = true };
	TRY(mime_header_init(&o->header, arena));
	mime_header_begin(&o->header);
	return OK;
}

static void fail(struct origin *o, err e)
{
	if (o->failed.code == ERR_OK)
		o->failed = e;
}

static void add(struct origin *o, const char *field, const struct mime_address *found)
{
	struct origin_address *a = arena_new(o->arena, struct origin_address, 1);

	if (!a || address_join(o->arena, found->mailbox, found->host, &a->address).code != ERR_OK) {
		fail(o, ERR_NO_MEMORY);
		return;
	}
	a->field = field;
	if (o->last)
		o->last->next = a;
	else
		o->addresses = a;
	o->last = a;
}

/* Is it a word or two, where no reader finds an address? */
static bool names_nobody(const struct mime_address *found)
{
	return found->kind != MIME_ADDRESS_MAILBOX ||
	       (found->host.len == 0 && str_find_char(found->mailbox, '@') == found->mailbox.len);
}

static void read_addresses(struct origin *o, const char *field, uint32_t *count)
{
	str body = mime_header_body(&o->header);
	struct mime_address_reader reader;
	struct mime_address found;
	struct buf scratch;

	buf_init(&scratch, o->arena, LIMIT_HEADER_FIELD);
	mime_address_begin(&reader, body, &scratch);
	while (o->failed.code == ERR_OK && mime_address_next(&reader, &found)) {
		if (names_nobody(&found))
			continue;
		if (++o->count > LIMIT_ORIGIN_ADDRESSES)
			fail(o, (err){ ERR_LIMIT, 0, "From and Sender name more than 100 addresses" });
		++*count;
		add(o, field, &found);
	}
	if (buf_err(&scratch).code != ERR_OK)
		fail(o, buf_err(&scratch));
}

static void field_is_complete(struct origin *o)
{
	if (o->header.field == MIME_FIELD_FROM && ++o->from_fields == 1)
		read_addresses(o, "From", &o->from_addresses);
	if (o->header.field == MIME_FIELD_SENDER && ++o->sender_fields == 1)
		read_addresses(o, "Sender", &o->sender_addresses);
}

/* One line, or what of it is in the chunk. */
static void piece(struct origin *o, str octets)
{
	if (o->begins && octets.ptr[0] == '\r') { /* nothing but CRLF has a CR: the line is empty */
		o->over = true;
		return;
	}
	if (mime_header_piece(&o->header, octets, o->begins)) {
		field_is_complete(o);
		(void)mime_header_piece(&o->header, octets, o->begins); /* the field before it was told */
	}
	o->begins = octets.ptr[octets.len - 1] == '\n';
}

void origin_push(struct origin *o, str octets)
{
	while (!o->over && octets.len > 0 && o->failed.code == ERR_OK && !o->header.cut) {
		size_t lf = str_find_char(octets, '\n');
		size_t size = lf < octets.len ? lf + 1 : octets.len;

		piece(o, str_slice(octets, 0, size));
		octets = str_from(octets, size);
	}
}

err origin_finish(struct origin *o)
{
	if (o->header.cut)
		return (err){ ERR_LIMIT, 0, "the header is too long to be looked at" };
	if (mime_header_end(&o->header))
		field_is_complete(o);
	TRY(o->failed);
	if (o->from_fields == 0)
		return (err){ ERR_SYNTAX, 0, "there is no From field" };
	if (o->from_fields > 1)
		return (err){ ERR_SYNTAX, 0, "there is more than one From field" };
	if (o->from_addresses == 0)
		return (err){ ERR_SYNTAX, 0, "there is no address in From" };
	if (o->sender_fields > 1)
		return (err){ ERR_SYNTAX, 0, "there is more than one Sender field" };
	if (o->sender_fields == 1 && o->sender_addresses == 0)
		return (err){ ERR_SYNTAX, 0, "there is no address in Sender" };
	return OK;
}

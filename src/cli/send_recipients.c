#include "cli/send_recipients.h"

#include "base/buf.h"
#include "base/limits.h"
#include "deliver/address.h"
#include "mime/address.h"
#include "mime/header.h"

/* A login: what may stand for an address where there is no domain. */
static bool is_login(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == '\x7f' || strchr("\"\\[]", s.ptr[i]))
			return false;
	return s.len > 0;
}

static bool has_control(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == '\x7f')
			return true;
	return false;
}

static err no_address(struct arena *arena, str text)
{
	while (text.len > 0 && strchr(", ", text.ptr[0])) /* what stood between it and the one before */
		text = str_from(text, 1);
	return err_new(arena, ERR_SYNTAX,
	               "\"" STR_FMT "\" is no address; write it like ann@shop.example, with commas between "
	               "several",
	               STR_ARG(str_slice(text, 0, text.len < 200 ? text.len : 200)));
}

/* local_part "@" domain, quoted where it has to be. `text` is the address as it was written. */
static err path_of(struct arena *arena, str hostname, str text, const struct mime_address *a, str *out)
{
	struct buf plain, path;

	if (a->host.len == 0 && str_find_char(text, '@') < text.len)
		return no_address(arena, text);
	if (a->host.len ? a->doubtful || a->mailbox.len == 0 : !is_login(a->mailbox))
		return no_address(arena, text);
	if (has_control(a->mailbox) || has_control(a->host))
		return no_address(arena, text);
	buf_init(&plain, arena, 2 * LIMIT_PATH);
	buf_add(&plain, a->mailbox);
	buf_add_char(&plain, '@');
	buf_add(&plain, a->host.len ? a->host : hostname);
	buf_init(&path, arena, 4 * LIMIT_PATH);
	address_add(&path, buf_str(&plain));
	if (plain.failed == ERR_LIMIT || path.failed == ERR_LIMIT)
		return err_new(arena, ERR_SYNTAX, "an address is longer than %u octets", LIMIT_PATH);
	TRY(buf_err(&plain));
	TRY(buf_err(&path));
	*out = buf_str(&path);
	return OK;
}

err send_path(struct arena *arena, str hostname, str text, str *out)
{
	struct mime_address_reader reader;
	struct mime_address address, more;
	struct buf scratch;
	str path = { 0 };

	text = str_trim(text);
	if (text.len == 0 || str_eq(text, STR("<>"))) {
		*out = STR("");
		return OK;
	}
	buf_init(&scratch, arena, text.len + 1);
	mime_address_begin(&reader, text, &scratch);
	if (!mime_address_next(&reader, &address) || address.kind != MIME_ADDRESS_MAILBOX)
		return no_address(arena, text);
	TRY(path_of(arena, hostname, text, &address, &path));
	if (mime_address_next(&reader, &more))
		return no_address(arena, text);
	*out = path;
	return OK;
}

err send_recipients_init(struct send_recipients *r, struct arena *arena, str hostname, uint32_t most)
{
	*r = (struct send_recipients){ .arena = arena, .hostname = hostname, .most = most };
	r->paths = arena_new(arena, str, most);
	return r->paths ? OK : ERR_NO_MEMORY;
}

static err add_path(struct send_recipients *r, str path)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (str_eq(r->paths[i], path))
			return OK;
	if (r->count == r->most)
		return err_new(r->arena, ERR_LIMIT,
		               "over %u recipients for one message (limits.recipients); send to the rest in "
		               "another",
		               r->most);
	r->paths[r->count++] = path;
	return OK;
}

err send_recipients_add(struct send_recipients *r, str list)
{
	struct mime_address_reader reader;
	struct mime_address address;
	struct buf scratch;

	buf_init(&scratch, r->arena, list.len + 1);
	mime_address_begin(&reader, list, &scratch);
	for (size_t from = 0; mime_address_next(&reader, &address); from = reader.in.at) {
		str path = { 0 };
		if (address.kind != MIME_ADDRESS_MAILBOX)
			continue;
		TRY(path_of(r->arena, r->hostname, str_slice(list, from, reader.in.at), &address, &path));
		TRY(add_path(r, path));
	}
	return OK;
}

static bool is_one_of(str name, const char *const *list)
{
	for (; *list; list++)
		if (str_eq_nocase(name, str_of(*list)))
			return true;
	return false;
}

err send_recipients_add_header(struct send_recipients *r, str header)
{
	static const char *const first[] = { "To", "Cc", "Bcc", NULL };
	static const char *const resent[] = { "Resent-To", "Resent-Cc", "Resent-Bcc", NULL };
	const char *const *wanted = first;
	struct mime_header_field field;

	for (scan s = { header, 0 }; mime_header_next(&s, &field);)
		if (is_one_of(field.name, resent))
			wanted = resent;
	for (scan s = { header, 0 }; mime_header_next(&s, &field);) {
		struct buf body;
		if (!is_one_of(field.name, wanted))
			continue;
		buf_init(&body, r->arena, field.body.len + 1);
		mime_header_unfold(field.body, &body);
		TRY(buf_err(&body));
		TRY(send_recipients_add(r, buf_str(&body)));
	}
	return OK;
}

#include "deliver/remote.h"

#include "base/ip.h"
#include "base/limits.h"
#include "base/scan.h"
#include "deliver/address.h"
#include "mime/eai.h"
#include "store/queue.h"

void remotes_init(struct remotes *r, struct arena *arena) { *r = (struct remotes){ .arena = arena }; }

static err make_room(struct remotes *r)
{
	size_t used = r->count + r->pending, room = r->room ? 2 * r->room : 4;
	struct remote *wider;

	if (used < r->room)
		return OK;
	wider = arena_alloc(r->arena, room * sizeof *wider);
	if (!wider)
		return ERR_NO_MEMORY;
	if (used > 0)
		memcpy(wider, r->items, used * sizeof *wider);
	r->items = wider;
	r->room = room;
	return OK;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" in one form each (RFC 5321 §4.1.3); false: it is none. */
static bool add_literal(struct buf *out, str domain)
{
	scan s = { domain, 0 };
	ip address;

	if (!scan_char(&s, '['))
		return false;
	scan_word_nocase(&s, STR("IPv6:"));
	str rest = scan_rest(&s), text = str_cut(&rest, ']');
	if (rest.len > 0 || ip_parse(text, &address).code != ERR_OK)
		return false;
	buf_add_char(out, '[');
	ip_format_literal(out, address);
	buf_add_char(out, ']');
	return true;
}

err remotes_add(struct remotes *r, str local_part, str domain, const struct remote *remote)
{
	char name_room[LIMIT_DOMAIN], address_room[LIMIT_PATH], path_room[LIMIT_PATH];
	struct remote one = *remote;
	struct buf name, address, path;

	buf_init_fixed(&name, name_room, sizeof name_room);
	if (!add_literal(&name, domain))
		TRY(eai_add_domain(&name, domain));
	buf_init_fixed(&address, address_room, sizeof address_room);
	buf_add(&address, local_part);
	buf_add_char(&address, '@');
	buf_add(&address, buf_str(&name));
	TRY(buf_err(&address));
	buf_init_fixed(&path, path_room, sizeof path_room);
	address_add(&path, buf_str(&address));
	TRY(buf_err(&path));
	TRY(arena_copy(r->arena, buf_str(&path), &one.forward_path));
	one.domain = address_domain(one.forward_path);
	TRY(make_room(r));
	r->items[r->count + r->pending++] = one;
	return OK;
}

/* The one of the first `count` that goes to the same address. */
static struct remote *find(const struct remotes *r, size_t count, str forward_path)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(r->items[i].forward_path, forward_path))
			return &r->items[i];
	return NULL;
}

size_t remotes_fresh(const struct remotes *r)
{
	size_t fresh = 0;

	for (size_t i = r->count; i < r->count + r->pending; i++)
		fresh += !find(r, i, r->items[i].forward_path);
	return fresh;
}

/* What either wants to hear of. Where one said nothing it hears of failures and delays (RFC 3461 §4.1). */
static uint8_t either(uint8_t a, uint8_t b)
{
	unsigned unsaid = QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY, both;

	if (a == b)
		return a;
	both = ((a ? a : unsaid) | (b ? b : unsaid)) & ~QUEUE_NOTIFY_NEVER;
	return (uint8_t)both;
}

void remotes_keep(struct remotes *r)
{
	size_t end = r->count + r->pending;

	for (size_t i = r->count; i < end; i++) {
		struct remote *same = find(r, r->count, r->items[i].forward_path);

		if (same)
			same->notify = either(same->notify, r->items[i].notify);
		else
			r->items[r->count++] = r->items[i];
	}
	r->pending = 0;
}

void remotes_drop(struct remotes *r) { r->pending = 0; }

void remotes_clear(struct remotes *r) { r->count = r->pending = 0; }

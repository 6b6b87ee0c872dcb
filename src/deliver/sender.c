#include "deliver/sender.h"

#include "base/limits.h"
#include "deliver/address.h"
#include "deliver/lookup.h"
#include "deliver/seen.h"
#include "store/directory.h"

struct walk {
	const struct directory *directory;
	struct arena *arena;
	uint64_t account_id;
	struct seen met; /* aliases: one that many name is walked once */
};

static bool comes_to(struct walk *w, str address, unsigned depth)
{
	struct lookup found;
	bool fresh;

	switch (lookup_address(w->directory, w->arena, address, &found)) {
	case LOOKUP_ACCOUNT:
		return found.account->account_id == w->account_id;
	case LOOKUP_ALIAS:
		break;
	case LOOKUP_FOREIGN:
	case LOOKUP_NOBODY:
	case LOOKUP_NO_OWNER:
	case LOOKUP_BUSY:
		return false;
	}
	if (depth == LIMIT_ALIAS_DEPTH ||
	    seen_add(&w->met, (uint64_t)(uintptr_t)found.alias, &fresh).code != ERR_OK || !fresh)
		return false;
	for (size_t i = 0; i < found.alias->target_count; i++)
		if (comes_to(w, found.alias->targets[i], depth + 1))
			return true;
	return false;
}

bool sender_receives(const struct directory *directory, struct arena *arena, uint64_t account_id, str address)
{
	struct walk w = { .directory = directory, .arena = arena, .account_id = account_id };

	seen_init(&w.met, arena);
	return comes_to(&w, address, 0);
}

/* `from` is an address or @domain. */
static bool covers(str from, str address)
{
	if (from.len > 0 && from.ptr[0] == '@')
		return str_eq(str_from(from, 1), address_domain(address));
	return str_eq(from, address);
}

/* One of those that the app was given, one of them with a "+detail", or of a domain given as a whole. */
static bool app_sends_from(const struct app *app, struct arena *arena, str address)
{
	str base = address;

	(void)address_without_detail(arena, address, &base);
	for (size_t i = 0; i < app->from_count; i++)
		if (covers(app->froms[i], address) || covers(app->froms[i], base))
			return true;
	return false;
}

enum sender_answer sender_check(const struct directory *directory, struct arena *arena,
                                const struct identity *who, str address)
{
	const struct account *account;
	const struct app *app;
	bool own;

	if (!identity_find(directory, who, &account, &app))
		return SENDER_GONE;
	own = app ? app_sends_from(app, arena, address)
	          : sender_receives(directory, arena, account->account_id, address);
	return own ? SENDER_OWN : SENDER_FOREIGN;
}

#include "deliver/local_login.h"

#include "deliver/address.h"

err local_login_init(struct arena *arena, str name, bool root, str hostname,
                     const struct local_allowances *all, struct local_login *out)
{
	struct local_login login = { .anybody = root };

	TRY(arena_copy(arena, name, &login.name));
	TRY(arena_copy(arena, hostname, &login.hostname));
	login.allowed.items = arena_new(arena, struct local_allowance, all->count + 1);
	if (!login.allowed.items)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < all->count; i++) {
		struct local_allowance *own = &login.allowed.items[login.allowed.count];
		if (!str_eq(all->items[i].login, name))
			continue;
		own->login = login.name;
		TRY(arena_copy(arena, all->items[i].from, &own->from));
		login.allowed.count++;
	}
	*out = login;
	return OK;
}

/* Its own address, with any detail. */
static bool is_own(const struct local_login *login, str address)
{
	str local_part = address_local_part(address);

	if (!str_eq_nocase(address_domain(address), login->hostname) ||
	    !str_starts_nocase(local_part, login->name))
		return false;
	return local_part.len == login->name.len || local_part.ptr[login->name.len] == '+';
}

bool local_login_may_send(const struct local_login *login, str address)
{
	if (login->anybody || is_own(login, address))
		return true;
	for (size_t i = 0; i < login->allowed.count; i++) {
		str from = login->allowed.items[i].from;
		if (from.len > 0 && from.ptr[0] == '@'
		            ? str_eq_nocase(str_from(from, 1), address_domain(address))
		            : str_eq_nocase(from, address))
			return true;
	}
	return false;
}

#include "admin/app_froms.h"

#include "base/limits.h"
#include "deliver/address.h"
#include "deliver/lookup.h"
#include "deliver/sender.h"

static err not_reached(struct operation_call *call, const struct account *account, str address)
{
	return err_new(call->arena, ERR_DENIED,
	               "mail to " STR_FMT " does not reach " STR_FMT ", so its apps may not send from it; to "
	               "change that: postrider alias add " STR_FMT " " STR_FMT,
	               STR_ARG(address), STR_ARG(account->address), STR_ARG(address),
	               STR_ARG(account->address));
}

static err check_address(struct operation_call *call, const struct account *account, str address)
{
	struct lookup found;

	switch (lookup_address(call->directory, call->arena, address, &found)) {
	case LOOKUP_ACCOUNT:
		if (found.account->account_id == account->account_id)
			return OK;
		return err_new(call->arena, ERR_DENIED,
		               STR_FMT " is another person's address; make the app in that account: "
		                       "--account " STR_FMT,
		               STR_ARG(address), STR_ARG(found.account->address));
	case LOOKUP_ALIAS:
		return sender_receives(call->directory, call->arena, account->account_id, address)
		               ? OK
		               : not_reached(call, account, address);
	case LOOKUP_FOREIGN:
		return err_new(call->arena, ERR_DENIED,
		               STR_FMT " is of a domain that is not served here; receivers would take such "
		                       "mail for forged. Send from an address of your own domains: "
		                       "postrider domain list",
		               STR_ARG(address));
	case LOOKUP_NOBODY:
	case LOOKUP_NO_OWNER:
		warning_add(call,
		            "nobody gets mail for " STR_FMT ": replies and bounces would be refused; to get "
		            "them: postrider alias add " STR_FMT " " STR_FMT,
		            STR_ARG(address), STR_ARG(address), STR_ARG(account->address));
		return OK;
	case LOOKUP_BUSY:
		break;
	}
	return (err){ ERR_BUSY, 0, "the directory can't be asked now; try again" };
}

/* An app sends in its account's name: from an address whose mail reaches it, from one of our domains that
 * nobody has, from a whole domain where the owner says so; never from another person's address. */
static err check_from(struct operation_call *call, const struct account *account, str from)
{
	const struct domain *domain;

	if (from.ptr[0] != '@')
		return check_address(call, account, from);
	if (directory_find_domain(call->directory, str_from(from, 1), &domain) == DIRECTORY_FOUND)
		return OK;
	return err_new(call->arena, ERR_DENIED,
	               STR_FMT ": this domain is not served here; see postrider domain list", STR_ARG(from));
}

static bool is_among(const str *list, size_t count, str address)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(list[i], address))
			return true;
	return false;
}

err app_froms_argument(struct operation_call *call, const struct account *account,
                       struct directory_change *change)
{
	const json_t *list = json_object_get(call->arguments, "from");
	size_t named = json_array_size(list), n = 0;

	if (named > LIMIT_APP_FROMS)
		return err_new(call->arena, ERR_LIMIT,
		               "an app sends from at most %u addresses; @shop.example "
		               "stands for all of a domain",
		               LIMIT_APP_FROMS);
	str *froms = arena_new(call->arena, str, named + 1);
	if (!froms)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < named; i++) {
		const json_t *text = json_array_get(list, i);
		str typed = { json_string_value(text), json_string_length(text) };

		err e = address_normalise_alias(call->arena, json_is_string(text) ? typed : STR(""),
		                                &froms[n]);
		if (e.code != ERR_OK)
			return err_wrap(call->arena, e, "from \"" STR_FMT "\"", STR_ARG(typed));
		TRY(check_from(call, account, froms[n]));
		n += !is_among(froms, n, froms[n]);
	}
	if (n == 0)
		TRY(arena_copy(call->arena, account->address, &froms[n++]));
	change->targets = froms;
	change->target_count = n;
	return OK;
}

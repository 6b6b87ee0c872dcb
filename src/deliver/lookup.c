#include "deliver/lookup.h"

#include "deliver/address.h"
#include "store/directory.h"

/* The account or alias of exactly this address. */
static enum lookup_answer exactly(const struct directory *directory, str address, struct lookup *out)
{
	enum directory_answer found = directory_find_account(directory, address, &out->account);

	if (found == DIRECTORY_FOUND)
		return LOOKUP_ACCOUNT;
	if (found == DIRECTORY_ABSENT)
		found = directory_find_alias(directory, address, &out->alias);
	if (found == DIRECTORY_FOUND)
		return LOOKUP_ALIAS;
	return found == DIRECTORY_ABSENT ? LOOKUP_NOBODY : LOOKUP_BUSY;
}

/* Somebody must hear these. */
static bool is_role(str local_part)
{
	return str_eq(local_part, STR("postmaster")) || str_eq(local_part, STR("abuse"));
}

enum lookup_answer lookup_address(const struct directory *directory, struct arena *arena, str address,
                                  struct lookup *out)
{
	const struct domain *domain;
	enum lookup_answer answer;
	str local_part = address_local_part(address), base = address;

	*out = (struct lookup){ 0 };
	if (directory_find_domain(directory, address_domain(address), &domain) != DIRECTORY_FOUND)
		return LOOKUP_FOREIGN;
	answer = exactly(directory, address, out);
	if (answer != LOOKUP_NOBODY)
		return answer;
	if (address_without_detail(arena, address, &base)) {
		answer = exactly(directory, base, out);
		if (answer != LOOKUP_NOBODY)
			return answer;
	}
	if (is_role(address_local_part(base)) && domain->first_account) {
		out->account = domain->first_account;
		return LOOKUP_ACCOUNT;
	}
	if (directory_find_alias(directory, str_from(address, local_part.len), &out->alias) ==
	    DIRECTORY_FOUND)
		return LOOKUP_ALIAS;
	return is_role(address_local_part(base)) ? LOOKUP_NO_OWNER : LOOKUP_NOBODY;
}

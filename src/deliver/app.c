#include "deliver/app.h"

#include "deliver/address.h"

static bool is_given(const struct app *app, str address)
{
	for (size_t i = 0; i < app->from_count; i++) {
		str from = app->froms[i];
		bool whole_domain = from.len && from.ptr[0] == '@';
		if (whole_domain ? str_eq(str_from(from, 1), address_domain(address)) : str_eq(from, address))
			return true;
	}
	return false;
}

bool app_sends_from(const struct app *app, struct arena *arena, str address)
{
	str base = { 0 };

	if (str_find_char(address, '@') == address.len)
		return false;
	return is_given(app, address) ||
	       (address_without_detail(arena, address, &base) && is_given(app, base));
}

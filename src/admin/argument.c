#include "admin/operation_internal.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "deliver/address.h"

err argument_text(struct operation_call *call, const char *name, str *out)
{
	const json_t *value = json_object_get(call->arguments, name);

	if (!json_is_string(value)) {
		call->usage = true;
		return err_new(call->arena, ERR_SYNTAX, "\"%s\" is missing or no string", name);
	}
	*out = (str){ json_string_value(value), json_string_length(value) };
	return OK;
}

err argument_optional(struct operation_call *call, const char *name, str *out)
{
	const json_t *value = json_object_get(call->arguments, name);

	*out = STR("");
	return value && !json_is_null(value) ? argument_text(call, name, out) : OK;
}

err argument_domain(struct operation_call *call, const char *name, str *out)
{
	str text = { 0 };

	TRY(argument_text(call, name, &text));
	err e = domain_normalise(call->arena, text, out);
	return e.code == ERR_OK ? OK : err_wrap(call->arena, e, "domain \"" STR_FMT "\"", STR_ARG(text));
}

err argument_address(struct operation_call *call, const char *name, str *out)
{
	str text = { 0 };

	TRY(argument_text(call, name, &text));
	err e = address_normalise(call->arena, text, out);
	return e.code == ERR_OK ? OK : err_wrap(call->arena, e, "address \"" STR_FMT "\"", STR_ARG(text));
}

err argument_account(struct operation_call *call, const char *name, const struct account **out)
{
	const struct alias *alias;
	str address = { 0 };

	TRY(argument_address(call, name, &address));
	if (directory_find_account(call->directory, address, out) == DIRECTORY_FOUND)
		return OK;
	if (directory_find_alias(call->directory, address, &alias) == DIRECTORY_FOUND)
		return err_new(call->arena, ERR_MISSING,
		               STR_FMT " is an alias, not an account; see postrider alias list",
		               STR_ARG(address));
	return err_new(call->arena, ERR_MISSING, "no account " STR_FMT "; see postrider account list",
	               STR_ARG(address));
}

err argument_known_domain(struct operation_call *call, const char *name, const struct domain **out)
{
	str domain = { 0 };

	TRY(argument_domain(call, name, &domain));
	if (directory_find_domain(call->directory, domain, out) == DIRECTORY_FOUND)
		return OK;
	return err_new(call->arena, ERR_MISSING, "no domain " STR_FMT "; see postrider domain list",
	               STR_ARG(domain));
}

err address_domain_is_ours(struct operation_call *call, str address)
{
	const struct domain *domain;
	str name = str_from(address, str_rfind_char(address, '@') + 1);

	if (directory_find_domain(call->directory, name, &domain) == DIRECTORY_FOUND)
		return OK;
	return err_new(call->arena, ERR_MISSING,
	               STR_FMT ": the domain " STR_FMT
	                       " is not served here; add it first: postrider domain add " STR_FMT,
	               STR_ARG(address), STR_ARG(name), STR_ARG(name));
}

err change_new(struct operation_call *call, enum directory_change_kind kind, str name,
               struct directory_change **out)
{
	return change_new_about(call, kind, name, name, out);
}

err change_new_about(struct operation_call *call, enum directory_change_kind kind, str name, str about,
                     struct directory_change **out)
{
	static const char *const words[] = {
		[DIRECTORY_DOMAIN_ADD] = "domain added",
		[DIRECTORY_DOMAIN_REMOVE] = "domain removed",
		[DIRECTORY_ACCOUNT_ADD] = "account added",
		[DIRECTORY_ACCOUNT_REMOVE] = "account removed",
		[DIRECTORY_ACCOUNT_RENAME] = "account renamed",
		[DIRECTORY_ACCOUNT_PASSWORD] = "password set",
		[DIRECTORY_ACCOUNT_STATE] = "account suspended or resumed",
		[DIRECTORY_ACCOUNT_QUOTA] = "quota set",
		[DIRECTORY_ALIAS_PUT] = "alias set",
		[DIRECTORY_ALIAS_REMOVE] = "alias removed",
		[DIRECTORY_ACCOUNT_NAME] = "name set",
		[DIRECTORY_APP_ADD] = "app added",
		[DIRECTORY_APP_PASSWORD] = "app got a new password",
		[DIRECTORY_APP_SENDING] = "app got other addresses or another limit",
		[DIRECTORY_APP_REMOVE] = "app revoked",
		[DIRECTORY_ROUTE_PUT] = "route set",
		[DIRECTORY_ROUTE_REMOVE] = "route removed",
	};
	struct directory_change *change = arena_new(call->arena, struct directory_change, 1);
	struct buf line;

	if (!change)
		return ERR_NO_MEMORY;
	buf_init(&line, call->arena, LIMIT_LOG_LINE);
	log_format(&line, clock_now(), EV_DIRECTORY_CHANGED,
	           (const struct log_field[]){ LOG_Z("what", words[kind]), LOG_STR("name", about), { 0 } });
	TRY(buf_err(&line));
	/* A copy: a name taken from the directory goes with that snapshot, and finish looks at a newer one.
	 */
	TRY(arena_copy(call->arena, name, &change->name));
	change->kind = kind;
	change->event = buf_str(&line);
	call->change = change;
	*out = change;
	return OK;
}

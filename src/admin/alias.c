#include "admin/operation_internal.h"

#include "base/limits.h"
#include "deliver/address.h"

/* Does mail to `address` come to `to` by way of aliases? Bounded by the depth that delivery follows: a chain
 * that is deeper counts as one that does. */
static bool mail_reaches(const struct operation_call *call, str to, str address, unsigned depth)
{
	const struct alias *alias;

	if (str_eq(address, to) || depth >= LIMIT_ALIAS_DEPTH)
		return true;
	if (directory_find_alias(call->directory, address, &alias) != DIRECTORY_FOUND)
		return false;
	for (size_t i = 0; i < alias->target_count; i++)
		if (mail_reaches(call, to, alias->targets[i], depth + 1))
			return true;
	return false;
}

static err check_target(struct operation_call *call, str alias, str target)
{
	const struct domain *domain;
	const struct account *account;
	const struct alias *other;

	if (directory_find_domain(call->directory, address_domain(target), &domain) != DIRECTORY_FOUND)
		return OK; /* at another server: whether it exists is known there */
	/* Before the question whether it exists: an alias that is only about to be made may name itself. A
	 * chain deeper than delivery follows is a loop by definition. */
	if (mail_reaches(call, alias, target, 1))
		return err_new(call->arena, ERR_SYNTAX,
		               STR_FMT " -> " STR_FMT
		                       " would be a loop (or a chain of more than %u aliases); "
		                       "name an account instead",
		               STR_ARG(alias), STR_ARG(target), LIMIT_ALIAS_DEPTH);
	if (directory_find_account(call->directory, target, &account) != DIRECTORY_FOUND &&
	    directory_find_alias(call->directory, target, &other) != DIRECTORY_FOUND)
		return err_new(call->arena, ERR_MISSING,
		               "target " STR_FMT " is neither an account nor an alias; add it first: "
		               "postrider account add " STR_FMT,
		               STR_ARG(target), STR_ARG(target));
	return OK;
}

static bool has_target(const str *targets, size_t count, str target)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(targets[i], target))
			return true;
	return false;
}

/* The argument "targets", normalised, each once; room for `extra` more before them. */
static err targets_argument(struct operation_call *call, size_t extra, str **out, size_t *count)
{
	const json_t *list = json_object_get(call->arguments, "targets");
	size_t named = list ? json_array_size(list) : 0, n = extra;

	if (extra + named > LIMIT_ALIAS_TARGETS)
		return err_new(call->arena, ERR_LIMIT, "an alias has at most %u targets",
		               LIMIT_ALIAS_TARGETS);
	str *targets = arena_new(call->arena, str, extra + named + 1);
	if (!targets)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < named; i++) {
		const json_t *text = json_array_get(list, i);
		str typed = { json_string_value(text), json_string_length(text) };

		err e = address_normalise(call->arena, json_is_string(text) ? typed : STR(""), &targets[n]);
		if (e.code != ERR_OK)
			return err_wrap(call->arena, e, "target \"" STR_FMT "\"", STR_ARG(typed));
		n += !has_target(targets + extra, n - extra, targets[n]);
	}
	*out = targets;
	*count = n;
	return OK;
}

static err alias_argument(struct operation_call *call, str *out)
{
	str text = { 0 };

	TRY(argument_text(call, "address", &text));
	err e = address_normalise_alias(call->arena, text, out);
	return e.code == ERR_OK ? OK : err_wrap(call->arena, e, "alias \"" STR_FMT "\"", STR_ARG(text));
}

/* Adding to an alias that exists means these targets too: "sales@ also to bob" needs no other word. */
err alias_add_prepare(struct operation_call *call)
{
	struct directory_change *change;
	const struct account *account;
	const struct alias *known = NULL;
	str address = { 0 }, *targets = NULL;
	size_t count = 0, held = 0;

	TRY(alias_argument(call, &address));
	TRY(address_domain_is_ours(call, address));
	if (directory_find_account(call->directory, address, &account) == DIRECTORY_FOUND)
		return err_new(call->arena, ERR_EXISTS,
		               STR_FMT " is an account; an alias needs an address of its own",
		               STR_ARG(address));
	if (directory_find_alias(call->directory, address, &known) == DIRECTORY_FOUND)
		held = known->target_count;
	TRY(targets_argument(call, held, &targets, &count));
	for (size_t i = held; i < count; i++)
		TRY(check_target(call, address, targets[i]));

	size_t n = held;
	for (size_t i = 0; i < held; i++)
		targets[i] = known->targets[i];
	for (size_t i = held; i < count; i++)
		if (!has_target(targets, held, targets[i]))
			targets[n++] = targets[i];
	if (n == 0) {
		call->usage = true;
		return err_new(call->arena, ERR_SYNTAX, "alias " STR_FMT ": no targets", STR_ARG(address));
	}
	if (n == held)
		return err_new(call->arena, ERR_EXISTS, "alias " STR_FMT " has these targets already",
		               STR_ARG(address));
	TRY(change_new(call, DIRECTORY_ALIAS_PUT, address, &change));
	change->targets = targets;
	change->target_count = n;
	return OK;
}

err alias_finish(struct operation_call *call)
{
	const struct alias *alias;

	if (directory_find_alias(call->directory, call->change->name, &alias) != DIRECTORY_FOUND)
		return (err){ ERR_MISSING, 0, "the alias was removed again meanwhile" };
	return answer_set(call, json_of_alias(alias));
}

/* Without targets the whole alias; with targets only these, and the alias with its last one. */
err alias_remove_prepare(struct operation_call *call)
{
	struct directory_change *change;
	const struct alias *alias;
	str address = { 0 }, *gone = NULL;
	size_t gone_count = 0, n = 0;

	TRY(alias_argument(call, &address));
	if (directory_find_alias(call->directory, address, &alias) != DIRECTORY_FOUND)
		return err_new(call->arena, ERR_MISSING, "no alias " STR_FMT "; see postrider alias list",
		               STR_ARG(address));
	TRY(targets_argument(call, 0, &gone, &gone_count));
	for (size_t i = 0; i < gone_count; i++)
		if (!has_target(alias->targets, alias->target_count, gone[i]))
			return err_new(call->arena, ERR_MISSING, STR_FMT " is no target of " STR_FMT,
			               STR_ARG(gone[i]), STR_ARG(address));
	if (gone_count == 0 || gone_count == alias->target_count)
		return change_new(call, DIRECTORY_ALIAS_REMOVE, address, &change);

	str *kept = arena_new(call->arena, str, alias->target_count);
	if (!kept)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < alias->target_count; i++)
		if (!has_target(gone, gone_count, alias->targets[i]))
			kept[n++] = alias->targets[i];
	TRY(change_new(call, DIRECTORY_ALIAS_PUT, address, &change));
	change->targets = kept;
	change->target_count = n;
	return OK;
}

err alias_remove_finish(struct operation_call *call)
{
	return call->change->kind == DIRECTORY_ALIAS_PUT ? alias_finish(call) : removed_finish(call);
}

err alias_list_prepare(struct operation_call *call)
{
	size_t count;
	const struct alias *const *aliases = directory_aliases(call->directory, &count);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_of_alias(aliases[i]));
	return answer_set(call, list);
}

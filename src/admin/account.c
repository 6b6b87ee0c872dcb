#include "admin/operation_internal.h"

#include "admin/config.h"
#include "auth/password.h"
#include "auth/secret.h"
#include "base/limits.h"

/* Sets the change's password from the argument "password", or "password_hash" for one that comes from another
 * server. */
static err password_argument(struct operation_call *call, str address, str *phc)
{
	str password = { 0 };

	if (json_object_get(call->arguments, "password_hash")) {
		TRY(argument_text(call, "password_hash", &password));
		if (!password_is_hash(password))
			return (err){ ERR_SYNTAX, 0, "the password hash is no Argon2id PHC string" };
		*phc = password;
		return OK;
	}
	TRY(argument_text(call, "password", &password));
	const char *weak = password_weakness(password, address);
	if (weak)
		warning_add(call, "this password is easy to guess: %s", weak);
	TRY(password_hash(call->arena, password, phc));
	return call->config->auth.scram ? password_add_scram(call->arena, password, *phc, phc) : OK;
}

static err quota_argument(struct operation_call *call, uint64_t *out)
{
	const json_t *value = json_object_get(call->arguments, "quota_octets");

	if (!value || json_is_null(value))
		return OK;
	if (!json_is_integer(value) || json_integer_value(value) < 0) {
		call->usage = true;
		return (err){ ERR_SYNTAX, 0, "\"quota_octets\" is no number of octets" };
	}
	*out = (uint64_t)json_integer_value(value);
	return OK;
}

/* An address that may be given to an account: in a domain of ours and nobody's yet. */
static err free_address(struct operation_call *call, const char *name, str *out)
{
	const struct account *account;
	const struct alias *alias;
	str address = { 0 };

	TRY(argument_address(call, name, &address));
	TRY(address_domain_is_ours(call, address));
	if (directory_find_account(call->directory, address, &account) == DIRECTORY_FOUND)
		return err_new(call->arena, ERR_EXISTS, "account " STR_FMT " is there already",
		               STR_ARG(address));
	if (directory_find_alias(call->directory, address, &alias) == DIRECTORY_FOUND)
		return err_new(call->arena, ERR_EXISTS,
		               STR_FMT
		               " is an alias already; remove it first: postrider alias remove " STR_FMT,
		               STR_ARG(address), STR_ARG(address));
	if (str_find_char(address, '+') < str_rfind_char(address, '@'))
		return err_new(call->arena, ERR_SYNTAX,
		               STR_FMT ": what follows a + is a detail of an account's address; "
		                       "mail to it reaches the account without any further account",
		               STR_ARG(address));
	*out = address;
	return OK;
}

static err name_argument(struct operation_call *call, str *out)
{
	TRY(argument_text(call, "name", out));
	if (out->len > LIMIT_DISPLAY_NAME)
		return (err){ ERR_LIMIT, LIMIT_DISPLAY_NAME, "the name is longer than 256 octets" };
	return OK;
}

err account_add_prepare(struct operation_call *call)
{
	struct directory_change *change;
	str address = { 0 }, name = { 0 }, phc = { 0 };
	uint64_t quota_octets = 0;

	TRY(free_address(call, "address", &address));
	if (json_object_get(call->arguments, "name"))
		TRY(name_argument(call, &name));
	TRY(quota_argument(call, &quota_octets));
	TRY(password_argument(call, address, &phc));
	TRY(change_new(call, DIRECTORY_ACCOUNT_ADD, address, &change));
	change->display_name = name;
	change->quota_octets = quota_octets;
	change->password = phc;
	return OK;
}

err account_remove_prepare(struct operation_call *call)
{
	struct directory_change *change;
	const struct account *account;
	size_t count;

	TRY(argument_account(call, "address", &account));
	const struct alias *const *aliases = directory_aliases(call->directory, &count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < aliases[i]->target_count; k++)
			if (str_eq(aliases[i]->targets[k], account->address))
				return err_new(call->arena, ERR_DENIED,
				               STR_FMT " is a target of the alias " STR_FMT
				                       "; take it out first: postrider alias remove " STR_FMT
				                       " " STR_FMT,
				               STR_ARG(account->address), STR_ARG(aliases[i]->address),
				               STR_ARG(aliases[i]->address), STR_ARG(account->address));
	return change_new(call, DIRECTORY_ACCOUNT_REMOVE, account->address, &change);
}

err account_list_prepare(struct operation_call *call)
{
	const struct domain *domain = NULL;
	size_t count;
	const struct account *const *accounts = directory_accounts(call->directory, &count);

	if (json_object_get(call->arguments, "domain"))
		TRY(argument_known_domain(call, "domain", &domain));
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		str of = str_from(accounts[i]->address, str_rfind_char(accounts[i]->address, '@') + 1);
		if (!domain || str_eq(of, domain->name))
			json_array_append_new(list, json_of_account(accounts[i]));
	}
	return answer_set(call, list);
}

/* Whose password has no SCRAM verifier: it was set while auth.scram was off, or came as a hash. */
err account_without_scram_prepare(struct operation_call *call)
{
	size_t count;
	const struct account *const *accounts = directory_accounts(call->directory, &count);
	json_t *list = json_array();
	struct scram_verifier verifier;

	for (size_t i = 0; i < count; i++)
		if (accounts[i]->password.len > 0 && !verifier_find_scram(accounts[i]->password, &verifier))
			json_array_append_new(list, json_of_str(accounts[i]->address));
	return answer_set(call, list);
}

err account_show_prepare(struct operation_call *call)
{
	const struct account *account;

	TRY(argument_account(call, "address", &account));
	return answer_set(call, json_of_account(account));
}

err account_password_prepare(struct operation_call *call)
{
	struct directory_change *change;
	const struct account *account;
	str phc = { 0 };

	TRY(argument_account(call, "address", &account));
	TRY(password_argument(call, account->address, &phc));
	TRY(change_new(call, DIRECTORY_ACCOUNT_PASSWORD, account->address, &change));
	change->password = phc;
	return OK;
}

static err set_state(struct operation_call *call, bool suspended)
{
	struct directory_change *change;
	const struct account *account;

	TRY(argument_account(call, "address", &account));
	if (account->suspended == suspended) {
		warning_add(call, STR_FMT " is %s already", STR_ARG(account->address),
		            suspended ? "suspended" : "active");
		return answer_set(call, json_of_account(account));
	}
	TRY(change_new(call, DIRECTORY_ACCOUNT_STATE, account->address, &change));
	change->suspended = suspended;
	return OK;
}

err account_suspend_prepare(struct operation_call *call) { return set_state(call, true); }

err account_resume_prepare(struct operation_call *call) { return set_state(call, false); }

err account_rename_prepare(struct operation_call *call)
{
	struct directory_change *change;
	const struct account *account;
	str new_address = { 0 };

	TRY(argument_account(call, "address", &account));
	TRY(free_address(call, "new_address", &new_address));
	TRY(change_new(call, DIRECTORY_ACCOUNT_RENAME, account->address, &change));
	change->new_name = new_address;
	warning_add(call,
	            "mail to " STR_FMT " is refused from now on; to keep it: postrider alias add " STR_FMT
	            " " STR_FMT,
	            STR_ARG(account->address), STR_ARG(account->address), STR_ARG(new_address));
	return OK;
}

err account_quota_prepare(struct operation_call *call)
{
	struct directory_change *change;
	const struct account *account;
	uint64_t quota_octets = 0;

	TRY(argument_account(call, "address", &account));
	TRY(quota_argument(call, &quota_octets));
	TRY(change_new(call, DIRECTORY_ACCOUNT_QUOTA, account->address, &change));
	change->quota_octets = quota_octets;
	return OK;
}

err account_name_prepare(struct operation_call *call)
{
	struct directory_change *change;
	const struct account *account;
	str name = { 0 };

	TRY(argument_account(call, "address", &account));
	TRY(name_argument(call, &name));
	TRY(change_new(call, DIRECTORY_ACCOUNT_NAME, account->address, &change));
	change->display_name = name;
	return OK;
}

static err answer_account(struct operation_call *call, str address)
{
	const struct account *account;

	if (directory_find_account(call->directory, address, &account) != DIRECTORY_FOUND)
		return (err){ ERR_MISSING, 0, "the account was removed again meanwhile" };
	return answer_set(call, json_of_account(account));
}

err account_finish(struct operation_call *call) { return answer_account(call, call->change->name); }

err account_rename_finish(struct operation_call *call)
{
	return answer_account(call, call->change->new_name);
}

#include "admin/operation_internal.h"

#include "admin/app_froms.h"
#include "admin/config.h"
#include "admin/limit.h"
#include "auth/secret.h"
#include "base/limits.h"
#include "deliver/address.h"
#include "store/app.h"

/* --- answers --- */

/* What a shop's form asks for: where to connect and how. Implicit TLS before STARTTLS (RFC 8314 §3). */
struct submission {
	const char *encryption; /* NULL: nothing listens */
	uint16_t port;
};

static const struct config_listener *tcp_listener(const struct config *config, enum config_protocol protocol)
{
	const struct config_listeners *all = &config->listen[protocol];

	for (size_t i = 0; i < all->count; i++)
		if (all->item[i].path.len == 0)
			return &all->item[i];
	return NULL;
}

static struct submission submission_of(const struct config *config)
{
	const struct config_listener *tls = tcp_listener(config, CONFIG_SUBMISSIONS);
	const struct config_listener *starttls = tcp_listener(config, CONFIG_SUBMISSION);

	if (tls)
		return (struct submission){ "tls", tls->port };
	if (starttls)
		return (struct submission){ "starttls", starttls->port };
	return (struct submission){ 0 };
}

/* "ann+bookings@shop.example" */
static err login_of(struct arena *arena, str address, str name, str *out)
{
	size_t at = str_rfind_char(address, '@');
	struct buf login;

	buf_init(&login, arena, LIMIT_PATH);
	buf_add(&login, str_slice(address, 0, at));
	buf_add_char(&login, '+');
	buf_add(&login, name);
	buf_add(&login, str_from(address, at));
	TRY(buf_err(&login));
	*out = buf_str(&login);
	return OK;
}

static json_t *json_of_limit(const struct app *app)
{
	char octets[32];
	struct buf text;

	if (app->limit_count == 0)
		return json_null();
	buf_init_fixed(&text, octets, sizeof octets);
	limit_format(&text, app->limit_count, app->limit_period_s);
	return json_of_str(buf_str(&text));
}

static json_t *json_of_place(const struct app_try *try)
{
	return try->ms ? json_of_str(str_of(try->from)) : json_null();
}

static json_t *json_of_app(struct operation_call *call, const struct account *account, const struct app *app)
{
	struct submission where = submission_of(call->config);
	struct app_try used, refused;
	json_t *froms = json_array();
	str login = { 0 };

	if (login_of(call->arena, account->address, app->name, &login).code != ERR_OK)
		return NULL;
	app_last_logins(app, &used, &refused);
	for (size_t i = 0; i < app->from_count; i++)
		json_array_append_new(froms, json_of_str(app->froms[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
	                 json_of_str(app->name), "account", json_of_str(account->address), "host",
	                 json_of_str(call->config->hostname), "port",
	                 where.encryption ? json_integer(where.port) : json_null(), "encryption",
	                 where.encryption, "user", json_of_str(login), "from", froms, "limit",
	                 json_of_limit(app), "created", json_of_time(app->created_ms), "last_used",
	                 json_of_time(used.ms), "last_used_from", json_of_place(&used), "last_refused",
	                 json_of_time(refused.ms), "last_refused_from", json_of_place(&refused));
}

static void warn_if_closed(struct operation_call *call)
{
	if (!submission_of(call->config).encryption)
		warning_add(call, "no port for sending is open: set [listen] submissions = [\"[::]:465\"] or "
		                  "submission = [\"[::]:587\"] in the configuration and restart the server");
}

/* --- arguments --- */

static err name_argument(struct operation_call *call, str *out)
{
	str name = { 0 };
	bool wrong = false;

	TRY(argument_text(call, "name", &name));
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		wrong = wrong || !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
	}
	if (wrong || name.len == 0 || name.len > LIMIT_APP_NAME) {
		call->usage = true;
		return err_new(call->arena, ERR_SYNTAX,
		               "\"" STR_FMT "\" is no name for an app: it has 1 to %u lower-case letters, "
		               "digits or hyphens, like bookings or web-shop",
		               STR_ARG(name), LIMIT_APP_NAME);
	}
	*out = name;
	return OK;
}

/* The argument "limit"; none where it is null or absent. */
static err limit_argument(struct operation_call *call, struct directory_change *change)
{
	const json_t *value = json_object_get(call->arguments, "limit");
	str text = { 0 };

	change->limit_count = change->limit_period_s = 0;
	if (!value || json_is_null(value))
		return OK;
	TRY(argument_text(call, "limit", &text));
	err e = limit_parse(text, &change->limit_count, &change->limit_period_s);
	if (e.code == ERR_OK)
		return OK;
	call->usage = true;
	return err_wrap(call->arena, e, "limit \"" STR_FMT "\"", STR_ARG(text));
}

/* --- finding one --- */

struct found_app {
	const struct account *account;
	const struct app *app;
};

/* The apps called `name` in any account; the first is *out. The others are named in `logins`. */
static size_t find_by_name(struct operation_call *call, str name, struct found_app *out, struct buf *logins)
{
	size_t count, n = 0;
	const struct account *const *accounts = directory_accounts(call->directory, &count);

	for (size_t i = 0; i < count; i++) {
		size_t apps_count;
		const struct app *const *apps =
			directory_apps_of(call->directory, accounts[i]->account_id, &apps_count);
		for (size_t a = 0; a < apps_count; a++) {
			str login = { 0 };
			if (!str_eq(apps[a]->name, name))
				continue;
			if (n++ == 0)
				*out = (struct found_app){ accounts[i], apps[a] };
			if (logins->len < LIMIT_ERROR_SENTENCE / 2 &&
			    login_of(call->arena, accounts[i]->address, name, &login).code == ERR_OK) {
				buf_add(logins, n > 1 ? STR(", ") : STR(""));
				buf_add(logins, login);
			}
		}
	}
	return n;
}

/* The app that the argument "name" means: by its login, or by its name where that is one app's only. */
static err app_argument(struct operation_call *call, struct found_app *out)
{
	str name = { 0 }, login = { 0 };
	struct buf logins;

	TRY(argument_text(call, "name", &name));
	if (str_find_char(name, '@') < name.len) {
		TRY(argument_address(call, "name", &login));
		if (directory_find_login(call->directory, login, &out->account, &out->app) ==
		            DIRECTORY_FOUND &&
		    out->app)
			return OK;
		return err_new(call->arena, ERR_MISSING,
		               "no app has the login " STR_FMT "; see postrider app list", STR_ARG(login));
	}
	buf_init(&logins, call->arena, LIMIT_ERROR_SENTENCE + LIMIT_PATH);
	size_t count = find_by_name(call, name, out, &logins);
	if (count == 1)
		return OK;
	if (count == 0)
		return err_new(call->arena, ERR_MISSING,
		               "no app is called \"" STR_FMT "\"; see postrider app list", STR_ARG(name));
	call->usage = true;
	str listed = buf_str(&logins);
	return err_new(call->arena, ERR_SYNTAX,
	               "%zu apps are called " STR_FMT "; name one by its login: " STR_FMT, count,
	               STR_ARG(name), STR_ARG(listed));
}

/* --- the steps --- */

/* A change of one app, told by its login. */
static err app_change_new(struct operation_call *call, enum directory_change_kind kind, str account,
                          str login, str name, struct directory_change **out)
{
	TRY(change_new_about(call, kind, account, login, out));
	return arena_copy(call->arena, name, &(*out)->app_name);
}

/* The login has to be an address, since some forms insist: its local part is bounded. */
static err check_login(struct operation_call *call, const struct account *account, str name)
{
	if (address_local_part(account->address).len + 1 + name.len <= LIMIT_LOCAL_PART)
		return OK;
	return err_new(call->arena, ERR_LIMIT,
	               "the login " STR_FMT "+" STR_FMT
	               " would have more than %u octets; choose a shorter name",
	               STR_ARG(address_local_part(account->address)), STR_ARG(name), LIMIT_LOCAL_PART);
}

err app_add_prepare(struct operation_call *call)
{
	struct directory_change *change;
	const struct account *account;
	str name = { 0 }, login = { 0 };
	size_t count;

	TRY(name_argument(call, &name));
	TRY(argument_account(call, "account", &account));
	TRY(check_login(call, account, name));
	TRY(login_of(call->arena, account->address, name, &login));
	const struct app *const *apps = directory_apps_of(call->directory, account->account_id, &count);
	for (size_t i = 0; i < count; i++)
		if (str_eq(apps[i]->name, name))
			return err_new(call->arena, ERR_EXISTS,
			               "app " STR_FMT " is there already; its settings with a new password: "
			               "postrider app settings " STR_FMT " --new-password",
			               STR_ARG(login), STR_ARG(login));
	TRY(app_change_new(call, DIRECTORY_APP_ADD, account->address, login, name, &change));
	TRY(limit_argument(call, change));
	TRY(app_froms_argument(call, account, change));
	if (account->suspended)
		warning_add(call, STR_FMT " is suspended: the app can't log in until it is resumed",
		            STR_ARG(account->address));
	warn_if_closed(call);
	return secret_make(call->arena, &call->secret, &change->password);
}

err app_password_prepare(struct operation_call *call)
{
	struct directory_change *change;
	struct found_app found;
	str login = { 0 };

	TRY(app_argument(call, &found));
	TRY(login_of(call->arena, found.account->address, found.app->name, &login));
	TRY(app_change_new(call, DIRECTORY_APP_PASSWORD, found.account->address, login, found.app->name,
	                   &change));
	warn_if_closed(call);
	return secret_make(call->arena, &call->secret, &change->password);
}

/* What is not named stays as it is, also where it would not be taken any more. */
err app_change_prepare(struct operation_call *call)
{
	bool froms = json_object_get(call->arguments, "from"),
	     limit = json_object_get(call->arguments, "limit");
	struct directory_change *change;
	struct found_app found;
	str login = { 0 };

	if (!froms && !limit) {
		call->usage = true;
		return (err){ ERR_SYNTAX, 0,
			      "nothing is to be changed: name \"from\" addresses or a \"limit\"" };
	}
	TRY(app_argument(call, &found));
	TRY(login_of(call->arena, found.account->address, found.app->name, &login));
	TRY(app_change_new(call, DIRECTORY_APP_SENDING, found.account->address, login, found.app->name,
	                   &change));
	change->targets = found.app->froms;
	change->target_count = found.app->from_count;
	change->limit_count = found.app->limit_count;
	change->limit_period_s = found.app->limit_period_s;
	if (froms)
		TRY(app_froms_argument(call, found.account, change));
	if (limit)
		TRY(limit_argument(call, change));
	warn_if_closed(call);
	return OK;
}

/* The settings, with a password that was made this once. */
err app_finish(struct operation_call *call)
{
	const struct directory_change *change = call->change;
	const struct account *account;
	size_t count = 0;

	if (directory_find_account(call->directory, change->name, &account) != DIRECTORY_FOUND)
		return (err){ ERR_MISSING, 0, "the account was removed or renamed meanwhile" };
	const struct app *const *apps = directory_apps_of(call->directory, account->account_id, &count);
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(apps[i]->name, change->app_name))
			continue;
		json_t *answer = json_of_app(call, account, apps[i]);
		if (answer && call->secret.len > 0)
			json_object_set_new(answer, "password", json_of_str(call->secret));
		return answer_set(call, answer);
	}
	return (err){ ERR_MISSING, 0, "the app was revoked again meanwhile" };
}

err app_revoke_prepare(struct operation_call *call)
{
	struct directory_change *change;
	struct found_app found;
	str login = { 0 };

	TRY(app_argument(call, &found));
	TRY(login_of(call->arena, found.account->address, found.app->name, &login));
	return app_change_new(call, DIRECTORY_APP_REMOVE, found.account->address, login, found.app->name,
	                      &change);
}

err app_revoke_finish(struct operation_call *call)
{
	str login = { 0 };

	TRY(login_of(call->arena, call->change->name, call->change->app_name, &login));
	return answer_set(call, json_pack("{s:o}", "removed", json_of_str(login)));
}

err app_settings_prepare(struct operation_call *call)
{
	struct found_app found;

	TRY(app_argument(call, &found));
	warn_if_closed(call);
	return answer_set(call, json_of_app(call, found.account, found.app));
}

err app_list_prepare(struct operation_call *call)
{
	const struct account *only = NULL;
	size_t count;
	const struct account *const *accounts = directory_accounts(call->directory, &count);

	if (json_object_get(call->arguments, "account"))
		TRY(argument_account(call, "account", &only));
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		size_t apps_count;
		const struct app *const *apps =
			directory_apps_of(call->directory, accounts[i]->account_id, &apps_count);
		for (size_t a = 0; a < apps_count && (!only || only == accounts[i]); a++)
			json_array_append_new(list, json_of_app(call, accounts[i], apps[a]));
	}
	return answer_set(call, list);
}

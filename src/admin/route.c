#include "admin/operation_internal.h"

#include "admin/config.h"
#include "admin/limit.h"
#include "admin/outbound.h"
#include "admin/smarthost.h"
#include "base/limits.h"
#include "deliver/address.h"

static const char *const tls_names[] = {
	[ROUTE_TLS_NONE] = "none",
	[ROUTE_TLS_MAY] = "may",
	[ROUTE_TLS_REQUIRE] = "require",
	[ROUTE_TLS_VERIFY] = "verify",
};

static const uint32_t periods_s[ROUTE_PERIODS] = {
	[ROUTE_MINUTE] = 60,
	[ROUTE_HOUR] = 3600,
	[ROUTE_DAY] = 86400,
};

const char *route_tls_name(enum route_tls tls) { return tls_names[tls]; }

/* --- out --- */

static json_t *json_of_hosts(const struct route_entry *route)
{
	json_t *list = json_array();

	for (size_t i = 0; i < route->host_count; i++) {
		const struct route_host *h = &route->hosts[i];
		json_array_append_new(list, json_pack("{s:o, s:i, s:o}", "host", json_of_str(h->name), "port",
		                                      (int)h->port, "weight",
		                                      h->weight ? json_of_u64(h->weight) : json_null()));
	}
	return list;
}

static json_t *json_of_limits(const struct route_entry *route)
{
	json_t *list = json_array();

	for (int i = 0; i < ROUTE_PERIODS; i++) {
		char octets[40];
		struct buf text;
		if (route->limits[i] == 0)
			continue;
		buf_init_fixed(&text, octets, sizeof octets);
		limit_format(&text, route->limits[i], periods_s[i]);
		json_array_append_new(list, json_of_str(buf_str(&text)));
	}
	return list;
}

static json_t *text_or_null(str s) { return s.len ? json_of_str(s) : json_null(); }

json_t *json_of_route(const struct route_entry *r)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:s?, s:b, s:o, s:o}", "domain",
	                 json_of_str(r->recipient), "sender", text_or_null(r->sender), "by",
	                 r->host_count ? "smarthost" : "mx", "smarthosts", json_of_hosts(r), "user",
	                 text_or_null(r->user), "token_command", text_or_null(r->token_command), "tls",
	                 r->host_count ? tls_names[r->tls] : NULL, "lmtp", (int)r->lmtp, "limits",
	                 json_of_limits(r), "created", json_of_time(r->created_ms));
}

/* --- in --- */

static err usage(struct operation_call *call, const char *sentence)
{
	call->usage = true;
	return (err){ ERR_SYNTAX, 0, sentence };
}

/* "*", "*.shop.example" or "shop.example". */
static err recipient_argument(struct operation_call *call, str *out)
{
	str text = { 0 }, name = { 0 };
	struct buf joined;

	TRY(argument_text(call, "domain", &text));
	if (str_eq(text, STR("*"))) {
		*out = STR("*");
		return OK;
	}
	bool below = str_starts(text, STR("*."));
	err e = domain_normalise(call->arena, str_from(text, below ? 2 : 0), &name);
	if (e.code != ERR_OK)
		return err_wrap(call->arena, e, "domain \"" STR_FMT "\"", STR_ARG(text));
	buf_init(&joined, call->arena, LIMIT_DOMAIN + 2);
	buf_add(&joined, below ? STR("*.") : STR(""));
	buf_add(&joined, name);
	TRY(buf_err(&joined));
	*out = buf_str(&joined);
	return OK;
}

/* For whom the route is. */
static err key_arguments(struct operation_call *call, struct route_entry *route)
{
	char *octets = arena_new(call->arena, char, ROUTE_KEY);
	str sender = { 0 };

	if (!octets)
		return ERR_NO_MEMORY;
	TRY(recipient_argument(call, &route->recipient));
	TRY(argument_optional(call, "sender", &sender));
	if (sender.len)
		TRY(argument_domain(call, "sender", &route->sender));
	route->key = route_key(octets, route->recipient, route->sender);
	return OK;
}

static err hosts_argument(struct operation_call *call, struct route_entry *route)
{
	bool by_mx = json_is_true(json_object_get(call->arguments, "mx"));
	struct route_host *hosts = arena_new(call->arena, struct route_host, LIMIT_ROUTE_HOSTS);
	str text = { 0 };

	if (!hosts)
		return ERR_NO_MEMORY;
	TRY(argument_optional(call, "smarthosts", &text));
	if (by_mx == (text.len > 0))
		return usage(call, "a route is either --smarthost HOST:PORT or --mx");
	if (by_mx)
		return OK;
	err e = smarthosts_parse(call->arena, text, hosts, &route->host_count);
	call->usage = e.code == ERR_SYNTAX;
	TRY(e);
	route->hosts = hosts;
	for (size_t i = 0; i < route->host_count; i++)
		if (call->config && hosts[i].port == 25 && str_eq(hosts[i].name, call->config->hostname))
			return usage(call,
			             "the smarthost is this server itself: its mail would go in a circle");
	return OK;
}

static err login_arguments(struct operation_call *call, struct route_entry *route)
{
	TRY(argument_optional(call, "user", &route->user));
	TRY(argument_optional(call, "password", &route->secret));
	TRY(argument_optional(call, "token_command", &route->token_command));
	if (route->user.len > LIMIT_ROUTE_TEXT || route->token_command.len > LIMIT_ROUTE_TEXT ||
	    route->secret.len > LIMIT_PASSWORD)
		return (err){ ERR_LIMIT, 0,
			      "user, password and token command have at most 1,024 octets each" };
	bool has_secret = route->secret.len || route->token_command.len;
	if (route->secret.len && route->token_command.len)
		return usage(call, "a route logs in by --password-stdin or by --token-command, not by both");
	if (route->user.len && !has_secret)
		return usage(call, "--user needs --password-stdin or --token-command");
	if (has_secret && !route->user.len)
		return usage(call, "--user is missing: as whom is it to log in?");
	return OK;
}

/* Who logs in wants to know to whom: without another word, `verify`. */
static err tls_argument(struct operation_call *call, struct route_entry *route)
{
	str text = { 0 };

	TRY(argument_optional(call, "tls", &text));
	route->tls = route->user.len ? ROUTE_TLS_VERIFY : ROUTE_TLS_MAY;
	for (enum route_tls t = ROUTE_TLS_NONE; t <= ROUTE_TLS_VERIFY; t++)
		if (str_eq_nocase(text, str_of(tls_names[t]))) {
			route->tls = t;
			text = STR("");
		}
	if (text.len)
		return usage(call, "--tls is one of none, may, require, verify");
	for (size_t i = 0; i < route->host_count; i++)
		if (route->hosts[i].port == 465 && route->tls == ROUTE_TLS_NONE)
			return usage(call, "port 465 is TLS from the first octet: it can't be --tls none");
	if (route->user.len && route->tls <= ROUTE_TLS_MAY)
		warning_add(call, "with --tls %s the password may pass in the clear", tls_names[route->tls]);
	return OK;
}

static err one_limit(struct operation_call *call, const json_t *value, struct route_entry *route)
{
	str text = { json_string_value(value), json_string_length(value) };
	uint32_t count = 0, period_s = 0;

	err e = limit_parse(json_is_string(value) ? text : STR(""), &count, &period_s);
	call->usage = e.code != ERR_OK;
	if (e.code != ERR_OK)
		return err_wrap(call->arena, e, "limit \"" STR_FMT "\"", STR_ARG(text));
	for (int i = 0; i < ROUTE_PERIODS; i++) {
		if (periods_s[i] != period_s)
			continue;
		if (route->limits[i])
			return usage(call,
			             "there are two limits for one period; give one a minute, hour or day");
		route->limits[i] = count;
	}
	return OK;
}

static err limits_argument(struct operation_call *call, struct route_entry *route)
{
	const json_t *list = json_object_get(call->arguments, "limits");

	for (size_t i = 0; i < json_array_size(list); i++)
		TRY(one_limit(call, json_array_get(list, i), route));
	return OK;
}

/* What only counts for smarthosts is no option of a route by MX. */
static err check_mx(struct operation_call *call, const struct route_entry *route)
{
	if (route->host_count == 0 &&
	    (route->user.len || route->lmtp || json_object_get(call->arguments, "tls")))
		return usage(call, "--user, --tls and --lmtp are for smarthosts, not for --mx");
	return OK;
}

/* A route for what is there already replaces it: without a moment in which mail took another way. */
err route_add_prepare(struct operation_call *call)
{
	struct route_entry *route = arena_new(call->arena, struct route_entry, 1);
	const struct route_entry *before;
	struct directory_change *change;
	const struct domain *domain;

	if (!route)
		return ERR_NO_MEMORY;
	TRY(key_arguments(call, route));
	TRY(hosts_argument(call, route));
	route->lmtp = json_is_true(json_object_get(call->arguments, "lmtp"));
	TRY(login_arguments(call, route));
	TRY(check_mx(call, route));
	TRY(tls_argument(call, route));
	TRY(limits_argument(call, route));
	if (directory_find_domain(call->directory, route->recipient, &domain) == DIRECTORY_FOUND)
		warning_add(call, STR_FMT " is served here: its mail takes no route", STR_ARG(domain->name));
	if (directory_find_route(call->directory, route->key, &before) == DIRECTORY_FOUND)
		warning_add(call, "it replaces the route that was there");
	TRY(change_new(call, DIRECTORY_ROUTE_PUT, route->key, &change));
	change->route = route;
	return OK;
}

static void tell_queue(const struct operation_call *call)
{
	if (call->outbound && call->outbound->routes_changed)
		call->outbound->routes_changed(call->outbound->user);
}

err route_finish(struct operation_call *call)
{
	const struct route_entry *route;

	tell_queue(call);
	if (directory_find_route(call->directory, call->change->name, &route) != DIRECTORY_FOUND)
		return (err){ ERR_MISSING, 0, "the route was removed again meanwhile" };
	return answer_set(call, json_of_route(route));
}

err route_remove_prepare(struct operation_call *call)
{
	struct route_entry asked = { 0 };
	const struct route_entry *route;
	struct directory_change *change;

	TRY(key_arguments(call, &asked));
	if (directory_find_route(call->directory, asked.key, &route) != DIRECTORY_FOUND)
		return err_new(call->arena, ERR_MISSING,
		               "no route for " STR_FMT "%s" STR_FMT "; see postrider route list",
		               STR_ARG(asked.recipient), asked.sender.len ? " from " : "",
		               STR_ARG(asked.sender));
	return change_new(call, DIRECTORY_ROUTE_REMOVE, asked.key, &change);
}

err route_remove_finish(struct operation_call *call)
{
	str sender = call->change->name, recipient = str_cut(&sender, ' ');

	tell_queue(call);
	return answer_set(call, json_pack("{s:o, s:o}", "removed", json_of_str(recipient), "sender",
	                                  text_or_null(sender)));
}

err route_list_prepare(struct operation_call *call)
{
	size_t count;
	const struct route_entry *const *routes = directory_routes(call->directory, &count);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_of_route(routes[i]));
	return answer_set(call, list);
}

/* Where would mail to an address go, and why: every decision as a sentence, nothing sent. */
#include <stdarg.h>
#include <stdio.h>

#include "admin/limit.h"
#include "admin/operation_internal.h"
#include "admin/outbound.h"
#include "admin/smarthost.h"
#include "base/limits.h"
#include "deliver/address.h"
#include "deliver/lookup.h"
#include "deliver/routes.h"

static void decide(struct operation_call *call, json_t *decisions, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void decide(struct operation_call *call, json_t *decisions, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err sentence = err_new_list(call->arena, ERR_OK, format, args);
	va_end(args);
	json_array_append_new(decisions, json_of_str(str_of(sentence.what)));
}

static void explain_local(struct operation_call *call, str address, json_t *decisions)
{
	struct lookup found = { 0 };
	str domain = address_domain(address);

	decide(call, decisions, STR_FMT " is served here: no route is looked for", STR_ARG(domain));
	switch (lookup_address(call->directory, call->arena, address, &found)) {
	case LOOKUP_ACCOUNT:
		decide(call, decisions, "it goes into the mailbox of " STR_FMT "%s",
		       STR_ARG(found.account->address),
		       found.account->suspended ? ", which is suspended" : "");
		return;
	case LOOKUP_ALIAS:
		decide(call, decisions, "alias " STR_FMT " leads to:", STR_ARG(found.alias->address));
		for (size_t i = 0; i < found.alias->target_count; i++)
			decide(call, decisions, "  " STR_FMT, STR_ARG(found.alias->targets[i]));
		return;
	case LOOKUP_NO_OWNER:
		decide(call, decisions,
		       "the domain has no account yet that could have it: it is refused for now");
		return;
	case LOOKUP_FOREIGN:
	case LOOKUP_NOBODY:
	case LOOKUP_BUSY:
		decide(call, decisions, "nobody has this address: it is refused");
		return;
	}
}

static const char *why(const struct route_entry *r)
{
	if (str_eq(r->recipient, STR("*")))
		return "no other route is for this domain";
	return str_starts(r->recipient, STR("*.")) ? "the domain is below it"
	                                           : "it is for exactly this domain";
}

static void explain_hosts(struct operation_call *call, const struct route_entry *r, json_t *decisions)
{
	static const char *const tls[] = {
		[ROUTE_TLS_NONE] = "TLS: never",
		[ROUTE_TLS_MAY] = "TLS: where the host offers it, whatever its certificate",
		[ROUTE_TLS_REQUIRE] = "TLS: always, whatever the certificate; else it waits",
		[ROUTE_TLS_VERIFY] =
			"TLS: always, with a trusted certificate for the host's name; else it waits",
	};
	bool weighted = r->hosts[0].weight != 0;

	decide(call, decisions, "it goes to %s, by %s:",
	       r->host_count == 1 ? "one smarthost"
	       : weighted         ? "one of these smarthosts, by their weights"
	                          : "the first of these smarthosts that takes it",
	       r->lmtp ? "LMTP" : "SMTP");
	for (size_t i = 0; i < r->host_count; i++) {
		char octets[LIMIT_DOMAIN + 8], weight[24] = "";
		struct buf text;
		buf_init_fixed(&text, octets, sizeof octets);
		smarthost_add(&text, &r->hosts[i]);
		if (weighted)
			snprintf(weight, sizeof weight, ", weight %u", r->hosts[i].weight);
		decide(call, decisions, "  " STR_FMT "%s%s", STR_ARG(buf_str(&text)),
		       r->hosts[i].port == 465 ? ", TLS from the first octet" : "", weight);
	}
	decide(call, decisions, "%s", tls[r->tls]);
	if (r->user.len)
		decide(call, decisions, "it logs in as " STR_FMT " with %s", STR_ARG(r->user),
		       r->token_command.len ? "a token that a command prints" : "its password");
	else
		decide(call, decisions, "it does not log in");
}

static void explain_limits(struct operation_call *call, const struct route_entry *r, json_t *decisions)
{
	static const char *const periods[] = { "minute", "hour", "day" };

	for (int i = 0; i < ROUTE_PERIODS; i++)
		if (r->limits[i])
			decide(call, decisions, "at most %u recipients in any %s take this route",
			       r->limits[i], periods[i]);
}

static const char *explain_route(struct operation_call *call, str domain, const struct route_entry *r,
                                 json_t *decisions)
{
	decide(call, decisions, STR_FMT " is not served here", STR_ARG(domain));
	if (!r) {
		decide(call, decisions, "no route is for it: it goes by MX");
		return "mx";
	}
	decide(call, decisions, "the route for " STR_FMT "%s" STR_FMT " counts: %s%s", STR_ARG(r->recipient),
	       r->sender.len ? " from " : "", STR_ARG(r->sender), why(r),
	       r->sender.len ? ", and for this sender's domain" : "");
	if (r->host_count)
		explain_hosts(call, r, decisions);
	else
		decide(call, decisions, "it goes by MX");
	explain_limits(call, r, decisions);
	return r->host_count ? "smarthost" : "mx";
}

/* What DNS says is a running queue's to know: its first host, or the domain's MX. */
static err ask_dns(struct operation_call *call, str domain, const struct route_entry *route)
{
	struct outbound_lookup *lookup = arena_new(call->arena, struct outbound_lookup, 1);
	bool is_host = route && route->host_count;

	if (!lookup)
		return ERR_NO_MEMORY;
	lookup->is_host = is_host;
	call->lookup = lookup;
	/* A copy: the route goes with the snapshot. */
	return arena_copy(call->arena, is_host ? route->hosts[0].name : domain, &lookup->name);
}

err route_explain_prepare(struct operation_call *call)
{
	str address = { 0 }, from = { 0 };
	const struct route_entry *route = NULL;
	const struct domain *ours;
	const char *by = "mailbox";

	TRY(argument_address(call, "address", &address));
	TRY(argument_optional(call, "from", &from));
	if (from.len)
		TRY(argument_address(call, "from", &from));
	str domain = address_domain(address);
	json_t *decisions = json_array();
	if (directory_find_domain(call->directory, domain, &ours) == DIRECTORY_FOUND) {
		explain_local(call, address, decisions);
	} else {
		route = routes_choose(call->directory, domain, from.len ? address_domain(from) : STR(""));
		by = explain_route(call, domain, route, decisions);
		err e = ask_dns(call, domain, route);
		if (e.code != ERR_OK) {
			json_decref(decisions);
			return e;
		}
	}
	return answer_set(call,
	                  json_pack("{s:o, s:o, s:s, s:o, s:o}", "address", json_of_str(address), "from",
	                            from.len ? json_of_str(from) : json_null(), "by", by, "route",
	                            route ? json_of_route(route) : json_null(), "decisions", decisions));
}

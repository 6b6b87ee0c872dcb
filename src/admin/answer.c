#include <stdarg.h>

#include "admin/operation_internal.h"

#include "base/clock.h"
#include "base/limits.h"

err answer_set(struct operation_call *call, json_t *answer)
{
	if (!answer)
		return ERR_NO_MEMORY;
	json_decref(call->answer);
	call->answer = answer;
	return OK;
}

json_t *json_of_str(str s)
{
	json_t *text = json_stringn(s.len ? s.ptr : "", s.len);

	/* jansson refuses what is not UTF-8; the log's writer knows how to show it. */
	return text ? text : json_string("\xef\xbf\xbd");
}

json_t *json_of_u64(uint64_t n) { return json_integer((json_int_t)n); }

json_t *json_of_time(int64_t time_ms)
{
	char octets[40];
	struct buf text;

	if (time_ms == 0)
		return json_null();
	buf_init_fixed(&text, octets, sizeof octets);
	clock_add_rfc3339(&text, time_ms);
	return json_of_str(buf_str(&text));
}

json_t *json_of_domain(const struct domain *domain)
{
	return json_pack("{s:o, s:i, s:i}", "domain", json_of_str(domain->name), "accounts",
	                 (int)domain->accounts, "aliases", (int)domain->aliases);
}

json_t *json_of_account(const struct account *account)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "address", json_of_str(account->address),
	                 "name", account->name.len ? json_of_str(account->name) : json_null(), "state",
	                 account->suspended ? "suspended" : "active", "quota_octets",
	                 account->quota_octets ? json_of_u64(account->quota_octets) : json_null(),
	                 "used_octets", json_of_u64(atomic_load(&account->usage->octets)), "messages",
	                 json_of_u64(atomic_load(&account->usage->messages)), "created",
	                 json_of_time(account->created_ms));
}

json_t *json_of_alias(const struct alias *alias)
{
	json_t *targets = json_array();

	for (size_t i = 0; i < alias->target_count; i++)
		json_array_append_new(targets, json_of_str(alias->targets[i]));
	return json_pack("{s:o, s:o}", "address", json_of_str(alias->address), "targets", targets);
}

void warning_add(struct operation_call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err sentence = err_new_list(call->arena, ERR_OK, format, args);
	va_end(args);
	if (!call->warnings)
		call->warnings = json_array();
	json_array_append_new(call->warnings, json_of_str(str_of(sentence.what)));
}

err removed_finish(struct operation_call *call)
{
	return answer_set(call, json_pack("{s:o}", "removed", json_of_str(call->change->name)));
}

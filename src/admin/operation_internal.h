/* admin/operation_internal.h: what the files of operations share: arguments in, answers out, the steps that
 * the table names. Only for admin/.
 */
#ifndef ADMIN_OPERATION_INTERNAL_H
#define ADMIN_OPERATION_INTERNAL_H

#include "admin/operation.h"

/* --- arguments --- */

/* The argument `name` as a string; its octets live as long as the arguments. ERR_SYNTAX absent or none. */
err argument_text(struct operation_call *call, const char *name, str *out) MUST_USE;

/* The same; empty where it is absent or null. */
err argument_optional(struct operation_call *call, const char *name, str *out) MUST_USE;

/* The same, normalised as a domain or an address with a local part, in the call's arena. */
err argument_domain(struct operation_call *call, const char *name, str *out) MUST_USE;
err argument_address(struct operation_call *call, const char *name, str *out) MUST_USE;

/* The account or domain that an argument names. ERR_MISSING with a sentence. */
err argument_account(struct operation_call *call, const char *name, const struct account **out) MUST_USE;
err argument_known_domain(struct operation_call *call, const char *name, const struct domain **out) MUST_USE;

/* The domain part of a normalised address, which must be one of ours. */
err address_domain_is_ours(struct operation_call *call, str address) MUST_USE;

/* --- answers --- */

/* Takes `answer` over; NULL is ERR_NOSPACE. */
err answer_set(struct operation_call *call, json_t *answer) MUST_USE;

json_t *json_of_str(str s); /* text of ours; what is not UTF-8 becomes U+FFFD */
json_t *json_of_u64(uint64_t n);
json_t *json_of_time(int64_t time_ms); /* RFC 3339; 0 is null */
json_t *json_of_domain(const struct domain *domain);
json_t *json_of_account(const struct account *account);
json_t *json_of_alias(const struct alias *alias);
json_t *json_of_route(const struct route_entry *route); /* never its secret */

/* "none", "may", "require", "verify" */
const char *route_tls_name(enum route_tls tls);

/* Adds a sentence to the call's warnings. */
void warning_add(struct operation_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- changes --- */

/* A change of `kind` for `name`, with its event line, in the arena; it becomes call->change. */
err change_new(struct operation_call *call, enum directory_change_kind kind, str name,
               struct directory_change **out) MUST_USE;

/* The same with another name for the event line. */
err change_new_about(struct operation_call *call, enum directory_change_kind kind, str name, str about,
                     struct directory_change **out) MUST_USE;

/* --- the steps in the table --- */
err domain_add_prepare(struct operation_call *call);
err domain_add_finish(struct operation_call *call);
err domain_remove_prepare(struct operation_call *call);
err domain_list_prepare(struct operation_call *call);
err domain_show_prepare(struct operation_call *call);
err account_add_prepare(struct operation_call *call);
err account_remove_prepare(struct operation_call *call);
err account_list_prepare(struct operation_call *call);
err account_without_scram_prepare(struct operation_call *call);
err account_show_prepare(struct operation_call *call);
err account_password_prepare(struct operation_call *call);
err account_suspend_prepare(struct operation_call *call);
err account_resume_prepare(struct operation_call *call);
err account_rename_prepare(struct operation_call *call);
err account_rename_finish(struct operation_call *call);
err account_quota_prepare(struct operation_call *call);
err account_name_prepare(struct operation_call *call);
err account_finish(struct operation_call *call);
err alias_add_prepare(struct operation_call *call);
err alias_finish(struct operation_call *call);
err alias_remove_prepare(struct operation_call *call);
err alias_remove_finish(struct operation_call *call);
err alias_list_prepare(struct operation_call *call);
err app_add_prepare(struct operation_call *call);
err app_password_prepare(struct operation_call *call);
err app_change_prepare(struct operation_call *call);
err app_finish(struct operation_call *call);
err app_revoke_prepare(struct operation_call *call);
err app_revoke_finish(struct operation_call *call);
err app_settings_prepare(struct operation_call *call);
err app_list_prepare(struct operation_call *call);
err route_add_prepare(struct operation_call *call);
err route_finish(struct operation_call *call);
err route_remove_prepare(struct operation_call *call);
err route_remove_finish(struct operation_call *call);
err route_list_prepare(struct operation_call *call);
err route_explain_prepare(struct operation_call *call);
err queue_list_prepare(struct operation_call *call);
err queue_show_prepare(struct operation_call *call);
err queue_status_prepare(struct operation_call *call);
err queue_retry_prepare(struct operation_call *call);
err queue_hold_prepare(struct operation_call *call);
err queue_release_prepare(struct operation_call *call);
err queue_remove_prepare(struct operation_call *call);
err queue_change_finish(struct operation_call *call);
err queue_freeze_prepare(struct operation_call *call);
err queue_thaw_prepare(struct operation_call *call);
err removed_finish(struct operation_call *call);
err status_prepare(struct operation_call *call);

#endif

#include "admin/operation.h"

#include "admin/operation_internal.h"
#include "admin/outbound.h"

static const struct operation operations[] = {
	/* clang-format off */
	{ STR_INIT("domain.add"),       WORK_READ,     domain_add_prepare,       domain_add_finish },
	{ STR_INIT("domain.remove"),    WORK_READ,     domain_remove_prepare,    removed_finish },
	{ STR_INIT("domain.list"),      WORK_BULK,     domain_list_prepare,      NULL },
	{ STR_INIT("domain.show"),      WORK_READ,     domain_show_prepare,      NULL },
	{ STR_INIT("account.add"),      WORK_PASSWORD, account_add_prepare,      account_finish },
	{ STR_INIT("account.remove"),   WORK_READ,     account_remove_prepare,   removed_finish },
	{ STR_INIT("account.list"),     WORK_BULK,     account_list_prepare,     NULL },
	{ STR_INIT("account.show"),     WORK_READ,     account_show_prepare,     NULL },
	{ STR_INIT("account.password"), WORK_PASSWORD, account_password_prepare, account_finish },
	{ STR_INIT("account.suspend"),  WORK_READ,     account_suspend_prepare,  account_finish },
	{ STR_INIT("account.resume"),   WORK_READ,     account_resume_prepare,   account_finish },
	{ STR_INIT("account.rename"),   WORK_READ,     account_rename_prepare,   account_rename_finish },
	{ STR_INIT("account.quota"),    WORK_READ,     account_quota_prepare,    account_finish },
	{ STR_INIT("account.name"),     WORK_READ,     account_name_prepare,     account_finish },
	{ STR_INIT("account.without_scram"), WORK_BULK, account_without_scram_prepare, NULL },
	{ STR_INIT("alias.add"),        WORK_READ,     alias_add_prepare,        alias_finish },
	{ STR_INIT("alias.remove"),     WORK_READ,     alias_remove_prepare,     alias_remove_finish },
	{ STR_INIT("alias.list"),       WORK_BULK,     alias_list_prepare,       NULL },
	{ STR_INIT("app.add"),          WORK_PASSWORD, app_add_prepare,          app_finish },
	{ STR_INIT("app.change"),       WORK_READ,     app_change_prepare,       app_finish },
	{ STR_INIT("app.list"),         WORK_BULK,     app_list_prepare,         NULL },
	{ STR_INIT("app.password"),     WORK_PASSWORD, app_password_prepare,     app_finish },
	{ STR_INIT("app.revoke"),       WORK_READ,     app_revoke_prepare,       app_revoke_finish },
	{ STR_INIT("app.settings"),     WORK_READ,     app_settings_prepare,     NULL },
	{ STR_INIT("route.add"),        WORK_READ,     route_add_prepare,        route_finish },
	{ STR_INIT("route.remove"),     WORK_READ,     route_remove_prepare,     route_remove_finish },
	{ STR_INIT("route.list"),       WORK_READ,     route_list_prepare,       NULL },
	{ STR_INIT("route.explain"),    WORK_READ,     route_explain_prepare,    NULL },
	{ STR_INIT("queue.list"),       WORK_BULK,     queue_list_prepare,       NULL },
	{ STR_INIT("queue.show"),       WORK_BULK,     queue_show_prepare,       NULL },
	{ STR_INIT("queue.status"),     WORK_BULK,     queue_status_prepare,     NULL },
	{ STR_INIT("queue.retry"),      WORK_BULK,     queue_retry_prepare,      queue_change_finish },
	{ STR_INIT("queue.hold"),       WORK_BULK,     queue_hold_prepare,       queue_change_finish },
	{ STR_INIT("queue.release"),    WORK_BULK,     queue_release_prepare,    queue_change_finish },
	{ STR_INIT("queue.remove"),     WORK_BULK,     queue_remove_prepare,     queue_change_finish },
	{ STR_INIT("queue.freeze"),     WORK_BULK,     queue_freeze_prepare,     NULL },
	{ STR_INIT("queue.thaw"),       WORK_BULK,     queue_thaw_prepare,       NULL },
	{ STR_INIT("status"),           WORK_READ,     status_prepare,           NULL },
	/* clang-format on */
};

const struct operation *operation_find(str name)
{
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (str_eq(operations[i].name, name))
			return &operations[i];
	return NULL;
}

const struct operation *operation_next(size_t *at)
{
	return *at < sizeof operations / sizeof operations[0] ? &operations[(*at)++] : NULL;
}

void operation_call_init(struct operation_call *call, struct arena *arena, struct store *store,
                         const json_t *arguments)
{
	*call = (struct operation_call){ .arena = arena, .store = store, .arguments = arguments };
}

static void look_anew(struct operation_call *call)
{
	if (call->directory)
		directory_release(call->directory);
	call->directory = directory_acquire(call->store);
}

err operation_prepare(const struct operation *operation, struct operation_call *call)
{
	look_anew(call);
	TRY(operation->prepare(call));
	assert((call->change || call->attempts) == (call->answer == NULL));
	assert(call->answer || operation->finish != NULL);
	return OK;
}

bool operation_commit(const struct operation_call *call, struct commit_op *out)
{
	if (call->change)
		*out = (struct commit_op){ .kind = COMMIT_DIRECTORY, .directory = *call->change };
	else if (call->attempts)
		*out = (struct commit_op){ .kind = COMMIT_ATTEMPT, .attempts = *call->attempts };
	return call->change || call->attempts;
}

void operation_looked_up(struct operation_call *call)
{
	json_t *decisions = json_object_get(call->answer, "decisions");

	for (size_t i = 0; i < call->lookup->count; i++)
		json_array_append_new(decisions, json_of_str(str_of(call->lookup->sentences[i])));
}

err operation_finish(const struct operation *operation, struct operation_call *call, err committed)
{
	if (committed.code != ERR_OK && !call->change)
		return committed;
	if (committed.code != ERR_OK)
		return err_wrap(call->arena, committed, STR_FMT, STR_ARG(call->change->name));
	look_anew(call);
	return operation->finish(call);
}

err operation_run(const struct operation *operation, struct operation_call *call)
{
	struct commit_op op;

	TRY(operation_prepare(operation, call));
	if (!operation_commit(call, &op))
		return OK;
	struct commit commit = { .arena = call->arena, .ops = &op, .op_count = 1 };

	store_commit_wait(call->store, &commit);
	return operation_finish(operation, call, op.result);
}

void operation_call_fini(struct operation_call *call)
{
	if (call->directory)
		directory_release(call->directory);
	json_decref(call->answer);
	json_decref(call->warnings);
	*call = (struct operation_call){ 0 };
}

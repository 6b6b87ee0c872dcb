/* Changes of apps: the part of commit_directory.c that knows them. */
#include "store/directory_plan.h"

static struct directory_row row_of_app(const struct app *a)
{
	return (struct directory_row){
		.kind = ROW_APP,
		.account_id = a->account_id,
		.name = a->name,
		.password = a->verifier,
		.targets = a->froms,
		.target_count = a->from_count,
		.limit_count = a->limit_count,
		.limit_period_s = a->limit_period_s,
		.created_ms = a->created_ms,
	};
}

static err check_froms(const struct directory_change *c)
{
	if (c->target_count < 1)
		return (err){ ERR_SYNTAX, 0, "an app needs an address to send from" };
	if (c->target_count > LIMIT_APP_FROMS)
		return (err){ ERR_LIMIT, LIMIT_APP_FROMS, "an app sends from at most 100 addresses" };
	return OK;
}

static void set_sending(struct directory_row *row, const struct directory_change *c)
{
	row->targets = c->targets;
	row->target_count = c->target_count;
	row->limit_count = c->limit_count;
	row->limit_period_s = c->limit_count ? c->limit_period_s : 0;
}

static err app_add(struct batch *b, const struct directory_change *c, const struct account *account,
                   struct directory_plan *plan)
{
	size_t count;

	if (c->app_name.len == 0)
		return (err){ ERR_SYNTAX, 0, "an app needs a name" };
	if (c->app_name.len > LIMIT_APP_NAME)
		return (err){ ERR_LIMIT, LIMIT_APP_NAME, "the name of an app has at most 32 octets" };
	if (directory_work_app(b->directory, account->account_id, c->app_name))
		return (err){ ERR_EXISTS, 0, "the account has an app of that name already" };
	(void)directory_work_apps_of(b->directory, account->account_id, &count);
	if (count >= LIMIT_APPS)
		return (err){ ERR_LIMIT, LIMIT_APPS, "an account has at most 100 apps; revoke one" };
	TRY(check_froms(c));
	struct directory_row row = { .kind = ROW_APP,
		                     .account_id = account->account_id,
		                     .name = c->app_name,
		                     .password = c->password,
		                     .created_ms = b->now_ms };
	set_sending(&row, c);
	return plan_add_row(b, plan, &row);
}

err plan_app_change(struct batch *b, struct directory_change *c, struct directory_plan *plan)
{
	const struct account *account = directory_work_account(b->directory, c->name);

	if (!account)
		return (err){ ERR_MISSING, 0, "there is no such account" };
	c->account_id = account->account_id;
	if (c->kind == DIRECTORY_APP_ADD)
		return app_add(b, c, account, plan);
	const struct app *app = directory_work_app(b->directory, account->account_id, c->app_name);
	if (!app)
		return (err){ ERR_MISSING, 0, "the account has no such app" };
	struct directory_row row = row_of_app(app);
	if (c->kind == DIRECTORY_APP_REMOVE) {
		row = (struct directory_row){ .kind = ROW_APP_GONE,
			                      .account_id = app->account_id,
			                      .name = app->name };
	} else if (c->kind == DIRECTORY_APP_SENDING) {
		TRY(check_froms(c));
		set_sending(&row, c);
	} else {
		row.password = c->password;
	}
	return plan_add_row(b, plan, &row);
}

static bool sends_from(const struct app *a, str address)
{
	for (size_t i = 0; i < a->from_count; i++)
		if (str_eq(a->froms[i], address))
			return true;
	return false;
}

err plan_app_renames(struct batch *b, const struct account *account, str new_address,
                     struct directory_plan *plan)
{
	size_t count;
	const struct app *const *apps = directory_work_apps_of(b->directory, account->account_id, &count);

	for (size_t i = 0; i < count; i++) {
		struct directory_row row = row_of_app(apps[i]);
		if (!sends_from(apps[i], account->address))
			continue;
		str *froms = arena_new(&b->arena, str, row.target_count);
		if (!froms)
			return ERR_NO_MEMORY;
		for (size_t f = 0; f < row.target_count; f++)
			froms[f] = str_eq(row.targets[f], account->address) ? new_address : row.targets[f];
		row.targets = froms;
		TRY(plan_add_row(b, plan, &row));
	}
	return OK;
}

err put_app_row(struct batch *b, const struct directory_row *row)
{
	str froms;

	if (row->kind == ROW_APP_GONE)
		return db_run(b->db, Q_APP_REMOVE, DB_INT(row->account_id), DB_TEXT(row->name));
	TRY(list_column(b, row->targets, row->target_count, &froms));
	return db_run(b->db, Q_APP_PUT, DB_INT(row->account_id), DB_TEXT(row->name), DB_TEXT(row->password),
	              DB_BLOB(froms), DB_INT(row->limit_count), DB_INT(row->limit_period_s),
	              DB_INT(row->created_ms));
}

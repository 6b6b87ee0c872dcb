/* Changes of domains, accounts, aliases, apps and routes: checked against the committer's own copy, turned
 * into rows, and the rows put into the record, the tables and the copy alike, so that these three can't
 * differ. */
#include <stdlib.h>

#include "base/clock.h"
#include "store/directory_plan.h"
#include "store/mailbox.h"

/* The texts of a row may stand in an entry of the copy that a later change of this batch lets go of. */
static err keep_texts(struct arena *arena, struct directory_row *row)
{
	str *targets = arena_new(arena, str, row->target_count);

	if (!targets)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < row->target_count; i++)
		TRY(arena_copy(arena, row->targets[i], &targets[i]));
	row->targets = targets;
	TRY(arena_copy(arena, row->name, &row->name));
	TRY(arena_copy(arena, row->details, &row->details));
	TRY(arena_copy(arena, row->display_name, &row->display_name));
	return arena_copy(arena, row->password, &row->password);
}

err plan_add_row(struct batch *b, struct directory_plan *plan, const struct directory_row *row)
{
	if (plan->count == plan->room) {
		size_t room = plan->room ? plan->room * 2 : 4;
		struct directory_row *more = arena_new(&b->arena, struct directory_row, room);
		if (!more)
			return ERR_NO_MEMORY;
		if (plan->count)
			memcpy(more, plan->rows, plan->count * sizeof *more);
		plan->rows = more;
		plan->room = room;
	}
	plan->rows[plan->count++] = *row;
	return keep_texts(&b->arena, &plan->rows[plan->count - 1]);
}

static struct directory_row row_of_account(const struct account *a)
{
	return (struct directory_row){
		.kind = ROW_ACCOUNT,
		.account_id = a->account_id,
		.name = a->address,
		.display_name = a->name,
		.password = a->password,
		.quota_octets = a->quota_octets,
		.suspended = a->suspended,
		.suspended_ms = a->suspended_ms,
		.created_ms = a->created_ms,
	};
}

static bool alias_names(const struct alias *a, str address)
{
	for (size_t i = 0; i < a->target_count; i++)
		if (str_eq(a->targets[i], address))
			return true;
	return false;
}

static const struct alias *alias_that_names(const struct directory_work *w, str address)
{
	size_t count;
	const struct alias *const *all = directory_work_aliases(w, &count);

	for (size_t i = 0; i < count; i++)
		if (alias_names(all[i], address))
			return all[i];
	return NULL;
}

static err domain_change(struct batch *b, const struct directory_change *c, struct directory_plan *plan)
{
	const struct domain *d = directory_work_domain(b->directory, c->name);

	if (c->kind == DIRECTORY_DOMAIN_ADD) {
		if (d)
			return (err){ ERR_EXISTS, 0, "the domain is there already" };
		return plan_add_row(b, plan,
		                    &(struct directory_row){
					    .kind = ROW_DOMAIN, .name = c->name, .created_ms = b->now_ms });
	}
	if (!d)
		return (err){ ERR_MISSING, 0, "there is no such domain" };
	if (directory_work_in_domain(b->directory, c->name))
		return (err){ ERR_DENIED, 0, "accounts or aliases are in the domain; remove them first" };
	if (directory_work_sends_from(b->directory, c->name))
		return (err){ ERR_DENIED, 0, "an app sends from an address of the domain; revoke it first" };
	return plan_add_row(b, plan, &(struct directory_row){ .kind = ROW_DOMAIN_GONE, .name = c->name });
}

/* A new address: its domain is ours and nobody has it. */
static err check_free(const struct batch *b, str address)
{
	if (!directory_work_domain(b->directory, directory_domain_of(address)))
		return (err){ ERR_MISSING, 0, "there is no such domain; add it first" };
	if (directory_work_account(b->directory, address))
		return (err){ ERR_EXISTS, 0, "there is an account of that address already" };
	if (directory_work_alias(b->directory, address))
		return (err){ ERR_EXISTS, 0, "there is an alias of that address already" };
	return OK;
}

static err account_add(struct batch *b, struct directory_change *c, struct directory_plan *plan)
{
	TRY(check_free(b, c->name));
	c->account_id = b->tail.next_account_id++;
	TRY(plan_add_row(b, plan,
	                 &(struct directory_row){ .kind = ROW_ACCOUNT,
	                                          .account_id = c->account_id,
	                                          .name = c->name,
	                                          .display_name = c->display_name,
	                                          .password = c->password,
	                                          .quota_octets = c->quota_octets,
	                                          .created_ms = b->now_ms }));
	/* It grows with each account that an address ever had, also with two of one second: ids only grow
	 * (RFC 9051 §2.3.1.1). */
	uint32_t uidvalidity = (uint32_t)((uint64_t)b->now_ms / 1000 + c->account_id);
	return plan_add_row(b, plan,
	                    &(struct directory_row){ .kind = ROW_MAILBOX,
	                                             .account_id = c->account_id,
	                                             .mailbox_id = MAILBOX_INBOX,
	                                             .name = STR("INBOX"),
	                                             .uidvalidity = uidvalidity });
}

/* Aliases that name the account go on naming it. */
static err rename_in_aliases(struct batch *b, str from, str to, struct directory_plan *plan)
{
	size_t count;
	const struct alias *const *all = directory_work_aliases(b->directory, &count);

	for (size_t i = 0; i < count; i++) {
		const struct alias *a = all[i];
		if (!alias_names(a, from))
			continue;
		str *targets = arena_new(&b->arena, str, a->target_count);
		if (!targets)
			return ERR_NO_MEMORY;
		for (size_t t = 0; t < a->target_count; t++)
			targets[t] = str_eq(a->targets[t], from) ? to : a->targets[t];
		TRY(plan_add_row(b, plan,
		                 &(struct directory_row){ .kind = ROW_ALIAS,
		                                          .name = a->address,
		                                          .created_ms = a->created_ms,
		                                          .targets = targets,
		                                          .target_count = a->target_count }));
	}
	return OK;
}

static err account_change(struct batch *b, struct directory_change *c, struct directory_plan *plan)
{
	const struct account *a = directory_work_account(b->directory, c->name);

	if (!a)
		return (err){ ERR_MISSING, 0, "there is no such account" };
	struct directory_row row = row_of_account(a);
	c->account_id = a->account_id;
	switch (c->kind) {
	case DIRECTORY_ACCOUNT_REMOVE:
		if (alias_that_names(b->directory, c->name))
			return (err){ ERR_DENIED, 0,
				      "an alias names the account; change or remove the alias first" };
		plan->removed_account = a->account_id;
		row.kind = ROW_ACCOUNT_GONE;
		break;
	case DIRECTORY_ACCOUNT_RENAME:
		TRY(check_free(b, c->new_name));
		row.name = c->new_name;
		TRY(rename_in_aliases(b, c->name, c->new_name, plan));
		TRY(plan_app_renames(b, a, c->new_name, plan));
		break;
	case DIRECTORY_ACCOUNT_NAME:
		row.display_name = c->display_name;
		break;
	case DIRECTORY_ACCOUNT_PASSWORD:
		row.password = c->password;
		break;
	case DIRECTORY_ACCOUNT_STATE:
		row.suspended = c->suspended;
		row.suspended_ms = c->suspended ? (a->suspended ? a->suspended_ms : b->now_ms) : 0;
		break;
	default:
		row.quota_octets = c->quota_octets;
		break;
	}
	return plan_add_row(b, plan, &row);
}

static err alias_change(struct batch *b, const struct directory_change *c, struct directory_plan *plan)
{
	const struct alias *a = directory_work_alias(b->directory, c->name);

	if (c->kind == DIRECTORY_ALIAS_REMOVE) {
		if (!a)
			return (err){ ERR_MISSING, 0, "there is no such alias" };
		return plan_add_row(b, plan,
		                    &(struct directory_row){ .kind = ROW_ALIAS_GONE, .name = c->name });
	}
	if (c->target_count < 1 || c->target_count > LIMIT_ALIAS_TARGETS)
		return (err){ ERR_LIMIT, 0, "an alias has 1 to 1,000 targets" };
	if (!a)
		TRY(check_free(b, c->name));
	return plan_add_row(b, plan,
	                    &(struct directory_row){ .kind = ROW_ALIAS,
	                                             .name = c->name,
	                                             .created_ms = a ? a->created_ms : b->now_ms,
	                                             .targets = c->targets,
	                                             .target_count = c->target_count });
}

static err plan_rows(struct batch *b, struct directory_change *c, struct directory_plan *plan)
{
	switch (c->kind) {
	case DIRECTORY_DOMAIN_ADD:
	case DIRECTORY_DOMAIN_REMOVE:
		return domain_change(b, c, plan);
	case DIRECTORY_ACCOUNT_ADD:
		return account_add(b, c, plan);
	case DIRECTORY_ALIAS_PUT:
	case DIRECTORY_ALIAS_REMOVE:
		return alias_change(b, c, plan);
	case DIRECTORY_ACCOUNT_REMOVE:
	case DIRECTORY_ACCOUNT_RENAME:
	case DIRECTORY_ACCOUNT_NAME:
	case DIRECTORY_ACCOUNT_PASSWORD:
	case DIRECTORY_ACCOUNT_STATE:
	case DIRECTORY_ACCOUNT_QUOTA:
		return account_change(b, c, plan);
	case DIRECTORY_APP_ADD:
	case DIRECTORY_APP_PASSWORD:
	case DIRECTORY_APP_SENDING:
	case DIRECTORY_APP_REMOVE:
		return plan_app_change(b, c, plan);
	case DIRECTORY_ROUTE_PUT:
	case DIRECTORY_ROUTE_REMOVE:
		return plan_route_change(b, c, plan);
	}
	return (err){ ERR_SYNTAX, 0, "unknown change" };
}

static err directory_reserve(struct batch *b, struct planned *p)
{
	struct directory_plan *plan = arena_new(&b->arena, struct directory_plan, 1);
	uint64_t offset;
	struct buf intent;

	if (!plan)
		return ERR_NO_MEMORY;
	p->plan = plan;
	TRY(plan_rows(b, &p->op->directory, plan));
	buf_init(&intent, &b->arena, LIMIT_INTENT);
	for (size_t i = 0; i < plan->count; i++)
		intent_add_row(&intent, &plan->rows[i]);
	TRY(buf_err(&intent));
	plan->head = (struct record_head){ .kind = RECORD_DIRECTORY, .commit_number = b->tail.number };
	TRY(batch_begin_record(b, &plan->head, buf_str(&intent), STR(""), &offset));
	TRY(batch_end_record(b, &plan->head));
	b->live_added += record_size(&plan->head);
	/* Its successors in this batch are checked against what it made. A copy that could not take a row is
	 * behind: the batch then fails and the copy is made anew from what is published. */
	b->directory_changed = true;
	for (size_t i = 0; i < plan->count && b->spoiled.code == ERR_OK; i++)
		b->spoiled = directory_work_apply(b->directory, &plan->rows[i]);
	return b->spoiled;
}

err list_column(struct batch *b, const str *texts, size_t count, str *out)
{
	struct buf list;

	buf_init(&list, &b->arena, LIMIT_INTENT);
	for (size_t i = 0; i < count; i++)
		buf_add_counted(&list, texts[i]);
	TRY(buf_err(&list));
	*out = buf_str(&list);
	return OK;
}

static err put_alias(struct batch *b, const struct directory_row *row)
{
	str targets;

	TRY(list_column(b, row->targets, row->target_count, &targets));
	return db_run(b->db, Q_ALIAS_PUT, DB_TEXT(row->name), DB_INT(row->created_ms), DB_BLOB(targets));
}

err batch_put_row(struct batch *b, const struct directory_row *row)
{
	switch (row->kind) {
	case ROW_DOMAIN:
		return db_run(b->db, Q_DOMAIN_PUT, DB_TEXT(row->name), DB_INT(row->created_ms));
	case ROW_DOMAIN_GONE:
		return db_run(b->db, Q_DOMAIN_REMOVE, DB_TEXT(row->name));
	case ROW_ACCOUNT:
		return db_run(b->db, Q_ACCOUNT_PUT, DB_INT(row->account_id), DB_TEXT(row->name),
		              DB_TEXT(row->display_name), DB_TEXT(row->password), DB_INT(row->quota_octets),
		              DB_INT(row->suspended), DB_INT(row->suspended_ms), DB_INT(row->created_ms));
	case ROW_ACCOUNT_GONE:
		TRY(db_run(b->db, Q_ACCOUNT_MAILBOXES_REMOVE, DB_INT(row->account_id)));
		TRY(db_run(b->db, Q_ACCOUNT_APPS_REMOVE, DB_INT(row->account_id)));
		return db_run(b->db, Q_ACCOUNT_REMOVE, DB_INT(row->account_id));
	case ROW_ALIAS:
		return put_alias(b, row);
	case ROW_ALIAS_GONE:
		return db_run(b->db, Q_ALIAS_REMOVE, DB_TEXT(row->name));
	case ROW_MAILBOX:
		return db_run(b->db, Q_MAILBOX_PUT, DB_INT(row->account_id), DB_INT(row->mailbox_id),
		              DB_TEXT(row->name), DB_INT(row->uidvalidity));
	case ROW_APP:
	case ROW_APP_GONE:
		return put_app_row(b, row);
	case ROW_ROUTE:
	case ROW_ROUTE_GONE:
		return put_route_row(b, row);
	}
	return (err){ ERR_CORRUPT, 0, "unknown kind of directory row" };
}

static err directory_apply(struct batch *b, struct planned *p)
{
	const struct directory_plan *plan = p->plan;

	for (size_t i = 0; i < plan->count; i++)
		TRY(batch_put_row(b, &plan->rows[i]));
	if (plan->removed_account)
		return pending_add(b, PENDING_ACCOUNT, plan->removed_account, 0, STR(""));
	return OK;
}

static void directory_settle(struct batch *b, struct planned *p, bool ok)
{
	(void)b;
	(void)p;
	(void)ok; /* the copy is published or made anew by the committer */
}

const struct op_steps directory_steps = { directory_reserve, directory_apply, directory_settle };

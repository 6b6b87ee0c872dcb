/* The committer's copy from the rows, at start. */
#include "base/arena.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/log.h"
#include "store/app_internal.h"
#include "store/directory_work.h"

static err load_domains(struct directory_work *w, struct database *db)
{
	bool more = false;
	err e = db_start_values(db, Q_DOMAIN_ALL, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(db, Q_DOMAIN_ALL, &more)).code == ERR_OK && more) {
		struct directory_row row = { .kind = ROW_DOMAIN,
			                     .name = db_text(db, Q_DOMAIN_ALL, 0),
			                     .created_ms = db_int(db, Q_DOMAIN_ALL, 1) };
		e = directory_work_apply(w, &row);
	}
	db_end(db, Q_DOMAIN_ALL);
	return e;
}

static err load_accounts(struct directory_work *w, struct database *db)
{
	enum query q = Q_ACCOUNT_ALL;
	bool more = false;
	err e = db_start_values(db, q, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		struct directory_row row = { .kind = ROW_ACCOUNT,
			                     .account_id = db_u64(db, q, 0),
			                     .name = db_text(db, q, 1),
			                     .display_name = db_text(db, q, 2),
			                     .password = db_text(db, q, 3),
			                     .quota_octets = db_u64(db, q, 4),
			                     .suspended = db_int(db, q, 5) != 0,
			                     .suspended_ms = db_int(db, q, 6),
			                     .created_ms = db_int(db, q, 7) };
		e = directory_work_apply(w, &row);
	}
	db_end(db, q);
	return e;
}

/* A list of texts, as commit_directory.c puts them. */
static err read_list(struct arena *arena, str in, struct directory_row *row)
{
	str *texts = arena_new(arena, str, LIMIT_ALIAS_TARGETS);

	if (!texts)
		return ERR_NO_MEMORY;
	while (row->target_count < LIMIT_ALIAS_TARGETS && bytes_counted(&in, &texts[row->target_count]))
		row->target_count++;
	row->targets = texts;
	return OK;
}

static err load_aliases(struct directory_work *w, struct database *db)
{
	enum query q = Q_ALIAS_ALL;
	bool more = false;
	err e = db_start_values(db, q, NULL, 0);
	struct arena arena;

	arena_init(&arena, NULL, LIMIT_MB);
	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		struct directory_row row = { .kind = ROW_ALIAS,
			                     .name = db_text(db, q, 0),
			                     .created_ms = db_int(db, q, 1) };
		e = read_list(&arena, db_text(db, q, 2), &row);
		if (e.code == ERR_OK)
			e = directory_work_apply(w, &row);
		arena_reset(&arena);
	}
	db_end(db, q);
	return e;
}

static struct app_try read_try(struct database *db, enum query q, int column)
{
	struct app_try t = { .ms = db_int(db, q, column) };
	str from = db_text(db, q, column + 1);

	if (from.len && from.len < sizeof t.from)
		memcpy(t.from, from.ptr, from.len);
	return t;
}

static err load_apps(struct directory_work *w, struct database *db)
{
	enum query q = Q_APP_ALL;
	bool more = false;
	err e = db_start_values(db, q, NULL, 0);
	struct arena arena;

	arena_init(&arena, NULL, LIMIT_MB);
	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		struct directory_row row = { .kind = ROW_APP,
			                     .account_id = db_u64(db, q, 0),
			                     .name = db_text(db, q, 1),
			                     .password = db_text(db, q, 2),
			                     .limit_count = (uint32_t)db_int(db, q, 4),
			                     .limit_period_s = (uint32_t)db_int(db, q, 5),
			                     .created_ms = db_int(db, q, 6) };
		struct app_try granted = read_try(db, q, 7), refused = read_try(db, q, 9);
		e = read_list(&arena, db_text(db, q, 3), &row);
		if (e.code == ERR_OK)
			e = directory_work_put_app(w, &row, &granted, &refused);
		arena_reset(&arena);
	}
	db_end(db, q);
	return e;
}

/* One that is damaged is passed over: the others, and everything else, are served. */
static err load_routes(struct directory_work *w, struct database *db)
{
	enum query q = Q_ROUTE_ALL;
	bool more = false;
	err e = db_start_values(db, q, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		struct directory_row row = { .kind = ROW_ROUTE,
			                     .name = db_text(db, q, 0),
			                     .details = db_text(db, q, 1),
			                     .created_ms = db_int(db, q, 2) };
		e = directory_work_apply(w, &row);
		if (e.code == ERR_CORRUPT) {
			log_event(EV_STORE_DAMAGED, LOG_Z("what", e.what), LOG_STR("name", row.name));
			e = OK;
		}
	}
	db_end(db, q);
	return e;
}

static err load_usage(struct directory_work *w, struct database *db)
{
	bool more = false;
	err e = db_start_values(db, Q_USAGE_ALL, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(db, Q_USAGE_ALL, &more)).code == ERR_OK && more) {
		struct account_usage *usage = directory_work_usage(w, db_u64(db, Q_USAGE_ALL, 0));
		if (!usage)
			continue; /* removed, its rows are still going */
		atomic_fetch_add(&usage->messages, db_u64(db, Q_USAGE_ALL, 1));
		atomic_fetch_add(&usage->octets, db_u64(db, Q_USAGE_ALL, 2));
	}
	db_end(db, Q_USAGE_ALL);
	return e;
}

err directory_work_load(struct directory_work *w, struct database *db)
{
	TRY(load_domains(w, db));
	TRY(load_accounts(w, db));
	TRY(load_aliases(w, db));
	TRY(load_apps(w, db));
	TRY(load_routes(w, db));
	return load_usage(w, db);
}

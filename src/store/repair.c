/* Counters as the rows say. */
#include "base/clock.h"
#include "store/database.h"
#include "store/verify.h"

static err set_counts(struct database *db)
{
	TRY(db_begin(db));
	TRY(db_run_values(db, Q_REPAIR_REFS, NULL, 0));
	TRY(db_run(db, Q_REPAIR_UNNAMED, DB_INT(clock_now())));
	TRY(db_run_values(db, Q_REPAIR_MAILBOXES, NULL, 0));
	TRY(db_run_values(db, Q_REPAIR_EMPTY, NULL, 0));
	TRY(db_run_values(db, Q_REPAIR_APPS, NULL, 0));
	return db_commit(db);
}

err repair_counts(struct arena *arena, str directory)
{
	struct database db;

	TRY(database_open(arena, directory, true, &db));
	err e = set_counts(&db);
	if (e.code != ERR_OK)
		db_rollback(&db);
	database_close(&db);
	return e;
}

/* store/database.h: one SQLite connection with its prepared statements. Private to store/.
 *
 * A connection belongs to one thread at a time. All SQL of postrider is in the table of queries
 * (database_sql.def); values are bound by kind. Statements are prepared at their first use and kept.
 */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum query {
#define QUERY(name, sql) Q_##name,
#include "store/database_sql.def"
#undef QUERY
	QUERY_COUNT
};

struct database {
	sqlite3 *handle;
	sqlite3_stmt *prepared[QUERY_COUNT];
	int version; /* of the schema: what is only read may be older than this program */
};

struct db_value {
	enum { DB_KIND_INT, DB_KIND_TEXT, DB_KIND_BLOB } kind;
	int64_t number;
	str octets;
};

#define DB_INT(n) ((struct db_value){ DB_KIND_INT, (int64_t)(n), { 0 } })
#define DB_TEXT(s) ((struct db_value){ DB_KIND_TEXT, 0, (s) })
#define DB_BLOB(s) ((struct db_value){ DB_KIND_BLOB, 0, (s) })

/* Opens DIRECTORY/postrider.db; `writer` creates it, its schema and settings where they are missing, and
 * brings the schema of an older program up to date (store/schema.h). ERR_DENIED: its schema is newer than
 * this program. ERR_CORRUPT, ERR_IO, ERR_NOSPACE, ERR_MISSING. */
err database_open(struct arena *arena, str directory, bool writer, struct database *out) MUST_USE;
void database_close(struct database *db);

/* Runs a statement that yields no rows. */
#define db_run(db, q, ...) \
	db_run_values((db), (q), (const struct db_value[]){ __VA_ARGS__ }, \
	              sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value))
err db_run_values(struct database *db, enum query q, const struct db_value *values, size_t count) MUST_USE;

/* Begins a statement that yields rows; then db_row until *more is false; always db_end. Values are borrowed
 * until db_end. */
#define db_start(db, q, ...) \
	db_start_values((db), (q), (const struct db_value[]){ __VA_ARGS__ }, \
	                sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value))
err db_start_values(struct database *db, enum query q, const struct db_value *values, size_t count) MUST_USE;
err db_row(struct database *db, enum query q, bool *more) MUST_USE;
void db_end(struct database *db, enum query q);

/* Columns of the current row, from 0. Texts live until the next db_row or db_end. */
int64_t db_int(struct database *db, enum query q, int column);
uint64_t db_u64(struct database *db, enum query q, int column);
str db_text(struct database *db, enum query q, int column);

/* Rows changed by the last statement. */
uint64_t db_changes(struct database *db);

/* BEGIN IMMEDIATE, COMMIT, ROLLBACK; and BEGIN for a reader. */
err db_begin(struct database *db) MUST_USE;
err db_commit(struct database *db) MUST_USE;
void db_rollback(struct database *db);
err db_begin_read(struct database *db) MUST_USE;
void db_end_read(struct database *db);

/* The last failure of this connection as an err: ERR_NOSPACE (full, out of memory), ERR_CORRUPT, ERR_BUSY,
 * else ERR_IO. */
err db_error(struct database *db, int code);

#endif

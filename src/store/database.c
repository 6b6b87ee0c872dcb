#include "store/database.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "store/schema.h"

static const struct {
	const char *sql;
} queries[] = {
#define QUERY(name, sql) { sql },
#include "store/database_sql.def"
#undef QUERY
};

/* synchronous=FULL: COMMIT syncs the WAL. Checkpoints are a thread's (autocheckpoint inside COMMIT gives
 * tails of up to 0.7 s). secure_delete costs writes and promises nothing once content lies in segments. */
static const char settings_writer[] =
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA "
	"secure_delete=OFF;"
	"PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;"
	"PRAGMA cache_size=-32768;";
static const char settings_reader[] =
	"PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
	"PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-1024;";

enum { BUSY_MS = 5000, SQL_SIZE = 1024 };

err db_error(struct database *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return (err){ ERR_NOSPACE, (uint32_t)code, "no room for the database" };
	case SQLITE_NOMEM:
		return (err){ ERR_NOSPACE, (uint32_t)code, "out of memory in the database" };
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return (err){ ERR_CORRUPT, (uint32_t)code, "the database is damaged" };
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return (err){ ERR_BUSY, (uint32_t)code, "the database is in use" };
	case SQLITE_CANTOPEN: {
		int number = db->handle ? sqlite3_system_errno(db->handle) : 0;
		if (number)
			return err_errno(NULL, number, "opening the database");
		return (err){ ERR_IO, (uint32_t)code, "the database can't be opened" };
	}
	default:
		return (err){ ERR_IO, (uint32_t)code, sqlite3_errstr(code) };
	}
}

static err exec(struct database *db, const char *sql)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? OK : db_error(db, code);
}

static err user_version(struct database *db, int *out)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &s, NULL);

	if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
		*out = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return code == SQLITE_ROW ? OK : db_error(db, code);
}

/* All steps that are missing, or none. */
static err take_steps(struct database *db, int version)
{
	char set[64];

	for (int v = version; v < SCHEMA_VERSION; v++)
		TRY(exec(db, schema_steps[v]));
	sqlite3_snprintf(sizeof set, set, "PRAGMA user_version=%d", SCHEMA_VERSION);
	TRY(exec(db, set));
	return exec(db, "COMMIT");
}

/* auto_vacuum has to be said before the first table; the rest of the settings hold for the connection. The
 * step is synced like any commit: a database that says 2 has what belongs to it. */
static err update_schema(struct database *db, int version)
{
	if (version == 0)
		TRY(exec(db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;"));
	TRY(exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN IMMEDIATE"));
	err e = take_steps(db, version);
	if (e.code != ERR_OK)
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return e;
}

static err prepare_connection(struct database *db, bool writer)
{
	int version = 0;

	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, BUSY_MS);
	TRY(user_version(db, &version));
	if (version > SCHEMA_VERSION)
		return (err){
			ERR_DENIED, (uint32_t)version,
			"the store was written by a newer postrider; use that version or restore a backup"
		};
	if (version == 0 && !writer)
		return (err){ ERR_MISSING, 0, "there is no store yet" };
	if (version < SCHEMA_VERSION && writer)
		TRY(update_schema(db, version));
	db->version = writer ? SCHEMA_VERSION : version;
	return exec(db, writer ? settings_writer : settings_reader);
}

err database_open(struct arena *arena, str directory, bool writer, struct database *out)
{
	struct database db = { 0 };
	struct buf path;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writer ? SQLITE_OPEN_CREATE : 0);

	buf_init(&path, arena, directory.len + 32);
	buf_add(&path, directory);
	buf_add(&path, (str){ "/postrider.db", sizeof "/postrider.db" }); /* with its NUL */
	TRY(buf_err(&path));
	int code = sqlite3_open_v2(path.ptr, &db.handle, flags, NULL);
	err e = code == SQLITE_OK ? prepare_connection(&db, writer) : db_error(&db, code);
	if (e.code != ERR_OK) {
		e = err_wrap(arena, e, "%s", path.ptr);
		database_close(&db);
		return e;
	}
	*out = db;
	return OK;
}

void database_close(struct database *db)
{
	for (size_t i = 0; i < QUERY_COUNT; i++)
		sqlite3_finalize(db->prepared[i]);
	sqlite3_close(db->handle);
	*db = (struct database){ 0 };
}

static err bind(struct database *db, sqlite3_stmt *s, const struct db_value *values, size_t count)
{
	int code = SQLITE_OK;

	for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
		const struct db_value *v = &values[i];
		const char *p = v->octets.len ? v->octets.ptr : "";
		switch (v->kind) {
		case DB_KIND_INT:
			code = sqlite3_bind_int64(s, (int)i + 1, v->number);
			break;
		case DB_KIND_TEXT:
			code = sqlite3_bind_text64(s, (int)i + 1, p, v->octets.len, SQLITE_STATIC,
			                           SQLITE_UTF8);
			break;
		case DB_KIND_BLOB:
			code = sqlite3_bind_blob64(s, (int)i + 1, p, v->octets.len, SQLITE_STATIC);
			break;
		}
	}
	return code == SQLITE_OK ? OK : db_error(db, code);
}

/* SQLite takes $1 for a name, numbered by its first appearance; ?1 is what other engines mean by $1. */
static int prepare(struct database *db, enum query q)
{
	char sql[SQL_SIZE];
	size_t n = 0;

	for (const char *p = queries[q].sql; *p && n < sizeof sql - 1; p++)
		sql[n++] = *p == '$' ? '?' : *p;
	assert(n < sizeof sql - 1);
	return sqlite3_prepare_v3(db->handle, sql, (int)n, SQLITE_PREPARE_PERSISTENT, &db->prepared[q], NULL);
}

err db_start_values(struct database *db, enum query q, const struct db_value *values, size_t count)
{
	if (!db->prepared[q]) {
		int code = prepare(db, q);
		if (code != SQLITE_OK)
			return db_error(db, code);
	}
	return bind(db, db->prepared[q], values, count);
}

err db_row(struct database *db, enum query q, bool *more)
{
	int code = sqlite3_step(db->prepared[q]);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return db_error(db, code);
	*more = code == SQLITE_ROW;
	return OK;
}

void db_end(struct database *db, enum query q)
{
	if (db->prepared[q])
		sqlite3_reset(db->prepared[q]);
}

err db_run_values(struct database *db, enum query q, const struct db_value *values, size_t count)
{
	bool more = false;
	err e = db_start_values(db, q, values, count);

	if (e.code == ERR_OK)
		e = db_row(db, q, &more);
	db_end(db, q);
	return e;
}

int64_t db_int(struct database *db, enum query q, int column)
{
	return sqlite3_column_int64(db->prepared[q], column);
}

uint64_t db_u64(struct database *db, enum query q, int column) { return (uint64_t)db_int(db, q, column); }

str db_text(struct database *db, enum query q, int column)
{
	const void *p = sqlite3_column_blob(db->prepared[q], column);
	int n = sqlite3_column_bytes(db->prepared[q], column);

	return p && n > 0 ? (str){ p, (size_t)n } : STR("");
}

uint64_t db_changes(struct database *db) { return (uint64_t)sqlite3_changes64(db->handle); }

err db_begin(struct database *db) { return db_run_values(db, Q_BEGIN, NULL, 0); }

err db_commit(struct database *db) { return db_run_values(db, Q_COMMIT, NULL, 0); }

void db_rollback(struct database *db)
{
	if (!sqlite3_get_autocommit(db->handle)) {
		err e = db_run_values(db, Q_ROLLBACK, NULL, 0);
		(void)e; /* a failed ROLLBACK has rolled back by itself */
	}
}

err db_begin_read(struct database *db) { return db_run_values(db, Q_BEGIN_READ, NULL, 0); }

void db_end_read(struct database *db) { db_rollback(db); }

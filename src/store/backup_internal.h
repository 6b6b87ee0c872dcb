/* store/backup_internal.h: what backup.c and restore.c share. */
#ifndef STORE_BACKUP_INTERNAL_H
#define STORE_BACKUP_INTERNAL_H

#include "store/backup.h"
#include "store/database.h"

enum { BACKUP_PATH = 4096, BACKUP_DEPTH = 4 };

struct backup_way {
	const char *from, *to; /* data directory and backup, or the other way round */
	bool may_link;
};

/* Brings over every segment and file that the rows of `db` name, and the events, into folders that are not
 * there yet, synced; checks that they are long enough. Fills the report. */
err backup_contents(struct arena *arena, const struct backup_way *way, struct database *db,
                    struct backup_report *out) MUST_USE;

/* Files that come along where they are there: what keys are made of, so that the reverse-paths of forwards
 * that are under way still lead home, and where people logged in before. */
enum { BACKUP_KEPT = 2 };
extern const char *const backup_kept[BACKUP_KEPT];

#endif

/* store/readers.h: read-only connections, lent for one short transaction at a time. Private to store/. */
#ifndef STORE_READERS_H
#define STORE_READERS_H

#include "store/database.h"

struct readers;

err readers_open(str directory, struct readers **out) MUST_USE;

/* Waits until all are given back, then closes. */
void readers_close(struct readers *readers);

/* Any thread that may block. Opens one where none is spare. ERR_IO, ERR_NOSPACE. */
err readers_take(struct readers *readers, struct database **out) MUST_USE;
void readers_give(struct readers *readers, struct database *db);

/* Closes those that are spare and makes those lent close when given; returns when none is left. New ones wait
 * until readers_resume. For reopening the database after a failed sync. */
void readers_suspend(struct readers *readers);
void readers_resume(struct readers *readers);

#endif

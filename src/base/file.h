/* base/file.h: descriptors that close with their scope, and files read and written whole. Any thread; blocks.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/uio.h>

#include "base/arena.h"
#include "base/err.h"

/* AUTO(file) f = FILE_NONE; closes at every exit of its scope. */
#define AUTO(type) __attribute__((cleanup(type##_autoclose))) type

typedef int file;
#define FILE_NONE (-1)

static inline file file_take(file *f)
{
	file taken = *f;
	*f = FILE_NONE;
	return taken;
}

void file_close(file *f); /* FILE_NONE is legal and stays */
static inline void file_autoclose(file *f) { file_close(f); }

/* Opens with O_CLOEXEC. `flags` are open(2)'s; `mode` counts with O_CREAT. The error names the path. */
err file_open(struct arena *arena, str path, int flags, unsigned mode, file *out) MUST_USE;

/* "DIRECTORY/NAME" in `arena`. ERR_LIMIT over LIMIT_PATH_NAME   ERR_NOSPACE */
err file_path(struct arena *arena, str directory, str name, str *out) MUST_USE;

/* The whole file, at most `max_octets`. ERR_LIMIT where it is longer. */
err file_read_all(struct arena *arena, str path, size_t max_octets, str *out) MUST_USE;

/* Replaces `path` durably: a new file beside it, synced, renamed over it, its directory synced. After a crash
 * there is the old content or the new. */
err file_replace(struct arena *arena, str path, str content, unsigned mode) MUST_USE;

/* Writes all at `offset`; short writes are continued. errno's error, `doing` in the sentence. */
err file_write_at(file f, const struct iovec *parts, size_t count, uint64_t offset) MUST_USE;

/* Reads exactly `size` octets at `offset`. ERR_CORRUPT where the file ends before. */
err file_read_at(file f, void *out, size_t size, uint64_t offset) MUST_USE;

/* For a file that grows without end and is never synced. After every 256 KB added the kernel begins to write
 * them; nobody waits. By itself it would begin after 30 s (vm.dirty_expire_centisecs) with all at once, ahead
 * of the syncs that mail waits for. `behind` is 0 at first. Pipes and sockets are passed over. */
void file_write_behind(file f, size_t *behind, size_t added);

/* Makes `path` a directory with `mode` unless it is one. */
err directory_make(struct arena *arena, str path, unsigned mode) MUST_USE;

/* Makes entries created, renamed or removed in it durable (fsync of the directory). */
err directory_sync(struct arena *arena, str path) MUST_USE;

#endif

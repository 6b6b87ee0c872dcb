/* store/copy.h: files copied, linked and removed for backup and restore. Private to store/.
 *
 * Paths end with NUL and are never followed through a symbolic link at their end. Copies are synced; folders
 * are the caller's to sync. The calling thread blocks.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include "base/arena.h"
#include "base/err.h"

#define COPY_ALL UINT64_MAX

/* Copies the first `octets` of `from` to the new file `to`; blocks are shared where the file system can
 * (copy_file_range). ERR_CORRUPT: it is shorter. ERR_MISSING: there is none. *copied: octets written. */
err copy_file(struct arena *arena, const char *from, const char *to, uint64_t octets,
              uint64_t *copied) MUST_USE;

/* A hard link of a file that never changes again. ERR_DENIED, ERR_IO: another file system, or one without
 * links: copy it then. */
err link_file(struct arena *arena, const char *from, const char *to) MUST_USE;

/* Copies the plain files of one folder into the new folder `to`, which is synced. Absence of `from` is an
 * empty folder. */
err copy_folder(struct arena *arena, const char *from, const char *to, uint64_t *copied) MUST_USE;

/* Makes a folder that is not there yet (0700). ERR_EXISTS. */
err folder_new(struct arena *arena, const char *path) MUST_USE;

/* Is there anything in it? False too where it is absent. */
err folder_is_used(struct arena *arena, const char *path, bool *out) MUST_USE;

/* Removes `path` and what is below it, at most `depth` folders deep. Absence is no failure. */
err remove_tree(struct arena *arena, const char *path, unsigned depth) MUST_USE;

#endif

#include "store/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "store/store_internal.h"

enum { PATH_SIZE = 512 };

/* Where the file system has no O_TMPFILE: the name is there for a moment, and spool/ is emptied at start. */
static err open_named(struct store *store, file *out)
{
	char path[PATH_SIZE];
	int n = snprintf(path, sizeof path, STR_FMT "/%" PRIu64, STR_ARG(store->spool),
	                 atomic_fetch_add(&store->draft_number, 1));

	if (n < 0 || (size_t)n >= sizeof path)
		return (err){ ERR_LIMIT, 0, "the data directory's path is too long" };
	file f = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f < 0)
		return err_errno(NULL, errno, "making a spool file");
	unlink(path);
	*out = f;
	return OK;
}

err scratch_open(struct store *store, file *out)
{
	char path[PATH_SIZE];
	int n = snprintf(path, sizeof path, STR_FMT, STR_ARG(store->spool));

	if (n < 0 || (size_t)n >= sizeof path)
		return (err){ ERR_LIMIT, 0, "the data directory's path is too long" };
	file f = open(path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (f < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		return open_named(store, out);
	if (f < 0)
		return err_errno(NULL, errno, "making a spool file");
	*out = f;
	return OK;
}

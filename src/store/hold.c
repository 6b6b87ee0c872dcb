#include "store/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"

enum { PATIENCE_MS = 60000, STEP_MS = 20, PATHS = 16 * LIMIT_KB };

static err open_lock(struct arena *arena, str directory, file *out)
{
	struct buf path;

	buf_init(&path, arena, directory.len + 16);
	buf_add(&path, directory);
	buf_add(&path, STR("/hold.lock"));
	TRY(buf_err(&path));
	return file_open(arena, buf_str(&path), O_RDWR | O_CREAT | O_NOFOLLOW, 0600, out);
}

static bool lock(file f, short kind, enum hold what)
{
	struct flock range = { .l_type = kind, .l_whence = SEEK_SET, .l_start = what, .l_len = 1 };

	return fcntl(f, F_OFD_SETLK, &range) == 0;
}

err hold_take(struct arena *arena, str directory, enum hold what, file *out)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	AUTO(file) f = FILE_NONE;

	TRY(open_lock(arena, directory, &f));
	for (int64_t end = clock_tick_ms() + PATIENCE_MS; !lock(f, F_RDLCK, what);) {
		if (errno != EAGAIN && errno != EACCES)
			return err_errno(arena, errno, "locking " STR_FMT "/hold.lock", STR_ARG(directory));
		if (clock_tick_ms() >= end)
			return err_new(arena, ERR_BUSY,
			               "the server has been compacting for a minute; try again later");
		nanosleep(&step, NULL);
	}
	*out = file_take(&f);
	return OK;
}

bool hold_try(str directory, enum hold what, file *out)
{
	AUTO(file) f = FILE_NONE;
	struct arena arena;

	arena_init(&arena, NULL, PATHS);
	err e = open_lock(&arena, directory, &f);
	arena_reset(&arena);
	if (e.code == ERR_OK && !lock(f, F_WRLCK, what) && (errno == EAGAIN || errno == EACCES))
		return false;
	*out = file_take(&f);
	return true;
}
